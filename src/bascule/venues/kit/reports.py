"""What a broker tells of its orders and fills, in the words of the contract. Pure."""

from decimal import Decimal

from bascule.model.enums import ExecType, OrdStatus
from bascule.model.ids import AccountId, ClOrdID, ExecID, PositionId, VenueOrderId
from bascule.model.order import ExecutionReport, VenueOrder
from bascule.model.values import Instant
from bascule.venues.kit.ledger import Fill
from bascule.venues.kit.matching import Order


def order_report(
    order: Order,
    exec_type: ExecType,
    exec_id: str,
    at: Instant,
    *,
    request_id: str = "",
    reason: str = "",
) -> ExecutionReport:
    """Tell a change of an order that is no trade."""
    return ExecutionReport(
        account=AccountId(order.login),
        exec_id=ExecID(exec_id),
        exec_type=exec_type,
        venue_order_id=VenueOrderId(order.venue_order_id),
        venue_symbol=order.venue_symbol,
        side=order.side,
        at=at,
        cl_ord_id=ClOrdID(order.cl_ord_id) if order.cl_ord_id else None,
        ord_status=order.status,
        order_qty=order.quantity,
        cum_qty=order.cum_qty,
        leaves_qty=order.leaves,
        price=order.price,
        stop_price=order.stop_price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        position_id=_position_id(order.position_key, order.venue_symbol),
        parent=ClOrdID(order.parent) if order.parent else None,
        leg=order.leg,
        request_id=request_id,
        reason=reason,
    )


def fill_report(
    fill: Fill,
    *,
    exec_type: ExecType = ExecType.TRADE,
    exec_id: str = "",
    at: Instant | None = None,
    order: Order | None = None,
) -> ExecutionReport:
    """Tell a fill, its bust or its correction (then ``exec_id`` is the report's own).

    ``order`` gives the running totals as of now; without it they are left out.
    """
    return ExecutionReport(
        account=AccountId(fill.login),
        exec_id=ExecID(exec_id or fill.exec_id),
        exec_type=exec_type,
        venue_order_id=VenueOrderId(fill.venue_order_id),
        venue_symbol=fill.venue_symbol,
        side=fill.side,
        at=fill.at if at is None else at,
        cl_ord_id=ClOrdID(fill.cl_ord_id) if fill.cl_ord_id else None,
        ord_status=order.status if order else None,
        last_qty=fill.quantity,
        last_price=fill.price,
        order_qty=order.quantity if order else None,
        cum_qty=order.cum_qty if order else None,
        leaves_qty=order.leaves if order else None,
        commission=fill.commission,
        currency=fill.currency,
        position_id=_position_id(fill.position_key, fill.venue_symbol),
        parent=ClOrdID(fill.parent) if fill.parent else None,
        leg=fill.leg,
        ref_exec_id=ExecID(fill.exec_id) if exec_id else None,
        reason=fill.origin if fill.origin in ("hand", "stop_out") else "",
    )


def shown_order(order: Order) -> VenueOrder:
    """Show an order as the broker would when asked."""
    return VenueOrder(
        account=AccountId(order.login),
        venue_order_id=VenueOrderId(order.venue_order_id),
        venue_symbol=order.venue_symbol,
        side=order.side,
        ord_type=order.ord_type,
        ord_status=order.status,
        quantity=order.quantity,
        cum_qty=order.cum_qty,
        at=order.updated_at,
        cl_ord_id=ClOrdID(order.cl_ord_id) if order.cl_ord_id else None,
        price=order.price,
        stop_price=order.stop_price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        position_id=_position_id(order.position_key, order.venue_symbol),
        parent=ClOrdID(order.parent) if order.parent else None,
        leg=order.leg,
        reason=order.reason,
        reduce_only=order.guards,
    )


def status_after(cum: Decimal, quantity: Decimal) -> OrdStatus:
    """Give the status of a live order by what has traded of it."""
    if cum >= quantity:
        return OrdStatus.FILLED
    return OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.WORKING


def _position_id(key: str, symbol: str) -> PositionId | None:
    return PositionId(key) if key and key != symbol else None
