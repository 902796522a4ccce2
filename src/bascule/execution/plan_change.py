"""Cancels, modifies and changes of protection."""

from decimal import Decimal

from bascule.execution.fold_guards import guards_of
from bascule.execution.guards import tend
from bascule.execution.levels import LevelRefused, bracket_of, lacks_orders
from bascule.execution.open_risk import loses_more
from bascule.execution.placing import Draft, propose
from bascule.execution.plan_entry import rounded
from bascule.execution.planning import Plan, cancel_entries, in_units
from bascule.execution.state import KNOWN, Guard, Order
from bascule.model.enums import AccountMode, Direction, Side
from bascule.model.event import Bracket, ProtectionChanged, ReplaceRequested, Verdict
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, CancelOrders, ModifyOrder, ModifyProtection, Protection
from bascule.model.values import ZERO, floor_to, text
from bascule.risk.chain import judge, judge_moved_stop
from bascule.risk.proposal import Proposal


def plan_cancel(plan: Plan, intent: CancelOrders) -> None:
    """Ask for the strategy's working entries back."""
    symbol = None
    if intent.symbol:
        listing = plan.find(intent.symbol, entry=False)
        if listing is None:
            return
        symbol = listing.symbol
    count = cancel_entries(
        plan.turn,
        plan.account,
        "cancel",
        strategy=plan.strategy,
        symbol=symbol,
        side=intent.side,
        label=intent.label,
        exits=intent.exits,
        signal=plan.signal,
    )
    if not count:
        what = "order" if intent.exits else "entry"
        plan.idle(f"no working {what} matches", intent.symbol)


def plan_modify(plan: Plan, intent: ModifyOrder) -> None:
    """Change the one working entry that the label (or the symbol and side) names."""
    symbol = None
    if intent.symbol or not intent.label:
        listing = plan.find(intent.symbol, entry=False)
        if listing is None:
            return
        symbol = listing.symbol
    matches = [
        order
        for order in plan.account.orders.values()
        if order.leg == "e"
        and order.strategy == plan.strategy
        and (symbol is None or order.symbol == symbol)
        and (not intent.label or order.label == intent.label)
        and (intent.side is None or order.side is intent.side)
    ]
    if len(matches) != 1:
        found = f"{len(matches)} working entries match" if matches else "no working entry matches"
        plan.refuse("order_not_found", f"{found}; a modify needs exactly one", symbol or "")
        return
    order = matches[0]
    if not plan.capabilities.replace:
        plan.refuse("capability_absent", "this venue cannot change a working order", order.symbol)
    elif order.pending:
        plan.refuse(
            "change_in_flight", f"a {order.pending} of that order is in flight", order.symbol
        )
    elif order.status not in KNOWN:
        plan.refuse(
            "order_not_working",
            f"that order is {order.status.value}: the venue has not shown it working yet",
            order.symbol,
        )
    elif (listing := plan.turn.listing(plan.account.id, order.symbol)) is None:
        plan.refuse("unknown_symbol", f"the venue lists {order.symbol} no more", order.symbol)
    else:
        _replace(plan, intent, order, listing)


def _replace(plan: Plan, intent: ModifyOrder, order: Order, listing: Listing) -> None:
    for given, has, name in (
        (intent.price, order.price, "limit price"),
        (intent.stop_price, order.stop_price, "stop price"),
    ):
        if given is not None and has is None:
            kind = order.ord_type.value.replace("_", " ")
            plan.refuse("bad_price", f"a {kind} order has no {name} to change", order.symbol)
            return
    quantity = order.quantity
    if intent.quantity is not None:
        asked = _new_quantity(plan, intent.quantity, order, listing)
        if asked is None:
            return
        quantity = asked
    price = rounded(intent.price, listing, order.side, "limit")
    stop = rounded(intent.stop_price, listing, order.side, "stop")
    if any(value is not None and value <= 0 for value in (price, stop)):
        plan.refuse("bad_price", "a price must be above zero", order.symbol)
        return
    same = price in (None, order.price) and stop in (None, order.stop_price)
    if same and quantity == order.quantity:
        plan.idle("nothing to change was named", order.symbol)
        return
    value = None
    # A smaller order at the same price adds nothing; anything else is judged like an entry.
    if quantity > order.quantity or price is not None or stop is not None:
        draft = _as_draft(plan, order, listing, quantity, price, stop)
        proposal = propose(plan.turn, draft, replacing=order)
        last = judge(proposal)[-1]
        if not last.ok:
            plan.refuse(last.code, last.text, order.symbol)
            return
        value = _added_value(proposal, order)
    plan.turn.emit(
        ReplaceRequested(
            at=plan.turn.at,
            account=plan.account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=f"{order.cl_ord_id}.r{order.changes + 1}",
            reason="signal",
            quantity=quantity if quantity != order.quantity else None,
            price=price,
            stop_price=stop,
            signal=plan.signal,
            value=value,
        )
    )


def _added_value(proposal: Proposal, order: Order) -> Decimal | None:
    """Give the notional by which an order grows, where a limit counts what is sent."""
    unit = proposal.around.unit_value
    more = proposal.quantity - order.quantity
    if unit is None or more <= 0 or proposal.limits.short_interval_value is None:
        return None
    return more * unit


def _as_draft(
    plan: Plan,
    order: Order,
    listing: Listing,
    quantity: Decimal,
    price: Decimal | None,
    stop: Decimal | None,
) -> Draft:
    """Give the order as it would be with its new terms."""
    return Draft(
        account=plan.account,
        spec=plan.spec,
        listing=listing,
        signal=order.signal,
        strategy=order.strategy,
        leg="e",
        side=order.side,
        quantity=quantity,
        ord_type=order.ord_type,
        price=order.price if price is None else price,
        stop_price=order.stop_price if stop is None else stop,
        bracket=order.bracket,
        unpriced_max_qty=plan.route.unpriced_max_qty,
    )


def _new_quantity(plan: Plan, amount: Amount, order: Order, listing: Listing) -> Decimal | None:
    """Give the new total in lots of this account; None after a refusal."""
    multiple = plan.multiple()
    units = in_units(amount, listing)
    if units is None:
        plan.refuse("quantity_unit_unsupported", "give the new quantity in units", order.symbol)
        return None
    if multiple is None:
        plan.refuse(
            "quantity_unit_unsupported",
            f"account {plan.account.id} sizes by itself ({plan.leg.sizing.method}); a quantity in "
            "the signal cannot change its orders",
            order.symbol,
        )
        return None
    quantity = floor_to(units * multiple, listing.lot_step)
    largest = plan.leg.sizing.max_qty
    if largest is not None:
        quantity = min(quantity, floor_to(largest, listing.lot_step))
    if quantity <= order.cum_qty:
        plan.refuse(
            "below_filled",
            f"{text(quantity)} is not more than the {text(order.cum_qty)} that has filled; "
            "cancel the order to end it",
            order.symbol,
        )
        return None
    return quantity


def plan_protection(plan: Plan, intent: ModifyProtection) -> None:
    """Change what guards the strategy's open entries in a contract."""
    listing = plan.find(intent.symbol, entry=False)
    if listing is None:
        return
    wanted = {Direction.LONG: Side.BUY, Direction.SHORT: Side.SELL}.get(
        intent.held or Direction.FLAT
    )
    guards = [
        guard
        for guard in plan.account.guards.values()
        if guard.strategy == plan.strategy
        and guard.symbol == listing.symbol
        and (wanted is None or guard.side is wanted)
    ]
    bare = _unguarded(plan, listing, wanted)
    if not guards:
        if bare:
            plan.refuse(
                "no_protection_to_change",
                "the position was opened without a stop or target; close it or enter anew with "
                "protection",
                listing.symbol,
            )
        else:
            plan.idle("no protected position to change", listing.symbol)
        return
    for guard in guards:
        _change(plan, guard, intent.protection, listing)


def _unguarded(plan: Plan, listing: Listing, wanted: Side | None) -> bool:
    book = plan.account.book(plan.strategy, listing.symbol)
    if book is None or not book.quantity:
        return False
    return wanted is None or book.quantity * wanted.sign > 0


def _change(plan: Plan, guard: Guard, protection: Protection, listing: Listing) -> None:
    old = guard.bracket
    new = _levels(plan, guard, protection, listing)
    if isinstance(new, LevelRefused):
        plan.refuse(new.code, new.text, guard.symbol)
        return
    if new is None:
        plan.idle("nothing to change was named", guard.symbol)
        return
    trails = new.trail_distance is not None
    evens = new.break_even_trigger is not None
    if old.native and not _venue_holds(plan, guard, new):
        plan.refuse(
            "capability_absent",
            "the venue runs this position's stop and target itself and was sent none of that "
            "kind with the entry; close it, or enter anew with both",
            guard.symbol,
        )
        return
    merged = Bracket(
        stop_loss=new.stop_loss if new.stop_loss is not None else old.stop_loss,
        take_profits=new.take_profits or old.take_profits,
        trail_distance=new.trail_distance if trails else old.trail_distance,
        trail_trigger=new.trail_trigger if trails else old.trail_trigger,
        trail_step=new.trail_step if trails else old.trail_step,
        break_even_trigger=new.break_even_trigger if evens else old.break_even_trigger,
        break_even_offset=new.break_even_offset if evens else old.break_even_offset,
        native=old.native and plan.capabilities.replace,
    )
    if old.native and not merged.native and not _may_take_over(plan, guard, merged):
        return
    refused = _too_far(plan, guard, merged, listing)
    if refused is not None:
        level = old.stop_loss
        at = f" at {text(level)}" if level is not None else ""
        plan.refuse(
            refused.code,
            f"nothing was changed, and the old stop{at} stays in force: {refused.text}. Would "
            f"pass: {'a stop there' if at else 'one as near'} or nearer",
            guard.symbol,
        )
        return
    plan.turn.emit(
        ProtectionChanged(
            at=plan.turn.at,
            account=plan.account.id,
            cl_ord_id=guard.cl_ord_id,
            bracket=merged,
            reason="signal",
            signal=plan.signal,
        )
    )
    tend(plan.turn, plan.account, guard)


def _too_far(plan: Plan, guard: Guard, new: Bracket, listing: Listing) -> Verdict | None:
    """Give what refuses levels at whose stop more is lost, as it would an entry; None for nothing.

    It is asked for what is held and what waits, a split entry's parts together. What moves a stop
    nearer is never refused.
    """
    account, price = plan.account, None if not guard.filled else guard.entry_price
    entry = account.orders.get(guard.cl_ord_id)
    if price is None and entry is not None:
        price = entry.price or entry.stop_price
    quantity = _behind(plan, guard)
    if quantity <= 0 or not loses_more(guard.bracket, new, price, guard.side):
        return None
    parts = guards_of(account, guard.strategy, guard.symbol, guard.side)
    of_signal = [one for one in parts if (one.signal, one.intent) == (guard.signal, guard.intent)]
    draft = Draft(
        account=account,
        spec=plan.spec,
        listing=listing,
        signal=plan.signal,
        strategy=guard.strategy,
        leg="e",
        side=guard.side,
        quantity=quantity,
        price=price,
        bracket=new,
        split_of=sum((_behind(plan, one) for one in of_signal), ZERO),
    )
    verdicts = judge_moved_stop(propose(plan.turn, draft, replacing=entry, guard=guard))
    return next((verdict for verdict in verdicts if not verdict.ok), None)


def _behind(plan: Plan, guard: Guard) -> Decimal:
    """Give how much a guard's stop is for: what it holds, and what its entry may still fill."""
    entry = plan.account.orders.get(guard.cl_ord_id)
    return max(guard.held, ZERO) + (entry.leaves if entry is not None else ZERO)


def _may_take_over(plan: Plan, guard: Guard, bracket: Bracket) -> bool:
    """Whether the engine may run a bracket that its venue cannot move; a refusal says why not."""
    stops = bracket.stop_loss is not None or bracket.follows_price
    if lacks := lacks_orders(bracket, plan.capabilities):
        plan.refuse(
            "capability_absent",
            "the venue cannot move the stop and target that it runs itself, and has no "
            f"{lacks} orders to put in their place; they stay as they are",
            guard.symbol,
        )
        return False
    if stops and plan.spec.mode is AccountMode.LIVE and plan.route.engine_stops == "refuse_live":
        plan.refuse(
            "stop_only_in_engine",
            "the venue cannot move the stop and target that it runs itself, so that others would "
            "live only in the engine; a live account refuses that unless the route says "
            'engine_stops = "allow". They stay as they are',
            guard.symbol,
        )
        return False
    return True


def _levels(
    plan: Plan, guard: Guard, protection: Protection, listing: Listing
) -> Bracket | LevelRefused | None:
    """Give the new levels; a stop that the market has passed already would close at once."""
    if not guard.filled:
        order = plan.account.order(guard.cl_ord_id)
        price = (order.price or order.stop_price) if order is not None else None
        return bracket_of(protection, guard.side, listing, price)
    new = bracket_of(protection, guard.side, listing, guard.entry_price, held=True)
    if not isinstance(new, Bracket) or new.stop_loss is None:
        return new
    market, _ = plan.entry_reference(listing, guard.side.opposite, None, None)
    if market is None or (market - new.stop_loss) * guard.side.sign > 0:
        return new
    return LevelRefused(
        "stop_wrong_side",
        f"with the market at {text(market)} a stop at {text(new.stop_loss)} would close the "
        "position at once; the old one stays. To close it, send a close",
    )


def _venue_holds(plan: Plan, guard: Guard, new: Bracket) -> bool:
    """Whether the venue runs an order for each kind of level that is to be changed, or will."""
    orders = plan.account.orders
    legs = {orders[name].leg for name in guard.children if name in orders}
    has_stop = "s" in legs if guard.filled else guard.bracket.stop_loss is not None
    if (new.stop_loss is not None or new.follows_price) and not has_stop:
        return False
    return not new.take_profits or (len(new.take_profits) == 1 and "t" in legs)
