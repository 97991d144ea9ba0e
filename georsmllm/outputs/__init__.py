"""The result of an ask as files that other software reads, and as a picture."""
