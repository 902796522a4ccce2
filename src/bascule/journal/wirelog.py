"""The wire log: what was said to venues and by them, redacted, in a file of its own.

It informs and nothing more. No decision reads it, a full queue drops the oldest lines and counts
them, and a failing disk stops the log and not the engine.
"""

import threading
from collections import deque
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import apsw
import structlog

from bascule.journal.redact import redact
from bascule.journal.sqlite import BUSY_MS, PAGE
from bascule.journal.upgrade import WIRE_LOG, upgrade, version_of
from bascule.model.errors import JournalCorrupt, JournalError
from bascule.model.values import Instant

log = structlog.get_logger("bascule.journal")

QUEUE_MAX = 50_000
PAYLOAD_MAX = 64 << 10
"""Characters of a payload that are kept."""
CHUNK_LINES = 500
"""Lines per statement: one statement gives the interpreter lock up once."""
EVERY_S = 0.1
SIZE_MAX = 256 << 20
"""Bytes of the file, about; beyond it the oldest tenth of the lines goes."""
LINES_MAX = 10_000
"""No call of a reader gives more lines than this."""

Direction = Literal["in", "out"]

_INSERT = "INSERT INTO wire(at, seq_hint, venue, account, subject, direction, payload) VALUES "


class Line(NamedTuple):
    """One line. ``seq_hint`` is the journal's head when it was said; ``subject`` what it is about.

    ``direction`` is ``out`` for what we said and ``in`` for what we heard. ``subject`` is a
    ClOrdID or request id where there is one, else a word such as ``login``.
    """

    id: int
    at: Instant
    seq_hint: int
    venue: str
    account: str
    subject: str
    direction: str
    payload: str


class WireLog:
    """Keeps lines from a thread of its own, and never raises.

    ``dropped`` counts the lines that were lost, and ``failure`` says why the log stopped, or ''.
    A file that cannot be read is moved to ``<name>.damaged`` and a new one is begun.
    """

    def __init__(
        self, path: str | Path, *, size_max: int = SIZE_MAX, queue_max: int = QUEUE_MAX
    ) -> None:
        self._path = Path(path)
        self._size_max = size_max
        self._queue: deque[tuple[Any, ...]] = deque(maxlen=queue_max)
        self._queue_max = queue_max
        self._stop = threading.Event()
        self.dropped = 0
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="wire-log", daemon=True)
        self._thread.start()

    def put(
        self,
        at: Instant,
        seq_hint: int,
        venue: str,
        account: str,
        subject: str,
        direction: Direction,
        payload: str | bytes,
    ) -> None:
        """Queue a line; about a microsecond, never blocks. Redaction comes later."""
        queue = self._queue
        if self.failure:
            self.dropped += 1
            return
        if len(queue) == self._queue_max:
            self.dropped += 1  # the queue lets its oldest line go
        queue.append((at, seq_hint, venue, account, subject, direction, payload))

    def close(self) -> None:
        """Write what is queued and let go of the file. Closing twice is harmless."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            connection = self._open()
            stopping = False
            while not stopping:
                stopping = self._stop.wait(EVERY_S)
                while self._queue:
                    self._write(connection, self._take())
                self._keep_to_size(connection)
            connection.close()
        except Exception as error:  # a thread that ends unheard would leave it said to be kept
            self.failure = f"The wire log {self._path} stopped: {error}. Trading goes on."
            self._queue.clear()
            log.error("wire_log_stopped", text=self.failure)

    def _open(self) -> apsw.Connection:
        try:
            return _open(self._path)
        except (apsw.NotADBError, apsw.CorruptError, JournalCorrupt):
            for suffix in ("-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._path.replace(f"{self._path}.damaged")
            return _open(self._path)

    def _take(self) -> list[tuple[Any, ...]]:
        lines = []
        for _ in range(min(len(self._queue), CHUNK_LINES)):
            at, seq_hint, *words, payload = self._queue.popleft()
            kept = redact(_text(payload)[:PAYLOAD_MAX])
            lines.append((at, seq_hint, *map(_text, words), kept))
        return lines

    def _write(self, connection: apsw.Connection, lines: list[tuple[Any, ...]]) -> None:
        connection.execute(
            _INSERT + ",".join(["(?,?,?,?,?,?,?)"] * len(lines)),
            [value for line in lines for value in line],
            can_cache=len(lines) == CHUNK_LINES,
        )

    def _keep_to_size(self, connection: apsw.Connection) -> None:
        """Let the oldest lines go while the file is full; their pages are used again."""
        while self._used(connection) > self._size_max:
            connection.execute(
                "DELETE FROM wire WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 10 FROM wire)"
            )
            if not connection.changes():
                return

    def _used(self, connection: apsw.Connection) -> int:
        free = int(connection.pragma("freelist_count"))
        return (int(connection.pragma("page_count")) - free) * PAGE


class WireReader:
    """Reads a wire log, also while it is written; for one thread at a time.

    Raises:
        JournalError: there is none yet, or a newer Bascule wrote it.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            self._connection.set_busy_timeout(BUSY_MS)
            version = version_of(self._connection, WIRE_LOG)
        except apsw.CantOpenError:
            version = 0
        if version == 0:
            raise JournalError(
                f"There is no wire log at {path}.",
                code="wire_log_missing",
                hint="The engine writes one as soon as it talks to a venue.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def about(self, subject: str, limit: int = 1_000) -> list[Line]:
        """Give the newest ``limit`` lines about a subject, oldest first."""
        return self._lines("subject = ?1", subject, limit)

    def latest(self, limit: int = 1_000) -> list[Line]:
        """Give the newest ``limit`` lines, oldest first."""
        return self._lines("?1 = ''", "", limit)

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._connection.close(True)

    def _lines(self, condition: str, value: str, limit: int) -> list[Line]:
        sql = f"SELECT * FROM wire WHERE {condition} ORDER BY id DESC LIMIT ?2"
        found = self._connection.execute(sql, (value, min(limit, LINES_MAX))).fetchall()
        return [Line(*row) for row in reversed(found)]


def _text(payload: str | bytes) -> str:
    """Give text that SQLite can hold, whatever came over the wire."""
    raw = payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace")
    return raw.decode("utf-8", "replace")


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")
        upgrade(connection, WIRE_LOG)
    except (apsw.Error, JournalError):
        connection.close(True)
        raise
    return connection
