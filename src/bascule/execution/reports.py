"""What a venue says of an order, held against the order table."""

from collections.abc import Container, Mapping
from decimal import Decimal

from msgspec.structs import replace

from bascule.execution.aftermath import aftermath, release_waiting
from bascule.execution.guards import tend
from bascule.execution.learning import acknowledge, foreign_seen, ignore, learn
from bascule.execution.order_table import Fact, Ignore, step
from bascule.execution.plan_exit import close_late_fill, close_overshoot
from bascule.execution.state import UNDONE, AccountState, Execution, ForeignOrder, Order
from bascule.execution.turn import Turn
from bascule.model.enums import ENDED, ExecType, OrdStatus
from bascule.model.event import (
    ChangeRejected,
    ChildReported,
    FillBusted,
    FillCorrected,
    ForeignFill,
    OrderAcknowledged,
    OrderFilled,
    OrderReplaced,
)
from bascule.model.ids import AccountId, ClOrdID, ExecID, Symbol
from bascule.model.order import Accepted, ExecutionReport, Outcome, Refused
from bascule.model.values import MINUTE, SECOND, ZERO, text

_ENDS = (ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED)
HAND_PATIENCE = 10 * SECOND
"""A fill that bears no name counts as a hand's after so long, if no order of ours is shown."""
REUSE_AFTER = MINUTE
"""A fact so much younger than the last news of an ended order is of another with its number."""

_SIMPLE = {
    ExecType.PENDING_NEW: Fact.ACCEPTED,
    ExecType.NEW: Fact.NEW,
    ExecType.TRIGGERED: Fact.NEW,
    ExecType.CANCELED: Fact.CANCELED,
    ExecType.REJECTED: Fact.REJECTED,
    ExecType.EXPIRED: Fact.EXPIRED,
}


def on_report(
    turn: Turn,
    report: ExecutionReport,
    *,
    not_shown: Container[ClOrdID] = (),
    numbered: bool = True,
    alone: bool = True,
) -> None:
    """Apply one execution report, once; see ``may_be_ours`` for ``not_shown``.

    ``numbered``: its venue's number tells whose it is; not where that is another order's by now.
    ``alone``: what it asks for is done at once; not where more is told that may have undone it.
    """
    account = turn.state.accounts.get(report.account)
    if account is None:
        return
    report = identified(report)
    order = find(turn, account, report, numbered=numbered)
    kind = report.exec_type
    if kind is ExecType.TRADE:
        _on_trade(turn, account, order, report, not_shown, alone)
    elif order is None:
        if kind in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
            amend_foreign(turn, account, report, alone=alone)
        else:
            _flag_foreign(turn, account, report)
    elif kind in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
        _on_correction(turn, account, order, report)
    elif kind is ExecType.REPLACED:
        _on_replaced(turn, account, order, report)
    elif kind in (ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED):
        _on_change_rejected(turn, account, order, report)
    elif kind in _ENDS and order.live and (report.cum_qty or ZERO) > order.cum_qty:
        # Its end is believed with its fills: what waits for it must know what is still held.
        ignore(turn, account, order, report, "it tells of a fill that is not known yet")
        turn.market.looks.setdefault(account.id, "a fill is missing")
    elif kind in _SIMPLE:
        learn(turn, account, order, _SIMPLE[kind], report=report)
    if order is None:
        return
    if report.ref_exec_id is not None and order.live:
        turn.market.looks.setdefault(account.id, "a fill was corrected")
    if alone and report.ref_exec_id is not None:
        # What was undone may have been guarded, or closed, by any of the account's guards.
        tend_all(turn, account)
    if alone:
        aftermath(turn, account, order)


def identified(report: ExecutionReport) -> ExecutionReport:
    """Name a fill whose venue gives fills no id, the same way wherever it is told.

    By its order, its time, and how much of the order had traded with it (or its own quantity and
    price where the venue does not say). Two such fills that agree in all of that count as one.
    """
    if report.exec_id or report.exec_type is not ExecType.TRADE:
        return report
    total = report.cum_qty
    mark = (
        text(total) if total is not None else f"{text(report.last_qty)}x{text(report.last_price)}"
    )
    return replace(report, exec_id=ExecID(f"~{report.venue_order_id}.{report.at}.{mark}"))


def find(
    turn: Turn, account: AccountState, report: ExecutionReport, *, numbered: bool = True
) -> Order | None:
    """Find the order a report speaks of, registering a venue's native child on first sight."""
    order = None
    if report.cl_ord_id is not None:
        order = account.order(report.cl_ord_id)
    if order is None and report.ref_exec_id is not None:
        # A fill that is taken back or corrected tells whose it is better than a venue's number.
        order = account.order(account.exec_ids.get(report.ref_exec_id, UNDONE))
    if order is None and numbered:
        name = account.by_venue_id.get(report.venue_order_id)
        order = account.order(name) if name is not None else None
        if order is not None and not speaks_of(order, report):
            order = None
        if order is not None and _given_again(account, order, report):
            order = None
    if order is None and report.parent is not None and report.leg:
        order = adopt_child(turn, account, report)
    return order


def speaks_of(order: Order, report: ExecutionReport) -> bool:
    """Whether a report that bears only a venue's number means the order that had it last.

    Some venues give a number out again once its order has ended.
    """
    same = (report.venue_symbol, report.side) == (order.venue_symbol, order.side)
    if not same or report.parent not in (None, order.parent) or report.leg not in ("", order.leg):
        return False
    if report.position_id is not None and order.position_id not in (None, report.position_id):
        return False
    if order.live:
        return True
    if report.exec_type in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
        return True
    if report.at > order.heard_at + REUSE_AFTER:
        return False
    filled = order.status is OrdStatus.FILLED and order.cum_qty >= order.quantity
    # One that was made larger, unheard, goes on from what it had filled; another starts anew.
    before = report.cum_qty - report.last_qty if report.cum_qty is not None else ZERO
    return not filled or before == order.cum_qty


def _given_again(account: AccountState, order: Order, report: ExecutionReport) -> bool:
    """Whether what a number means is told by other terms than those of the ended order that had it.

    Then, or earlier by a report of the new order itself. What happened before the old one's last
    news, and corrections of its fills, are its own; so is what bears its terms: it may work again.
    """
    if order.live or report.at <= order.heard_at or report.ref_exec_id is not None:
        return False
    told = [(report.price, order.price), (report.stop_price, order.stop_price)]
    if not order.native_child:  # whose size may be a guess
        told.append((report.order_qty, order.quantity))
    differs = any(one is not None and ours is not None and one != ours for one, ours in told)
    return differs or report.venue_order_id in account.foreign_orders


def adopt_child(turn: Turn, account: AccountState, report: ExecutionReport) -> Order | None:
    """Register a stop or target that the venue runs for one of our entries."""
    parent = account.order(report.parent) if report.parent is not None else None
    if parent is None:
        return None
    name, made = ClOrdID(f"{parent.cl_ord_id}:{report.leg}"), 0
    while account.order(name) is not None:
        made += 1
        name = ClOrdID(f"{parent.cl_ord_id}:{report.leg}.{made}")
    turn.emit(
        ChildReported(
            at=turn.at,
            account=account.id,
            cl_ord_id=name,
            parent=parent.cl_ord_id,
            leg=report.leg,
            signal=parent.signal,
            strategy=parent.strategy,
            symbol=parent.symbol,
            venue_symbol=parent.venue_symbol,
            venue_order_id=report.venue_order_id,
            side=report.side,
            quantity=_child_size(parent, report),
            position_id=report.position_id,
            price=report.price,
            stop_price=report.stop_price,
        )
    )
    return account.order(name)


def _child_size(parent: Order, report: ExecutionReport) -> Decimal:
    """Give a child's size; where only a part of it is told, at the most, until a look shows it."""
    if report.order_qty:
        return report.order_qty
    if report.leaves_qty:
        return report.leaves_qty + (report.cum_qty or report.last_qty)
    in_part = report.ord_status is OrdStatus.PARTIALLY_FILLED
    return max(parent.quantity, report.last_qty) if in_part else report.last_qty


def _on_trade(
    turn: Turn,
    account: AccountState,
    order: Order | None,
    report: ExecutionReport,
    not_shown: Container[ClOrdID],
    alone: bool,
) -> None:
    if report.exec_id in account.exec_ids or (order and report.exec_id in order.fills):
        ignore(turn, account, order, report, "this fill is already counted")
        return
    if report.last_qty <= 0:
        ignore(turn, account, order, report, "a fill of nothing")
        return
    if order is None:
        if may_be_ours(account, report, not_shown):
            # A look tells whose it is: it shows which number an order of ours got.
            turn.market.looks.setdefault(account.id, "a fill of an order that is not known yet")
        else:
            _foreign_trade(turn, account, report)
            if alone:
                tend_all(turn, account)
        return
    if order.venue_order_id is None and report.venue_order_id:
        acknowledge(turn, account, order, order.status, report, "")
    total = order.cum_qty + report.last_qty
    # While a larger quantity is asked for, what fills the old one may leave some of the new.
    asked = max(order.quantity, order.pending_qty or ZERO)
    # Of one that is full while a fill of it is lost or late, the rest counts as open until told.
    whole = report.cum_qty is None or total >= report.cum_qty
    done = total >= asked or (whole and report.ord_status is OrdStatus.FILLED)
    status = step(order.status, Fact.FULL if done else Fact.PARTIAL)
    turn.emit(
        OrderFilled(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            exec_id=report.exec_id,
            side=order.side,
            quantity=report.last_qty,
            price=report.last_price,
            status=status if isinstance(status, OrdStatus) else order.status,
            traded_at=report.at,
            commission=report.commission,
            currency=report.currency,
            position_id=report.position_id,
            note=_remark(order, total - asked),
        )
    )
    if report.cum_qty is not None and order.cum_qty < report.cum_qty:
        # The venue counts more than was told: a fill before this one is lost or late.
        turn.market.looks.setdefault(account.id, "the venue counts a fill that was not told")
    if alone:
        close_late(turn, account, order, report.last_qty)


def close_late(turn: Turn, account: AccountState, order: Order, filled: Decimal) -> None:
    """Close what an order filled that was to fill no more."""
    spec = turn.settings.accounts.get(account.id)
    listing = turn.listing(account.id, order.symbol)
    if spec is not None and listing is not None:
        capabilities = turn.settings.capabilities[account.id]
        close = close_late_fill if order.leg == "e" else close_overshoot
        close(turn, account, spec, capabilities, listing, order, filled)


def tend_all(turn: Turn, account: AccountState) -> None:
    """Tend every guard of an account, and let waiting orders go."""
    for guard in list(account.guards.values()):
        tend(turn, account, guard)
    if account.waiters:
        release_waiting(turn, account)


def _remark(order: Order, over: Decimal) -> str:
    if over > 0:
        return f"overfill: {over} more than was asked for"
    return f"came after the order was {order.status.value}" if order.status in ENDED else ""


def may_be_ours(
    account: AccountState, report: ExecutionReport, not_shown: Container[ClOrdID] = ()
) -> bool:
    """Whether a fill that names no order of ours may be of one whose number is not known yet.

    Those ``not_shown`` were asked after, and the venue showed nothing. What was asked for only when
    it had traded is not meant either.
    """
    return report.cl_ord_id is None and any(
        order.venue_order_id is None
        and order.cl_ord_id not in not_shown
        and not order.waiting
        and order.requested_at < report.at + HAND_PATIENCE
        and (order.venue_symbol, order.side) == (report.venue_symbol, report.side)
        for order in account.orders.values()
    )


def _foreign_trade(
    turn: Turn, account: AccountState, report: ExecutionReport, undoes: ExecID | None = None
) -> None:
    names = turn.settings.symbols.get(account.id)
    if names is None:
        return  # its venue has not told its names yet: the first look brings this fill again
    turn.emit(
        ForeignFill(
            at=turn.at,
            account=account.id,
            exec_id=report.exec_id,
            venue_order_id=report.venue_order_id,
            symbol=names.get(report.venue_symbol, Symbol(report.venue_symbol)),
            side=report.side,
            quantity=report.last_qty,
            price=report.last_price,
            traded_at=report.at,
            position_id=report.position_id,
            commission=report.commission,
            client_id=report.cl_ord_id or "",
            undoes=undoes,
        )
    )


def amend_foreign(
    turn: Turn, account: AccountState, report: ExecutionReport, *, alone: bool = True
) -> None:
    """Undo a fill that its venue took back, by one the other way, and count what corrects it.

    It is of no order of ours, or of one that is forgotten by now: then only the report says how
    much it was, and a correction does not.
    """
    name = _amended_as(account.hand_fills, report)
    if name is None:
        return
    corrects = report.exec_type is ExecType.TRADE_CORRECT
    known = account.hand_fills.get(name)
    if known is None and not corrects:
        known = Execution(report.last_qty, report.last_price)
    owner = account.exec_ids.get(name, UNDONE)
    if (
        known is None
        or known.quantity <= 0
        or owner == UNDONE
        or report.exec_id in account.exec_ids
    ):
        ignore(turn, account, None, report, "it corrects no fill that is counted")
        return
    undo = replace(
        report,
        exec_id=ExecID(f"{report.exec_id}~undone") if corrects else report.exec_id,
        side=report.side.opposite,
        last_qty=known.quantity,
        last_price=known.price,
        commission=ZERO,
    )
    _foreign_trade(turn, account, undo, undoes=name)
    if corrects and report.last_qty > 0:
        _foreign_trade(turn, account, report)
    if alone:
        tend_all(turn, account)


def _flag_foreign(turn: Turn, account: AccountState, report: ExecutionReport) -> None:
    if report.venue_order_id in account.foreign_orders or report.exec_type is not ExecType.NEW:
        return
    names = turn.settings.symbols.get(account.id, {})
    terms = ForeignOrder(
        report.venue_symbol,
        report.side,
        report.order_qty or report.leaves_qty or ZERO,
        report.price,
        report.stop_price,
        names.get(report.venue_symbol, Symbol(report.venue_symbol)),
        report.cum_qty or ZERO,
        bool(report.leg),
    )
    foreign_seen(turn, account, report.venue_order_id, terms, "an order that Bascule did not send")


def _on_correction(
    turn: Turn, account: AccountState, order: Order, report: ExecutionReport
) -> None:
    name = _amended_as(order.fills, report)
    known = order.fills.get(name) if name is not None else None
    if name is None or known is None or report.exec_id in account.exec_ids:
        ignore(turn, account, order, report, "it corrects no fill that is counted")
        return
    if report.exec_type is ExecType.TRADE_CANCEL:
        left = order.cum_qty - known.quantity
        turn.emit(
            FillBusted(
                at=turn.at,
                account=account.id,
                cl_ord_id=order.cl_ord_id,
                exec_id=report.exec_id,
                ref_exec_id=name,
                status=_after_correction(order, left, report),
            )
        )
        return
    total = order.cum_qty - known.quantity + report.last_qty
    turn.emit(
        FillCorrected(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            exec_id=report.exec_id,
            ref_exec_id=name,
            quantity=report.last_qty,
            price=report.last_price,
            status=_after_correction(order, total, report),
        )
    )


def counted_as(fills: Mapping[ExecID, Execution], exec_id: ExecID) -> ExecID | None:
    """Name a fill as it is counted: a look that read its correction has marked it for that."""
    if exec_id in fills:
        return exec_id
    return next((name for name in fills if name.startswith(f"{exec_id}~")), None)


def _amended_as(fills: Mapping[ExecID, Execution], report: ExecutionReport) -> ExecID | None:
    """Name the fill that a report amends as it is counted.

    Where a look has read its correction off the venue's history (see ``counted_as``), it is still
    what it was to be taken back, or corrected by a report that bears such a mark itself; any other
    correction that comes late is an older word.
    """
    told = report.ref_exec_id
    if not told:
        return told
    marked = report.exec_id.startswith(f"{told}~")
    if marked or report.exec_type is ExecType.TRADE_CANCEL:
        return counted_as(fills, told) or told
    return told


def _after_correction(order: Order, cum: Decimal, report: ExecutionReport) -> OrdStatus:
    """The venue's word on the status, else what the quantities say.

    A late word wakes no ended order, but for one that had filled and has no longer.
    """
    reopened = order.status is OrdStatus.FILLED and cum < order.quantity
    if order.status in ENDED and not reopened:
        return order.status
    if report.ord_status is not None:
        return report.ord_status
    if cum >= order.quantity:
        return OrdStatus.FILLED
    return OrdStatus.PARTIALLY_FILLED if cum > 0 else OrdStatus.WORKING


def _on_replaced(turn: Turn, account: AccountState, order: Order, report: ExecutionReport) -> None:
    quantity = report.order_qty
    # The old quantity may have filled before the larger one was granted: the order lives on.
    reopened = order.status is OrdStatus.FILLED and (quantity or ZERO) > order.cum_qty
    if order.status in ENDED and not reopened:
        ignore(turn, account, order, report, Ignore.ENDED)
        return
    if not reopened and _is_outdated(order, report):
        ignore(turn, account, order, report, "it is from before a fill that is counted")
        turn.market.looks.setdefault(account.id, "terms were told late")
        return
    if quantity is not None and order.cum_qty >= quantity > 0:
        status = OrdStatus.FILLED
    else:
        status = OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.WORKING
    turn.emit(
        OrderReplaced(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=report.request_id
            or (order.pending_id if order.pending == "replace" else "unsolicited"),
            status=status,
            quantity=quantity,
            price=report.price,
            stop_price=report.stop_price,
            venue_order_id=(
                report.venue_order_id if report.venue_order_id != order.venue_order_id else None
            ),
        )
    )


def _is_outdated(order: Order, report: ExecutionReport) -> bool:
    """Whether new terms are told from before a fill that is counted, and may be others since.

    What answers the change in flight is news all the same: the fill has overtaken it.
    """
    if report.cum_qty is None or report.cum_qty >= order.cum_qty:
        return False
    asked = (order.pending_id if order.pending == "replace" else "", order.replace_under)
    return not any(asked) or report.request_id not in ("", *asked)


def _on_change_rejected(
    turn: Turn, account: AccountState, order: Order, report: ExecutionReport
) -> None:
    kind = "cancel" if report.exec_type is ExecType.CANCEL_REJECTED else "replace"
    asked = order.pending_id if order.pending == kind else ""
    if kind == "replace":
        asked = asked or order.replace_under
    if not asked or report.request_id not in ("", asked):
        ignore(turn, account, order, report, "no such change is in flight")
        return
    turn.emit(
        ChangeRejected(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=asked,
            reason=report.text or report.reason,
        )
    )
    turn.market.looks.setdefault(account.id, "a change was rejected")


def on_submit_outcome(
    turn: Turn, account_id: AccountId, cl_ord_id: ClOrdID, outcome: Outcome
) -> None:
    """Apply the outcome of a submit: accepted, refused with proof, or unknown."""
    account = turn.state.accounts.get(account_id)
    order = account.order(cl_ord_id) if account is not None else None
    if account is None or order is None:
        return
    if isinstance(outcome, Accepted):
        result = step(order.status, Fact.ACCEPTED)
        if isinstance(result, Ignore) and order.live and order.venue_order_id is None:
            result = order.status
        if isinstance(result, OrdStatus):
            turn.emit(
                OrderAcknowledged(
                    at=turn.at,
                    account=account.id,
                    cl_ord_id=cl_ord_id,
                    status=result,
                    venue_order_id=outcome.venue_order_id,
                )
            )
    elif isinstance(outcome, Refused) and outcome.reason != "duplicate_cl_ord_id":
        learn(
            turn,
            account,
            order,
            Fact.REJECTED,
            reason=outcome.reason,
            text=outcome.text,
            venue_code=outcome.venue_code,
            evidence="outcome",
        )
    else:
        # A venue that already knows the id has the order, or had it: that is doubt, not refusal.
        cause = "duplicate_cl_ord_id" if isinstance(outcome, Refused) else outcome.cause
        learn(turn, account, order, Fact.DOUBT, reason=cause)
    aftermath(turn, account, order)


def on_change_outcome(
    turn: Turn, account_id: AccountId, cl_ord_id: ClOrdID, request_id: str, outcome: Outcome
) -> None:
    """Apply the outcome of a cancel or replace; an accepted one is proven by its report."""
    account = turn.state.accounts.get(account_id)
    order = account.order(cl_ord_id) if account is not None else None
    if account is None or order is None:
        return
    if request_id not in (order.pending_id, order.replace_under):
        return
    if isinstance(outcome, Accepted):
        return
    unknown = not isinstance(outcome, Refused)
    turn.emit(
        ChangeRejected(
            at=turn.at,
            account=account_id,
            cl_ord_id=cl_ord_id,
            request_id=request_id,
            reason=outcome.text if isinstance(outcome, Refused) else outcome.cause,
            unknown=unknown,
        )
    )
    turn.market.looks.setdefault(account_id, "a change failed")
    aftermath(turn, account, order)
