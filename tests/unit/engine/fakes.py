"""A venue in memory that answers as it is told, and an installation of two accounts on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bascule.engine.clock import Clock, SystemClock
from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    Pacing,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
)
from bascule.model.enums import AccountMode, InstrumentKind, OrdStatus, Side
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    RouteId,
    StrategyId,
    Symbol,
    VenueId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.instrument import Listing
from bascule.model.intent import Intent, PlaceOrder, Signal
from bascule.model.order import (
    Accepted,
    CancelOrder,
    NewOrder,
    Outcome,
    ReplaceOrder,
    Unknown,
    VenueOrder,
)
from bascule.model.values import SECOND, Currency, Instant
from bascule.venues.kit.contract import OrdersSnapshot, VenueContext
from tests.unit.memory_venue import MemoryVenue
from tests.waiting import until

USD = Currency("USD")
LISTING = Listing(
    Symbol("BTCUSD"),
    VenueSymbol("BTCUSD"),
    InstrumentKind.CFD,
    USD,
    Decimal("0.1"),
    Decimal(1),
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal(100),
    session="always",
)


class FakeVenue(MemoryVenue):
    """Takes every order and fills nothing, unless told otherwise.

    ``answer`` is called with each new order and gives its outcome; ``book`` is what the venue
    shows under each id. ``seen`` has every order in the order of arrival.
    """

    listing = LISTING
    price = Decimal(100)

    def __init__(self, context: VenueContext) -> None:
        super().__init__(
            context,
            Capabilities(
                reduce_only=True,
                absence_proof="snapshots",
                absence_snapshots=2,
                absence_after_ns=SECOND // 20,
            ),
        )
        self.seen: list[NewOrder] = []
        self.cancels: list[CancelOrder] = []
        self.replaces: list[ReplaceOrder] = []
        self.book: dict[ClOrdID, VenueOrder] = {}
        self.answer: Any = None
        self.on_submit: Any = None

    async def submit(self, order: NewOrder) -> Outcome:
        """Note the order and answer as told."""
        self.seen.append(order)
        if self.on_submit is not None:
            self.on_submit(order)
        outcome: Outcome = (
            self.answer(order)
            if self.answer is not None
            else Accepted(VenueOrderId(f"v-{order.cl_ord_id}"), self.now())
        )
        if isinstance(outcome, Accepted):
            self.show(order)
        return outcome

    def show(self, order: NewOrder, status: OrdStatus = OrdStatus.WORKING) -> None:
        """Have the venue show an order from now on."""
        self.book[order.cl_ord_id] = VenueOrder(
            account=order.account,
            venue_order_id=VenueOrderId(f"v-{order.cl_ord_id}"),
            venue_symbol=order.venue_symbol,
            side=order.side,
            ord_type=order.ord_type,
            ord_status=status,
            quantity=order.quantity,
            cum_qty=Decimal(0),
            at=self.now(),
            cl_ord_id=order.cl_ord_id,
        )

    def fill(self, order: NewOrder, exec_id: str, *, tell: bool = True) -> None:
        """Fill an order whole; ``tell`` False leaves the engine to find out."""
        report = self.filled(order, VenueOrderId(f"v-{order.cl_ord_id}"), exec_id)
        self.show(order, OrdStatus.FILLED)
        if tell:
            self.context.sink(report)

    async def replace(self, request: ReplaceOrder) -> Outcome:
        """Note it."""
        self.replaces.append(request)
        return Accepted(request.venue_order_id, self.now())

    async def cancel(self, request: CancelOrder) -> Outcome:
        """Note it."""
        self.cancels.append(request)
        return Accepted(request.venue_order_id, self.now())

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Show one order."""
        return self.book.get(cl_ord_id)

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """Show working orders."""
        shown = tuple(
            order
            for order in self.book.values()
            if order.account == account and order.ord_status is OrdStatus.WORKING
        )
        return OrdersSnapshot(shown, True, self.now())

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        """No quotes."""


class HandClock:
    """Stands still until a test moves it; who sleeps on it, or waits for a timer, does wait."""

    def __init__(self) -> None:
        self._at = SystemClock().now()

    def now(self) -> Instant:
        """Give the time."""
        return self._at

    async def sleep(self, nanoseconds: int) -> None:
        """Wait at least this long."""
        await asyncio.sleep(nanoseconds / SECOND)

    def move(self, nanoseconds: int) -> None:
        """Let time pass."""
        self._at = Instant(self._at + nanoseconds)


def unknown(order: NewOrder) -> Outcome:
    """Nobody knows."""
    return Unknown("timeout", Instant(0))


class Installation:
    """Two accounts on one fake venue, in a directory that outlives the engine."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        self.directory = directory
        self.venue: FakeVenue
        self.pacing = changes.pop("pacing", Pacing(requests_per_second=1000, burst=1000, reserve=5))
        self.stagger_ns = changes.pop("stagger_ns", 0)
        self.max_age_ns = changes.pop("max_age_ns", 60 * SECOND)
        self.tune: Any = changes.pop("tune", None)
        self.settle = changes.pop("settle", True)
        self.clock: Clock | None = changes.pop("clock", None)
        self.number = 0
        assert not changes

    def setup(self) -> Setup:
        """Describe it."""

        def create(context: VenueContext) -> FakeVenue:
            old: FakeVenue | None = getattr(self, "venue", None)
            self.venue = FakeVenue(context)
            if old is not None:
                for name in ("book", "fills", "held", "seen"):
                    setattr(self.venue, name, getattr(old, name))
            if self.tune is not None:
                self.tune(self.venue)
            return self.venue

        limits = RiskLimits(
            duplicate_window_ns=0,
            orders_per_second=1000,
            orders_per_minute=10_000,
            runaway_per_minute=10_000,
        )
        specs = tuple(
            AccountSpec(
                id=AccountId(name),
                venue=VenueId("fake"),
                login=name,
                mode=AccountMode.PAPER,
                currency=USD,
                limits=limits,
                pacing=self.pacing,
            )
            for name in ("one", "two")
        )
        sizing = SizingRule(method="fixed", quantity=Decimal(1))
        legs = (
            RouteLeg(account=AccountId("one"), sizing=sizing),
            RouteLeg(account=AccountId("two"), sizing=sizing, stagger_ns=self.stagger_ns),
        )
        return Setup(
            data_dir=self.directory,
            mode=AccountMode.PAPER,
            accounts=specs,
            routes=(
                Route(
                    id=RouteId("r"),
                    strategy=StrategyId("*"),
                    legs=legs,
                    pyramiding=1000,
                    max_age_ns=self.max_age_ns,
                ),
            ),
            venues=(VenueSetup(id=VenueId("fake"), kind="fake", settings={}, secrets={}),),
            config_text="test",
            config_hash="test",
            links={VenueId("fake"): create},
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """Run an engine on it; a stop at the end is orderly."""
        runtime = await Runtime.start(self.setup(), self.clock)
        try:
            if self.settle:
                await until(
                    lambda: all(a.reconciled for a in runtime.state.accounts.values()),
                    "reconciled",
                )
            yield runtime
        finally:
            await runtime.stop("test ended")

    def signal(self, runtime: Runtime, intent: Intent | None = None, **changes: Any) -> Signal:
        """Make a fresh signal, a market buy unless another intent is given."""
        self.number += 1
        now = runtime.clock.now()
        made = Signal(
            source="test",
            dialect="native",
            received_at=now,
            body_hash=str(self.number),
            raw="{}",
            key=f"test/{self.number}",
            strategy="s",
            intents=(intent or PlaceOrder(symbol="BTCUSD", side=Side.BUY),),
        )
        return msgspec.structs.replace(made, **changes) if changes else made
