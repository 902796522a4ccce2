"""The rows of the model venue's ledger: the truth that everything is held against."""

from decimal import Decimal

from msgspec import Struct, field

from bascule.model.enums import ENDED, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    PositionId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.values import ZERO, Instant


class Broken(Exception):
    """An invariant does not hold: which, and how it shows."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text


class Trade(Struct, frozen=True, kw_only=True):
    """One fill in the ledger, as it stands now. ``quantity`` is unsigned.

    ``cum`` is what its order had traded with it. ``shown_id`` is the name that the engine is to
    know it by: the venue's own, or where the venue gives none the one made from its order.
    """

    exec_id: ExecID
    order: int
    account: AccountId
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    price: Decimal
    at: Instant
    cum: Decimal = ZERO
    fee: Decimal = ZERO
    position: PositionId | None = None
    shown_id: ExecID = ExecID("")
    busted: bool = False


class Kept(Struct, kw_only=True):
    """One order in the ledger. ``number`` is never given out again, its ``venue_id`` may be.

    ``origin``: ``client``, ``bracket`` (a native stop or target of ``parent``) or ``hand``.
    """

    number: int
    venue_id: VenueOrderId
    account: AccountId
    venue_symbol: VenueSymbol
    side: Side
    ord_type: OrdType
    quantity: Decimal
    born: Instant
    cl_ord_id: ClOrdID | None = None
    origin: str = "client"
    price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reduces: bool = False
    position: PositionId | None = None
    parent: "Kept | None" = None
    leg: str = ""
    cum: Decimal = ZERO
    status: OrdStatus = OrdStatus.WORKING
    triggered: bool = False
    hidden_until: Instant = Instant(0)
    done_at: Instant = Instant(0)
    fills: list[ExecID] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it may still trade."""
        return self.status not in ENDED

    @property
    def leaves(self) -> Decimal:
        """What it may still trade."""
        return max(self.quantity - self.cum, ZERO) if self.live else ZERO
