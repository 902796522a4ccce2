"""What a double keeps for ever: every order, request, fill and posting. It never forgets.

``Ledger`` is what the broker needs of it; ``MemoryLedger`` serves the simulator and the lab,
``ledger_sqlite.SqliteLedger`` the brokers that run as a process of their own.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.ids import VenueSymbol
from bascule.model.values import ZERO, Currency, Instant
from bascule.venues.kit.accounts import Position, Posting
from bascule.venues.kit.matching import Order

ALL = 2**31
"""More rows than anybody has."""


class Fill(Struct, frozen=True, kw_only=True):
    """One trade. Quantity unsigned, commission a cost if positive, both money in ``currency``.

    ``state`` is ``live`` or ``busted``; a correction changes quantity and price of the row and
    is told with an exec id of its own. The other words are those of ``Order``.
    """

    exec_id: str
    venue_order_id: str
    login: str
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    price: Decimal
    at: Instant
    cl_ord_id: str = ""
    origin: str = "client"
    commission: Decimal = ZERO
    currency: Currency = Currency("")
    realized: Decimal = ZERO
    position_key: str = ""
    parent: str = ""
    leg: str = ""
    state: str = "live"


class Request(Struct, frozen=True, kw_only=True):
    """One command as it came in, and what became of it.

    ``seq`` is given by the ledger. ``op``: ``submit``, ``cancel`` or ``replace``. ``outcome``:
    ``accepted``, ``refused`` (then ``reason``) or ``lost`` (a fault took it before the broker
    read it). ``body`` and ``reply`` are the frames as text; ``fault`` names a fault that touched
    the request or its reply.
    """

    at: Instant
    login: str
    op: str
    outcome: str
    seq: int = 0
    cl_ord_id: str = ""
    venue_order_id: str = ""
    request_id: str = ""
    reason: str = ""
    fault: str = ""
    body: str = ""
    reply: str = ""


class Marks(Struct, kw_only=True):
    """Where the broker stands: the last order's and report's number, the last rollover.

    Before the first rollover it is the broker's first start.
    """

    order: int = 0
    report: int = 0
    rollover: Instant = Instant(0)


class Changes(Struct, kw_only=True):
    """Everything that changed since the ledger was last told."""

    orders: list[Order]
    fills: list[Fill]
    postings: list[Posting]
    positions: list[Position]
    closed: list[tuple[str, str]]
    """(login, key) of positions that are gone."""
    marks: Marks


class Kept(Struct, kw_only=True):
    """What a broker needs to go on where it stopped."""

    orders: list[Order]
    positions: list[Position]
    balances: dict[str, Decimal]
    marks: Marks


class Ledger(Protocol):
    """The store behind a broker. ``record`` is seen by the reads at once, durable or not."""

    def record(self, changes: Changes) -> None:
        """Keep what changed."""

    def request(self, request: Request) -> None:
        """Keep one command."""

    def order(self, login: str, *, cl_ord_id: str = "", venue_order_id: str = "") -> Order | None:
        """Find an order, open or ended, by one of its ids."""

    def fill(self, login: str, exec_id: str) -> Fill | None:
        """Find a fill by its exec id."""

    def fills_since(
        self, login: str, since: Instant, *, after: int = -1, limit: int = ALL
    ) -> list[Fill]:
        """Give the live fills at or after an instant, oldest first, then by number.

        ``after`` leaves out those of that very instant up to an exec id, so that a reader who
        takes ``limit`` at a time can go on behind the last.
        """

    def load(self) -> Kept:
        """Give open orders, positions, balances and marks."""


class MemoryLedger:
    """A ledger without a disk."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Order] = {}
        self.fills: dict[tuple[str, str], Fill] = {}
        self.requests: list[Request] = []
        self.postings: list[Posting] = []
        self._by_client: dict[tuple[str, str], Order] = {}
        self._positions: dict[tuple[str, str], Position] = {}
        self._marks = Marks()

    def record(self, changes: Changes) -> None:
        """Keep what changed."""
        for order in changes.orders:
            self.orders[order.login, order.venue_order_id] = order
            if order.cl_ord_id:
                self._by_client[order.login, order.cl_ord_id] = order
        for fill in changes.fills:
            self.fills[fill.login, fill.exec_id] = fill
        self.postings += changes.postings
        for held in changes.positions:
            self._positions[held.login, held.key] = held
        for key in changes.closed:
            self._positions.pop(key, None)
        self._marks = changes.marks

    def request(self, request: Request) -> None:
        """Keep one command."""
        numbered = msgspec.structs.replace(request, seq=len(self.requests) + 1)
        self.requests.append(numbered)

    def order(self, login: str, *, cl_ord_id: str = "", venue_order_id: str = "") -> Order | None:
        """Find an order, open or ended, by one of its ids."""
        if venue_order_id:
            return self.orders.get((login, venue_order_id))
        return self._by_client.get((login, cl_ord_id))

    def fill(self, login: str, exec_id: str) -> Fill | None:
        """Find a fill by its exec id."""
        return self.fills.get((login, exec_id))

    def fills_since(
        self, login: str, since: Instant, *, after: int = -1, limit: int = ALL
    ) -> list[Fill]:
        """Give the live fills at or after an instant, oldest first, then by number."""
        found = [
            (fill.at, int(fill.exec_id), fill)
            for fill in self.fills.values()
            if fill.login == login and fill.state == "live"
        ]
        found = [row for row in found if row[:2] > (since, after)]
        return [fill for _, _, fill in sorted(found, key=lambda row: row[:2])[:limit]]

    def load(self) -> Kept:
        """Give open orders, positions, balances and marks."""
        return Kept(
            orders=[order for order in self.orders.values() if not order.ended],
            positions=list(self._positions.values()),
            balances=_sums(self.postings),
            marks=self._marks,
        )


def _sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for posting in postings:
        sums[posting.login] = sums.get(posting.login, ZERO) + posting.amount
    return sums
