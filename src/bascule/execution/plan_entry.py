"""Entries: from an intent to sized, checked child orders of one account."""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bascule.execution.levels import LevelRefused, bracket_of, distance, lacks_orders
from bascule.execution.limits import limits_for
from bascule.execution.placing import Draft, place
from bascule.execution.plan_exit import exit_book, is_of, plan_close
from bascule.execution.planning import (
    Plan,
    cancel_entries,
    expected,
    held_side,
    remaining,
)
from bascule.execution.positions import open_entries, stood_against
from bascule.execution.state import Book
from bascule.model.account import SizingRule
from bascule.model.enums import AccountMode, Direction, OrdType, Side, TimeInForce
from bascule.model.event import Bracket
from bascule.model.ids import ClOrdID
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.values import ONE, floor_to, nearest_to, text
from bascule.reference.rounding import Purpose, round_price
from bascule.risk.limits import quantity
from bascule.sizing import SizeRefused, scaled, size_order
from bascule.sizing.case import Sized


def plan_place(plan: Plan, intent: PlaceOrder) -> None:
    """Plan an entry, or a partial exit when it is marked reduce-only."""
    if intent.reduce_only:
        if intent.ord_type is not OrdType.MARKET:
            plan.refuse(
                "exit_must_be_market",
                f"a reduce-only {intent.ord_type.value} order is not placed as an exit: send a "
                "market exit, or change the position's target or stop",
                intent.symbol,
            )
            return
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
    enter_by_rules(plan, intent, listing, intent.quantity)


class _Way(Struct, frozen=True):
    """An entry may go; ``after`` is the exit that it waits for."""

    after: ClOrdID | None = None


def _way_in(plan: Plan, side: Side, listing: Listing, book: Book | None) -> _Way | None:
    """Apply the route's rules on sides, reversals and pyramids; may close the other side first.

    None after a refusal, or where only the close was wanted.
    """
    route = plan.route
    left = remaining(book)
    against = left * side.sign < 0
    if side not in route.allowed_sides and (not against or route.reverse == "refuse"):
        _side_refused(plan, listing)
        return None
    if book is None:
        return _Way()
    if against:
        return _reverse(plan, side, listing, book)
    leaving = bool(book.quantity) and not left
    entries = open_entries(plan.account, book) if leaving else book.entries
    if entries >= route.pyramiding and (entries or left):
        plan.refuse(
            "pyramiding_limit",
            f"{plan.strategy} already has {entries} of {route.pyramiding} entries in "
            f"{listing.symbol}",
            listing.symbol,
        )
        return None
    return _Way(_last_exit(plan, book)) if leaving else _Way()


def _reverse(plan: Plan, side: Side, listing: Listing, book: Book) -> _Way | None:
    """Close the other side; the entry waits until that is done."""
    route = plan.route
    if route.reverse == "refuse":
        plan.refuse(
            "opposite_held",
            f"{plan.strategy} is {held_side(book).value} {listing.symbol} and route {route.id} "
            "does not reverse",
            listing.symbol,
        )
        return None
    cancel_entries(
        plan.turn,
        plan.account,
        "reverse",
        strategy=plan.strategy,
        symbol=listing.symbol,
        signal=plan.signal,
    )
    exits = exit_book(plan, book, listing, abs(book.quantity), whole=True)
    if route.reverse == "close_only":
        return None
    if side not in route.allowed_sides:
        _side_refused(plan, listing)
        return None
    if not exits:
        plan.refuse(
            "not_closed_first",
            f"the {held_side(book).value} {listing.symbol} could not be closed, so no "
            f"{side.value} was opened",
            listing.symbol,
        )
        return None
    return _Way(exits[-1])


def _side_refused(plan: Plan, listing: Listing) -> None:
    route = plan.route
    plan.refuse(
        "side_not_allowed",
        f"route {route.id} allows {', '.join(s.value for s in route.allowed_sides)} entries",
        listing.symbol,
    )


def _last_exit(plan: Plan, book: Book) -> ClOrdID | None:
    exits = [o for o in plan.account.orders.values() if o.leg == "x" and is_of(o, book)]
    return exits[-1].cl_ord_id if exits else None


def enter_by_rules(
    plan: Plan,
    intent: PlaceOrder,
    listing: Listing,
    amount: Amount | None,
    *,
    sizing: SizingRule | None = None,
    target: Decimal | None = None,
) -> None:
    """Enter where the route's rules allow it; a ``sizing`` that is given is for this account.

    Where the strategy holds an older month of a continuous name, an entry that adds goes there, and
    one against it closes that first: no strategy comes to stand in two months at once.
    """
    stands = plan.month_held(intent.symbol, listing)
    if stands is None:
        return
    book = plan.account.book(plan.strategy, stands.symbol)
    if remaining(book) * intent.side.sign > 0:
        listing = stands
    way = _way_in(plan, intent.side, stands, book)
    if way is not None:
        rule, scale = (plan.leg.sizing, plan.scale()) if sizing is None else (sizing, ONE)
        enter(plan, intent, listing, amount, rule, scale, after=way.after, target=target)


def enter(
    plan: Plan,
    intent: PlaceOrder,
    listing: Listing,
    amount: Amount | None,
    rule: SizingRule,
    scale: Decimal,
    *,
    after: ClOrdID | None = None,
    target: Decimal | None = None,
) -> None:
    """Size, bracket and place an entry; every way out says why."""
    life = intent.time_in_force or plan.route.default_tif
    if not _venue_can(plan, intent, listing, life):
        return
    prices = _prices(plan, intent, listing)
    if prices is None:
        return
    price, stop = prices
    reference, said = plan.entry_reference(
        listing, intent.side, price if price is not None else stop, intent.reference_price
    )
    levels = _levels(plan, intent, listing, reference)
    if levels is None:
        return
    bracket, trail = levels
    sized = _size(plan, intent, listing, amount, rule, scale, reference, bracket)
    if sized is None:
        return
    if trail is not None and stop is None and reference is not None:
        stop = nearest_to(reference + trail * intent.side.sign, listing.tick_size)
    engine_trails = trail is not None and not plan.capabilities.native_trailing
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
        ord_type=OrdType.STOP if engine_trails else intent.ord_type,
        price=price,
        stop_price=stop,
        trail_distance=trail,
        time_in_force=life,
        expire_at=intent.expire_at,
        bracket=bracket,
        after=after,
        label=intent.label,
        sizing=sized.words,
        reference=said,
        not_before=plan.not_before,
        expires_unsent=plan.expires_unsent,
        target=target,
        signal_price=intent.reference_price,
        unpriced_max_qty=plan.route.unpriced_max_qty,
    )
    _place_within_limit(plan, draft)


def _levels(
    plan: Plan, intent: PlaceOrder, listing: Listing, reference: Decimal | None
) -> tuple[Bracket | None, Decimal | None] | None:
    """Give the bracket and the trail distance in prices; None after a refusal."""
    bracket = bracket_of(intent.protection, intent.side, listing, reference)
    if isinstance(bracket, LevelRefused):
        plan.refuse(bracket.code, bracket.text, listing.symbol)
        return None
    trail = _trail_distance(intent, listing, reference)
    if isinstance(trail, LevelRefused):
        plan.refuse(trail.code, trail.text, listing.symbol)
        return None
    if bracket is None:
        return None, trail
    fitted = _fit_bracket(plan, bracket, listing, intent.side)
    return None if fitted is None else (fitted, trail)


def _size(
    plan: Plan,
    intent: PlaceOrder,
    listing: Listing,
    amount: Amount | None,
    rule: SizingRule,
    factor: Decimal,
    reference: Decimal | None,
    bracket: Bracket | None,
) -> Sized | None:
    """Size the entry; None after a refusal."""
    sized = size_order(
        rule if factor == ONE else scaled(rule, factor),
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
        return None
    if factor != ONE:
        sized = replace(sized, words=f"{sized.words}; the account is scaled by {text(factor)}")
    return _on_probation(plan, listing, sized)


def _on_probation(plan: Plan, listing: Listing, sized: Sized) -> Sized:
    """Cut an entry of a new strategy to the smallest order, where its account wants that."""
    limits = limits_for(plan.turn, plan.spec, plan.strategy)
    known = plan.turn.state.strategies.get(plan.strategy)
    signals = known.signals - (known.last == plan.signal) if known is not None else 0
    if (
        limits.probation != "min_size"
        or signals >= limits.probation_signals
        or (known is not None and known.approved)
        or sized.lots <= listing.min_qty
    ):
        return sized
    words = (
        f"{sized.words}; cut to {text(listing.min_qty)}, the smallest order: signal {signals + 1} "
        f"of {limits.probation_signals} on probation"
    )
    return replace(sized, lots=listing.min_qty, words=words)


def _venue_can(plan: Plan, intent: PlaceOrder, listing: Listing, life: TimeInForce) -> bool:
    """Hold the entry against the manifest; a trail that the venue lacks is run with stops."""
    capabilities = plan.capabilities
    missing = ""
    if listing.kind not in capabilities.kinds:
        missing = listing.kind.value
    elif intent.ord_type is OrdType.TRAILING_STOP and not capabilities.native_trailing:
        if OrdType.STOP not in capabilities.ord_types or not capabilities.replace:
            missing = "trailing stop orders, nor stops that can be moved,"
    elif intent.ord_type not in capabilities.ord_types:
        missing = f"{intent.ord_type.value} orders"
    if not missing and life not in capabilities.time_in_force:
        missing = f"{life.value} orders"
    if missing:
        plan.refuse(
            "capability_absent",
            f"the venue of account {plan.account.id} has no {missing} for {listing.symbol}",
            listing.symbol,
        )
    return not missing


def rounded(
    price: Decimal | None, listing: Listing, side: Side, purpose: Purpose
) -> Decimal | None:
    """Put a price, where there is one, on the contract's tick, never to the sender's harm."""
    if price is None:
        return None
    return round_price(price, listing.tick_size, side=side, purpose=purpose)


def _prices(
    plan: Plan, intent: PlaceOrder, listing: Listing
) -> tuple[Decimal | None, Decimal | None] | None:
    """Give the order's own limit and stop price on tick; None after a refusal.

    A price that the order's type has no use for is not sent along.
    """
    has_price = intent.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT)
    has_stop = intent.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
    may_stop = has_stop or intent.ord_type is OrdType.TRAILING_STOP
    price = rounded(intent.price, listing, intent.side, "limit") if has_price else None
    stop = rounded(intent.stop_price, listing, intent.side, "stop") if may_stop else None
    if (has_price and price is None) or (has_stop and stop is None):
        plan.refuse(
            "price_missing",
            f"a {intent.ord_type.value} order needs its price",
            listing.symbol,
        )
        return None
    if any(value is not None and value <= 0 for value in (price, stop)):
        plan.refuse("bad_price", "a price must be above zero", listing.symbol)
        return None
    return price, stop


def _fit_bracket(plan: Plan, bracket: Bracket, listing: Listing, side: Side) -> Bracket | None:
    """Decide who runs the bracket: the venue where it can, else the engine where it may."""
    capabilities = plan.capabilities
    stops = bracket.stop_loss is not None or bracket.follows_price
    against = stood_against(plan.account, plan.spec, plan.strategy, listing.symbol, side)
    # A venue holds natively what goes with the entry, and a target for all of it; a stop that
    # comes later is the engine's, and so is one that is to follow where the venue moves none.
    native = (
        capabilities.native_bracket
        and not against
        and [portion for _, portion in bracket.take_profits] in ([], [ONE])
        and (not bracket.follows_price or (bracket.stop_loss is not None and capabilities.replace))
    )
    lacks = "" if native else lacks_orders(bracket, capabilities)
    if lacks:
        plan.refuse(
            "capability_absent",
            f"the venue of account {plan.account.id} has no {lacks} orders to protect a position "
            "with; nothing was opened",
            listing.symbol,
        )
        return None
    engine_stop = not native and stops
    live = plan.spec.mode is AccountMode.LIVE
    if engine_stop and live and plan.route.engine_stops == "refuse_live":
        why = " where another strategy stands against it" if against else ""
        plan.refuse(
            "stop_only_in_engine",
            f"this venue holds no stop with the entry{why}, so it would live only in the engine; "
            'a live account refuses that unless the route says engine_stops = "allow"',
            listing.symbol,
        )
        return None
    return replace(bracket, native=native)


def _trail_distance(
    intent: PlaceOrder, listing: Listing, reference: Decimal | None
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
    limits = limits_for(plan.turn, plan.spec, plan.strategy)
    total, listing = draft.quantity, draft.listing
    most = (quantity(limits, "max_order_qty", listing.symbol), listing.max_qty or None)
    limit = min((one for one in most if one is not None), default=total)
    if limits.on_oversize != "split" or total <= limit:
        place(plan.turn, draft)
        return
    step = floor_to(limit, listing.lot_step)
    if step < listing.min_qty:
        place(plan.turn, draft)
        return
    left, index = total, 0
    draft.split_of = total
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
