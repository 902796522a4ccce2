"""What every venue in memory answers alike: one contract, a fixed purse, and what it filled."""

from collections.abc import Sequence
from decimal import Decimal

from bascule.model.account import Capabilities
from bascule.model.enums import ExecType, OrdStatus, PositionMode
from bascule.model.ids import AccountId, ExecID, VenueOrderId
from bascule.model.instrument import Listing
from bascule.model.order import (
    AccountSnapshot,
    ExecutionReport,
    NewOrder,
    Outcome,
    VenuePosition,
)
from bascule.model.values import Instant
from bascule.venues.kit.contract import (
    FillsSnapshot,
    KeyScope,
    LinkState,
    PositionsSnapshot,
    VenueAccount,
    VenueContext,
)

PURSE = Decimal(10_000)


class MemoryVenue:
    """A venue of one contract; what becomes of an order is a subclass's to say."""

    listing: Listing
    price: Decimal
    """What everything is filled at."""

    def __init__(self, context: VenueContext, capabilities: Capabilities) -> None:
        self.context = context
        self.capabilities = capabilities
        self.held: dict[AccountId, Decimal] = {}
        self.fills: list[ExecutionReport] = []
        self.mode = PositionMode.NETTING
        self.scope = KeyScope(trade=True, withdraw=False)
        self.live = False

    def now(self) -> Instant:
        """The engine's clock."""
        return Instant(self.context.clock())

    async def connect(self) -> None:
        """Come up at once."""
        self.context.sink(LinkState(True, "logged on", self.now()))

    async def disconnect(self) -> None:
        """Go quietly."""

    async def submit(self, order: NewOrder) -> Outcome:
        """Take an order, or not."""
        raise NotImplementedError

    async def submit_many(self, orders: Sequence[NewOrder]) -> Sequence[Outcome]:
        """The same for several."""
        return [await self.submit(order) for order in orders]

    def filled(self, order: NewOrder, number: VenueOrderId, exec_id: str) -> ExecutionReport:
        """Fill an order whole, and give the report of it, which is not told yet."""
        report = ExecutionReport(
            account=order.account,
            exec_id=ExecID(exec_id),
            exec_type=ExecType.TRADE,
            venue_order_id=number,
            venue_symbol=order.venue_symbol,
            side=order.side,
            at=self.now(),
            cl_ord_id=order.cl_ord_id,
            ord_status=OrdStatus.FILLED,
            last_qty=order.quantity,
            last_price=self.price,
        )
        self.fills.append(report)
        signed = order.quantity * order.side.sign
        self.held[order.account] = self.held.get(order.account, Decimal(0)) + signed
        return report

    def net(self, account: AccountId) -> Decimal:
        """Give what fills added up to."""
        return self.held.get(account, Decimal(0))

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """Show what is held."""
        held = VenuePosition(
            account=account,
            venue_symbol=self.listing.venue_symbol,
            quantity=self.net(account),
            avg_price=self.price,
        )
        return PositionsSnapshot((held,) if held.quantity else (), True, self.now())

    async def fills_since(self, account: AccountId, since: Instant) -> FillsSnapshot:
        """Show fills."""
        found = tuple(f for f in self.fills if f.account == account and f.at >= since)
        return FillsSnapshot(found, True, self.now())

    async def account(self, account: AccountId) -> AccountSnapshot:
        """A fixed purse."""
        return AccountSnapshot(
            account=account,
            currency=self.listing.quote,
            balance=PURSE,
            equity=PURSE,
            margin_used=Decimal(0),
            free_margin=PURSE,
            at=self.now(),
        )

    async def identity(self, account: AccountId) -> VenueAccount:
        """Say who it is."""
        return VenueAccount(account, self.listing.quote, self.mode, self.live)

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """One contract."""
        return (self.listing,)

    async def key_scope(self) -> KeyScope:
        """As told."""
        return self.scope
