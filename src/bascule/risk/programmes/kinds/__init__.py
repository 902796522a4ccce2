"""One rule a file. Each offers ``answer`` for written questions, and functions for the engine."""
