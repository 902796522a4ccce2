"""The folds of order events, one function an event.

What an order can still fill is weighed into its account's exposure and its book here and nowhere
else.
"""

from decimal import Decimal
from itertools import islice

from bascule.execution.fold_guards import (
    LATE,
    drop_idle,
    guard_again,
    leg_of,
    make_guard,
    slot_of,
    unwatch,
    watch,
)
from bascule.execution.positions import apply_fill, book_of, exposure_of
from bascule.execution.state import (
    ENDED_ORDERS_MAX,
    EXEC_IDS_MIN,
    SAME_ENTRIES_MAX,
    UNDONE,
    AccountState,
    Book,
    ExecHour,
    Execution,
    Guard,
    LastSame,
    Order,
    State,
)
from bascule.model import event as ev
from bascule.model.enums import ENDED, ExecType, OrdStatus, OrdType, Side
from bascule.model.ids import MANUAL_BOOK, ClOrdID, ExecID, VenueSymbol
from bascule.model.values import DAY, HOUR, MINUTE, ZERO, Instant, text

NEVER_THERE = ("absent", "resolved_by_hand")
"""Ends in which the venue never had the order, and so has refused nothing."""


def same_key(symbol: str, side: Side, quantity: Decimal) -> str:
    """Name an entry by symbol, side and size, for the duplicate check."""
    return f"{symbol}|{side}|{text(quantity)}"


def _weigh(account: AccountState, order: Order, sign: int) -> None:
    """Add (+1) or take (-1) what the order may still fill to or from the running sums."""
    leg = order.leg
    if leg != "e" and leg != "x":
        return
    leaves = order.leaves
    if not leaves:
        return
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    if leg == "x":
        book.exiting += leaves * sign
        if order.side is Side.BUY:
            book.exiting_buy += leaves * sign
        return
    exposure = exposure_of(account, order.symbol)
    if order.side is Side.BUY:
        exposure.open_buy += leaves * sign
        book.open_buy += leaves * sign
    else:
        exposure.open_sell += leaves * sign
        book.open_sell += leaves * sign


def _wait_no_more(account: AccountState, order: Order) -> None:
    order.waiting = False
    waiters = account.waiters.get(order.after) if order.after is not None else None
    if order.after is not None and waiters is not None and order.cl_ord_id in waiters:
        waiters.remove(order.cl_ord_id)
        if not waiters:
            del account.waiters[order.after]


def _settle(account: AccountState, order: Order, status: OrdStatus) -> None:
    """Set a status, and keep the order among the live or the ended ones accordingly."""
    order.status = status
    cl_ord_id = order.cl_ord_id
    if status not in ENDED:
        if account.ended.pop(cl_ord_id, None) is not None:
            _wake(account, order)
        return
    if account.orders.pop(cl_ord_id, None) is None:
        return
    order.pending = order.pending_id = order.doubt = ""
    order.pending_qty = order.pending_price = order.pending_stop = None
    _wait_no_more(account, order)
    account.ended[cl_ord_id] = order
    if len(account.ended) > ENDED_ORDERS_MAX:
        _forget(account, account.ended.pop(next(iter(account.ended))))
    parent = order.parent
    if parent is not None and (guard := account.guards.get(parent)) is not None:
        if cl_ord_id in guard.children:
            guard.children.remove(cl_ord_id)
        drop_idle(account, guard)
    else:
        own = account.guards.get(cl_ord_id)
        if own is not None:
            own.entry_done = True
            drop_idle(account, own)
        unwatch(account, order.venue_symbol, cl_ord_id)


def _wake(account: AccountState, order: Order) -> None:
    """An ended order lives after all: it is guarded, or guards, as before."""
    account.orders[order.cl_ord_id] = order
    if order.leg in "st":
        guard = guard_again(account, order.parent)
        if guard is not None and order.cl_ord_id not in guard.children:
            guard.children.append(order.cl_ord_id)
    elif order.leg == "e":
        own = guard_again(account, order.cl_ord_id)
        if own is not None:
            own.entry_done = False
        if order.trail_distance is not None:
            watch(account, order.venue_symbol, order.cl_ord_id)


def _forget(account: AccountState, order: Order) -> None:
    number = order.venue_order_id
    if order.changes:
        # A venue may have given it another id with each change.
        for venue_id in [k for k, name in account.by_venue_id.items() if name == order.cl_ord_id]:
            del account.by_venue_id[venue_id]
    elif number is not None and account.by_venue_id.get(number) == order.cl_ord_id:
        del account.by_venue_id[number]  # else it is another's by now


def requested(account: AccountState, event: ev.OrderRequested, number: int) -> None:
    """A new order: from here on it counts in every limit."""
    order = Order(
        cl_ord_id=event.cl_ord_id,
        signal=event.signal,
        intent=event.intent,
        account=event.account,
        strategy=event.strategy,
        leg=event.leg,
        symbol=event.symbol,
        venue_symbol=event.venue_symbol,
        side=event.side,
        quantity=event.quantity,
        ord_type=event.ord_type,
        requested_at=event.at,
        number=number,
        price=event.price,
        stop_price=event.stop_price,
        trail_distance=event.trail_distance,
        time_in_force=event.time_in_force,
        expire_at=event.expire_at,
        reduce_only=event.reduce_only,
        position_id=event.position_id,
        bracket=event.bracket,
        parent=event.parent,
        after=event.after,
        waiting=event.after is not None,
        label=event.label,
        comment=event.comment,
        attempt=event.attempt,
        not_before=event.not_before,
        expires_unsent=event.expires_unsent,
    )
    account.orders[order.cl_ord_id] = order
    _weigh(account, order, 1)
    if event.after is not None:
        account.waiters.setdefault(event.after, []).append(order.cl_ord_id)
    if event.leg in "ex":
        book = book_of(account, event.strategy, event.symbol, event.venue_symbol)
        book.target = event.target
        if event.leg == "e":
            _entry_requested(account, order, book)
            return
    if event.parent is not None and (guard := account.guards.get(event.parent)) is not None:
        guard.children.append(event.cl_ord_id)
        slot = slot_of(order)
        guard.made[slot] = guard.made.get(slot, 0) + 1
        guard.denied.pop(denied_key(event.leg, event.cl_ord_id), None)
        if event.leg == "x":
            guard.tried_at = event.at


def _entry_requested(account: AccountState, entry: Order, book: Book) -> None:
    account.rates.record(entry.requested_at)
    key = same_key(entry.symbol, entry.side, entry.quantity)
    account.same[key] = LastSame(entry.signal, entry.requested_at)
    if len(account.same) > SAME_ENTRIES_MAX:
        del account.same[next(iter(account.same))]
    if _is_first_part(account, entry):
        book.entries += 1
    if entry.bracket is not None:
        make_guard(account, entry, entry.bracket)
    if entry.trail_distance is not None:
        watch(account, entry.venue_symbol, entry.cl_ord_id)


def _is_first_part(account: AccountState, entry: Order) -> bool:
    """Whether it is an entry by itself, and not a later part of a split."""
    before = account.order(entry.after) if entry.after is not None else None
    return before is None or before.leg != "e"


def denied_key(leg: str, cl_ord_id: ClOrdID) -> str:
    """Name what was refused for a guard: a close has another id with each try."""
    return leg if leg == "x" else cl_ord_id


def refused(account: AccountState, event: ev.OrderRefused) -> None:
    """Our own checks refused an order; a guard's is not told again for the same reason."""
    guard = account.guards.get(event.parent) if event.parent is not None else None
    if guard is not None:
        guard.denied[denied_key(event.leg, event.cl_ord_id)] = event.code


def sent(state: State, event: ev.OrdersSent) -> None:
    """Written to the venue."""
    for account, cl_ord_id in zip(event.accounts, event.orders, strict=True):
        order = state.accounts[account].orders.get(cl_ord_id)
        if order is not None and order.status is OrdStatus.NEW_REQUESTED:
            order.status = OrdStatus.SUBMITTED
            if order.parent is not None:
                _left(state.accounts[account], order.parent)


def _left(account: AccountState, parent: ClOrdID) -> None:
    guard = account.guards.get(parent)
    if guard is not None:
        guard.unsent = 0


def released(account: AccountState, event: ev.OrderReleased) -> None:
    """A held order may go, for the quantity that is still to be done."""
    order = account.orders[event.cl_ord_id]
    _weigh(account, order, -1)
    _wait_no_more(account, order)
    order.quantity = event.quantity
    _weigh(account, order, 1)


def acknowledged(account: AccountState, event: ev.OrderAcknowledged) -> None:
    """The venue took it, or shows it working."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    order.heard_at = event.at
    if event.venue_order_id is not None:
        order.venue_order_id = event.venue_order_id
        account.by_venue_id[event.venue_order_id] = order.cl_ord_id
    order.doubt = ""
    if order.status is not event.status:
        _weigh(account, order, -1)
        _settle(account, order, event.status)
        _weigh(account, order, 1)


def filled(account: AccountState, event: ev.OrderFilled) -> None:
    """One fill, counted once by its exec id."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    order.heard_at = event.at
    _weigh(account, order, -1)
    order.cum_qty += event.quantity
    order.notional += event.quantity * event.price
    order.fills[event.exec_id] = Execution(event.quantity, event.price)
    order.doubt = ""
    _counted(account, event.exec_id, order.cl_ord_id, event.traded_at, event.at)
    if order.leg == "e" and event.position_id is not None:
        order.position_id = event.position_id
    if event.traded_at > account.last_fill_at:
        account.last_fill_at = event.traded_at
    signed = event.quantity * event.side.sign
    apply_fill(account, order, signed, event.price, event.position_id)
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    book.commission += event.commission
    _settle(account, order, event.status)
    _weigh(account, order, 1)
    _drop_guards_of(account, order)


def _counted(account: AccountState, exec_id: ExecID, name: ClOrdID, at: Instant, now: int) -> None:
    """Know an exec id from now on, so that what it tells is counted once at most.

    It is known for as long as a look may bring its fill again, also the first one of another run.
    ``at`` is when it traded; what its venue's clock says is believed up to a day ahead of ours.
    """
    hours, hour = account.exec_hours, now // HOUR
    if not hours or hours[-1].hour != hour:
        # Those that are there before the first hour are from a version that kept no hours.
        hours.append(ExecHour(hour, 0 if hours else len(account.exec_ids), Instant(now)))
    if exec_id not in account.exec_ids:
        hours[-1].count += 1
    hours[-1].last = Instant(max(hours[-1].last, now, min(at, now + DAY)))
    account.exec_ids[exec_id] = name
    while len(account.exec_ids) > EXEC_IDS_MIN and hours[0].last < account.fills_from(Instant(now)):
        _forget_oldest(account, min(hours[0].count, len(account.exec_ids) - EXEC_IDS_MIN))


def _forget_oldest(account: AccountState, count: int) -> None:
    for exec_id in list(islice(account.exec_ids, count)):
        del account.exec_ids[exec_id]
        account.hand_fills.pop(exec_id, None)
    account.exec_hours[0].count -= count
    if not account.exec_hours[0].count:
        del account.exec_hours[0]


def uncounted(account: AccountState, event: ev.ReportIgnored | ev.ForeignFill) -> None:
    """Know the exec ids of a fill of no order of ours, or of one that is not to be counted.

    A bust may overtake its fill, which then never was. What a hand's trade cost is the manual
    book's, whatever book it closed.
    """
    if isinstance(event, ev.ForeignFill):
        _counted(account, event.exec_id, ClOrdID(""), event.traded_at, event.at)
        if event.undoes is None:
            account.hand_fills[event.exec_id] = Execution(event.quantity, event.price)
        else:
            account.hand_fills.pop(event.undoes, None)
            if event.undoes in account.exec_ids:
                account.exec_ids[event.undoes] = UNDONE
        if event.commission:
            venue_symbol = VenueSymbol(event.symbol)
            manual = book_of(account, MANUAL_BOOK, event.symbol, venue_symbol)
            manual.commission += event.commission
        return
    report = event.report
    if report.exec_type is ExecType.TRADE or report.exec_type is ExecType.TRADE_CANCEL:
        for exec_id in (report.exec_id, report.ref_exec_id):
            if exec_id is not None and exec_id not in account.exec_ids:
                _counted(account, exec_id, ClOrdID(""), report.at, event.at)


def _drop_guards_of(account: AccountState, order: Order) -> None:
    """A fill may have emptied the guard it belongs to, or (an exit) any guard of its book."""
    guard = account.guards.get(order.parent or order.cl_ord_id)
    if guard is not None:
        drop_idle(account, guard)


def _undo(account: AccountState, order: Order, exec_id: ExecID) -> None:
    fill = order.fills.pop(exec_id, None)
    if fill is None:
        return
    order.cum_qty -= fill.quantity
    order.notional -= fill.quantity * fill.price
    apply_fill(account, order, -fill.quantity * order.side.sign, fill.price, order.position_id)


def busted(account: AccountState, event: ev.FillBusted) -> None:
    """The venue took a fill back: position and order are as if it had never been."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    order.heard_at = event.at
    _counted(account, event.exec_id, order.cl_ord_id, event.at, event.at)
    _weigh(account, order, -1)
    _undo(account, order, event.ref_exec_id)
    _settle(account, order, event.status)
    _weigh(account, order, 1)
    _drop_guards_of(account, order)


def corrected(account: AccountState, event: ev.FillCorrected) -> None:
    """The venue corrected a fill: the old one is undone, the new one counted."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    order.heard_at = event.at
    _counted(account, event.exec_id, order.cl_ord_id, event.at, event.at)
    _weigh(account, order, -1)
    _undo(account, order, event.ref_exec_id)
    order.cum_qty += event.quantity
    order.notional += event.quantity * event.price
    order.fills[event.exec_id] = Execution(event.quantity, event.price)
    signed = event.quantity * order.side.sign
    apply_fill(account, order, signed, event.price, order.position_id)
    _settle(account, order, event.status)
    _weigh(account, order, 1)
    _drop_guards_of(account, order)


def ended(account: AccountState, event: ev.OrderEnded) -> None:
    """It will trade no more."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    guard = account.guards.get(order.parent) if order.parent is not None else None
    _weigh(account, order, -1)
    order.end_reason = event.text or event.reason
    _settle(account, order, event.status)
    order.heard_at = event.at
    if guard is not None:
        _count_refusal(guard, order, event)
        drop_idle(account, guard)
    _not_closed(account, order)
    if order.cum_qty or order.leg in "st":
        return
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    book.target = None
    if order.leg == "e" and _is_first_part(account, order):
        book.entries = max(book.entries - 1, 0)
    if event.status is OrdStatus.EXPIRED_UNSENT:
        key = same_key(order.symbol, order.side, order.quantity)
        if (same := account.same.get(key)) is not None and same.signal == order.signal:
            del account.same[key]


def set_back(account: AccountState, now: Instant) -> None:
    """Take for just now what is yet to come by a clock that was set back between two runs.

    Else every look would be older than the last news, and every pause last until then.
    """
    for order in (*account.orders.values(), *account.ended.values()):
        order.requested_at = min(order.requested_at, now)
        order.changed_at = min(order.changed_at, now)
        order.heard_at = min(order.heard_at, now)
        order.doubted_at = min(order.doubted_at, now)
    for guard in account.guards.values():
        guard.tried_at = min(guard.tried_at, now)
        guard.unsent_at = min(guard.unsent_at, now)


def _not_closed(account: AccountState, order: Order) -> None:
    """What a close that nobody asked for was to close, and did not, is astray still."""
    late = order.leg == "x" and leg_of(account, order).startswith(LATE) and order.parent is None
    if not late or order.position_id is not None or order.status is OrdStatus.EXPIRED_UNSENT:
        return
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    held = max(-book.quantity * order.side.sign, ZERO)
    if held > 0:
        book.astray = min(max(book.astray, order.quantity - order.cum_qty), held)


def _count_refusal(guard: Guard, order: Order, event: ev.OrderEnded) -> None:
    """Count what the venue refused, or took and ended at once, of a guard's orders in a row.

    A bracket that it made and ended itself was none that it would not have, and what never left is
    counted apart.
    """
    if order.native_child or order.asked_back or order.cum_qty or event.reason in NEVER_THERE:
        return
    if event.reason == "never_sent":
        guard.unsent += 1
        guard.unsent_at = event.at
        return
    slot = slot_of(order)
    at_once = event.at - order.requested_at < MINUTE
    guard.refused[slot] = guard.refused.get(slot, 0) + 1 if at_once else 1


def doubted(account: AccountState, event: ev.OrderDoubted) -> None:
    """Nobody knows; it keeps its full exposure."""
    order = account.orders.get(event.cl_ord_id) or account.ended.get(event.cl_ord_id)
    if order is None:
        return
    _weigh(account, order, -1)
    order.doubt = event.cause
    order.doubted_at = event.at
    _settle(account, order, OrdStatus.IN_DOUBT)
    _weigh(account, order, 1)


def cancel_requested(account: AccountState, event: ev.CancelRequested) -> None:
    """A cancel is in flight; what a replace in flight may add still counts."""
    order = account.orders.get(event.cl_ord_id)
    if order is None:
        return
    order.pending = "cancel"
    order.asked_back = True
    order.pending_id = event.request_id
    order.changes += 1
    order.changed_at = event.at


def replace_requested(account: AccountState, event: ev.ReplaceRequested) -> None:
    """A replace is in flight; old and new terms count until one is proven."""
    order = account.orders.get(event.cl_ord_id)
    if order is None:
        return
    _weigh(account, order, -1)
    order.pending = "replace"
    order.pending_id = event.request_id
    order.pending_qty = event.quantity
    order.pending_price = event.price
    order.pending_stop = event.stop_price
    order.changes += 1
    order.changed_at = event.at
    _weigh(account, order, 1)


def _clear_pending(order: Order, request_id: str) -> None:
    if order.pending_id == request_id or not request_id:
        order.pending = ""
        order.pending_id = ""
    if order.pending != "replace":
        order.pending_qty = order.pending_price = order.pending_stop = None


def replaced(account: AccountState, event: ev.OrderReplaced) -> None:
    """The venue confirmed new terms."""
    order = account.order(event.cl_ord_id)
    if order is None:
        return
    order.heard_at = event.at
    order.doubt = ""
    order.refusals = 0
    _weigh(account, order, -1)
    _clear_pending(order, event.request_id)
    if event.quantity is not None:
        order.quantity = event.quantity
    if event.price is not None:
        order.price = event.price
    if event.stop_price is not None:
        order.stop_price = event.stop_price
    if event.venue_order_id is not None:
        order.venue_order_id = event.venue_order_id
        account.by_venue_id[event.venue_order_id] = order.cl_ord_id
    _settle(account, order, event.status)
    _weigh(account, order, 1)


def change_rejected(account: AccountState, event: ev.ChangeRejected) -> None:
    """A cancel or replace was refused; the order stands as it was.

    With an unknown outcome both terms go on counting until the venue's evidence picks one. An
    order that only the larger quantity asked for kept open has filled. A replace that was in flight
    before a refused cancel is so still.
    """
    order = account.order(event.cl_ord_id)
    if order is None or event.unknown:
        return
    order.heard_at = event.at
    _weigh(account, order, -1)
    under = order.replace_under
    if under and event.request_id == order.pending_id:
        order.pending, order.pending_id = "replace", under
    else:
        _clear_pending(order, event.request_id)
    order.refusals += 1
    if order.live and order.pending_qty is None and order.cum_qty >= order.quantity:
        _settle(account, order, OrdStatus.FILLED)
    _weigh(account, order, 1)


def child_reported(account: AccountState, event: ev.ChildReported) -> None:
    """A native stop or target that the venue runs for one of our entries."""
    order = Order(
        cl_ord_id=event.cl_ord_id,
        signal=event.signal,
        intent=0,
        account=event.account,
        strategy=event.strategy,
        leg=event.leg,
        symbol=event.symbol,
        venue_symbol=event.venue_symbol,
        side=event.side,
        quantity=event.quantity,
        ord_type=OrdType.STOP if event.leg == "s" else OrdType.LIMIT,
        requested_at=event.at,
        heard_at=event.at,
        status=OrdStatus.WORKING,
        price=event.price,
        stop_price=event.stop_price,
        reduce_only=True,
        position_id=event.position_id,
        parent=event.parent,
        venue_order_id=event.venue_order_id,
        native_child=True,
    )
    account.orders[order.cl_ord_id] = order
    account.by_venue_id[event.venue_order_id] = order.cl_ord_id
    guard = account.guards.get(event.parent)
    if guard is not None:
        guard.children.append(order.cl_ord_id)
        order.trail_distance = guard.bracket.trail_distance if event.leg == "s" else None


def protection_changed(account: AccountState, event: ev.ProtectionChanged) -> None:
    """A guard has other levels now."""
    guard = account.guards.get(event.cl_ord_id)
    if guard is None:
        return
    entry = account.order(event.cl_ord_id)
    if entry is not None:
        entry.bracket = event.bracket
    if event.reason == "signal":
        guard.refused.clear()
        guard.moved = guard.moved and (
            event.bracket.break_even_trigger == guard.bracket.break_even_trigger
        )
    guard.bracket = event.bracket
    if event.reason == "break_even":
        guard.moved = True
    if event.bracket.follows_price:
        watch(account, guard.venue_symbol, guard.cl_ord_id)
    for cl_ord_id in guard.children:
        child = account.orders.get(cl_ord_id)
        if child is not None and child.leg == "s":
            child.trail_distance = event.bracket.trail_distance


def book_closing(account: AccountState, event: ev.BookClosing, number: int) -> None:
    """The whole book is being closed, and so is what entries up to ``number`` still fill."""
    book = account.book(event.strategy, event.symbol)
    if book is not None:
        book.closing = event.signal
        book.closing_side = event.side
        book.closed_to = number
