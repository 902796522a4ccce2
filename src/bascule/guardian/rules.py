"""What a sweep does next, from what the venue shows and from nothing else. Pure.

Entries go at once, positions are closed once each for a state that is proven, and stops stand until
the position that they guard is gone.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.account import Capabilities
from bascule.model.enums import ENDED, OrdType, PositionMode, Side
from bascule.model.ids import ClOrdID, VenueSymbol, names_entry
from bascule.model.order import VenueOrder, VenuePosition
from bascule.model.values import ZERO, Instant

Key = tuple[str, str]
"""One position: its symbol, and its id on a hedging account."""

_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})


class Seen(Struct, frozen=True):
    """What a venue showed of an account. ``at`` is when the asking began.

    ``complete`` is False when a page was missing: then nothing is proven absent.
    """

    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]
    complete: bool
    at: Instant

    @property
    def held(self) -> tuple[VenuePosition, ...]:
        """Positions that are open."""
        return tuple(position for position in self.positions if position.quantity)

    @property
    def clean(self) -> bool:
        """Whether it proves that there is neither order nor position."""
        return self.complete and not self.held and not self.working

    @property
    def working(self) -> tuple[VenueOrder, ...]:
        """Orders that can still trade."""
        return tuple(order for order in self.orders if order.ord_status not in ENDED)


class Plan(Struct, frozen=True):
    """What to ask the venue for now."""

    cancels: tuple[VenueOrder, ...]
    closes: tuple[VenuePosition, ...]


class Owned(Struct, frozen=True):
    """What of an account belongs to the strategies that are swept, where not all of it is.

    ``orders`` are our ids of theirs; ``books`` what they hold, signed, by position.
    """

    orders: frozenset[str]
    books: Mapping[Key, Decimal]


def can_flip(mode: PositionMode, venue: Capabilities) -> bool:
    """Whether a close too many would open the other side: netting without reduce-only."""
    return mode is PositionMode.NETTING and not venue.reduce_only


def key_of(position: VenuePosition) -> Key:
    """Name a position."""
    return position.venue_symbol, position.position_id or ""


def closing_side(position: VenuePosition) -> Side:
    """Give the side that closes a position."""
    return Side.SELL if position.quantity > 0 else Side.BUY


def plan(
    seen: Seen,
    *,
    close: bool,
    own: Container[str] = (),
    busy: Container[Key] = (),
    stubborn: Container[Key] = (),
    only: Owned | None = None,
) -> Plan:
    """Say what to ask for.

    Args:
        seen: what the venue shows.
        close: whether positions are closed too; else only what may open is taken back.
        own: ids of the guardian's own closing orders, which are never canceled.
        busy: positions with a close on its way, which get no second one.
        stubborn: positions whose closes the venue keeps refusing; their stops are in the way.
        only: what the sweep is for, where it is not the whole account.
    """
    held = seen.held if only is None else _shares(seen.held, only)
    cancels = tuple(
        order
        for order in seen.working
        if not (order.cl_ord_id and order.cl_ord_id in own)
        and (only is None or (order.cl_ord_id or "") in only.orders)
        and not _stays(order, held, close, stubborn)
    )
    closes = tuple(p for p in held if close and key_of(p) not in busy)
    return Plan(cancels, closes)


def _stays(
    order: VenueOrder, held: Iterable[VenuePosition], close: bool, stubborn: Container[Key]
) -> bool:
    """Whether an order is left alone: it can only reduce what is held, and guards it.

    An entry of an engine guards nothing, whatever it stands against.
    """
    if names_entry(order.cl_ord_id or ""):
        return False
    for position in held:
        if position.venue_symbol != order.venue_symbol or key_of(position) in stubborn:
            continue
        if order.position_id and position.position_id and order.position_id != position.position_id:
            continue
        if order.parent is not None or order.leg in ("s", "t"):
            return True
        if order.side is closing_side(position) and (not close or order.ord_type in _STOPS):
            return True
    return False


def en_bloc(
    seen: Seen, cancels: Collection[VenueOrder], scope: Literal["all", "symbol"], *, close: bool
) -> tuple[VenueSymbol | None, ...]:
    """Say what one request each may take back whole: None for the account, else symbols.

    Such a request takes stops too, and what came since the look. So it is for where every order
    that works is to go, more than one of them, and no position is to be kept.
    """
    if not seen.complete:
        return ()
    wanted = {order.venue_order_id for order in cancels}
    places = (None,) if scope == "all" else dict.fromkeys(order.venue_symbol for order in cancels)
    out: list[VenueSymbol | None] = []
    for place in places:
        working = [one for one in seen.working if place in (None, one.venue_symbol)]
        kept = not close and any(place in (None, one.venue_symbol) for one in seen.held)
        if len(working) > 1 and not kept and all(o.venue_order_id in wanted for o in working):
            out.append(place)
    return tuple(out)


def _shares(held: Iterable[VenuePosition], only: Owned) -> tuple[VenuePosition, ...]:
    """Give of each position the part that the swept strategies hold of it."""
    out: list[VenuePosition] = []
    for position in held:
        share = only.books.get(key_of(position), ZERO)
        same_side = (share > 0) == (position.quantity > 0)
        if share and same_side:
            size = min(abs(share), abs(position.quantity))
            quantity = size if share > 0 else -size
            out.append(_with_quantity(position, quantity))
    return tuple(out)


def _with_quantity(position: VenuePosition, quantity: Decimal) -> VenuePosition:
    return VenuePosition(
        account=position.account,
        venue_symbol=position.venue_symbol,
        quantity=quantity,
        avg_price=position.avg_price,
        position_id=position.position_id,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
    )


def unguarded(seen: Seen) -> tuple[VenuePosition, ...]:
    """Give the positions that no stop at the venue guards in full."""
    return tuple(position for position in seen.held if not _guarded(position, seen.working))


def _guarded(position: VenuePosition, orders: Iterable[VenueOrder]) -> bool:
    if position.stop_loss is not None:
        return True
    covered = ZERO
    for order in orders:
        if order.venue_symbol != position.venue_symbol or order.ord_type not in _STOPS:
            continue
        if order.side is not closing_side(position):
            continue
        if order.position_id and position.position_id and order.position_id != position.position_id:
            continue
        covered += order.quantity - order.cum_qty
    return covered >= abs(position.quantity)


class Flight(Struct, kw_only=True):
    """A close that was asked for and has no end yet. ``held`` is the position it was decided on.

    ``absent`` counts complete looks in a row that did not show it, the last at ``absent_at``.
    """

    cl_ord_id: ClOrdID
    key: Key
    side: Side
    quantity: Decimal
    held: Decimal
    asked_at: Instant
    state: str = "sent"
    absent: int = 0
    absent_at: Instant = Instant(0)

    @property
    def symbol(self) -> VenueSymbol:
        """What it closes."""
        return VenueSymbol(self.key[0])


def proven_absent(flight: Flight, began: Instant, now: Instant, venue: Capabilities) -> bool:
    """Count a look that did not show a close; True once that proves that it never lived.

    The proof is the one that the venue's manifest states; where it states none there is none. As
    for the engine, no look counts within the send time-out, in which a close may be on its way, and
    each counts from when it ``began``: its answer may be old by ``now``.
    """
    if began < flight.asked_at + venue.submit_timeout_ns:
        return False
    if flight.absent and began - flight.absent_at < venue.absence_after_ns:
        return False
    flight.absent += 1
    flight.absent_at = now
    return venue.absence_proof == "snapshots" and flight.absent >= venue.absence_snapshots
