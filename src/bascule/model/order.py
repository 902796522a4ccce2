"""Orders on their way to a venue, and what comes back."""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import ExecType, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import AccountId, ClOrdID, ExecID, PositionId, VenueOrderId, VenueSymbol
from bascule.model.values import ZERO, Currency, Instant


class NewOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sent to a venue. Prices are on tick, quantity on lot step.

    ``stop_loss`` and ``take_profit`` are filled only for venues with native brackets.
    ``position_id`` addresses one position on a hedging account. ``trail_distance`` is in price
    units and only for native trailing stops.
    """

    account: AccountId
    cl_ord_id: ClOrdID
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    ord_type: OrdType
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Instant | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reduce_only: bool = False
    position_id: PositionId | None = None
    comment: str = ""


class ReplaceOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """New terms of a working order; None leaves a term as it is. ``quantity`` is the new total.

    ``stop_loss`` and ``take_profit`` change the native bracket of the order or, once it has
    filled, of its position; ``drop_*`` removes one.
    """

    account: AccountId
    cl_ord_id: ClOrdID
    venue_order_id: VenueOrderId | None
    venue_symbol: VenueSymbol
    request_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    drop_stop_loss: bool = False
    drop_take_profit: bool = False
    position_id: PositionId | None = None


class CancelOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Take a working order back."""

    account: AccountId
    cl_ord_id: ClOrdID
    venue_order_id: VenueOrderId | None
    venue_symbol: VenueSymbol
    request_id: str


class Accepted(Struct, frozen=True, tag="accepted"):
    """The venue took the request."""

    venue_order_id: VenueOrderId | None
    at: Instant


class Refused(Struct, frozen=True, tag="refused"):
    """The venue proved that it did not take the request. ``venue_code`` is theirs, verbatim."""

    reason: str
    venue_code: str
    text: str
    at: Instant


class Unknown(Struct, frozen=True, tag="unknown"):
    """Nobody knows whether the venue took it: time-out, disconnect, 5xx, unreadable reply."""

    cause: str
    at: Instant


Outcome = Accepted | Refused | Unknown


class ExecutionReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact about one order, told by its venue.

    ``exec_id`` is the venue's and unique per account; ``last_*`` are for trades; ``cum_qty`` and
    ``leaves_qty`` are the venue's own running totals where it gives them. ``parent`` names the
    order of ours whose native stop or target this order is (then ``leg`` is ``s`` or ``t``).
    ``request_id`` names the cancel or replace it answers. ``ref_exec_id`` is the fill that a bust
    or correction speaks of. ``commission`` is in ``currency``, a cost is positive.
    """

    account: AccountId
    exec_id: ExecID
    exec_type: ExecType
    venue_order_id: VenueOrderId
    venue_symbol: VenueSymbol
    side: Side
    at: Instant
    cl_ord_id: ClOrdID | None = None
    ord_status: OrdStatus | None = None
    last_qty: Decimal = ZERO
    last_price: Decimal = ZERO
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    commission: Decimal = ZERO
    currency: Currency = Currency("")
    position_id: PositionId | None = None
    parent: ClOrdID | None = None
    leg: str = ""
    request_id: str = ""
    ref_exec_id: ExecID | None = None
    reason: str = ""
    text: str = ""


class VenueOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order as a venue shows it when asked; ``reduce_only`` where it may only close."""

    account: AccountId
    venue_order_id: VenueOrderId
    venue_symbol: VenueSymbol
    side: Side
    ord_type: OrdType
    ord_status: OrdStatus
    quantity: Decimal
    cum_qty: Decimal
    at: Instant
    cl_ord_id: ClOrdID | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    position_id: PositionId | None = None
    parent: ClOrdID | None = None
    leg: str = ""
    reason: str = ""
    reduce_only: bool = False


class VenuePosition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One position as a venue shows it; ``quantity`` is signed, long positive.

    On a netting account ``position_id`` is None and there is one a symbol.
    """

    account: AccountId
    venue_symbol: VenueSymbol
    quantity: Decimal
    avg_price: Decimal
    position_id: PositionId | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    unrealized: Decimal = ZERO
    swap: Decimal = ZERO


class AccountSnapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money in an account, as its venue says, in the account's currency."""

    account: AccountId
    currency: Currency
    balance: Decimal
    equity: Decimal
    margin_used: Decimal
    free_margin: Decimal
    at: Instant
