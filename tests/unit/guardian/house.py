"""A venue in memory for the guardian, and an installation of accounts on it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bascule.config.handover import GuardianFiles, Heartbeat, replace_file
from bascule.config.process import Own, own
from bascule.guardian.service import Guardian
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.guardian.words import Alert, Command, CommandResult
from bascule.model.account import AccountSpec, Capabilities, Pacing
from bascule.model.enums import (
    AccountMode,
    ExecType,
    InstrumentKind,
    OrdStatus,
    OrdType,
    PositionMode,
    Side,
)
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    PositionId,
    Symbol,
    VenueId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.instrument import Listing
from bascule.model.order import (
    Accepted,
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    Unknown,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import MILLISECOND, SECOND, Currency, Instant
from bascule.venues.kit.contract import (
    KeyScope,
    LinkState,
    OrdersSnapshot,
    PositionsSnapshot,
    VenueAccount,
    VenueContext,
)
from tests.waiting import until

USD = Currency("USD")
GOLD = VenueSymbol("XAUUSD")
OIL = VenueSymbol("USOIL")
START = Instant(1_800_000_000 * SECOND)

NETTING = Capabilities(
    reduce_only=True,
    absence_proof="snapshots",
    absence_snapshots=2,
    absence_after_ns=SECOND,
    submit_timeout_ns=50 * MILLISECOND,
)
"""A venue that holds closes to reduce-only and proves absence by two snapshots a second apart."""
FLIPS = msgspec.structs.replace(NETTING, reduce_only=False)
"""One on which a close too many opens the other side."""


class HandClock:
    """A clock that a test moves; whoever sleeps on it moves it too."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> Instant:
        """The time."""
        return self.time

    async def sleep(self, nanoseconds: int) -> None:
        """Let the time pass at once."""
        self.time = Instant(self.time + nanoseconds)
        await asyncio.sleep(0)

    def move(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.time = Instant(self.time + nanoseconds)


def spec(
    name: str = "alpha", mode: PositionMode = PositionMode.NETTING, **more: Any
) -> AccountSpec:
    """Describe an account."""
    return AccountSpec(
        id=AccountId(name),
        venue=VenueId("fake"),
        login=name,
        mode=AccountMode.PAPER,
        currency=USD,
        position_mode=mode,
        pacing=Pacing(requests_per_second=10_000, burst=more.pop("burst", 100), reserve=5),
        **more,
    )


class FakeVenue:
    """Fills market orders at once, unless ``answer`` says something else of an order.

    ``answer`` gives "fill", "rest" (accepted and working), "refuse", "lose" (never arrives, outcome
    unknown), or "mute" (arrives and fills, outcome unknown). ``stale`` is how many of the next
    position snapshots are as the last one was.
    """

    def __init__(self, clock: Callable[[], int], capabilities: Capabilities = NETTING) -> None:
        self.clock = clock
        self.capabilities = capabilities
        self.held: dict[tuple[str, str, str], Decimal] = {}
        self.stops: dict[tuple[str, str, str], Decimal] = {}
        self.orders: dict[str, VenueOrder] = {}
        self.seen: list[NewOrder] = []
        self.canceled: list[str] = []
        self.answer: Callable[[NewOrder], str] = lambda order: "fill"
        self.on_look: Callable[[], None] = lambda: None
        self.may_cancel = True
        self.complete = True
        self.stale = 0
        self.equity = Decimal(10_000)
        self.max_qty = Decimal(1_000)
        self.live = False
        self.scope = KeyScope(True, False)
        self.sink: Callable[[Any], None] = lambda message: None
        self.countdowns: list[tuple[str, int]] = []
        self._last: tuple[VenuePosition, ...] = ()
        self._number = 0

    def now(self) -> Instant:
        """Its time."""
        return Instant(self.clock())

    # --- what tests do --------------------------------------------------------------------------

    def hold(self, account: str, symbol: str, quantity: str | int, position: str = "") -> None:
        """Give an account a position."""
        self.held[(account, symbol, position)] = Decimal(quantity)

    def rest(
        self,
        account: str,
        side: Side,
        quantity: str | int,
        kind: OrdType = OrdType.LIMIT,
        **more: Any,
    ) -> VenueOrder:
        """Have an order working."""
        self._number += 1
        order = VenueOrder(
            account=AccountId(account),
            venue_order_id=VenueOrderId(f"v{self._number}"),
            venue_symbol=more.pop("symbol", GOLD),
            side=side,
            ord_type=kind,
            ord_status=OrdStatus.WORKING,
            quantity=Decimal(quantity),
            cum_qty=Decimal(0),
            at=self.now(),
            **more,
        )
        self.orders[order.venue_order_id] = order
        return order

    @property
    def working(self) -> list[str]:
        """Orders that still work."""
        return [o.venue_order_id for o in self.orders.values() if o.ord_status is OrdStatus.WORKING]

    @property
    def net(self) -> dict[tuple[str, str, str], Decimal]:
        """Positions that are open."""
        return {key: held for key, held in self.held.items() if held}

    def fill(self, order: NewOrder, quantity: Decimal | None = None) -> None:
        """Trade an order."""
        key = (order.account, order.venue_symbol, order.position_id or "")
        size = quantity or order.quantity
        held = self.held.get(key, Decimal(0))
        if order.reduce_only or order.position_id:
            size = min(size, abs(held))
        self.held[key] = held + size * order.side.sign
        self._show(order, OrdStatus.FILLED, size)

    def _show(self, order: NewOrder, status: OrdStatus, done: Decimal = Decimal(0)) -> None:
        self.orders[order.cl_ord_id] = VenueOrder(
            account=order.account,
            venue_order_id=VenueOrderId(order.cl_ord_id),
            venue_symbol=order.venue_symbol,
            side=order.side,
            ord_type=order.ord_type,
            ord_status=status,
            quantity=order.quantity,
            cum_qty=done,
            at=self.now(),
            cl_ord_id=order.cl_ord_id,
        )

    def report(
        self, order: NewOrder | VenueOrder, kind: ExecType, status: OrdStatus
    ) -> ExecutionReport:
        """Make a report of an order."""
        return ExecutionReport(
            account=order.account,
            exec_id=ExecID(f"x{order.cl_ord_id}"),
            exec_type=kind,
            venue_order_id=VenueOrderId(str(order.cl_ord_id)),
            venue_symbol=order.venue_symbol,
            side=order.side,
            at=self.now(),
            cl_ord_id=order.cl_ord_id,
            ord_status=status,
        )

    # --- the contract ---------------------------------------------------------------------------

    async def connect(self) -> None:
        """Come up at once."""
        self.sink(LinkState(True, "logged on", self.now()))

    async def disconnect(self) -> None:
        """Go quietly."""

    async def submit(self, order: NewOrder) -> Outcome:
        """Do as told."""
        self.seen.append(order)
        does = self.answer(order)
        if does == "refuse":
            return Refused("broker_refused", "", "the broker refuses it", self.now())
        if does in ("fill", "mute"):
            self.fill(order)
        elif does == "rest":
            self._show(order, OrdStatus.WORKING)
        if does in ("lose", "mute"):
            return Unknown("timeout", self.now())
        return Accepted(VenueOrderId(order.cl_ord_id), self.now())

    async def submit_many(self, orders: Sequence[NewOrder]) -> Sequence[Outcome]:
        """The same for several."""
        return [await self.submit(order) for order in orders]

    async def cancel(self, request: CancelOrder) -> Outcome:
        """Take an order back."""
        self.canceled.append(str(request.venue_order_id))
        if not self.may_cancel:
            return Refused("broker_refused", "", "the broker keeps it", self.now())
        order = self.orders[str(request.venue_order_id)]
        self.orders[order.venue_order_id] = msgspec.structs.replace(
            order, ord_status=OrdStatus.CANCELED
        )
        return Accepted(request.venue_order_id, self.now())

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Show one order."""
        return self.orders.get(cl_ord_id)

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """Show what works."""
        shown = tuple(
            order
            for order in self.orders.values()
            if order.account == account and order.ord_status is OrdStatus.WORKING
        )
        return OrdersSnapshot(shown, self.complete, self.now())

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """Show what is held, or what was."""
        shown = tuple(
            VenuePosition(
                account=account,
                venue_symbol=VenueSymbol(symbol),
                quantity=held,
                avg_price=Decimal(100),
                position_id=PositionId(position) if position else None,
                stop_loss=self.stops.get((owner, symbol, position)),
            )
            for (owner, symbol, position), held in self.held.items()
            if owner == account and held
        )
        if self.stale:
            self.stale -= 1
            shown = self._last
        self._last = shown
        self.on_look()
        return PositionsSnapshot(shown, True, self.now())

    async def account(self, account: AccountId) -> AccountSnapshot:
        """Show the money."""
        return AccountSnapshot(
            account=account,
            currency=USD,
            balance=self.equity,
            equity=self.equity,
            margin_used=Decimal(0),
            free_margin=self.equity,
            at=self.now(),
        )

    async def identity(self, account: AccountId) -> VenueAccount:
        """Say who it is."""
        return VenueAccount(account, "USD", PositionMode.NETTING, self.live)

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """Two contracts."""
        return tuple(
            Listing(
                Symbol(name), name, InstrumentKind.CFD, USD, Decimal("0.01"), Decimal(100),
                Decimal("0.01"), Decimal("0.01"), self.max_qty,
            )
            for name in (GOLD, OIL)
        )  # fmt: skip

    async def key_scope(self) -> KeyScope:
        """As told."""
        return self.scope

    async def arm_countdown(self, account: AccountId, seconds: int) -> None:
        """Note it."""
        self.countdowns.append((account, seconds))


class FakeProcesses:
    """The system's processes, as a test says."""

    def __init__(self) -> None:
        self.running: dict[int, str] = {}
        self.killed: list[int] = []

    def own(self) -> Own:
        """The process of the test."""
        return own()

    def runs(self, pid: int, start: str) -> bool:
        """Whether it runs."""
        return self.running.get(pid) == start

    def kill(self, pid: int, start: str) -> bool:
        """End it."""
        if not self.runs(pid, start):
            return False
        self.killed.append(pid)
        del self.running[pid]
        return True


class Hurry:
    """Stands between a loop and its selector: where nothing is to be done, time jumps.

    The loop's clock goes to its next timer at once, and stands still while anything runs. So no
    time-out of a test comes before what it is a time-out of, however slow the machine is; and
    nothing is waited for. Threads and other processes have no part in such a loop.
    """

    def __init__(self, loop: Any) -> None:
        self._selector = loop._selector
        self._now: float = loop.time()
        loop._selector, loop.time = self, self.time

    def time(self) -> float:
        """Give the loop's time."""
        return self._now

    def select(self, timeout: float | None) -> Any:
        """Wait for nothing."""
        found = self._selector.select(timeout and 0)
        if not found:
            self._now += timeout or 0.0
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


class LoopClock:
    """The time of the loop that runs."""

    def now(self) -> Instant:
        """The time."""
        return Instant(START + int(asyncio.get_running_loop().time() * SECOND))

    async def sleep(self, nanoseconds: int) -> None:
        """Wait."""
        await asyncio.sleep(nanoseconds / SECOND)


QUICK = Options(
    stalled_ns=300 * MILLISECOND,
    sweep_ns=5 * MILLISECOND,
    watch_ns=20 * MILLISECOND,
    money_ns=10 * MILLISECOND,
    link_halt_ns=100 * MILLISECOND,
    link_alert_ns=200 * MILLISECOND,
    link_flatten_ns=50 * MILLISECOND,
    runaway_orders=5,
)


class Place:
    """A guardian of two accounts on one fake venue, in a directory that outlives it."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        self.directory = directory
        self.files = GuardianFiles(directory)
        self.clock = LoopClock()
        self.processes = FakeProcesses()
        self.options = changes.pop("options", QUICK)
        self.second_factor = changes.pop("second_factor", None)
        self.venue_words = changes.pop("venue", {})
        self.accounts = changes.pop("accounts", (spec("alpha", firm="acme"), spec("beta")))
        self.venue = FakeVenue(self.clock.now, changes.pop("capabilities", NETTING))
        self.alerts: list[Alert] = []
        self.guardian: Guardian
        assert not changes

    def setup(self) -> GuardianSetup:
        """Describe it."""

        def create(context: VenueContext) -> Any:
            self.venue.sink = context.sink
            return self.venue

        return GuardianSetup(
            mode_dir=self.directory,
            mode=AccountMode.PAPER,
            accounts=self.accounts,
            venues=(
                GuardedVenue(
                    id=VenueId("fake"), kind="fake", settings={}, secrets={}, **self.venue_words
                ),
            ),
            options=self.options,
            second_factor=self.second_factor,
            links={VenueId("fake"): create},
        )

    @asynccontextmanager
    async def running(self) -> Any:
        """Run a guardian."""
        self.guardian = guardian = Guardian(self.setup(), self.clock, self.processes)
        guardian.events.append(self.alerts.append)
        task = asyncio.ensure_future(guardian.run())
        try:
            await until(lambda: all(a.link_up for a in guardian.view().accounts), "the link")
            yield guardian
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await guardian.close()

    def engine(self, pid: int = 7, *, age_ns: int = 0) -> None:
        """Have the engine's record say that it was there so long ago."""
        self.processes.running.setdefault(pid, "then")
        at = Instant(self.clock.now() - age_ns)
        beat = Heartbeat(at=at, pid=pid, started="then")
        replace_file(self.files.engine_progress, msgspec.json.encode(beat))

    def told(self, code: str) -> list[Alert]:
        """Give the alerts with a code."""
        return [alert for alert in self.alerts if alert.code == code]

    def sweep_states(self) -> dict[str, str]:
        """Say how far the sweeps are."""
        return {one.account: one.sweep for one in self.guardian.view().accounts}

    async def command(self, action: str, scope: str = "all", **more: Any) -> CommandResult:
        """Give a command."""
        asked = {"action": action, "scope": scope, "by": "me", "reason": "test", "via": "cli"}
        command = msgspec.convert({**asked, **more}, type=Command)
        return await self.guardian.command(command)
