"""What is learnt of an order, by the order table, and noted; and of those of others."""

from collections.abc import Collection

from bascule.execution.inputs import Looked
from bascule.execution.order_table import Fact, Ignore, step
from bascule.execution.runaway import after_reject
from bascule.execution.state import AccountState, ForeignOrder, Order
from bascule.execution.turn import Turn
from bascule.model.enums import ENDED, OrdStatus
from bascule.model.event import (
    ForeignOrderSeen,
    ForeignOrdersGone,
    OrderAcknowledged,
    OrderDoubted,
    OrderEnded,
    ReportIgnored,
)
from bascule.model.ids import Symbol, VenueOrderId
from bascule.model.order import ExecutionReport, VenueOrder
from bascule.model.values import ZERO


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


def learn_foreign(turn: Turn, account: AccountState, shown: VenueOrder, look: Looked) -> None:
    """Note an order of somebody else that a look shows, where that or its terms are news."""
    number, names = shown.venue_order_id, turn.settings.symbols.get(account.id, {})
    since = look.began or look.at  # fills are asked for after orders
    fills = (f.last_qty for f in look.fills if f.venue_order_id == number and f.at >= since)
    filled = max(shown.cum_qty, sum(fills, ZERO))
    if 0 < shown.quantity <= filled:
        return
    others = turn.market.others.setdefault(account.id, {})  # more than are remembered, maybe
    told = account.foreign_orders.get(number, others.get(number))
    if told is not None and told.at > since:
        return  # more is known of it than the look shows
    terms = ForeignOrder(
        shown.venue_symbol,
        shown.side,
        shown.quantity,
        shown.price,
        shown.stop_price,
        names.get(shown.venue_symbol, Symbol(shown.venue_symbol)),
        filled,
        shown.reduce_only or bool(shown.leg),
        told.at if told is not None else turn.at,
    )
    others[number] = terms
    if told != terms:
        note = "found working at the venue, not sent by Bascule"
        foreign_seen(turn, account, number, terms, note)


def forget_foreign(
    turn: Turn, account: AccountState, shown: Collection[VenueOrderId], look: Looked
) -> None:
    """Count no more of others than a whole look has shown, and has been heard since it began."""
    since = look.began or look.at
    others = turn.market.others.get(account.id, {})
    turn.market.others[account.id] = {n: one for n, one in others.items() if n in shown}
    known = account.foreign_orders.items()
    gone = tuple([name for name, one in known if name not in shown and one.at <= since])
    turn.market.foreign.pop(account.id, None)
    if gone:
        turn.emit(ForeignOrdersGone(at=turn.at, account=account.id, venue_order_ids=gone))


def foreign_seen(
    turn: Turn, account: AccountState, number: VenueOrderId, terms: ForeignOrder, note: str
) -> None:
    """Flag an order of somebody else by its venue's number: from here on it counts in limits."""
    turn.emit(
        ForeignOrderSeen(
            at=turn.at,
            account=account.id,
            venue_order_id=number,
            venue_symbol=terms.venue_symbol,
            side=terms.side,
            quantity=terms.quantity,
            note=note,
            price=terms.price,
            stop_price=terms.stop_price,
            symbol=terms.symbol,
            filled=terms.filled,
            reduces=terms.reduces,
        )
    )
