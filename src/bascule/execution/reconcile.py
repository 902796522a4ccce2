"""What a venue shows, held against what we know. Evidence only; the second run emits nothing.

The order is: fills first (each once, by exec id), then the orders shown, then the answers for the
orders that were asked after, then positions (see ``comparing``).
"""

from collections.abc import Collection, Container
from decimal import Decimal

from msgspec.structs import replace

from bascule.execution.aftermath import aftermath, release_waiting
from bascule.execution.comparing import compare_positions
from bascule.execution.guards import is_bare, may_be_abandoned, native_children, take_over, tend
from bascule.execution.inputs import Looked
from bascule.execution.learning import forget_foreign, ignore, learn, learn_foreign
from bascule.execution.order_table import Fact
from bascule.execution.plan_exit import close_astray, take_back_spent
from bascule.execution.planning import request_cancel
from bascule.execution.reports import (
    HAND_PATIENCE,
    adopt_child,
    amend_foreign,
    close_late,
    counted_as,
    identified,
    on_report,
    speaks_of,
    tend_all,
)
from bascule.execution.state import UNDONE, AccountState, Guard, Order
from bascule.execution.turn import Turn
from bascule.model.enums import ENDED, ExecType, OrdStatus
from bascule.model.event import (
    AccountMarked,
    ChangeRejected,
    FillCorrected,
    OrderFilled,
    OrderReplaced,
    ReconcilePassed,
)
from bascule.model.ids import ClOrdID, ExecID
from bascule.model.order import ExecutionReport, VenueOrder
from bascule.model.values import HOUR, SECOND, ZERO, text

_CHANGE_PATIENCE = 3 * SECOND
"""A cancel or replace that a look still does not show after this long has not happened."""
_MONEY_INTERVAL = 60 * SECOND
_AGREED_AGAIN = HOUR
"""How often it is noted that an account that trades still agrees: a start looks back from there."""
_FACTS = {
    OrdStatus.ACKNOWLEDGED: Fact.FOUND,
    OrdStatus.WORKING: Fact.FOUND,
    OrdStatus.PARTIALLY_FILLED: Fact.FOUND,
    OrdStatus.CANCELED: Fact.CANCELED,
    OrdStatus.REJECTED: Fact.REJECTED,
    OrdStatus.EXPIRED: Fact.EXPIRED,
}


def on_look(turn: Turn, look: Looked) -> None:
    """Bring an account in line with what its venue shows."""
    account = turn.state.accounts.get(look.account)
    if account is None:
        return
    before = len(turn.events)
    first = not account.known
    bare = [guard.cl_ord_id for guard in account.guards.values() if is_bare(account, guard)]
    quiet = {name for name, order in account.orders.items() if not _heard_since(order, look)}
    _bind(turn, account, look)
    applied = _apply_fills(turn, account, look, first=first)
    foreign = {
        shown.venue_order_id
        for shown in look.orders
        if not _on_shown(turn, account, shown, look, quiet)
    }
    if look.complete:
        _end_unseen_children(turn, account, look, quiet)
        forget_foreign(turn, account, foreign, look)
    for name, found in look.lookups.items():
        order = account.order(name)
        if order is None:
            continue
        if found is not None:
            _on_found(turn, account, order, found, look, quiet)
        elif name in look.absent:
            learn(
                turn,
                account,
                order,
                Fact.ABSENT,
                reason="absent",
                text="the venue never had it",
                evidence=f"absence proof: {look.cause}",
            )
            aftermath(turn, account, order)
    if look.money is not None:
        _mark(turn, account, look)
    if not look.complete:
        return
    agreed = compare_positions(turn, account, look, first=first)
    if agreed:
        _passed(turn, account, look, applied, changed=len(turn.events) > before)
        take_back_spent(turn, account)
        close_astray(turn, account)
        _take_back_orphans(turn, account)
    _tend_all(turn, account, look, bare if agreed else ())
    release_waiting(turn, account)


def _passed(
    turn: Turn, account: AccountState, look: Looked, applied: int, *, changed: bool
) -> None:
    """Note that an account agrees with its venue, where that is news or was noted long ago."""
    traded = bool(account.exec_hours) and account.exec_hours[-1].last > account.agreed_at
    again = traded and turn.at - account.agreed_at > _AGREED_AGAIN
    if account.reconciled and not (account.drift or applied or changed or again):
        return
    turn.emit(
        ReconcilePassed(
            at=turn.at,
            account=account.id,
            orders=len(look.orders),
            positions=len(look.positions),
            fills=len(look.fills),
            applied=applied,
            cause=look.cause,
        )
    )


def _tend_all(turn: Turn, account: AccountState, look: Looked, bare: Collection[ClOrdID]) -> None:
    """Tend every guard; of the ``bare`` ones, take over those that their venue has abandoned."""
    for guard in list(account.guards.values()):
        if guard.cl_ord_id in bare and _abandoned(turn, account, guard, look):
            take_over(turn, account, guard, "the venue holds none for it any more")
        tend(turn, account, guard)


def _take_back_orphans(turn: Turn, account: AccountState) -> None:
    """Ask for brackets back that the venue made for what its own strategy did not open.

    Where others hold the contract too, an entry may open for the venue and close for its strategy.
    """
    for order in list(account.orders.values()):
        if order.native_child and order.parent not in account.guards and not order.pending:
            request_cancel(turn, account, order.cl_ord_id, "it protects nothing that is held")


def _abandoned(turn: Turn, account: AccountState, guard: Guard, look: Looked) -> bool:
    """Whether the venue was to run a bracket, and shows none, or too small a one.

    Of one that this very look found made, or ended, the next one is asked.
    """
    spec = turn.settings.accounts.get(account.id)
    if spec is None or not may_be_abandoned(account, spec, guard):
        return False
    entry = account.order(guard.cl_ord_id)
    if entry is None or _heard_since(entry, look):
        return False
    children = (child for child in native_children(account) if child.parent == guard.cl_ord_id)
    return not any(_heard_since(child, look) for child in children)


def _bind(turn: Turn, account: AccountState, look: Looked) -> None:
    """Learn the venue's numbers of our orders first: a fill may bear no other name."""
    for child in look.orders:
        if child.parent is not None and child.leg and _own(account, child) is None:
            adopt_child(turn, account, _as_report(child))  # its fills alone do not tell its size
    for shown in (*look.orders, *look.lookups.values()):
        if shown is None or shown.cl_ord_id is None or shown.ord_status is OrdStatus.IN_DOUBT:
            continue
        order = account.orders.get(shown.cl_ord_id)
        trades = shown.ord_status not in ENDED or shown.cum_qty
        if order is not None and order.venue_order_id is None and trades:
            learn(turn, account, order, Fact.FOUND, report=_as_report(shown), evidence=_said(look))


def _own(account: AccountState, shown: VenueOrder) -> Order | None:
    """Give the order of ours that the venue shows, by our id or by its number."""
    if shown.cl_ord_id is not None and (named := account.order(shown.cl_ord_id)) is not None:
        return named
    name = account.by_venue_id.get(shown.venue_order_id)
    order = account.order(name) if name is not None else None
    return order if order is not None and _is(order, shown) else None


def _apply_fills(turn: Turn, account: AccountState, look: Looked, *, first: bool) -> int:
    applied, before = 0, len(turn.events)
    settled = (look.began or look.at) - HAND_PATIENCE
    unshown = {name for name, found in look.lookups.items() if found is None}
    for shown in look.fills:
        fill = identified(shown)
        if fill.exec_id in account.exec_ids:
            _correct(turn, account, fill)
            continue
        # A first look at an account takes the position as it stands, not how it came about.
        in_position = look.positions_at is None or fill.at <= look.positions_at
        if first and in_position and not _ours(account, fill):
            ignore(turn, account, None, fill, "it was before Bascule's first look at the account")
            continue
        known = len(turn.events)
        old = fill.at < settled
        on_report(
            turn,
            fill,
            not_shown=account.orders if look.adopt else unshown if old else (),
            numbered=not (old and _of_another(fill, look)),
            alone=False,
        )
        applied += len(turn.events) > known
    if len(turn.events) > before:
        _follow_up(turn, account, before)
    return applied


def _follow_up(turn: Turn, account: AccountState, before: int) -> None:
    """Do what fills ask for once all are counted: a later one may have closed what one opened."""
    filled: dict[ClOrdID, Decimal] = {}
    for event in turn.events[before:]:
        if isinstance(event, OrderFilled):
            filled[event.cl_ord_id] = filled.get(event.cl_ord_id, ZERO) + event.quantity
        elif isinstance(event, FillCorrected):
            filled.setdefault(event.cl_ord_id, ZERO)
    orders = [(account.order(name), quantity) for name, quantity in filled.items()]
    for order, quantity in orders:
        if order is not None:
            close_late(turn, account, order, quantity)
    for order, _ in orders:
        if order is not None:
            aftermath(turn, account, order)
    tend_all(turn, account)


def _of_another(fill: ExecutionReport, look: Looked) -> bool:
    """Whether the number of an old fill is another order's by now: it has traded less in all."""
    shown = (*look.orders, *look.lookups.values())
    traded = [
        one.cum_qty
        for one in shown
        if one is not None and one.venue_order_id == fill.venue_order_id
    ]
    return bool(traded) and max(traded) < fill.last_qty


def _correct(turn: Turn, account: AccountState, fill: ExecutionReport) -> None:
    """Take over what the venue's history says of a fill that was counted otherwise.

    Its correction was lost on the way, or came before the fill itself.
    """
    owner = account.exec_ids[fill.exec_id]
    order = account.order(owner)
    if order is None and owner not in ("", UNDONE):
        return  # its order is forgotten, and what was counted with it
    fills = order.fills if order is not None else account.hand_fills
    name = counted_as(fills, fill.exec_id)
    if name is None or fill.last_qty <= 0:
        return
    known = fills[name]
    if (known.quantity, known.price) != (fill.last_qty, fill.last_price):
        told = replace(
            fill,
            exec_type=ExecType.TRADE_CORRECT,
            exec_id=ExecID(f"{name}~{text(fill.last_qty)}x{text(fill.last_price)}"),
            ref_exec_id=name,
        )
        if order is None:
            amend_foreign(turn, account, told, alone=False)
        else:
            on_report(turn, told, alone=False)


def _end_unseen_children(
    turn: Turn, account: AccountState, look: Looked, quiet: Container[ClOrdID]
) -> None:
    """A venue's native child that a whole list of open orders lacks has ended there.

    Its fills, if it had any, were in the same look, which is no younger for that: of those
    that were ``quiet`` nothing had been heard. Children have no id of ours to ask by.
    """
    shown = {order.venue_order_id: order for order in look.orders if order.cl_ord_id is None}
    for order in list(account.orders.values()):
        if not order.native_child:
            continue
        numbered = shown.get(order.venue_order_id) if order.venue_order_id is not None else None
        if numbered is not None and _is(order, numbered):
            continue  # else the number is another's by now
        if order.cl_ord_id in quiet:
            learn(
                turn,
                account,
                order,
                Fact.CANCELED,
                reason="no_longer_shown",
                evidence=_said(look),
            )
            aftermath(turn, account, order)


def _said(look: Looked) -> str:
    return f"look: {look.cause}"


def _heard_since(order: Order, look: Looked) -> bool:
    """Whether something was heard of (or asked for) an order after the look began."""
    return look.began is not None and max(order.heard_at, order.changed_at) >= look.began


def _ours(account: AccountState, fill: ExecutionReport) -> bool:
    return (
        (fill.cl_ord_id is not None and account.order(fill.cl_ord_id) is not None)
        or fill.venue_order_id in account.by_venue_id
        or (fill.parent is not None and account.order(fill.parent) is not None)
    )


def _on_shown(
    turn: Turn, account: AccountState, shown: VenueOrder, look: Looked, quiet: Container[ClOrdID]
) -> bool:
    """Apply what the venue shows of one order; False where it is none of ours."""
    order = _own(account, shown)
    if order is None:
        learn_foreign(turn, account, shown, look)
        return False
    _on_found(turn, account, order, shown, look, quiet)
    return True


def _is(order: Order, shown: VenueOrder) -> bool:
    """Whether an order shown without a name of ours is ours: an ended one of ours bears its own."""
    return (order.live or order.native_child) and speaks_of(order, _as_report(shown))


def _overtaken(order: Order, shown: VenueOrder, look: Looked, quiet: Container[ClOrdID]) -> bool:
    """Whether more is known of an order than what a look shows of it.

    That the look's own fills told of it, as of an order that was ``quiet`` until then, makes what
    it shows no older, where all of them are in there.
    """
    alone = order.cl_ord_id in quiet and order.cum_qty <= shown.cum_qty
    return _heard_since(order, look) and (not alone or order.changed_at >= (look.began or 0))


def _on_found(
    turn: Turn,
    account: AccountState,
    order: Order,
    shown: VenueOrder,
    look: Looked,
    quiet: Container[ClOrdID],
) -> None:
    """Apply what the venue shows under one of our ids."""
    if shown.ord_status is OrdStatus.IN_DOUBT:
        return  # a venue that cannot be asked shows what it was told once: no evidence
    fact = _FACTS.get(shown.ord_status)
    overtaken = _overtaken(order, shown, look, quiet)
    if fact is Fact.FOUND and overtaken:
        return
    if shown.ord_status in ENDED and not look.complete and shown.cum_qty > order.cum_qty:
        return  # its end is believed with its fills, and a page with one of them may be missing
    status_before = order.status
    if fact is not None:
        report = _as_report(shown) if fact is Fact.FOUND and order.venue_order_id is None else None
        learn(
            turn,
            account,
            order,
            fact,
            report=report if order.live or order.status is OrdStatus.REJECTED else None,
            reason=shown.reason,
            evidence=_said(look),
        )
    if order.live and not overtaken:
        _settle_change(turn, account, order, shown, look)
    elif fact is Fact.FOUND and order.status is OrdStatus.FILLED and shown.quantity > order.cum_qty:
        # Somebody made it larger, and it filled at the size that we knew: the rest works on.
        _take_terms(turn, account, order, shown, OrdStatus.PARTIALLY_FILLED)
    if order.status is not status_before:
        aftermath(turn, account, order)


def _settle_change(
    turn: Turn, account: AccountState, order: Order, shown: VenueOrder, look: Looked
) -> None:
    """Decide a cancel or replace in flight by the terms that the venue shows."""
    differs = (
        shown.quantity != order.quantity
        or (shown.price is not None and shown.price != order.price)
        or (shown.stop_price is not None and shown.stop_price != order.stop_price)
    )
    if shown.ord_status in ENDED:
        known = (
            order.cum_qty >= shown.quantity
            or order.cum_qty == shown.cum_qty
            or _all_counted(account, shown, look)
            or _counted_before(turn, account, order, look)
        )
        if shown.ord_status is OrdStatus.FILLED and known and order.cum_qty:
            # All its fills are known: it was smaller than we think, since a change went through
            # or a correction made less of it.
            _take_terms(turn, account, order, shown, OrdStatus.FILLED)
        elif order.pending and order.cum_qty >= order.quantity:
            # Only a fill that has not been told yet is missing; the change came too late.
            _reject_change(turn, account, order, "the order has filled")
    elif differs:
        _take_terms(turn, account, order, shown, order.status)
    elif order.pending and turn.at - order.changed_at > _CHANGE_PATIENCE:
        for _ in range(2 if order.replace_under else 1):
            _reject_change(turn, account, order, "the venue shows the order unchanged")


def _all_counted(account: AccountState, shown: VenueOrder, look: Looked) -> bool:
    """Whether the look has every fill of an order, and each is counted: one as a hand's, maybe."""
    told = [identified(fill) for fill in look.fills if fill.venue_order_id == shown.venue_order_id]
    return (
        sum((fill.last_qty for fill in told), ZERO) >= shown.cum_qty
        and all(fill.exec_id in account.exec_ids for fill in told)
    )  # fmt: skip


def _counted_before(turn: Turn, account: AccountState, order: Order, look: Looked) -> bool:
    """Whether what is missing of a full order must have been counted long ago, as a hand's.

    Nothing has come for as long as looks are apart, and the positions agree without it.
    """
    agrees = not turn.market.suspects.get(account.id) and not account.drift
    return look.complete and agrees and turn.at - order.heard_at > _MONEY_INTERVAL


def _take_terms(
    turn: Turn, account: AccountState, order: Order, shown: VenueOrder, status: OrdStatus
) -> None:
    """Take over the terms that are in force at the venue."""
    turn.emit(
        OrderReplaced(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=order.pending_id if order.pending == "replace" else "-",
            status=status,
            quantity=shown.quantity,
            price=shown.price,
            stop_price=shown.stop_price,
        )
    )


def _reject_change(turn: Turn, account: AccountState, order: Order, why: str) -> None:
    turn.emit(
        ChangeRejected(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=order.pending_id,
            reason=why,
        )
    )


def _as_report(shown: VenueOrder) -> ExecutionReport:
    return ExecutionReport(
        account=shown.account,
        exec_id=ExecID(f"look:{shown.venue_order_id}"),
        exec_type=ExecType.NEW,
        venue_order_id=shown.venue_order_id,
        venue_symbol=shown.venue_symbol,
        side=shown.side,
        at=shown.at,
        cl_ord_id=shown.cl_ord_id,
        order_qty=shown.quantity,
        price=shown.price,
        stop_price=shown.stop_price,
        position_id=shown.position_id,
        parent=shown.parent,
        leg=shown.leg,
    )


def _mark(turn: Turn, account: AccountState, look: Looked) -> None:
    money, known = look.money, account.money
    if money is None:
        return
    if known is None or known.balance != money.balance or money.at - known.at > _MONEY_INTERVAL:
        turn.emit(AccountMarked(at=turn.at, account=account.id, snapshot=money))
