"""The command line: thin commands over the rest, each in a file of its own."""
