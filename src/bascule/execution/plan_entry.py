"""Entries and targets: from an intent to sized, checked child orders of one account."""

from decimal import Decimal

from bascule.execution.levels import LevelRefused, bracket_of, distance
from bascule.execution.placing import Draft, place
from bascule.execution.plan_exit import exit_book, plan_close
from bascule.execution.planning import Plan, cancel_entries, direction_of, expected, held_side
from bascule.execution.state import Book
from bascule.model.enums import AccountMode, Direction, OrdType, QtyUnit, Side
from bascule.model.event import Bracket
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, ClosePosition, PlaceOrder, TargetPosition
from bascule.model.values import ZERO, floor_to, nearest_to, text
from bascule.reference.rounding import Purpose, round_price
from bascule.sizing import SizeRefused, size_order


def plan_place(plan: Plan, intent: PlaceOrder) -> None:
    """Plan an entry, or a partial exit when it is marked reduce-only."""
    if intent.reduce_only:
        held = Direction.SHORT if intent.side is Side.BUY else Direction.LONG
        plan_close(
            plan,
            ClosePosition(
                symbol=intent.symbol, label=intent.label, held=held, quantity=intent.quantity
            ),
        )
        return
    listing = plan.find(intent.symbol, entry=True)
    if listing is None:
        return
    book = plan.account.book(plan.strategy, listing.symbol)
    if _may_enter(plan, intent.side, listing, book):
        enter(plan, intent, listing, intent.quantity)


def _may_enter(plan: Plan, side: Side, listing: Listing, book: Book | None) -> bool:
    """Apply the route's rules on sides, reversals and pyramids; may close the other side first."""
    route = plan.route
    if side not in route.allowed_sides:
        plan.refuse(
            "side_not_allowed",
            f"route {route.id} allows {', '.join(s.value for s in route.allowed_sides)} entries",
            listing.symbol,
        )
        return False
    standing = held_side(book)
    if book is None or (standing is Direction.FLAT and not book.entries):
        return True
    if standing in (Direction.FLAT, direction_of(side)):
        if book.entries >= route.pyramiding:
            plan.refuse(
                "pyramiding_limit",
                f"{plan.strategy} already has {book.entries} of {route.pyramiding} entries in "
                f"{listing.symbol}",
                listing.symbol,
            )
            return False
        return True
    if route.reverse == "refuse":
        plan.refuse(
            "opposite_held",
            f"{plan.strategy} is {standing.value} {listing.symbol} and route {route.id} does "
            "not reverse",
            listing.symbol,
        )
        return False
    _close_all(plan, book, listing)
    return route.reverse == "close_then_open"


def _close_all(plan: Plan, book: Book, listing: Listing) -> None:
    cancel_entries(
        plan.turn,
        plan.account,
        "reverse",
        strategy=plan.strategy,
        symbol=listing.symbol,
        signal=plan.signal,
    )
    exit_book(plan, book, listing, abs(book.quantity), whole=True)


def plan_target(plan: Plan, intent: TargetPosition) -> None:
    """Drive the book to be long, short or flat by this much."""
    listing = plan.find(intent.symbol, entry=intent.may_open)
    if listing is None:
        return
    book = plan.account.book(plan.strategy, listing.symbol)
    zero = intent.quantity is not None and intent.quantity.value == 0
    if intent.direction is Direction.FLAT or zero:
        plan_close(plan, ClosePosition(symbol=intent.symbol, label=intent.label))
        return
    side = Side.BUY if intent.direction is Direction.LONG else Side.SELL
    standing = held_side(book)
    if standing not in (Direction.FLAT, intent.direction):
        if not intent.may_open:
            plan.idle(
                f"the book is {standing.value} while the signal reduces a {intent.direction.value}",
                listing.symbol,
            )
            return
        if _may_enter(plan, side, listing, book):
            enter(plan, _entry_of(intent, side), listing, intent.quantity)
        return
    if plan.leg.sizing.method in ("multiplier", "signal") and intent.quantity is not None:
        _to_exact_target(plan, intent, listing, book, side)
    else:
        _to_own_size(plan, intent, listing, book, side)


def _to_exact_target(
    plan: Plan, intent: TargetPosition, listing: Listing, book: Book | None, side: Side
) -> None:
    """The account follows the sender's size: order the difference."""
    factor = plan.leg.sizing.factor if plan.leg.sizing.method == "multiplier" else Decimal(1)
    amount = intent.quantity
    if amount is None or amount.unit not in (QtyUnit.UNITS, QtyUnit.LOTS):
        plan.refuse(
            "quantity_unit_unsupported",
            "a target position is given in units of the contract",
            listing.symbol,
        )
        return
    wanted = floor_to(amount.value * factor, listing.lot_step)
    delta = wanted - expected(book) * side.sign
    if delta < 0 and book is not None:
        words = f"{text(amount.value)} x {text(factor)} = {text(wanted)} is the target"
        exit_book(plan, book, listing, -delta, whole=wanted == 0, sizing=words)
    elif delta > 0 and intent.may_open:
        if _may_enter(plan, side, listing, book):
            step = Amount(delta / factor, QtyUnit.UNITS)
            enter(plan, _entry_of(intent, side), listing, step)
    else:
        plan.idle(f"already at the target of {text(wanted)} {listing.symbol}", listing.symbol)


def _to_own_size(
    plan: Plan, intent: TargetPosition, listing: Listing, book: Book | None, side: Side
) -> None:
    """The account sizes by itself: enter, add, reduce by the sender's share, or stay."""
    order = intent.order_quantity
    target = intent.quantity
    held = abs(book.quantity) if book is not None else ZERO
    reduces = intent.side is not None and intent.side is not side
    if reduces and book is not None and held:
        if order is None or target is None:
            plan.refuse(
                "partial_exit_unsized",
                "a partial exit without sizes cannot be read by an account that sizes by itself",
                listing.symbol,
            )
            return
        share = order.value / (order.value + target.value)
        part = floor_to(held * share, listing.lot_step)
        words = f"the sender closed {text(order.value)} of {text(order.value + target.value)}"
        if part >= listing.min_qty:
            exit_book(plan, book, listing, part, whole=False, sizing=words)
        else:
            plan.refuse(
                "below_min_lot",
                f"{words}, which is {text(held * share)} here, below the smallest order",
                listing.symbol,
            )
        return
    if reduces or not intent.may_open:
        plan.idle(f"nothing of {listing.symbol} is held to reduce", listing.symbol)
        return
    adds = order is not None and target is not None and order.value < target.value
    if (held or expected(book)) and not adds:
        plan.idle(f"already {intent.direction.value} {listing.symbol}", listing.symbol)
        return
    if _may_enter(plan, side, listing, book):
        enter(plan, _entry_of(intent, side), listing, order)


def _entry_of(intent: TargetPosition, side: Side) -> PlaceOrder:
    return PlaceOrder(
        symbol=intent.symbol,
        label=intent.label,
        reference_price=intent.reference_price,
        side=side,
        protection=intent.protection,
    )


def enter(plan: Plan, intent: PlaceOrder, listing: Listing, amount: Amount | None) -> None:
    """Size, bracket and place an entry; every way out says why."""
    capabilities = plan.capabilities
    if listing.kind not in capabilities.kinds or (
        intent.ord_type not in capabilities.ord_types
        and intent.ord_type is not OrdType.TRAILING_STOP
    ):
        plan.refuse(
            "capability_absent",
            f"the venue of account {plan.account.id} has no {intent.ord_type.value} orders for "
            f"{listing.kind.value}",
            listing.symbol,
        )
        return
    tif = intent.time_in_force
    if tif not in capabilities.time_in_force:
        plan.refuse(
            "capability_absent",
            f"the venue of account {plan.account.id} has no {tif.value} orders",
            listing.symbol,
        )
        return
    price = rounded(intent.price, listing, intent.side, "limit")
    stop = rounded(intent.stop_price, listing, intent.side, "stop")
    if not _prices_fit(plan, intent, listing, price, stop):
        return
    reference, said = plan.entry_reference(
        listing, intent.side, price if price is not None else stop, intent.reference_price
    )
    bracket = bracket_of(intent.protection, intent.side, listing, reference)
    if isinstance(bracket, LevelRefused):
        plan.refuse(bracket.code, bracket.text, listing.symbol)
        return
    if bracket is not None:
        fitted = _fit_bracket(plan, bracket, listing)
        if fitted is None:
            return
        bracket = fitted
    sized = size_order(
        plan.leg.sizing,
        listing,
        side=intent.side,
        entry=reference,
        stop=bracket.stop_loss if bracket is not None else None,
        signal_amount=amount,
        account_money=plan.account.money,
        initial=plan.spec.initial_balance,
        quote_to_account=plan.to_account(listing),
        held=abs(expected(plan.account.book(plan.strategy, listing.symbol))),
    )
    if isinstance(sized, SizeRefused):
        plan.refuse(sized.code, sized.text, listing.symbol)
        return
    trail = _trail_distance(plan, intent, listing, reference)
    if isinstance(trail, LevelRefused):
        plan.refuse(trail.code, trail.text, listing.symbol)
        return
    if trail is not None and stop is None and reference is not None:
        stop = nearest_to(reference + trail * intent.side.sign, listing.tick_size)
    native_trail = trail is not None and capabilities.native_trailing
    draft = Draft(
        account=plan.account,
        spec=plan.spec,
        listing=listing,
        signal=plan.signal,
        intent=plan.intent,
        strategy=plan.strategy,
        leg="e",
        side=intent.side,
        quantity=sized.lots,
        ord_type=(OrdType.STOP if trail is not None and not native_trail else intent.ord_type),
        price=price,
        stop_price=stop,
        trail_distance=trail,
        time_in_force=tif,
        expire_at=intent.expire_at,
        bracket=bracket,
        label=intent.label,
        sizing=sized.words,
        reference=said,
        not_before=plan.not_before,
        expires_unsent=plan.expires_unsent,
    )
    _place_within_limit(plan, draft)


def rounded(
    price: Decimal | None, listing: Listing, side: Side, purpose: Purpose
) -> Decimal | None:
    """Put a price, where there is one, on the contract's tick, never to the sender's harm."""
    if price is None:
        return None
    return round_price(price, listing.tick_size, side=side, purpose=purpose)


def _prices_fit(
    plan: Plan,
    intent: PlaceOrder,
    listing: Listing,
    price: Decimal | None,
    stop: Decimal | None,
) -> bool:
    needs_price = intent.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT)
    needs_stop = intent.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
    if (needs_price and price is None) or (needs_stop and stop is None):
        plan.refuse(
            "price_missing",
            f"a {intent.ord_type.value} order needs its price",
            listing.symbol,
        )
        return False
    if any(value is not None and value <= 0 for value in (price, stop)):
        plan.refuse("bad_price", "a price must be above zero", listing.symbol)
        return False
    return True


def _fit_bracket(plan: Plan, bracket: Bracket, listing: Listing) -> Bracket | None:
    """Decide who runs the bracket: the venue where it can, else the engine where it may."""
    native = plan.capabilities.native_bracket and len(bracket.take_profits) <= 1
    engine_stop = not native and bracket.stop_loss is not None
    live = plan.spec.mode is AccountMode.LIVE
    if engine_stop and live and plan.route.engine_stops == "refuse_live":
        plan.refuse(
            "stop_only_in_engine",
            "this venue holds no stop with the entry, so it would live only in the engine; a "
            'live account refuses that unless the route says engine_stops = "allow"',
            listing.symbol,
        )
        return None
    return Bracket(
        stop_loss=bracket.stop_loss,
        take_profits=bracket.take_profits,
        trail_distance=bracket.trail_distance,
        trail_trigger=bracket.trail_trigger,
        trail_step=bracket.trail_step,
        break_even_trigger=bracket.break_even_trigger,
        break_even_offset=bracket.break_even_offset,
        native=native,
    )


def _trail_distance(
    plan: Plan, intent: PlaceOrder, listing: Listing, reference: Decimal | None
) -> Decimal | LevelRefused | None:
    if intent.ord_type is not OrdType.TRAILING_STOP:
        return None
    if intent.trail is None:
        return LevelRefused("price_missing", "a trailing stop order needs its trail")
    if reference is None:
        return LevelRefused("no_reference_price", "a trailing stop needs a price to start from")
    away = distance(intent.trail, listing, reference)
    return away if isinstance(away, LevelRefused) else max(away, listing.tick_size)


def _place_within_limit(plan: Plan, draft: Draft) -> None:
    """Place the draft, or sequential children of it where the account splits large orders."""
    limits = plan.spec.limits
    limit = limits.max_order_qty_by_symbol.get(draft.listing.symbol, limits.max_order_qty)
    total = draft.quantity
    if limits.on_oversize != "split" or limit is None or total <= limit:
        place(plan.turn, draft)
        return
    step = floor_to(limit, draft.listing.lot_step)
    if step < draft.listing.min_qty:
        place(plan.turn, draft)
        return
    left, index = total, 0
    while left > 0:
        draft.quantity = min(step, left)
        draft.slot = str(index) if index else ""
        draft.sizing = f"{draft.sizing.split(' (part')[0]} (part {index + 1} of {text(total)})"
        name = place(plan.turn, draft)
        if name is None:
            return
        draft.after = name
        left -= draft.quantity
        index += 1
