"""Target positions: drive a book to where the sender stands, by its size or by the account's."""

from decimal import Decimal

from msgspec.structs import replace

from bascule.execution.plan_entry import enter_by_rules
from bascule.execution.plan_exit import exit_book, plan_close
from bascule.execution.planning import Plan, heading, heading_on, in_units, remaining
from bascule.execution.state import Book
from bascule.model.account import SizingRule
from bascule.model.enums import Direction, QtyUnit, Side
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, ClosePosition, PlaceOrder, TargetPosition
from bascule.model.values import ZERO, floor_to, text

_OF_MONEY = (
    QtyUnit.RISK_CURRENCY,
    QtyUnit.RISK_PERCENT,
    QtyUnit.EQUITY_PERCENT,
    QtyUnit.BALANCE_PERCENT,
)
"""Sizes that are reckoned for what is opened, and never hold what is closed."""


def plan_target(plan: Plan, intent: TargetPosition) -> None:
    """Drive the book to be long, short or flat by this much."""
    zero = intent.quantity is not None and intent.quantity.value == 0
    if intent.direction is Direction.FLAT or zero:
        plan_close(plan, ClosePosition(symbol=intent.symbol, label=intent.label))
        return
    listing = plan.find(intent.symbol, entry=intent.may_open, held=True)
    if listing is None:
        return
    book = plan.account.book(plan.strategy, listing.symbol)
    side = Side.BUY if intent.direction is Direction.LONG else Side.SELL
    standing = heading(book)
    if standing not in (Direction.FLAT, intent.direction):
        if not intent.may_open:
            plan.idle(
                f"the book is {standing.value} while the signal reduces a {intent.direction.value}",
                listing.symbol,
            )
            return
        front = plan.find(intent.symbol, entry=True)
        if front is None:  # what stands against the target goes all the same
            plan_close(plan, ClosePosition(symbol=intent.symbol, label=intent.label))
            return
        _enter(plan, intent, front, intent.quantity, side, heading_on(book, side.opposite))
        return
    multiple = plan.multiple()
    if multiple is not None and intent.quantity is not None:
        _to_exact_target(plan, intent, intent.quantity, multiple, listing, book, side)
    else:
        _to_own_size(plan, intent, listing, book, side)


def _to_exact_target(
    plan: Plan,
    intent: TargetPosition,
    amount: Amount,
    factor: Decimal,
    listing: Listing,
    book: Book | None,
    side: Side,
) -> None:
    """The account follows the sender's size: order the difference."""
    rule = plan.leg.sizing
    units = in_units(amount, listing)
    if units is None:
        plan.refuse(
            "quantity_unit_unsupported",
            "a target position is given in units of the contract",
            listing.symbol,
        )
        return
    wanted = floor_to(units * factor, listing.lot_step)
    if rule.max_qty is not None:
        wanted = min(wanted, floor_to(rule.max_qty, listing.lot_step))
    # What rests on the other side may never fill: to make up for it now would go past the target.
    delta = wanted - heading_on(book, side)
    words = f"{text(amount.value)} x {text(factor)} = {text(wanted)} is the target"
    if delta < 0 and book is not None:
        exit_book(plan, book, listing, -delta, whole=wanted == 0, sizing=words)
    elif delta > 0 and intent.may_open:
        # The difference is in lots of this account already, so it is not multiplied again.
        exact = replace(rule, method="signal")
        enter_by_rules(plan, _entry_of(intent, side), listing, Amount(delta), sizing=exact)
    elif delta > 0:
        plan.idle(f"less than {text(wanted)} {listing.symbol} is held already", listing.symbol)
    else:
        plan.idle(f"already at the target of {text(wanted)} {listing.symbol}", listing.symbol)


def _to_own_size(
    plan: Plan, intent: TargetPosition, listing: Listing, book: Book | None, side: Side
) -> None:
    """The account sizes by itself: enter, add, reduce by the sender's share, or stay.

    What the sender's position was when it was last followed is remembered (``Book.target``), so
    that a repeat changes nothing and a missed step is made up for.
    """
    order, target = _sizes(intent)
    before = book.target if book is not None else None
    heads = heading(book) is not Direction.FLAT
    if heads and target is not None and target == before:
        plan.idle(f"already followed to the sender's {text(target)}", listing.symbol)
        return
    reduces = intent.side is not None and intent.side is not side
    if before is not None and target is not None:
        reduces = target < before
    if reduces and book is not None and remaining(book):
        if before is None and order is not None and target is not None:
            before = order + target
        _reduce_by_share(plan, listing, book, before, target)
    elif reduces or not intent.may_open:
        plan.idle(f"nothing of {listing.symbol} is held to reduce", listing.symbol)
    elif heads and not (order is not None and target is not None and order < target):
        plan.idle(f"already {intent.direction.value} {listing.symbol}", listing.symbol)
    else:
        _enter(plan, intent, listing, intent.order_quantity, side, ZERO)


def _enter(
    plan: Plan,
    intent: TargetPosition,
    listing: Listing,
    amount: Amount | None,
    side: Side,
    against: Decimal,
) -> None:
    """Enter by ``amount``, or turn around the ``against`` that stands on the other side.

    An account that follows the sender's size, and is told its order alone, opens what that order
    leaves once it has closed what is held, as the sender's own did. Where it leaves nothing, or
    nothing is held that it could have closed, its size is that of no position: nothing is done.
    """
    sizing: SizingRule | None = None
    route, order = plan.route, intent.order_quantity
    factor = plan.multiple() if intent.quantity is None else None
    opens = side in route.allowed_sides and (not against or route.reverse == "close_then_open")
    if opens and factor is not None and (against or order is not None):
        units = in_units(order, listing) if order is not None else None
        if order is not None and order.unit in _OF_MONEY:
            amount = order
        elif units is not None and against and units * factor > against:
            amount = Amount(units * factor - against)
            sizing = replace(plan.leg.sizing, method="signal")
        else:
            plan.refuse("target_unsized", _unsized(intent, against), listing.symbol)
            return
    entry, target = _entry_of(intent, side), _sender_target(plan, intent)
    enter_by_rules(plan, entry, listing, amount, sizing=sizing, target=target)


def _unsized(intent: TargetPosition, against: Decimal) -> str:
    order = intent.order_quantity
    told = f"an order of {text(order.value)} {order.unit.value}" if order is not None else "no size"
    held = f"{text(against)} stands on the other side" if against else "nothing is held"
    return (
        f"the signal turns {intent.direction.value} by {told}, {held}, and how much is to be held "
        "then is not told: send that too (market_position_size). Nothing was closed or opened"
    )


def _reduce_by_share(
    plan: Plan, listing: Listing, book: Book, before: Decimal | None, target: Decimal | None
) -> None:
    """Close the share of the book that the sender closed of its own position."""
    if before is None or target is None or before <= 0:
        plan.refuse(
            "partial_exit_unsized",
            "a partial exit without sizes cannot be read by an account that sizes by itself",
            listing.symbol,
        )
        return
    closed = before - target
    part = abs(remaining(book)) * closed / before
    words = f"the sender closed {text(closed)} of {text(before)}"
    if floor_to(part, listing.lot_step) >= listing.min_qty:
        exit_book(plan, book, listing, part, whole=False, sizing=words, target=target)
    else:
        plan.refuse(
            "below_min_lot",
            f"{words}, which is {text(part)} here, below the smallest order",
            listing.symbol,
        )


def _sizes(intent: TargetPosition) -> tuple[Decimal | None, Decimal | None]:
    """Give the sender's own order and position, where both are told."""
    order, target = intent.order_quantity, intent.quantity
    return order.value if order is not None else None, target.value if target is not None else None


def _sender_target(plan: Plan, intent: TargetPosition) -> Decimal | None:
    """Give what an account that sizes by itself remembers of the sender's position."""
    own_size = plan.multiple() is None
    return intent.quantity.value if own_size and intent.quantity is not None else None


def _entry_of(intent: TargetPosition, side: Side) -> PlaceOrder:
    return PlaceOrder(
        symbol=intent.symbol,
        label=intent.label,
        reference_price=intent.reference_price,
        side=side,
        protection=intent.protection,
    )
