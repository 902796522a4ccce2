"""The durable store of a session: an append-only file, one fsync for everything of a turn.

A file is a header, then frames. A frame is what one ``commit`` makes durable: its length, the
CRC-32 of its content, and the content, which is a run of records. The next frame is written only
after the one before is on the disk, so a frame that is broken with a whole one behind it was
damaged later, and the file is refused; a broken one at the end was never durable, nothing of it
left the process, and it is cut off.

The file is extended by zeros ahead of need, which makes an fsync cheaper since the file's size
does not change with it.
"""

import os
import struct
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from mmap import ACCESS_READ, mmap
from pathlib import Path
from zlib import crc32

from bascule.fixwire.errors import StoreError
from bascule.fixwire.lock import take_lock

HEADER = b"bascule fix store 1\n"
FRAME = struct.Struct("<4sII")
MAGIC = b"\x8eBFX"
RECORD = struct.Struct("<BQI")
SENT, EXPECT, KEEP, TAKEN, RESET, MARK = 1, 2, 3, 4, 5, 6
"""The kinds of record."""

_AHEAD = 4 << 20
"""Bytes of zeros by which the file is extended."""
ROTATE_BYTES = 64 << 20
"""A reset begins a new file when the old one is larger than this."""

_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class FileStore:
    """A session's ``Store`` in one file; held from ``FileStore(path)`` to ``close``.

    What is recorded is durable once ``commit`` has returned, or once what ``seal`` gave has run.
    Everything but that is called on one thread.

    Raises:
        StoreError: another process uses it, it is damaged, or it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.next_out = 1
        self.next_in = 1
        self.created_ns = 0
        self.marked = 0
        """What ``mark`` recorded last, also before a reset; 0 when it never did."""
        self.path = path
        self._offsets = array("Q")
        self._kept: deque[tuple[int, int, bytes]] = deque()
        self._epoch = 0
        self._live_from = 0
        self._records: list[bytes] = []
        self._size = 0
        self._fresh: dict[int, bytes] = {}
        self._flying: dict[int, bytes] = {}
        self._broken = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(path.with_name(path.name + ".lock"))
        except OSError as error:
            raise StoreError(
                f"{path} is in use by another process or cannot be made: {error.strerror}."
                " The session was not started.",
                code="fix_store_locked",
                hint="One session has one process. Stop the other one, or name another directory.",
            ) from error
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def sent(self, data: bytes) -> None:
        """Record the message with number ``next_out``."""
        at = self._end + FRAME.size + self._size + RECORD.size if data else 0
        self._offsets.append(at)
        if data:
            self._fresh[self.next_out] = data
        self._record(SENT, self.next_out, data)
        self.next_out += 1

    def expect(self, number: int) -> None:
        """Record which number is expected next."""
        self.next_in = number
        self._record(EXPECT, number, b"")

    def keep(self, number: int, data: bytes) -> None:
        """Keep an incoming message until it is taken."""
        self._kept.append((self._epoch, number, data))
        self._record(KEEP, number, data)

    def taken(self, number: int) -> None:
        """Forget what was kept up to and with a number, and before the last reset."""
        self._untake(number)
        self._record(TAKEN, number, b"")

    def mark(self, number: int) -> None:
        """Record a number of the application's own, durable together with what it sends now.

        An application that reports what it reads elsewhere marks how far it has read, and so
        reports everything once, whenever the process dies.
        """
        self.marked = number
        self._record(MARK, number, b"")

    def kept(self) -> list[tuple[int, bytes]]:
        """Give what was kept and not taken, oldest first."""
        return [(number, data) for _, number, data in self._kept]

    def messages(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Give the recorded messages of a range, ascending; each is read when it is asked for.

        Raises:
            StoreError: the file can no longer be read.
        """
        for number in range(first, min(last, self.next_out - 1) + 1):
            if number >= self.next_out:
                return
            if data := self._fresh.get(number) or self._flying.get(number):
                yield number, data
            elif at := self._offsets[number - 1]:
                yield number, self._read(at)

    def reset(self, now_ns: int) -> None:
        """Begin at 1 in both directions."""
        self._forget(now_ns)
        self._live_from = self._end
        self._record(RESET, now_ns, b"")

    def compact(self) -> None:
        """Give back the room of what resets made void; to be called while nothing is in flight.

        Raises:
            StoreError: the disk refused.
        """
        if self._live_from < ROTATE_BYTES:
            return
        self.commit()
        kept = [RECORD.pack(KEEP, number, len(data)) + data for _, number, data in self._kept]
        if self.marked:
            kept.append(RECORD.pack(MARK, self.marked, 0))
        self._file.close()
        self._reader.close()
        try:
            with open(self.path, "rb") as old:
                old.seek(self._live_from)
                live = iter(partial(old.read, 1 << 20), b"")
                _write_new(self.path, HEADER + (_framed(kept) if kept else b""), live)
        except OSError as error:
            self._broken = True
            raise self._unwritable(error.strerror or "it failed") from error
        self._kept.clear()
        self._open()

    def seal(self) -> Callable[[], None] | None:
        """Close the frame; give what writes it and makes it durable, None when it is empty.

        What is given may run on another thread; ``settle`` is to be called once it has, and before
        the next frame is sealed.

        Raises:
            StoreError: an earlier write failed, so nothing more may leave.
        """
        if self._broken:
            raise self._unwritable("an earlier write failed")
        if not self._records:
            return None
        frame = _framed(self._records)
        self._records.clear()
        self._flying, self._fresh = self._fresh, {}
        self._size = 0
        self._end += len(frame)
        ahead = 0
        if self._end > self._allocated:
            ahead = self._end + _AHEAD - self._allocated
            self._allocated += ahead
        return lambda: self._write(frame, ahead)

    def settle(self) -> None:
        """Take in that the frame that was sealed last is durable."""
        self._flying = {}

    def commit(self) -> None:
        """Make durable what was recorded.

        Raises:
            StoreError: the disk refused; nothing that depends on it may leave the process.
        """
        write = self.seal()
        if write is not None:
            write()
            self.settle()

    def close(self) -> None:
        """Make durable what was recorded, and let the file go."""
        if not self._broken:
            self.commit()
            self._file.truncate(self._end)
        self._file.close()
        self._reader.close()
        os.close(self._lock)

    def _record(self, kind: int, number: int, data: bytes) -> None:
        record = RECORD.pack(kind, number, len(data)) + data
        self._records.append(record)
        self._size += len(record)

    def _forget(self, now_ns: int) -> None:
        self.next_out = self.next_in = 1
        self.created_ns = now_ns
        self._epoch += 1
        self._offsets = array("Q")
        self._fresh = {}
        self._flying = {}

    def _write(self, frame: bytes, ahead: int) -> None:
        handle = self._file.fileno()
        try:
            if ahead:
                here = self._file.tell()
                self._file.seek(0, os.SEEK_END)
                self._file.write(bytes(ahead))
                self._file.seek(here)
            if self._file.write(frame) != len(frame):
                raise OSError("the disk is full")
            _sync(handle)
        except OSError as error:
            self._broken = True
            raise self._unwritable(error.strerror or "it failed") from error

    def _unwritable(self, why: str) -> StoreError:
        return StoreError(
            f"Writing {self.path} failed: {why}. The session sends nothing more.",
            code="fix_store_unwritable",
            hint="Make room on the disk or mend it, then start again: the numbers on it are good.",
        )

    def _read(self, at: int) -> bytes:
        try:
            self._reader.seek(at - RECORD.size)
            kind, _, length = RECORD.unpack(self._reader.read(RECORD.size))
            data = self._reader.read(length)
        except (OSError, struct.error) as error:
            raise self._corrupt(at) from error
        if kind != SENT or len(data) != length:
            raise self._corrupt(at)
        return data

    def _open(self) -> None:
        if not self.path.exists() or self.path.stat().st_size == 0:
            _write_new(self.path, HEADER, iter(()))
        with open(self.path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if content[: len(HEADER)] != HEADER:
                raise self._corrupt(0)
            self._end = self._replay(content)
            if _has_frame(content, self._end + 1):
                raise self._corrupt(self._end)
        self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115
        self._file.truncate(self._end)
        self._file.seek(self._end)
        self._allocated = self._end
        self._reader = open(self.path, "rb", buffering=0)  # noqa: SIM115

    def _replay(self, content: mmap) -> int:
        """Take in every whole frame; give where the last one ends."""
        at = len(HEADER)
        while (end := _frame_end(content, at)) > at:
            inner = at + FRAME.size
            while inner < end:
                kind, number, length = RECORD.unpack_from(content, inner)
                inner += RECORD.size
                self._apply(kind, number, content[inner : inner + length], inner)
                if kind == RESET:
                    self._live_from = at
                inner += length
            at = end
        return at

    def _apply(self, kind: int, number: int, data: bytes, at: int) -> None:
        if kind == SENT:
            self._offsets.append(at if data else 0)
            self.next_out = number + 1
        elif kind == EXPECT:
            self.next_in = number
        elif kind == KEEP:
            self._kept.append((self._epoch, number, data))
        elif kind == TAKEN:
            self._untake(number)
        elif kind == RESET:
            self._forget(number)
        elif kind == MARK:
            self.marked = number
        else:
            raise self._corrupt(at)

    def _untake(self, number: int) -> None:
        while self._kept and self._kept[0][:2] <= (self._epoch, number):
            self._kept.popleft()

    def _corrupt(self, at: int) -> StoreError:
        return StoreError(
            f"{self.path} is damaged at byte {at}. The session was not started.",
            code="fix_store_corrupt",
            hint="Put back a copy of the file, or move it away and agree on a reset of the numbers"
            " with the counterparty.",
        )


def _framed(records: list[bytes]) -> bytes:
    content = b"".join(records)
    return FRAME.pack(MAGIC, len(content), crc32(content)) + content


def _frame_end(content: mmap, at: int) -> int:
    """Give where the frame at ``at`` ends, or ``at`` when no whole frame stands there."""
    if at + FRAME.size > len(content):
        return at
    magic, length, check = FRAME.unpack_from(content, at)
    end: int = at + FRAME.size + length
    if magic != MAGIC or end > len(content):
        return at
    return end if crc32(content[at + FRAME.size : end]) == check else at


def _has_frame(content: mmap, at: int) -> bool:
    """Whether a whole frame begins at or behind ``at``."""
    while (at := content.find(MAGIC, at)) >= 0:
        if _frame_end(content, at) > at:
            return True
        at += 1
    return False


def _write_new(path: Path, head: bytes, rest: Iterator[bytes]) -> None:
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
