"""The forms in which people write points as text: one file each, pen and ear together, its numbers declared."""
