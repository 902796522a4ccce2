"""What a broker refuses at the door, and with which word. The words are the kit's own.

Each check gives None, or a reason and a sentence. An order that passes can still fail later: it
may find no position left to reduce, or no liquidity.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from bascule.model.enums import OrdType, TimeInForce
from bascule.model.order import NewOrder
from bascule.model.values import ZERO, Instant, is_multiple, text
from bascule.venues.kit.accounts import Account, Accounts
from bascule.venues.kit.matching import LIMITS, STOPS, Market

CL_ORD_ID_MAX = 36
INSTANT_MAX = 2**63
"""Times are stored as 64-bit integers."""
NUMBER_MAX = Decimal(10) ** 15
"""No price and no quantity is as large as this; sums stay exact below it."""


class Refusal(NamedTuple):
    """A reason in snake_case and a sentence for a person."""

    reason: str
    text: str


class Desk(NamedTuple):
    """What the checks look at."""

    account: Account
    accounts: Accounts
    market: Market
    now: Instant


def refusal(order: NewOrder, desk: Desk) -> Refusal | None:
    """Give the first reason to refuse an order, or None."""
    for check in _CHECKS:
        found = check(order, desk)
        if found is not None:
            return found
    return None


def bad_numbers(*numbers: Decimal | None) -> Refusal | None:
    """Refuse a number that is not finite, too large, or finer than 1e-15."""
    for number in numbers:
        if number is not None and not (
            number.is_finite() and abs(number) < NUMBER_MAX and number.adjusted() >= -15
        ):
            return Refusal("bad_number", "a price or quantity is no number that can be traded")
    return None


def unreadable(order: NewOrder) -> Refusal | None:
    """Refuse an order that could not even be kept on record."""
    if not 0 < len(order.cl_ord_id) <= CL_ORD_ID_MAX:
        return Refusal("bad_cl_ord_id", f"a ClOrdID has 1 to {CL_ORD_ID_MAX} characters")
    if order.expire_at is not None and not 0 <= order.expire_at < INSTANT_MAX:
        return Refusal("bad_expiry", "the expiry is no UTC time in nanoseconds")
    return bad_numbers(
        order.quantity, order.price, order.stop_price, order.trail_distance, order.stop_loss,
        order.take_profit,
    )  # fmt: skip


def _support(order: NewOrder, desk: Desk) -> Refusal | None:
    terms = desk.account.terms
    bracket = order.stop_loss is not None or order.take_profit is not None
    if bracket and not terms.native_bracket:
        return Refusal("bracket_unsupported", "this account has no stops or targets on orders")
    if order.ord_type is OrdType.TRAILING_STOP and not terms.native_trailing:
        return Refusal("trailing_unsupported", "this account has no trailing stops")
    if order.reduce_only and not terms.reduce_only:
        return Refusal("reduce_only_unsupported", "this account has no reduce-only orders")
    return None


def _shape(order: NewOrder, desk: Desk) -> Refusal | None:
    kind = order.ord_type
    if (kind in LIMITS) != (order.price is not None):
        return Refusal("bad_price", "limit and stop-limit orders have a price, others have none")
    if (kind in (OrdType.STOP, OrdType.STOP_LIMIT)) and order.stop_price is None:
        return Refusal("bad_stop_price", "a stop needs a stop price")
    if (kind not in STOPS) and order.stop_price is not None:
        return Refusal("bad_stop_price", "only stops have a stop price")
    distance = order.trail_distance
    if (kind is OrdType.TRAILING_STOP) != (distance is not None and distance > 0):
        return Refusal("bad_trail", "a trailing stop, and only that, has a distance above zero")
    gtd = order.time_in_force is TimeInForce.GTD
    if gtd and (order.expire_at is None or order.expire_at <= desk.now):
        return Refusal("bad_expiry", "a good-till-date order needs an expiry in the future")
    return None


def _quantity(order: NewOrder, desk: Desk) -> Refusal | None:
    return quantity_refusal(order.quantity, desk.market)


def quantity_refusal(quantity: Decimal, market: Market) -> Refusal | None:
    """Give the reason why a quantity cannot be traded, or None."""
    terms = market.terms
    if quantity <= 0 or quantity < terms.min_qty:
        return Refusal("below_min_qty", f"the smallest order is {text(terms.min_qty)}")
    if quantity > terms.max_qty:
        return Refusal("above_max_qty", f"the largest order is {text(terms.max_qty)}")
    if not is_multiple(quantity, terms.lot_step):
        return Refusal("off_lot", f"quantities come in steps of {text(terms.lot_step)}")
    return None


def _prices(order: NewOrder, desk: Desk) -> Refusal | None:
    levels = (
        order.price, order.stop_price, order.trail_distance, order.stop_loss, order.take_profit
    )  # fmt: skip
    return tick_refusal(levels, desk.market)


def tick_refusal(levels: tuple[Decimal | None, ...], market: Market) -> Refusal | None:
    """Give the reason why a price is none of this instrument's, or None."""
    tick = market.terms.tick_size
    for level in levels:
        if level is not None and (level <= 0 or not is_multiple(level, tick)):
            return Refusal("off_tick", f"{text(level)} is not a positive multiple of {text(tick)}")
    return None


def _market(order: NewOrder, desk: Desk) -> Refusal | None:
    market, terms = desk.market, desk.market.terms
    if not terms.tradable or (terms.expiry is not None and desk.now >= terms.expiry):
        return Refusal("not_tradable", f"{terms.venue_symbol} does not trade or has expired")
    if market.quote is None:
        return Refusal("no_quote", f"there is no price of {terms.venue_symbol} yet")
    if order.ord_type is OrdType.MARKET and not market.is_open(desk.now):
        return Refusal("market_closed", f"{terms.venue_symbol} is closed now")
    if desk.accounts.rate(terms.quote, desk.account) is None:
        return Refusal(
            "no_conversion_rate",
            f"no rate from {terms.quote} to {desk.account.terms.currency} is known; list the pair "
            "or give the broker a static rate",
        )
    return None


def _distances(order: NewOrder, desk: Desk) -> Refusal | None:
    market, sign = desk.market, order.side.sign
    touch = market.touch(order.side)
    if order.stop_price is not None and order.ord_type is not OrdType.TRAILING_STOP:
        found = stop_refusal((order.stop_price - touch) * sign, market)
        if found is not None:
            return found
    trail = order.trail_distance
    if trail is not None and trail < market.terms.min_stop_distance:
        return stop_refusal(trail, market)
    entry = order.price if order.price is not None else (order.stop_price or touch)
    return bracket_refusal(order.stop_loss, order.take_profit, entry, sign, market)


def stop_refusal(distance: Decimal, market: Market) -> Refusal | None:
    """Give the reason why a stop this far beyond the price is too close, or None.

    A venue with no smallest distance takes a stop that is already reached, and triggers it.
    """
    least = market.terms.min_stop_distance
    if least and distance < least:
        return Refusal("stop_too_close", f"a stop must be at least {text(least)} from the price")
    return None


def bracket_refusal(
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    entry: Decimal,
    sign: int,
    market: Market,
) -> Refusal | None:
    """Give the reason why a stop or target cannot guard an entry (``sign`` +1 long), or None."""
    for name, level, away in (("stop loss", stop_loss, -sign), ("take profit", take_profit, sign)):
        if level is None:
            continue
        distance = (level - entry) * away
        if distance <= 0:
            return Refusal("bad_bracket", f"the {name} is on the wrong side of {text(entry)}")
        if distance < market.terms.min_stop_distance:
            return stop_refusal(distance, market)
    return None


def _position(order: NewOrder, desk: Desk) -> Refusal | None:
    account = desk.account
    if order.position_id is not None and order.position_id not in account.positions:
        return Refusal("unknown_position", f"there is no open position {order.position_id}")
    closes = order.reduce_only or order.position_id is not None
    if not closes:
        return None
    if account.hedging and order.position_id is None:
        return Refusal("position_id_required", "a hedging account reduces a position by its id")
    held = account.positions.get(account.key(order.venue_symbol, order.position_id or ""))
    closable = -held.quantity * order.side.sign if held is not None else ZERO
    if held is not None and held.venue_symbol != order.venue_symbol:
        return Refusal("unknown_position", f"position {order.position_id} is of another symbol")
    if order.quantity > closable:
        most = text(max(closable, ZERO))
        return Refusal("reduce_only_would_open", f"at most {most} can be closed by this order")
    return None


def _margin(order: NewOrder, desk: Desk) -> Refusal | None:
    if order.reduce_only or order.position_id is not None:
        return None
    account, accounts = desk.account, desk.accounts
    opens = order.quantity
    if not account.hedging:
        held = account.positions.get(order.venue_symbol)
        if held is not None and held.quantity * order.side.sign < 0:
            opens = max(opens - abs(held.quantity), ZERO)
    price = order.price or order.stop_price or desk.market.touch(order.side)
    need = accounts.margin_for(account, desk.market.terms, opens, price)
    if not need:
        return None
    free = accounts.equity(account) - accounts.margin_used(account)
    if need > free:
        return Refusal(
            "not_enough_margin",
            f"the order needs {need:.2f} {account.terms.currency} of margin, {free:.2f} is free",
        )
    return None


_CHECKS: tuple[Callable[[NewOrder, Desk], Refusal | None], ...] = (
    _support, _shape, _quantity, _prices, _market, _distances, _position, _margin,
)  # fmt: skip
