"""The orders that a session has spoken of: their terms, and every id they ever went by. Pure.

A cancel or replace gives an order a further ClOrdID, and what is in force has the id of the last
one that was accepted. An order is found by the counterparty's OrderID first, which mostly stays,
then by any id of its chain.
"""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import OrdType, Side, TimeInForce
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.order import NewOrder, ReplaceOrder
from bascule.model.values import ZERO, Instant


class Known(Struct, kw_only=True):
    """One order.

    ``cl_ord_id`` is its first id and the one that Bascule knows it by; ``current`` the id of its
    last accepted state, ``ids`` all ids in their order. ``cum_qty`` and ``avg_price`` are those of
    the fills that were counted, ``made_up`` the part of them that was worked out from a total.
    ``foreign`` is True for one that Bascule did not send.
    """

    account: AccountId
    cl_ord_id: ClOrdID
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    ord_type: OrdType
    order_id: str = ""
    current: str = ""
    ids: tuple[str, ...] = ()
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Instant | None = None
    cum_qty: Decimal = ZERO
    avg_price: Decimal = ZERO
    made_up: Decimal = ZERO
    ended: bool = False
    foreign: bool = False

    def count(self, quantity: Decimal, price: Decimal) -> None:
        """Count a fill; one that is taken back has a negative quantity."""
        total = self.cum_qty + quantity
        if total > 0:
            self.avg_price = (self.avg_price * self.cum_qty + price * quantity) / total
        self.cum_qty = total


class Change(Struct, frozen=True):
    """A cancel or replace that is under way: its own id and what it asks for."""

    request_id: str
    order: ClOrdID
    replace: ReplaceOrder | None = None


class Orders:
    """Every order of one venue, by each of its names."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[AccountId, str], Known] = {}
        self._by_id: dict[str, Known] = {}
        self.changes: dict[str, Change] = {}
        self.dirty: dict[tuple[AccountId, str], Known] = {}
        """What changed since it was last written down."""

    def add(self, known: Known) -> Known:
        """Take in an order."""
        known.current = known.current or known.cl_ord_id
        known.ids = known.ids or (known.cl_ord_id,)
        for name in known.ids:
            self._by_name[known.account, name] = known
        if known.order_id and not (known.foreign and known.order_id in self._by_id):
            self._by_id[known.order_id] = known
        return known

    def new(self, order: NewOrder) -> Known:
        """Take in an order that is about to be sent."""
        known = Known(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_symbol=order.venue_symbol,
            side=order.side,
            quantity=order.quantity,
            ord_type=order.ord_type,
            price=order.price,
            stop_price=order.stop_price,
            time_in_force=order.time_in_force,
            expire_at=order.expire_at,
        )
        return self.touch(self.add(known))

    def touch(self, known: Known) -> Known:
        """Have a change of an order written down."""
        self.dirty[known.account, known.cl_ord_id] = known
        return known

    def named(self, account: AccountId, name: str) -> Known | None:
        """Find an order by any id of its chain."""
        return self._by_name.get((account, name))

    def find(self, account: AccountId | None, order_id: str, *names: str) -> Known | None:
        """Find an order by the counterparty's id first, then by any of its own.

        ``account`` None: the message does not say whose it is. One that seemed foreign gives way to
        ours, since a drop copy may name an order otherwise, and before its own session does.
        """
        known = self._by_id.get(order_id) if order_id else None
        if known is not None and account not in (None, known.account):
            known = None
        if known is not None and not known.foreign:
            return known
        for name in filter(None, names):
            if account is not None:
                found = self._by_name.get((account, name))
            else:
                found = next((o for (_, n), o in self._by_name.items() if n == name), None)
            if found is not None:
                return found
        return known

    def live(self, account: AccountId) -> list[Known]:
        """Give the orders of an account that are not known to have ended."""
        seen = {id(known): known for (owner, _), known in self._by_name.items() if owner == account}
        return [known for known in seen.values() if not known.ended]

    def begin(self, known: Known, change: Change) -> None:
        """Take in that a change of an order is about to be sent."""
        self.changes[change.request_id] = change
        known.ids = (*known.ids, change.request_id)
        self._by_name[known.account, change.request_id] = known
        self.touch(known)

    def accepted(self, known: Known, request_id: str) -> None:
        """Take in that a change was accepted: its id is the order's from now on."""
        self.changes.pop(request_id, None)
        if request_id in known.ids:
            known.current = request_id
        self.touch(known)

    def refused(self, request_id: str) -> None:
        """Take in that a change was refused: the order keeps its id and terms."""
        self.changes.pop(request_id, None)

    def bind(self, known: Known, order_id: str) -> None:
        """Learn the counterparty's id of an order, with what was counted under that id so far."""
        if not order_id or known.order_id == order_id:
            return
        other = self._by_id.get(order_id)
        if other is not None and other is not known and other.foreign:
            known.count(other.cum_qty, other.avg_price)
            other.ended = True
            self.touch(other)
        known.order_id = order_id
        self._by_id[order_id] = known
        self.touch(known)
