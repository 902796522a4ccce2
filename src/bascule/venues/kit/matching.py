"""How an order meets a price: triggers, trails, and what the book gives. Pure and deterministic.

A market is the newest quote with a simple book behind it: ``levels`` price levels each side, all
of the touch's size, ``level_ticks`` apart. What is taken stays taken until the next quote.
"""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import ENDED, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import ZERO, Instant
from bascule.venues.kit.prices import Bar
from bascule.venues.kit.terms import InstrumentTerms, TradingHours

STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})
LIMITS = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class Order(Struct, kw_only=True):
    """One order as the broker keeps it, flat, so that its row in the ledger is the same.

    ``origin``: ``client``, ``bracket`` (a native stop or target), ``hand`` (a trade made outside
    any client) or ``stop_out``. ``cl_ord_id`` is empty for all but ``client``. ``position_key``
    is the position it trades into. ``parent`` and ``parent_order`` are the entry's ClOrdID and
    venue order id, ``leg`` its part, for ``bracket``. ``due_at`` is when it first meets the
    market, ``resting`` that it has done so and waits at its price. ``cancel_request`` is a cancel
    that was accepted and takes effect at ``cancel_at``.
    """

    venue_order_id: str
    login: str
    venue_symbol: VenueSymbol
    side: Side
    ord_type: OrdType
    quantity: Decimal
    created_at: Instant
    due_at: Instant
    updated_at: Instant
    cl_ord_id: str = ""
    origin: str = "client"
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Instant | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reduce_only: bool = False
    position_key: str = ""
    parent: str = ""
    parent_order: str = ""
    leg: str = ""
    comment: str = ""
    cum_qty: Decimal = ZERO
    avg_price: Decimal = ZERO
    status: OrdStatus = OrdStatus.WORKING
    triggered: bool = False
    resting: bool = False
    cancel_request: str = ""
    cancel_at: Instant | None = None
    reason: str = ""

    @property
    def leaves(self) -> Decimal:
        """What is still to trade; zero once the order has ended."""
        return ZERO if self.ended else max(self.quantity - self.cum_qty, ZERO)

    @property
    def ended(self) -> bool:
        """Whether the order will trade no more."""
        return self.status in ENDED

    @property
    def guards(self) -> bool:
        """Whether it may only close: a bracket's leg or a reduce-only order."""
        return self.reduce_only or self.origin == "bracket"


class Market:
    """One instrument's newest quote and what has been taken from it."""

    __slots__ = ("hours", "quote", "taken", "terms")

    def __init__(self, terms: InstrumentTerms) -> None:
        self.terms = terms
        self.hours = TradingHours.parse(terms.hours)
        self.quote: Quote | None = None
        self.taken: dict[Side, Decimal] = {Side.BUY: ZERO, Side.SELL: ZERO}

    def set_quote(self, quote: Quote) -> None:
        """Take a new quote; the book behind it is whole again."""
        self.quote = quote
        self.taken = {Side.BUY: ZERO, Side.SELL: ZERO}

    def is_open(self, now: Instant) -> bool:
        """Tell whether orders can trade: a price is known, and hours and expiry say so."""
        expired = self.terms.expiry is not None and now >= self.terms.expiry
        return self.quote is not None and not expired and self.hours.open_at(now)

    def touch(self, side: Side) -> Decimal:
        """Give the price at which an order of this side would trade first."""
        quote = self.quote
        if quote is None:
            return ZERO
        return quote.ask if side is Side.BUY else quote.bid

    def size(self, side: Side) -> Decimal:
        """Give the quantity at each level for an order of this side, zero for no limit."""
        quote = self.quote
        if quote is None:
            return ZERO
        stated = quote.ask_size if side is Side.BUY else quote.bid_size
        return stated or self.terms.touch_size

    def offers(self, order: Order, wanted: Decimal) -> list[tuple[Decimal, Decimal]]:
        """Give (price, quantity) that the book has for an order, best first, taking nothing.

        An order that rests at its limit is met at that limit; any other walks the levels from
        the touch, a limit order no further than its price.
        """
        side = order.side
        limit = order.price if order.ord_type in LIMITS else None
        rests_at = limit if order.resting else None
        touch, size = self.touch(side), self.size(side)
        step = self.terms.tick_size * self.terms.level_ticks * side.sign
        found: list[tuple[Decimal, Decimal]] = []
        gone, left = self.taken[side], wanted
        for level in range(self.terms.levels):
            price = touch + step * level
            if not left or (limit is not None and (price - limit) * side.sign > 0):
                break
            here = size - min(gone, size) if size else left
            gone = max(gone - size, ZERO)
            if here:
                found.append((price if rests_at is None else rests_at, min(here, left)))
                left -= min(here, left)
        return found

    def take(self, side: Side, quantity: Decimal) -> None:
        """Mark a quantity of the book as gone until the next quote."""
        self.taken[side] += quantity


def trail(order: Order, market: Market) -> bool:
    """Move a trailing stop behind the price it follows, never back; tell whether it moved.

    A sell trails below the bid, a buy above the ask.
    """
    if order.trail_distance is None:
        return False
    follows = market.touch(order.side)
    stop = follows - order.trail_distance * -order.side.sign
    if order.stop_price is None or (order.stop_price - stop) * order.side.sign > 0:
        order.stop_price = stop
        return True
    return False


def triggers(order: Order, market: Market) -> bool:
    """Tell whether a waiting stop is reached: a buy at the ask or above, a sell at the bid."""
    if order.stop_price is None:
        return False
    return (market.touch(order.side) - order.stop_price) * order.side.sign >= 0


def next_level(
    start: Decimal, end: Decimal, spread: Decimal, orders: list[Order]
) -> Decimal | None:
    """Give the first bid strictly between two bids at which some order's level is met.

    A buy's levels are met by the ask, which lies ``spread`` above.
    """
    low, high = min(start, end), max(start, end)
    levels: list[Decimal] = []
    for order in orders:
        shift = spread if order.side is Side.BUY else ZERO
        for level in (order.price, order.stop_price):
            if level is not None and low < level - shift < high:
                levels.append(level - shift)
    if not levels:
        return None
    return min(levels) if start < end else max(levels)


def low_first(bar: Bar, orders: list[Order]) -> bool:
    """Choose the way through a bar that is worse for whoever has stop and target inside it.

    Low first hurts longs, high first hurts shorts; where both are there, the larger sum of
    quantity times distance between stop and target decides. Without such orders a rising bar goes
    to its low first, a falling one to its high.
    """
    weight = ZERO
    stops: dict[tuple[str, str, Side], Decimal] = {}
    for order in orders:
        if order.stop_price is not None and order.ord_type is not OrdType.STOP_LIMIT:
            stops[order.login, order.position_key, order.side] = order.stop_price
    for order in orders:
        target, stop = order.take_profit, order.stop_loss
        if order.ord_type is OrdType.LIMIT and (target is None or stop is None):
            target = order.price
            stop = stops.get((order.login, order.position_key, order.side))
        if target is None or stop is None:
            continue
        if bar.low <= min(stop, target) and max(stop, target) <= bar.high:
            weight += (target - stop) * order.leaves
    return weight > 0 if weight else bar.close >= bar.open
