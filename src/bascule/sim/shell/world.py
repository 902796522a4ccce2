"""One simulated machine: the real runtime, journal and paper broker, and everything that happens.

Nothing of the engine or the broker is replaced. What they stand on is: the event loop (virtual
time), the journal's disk, the network between them. The broker's ledger is the ground truth, and
it survives everything.
"""

import asyncio
import gc
import json
import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import msgspec

from bascule.config.latch import DIRECTORY, Latch
from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.journal.journal import Journal
from bascule.journal.progress import Progress, ProgressRecord
from bascule.journal.sqlite import SqliteStore
from bascule.journal.store import Notices, Store, Writer
from bascule.journal.writer import InlineWriter
from bascule.model.account import (
    AccountSpec,
    Pacing,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
    SymbolMap,
)
from bascule.model.enums import AccountMode, PositionMode, Side, StopMode
from bascule.model.errors import BasculeError, JournalUnwritable, UsageError
from bascule.model.ids import AccountId, RouteId, StrategyId, VenueId
from bascule.model.intent import Receipt
from bascule.model.values import SECOND, Currency, Instant
from bascule.signals.reading import Reader
from bascule.sim.shell import chances
from bascule.sim.shell.disk import Disk
from bascule.sim.shell.loop import ACTOR, VirtualLoop
from bascule.sim.shell.net import Network
from bascule.sim.shell.witness import Witness
from bascule.venues.kit.faults import Fault
from bascule.venues.paper.emulator_link import Link
from bascule.venues.paper.emulator_server import Server
from bascule.venues.paper.emulator_settings import PaperSettings, read_json

START = 1_767_600_000 * SECOND
PORT = 7_000
BROKER = "broker"
JOURNAL = "/journal.db"
_PLAIN = {"native_bracket": False, "native_trailing": False, "reduce_only": False}
_READER = Reader(source="sim", dialect="tradingview_json")


class VirtualClock:
    """The time of a loop, as UTC nanoseconds."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> Instant:
        """Give the time."""
        return Instant(START + round(self._loop.time() * SECOND))

    async def sleep(self, nanoseconds: int) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(nanoseconds / SECOND)


class DiskRecord:
    """The progress record on the simulated disk: replaced as a whole, or not at all."""

    def __init__(self, disk: Disk, kept: dict[str, bytes]) -> None:
        self._disk = disk
        self._kept = kept

    def write(self, record: bytes) -> None:
        """Replace the record."""
        try:
            self._disk.count()
        except apsw.Error as error:
            raise JournalUnwritable(f"the progress record: {error}") from error
        self._kept["progress"] = record

    def read(self) -> Progress | None:
        """Give the last record."""
        found = self._kept.get("progress")
        return None if found is None else msgspec.json.decode(found, type=Progress)


class World:
    """One run. ``run`` gives what was violated; ``witness`` has what was seen."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.dice = random.Random(f"{seed} steps")
        self.chance = random.Random(f"{seed} faults")
        calm = self.chance.random() < chances.CALM
        self.accidents = {} if calm else chances.swarm(self.chance, chances.ACCIDENTS)
        self.faults = {} if calm else chances.swarm(self.chance, chances.BROKER_FAULTS)
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        jitter = self.chance.choice(chances.JITTER_S)
        self.net = Network(self.loop, random.Random(f"{seed} net"), jitter_s=jitter)
        self.disk = Disk(f"sim-{id(self)}")
        self._disks = [self.disk]
        self.kept: dict[str, bytes] = {}
        self.folder = folder
        self.latch = Latch(folder / DIRECTORY)
        self.server = Server(self._broker(folder), machine=self.clock.now)
        self.runtime: Runtime | None = None
        self.generation = 0
        self.actor = ""
        self.fsync_s = chances.FSYNC_S
        self.sent: dict[str, str] = {}
        """Alerts by name, as they were sent."""
        self.acknowledged: dict[str, Receipt] = {}
        self.hits: dict[str, int] = {}
        self.trace: list[str] = []
        self.witness = Witness(self)
        self._fuse: int | None = None
        self._on_fuse: Callable[[], None] = self.kill
        self._dead_tasks: list[object] = []
        self.loop.before_step = self._step
        self.loop.set_exception_handler(self._loop_error)
        self.errors: list[str] = []

    # --- the run --------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """Play the scenario, heal everything, and say what was wrong."""
        asyncio.set_event_loop(None)
        try:
            self.loop.run_until_complete(self._play())
            return self.errors + self.witness.verdict()
        except BasculeError as error:
            return [*self.errors, f"{error.code}: {error.message}"]
        except AssertionError as error:
            return [*self.errors, f"{type(error).__name__}: {error}"]
        finally:
            self.loop.kill(self.actor)
            self.server.ledger.close()
            self._dead_tasks.append(asyncio.all_tasks(self.loop))
            self.loop.close()

    def close(self) -> None:
        """Let go of everything that a dead process left behind."""
        for disk in self._disks:
            disk.mend()
        with warnings.catch_warnings():
            # What a killed process never came to run is no mistake of ours.
            warnings.simplefilter("ignore", RuntimeWarning)
            self._dead_tasks.clear()
            gc.collect()
        self.runtime = None

    async def _play(self) -> None:
        context = self.loop.context_of(BROKER)
        self.net.listen(PORT, lambda: Link(self.server.links, self.server.receive), context)
        self.loop.call_soon(self.server.start, context=context)
        self.start()
        await asyncio.sleep(self.dice.uniform(0.0, 1.5))
        for name, probability in self.faults.items():
            seconds = self.chance.uniform(0.05, 2.0)
            self.server.faults.arm(Fault(name=name, probability=probability, seconds=seconds))
        names, weights = zip(*chances.STEPS.items(), strict=True)
        for number in range(self.dice.randrange(*chances.STEPS_RANGE)):
            await asyncio.sleep(chances.gap(self.dice))
            self._accident()
            (step,) = self.dice.choices(names, weights)
            self._note(f"{number} {step}")
            self._count(f"step {step}")
            getattr(self, f"_do_{step}")(number)
        await self._heal()

    async def _heal(self) -> None:
        """Let nothing go wrong any more, and wait until all is settled, for a bounded time."""
        self._note("heal")
        for state in self.server.faults.armed():
            self.hits[f"fault {state.fault.name}"] = (
                self.hits.get(f"fault {state.fault.name}", 0) + state.fired
            )
        self.server.faults.disarm()
        self.net.partitioned = False
        self._fuse = None
        self.disk.on_operation = None
        self.disk.mend()
        self.fsync_s = chances.FSYNC_S
        self.accidents = {}
        if self.loop.is_frozen(self.actor):
            self.loop.thaw(self.actor)
        # The look of the next minute finds what no report will tell.
        await asyncio.sleep(chances.MINUTE_S)
        deadline = self.loop.time() + chances.HEAL_S
        while self.loop.time() < deadline:
            await asyncio.sleep(2.0)
            if self.runtime is not None and not self.witness.unsettled():
                await asyncio.sleep(2.0)
                if self.runtime is not None and not self.witness.unsettled():
                    return

    # --- the engine -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start an engine, as a process would be."""
        self.generation += 1
        self.actor = f"engine-{self.generation}"
        self.runtime = None
        self.disk.mend()
        self._note(f"start {self.actor}")
        context = self.loop.context_of(self.actor)
        self._dead_tasks.append(self.loop.create_task(self._engine(self.actor), context=context))

    async def _engine(self, actor: str) -> None:
        try:
            runtime = await Runtime.start(self._setup(), self.clock)
        except BasculeError as error:
            self._note(f"refused to start: {error.code}")
            self._count(f"start refused {error.code}")
            self._ended(actor)
            return
        self.runtime = runtime
        await asyncio.wait({runtime.fatal})
        self._note(f"ended by itself: {runtime.fatal.result()!r}")
        if not isinstance(runtime.fatal.result(), JournalUnwritable):
            self.errors.append(f"the engine broke: {runtime.fatal.result()!r}")
        self._count("ended by its journal")
        self._ended(actor)

    def _ended(self, actor: str) -> None:
        """The process ends itself; whoever watches over it starts it again."""
        self.loop.call_soon(self._bury, actor, False, context=self.loop.context_of(""))

    def kill(self) -> None:
        """End the engine between two callbacks; what it wrote is with the operating system."""
        self._bury(self.actor, False)

    def cut_power(self) -> None:
        """End the whole machine: what was not synced may be gone, and peers hear nothing."""
        self._bury(self.actor, True)

    def _bury(self, actor: str, power: bool) -> None:
        if actor != self.actor or actor in self.loop.dead:
            return
        self._note(f"{'power cut' if power else 'end'} of {actor}")
        self._count("power cut" if power else "process end")
        self._fuse = None
        self.disk.on_operation = None
        self._dead_tasks += [self.runtime, asyncio.all_tasks(self.loop)]
        self.loop.kill(actor)
        self.net.cut(actor, silently=power)
        self.runtime = None
        if power:
            self.disk.lose_power(self.chance)
        # Connections that are still open to the dead one's files must not write any more.
        self.disk = self.disk.copy(f"sim-{id(self)}-{self.generation}")
        self._disks.append(self.disk)
        away = self.chance.uniform(0.05, 6.0)
        self.loop.call_later(away, self.start, context=self.loop.context_of(""))

    def _step(self, actor: str) -> None:
        if self._fuse is not None and actor == self.actor:
            self._fuse -= 1
            if self._fuse <= 0:
                self._fuse = None
                self._on_fuse()

    def _setup(self) -> Setup:
        limits = RiskLimits(
            max_position_qty=Decimal("3"),
            max_open_orders=60,
            orders_per_second=50,
            orders_per_minute=500,
            orders_per_hour=5_000,
            orders_per_day=50_000,
            duplicate_window_ns=0,
        )
        specs = tuple(
            AccountSpec(
                id=AccountId(login),
                venue=VenueId("native" if login != "gamma" else "plain"),
                login=login,
                mode=AccountMode.PAPER,
                currency=Currency("USD"),
                position_mode=PositionMode.HEDGING if login == "beta" else PositionMode.NETTING,
                limits=limits,
                symbols=SymbolMap(suffix=".x"),
                pacing=Pacing(requests_per_second=20, burst=20, reserve=5),
            )
            for login in chances.LOGINS
        )
        sizing = SizingRule(method="fixed", quantity=Decimal("0.3"))
        route = Route(
            id=RouteId("sim"),
            strategy=StrategyId("*"),
            legs=tuple(RouteLeg(account=spec.id, sizing=sizing) for spec in specs),
            pyramiding=20,
        )
        secrets = {login: f"token-{login}" for login in chances.LOGINS}
        common = {"port": PORT, "timeout_s": 1}
        return Setup(
            data_dir=self.folder,
            mode=AccountMode.PAPER,
            accounts=specs,
            routes=(route,),
            venues=(
                VenueSetup(id=VenueId("native"), kind="paper", settings=common, secrets=secrets),
                VenueSetup(
                    id=VenueId("plain"), kind="paper", settings=common | _PLAIN, secrets=secrets
                ),
            ),
            config_text="sim",
            config_hash="sim",
            wire_log=self.witness.on_wire,
            open_journal=self._open_journal,
            draw_epoch=lambda: f"s{self.generation:03d}",
        )

    def _open_journal(self, path: object, **notices: Any) -> Journal:
        record = DiskRecord(self.disk, self.kept)
        store = SqliteStore.open(JOURNAL, vfs=self.disk.name, shared=False)
        try:
            return Journal(store, record, writer=self._writer, **notices)
        except BasculeError:
            store.close()
            raise

    def _writer(self, store: Store, record: ProgressRecord, notices: Notices) -> Writer:
        def schedule(commit: Callable[[], None]) -> None:
            self.loop.call_later(self.chance.uniform(*self.fsync_s), commit)

        return InlineWriter(store, record, notices, schedule=schedule)

    def _broker(self, folder: Path) -> PaperSettings:
        accounts = [
            {
                "login": login,
                "currency": "USD",
                "balance": "1000000",
                "mode": "hedging" if login == "beta" else "netting",
                "leverage": "500",
                "token_file": str(_token(folder, login)),
                **(_PLAIN if login == "gamma" else {}),
            }
            for login in chances.LOGINS
        ]
        instrument = {
            "venue_symbol": f"{chances.SYMBOL}.x",
            "kind": "fx",
            "quote": "USD",
            "base": "EUR",
            "tick_size": "0.00001",
            "multiplier": "100000",
            "lot_step": "0.01",
            "min_qty": "0.01",
            "max_qty": "100",
            "pip_size": "0.0001",
            "session": "always",
            "start_price": str(chances.PRICE),
            "volatility_ticks": 60.0,
            "spread_ticks": 2,
            "touch_size": "0.2",
            "levels": 5,
        }
        told = {
            "ledger": str(folder / "broker.db"),
            "seed": self.seed,
            "fill_delay_ms": 5,
            "cancel_delay_ms": 5,
            "reply_delay_ms": self.chance.choice((0, 1)),
            "feed": {"kind": "walk", "ticks_per_second": 4},
            "accounts": accounts,
            "instruments": [instrument],
        }
        return read_json(json.dumps(told))

    # --- accidents ------------------------------------------------------------------------------

    def _accident(self) -> None:
        for name, probability in self.accidents.items():
            if self.chance.random() < probability:
                self._note(f"accident {name}")
                self._count(f"accident {name}")
                getattr(self, f"_hit_{name}")()
                return

    def _hit_kill(self) -> None:
        """Die at some callback soon."""
        self._fuse, self._on_fuse = self.chance.randrange(1, 60), self.kill

    def _hit_power_cut(self) -> None:
        """Lose power at some callback, or within some write to the disk."""
        if self.chance.random() < 0.5:
            self._fuse, self._on_fuse = self.chance.randrange(1, 60), self.cut_power
            return
        at = self.disk.operations + self.chance.randrange(1, 25)

        def cut(operation: int) -> None:
            if operation >= at:
                self.disk.fails_at = 0
                self.cut_power()

        self.disk.on_operation = cut

    def _hit_freeze(self) -> None:
        actor = self.actor
        self.loop.freeze(actor)
        self.loop.call_later(self.chance.uniform(0.1, 12.0), self.loop.thaw, actor)

    def _hit_link_cut(self) -> None:
        self.net.cut(self.actor)

    def _hit_half_open(self) -> None:
        self.net.cut(self.actor, silently=True)

    def _hit_partition(self) -> None:
        self.net.partitioned = True
        self.loop.call_later(
            self.chance.uniform(0.2, 10.0), setattr, self.net, "partitioned", False
        )

    def _hit_disk_fails(self) -> None:
        self.disk.failure = apsw.IOError
        self.disk.fails_at = self.disk.operations + self.chance.randrange(1, 20)

    def _hit_disk_full(self) -> None:
        self.disk.failure = apsw.FullError
        self.disk.fails_at = self.disk.operations + self.chance.randrange(1, 20)

    def _hit_slow_disk(self) -> None:
        self.fsync_s = chances.SLOW_FSYNC_S
        self.loop.call_later(
            self.chance.uniform(0.5, 5.0), setattr, self, "fsync_s", chances.FSYNC_S
        )

    def _hit_graceful_stop(self) -> None:
        if self.runtime is not None:
            runtime, actor = self.runtime, self.actor

            async def stop() -> None:
                await runtime.stop("asked to")
                self._ended(actor)

            self._in_engine(lambda _: self.loop.create_task(stop()))

    # --- steps ----------------------------------------------------------------------------------

    def _do_signal(self, number: int) -> None:
        name = f"{self.seed}-{number}"
        self.sent[name] = json.dumps(chances.body(self.dice, name))
        self.loop.create_task(self._deliver(name, 6))

    def _do_resend(self, number: int) -> None:
        if self.sent:
            name = self.dice.choice(sorted(self.sent))
            self.loop.create_task(self._deliver(name, 1))

    async def _deliver(self, name: str, tries: int) -> None:
        """Send an alert, again and again until it is answered, as a sender with a queue does."""
        for _ in range(tries):
            answered: asyncio.Future[Receipt] = self.loop.create_future()

            def ask(runtime: Runtime, answered: asyncio.Future[Receipt] = answered) -> None:
                signal = _READER.read(self.sent[name], self.clock.now())
                reply = runtime.submit(signal)
                reply.add_done_callback(partial(_pass_on, answered))

            if self._in_engine(ask):
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        receipt = await answered
                    if receipt.status != "overloaded":
                        self.witness.on_answer(name, receipt)
                        return
            await asyncio.sleep(self.chance.uniform(0.1, 2.0))

    def _do_hand_trade(self, number: int) -> None:
        login = self.dice.choice(chances.LOGINS)
        side = self.dice.choice((Side.BUY, Side.SELL))
        quantity = Decimal(self.dice.choice(("0.1", "0.3", "0.5")))

        def trade() -> None:
            with suppress(UsageError):
                self.server.broker.hand.trade(
                    login, f"{chances.SYMBOL}.x", side, quantity, self.clock.now()
                )
                self.witness.hand_traded = True
            self.server.out.settle()

        self.loop.call_soon(trade, context=self.loop.context_of(BROKER))

    def _do_latch(self, number: int) -> None:
        scope = self.dice.choice(("all", *(f"account:{login}" for login in chances.LOGINS)))
        mode = self.dice.choice(("halt", "freeze"))
        self.latch.set(
            scope, by="sim", reason="step", at=self.clock.now(), mode=mode, keeper="guardian"
        )

    def _do_unlatch(self, number: int) -> None:
        for scope in list(self.latch.scopes()):
            self.latch.clear(scope)

    def _do_halt(self, number: int) -> None:
        scope = self.dice.choice(("all", "account:alpha", "strategy:ma"))
        self._command(
            lambda runtime: runtime.halt(scope, by="sim", reason="step", mode=StopMode.HALT)
        )

    def _do_arm(self, number: int) -> None:
        def arm(runtime: Runtime) -> Any:
            for scope in list(runtime.state.stops):
                return runtime.arm(scope, by="sim", reason="step", typed=scope.split(":")[-1])
            return None

        self._command(arm)

    def _do_sweep(self, number: int) -> None:
        close = self.dice.random() < 0.6
        self._command(lambda runtime: runtime.sweep("all", close=close, by="sim", reason="step"))

    def _do_reconcile(self, number: int) -> None:
        account = AccountId(self.dice.choice(chances.LOGINS))
        self._command(lambda runtime: runtime.reconcile(account))

    def _command(self, ask: Callable[[Runtime], Any]) -> None:
        """Have a person's request run in the engine; a refusal is an answer."""

        async def run(runtime: Runtime) -> None:
            asked = ask(runtime)
            if asked is not None:
                with suppress(BasculeError):
                    await asked

        self._in_engine(lambda runtime: self.loop.create_task(run(runtime)))

    def _in_engine(self, do: Callable[[Runtime], object]) -> bool:
        """Run something in the engine's process, if there is one that listens."""
        runtime = self.runtime
        if runtime is None or runtime.owner.stopped:
            return False
        self.loop.call_soon(do, runtime, context=self.loop.context_of(self.actor))
        return True

    # --- what is kept for people ----------------------------------------------------------------

    def _note(self, text: str) -> None:
        self.trace.append(f"{self.loop.time():10.4f} {text}")

    def _count(self, what: str) -> None:
        self.hits[what] = self.hits.get(what, 0) + 1

    def _loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if ACTOR.get() and ACTOR.get() != BROKER and not isinstance(error, ConnectionError):
            self.errors.append(f"unhandled in the engine: {context.get('message')} {error!r}")
        elif error is not None and not isinstance(error, ConnectionError):
            self.errors.append(f"unhandled: {context.get('message')} {error!r}")


def _pass_on(answered: "asyncio.Future[Receipt]", reply: "asyncio.Future[Receipt]") -> None:
    if not answered.done() and not reply.cancelled():
        answered.set_result(reply.result())


def _token(folder: Path, login: str) -> Path:
    file = folder / f"{login}.token"
    file.write_text(f"token-{login}", encoding="utf-8")
    return file
