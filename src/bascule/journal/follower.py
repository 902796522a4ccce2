"""Followers: whoever reads the journal while the engine writes it, or when no engine runs.

A follower has a read-only connection of its own and sees committed events only. Each call is one
short read transaction that is over when it returns, so that the writer never waits for a reader;
SQLite's WAL lets both work at once.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import apsw

from bascule.journal.chain import decode, root_signal, row_of
from bascule.journal.sqlite import (
    BUSY_MS,
    SELECT_ROWS,
    check_schema,
    damaged,
    read_head,
    read_snapshots,
)
from bascule.journal.store import COLUMNS, Head, Row, Snapshot
from bascule.journal.upgrade import JOURNAL, version_of
from bascule.model.errors import JournalError
from bascule.model.event import Event

ROWS_MAX = 10_000
"""No call gives more rows than this."""
WAIT_STEP_S = 0.02
_SEQ_MAX = 1 << 62

# The second condition looks idle and is not: it lets SQLite use the partial index.
_OF_SIGNAL = " UNION ".join(
    f"SELECT {','.join(COLUMNS)} FROM events WHERE {column} = ?1 AND {column} <> '' AND seq > ?2"
    for column in ("signal", "cause")
)


class Follower:
    """A reader of one journal file, for one thread at a time.

    ::

        with Follower(path) as follower:
            for seq, event in follower.poll(after_seq=0):
                ...
            follower.wait(timeout_s=5)

    Raises:
        JournalError: there is no journal yet, this user may not read it, or a newer Bascule
            wrote it.
        JournalCorrupt: the file is something else.
    """

    def __init__(self, path: str | Path, *, vfs: str | None = None) -> None:
        try:
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
            self._connection.set_busy_timeout(BUSY_MS)
            version = version_of(self._connection, JOURNAL)
            self._is_newest = version == len(JOURNAL.steps)
            if self._is_newest:
                check_schema(self._connection)
        except (apsw.CantOpenError, apsw.IOError) as error:
            if _is_there(path):
                raise JournalError(
                    f"The journal at {path} cannot be read: {error}.",
                    code="journal_unreadable",
                    hint="Check that this user may read it, and write in its directory: SQLite"
                    " keeps what readers share beside it.",
                ) from error
            version = 0
        except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as error:
            self._connection.close(True)
            raise damaged(str(path), error) from error
        if version == 0:
            raise JournalError(
                f"There is no journal at {path}.",
                code="journal_missing",
                hint="Start the engine once, or name the data directory that it uses.",
            )
        self._seen = self._data_version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def head(self) -> Head:
        """Give the last committed event's sequence and hash."""
        return read_head(self._connection)

    def rows(self, after_seq: int = 0, limit: int = 1_000) -> list[Row]:
        """Give up to ``limit`` rows after ``after_seq``, in order, as they are stored."""
        sql = f"{SELECT_ROWS} LIMIT ?"
        found = self._connection.execute(sql, (after_seq, min(limit, ROWS_MAX))).fetchall()
        return [row_of(row) for row in found]

    def poll(self, after_seq: int = 0, limit: int = 1_000) -> list[tuple[int, Event]]:
        """Give up to ``limit`` events after ``after_seq``, in order.

        Raises:
            JournalCorrupt: a row is no event that this version knows.
        """
        return [(row.seq, decode(row.seq, row.data)) for row in self.rows(after_seq, limit)]

    def of_signal(self, signal: str, after_seq: int = 0) -> list[Row]:
        """Give what came of a signal, in order: its orders' whole lives, and what it changed."""
        sql = f"{_OF_SIGNAL} ORDER BY seq LIMIT ?3"
        found = self._connection.execute(sql, (signal, after_seq, ROWS_MAX)).fetchall()
        return [row_of(row) for row in found]

    def of_kinds(
        self, kinds: Iterable[str], *, after_seq: int = 0, before_seq: int = 0, limit: int = 1_000
    ) -> list[Row]:
        """Give rows of some kinds, the newest first.

        Args:
            kinds: the events' kinds.
            after_seq: only rows after this one.
            before_seq: only rows before this one; 0 for no such bound.
            limit: how many at most.
        """
        named = tuple(kinds)
        sql = (
            f"SELECT {','.join(COLUMNS)} FROM events WHERE kind IN ({','.join('?' * len(named))})"
            " AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        )
        bounds = (after_seq, before_seq or _SEQ_MAX, min(limit, ROWS_MAX))
        return [row_of(row) for row in self._connection.execute(sql, (*named, *bounds))]

    def of_order(self, cl_ord_id: str) -> list[Row]:
        """Give the life of one order, in order."""
        mark = f'"cl_ord_id":"{cl_ord_id}"'
        return [row for row in self.of_signal(root_signal(cl_ord_id)) if mark in row.data]

    def snapshots(self) -> list[Snapshot]:
        """Give the snapshots kept, the newest first; those of an older schema do not count."""
        return list(read_snapshots(self._connection)) if self._is_newest else []

    def damage(self) -> str:
        """Let SQLite check its file and indexes; '' when they are whole. Reads all of it."""
        found = self._connection.pragma("integrity_check", 1)
        return "" if found == "ok" else f"SQLite finds the file damaged: {found}."

    def copy_to(self, target: Path) -> None:
        """Write a consistent, compact copy of this moment to a new file; not synced yet.

        The file is its owner's only, as the journal is.

        Raises:
            OSError: it could not be made.
            apsw.Error: it could not be written.
        """
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
        self._connection.execute("VACUUM INTO ?", (str(target),))

    def changed(self) -> bool:
        """Tell whether something was committed since this was last asked; costs microseconds."""
        version = self._data_version()
        changed, self._seen = version != self._seen, version
        return changed

    def wait(self, timeout_s: float) -> bool:
        """Block until something was committed, for ``timeout_s`` at most; tell whether it was.

        For threads and commands; a loop calls ``changed`` from a timer.
        """
        end = time.monotonic() + timeout_s
        while not (changed := self.changed()) and time.monotonic() < end:
            time.sleep(WAIT_STEP_S)
        return changed

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._connection.close(True)

    def _data_version(self) -> int:
        return int(self._connection.pragma("data_version"))


def _is_there(path: str | Path) -> bool:
    """Tell whether there is such a file, or a directory that hides whether there is."""
    try:
        os.stat(path)
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    return True
