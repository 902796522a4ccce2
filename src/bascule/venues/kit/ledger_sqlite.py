"""A double's ledger in one SQLite file that a test can read with plain ``sqlite3``.

Each table's columns are the fields of its struct, numbers as decimal text and times as UTC
nanoseconds. Nothing is durable before ``commit``; after it, everything is (WAL with
``synchronous=FULL``).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw
import msgspec

from bascule.model.errors import JournalCorrupt, JournalLocked, JournalUnwritable
from bascule.model.values import ZERO, Instant, text
from bascule.venues.kit.accounts import Position, Posting
from bascule.venues.kit.ledger import ALL, Changes, Fill, Kept, Marks, Request
from bascule.venues.kit.matching import Order

_T = TypeVar("_T", bound=msgspec.Struct)
_VERSION = 1

_INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS orders_by_client ON orders(login, cl_ord_id)
    WHERE cl_ord_id <> '';
CREATE INDEX IF NOT EXISTS orders_open ON orders(login)
    WHERE status IN ('working', 'partially_filled');
CREATE INDEX IF NOT EXISTS fills_by_time ON fills(login, at);
"""


class _Table(Generic[_T]):
    """One table whose columns are a struct's fields."""

    def __init__(self, name: str, row: type[_T], key: str) -> None:
        self.row = row
        columns = row.__struct_fields__
        self.create = f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)}{key})"
        self.put = (
            f"INSERT OR REPLACE INTO {name} ({', '.join(columns)}) "
            f"VALUES ({', '.join('?' * len(columns))})"
        )
        self.select = f"SELECT {', '.join(columns)} FROM {name} "

    def values(self, rows: Iterable[_T]) -> list[tuple[object, ...]]:
        """Give rows as SQLite takes them."""
        return [tuple([_plain(value) for value in msgspec.structs.astuple(row)]) for row in rows]

    def read(self, rows: Iterable[Sequence[Any]]) -> list[_T]:
        """Give structs of rows."""
        names = self.row.__struct_fields__
        return [
            msgspec.convert(dict(zip(names, row, strict=True)), self.row, strict=False)
            for row in rows
        ]


def _plain(value: object) -> object:
    return text(value) if type(value) is Decimal else value


_ORDERS = _Table("orders", Order, ", PRIMARY KEY (venue_order_id)")
_FILLS = _Table("fills", Fill, ", PRIMARY KEY (exec_id)")
_REQUESTS = _Table("requests", Request, ", PRIMARY KEY (seq)")
_POSITIONS = _Table("positions", Position, ", PRIMARY KEY (login, key)")
_POSTINGS = _Table("postings", Posting, "")


class SqliteLedger:
    """The ledger of one broker process. One writer; readers may open the file at any time.

    Raises:
        JournalLocked: another broker holds the file.
        JournalUnwritable: it cannot be opened for writing.
        JournalCorrupt: it is no ledger, or one of another version.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(1000)
            # An exclusive transaction on a file of its own says "in use" until the process ends,
            # however it ends; the ledger itself stays open to readers.
            self._guard = apsw.Connection(f"{path}.lock")
            self._guard.execute("BEGIN EXCLUSIVE")
            version = self._db.pragma("user_version")
        except apsw.BusyError:
            raise JournalLocked(
                f"the ledger {path} is in use by another broker; end that one or name another file"
            ) from None
        except (apsw.CantOpenError, apsw.ReadOnlyError, OSError):
            raise JournalUnwritable(
                f"the ledger {path} cannot be opened for writing; mend the folder's rights or name "
                "another file"
            ) from None
        except apsw.NotADBError:
            raise JournalCorrupt(f"{path} is no ledger; name another file") from None
        if version not in (0, _VERSION):
            raise JournalCorrupt(
                f"the ledger {path} has version {version}, this broker writes {_VERSION}; "
                "name another file or use the broker that wrote it"
            )
        self._db.pragma("journal_mode", "wal")
        self._db.pragma("synchronous", "full")
        self._create()
        self._open = False
        self._requests: list[Request] = []
        last = self._db.execute("SELECT max(seq) FROM requests").fetchone()
        self._seq = int(last[0] or 0) if last else 0

    @property
    def pending(self) -> bool:
        """Whether there is anything that is not durable yet."""
        return self._open or bool(self._requests)

    def _create(self) -> None:
        with self._db:
            for table in (_ORDERS, _FILLS, _REQUESTS, _POSITIONS, _POSTINGS):
                self._db.execute(table.create)
            self._db.execute(_INDEXES)
            self._db.execute("CREATE TABLE IF NOT EXISTS balances (login TEXT PRIMARY KEY, amount)")
            self._db.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value)")
            self._db.pragma("user_version", _VERSION)

    def record(self, changes: Changes) -> None:
        """Keep what changed; durable at the next ``commit``."""
        self._begin()
        many = self._db.executemany
        if changes.orders:
            many(_ORDERS.put, _ORDERS.values(changes.orders))
        if changes.fills:
            many(_FILLS.put, _FILLS.values(changes.fills))
        if changes.closed:
            many("DELETE FROM positions WHERE login = ? AND key = ?", changes.closed)
        if changes.positions:
            many(_POSITIONS.put, _POSITIONS.values(changes.positions))
        if changes.postings:
            many(_POSTINGS.put, _POSTINGS.values(changes.postings))
            self._add_up(changes.postings)
        self.put_meta("marks", msgspec.json.encode(changes.marks).decode())

    def _add_up(self, postings: Iterable[Posting]) -> None:
        balances = self._balances()
        changed: dict[str, Decimal] = {}
        for posting in postings:
            before = changed.get(posting.login, balances.get(posting.login, ZERO))
            changed[posting.login] = before + posting.amount
        self._db.executemany(
            "INSERT OR REPLACE INTO balances VALUES (?, ?)",
            [(login, text(amount)) for login, amount in changed.items()],
        )

    def request(self, request: Request) -> None:
        """Keep one command; durable at the next ``commit``."""
        self._seq += 1
        self._requests.append(msgspec.structs.replace(request, seq=self._seq))

    def put_meta(self, name: str, value: str) -> None:
        """Keep a word under a name; durable at the next ``commit``."""
        self._begin()
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def meta(self, name: str) -> str:
        """Give the word under a name, empty when there is none."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def durability(self) -> tuple[str, str]:
        """Give the journal mode and the level of synchronizing that are in force."""
        levels = {0: "off", 1: "normal", 2: "full", 3: "extra"}
        return str(self._db.pragma("journal_mode")), levels[int(self._db.pragma("synchronous"))]

    def commit(self) -> None:
        """Make everything durable; returns when the disk has it."""
        if self._requests:
            self._begin()
            self._db.executemany(_REQUESTS.put, _REQUESTS.values(self._requests))
            self._requests.clear()
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        self._db.close()
        self._guard.close()

    def order(self, login: str, *, cl_ord_id: str = "", venue_order_id: str = "") -> Order | None:
        """Find an order, open or ended, by one of its ids."""
        column = "venue_order_id" if venue_order_id else "cl_ord_id"
        found = self._db.execute(
            f"{_ORDERS.select} WHERE login = ? AND {column} = ? AND {column} <> ''",
            (login, venue_order_id or cl_ord_id),
        ).fetchone()
        return _ORDERS.read([found])[0] if found else None

    def fill(self, login: str, exec_id: str) -> Fill | None:
        """Find a fill by its exec id."""
        found = self._db.execute(
            f"{_FILLS.select} WHERE exec_id = ? AND login = ?", (exec_id, login)
        ).fetchone()
        return _FILLS.read([found])[0] if found else None

    def fills_since(
        self, login: str, since: Instant, *, after: int = -1, limit: int = ALL
    ) -> list[Fill]:
        """Give the live fills at or after an instant, oldest first, then by number."""
        number = "CAST(exec_id AS INTEGER)"
        return _FILLS.read(
            self._db.execute(
                f"{_FILLS.select} WHERE login = ? AND at >= ? AND (at > ? OR {number} > ?) "
                f"AND state = 'live' ORDER BY at, {number} LIMIT ?",
                (login, since, since, after, limit),
            )
        )

    def rows(self, table: str, after: int, limit: int) -> list[dict[str, str | int | None]]:
        """Give raw rows of a table after a row number, each with its ``rowid``.

        Raises:
            KeyError: the ledger has no such table.
        """
        if table not in ("orders", "fills", "requests", "positions", "postings", "balances"):
            raise KeyError(table)
        info = self._db.execute("SELECT name FROM pragma_table_info(?)", (table,))
        names = ["rowid", *(str(name) for (name,) in info)]
        rows: Iterable[tuple[Any, ...]] = self._db.execute(
            f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?", (after, limit)
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def load(self) -> Kept:
        """Give open orders, positions, balances and marks."""
        marks = self.meta("marks")
        return Kept(
            orders=_ORDERS.read(
                self._db.execute(
                    f"{_ORDERS.select} WHERE status IN ('working', 'partially_filled') "
                    "ORDER BY CAST(venue_order_id AS INTEGER)"
                )
            ),
            positions=_POSITIONS.read(self._db.execute(_POSITIONS.select + "ORDER BY rowid")),
            balances=self._balances(),
            marks=msgspec.json.decode(marks, type=Marks) if marks else Marks(),
        )

    def _balances(self) -> dict[str, Decimal]:
        return {
            str(login): Decimal(amount)
            for login, amount in self._db.execute("SELECT login, amount FROM balances")
        }

    def _begin(self) -> None:
        if not self._open:
            self._db.execute("BEGIN IMMEDIATE")
            self._open = True
