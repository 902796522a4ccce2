"""The engine's link to the recording sink: a venue with one contract that accepts everything."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bascule.model.account import Capabilities
from bascule.model.enums import InstrumentKind, PositionMode
from bascule.model.ids import AccountId, ClOrdID, Symbol, VenueOrderId, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.order import (
    Accepted,
    AccountSnapshot,
    CancelOrder,
    NewOrder,
    Outcome,
    ReplaceOrder,
    Unknown,
    VenueOrder,
)
from bascule.model.values import Currency, Instant
from bascule.venues.kit.contract import (
    FillsSnapshot,
    KeyScope,
    LinkState,
    OrdersSnapshot,
    PositionsSnapshot,
    VenueAccount,
    VenueContext,
)

_LISTING = Listing(
    Symbol("BTCUSDT"),
    VenueSymbol("BTCUSDT"),
    InstrumentKind.CRYPTO_SPOT,
    Currency("USDT"),
    Decimal("0.1"),
    Decimal(1),
    Decimal("0.0001"),
    Decimal("0.0001"),
    Decimal(1000),
    session="always",
)


class SinkVenue(asyncio.Protocol):
    """One connection for all accounts; orders go out as JSON lines."""

    def __init__(self, context: VenueContext) -> None:
        self._context = context
        self.capabilities = Capabilities(absence_proof="never", reduce_only=True)
        self._encode = msgspec.json.Encoder().encode
        self._waiting: dict[bytes, asyncio.Future[Outcome]] = {}
        self._rest = b""

    async def connect(self) -> None:
        """Open the one connection."""
        loop = asyncio.get_running_loop()
        port = int(str(self._context.settings["port"]))
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)
        self._context.sink(LinkState(True, "connected", Instant(self._context.clock())))

    async def disconnect(self) -> None:
        """Close it."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Resolve the orders whose ids came back."""
        *names, self._rest = (self._rest + data).split(b"\n")
        at = Instant(self._context.clock())
        for name in names:
            waiting = self._waiting.pop(name, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(Accepted(VenueOrderId(name.decode()), at))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will answer what is still open."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(Unknown("disconnect", Instant(self._context.clock())))

    def _expect(self, order: NewOrder) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[order.cl_ord_id.encode()] = future
        return future

    def submit(self, order: NewOrder) -> asyncio.Future[Outcome]:
        """Write one order."""
        future = self._expect(order)
        self._transport.write(self._encode(order) + b"\n")
        return future

    async def submit_many(self, orders: Sequence[NewOrder]) -> Sequence[Outcome]:
        """Write several orders at once."""
        futures = [self._expect(order) for order in orders]
        self._transport.write(b"\n".join([self._encode(order) for order in orders]) + b"\n")
        return [await future for future in futures]

    async def replace(self, request: ReplaceOrder) -> Outcome:
        """Accept."""
        return Accepted(request.venue_order_id, Instant(self._context.clock()))

    async def cancel(self, request: CancelOrder) -> Outcome:
        """Accept."""
        return Accepted(request.venue_order_id, Instant(self._context.clock()))

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """The sink keeps no book."""
        return None

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """The sink keeps no book."""
        return OrdersSnapshot((), True, Instant(self._context.clock()))

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """The sink fills nothing."""
        return PositionsSnapshot((), True, Instant(self._context.clock()))

    async def fills_since(self, account: AccountId, since: Instant) -> FillsSnapshot:
        """The sink fills nothing."""
        return FillsSnapshot((), True, Instant(self._context.clock()))

    async def account(self, account: AccountId) -> AccountSnapshot:
        """A fixed purse."""
        purse = Decimal(100_000)
        return AccountSnapshot(
            account=account,
            currency=Currency("USDT"),
            balance=purse,
            equity=purse,
            margin_used=Decimal(0),
            free_margin=purse,
            at=Instant(self._context.clock()),
        )

    async def identity(self, account: AccountId) -> VenueAccount:
        """Every account is a paper account in USDT."""
        return VenueAccount(account, "USDT", PositionMode.NETTING, False)

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """One contract."""
        return (_LISTING,)

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        """The sink quotes nothing."""

    async def key_scope(self) -> KeyScope:
        """May trade, may not withdraw."""
        return KeyScope(True, False)
