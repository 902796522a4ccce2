"""What a FIX venue was told, on disk: every order with its ids, and every fill once.

FIX has no way to ask for past fills, so they are kept here as they are told. That is whole as long
as the session's numbers go on: each message comes in order, and what is missed is asked for. The
order and drop copy sessions write into one blotter, which is how a fill is counted once. What they
add up to is kept beside them as they come, since a look asks for it each time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from bascule.venues.fix.positions import Net

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
_ADD = f"INSERT INTO fills ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_AMEND = "UPDATE fills SET quantity = ?, price = ?, state = ? WHERE order_id = ? AND key = ?"
_NAMED = (
    "state = 'live' AND (exec_id = ?1 OR EXISTS (SELECT 1 FROM amendments AS a WHERE "
    "a.order_id = fills.order_id AND a.exec_id = ?1 AND a.key = fills.key))"
)
_ADDENDS = (
    "SELECT account, venue_symbol, side, quantity, price FROM fills NOT INDEXED WHERE "
    "?1 IN ('', account) AND ?2 IN ('', venue_symbol) AND state = 'live' ORDER BY rowid"
)
_NEWEST = "SELECT max(rowid) FROM fills"
_Sums = dict[tuple[AccountId, VenueSymbol], Net]


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
                "CREATE TABLE IF NOT EXISTS amendments (order_id, exec_id, key, "
                "PRIMARY KEY (order_id, exec_id))"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS orders (account, cl_ord_id, ended, body, "
                "PRIMARY KEY (account, cl_ord_id))"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS sums (account, venue_symbol, quantity, average, "
                "realized, PRIMARY KEY (account, venue_symbol))"
            )
            self._db.execute("CREATE TABLE IF NOT EXISTS summed (upto)")
            self._db.pragma("user_version", _VERSION)
        except (apsw.Error, OSError) as error:
            raise VenueTerminal(
                f"the record of fills {path} cannot be used: {error}; end the other process that "
                "uses it, mend the folder's rights, or name another store",
                code="fix_blotter_unusable",
            ) from None
        self._open = False
        self._moved: set[tuple[AccountId, VenueSymbol]] = set()
        """Whose sum is another than is written down."""
        self._amended: set[tuple[AccountId, VenueSymbol]] = set()
        """Where a fill was taken back or corrected: the sum is made anew when it is asked for."""
        self._sums = self._read_sums()

    def add(self, fill: FillRow) -> bool:
        """Take a fill; False when it is known already."""
        if self.fill(fill.order_id, fill.key) is not None:
            return False
        self._begin()
        row = msgspec.structs.astuple(fill)
        plain = [text(value) if type(value) is Decimal else value for value in row]
        self._run(_ADD, plain)
        one = fill.account, fill.venue_symbol
        self._sums.setdefault(one, Net()).add(fill.quantity * fill.side.sign, fill.price)
        self._moved.add(one)
        return True

    def amend(self, fill: FillRow, exec_id: str) -> None:
        """Write what became of a fill: its quantity, price and state; it keeps its place.

        ``exec_id`` is that of the report that says so, empty where it has none.
        """
        self._begin()
        words = (text(fill.quantity), text(fill.price), fill.state, fill.order_id, fill.key)
        self._run(_AMEND, words)
        if exec_id:
            named = (fill.order_id, exec_id, fill.key)
            self._run("INSERT OR IGNORE INTO amendments VALUES (?, ?, ?)", named)
        one = fill.account, fill.venue_symbol
        self._amended.add(one)
        self._moved.add(one)

    def amended(self, order_id: str, exec_id: str) -> bool:
        """Whether a report of this id has amended a fill of the order."""
        which = "amendments WHERE order_id = ? AND exec_id = ?"
        return bool(self._run(f"SELECT 1 FROM {which}", (order_id, exec_id)))

    def fill(self, order_id: str, key: str) -> FillRow | None:
        """Find a fill by its order and key."""
        return next(self._fills("order_id = ? AND key = ?", order_id, key), None)

    def named(self, order_id: str, known: Known, exec_id: str) -> list[FillRow]:
        """Find the live fills that a bust or correction speaks of: one report may tell several.

        They are named by the report that told them, or by one that corrected them. Their order may
        have had another number then.
        """
        found = self._fills(f"{_NAMED} AND order_id = ?2 ORDER BY rowid", exec_id, order_id)
        named = (exec_id, known.account, known.cl_ord_id)
        of_name = f"{_NAMED} AND account = ?2 AND cl_ord_id = ?3 ORDER BY rowid"
        return list(found) or list(self._fills(of_name, *named))

    def fills(self, account: AccountId, since: Instant) -> list[FillRow]:
        """Give the live fills of an account at or after an instant, oldest first."""
        where = "account = ? AND at >= ? AND state = 'live' ORDER BY at, rowid"
        return list(self._fills(where, account, since))

    def newest(self, account: AccountId) -> Instant:
        """Give the counterparty's time of an account's newest fill; 0 where there is none."""
        found = self._run("SELECT max(at) FROM fills WHERE account = ?", (account,))
        return Instant(found[0][0] or 0)

    def sums(self, account: AccountId) -> Mapping[VenueSymbol, Net]:
        """Give what the live fills of an account add up to, in the order in which they were told.

        It is the caller's to read, until the next fill.
        """
        for one in [one for one in self._amended if one[0] == account]:
            self._sums[one] = self._add_up(*one).get(one, Net())
            self._amended.discard(one)
            self._moved.add(one)
        return {symbol: net for (owner, symbol), net in self._sums.items() if owner == account}

    def _add_up(self, account: str = "", symbol: str = "") -> _Sums:
        """Add up all fills, or those of one account in one symbol."""
        sums: _Sums = {}
        for owner, name, side, quantity, price in self._run(_ADDENDS, (account, symbol)):
            signed = Decimal(quantity) * Side(side).sign
            one = AccountId(owner), VenueSymbol(name)
            sums.setdefault(one, Net()).add(signed, Decimal(price))
        return sums

    def _read_sums(self) -> _Sums:
        """Read the sums, if they are of all fills that there are; else add the fills up."""
        if self._run("SELECT upto FROM summed") == self._run(_NEWEST):
            rows = self._run("SELECT account, venue_symbol, quantity, average, realized FROM sums")
            return {(row[0], row[1]): Net(*map(Decimal, row[2:])) for row in rows}
        sums = self._add_up()
        self._moved.update(sums)
        return sums

    def _write_sums(self) -> None:
        """Write what moved; as long as one is to be made anew, they are of no fills at all."""
        if not self._moved:
            return
        for one in self._moved:
            words = [text(value) for value in msgspec.structs.astuple(self._sums[one])]
            self._run("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?, ?)", (*one, *words))
        self._moved &= self._amended
        self._run("DELETE FROM summed")
        self._run(f"INSERT INTO summed {'SELECT 0' if self._amended else _NEWEST}")

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
            self._write_sums()
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
