"""The schemas of our files, and the ordered steps that bring an older file up to date.

A new file is an old one of version 0. A step is never edited once it was released; a change of
schema is a new step at the end, and ``tests/unit/journal/data`` keeps a file of every version.
"""

from functools import cache
from typing import NamedTuple

import apsw

from bascule.model.errors import JournalCorrupt, JournalError


class Schema(NamedTuple):
    """What one kind of file holds. Step n brings version n to n + 1."""

    what: str
    application_id: int
    """Marks a SQLite file as ours."""
    steps: tuple[str, ...]


JOURNAL = Schema(
    "journal",
    0x42534355,  # BSCU
    (
        """
        CREATE TABLE events(
            seq INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            signal TEXT NOT NULL,
            cause TEXT NOT NULL,
            account TEXT NOT NULL,
            data TEXT NOT NULL,
            hash BLOB NOT NULL
        );
        CREATE INDEX events_signal ON events(signal) WHERE signal <> '';
        CREATE INDEX events_cause ON events(cause) WHERE cause <> '';
        CREATE TABLE snapshots(
            seq INTEGER PRIMARY KEY,
            state BLOB NOT NULL,
            hash BLOB NOT NULL,
            at INTEGER NOT NULL
        );
        CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """,
        # Their hash did not vouch for the event that they are of.
        "DELETE FROM snapshots;",
    ),
)

WIRE_LOG = Schema(
    "wire log",
    0x42534357,  # BSCW
    (
        """
        CREATE TABLE wire(
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            seq_hint INTEGER NOT NULL,
            venue TEXT NOT NULL,
            account TEXT NOT NULL,
            subject TEXT NOT NULL,
            direction TEXT NOT NULL,
            payload TEXT NOT NULL
        );
        CREATE INDEX wire_subject ON wire(subject);
        """,
    ),
)


def version_of(connection: apsw.Connection, schema: Schema) -> int:
    """Give the schema version of a file that this Bascule can read, 0 for an empty one.

    Raises:
        JournalError: a newer Bascule wrote it; it was not changed.
        JournalCorrupt: it is a database of something else.
    """
    version = int(connection.pragma("user_version"))
    mark = int(connection.pragma("application_id"))
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    ours = mark == schema.application_id and version > 0
    if not ours and not (empty and mark == 0 and version == 0):
        raise JournalCorrupt(
            f"{connection.filename} is a database, but not a Bascule {schema.what}. It was not"
            " changed.",
            code="journal_not_ours",
            hint=f"Name another file for the {schema.what}.",
        )
    if version > len(schema.steps):
        raise JournalError(
            f"{connection.filename} has schema version {version} and this Bascule knows up to"
            f" {len(schema.steps)}. It was not changed.",
            code="journal_newer",
            hint="Start the newer Bascule that wrote it, or restore a backup made before.",
        )
    return version


def altered(connection: apsw.Connection, schema: Schema) -> str:
    """Name the first table or index that is not what the steps make, or give ''.

    SQLite reads a file by the words that stand in it, so one letter of them that rots can hide
    every row. What a user added is left alone.
    """
    found = set(connection.execute(_OBJECTS))
    return next((name.decode() for _, name, *_ in sorted(_made(schema) - found)), "")


_OBJECTS = (
    "SELECT type, CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"
)


@cache
def _made(schema: Schema) -> frozenset[tuple[str, bytes, bytes, bytes]]:
    """Give what a new file of this schema holds."""
    connection = apsw.Connection(":memory:")
    try:
        upgrade(connection, schema)
        return frozenset(connection.execute(_OBJECTS))
    finally:
        connection.close()


def upgrade(connection: apsw.Connection, schema: Schema) -> tuple[int, int]:
    """Bring a file to the newest schema, each step in a transaction of its own.

    Returns:
        the version before and after; they are equal when there was nothing to do.

    Raises:
        JournalError: a newer Bascule wrote it; it was not changed.
        JournalCorrupt: it is a database of something else.
    """
    before = version_of(connection, schema)
    for number, step in enumerate(schema.steps[before:], before + 1):
        with connection:
            connection.execute(step)
            connection.pragma("application_id", schema.application_id)
            connection.pragma("user_version", number)
    return before, len(schema.steps)
