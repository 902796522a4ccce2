"""The guardian's own log: one JSON object a line, each fsynced and chained to the one before.

The guardian appends to it and nobody else does. The engine reads it at its start and while it runs,
and journals what is new, so that one journal tells the whole story. A last line that a power cut
tore is set aside at the next start; any other line that is not what was written is told as broken.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bascule.config.files import FILES, Files
from bascule.model.errors import JournalCorrupt
from bascule.model.values import Instant

GENESIS = "0" * 64
Fact = str | int | None


class Line(Struct, frozen=True, kw_only=True):
    """One line. ``facts`` are what ``kind`` needs; numbers of money and quantity are text.

    ``hash`` is the SHA-256, in hex, of ``prev`` and of the line without ``hash``.
    """

    seq: int
    at: Instant
    kind: str
    facts: dict[str, Fact]
    prev: str
    hash: str = ""

    def sealed(self) -> "Line":
        """Give the line with its hash."""
        return msgspec.structs.replace(self, hash=self.digest())

    def digest(self) -> str:
        """Compute its hash."""
        bare = msgspec.structs.replace(self, hash="")
        return sha256(msgspec.json.encode(bare)).hexdigest()


class Head(NamedTuple):
    """The last whole line's number and hash, and where the file's whole lines end."""

    seq: int
    hash: str
    size: int


def read_log(
    path: Path, after: int = 0, offset: int = 0, files: Files = FILES
) -> Iterator[tuple[Line, int]]:
    """Give whole lines with a number above ``after``, and where each ends in the file.

    Args:
        path: the log; one that is not there has no lines.
        after: the last line that is known already.
        offset: where to begin; what a line's end was given as.
        files: where the log lies.

    Raises:
        JournalCorrupt: a line is not what was written.
    """
    try:
        content = files.read(path, offset)
    except FileNotFoundError:
        return
    prev = ""
    for raw in BytesIO(content):
        if not raw.endswith(b"\n"):
            return  # it is being written, or was torn
        offset += len(raw)
        line = _read(path, raw, prev)
        prev = line.hash
        if line.seq > after:
            yield line, offset


def _read(path: Path, raw: bytes, prev: str) -> Line:
    try:
        line = msgspec.json.decode(raw, type=Line)
    except msgspec.DecodeError as error:
        raise _broken(path, f"has a line that is none of its own ({error})") from None
    if line.digest() != line.hash or (prev and line.prev != prev):
        raise _broken(path, f"line {line.seq} is not what was written")
    return line


def _broken(path: Path, what: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"{path}: {what}.",
        code="guardian_log_broken",
        hint="Keep a copy of it and move it away; the guardian then begins a new one.",
    )


class GuardianLog:
    """The log, open for appending.

    Raises:
        JournalCorrupt: a line is not what was written.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, files: Files = FILES) -> None:
        files.make_folder(path.parent)
        self._path = path
        self._files = files
        self.lines: list[Line] = []
        """What it held when it was opened."""
        end = 0
        for line, stop in read_log(path, files=files):
            self.lines.append(line)
            end = stop
        last = self.lines[-1] if self.lines else None
        self.head = Head(last.seq if last else 0, last.hash if last else GENESIS, end)
        files.write(path, b"", at=end)  # what a power cut tore is cut off
        files.sync_folder(path.parent)

    def append(self, at: Instant, entries: Sequence[tuple[str, Mapping[str, Fact]]]) -> None:
        """Append lines with one fsync.

        Raises:
            OSError: the disk did not take them; whoever asked decides what is done without.
        """
        seq, prev, _ = self.head
        out = bytearray()
        for kind, facts in entries:
            seq += 1
            line = Line(seq=seq, at=at, kind=kind, facts=dict(facts), prev=prev).sealed()
            prev = line.hash
            out += msgspec.json.encode(line) + b"\n"
        # A torn attempt is written over.
        self._files.write(self._path, bytes(out), at=self.head.size)
        self.head = Head(seq, prev, self.head.size + len(out))
