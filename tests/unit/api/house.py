"""An engine on a venue in memory, and a caller of its ASGI application, for the API's tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bascule.api.dispatch import Asgi, build_asgi
from bascule.api.served import Served
from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
)
from bascule.model.enums import (
    AccountMode,
    ExecType,
    InstrumentKind,
    Side,
)
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    RouteId,
    StrategyId,
    Symbol,
    VenueId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.instrument import Listing, Quote
from bascule.model.intent import ClosePosition, Intent, PlaceOrder, Receipt, Signal
from bascule.model.order import (
    Accepted,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    Unknown,
    VenueOrder,
)
from bascule.model.values import Currency
from bascule.venues.kit.contract import OrdersSnapshot, VenueContext
from tests.unit.memory_venue import MemoryVenue
from tests.waiting import PATIENCE_S

TOKEN = "operator-token-of-the-test"
ACCOUNTS = ("one", "two")
STRATEGIES = ("fx", "swing")
PRICE = Decimal("1.16000")
LISTING = Listing(
    symbol=Symbol("EURUSD"),
    venue_symbol=VenueSymbol("EURUSD"),
    kind=InstrumentKind.FX,
    quote=Currency("USD"),
    tick_size=Decimal("0.00001"),
    multiplier=Decimal(100_000),
    lot_step=Decimal("0.01"),
    min_qty=Decimal("0.01"),
    max_qty=Decimal(100),
    session="simulated",
)


class Market(MemoryVenue):
    """A venue that fills at once, rests limits, and loses what it is told to lose."""

    listing = LISTING
    price = PRICE

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context, Capabilities(reduce_only=True, absence_proof="never"))
        self.lose = False
        self.deny = ""
        self.foreign = Decimal(0)
        self.whole = True
        self.strange: tuple[VenueOrder, ...] = ()
        self._working: dict[ClOrdID, NewOrder] = {}
        self._count = 0

    def net(self, account: AccountId) -> Decimal:
        """What fills added up to, and what somebody else holds there."""
        return super().net(account) + self.foreign

    async def submit(self, order: NewOrder) -> Outcome:
        if self.deny:
            return Refused("denied", "E7", self.deny, self.now())
        if self.lose:
            return Unknown("timeout", self.now())
        self._count += 1
        number = VenueOrderId(f"V{self._count}")
        self._tell(order, number, ExecType.NEW)
        if order.price is not None:
            self._working[order.cl_ord_id] = order
        else:
            self._fill(order, number)
        return Accepted(number, self.now())

    async def replace(self, request: ReplaceOrder) -> Outcome:
        return Refused("unsupported", "", "no replace here", self.now())

    async def cancel(self, request: CancelOrder) -> Outcome:
        order = self._working.pop(request.cl_ord_id, None)
        if order is None:
            return Refused("unknown_order", "", "there is no such order", self.now())
        self._tell(order, request.venue_order_id or VenueOrderId(""), ExecType.CANCELED)
        return Accepted(request.venue_order_id, self.now())

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        return None

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        return OrdersSnapshot(self.strange, self.whole, self.now())

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        self.context.sink(
            Quote(VenueSymbol("EURUSD"), PRICE, PRICE + Decimal("0.0001"), self.now())
        )

    def _tell(self, order: NewOrder, number: VenueOrderId, kind: ExecType) -> None:
        self._count += 1
        self.context.sink(
            ExecutionReport(
                account=order.account,
                exec_id=ExecID(f"R{self._count}"),
                exec_type=kind,
                venue_order_id=number,
                venue_symbol=order.venue_symbol,
                side=order.side,
                at=self.now(),
                cl_ord_id=order.cl_ord_id,
            )
        )

    def _fill(self, order: NewOrder, number: VenueOrderId) -> None:
        self._count += 1
        self.context.sink(self.filled(order, number, f"F{self._count}"))


def setup_of(directory: Path, markets: list[Market]) -> Setup:
    """Two accounts at one venue in memory, and two strategies that both follow."""

    def link(context: VenueContext) -> Market:
        markets.append(Market(context))
        return markets[-1]

    accounts = tuple(
        AccountSpec(
            id=AccountId(name),
            venue=VenueId("memory"),
            login=name,
            mode=AccountMode.PAPER,
            currency=Currency("USD"),
            firm="house" if name == "one" else "",
            limits=RiskLimits(duplicate_window_ns=0),
        )
        for name in ACCOUNTS
    )
    sizing = SizingRule(quantity=Decimal("0.1"))
    return Setup(
        data_dir=directory,
        mode=AccountMode.PAPER,
        accounts=accounts,
        routes=tuple(
            Route(
                id=RouteId(strategy),
                strategy=StrategyId(strategy),
                legs=tuple(RouteLeg(account=spec.id, sizing=sizing) for spec in accounts),
            )
            for strategy in STRATEGIES
        ),
        venues=(VenueSetup(id=VenueId("memory"), kind="memory", settings={}, secrets={}),),
        config_text="{}",
        config_hash="0",
        links={VenueId("memory"): link},
    )


class House:
    """A running engine behind its ASGI application."""

    def __init__(self, runtime: Runtime, market: Market) -> None:
        self.runtime = runtime
        self.market = market
        self.served = Served(runtime)
        self.intake_paths: list[str] = []
        self.app: Asgi = build_asgi(self.served, self._intake, TOKEN)
        self._signals = 0

    async def _intake(self, scope: Any, receive: Any, send: Any) -> None:
        self.intake_paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"intake"})

    async def signal(self, *intents: Intent, **more: Any) -> Receipt:
        """Submit a signal, and wait until its orders have come to rest."""
        self._signals += 1
        now = self.runtime.clock.now()
        words: dict[str, Any] = {
            "source": "test",
            "dialect": "native",
            "received_at": now,
            "body_hash": str(self._signals),
            "raw": "{}",
            "strategy": "fx",
            "intents": intents,
        }
        receipt = await self.runtime.submit(Signal(**words | more))
        await self.settle()
        return receipt

    async def settle(self) -> None:
        """Let what was said come to rest: no command is under way, and all is durable."""
        dispatcher, quiet = self.runtime.dispatcher, 0
        while quiet < 3:
            await asyncio.sleep(0)
            rests = self.runtime.owner.settled and not dispatcher._tasks | dispatcher._futures
            quiet = quiet + 1 if rests else 0
            await self.runtime.owner.durable()

    async def call(
        self, method: str, url: str, body: object = None, *, token: str | None = TOKEN,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> "Answer":  # fmt: skip
        """Make one request and give the whole answer."""
        answer = Answer()
        async with asyncio.timeout(PATIENCE_S):
            await self.app(scope_of(method, url, token, headers), _body(body), answer.take)
        return answer

    async def get(self, url: str) -> Any:
        """Read something that must be there."""
        answer = await self.call("GET", url)
        assert answer.status == 200, answer.body
        return answer.json()


class Answer:
    """What came back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def take(self, message: Any) -> None:
        """Be the ``send`` of an ASGI call."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.body += message.get("body", b"")

    def json(self) -> Any:
        """Read the body as JSON."""
        return msgspec.json.decode(self.body)


def scope_of(
    method: str, url: str, token: str | None, headers: Sequence[tuple[bytes, bytes]]
) -> dict[str, Any]:
    """Give the ASGI scope of a request."""
    at = urlsplit(url)
    sent = [(b"host", b"localhost"), (b"content-type", b"application/json"), *headers]
    if token is not None:
        sent.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": at.path,
        "raw_path": at.path.encode(),
        "query_string": at.query.encode(),
        "root_path": "",
        "headers": sent,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def _body(body: object) -> Any:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body) if body else b""
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.sleep(3_600)
        sent = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


def buy(**more: Any) -> PlaceOrder:
    """An entry, sized by the route."""
    return PlaceOrder(symbol="EURUSD", side=Side.BUY, **more)


def close() -> ClosePosition:
    """An exit of everything."""
    return ClosePosition(symbol="EURUSD")


@asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    """Start an engine, wait until both accounts are reconciled, and end it in good order."""
    markets: list[Market] = []
    runtime = await Runtime.start(setup_of(directory, markets))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not all(one.reconciled for one in runtime.state.accounts.values()):
                await asyncio.sleep(0.01)
        built = House(runtime, markets[0])
        yield built
        built.served.streams.close()
    finally:
        await runtime.stop("the test is over")
