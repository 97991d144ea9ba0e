"""The doors: one command, one file; they read arguments, call the library and print."""
