"""The store on one machine: SQLite in WAL mode, ``synchronous=FULL``, one writer.

A commit is one SQLite statement and one fsync. The statement matters: each step of a statement
gives up Python's interpreter lock, and taking it back from a busy loop costs up to a whole switch
interval, so a batch of n rows is one ``INSERT`` of n rows and never n of one row.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Self

import apsw

from bascule.journal.chain import GENESIS, KEEP, row_of
from bascule.journal.store import COLUMNS, Head, Row, Snapshot, Value
from bascule.journal.upgrade import JOURNAL, altered, upgrade
from bascule.model.errors import JournalCorrupt, JournalError, JournalUnwritable

WIDTH = len(COLUMNS)
INSERT_ROWS_MAX = 4_000
"""SQLite binds 32,766 values at most; larger appends take several statements in a transaction."""
CACHED_ROWS_MAX = 64
"""Statements for up to this many rows are kept prepared."""
SNAPSHOTS_KEPT = 3
PAGE = 4_096
WAL_PAGES_DUE = 100
"""From here on the WAL is written back when nobody waits."""
WAL_PAGES_MAX = 500
"""From here on it is written back even when somebody waits.

A longer WAL is written back more rarely and for longer: tens of milliseconds where each page is
new. In one that only grows each fsync takes twice as long.
"""
CHECKED_BYTES_MAX = 256 << 20
"""Files up to this size get SQLite's own check at start; it reads the whole file."""
BUSY_MS = 5_000
"""How long a commit waits for a stranger's lock on the file before it has failed."""

_ROW = f"({','.join('?' * WIDTH)})"
_INSERT = f"INSERT INTO events({','.join(COLUMNS)}) VALUES "
SELECT_ROWS = f"SELECT {','.join(COLUMNS)} FROM events WHERE seq > ? ORDER BY seq"


class SqliteStore:
    """A journal file. One thread at a time uses it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._wal_pages = 0

    @classmethod
    def open(cls, path: str | Path, *, vfs: str | None = None, shared: bool = True) -> Self:
        """Open or make a journal file.

        Args:
            path: the file.
            vfs: name of an apsw VFS to stand on, for tests.
            shared: whether other connections may read meanwhile; False suits a VFS without
                shared memory.

        Raises:
            JournalCorrupt: the file is damaged or something else.
            JournalUnwritable: it cannot be opened for writing.
            JournalError: a newer Bascule wrote it.
        """
        if vfs is None:
            with suppress(OSError):  # what cannot be made here is named by what opens it next
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        try:
            connection = apsw.Connection(
                str(path), vfs=vfs, statementcachesize=CACHED_ROWS_MAX + 16
            )
        except apsw.Error as error:
            raise unwritable("open", str(path), error) from error
        try:
            prepare(connection, shared=shared)
            upgrade(connection, JOURNAL)
            check_schema(connection)
            check_pages(connection)
        except (apsw.Error, JournalError) as error:
            connection.close(True)
            if isinstance(error, apsw.Error):
                raise _unopened(str(path), error) from error
            raise
        return cls(connection)

    def head(self) -> Head:
        """Give the last event's sequence and hash."""
        return read_head(self._connection)

    def rows(self, after_seq: int) -> Iterator[Row]:
        """Give the rows after ``after_seq`` in order.

        Raises:
            JournalCorrupt: SQLite cannot read them.
        """
        try:
            yield from map(row_of, self._connection.execute(SELECT_ROWS, (after_seq,)))
        except (apsw.Error, UnicodeDecodeError) as error:
            raise damaged(self._connection.filename, error) from error

    def row_hash(self, seq: int) -> bytes | None:
        """Give the chain hash of one row, or None when there is no such row."""
        found = self._connection.execute(
            "SELECT CAST(hash AS BLOB) FROM events WHERE seq = ?", (seq,)
        ).get
        return None if found is None else bytes(found)

    def snapshots(self) -> Sequence[Snapshot]:
        """Give the snapshots kept, the newest first."""
        return read_snapshots(self._connection)

    def meta(self, name: str) -> str:
        """Give a value of the table ``meta``, or ''."""
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        return "" if found is None else str(found)

    def append(self, values: list[Value]) -> None:
        """Append whole rows in one transaction.

        Raises:
            JournalUnwritable: nothing of it may be taken for durable.
        """
        rows = len(values) // WIDTH
        try:
            if rows <= INSERT_ROWS_MAX:
                self._insert(values, rows)
            else:
                self._insert_many(values)
        except apsw.Error as error:
            raise unwritable("append to", self._connection.filename, error) from error
        self._wal_pages += 4 + rows // 4

    def _insert(self, values: Sequence[Value], rows: int) -> None:
        sql = _INSERT + ",".join([_ROW] * rows)
        self._connection.execute(sql, values, can_cache=rows <= CACHED_ROWS_MAX)

    def _insert_many(self, values: list[Value]) -> None:
        source = iter(values)
        self._connection.execute("BEGIN IMMEDIATE")
        while chunk := list(islice(source, INSERT_ROWS_MAX * WIDTH)):
            self._insert(chunk, len(chunk) // WIDTH)
        self._connection.execute("COMMIT")

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot and drop the oldest.

        Raises:
            JournalUnwritable: it could not be written.
        """
        try:
            with self._connection:
                self._connection.execute(
                    "INSERT OR REPLACE INTO snapshots(seq, state, hash, at) VALUES (?, ?, ?, ?)",
                    snapshot,
                )
                self._connection.execute(
                    "DELETE FROM snapshots WHERE seq NOT IN"
                    " (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)",
                    (SNAPSHOTS_KEPT,),
                )
        except apsw.Error as error:
            raise unwritable("write a snapshot to", self._connection.filename, error) from error
        self._wal_pages += 4 + len(snapshot.state) // PAGE

    def set_meta(self, name: str, value: str) -> None:
        """Note a value; '' removes it.

        Raises:
            JournalUnwritable: it could not be written.
        """
        try:
            self._connection.execute(
                "INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)"
                if value
                else "DELETE FROM meta WHERE name = ?",
                (name, value) if value else (name,),
            )
        except apsw.Error as error:
            raise unwritable("write to", self._connection.filename, error) from error
        self._wal_pages += 4

    def tidy(self, *, idle: bool) -> None:
        """Write the WAL back into the file when that is due.

        Raises:
            JournalUnwritable: it could not be written.
        """
        if self._wal_pages < (WAL_PAGES_DUE if idle else WAL_PAGES_MAX):
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            pass  # somebody else is writing it back at this moment
        except apsw.Error as error:
            raise unwritable("write back", self._connection.filename, error) from error
        self._wal_pages = 0

    def close(self) -> None:
        """Let go of the file; SQLite writes the WAL back. Closing twice is harmless."""
        # A WAL that cannot be written back now stays, and the next start reads it.
        with suppress(apsw.Error):
            self._connection.close(True)


def prepare(connection: apsw.Connection, *, shared: bool) -> None:
    """Set a connection up to write: WAL, every commit fsynced, no checkpoint within a commit."""
    connection.set_busy_timeout(BUSY_MS)
    if not shared:
        connection.pragma("locking_mode", "exclusive")
    mode = connection.pragma("journal_mode", "wal")
    if mode != "wal":
        raise JournalUnwritable(
            f"SQLite cannot keep {connection.filename} in WAL mode (it offers {mode}).",
            hint="Put the journal on a local disk: network file systems cannot hold it.",
        )
    connection.pragma("synchronous", "full")
    connection.pragma("fullfsync", True)  # macOS: its plain fsync leaves data in the drive
    connection.pragma("checkpoint_fullfsync", True)
    connection.wal_autocheckpoint(0)


def check_schema(connection: apsw.Connection) -> None:
    """Hold the words by which SQLite reads the file to what was written.

    Raises:
        JournalCorrupt: a table or an index is another.
    """
    if name := altered(connection, JOURNAL):
        raise damaged(connection.filename, f"what it says of {name} is not what was written")


def check_pages(connection: apsw.Connection) -> None:
    """Let SQLite check a file that is not too large for a quick start.

    Raises:
        JournalCorrupt: with what SQLite found first.
    """
    if int(connection.pragma("page_count")) * PAGE > CHECKED_BYTES_MAX:
        return
    found = connection.pragma("quick_check", 1)
    if found != "ok":
        raise damaged(connection.filename, found)


def read_head(connection: apsw.Connection) -> Head:
    """Give the last event's sequence and hash."""
    # The cast: a rotten type must not keep the bytes from being read and held to the chain.
    sql = "SELECT seq, CAST(hash AS BLOB) FROM events ORDER BY seq DESC LIMIT 1"
    found = connection.execute(sql).get
    return GENESIS if found is None else Head(*found)


def read_snapshots(connection: apsw.Connection) -> Sequence[Snapshot]:
    """Give the snapshots kept, the newest first."""
    sql = "SELECT seq, CAST(state AS BLOB), CAST(hash AS BLOB), at FROM snapshots ORDER BY seq DESC"
    return [Snapshot(*row) for row in connection.execute(sql)]


def unwritable(what: str, path: str, error: Exception) -> JournalUnwritable:
    """Say that a write failed, and what to do."""
    return JournalUnwritable(
        f"Bascule could not {what} {path}: {error}. Nothing after the last durable event was sent"
        " or acknowledged.",
        hint="Free disk space or mend the disk, then start again: recovery asks each venue what"
        " became of the orders in flight.",
    )


def damaged(path: str, found: object) -> JournalCorrupt:
    """Say that SQLite cannot make sense of a file, and what to do."""
    return JournalCorrupt(
        f"SQLite finds {path} damaged: {found}.", code="journal_file_damaged", hint=KEEP
    )


def _unopened(path: str, error: apsw.Error) -> JournalError:
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.SQLError):
        return damaged(path, error)
    return unwritable("open", path, error)
