"""The schema of a journal file, and the ordered steps that bring an older file up to date.

A new file is an old one of version 0. A step is never edited once it was released; a change of
schema is a new step at the end, and ``tests/unit/journal/data`` keeps a file of every version.
"""

import apsw

from bascule.model.errors import JournalCorrupt, JournalError

APPLICATION_ID = 0x42534355
"""``BSCU``: what marks a SQLite file as a Bascule journal."""

STEPS = (
    f"""
    PRAGMA application_id = {APPLICATION_ID};
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
)
"""Step n brings schema version n to n + 1."""


def version_of(connection: apsw.Connection) -> int:
    """Give the schema version of a journal, 0 for an empty file.

    Raises:
        JournalCorrupt: the file is a database of something else.
    """
    version = int(connection.pragma("user_version"))
    mark = int(connection.pragma("application_id"))
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    ours = mark == APPLICATION_ID and version > 0
    if not ours and not (empty and mark == 0 and version == 0):
        raise JournalCorrupt(
            f"{connection.filename} is a database, but not a Bascule journal. It was not changed.",
            code="journal_not_ours",
            hint="Name another file for the journal.",
        )
    return version


def known_version(connection: apsw.Connection, newest: int = len(STEPS)) -> int:
    """Give the schema version of a journal that this Bascule can read, 0 for an empty file.

    Raises:
        JournalError: a newer Bascule wrote this file; it was not changed.
        JournalCorrupt: the file is a database of something else.
    """
    version = version_of(connection)
    if version > newest:
        raise JournalError(
            f"{connection.filename} has schema version {version} and this Bascule knows up to"
            f" {newest}. It was not changed.",
            code="journal_newer",
            hint="Start the newer Bascule that wrote it, or restore a backup made before.",
        )
    return version


def upgrade(connection: apsw.Connection, steps: tuple[str, ...] = STEPS) -> tuple[int, int]:
    """Bring a journal to the newest schema, each step in a transaction of its own.

    Returns:
        the version before and after; they are equal when there was nothing to do.

    Raises:
        JournalError: a newer Bascule wrote this file; it was not changed.
        JournalCorrupt: the file is a database of something else.
    """
    before = known_version(connection, len(steps))
    for number, step in enumerate(steps[before:], before + 1):
        with connection:
            connection.execute(f"{step}; PRAGMA user_version = {number}")
    return before, len(steps)
