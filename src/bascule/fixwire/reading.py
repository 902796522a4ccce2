"""A session's store as others may read it: without its lock, also while its session runs."""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from bascule.fixwire import form
from bascule.fixwire.errors import StoreError
from bascule.fixwire.lock import take_lock


class Kept(NamedTuple):
    """A message that a store holds: which way it went, its number, and its bytes.

    Outgoing administrative messages are only counted, so they have no bytes and are left out;
    incoming ones are kept where the session keeps them until they are taken.
    """

    way: Literal["out", "in"]
    number: int
    data: bytes


class Numbers(NamedTuple):
    """What a store says of its session; ``created_ns`` is when numbering began, 0 for never."""

    next_in: int = 1
    next_out: int = 1
    created_ns: int = 0
    marked: int = 0


class StoreReader:
    """Reads a store from its beginning on, as far as it is whole.

    Raises:
        StoreError: it cannot be read, or is no store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self.numbers = Numbers()

    def more(self) -> list[Kept]:
        """Give what came since the last time; ``numbers`` are those after it.

        Raises:
            StoreError: it cannot be read, or is no store.
        """
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._at:
                    self._at = 0  # a reset gave room back: the file is another
                head = file.read(len(form.HEADER))
                self._at = max(self._at, len(form.HEADER))
                file.seek(self._at)
                content = file.read()
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be read: {error.strerror}.", code="fix_store_unreadable"
            ) from error
        if head != form.HEADER:
            raise StoreError(f"{self._path} is no FIX store.", code="fix_store_corrupt")
        found: list[Kept] = []
        at = 0
        while (end := form.frame_end(content, at)) > at:
            for record in form.records(content, at, end):
                self._record(record, found)
            at = end
        self._at += at
        return found

    def _record(self, record: form.Record, found: list[Kept]) -> None:
        numbers, (kind, number, data, _) = self.numbers, record
        if kind == form.SENT:
            self.numbers = numbers._replace(next_out=number + 1)
            if data:
                found.append(Kept("out", number, data))
        elif kind == form.EXPECT:
            self.numbers = numbers._replace(next_in=number)
        elif kind == form.KEEP:
            found.append(Kept("in", number, data))
        elif kind == form.RESET:
            self.numbers = Numbers(1, 1, number, numbers.marked)
        elif kind == form.MARK:
            self.numbers = numbers._replace(marked=number)


def in_use(path: Path) -> bool:
    """Whether a process holds a store now."""
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return False
    try:
        os.close(take_lock(lock, 1))
    except OSError:
        return True
    return False
