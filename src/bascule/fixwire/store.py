"""The durable store of a session: an append-only file, written before anything leaves.

The file is mapped into memory, so that writing is copying. What is written survives the end of this
process, since the system holds it; what is synced survives the end of the machine's power. A turn's
frame is always written before its bytes leave. Whether it is synced before, too, is for what it
holds:

- A reset, and what comes with an application's mark, is.
- Else it is synced a little later, since outgoing numbers are reserved ahead: a record that is
  synced long before says up to which number any may have been used. After the power was lost the
  session goes on behind that number, so that none is used twice, and says so. The number that is
  expected from the peer may then be one of before: the peer sends again what it brought since.

A frame that is broken is the end of what was written. Where a whole one behind it shows that it was
synced once, the file was damaged later, and is refused.

The file is extended ahead of need, by zeros that are really written: a full disk is met there, and
never by a copy into the map. It makes an fsync cheaper, too, since the file's size does not change.
"""

import os
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import ENOSPC
from io import FileIO
from mmap import mmap
from pathlib import Path

from bascule.fixwire import lock
from bascule.fixwire.errors import StoreError
from bascule.fixwire.form import (
    EXPECT,
    FRAME,
    HEADER,
    KEEP,
    MARK,
    RECORD,
    RESERVED,
    RESET,
    SENT,
    SYNCED,
    TAKEN,
    Record,
    frame_end,
    framed,
    frames_behind,
    records,
    write_new,
)

RESERVE = 1000
"""How many outgoing numbers are reserved; after a loss of power at most so many are left out."""
_AHEAD = 1 << 20
"""Bytes of zeros by which the file is extended."""
ROTATE_BYTES = 64 << 20
"""A reset begins a new file when the old one is larger than this."""

_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_SYNCS_MAPS = sys.platform == "linux"
"""Whether that syncs what was written through a map; elsewhere the map is flushed first."""

_HEADS = FRAME.size + RECORD.size
_Extent = tuple[int, int]
"""How far the file is synced: to which byte, and what is reserved by then."""


class FileStore:
    """A session's ``Store`` in one file; held from ``FileStore(path)`` to ``close``.

    ``seal`` writes what is recorded, and gives what syncs it where it has to be; all of it is
    synced once what ``flush`` gives has run, or ``commit`` has returned. Everything but what these
    two give is called on one thread.

    Args:
        path: the file; a lock file stands beside it.
        reserve: how many outgoing numbers to reserve; 0: everything is synced after ``seal``.

    Raises:
        StoreError: another process uses it, it is damaged, or it cannot be read or written.
    """

    def __init__(self, path: Path, *, reserve: int = RESERVE) -> None:
        self.next_out = 1
        self.next_in = self._expected = 1
        self.created_ns = 0
        self.marked = 0
        """What ``mark`` recorded last, also before a reset; 0 when it never did."""
        self.left_out: tuple[int, int] | None = None
        """First and last of the numbers that may have been used when the power was lost, of which
        nothing is left; they were left out when this store was opened."""
        self.path = path
        self.reserve = reserve
        self._reserved = 0
        self._urgent = False
        self._offsets = array("Q")
        self._kept: deque[tuple[int, int, bytes]] = deque()
        self._epoch = 0
        self._live_from = 0
        self._records: list[bytes] = []
        self._size = 0
        self._fresh: dict[int, bytes] = {}
        self._broken = False
        self._end = self._said_synced = 0
        self._synced: _Extent = (0, 0)
        self._syncing = self._flushing = self._synced
        boot = lock.boot_id()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock.take_lock(path.with_name(path.name + ".lock"))
        except OSError as error:
            raise StoreError(
                f"{path} is in use by another process or cannot be made: {error.strerror}."
                " The session was not started.",
                code="fix_store_locked",
                hint="One session has one process. Stop the other one, or name another directory.",
            ) from error
        try:
            same_boot = boot != b"" and lock.held_in(self._lock) == boot
            self._open(whole=same_boot)
            if not same_boot and self._reserved >= self.next_out:
                self._leave_out(self._reserved)
            lock.trust(self._lock, boot)
        except OSError as error:
            os.close(self._lock)
            raise self._unwritable(error.strerror or "it failed") from error
        except BaseException:
            os.close(self._lock)
            raise

    def sent(self, data: bytes) -> None:
        """Record the message with number ``next_out``."""
        number = self.next_out
        if data:
            self._offsets.append(self._end + self._size + _HEADS)
            self._fresh[number] = data
        else:
            self._offsets.append(0)
        self._record(SENT, number, data)
        self.next_out = number + 1

    def expect(self, number: int) -> None:
        """Record which number is expected next."""
        self.next_in = number

    def keep(self, number: int, data: bytes) -> None:
        """Keep an incoming message until it is taken."""
        self._kept.append((self._epoch, number, data))
        self._record(KEEP, number, data)

    def taken(self, number: int) -> None:
        """Forget what was kept up to and with a number, and before the last reset."""
        self._untake(number)
        self._record(TAKEN, number, b"")

    def mark(self, number: int) -> None:
        """Record a number of the application's own, synced together with what it sends now.

        An application that reports what it reads elsewhere marks how far it has read, and so
        reports everything once, whenever the process dies or the power is lost.
        """
        self.marked = number
        self._urgent = True
        self._record(MARK, number, b"")

    def kept(self) -> list[tuple[int, bytes]]:
        """Give what was kept and not taken, oldest first."""
        return [(number, data) for _, number, data in self._kept]

    def messages(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Give the recorded messages of a range, ascending; each is read when it is asked for.

        Raises:
            StoreError: the file was damaged meanwhile.
        """
        for number in range(first, min(last, self.next_out - 1) + 1):
            if number >= self.next_out:
                return
            if data := self._fresh.get(number):
                yield number, data
            elif at := self._offsets[number - 1]:
                yield number, self._read(at)

    def reset(self, now_ns: int) -> None:
        """Begin at 1 in both directions."""
        self._forget(now_ns)
        self._live_from = self._end
        # The peer may not be told of numbers that a loss of power would take back.
        self._urgent = True
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
        self._let_go()
        try:
            head = HEADER + (framed(kept) if kept else b"")
            write_new(self.path, head, _chunks(self.path, self._live_from))
        except OSError as error:
            self._broken = True
            raise self._unwritable(error.strerror or "it failed") from error
        self._kept.clear()
        self._open(whole=True)

    def seal(self) -> Callable[[], None] | None:
        """Write what was recorded; give what must sync it before anything leaves, None for nothing.

        What is given may run on another thread; ``settle`` is to be called once it has, and before
        the next turn is sealed.

        Raises:
            StoreError: the disk refused, now or earlier, so nothing more may leave.
        """
        if self._broken:
            raise self._unwritable("an earlier write failed")
        if self.next_in != self._expected:
            self._expected = self.next_in
            self._records.append(RECORD.pack(EXPECT, self.next_in, 0))
        if not self._records:
            return None
        reserve, used = self.reserve, self.next_out - 1
        synced, reserved = self._synced
        urgent = self._urgent or not reserve or used > reserved
        self._urgent = False
        if reserve and used + reserve // 2 >= self._reserved:
            self._reserved = used + reserve
            self._record(RESERVED, self._reserved, b"")
        if synced > self._said_synced:
            self._said_synced = synced
            self._record(SYNCED, synced, b"")
        frame = framed(self._records)
        end = self._end + len(frame)
        if end > self._room:
            self._extend(end + _AHEAD)
        self._map[self._end : end] = frame
        self._end = end
        self._records, self._fresh, self._size = [], {}, 0
        if not urgent:
            return None
        self._syncing = self._end, self._reserved
        return self._flush

    def settle(self) -> None:
        """Take in that the turn that was sealed last is synced."""
        self._synced = self._syncing

    @property
    def is_synced(self) -> bool:
        """Whether everything that is written is synced, or cannot be any more."""
        return self._broken or self._end == self._synced[0]

    def flush(self) -> Callable[[], None] | None:
        """Give what syncs everything that is written; None when everything is synced.

        What is given is for another thread, also while frames are written; ``flushed`` is to be
        called once it has run.
        """
        if self.is_synced:
            return None
        self._flushing = self._end, self._reserved
        return self._flush

    def flushed(self) -> None:
        """Take in that what was written when ``flush`` was called is synced."""
        if self._flushing[0] > self._synced[0]:
            self._synced = self._flushing

    def commit(self) -> None:
        """Write and sync what was recorded.

        Raises:
            StoreError: the disk refused; nothing that depends on it may leave the process.
        """
        self.seal()
        flush = self.flush()
        if flush is not None:
            flush()
            self.flushed()

    def close(self) -> None:
        """Write and sync what was recorded, give back what was reserved, and let the file go."""
        try:
            if not self._broken:
                if self._reserved >= self.next_out:
                    self.reserve, self._reserved = 0, self.next_out - 1
                    self._record(RESERVED, self._reserved, b"")
                self.commit()
        finally:
            self._let_go()
            os.close(self._lock)

    def _record(self, kind: int, number: int, data: bytes) -> None:
        record = RECORD.pack(kind, number, len(data)) + data
        self._records.append(record)
        self._size += len(record)

    def _forget(self, now_ns: int) -> None:
        self.next_out = self.next_in = 1
        self._expected = 1
        self.created_ns = now_ns
        self._reserved = 0
        self._epoch += 1
        self._offsets = array("Q")
        self._fresh = {}

    def _leave_out(self, last: int) -> None:
        """Go on behind numbers that may have been used."""
        self.left_out = self.next_out, last
        self._offsets.extend([0] * (last - self.next_out))
        self.next_out = last
        self.sent(b"")
        self._urgent = True
        self.commit()

    def _extend(self, size: int) -> None:
        """Have a file of at least so many bytes, all of them there, and map it anew."""
        try:
            _lengthen(self._file, size)
            self._map, self._room = mmap(self._file.fileno(), 0), size
        except OSError as error:
            self._broken = True
            raise self._unwritable(error.strerror or "it failed") from error

    def _flush(self) -> None:
        try:
            if not _SYNCS_MAPS:
                self._map.flush()
            _sync(self._file.fileno())
        except OSError as error:
            self._broken = True
            # What was written may be gone though this run of the machine goes on.
            with suppress(OSError):
                lock.trust(self._lock, b"")
            raise self._unwritable(error.strerror or "it failed") from error

    def _unwritable(self, why: str) -> StoreError:
        return StoreError(
            f"Writing {self.path} failed: {why}. The session sends nothing more.",
            code="fix_store_unwritable",
            hint="Make room on the disk or mend it, then start again: the numbers on it are good.",
        )

    def _read(self, at: int) -> bytes:
        kind, _, length = RECORD.unpack_from(self._map, at - RECORD.size)
        data = self._map[at : at + length]
        if kind != SENT or len(data) != length:
            raise self._corrupt(at)
        return data

    def _open(self, *, whole: bool) -> None:
        """Read the file. ``whole``: nothing that was written can be missing."""
        self._reserved = 0
        if not self.path.exists() or self.path.stat().st_size == 0:
            write_new(self.path, HEADER, iter(()))
        self._file: FileIO = open(self.path, "r+b", buffering=0)  # noqa: SIM115
        try:
            self._map = mmap(self._file.fileno(), 0)
            self._end = self._said_synced = self._replay(whole=whole)
            self._map.close()
            self._file.truncate(self._end)
            self._map, self._room = mmap(self._file.fileno(), 0), self._end
            self._flush()
        except BaseException:
            self._file.close()
            raise
        self._synced = self._flushing = self._end, self._reserved

    def _replay(self, *, whole: bool) -> int:
        """Take in what the file holds; give where it ends."""
        content, reserves = self._map, False
        if content[: len(HEADER)] != HEADER:
            raise self._corrupt(0)
        at = len(HEADER)
        while (end := frame_end(content, at)) > at:
            for record in records(content, at, end):
                self._apply(record, at)
                reserves = reserves or record.kind == RESERVED
            at = end
        for begin, end in frames_behind(content, at):
            if whole or not reserves or _synced_before(content, begin, end) > at:
                raise self._corrupt(at)
        return at

    def _let_go(self) -> None:
        """Close the file, without the room that was not used."""
        self._map.close()
        if not self._broken:
            self._file.truncate(self._end)
        self._file.close()

    def _apply(self, record: Record, frame: int) -> None:
        kind, number, data, at = record
        if kind == SENT:
            self._offsets.extend([0] * (number - 1 - len(self._offsets)))
            self._offsets.append(at if data else 0)
            self.next_out = number + 1
        elif kind == EXPECT:
            self.next_in = self._expected = number
        elif kind == KEEP:
            self._kept.append((self._epoch, number, data))
        elif kind == TAKEN:
            self._untake(number)
        elif kind == RESET:
            self._forget(number)
            self._live_from = frame
        elif kind == MARK:
            self.marked = number
        elif kind == RESERVED:
            self._reserved = number
        elif kind != SYNCED:
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


def _chunks(path: Path, at: int) -> Iterator[bytes]:
    """Give a file from ``at`` on; it is closed when all is given, so that it can be replaced."""
    with path.open("rb") as file:
        file.seek(at)
        while chunk := file.read(1 << 20):
            yield chunk


def _lengthen(file: FileIO, size: int) -> None:
    zeros = bytes(size - file.seek(0, os.SEEK_END))
    if file.write(zeros) != len(zeros):
        raise OSError(ENOSPC, "the disk is full")


def _synced_before(content: mmap, begin: int, end: int) -> int:
    """Give how much of the file was synced before a frame was written, as far as it says."""
    said = (record.number for record in records(content, begin, end) if record.kind == SYNCED)
    return max(said, default=0)
