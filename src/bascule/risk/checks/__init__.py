"""One check a file. A check never imports another."""
