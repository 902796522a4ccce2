"""What a FIX venue was told, on disk: every order with its ids, and every fill once.

FIX has no way to ask for past fills, so they are kept here as they are told. That is whole as long
as the session's numbers go on: each message comes in order, and what is missed is asked for. The
order and drop copy sessions write into one blotter, which is how a fill is counted once.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import msgspec
from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.errors import VenueTerminal
from bascule.model.ids import AccountId, VenueSymbol
from bascule.model.values import Instant, text
from bascule.venues.fix.orders import Known

_VERSION = 1


class FillRow(Struct, frozen=True, kw_only=True):
    """One fill. ``key`` names it within its order; ``exec_id`` is ExecID (17) as it was told.

    ``source`` is the session that told it first. ``state``: ``live`` or ``busted``.
    """

    order_id: str
    key: str
    account: AccountId
    cl_ord_id: str
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    price: Decimal
    at: Instant
    exec_id: str = ""
    position_id: str = ""
    source: str = "trade"
    state: str = "live"

    @property
    def name(self) -> str:
        """The fill's id for the engine: unique in an account."""
        return f"{self.order_id}/{self.key}"


_COLUMNS = FillRow.__struct_fields__
_PUT = (
    f"INSERT OR REPLACE INTO fills ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Blotter:
    """One venue's file. Nothing is durable before ``commit``.

    Raises:
        VenueTerminal: the file is in use, cannot be written, or is none of this version.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(1000)
            version = self._db.pragma("user_version")
            if version not in (0, _VERSION):
                raise VenueTerminal(
                    f"{path} has version {version}, this Bascule writes {_VERSION}; use the "
                    "Bascule that wrote it, or name another store",
                    code="fix_blotter_unusable",
                )
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "full")
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS fills ({', '.join(_COLUMNS)}, "
                "PRIMARY KEY (order_id, key))"
            )
            self._db.execute("CREATE INDEX IF NOT EXISTS fills_by_time ON fills(account, at)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS orders (account, cl_ord_id, ended, body, "
                "PRIMARY KEY (account, cl_ord_id))"
            )
            self._db.pragma("user_version", _VERSION)
        except (apsw.Error, OSError) as error:
            raise VenueTerminal(
                f"the record of fills {path} cannot be used: {error}; end the other process that "
                "uses it, mend the folder's rights, or name another store",
                code="fix_blotter_unusable",
            ) from None
        self._open = False

    def add(self, fill: FillRow) -> bool:
        """Take a fill; False when it is known already."""
        if self.fill(fill.order_id, fill.key) is not None:
            return False
        self.put(fill)
        return True

    def put(self, fill: FillRow) -> None:
        """Write a fill, or what became of one."""
        self._begin()
        row = msgspec.structs.astuple(fill)
        plain = [text(value) if type(value) is Decimal else value for value in row]
        self._run(_PUT, plain)

    def fill(self, order_id: str, key: str) -> FillRow | None:
        """Find a fill by its order and key."""
        return next(self._fills("order_id = ? AND key = ?", order_id, key), None)

    def by_exec_id(self, order_id: str, exec_id: str) -> FillRow | None:
        """Find the fill that a bust or correction speaks of."""
        return next(self._fills("order_id = ? AND exec_id = ?", order_id, exec_id), None)

    def fills(self, account: AccountId, since: Instant) -> list[FillRow]:
        """Give the live fills of an account at or after an instant, oldest first."""
        where = "account = ? AND at >= ? AND state = 'live' ORDER BY at, rowid"
        return list(self._fills(where, account, since))

    def newest(self, account: AccountId) -> Instant:
        """Give the counterparty's time of an account's newest fill; 0 where there is none."""
        found = self._run("SELECT max(at) FROM fills WHERE account = ?", (account,))
        return Instant(found[0][0] or 0)

    def keep_orders(self, orders: Iterable[Known]) -> None:
        """Write orders as they are now."""
        for known in orders:
            self._begin()
            self._run(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)",
                (known.account, known.cl_ord_id, known.ended, msgspec.json.encode(known)),
            )

    def orders(self) -> list[Known]:
        """Give every order that was kept."""
        rows = self._run("SELECT body FROM orders ORDER BY rowid")
        return [msgspec.json.decode(row[0], type=Known) for row in rows]

    def commit(self) -> None:
        """Make everything durable.

        Raises:
            VenueTerminal: the disk refused; it is tried again with the next commit.
        """
        if self._open:
            self._run("COMMIT")
            self._open = False

    def close(self) -> None:
        """Make everything durable, and let the file go."""
        try:
            self.commit()
        finally:
            self._db.close()

    def _begin(self) -> None:
        if not self._open:
            self._run("BEGIN")
            self._open = True

    def _fills(self, where: str, *words: Any) -> Iterator[FillRow]:
        for row in self._run(f"SELECT {', '.join(_COLUMNS)} FROM fills WHERE {where}", words):
            named = dict(zip(_COLUMNS, row, strict=True))
            yield msgspec.convert(named, FillRow, strict=False)

    def _run(self, statement: str, words: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, words).fetchall()
        except apsw.Error as error:
            raise VenueTerminal(
                f"the record of fills failed: {error}; mend the disk, then start again",
                code="fix_blotter_unusable",
            ) from None
