"""The form of a store's file: a header, then frames, each a run of records with a checksum.

A frame is its length, the CRC-32 of its content, and the content. What a crash tears or loses is
found by that.
"""

import os
import struct
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

HEADER = b"bascule fix store 1\n"
FRAME = struct.Struct("<4sII")
MAGIC = b"\x8eBFX"
RECORD = struct.Struct("<BQI")
SENT, EXPECT, KEEP, TAKEN, RESET, MARK, RESERVED, SYNCED = 1, 2, 3, 4, 5, 6, 7, 8
"""The kinds of record. ``RESERVED``: outgoing numbers up to this one may have been used.
``SYNCED``: the file up to this byte was on the disk before this frame was written."""


class Record(NamedTuple):
    """One record; ``at`` is where its data begins."""

    kind: int
    number: int
    data: bytes
    at: int


def framed(records: list[bytes]) -> bytes:
    """Make a frame."""
    content = b"".join(records)
    return FRAME.pack(MAGIC, len(content), crc32(content)) + content


def frame_end(content: mmap | bytes, at: int) -> int:
    """Give where the frame at ``at`` ends, or ``at`` when no whole frame stands there."""
    if at + FRAME.size > len(content):
        return at
    magic, length, check = FRAME.unpack_from(content, at)
    end: int = at + FRAME.size + length
    if magic != MAGIC or end > len(content):
        return at
    return end if crc32(content[at + FRAME.size : end]) == check else at


def records(content: mmap | bytes, at: int, end: int) -> Iterator[Record]:
    """Give the records of the whole frame from ``at`` to ``end``."""
    at += FRAME.size
    while at < end:
        kind, number, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        yield Record(kind, number, content[at : at + length], at)
        at += length


def frames_behind(content: mmap, at: int) -> Iterator[tuple[int, int]]:
    """Give begin and end of whole frames that stand anywhere behind ``at``."""
    while (at := content.find(MAGIC, at + 1)) >= 0:
        if (end := frame_end(content, at)) > at:
            yield at, end
            at = end - 1


def write_new(path: Path, head: bytes, rest: Iterator[bytes]) -> None:
    """Put a file in the place of another at once, durably."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb") as file:
        file.write(head)
        for chunk in rest:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
