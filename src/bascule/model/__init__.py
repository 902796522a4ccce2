"""The words: values and vocabulary shared by every folder. Imports nothing of ours.

Everything here is a frozen msgspec struct, an enum or a ``NewType``; nothing does I/O,
reads a clock or draws a random number.
"""
