"""What is learnt of an order, by the order table, and noted."""

from bascule.execution.order_table import Fact, Ignore, step
from bascule.execution.runaway import after_reject
from bascule.execution.state import AccountState, Order
from bascule.execution.turn import Turn
from bascule.model.enums import ENDED, OrdStatus
from bascule.model.event import OrderAcknowledged, OrderDoubted, OrderEnded, ReportIgnored
from bascule.model.order import ExecutionReport


def learn(
    turn: Turn,
    account: AccountState,
    order: Order,
    fact: Fact,
    *,
    report: ExecutionReport | None = None,
    reason: str = "",
    text: str = "",
    venue_code: str = "",
    evidence: str = "",
) -> None:
    """Apply a fact that is no fill; what the table ignores is journaled when a report told it."""
    result = step(order.status, fact)
    if isinstance(result, Ignore):
        if report is None:
            return
        if order.live and order.venue_order_id is None:
            acknowledge(turn, account, order, order.status, report, evidence)
        elif result is not Ignore.DUPLICATE:
            ignore(turn, account, order, report, result)
        return
    if result is OrdStatus.IN_DOUBT:
        turn.emit(
            OrderDoubted(at=turn.at, account=account.id, cl_ord_id=order.cl_ord_id, cause=reason)
        )
        turn.market.looks.setdefault(account.id, "an order is in doubt")
    elif result in ENDED:
        turn.emit(
            OrderEnded(
                at=turn.at,
                account=account.id,
                cl_ord_id=order.cl_ord_id,
                status=result,
                reason=reason or (report.reason if report is not None else "") or fact.value,
                text=text or (report.text if report is not None else ""),
                venue_code=venue_code,
                evidence=evidence or ("report" if report is not None else "outcome"),
            )
        )
        if result is OrdStatus.REJECTED:
            after_reject(turn, account)
    else:
        if result is OrdStatus.WORKING and order.cum_qty:
            result = OrdStatus.PARTIALLY_FILLED
        acknowledge(turn, account, order, result, report, evidence)


def acknowledge(
    turn: Turn,
    account: AccountState,
    order: Order,
    status: OrdStatus,
    report: ExecutionReport | None,
    evidence: str,
) -> None:
    """Note what an order is by its venue's word, and the number that it has there."""
    turn.emit(
        OrderAcknowledged(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            status=status,
            venue_order_id=report.venue_order_id if report is not None else None,
            evidence=evidence,
        )
    )


def ignore(
    turn: Turn,
    account: AccountState,
    order: Order | None,
    report: ExecutionReport,
    why: str,
) -> None:
    """Keep a report that is not applied; a fill in it is not counted later either."""
    turn.emit(
        ReportIgnored(
            at=turn.at,
            account=account.id,
            why=str(why),
            report=report,
            cl_ord_id=order.cl_ord_id if order is not None else None,
        )
    )
