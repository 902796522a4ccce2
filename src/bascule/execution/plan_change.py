"""Cancels, modifies and changes of protection."""

from bascule.execution.levels import LevelRefused, bracket_of
from bascule.execution.placing import Draft, judge_draft
from bascule.execution.plan_entry import rounded
from bascule.execution.planning import Plan, cancel_entries
from bascule.execution.state import Guard, Order
from bascule.model.enums import Direction, QtyUnit, Side
from bascule.model.event import Bracket, ProtectionChanged, ReplaceRequested
from bascule.model.instrument import Listing
from bascule.model.intent import CancelOrders, ModifyOrder, ModifyProtection, Protection
from bascule.model.values import ZERO, floor_to


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
        signal=plan.signal,
    )
    if not count:
        plan.idle("no working entry matches", intent.symbol)


def plan_modify(plan: Plan, intent: ModifyOrder) -> None:
    """Change the one working entry that the label (or the symbol and side) names."""
    listing = plan.find(intent.symbol, entry=False)
    if listing is None:
        return
    matches = [
        order
        for order in plan.account.orders.values()
        if order.leg == "e"
        and order.strategy == plan.strategy
        and order.symbol == listing.symbol
        and (not intent.label or order.label == intent.label)
        and (intent.side is None or order.side is intent.side)
    ]
    if len(matches) != 1:
        found = f"{len(matches)} working entries match" if matches else "no working entry matches"
        plan.refuse("order_not_found", f"{found}; a modify needs exactly one", listing.symbol)
        return
    order = matches[0]
    if not plan.capabilities.replace:
        plan.refuse("capability_absent", "this venue cannot change a working order", order.symbol)
        return
    if order.pending:
        plan.refuse(
            "change_in_flight", f"a {order.pending} of that order is in flight", order.symbol
        )
        return
    _replace(plan, intent, order, listing)


def _replace(plan: Plan, intent: ModifyOrder, order: Order, listing: Listing) -> None:
    quantity = None
    if intent.quantity is not None:
        if intent.quantity.unit not in (QtyUnit.UNITS, QtyUnit.LOTS):
            plan.refuse("quantity_unit_unsupported", "give the new quantity in units", order.symbol)
            return
        sizing = plan.leg.sizing
        if sizing.method not in ("multiplier", "signal"):
            plan.refuse(
                "quantity_unit_unsupported",
                f"account {plan.account.id} sizes by itself ({sizing.method}); a quantity in the "
                "signal cannot change its orders",
                order.symbol,
            )
            return
        factor = sizing.factor if sizing.method == "multiplier" else 1
        quantity = floor_to(intent.quantity.value * factor, listing.lot_step)
    price = rounded(intent.price, listing, order.side, "limit")
    stop = rounded(intent.stop_price, listing, order.side, "stop")
    if quantity is None and price is None and stop is None:
        plan.idle("nothing to change was named", order.symbol)
        return
    draft = Draft(
        account=plan.account,
        spec=plan.spec,
        listing=listing,
        signal=order.signal,
        strategy=order.strategy,
        leg="e",
        side=order.side,
        quantity=ZERO if quantity is None else max(quantity - order.quantity, ZERO),
        price=price,
        stop_price=stop,
        bracket=order.bracket,
    )
    # Only what is added must pass; a smaller order or another price adds nothing.
    if draft.quantity > 0:
        last = judge_draft(plan.turn, draft)[-1]
        if not last.ok:
            plan.refuse(last.code, last.text, order.symbol)
            return
    plan.turn.emit(
        ReplaceRequested(
            at=plan.turn.at,
            account=plan.account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=f"{order.cl_ord_id}.r{order.changes + 1}",
            reason="signal",
            quantity=quantity,
            price=price,
            stop_price=stop,
            signal=plan.signal,
        )
    )


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
    reference = guard.entry_price if guard.filled else None
    old = guard.bracket
    new = bracket_of(protection, guard.side, listing, reference, held=True)
    if isinstance(new, LevelRefused):
        plan.refuse(new.code, new.text, guard.symbol)
        return
    if new is None:
        plan.idle("nothing to change was named", guard.symbol)
        return
    trails = new.trail_distance is not None
    evens = new.break_even_trigger is not None
    merged = Bracket(
        stop_loss=new.stop_loss if new.stop_loss is not None else old.stop_loss,
        take_profits=new.take_profits or old.take_profits,
        trail_distance=new.trail_distance if trails else old.trail_distance,
        trail_trigger=new.trail_trigger if trails else old.trail_trigger,
        trail_step=new.trail_step if trails else old.trail_step,
        break_even_trigger=new.break_even_trigger if evens else old.break_even_trigger,
        break_even_offset=new.break_even_offset if evens else old.break_even_offset,
        native=old.native,
    )
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
