"""One simulated machine: the real runtime, journal and paper broker, and everything that happens.

Nothing of the engine or the broker is replaced. What they stand on is: the event loop (virtual
time), the journal's disk, the network between them. The broker's ledger is the ground truth, and
it survives everything.
"""

import asyncio
import json
import random
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import msgspec

from bascule.config.handover import GuardianFiles
from bascule.config.latch import DIRECTORY, Latch
from bascule.config.process import Own
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
from bascule.model.enums import AccountMode, PositionMode
from bascule.model.errors import BasculeError, JournalUnwritable
from bascule.model.ids import AccountId, RouteId, StrategyId, VenueId
from bascule.model.intent import Receipt
from bascule.model.values import SECOND, Currency, Instant
from bascule.signals.reading import Reader
from bascule.sim.shell import chances
from bascule.sim.shell.disk import Disk
from bascule.sim.shell.files import Died, SimFiles
from bascule.sim.shell.loop import ACTOR, VirtualLoop
from bascule.sim.shell.net import Network
from bascule.sim.shell.witness import Witness
from bascule.venues.paper.emulator_link import Link
from bascule.venues.paper.emulator_server import Server
from bascule.venues.paper.emulator_settings import PaperSettings, read_json

START = 1_767_600_000 * SECOND
PORT = 7_000
BROKER = "broker"
JOURNAL = "/journal.db"
_TICKING = ("quote", "snapshot")
"""Frames that come all the time; a trace without them is read more easily."""
_PLAIN: dict[str, object] = {
    "native_bracket": False,
    "native_trailing": False,
    "reduce_only": False,
}
_SHARED: dict[str, object] = {"port": PORT, "timeout_s": 1}
VENUES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"native": _SHARED, "plain": _SHARED | _PLAIN}
)
"""The settings of each venue, for whoever connects to it."""
_READER = Reader(source="sim", dialect="tradingview_json")


@contextmanager
def unheard() -> Iterator[None]:
    """Collect what dead processes left: what they never came to run is no mistake of ours."""
    told = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        sys.unraisablehook = told


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

    def __init__(self, disk: Disk, files: SimFiles, path: Path) -> None:
        self._disk = disk
        self._files = files
        self._path = path

    def write(self, record: bytes) -> None:
        """Replace the record."""
        try:
            self._disk.count()
        except apsw.Error as error:
            raise JournalUnwritable(f"the progress record: {error}") from error
        self._files.replace(self._path, record)
        self._disk.done("progress record")

    def read(self) -> Progress | None:
        """Give the last record."""
        try:
            return msgspec.json.decode(self._files.read(self._path), type=Progress)
        except FileNotFoundError:
            return None


class SimProcesses:
    """The processes of one machine: each actor is one, by a number of its own."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def own(self) -> Own:
        """Which process asks."""
        return Own(_number(ACTOR.get()), ACTOR.get())

    def runs(self, pid: int, start: str) -> bool:
        """Whether this very process still runs."""
        machine = self._machine
        alive = start in machine.running() and start not in machine.loop.dead
        return alive and pid == _number(start)

    def kill(self, pid: int, start: str) -> bool:
        """End it at once; False when it no longer runs."""
        if not self.runs(pid, start):
            return False
        self._machine.kill(start)
        return True


def _number(actor: str) -> int:
    kind, _, generation = actor.partition("-")
    return 1_000 * len(kind) + int(generation)


class Machine(ABC):
    """What every simulated world stands on. ``run`` gives what was violated.

    A world says what is done (``play``), and what is left to chance: how long a sync, a restart
    and a sender's patience take (``fsync``, ``away``, ``pause``, in seconds).
    """

    def __init__(self, seed: int, folder: Path, *, jitter_s: float, broker: dict[str, Any]) -> None:
        """Make the machine with its broker; ``broker`` overrides the broker's settings."""
        self.seed = seed
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.net = Network(self.loop, random.Random(f"{seed} net"), jitter_s=jitter_s)
        self.disk = Disk(f"sim-{id(self)}")
        self._disks = [self.disk]
        self.folder = folder
        self.files = SimFiles(self.loop, folder, self.clock.now)
        self.processes = SimProcesses(self)
        self.latch = Latch(folder / DIRECTORY, self.files)
        self.server = Server(self._broker(broker), machine=self.clock.now)
        self.runtime: Runtime | None = None
        self.generation = 0
        self.actor = ""
        self.sent: dict[str, str] = {}
        """Alerts by name, as they were sent."""
        self.acknowledged: dict[str, Receipt] = {}
        self.hits: dict[str, int] = {}
        self.trace: list[str] = []
        self.errors: list[str] = []
        self.witness = Witness(self)
        self.effects = 0
        """What the outside has seen the engine's disk and network do."""
        self._dead_tasks: list[object] = []
        self.loop.set_exception_handler(self._loop_error)
        self.disk.on_done = self.effect

    # --- what a world decides -------------------------------------------------------------------

    logins: Sequence[str] = chances.LOGINS
    needs_guardian = False
    faults: Mapping[str, float] = MappingProxyType({})
    """The broker's faults of this world; some change what a settled account looks like."""

    @abstractmethod
    async def play(self) -> None:
        """Do what is to be done, and end when everything is settled, or should be."""

    @abstractmethod
    def fsync(self) -> float:
        """Give the seconds of the next sync."""

    @abstractmethod
    def quick(self) -> bool:
        """Whether an append that comes alone is synced before its call returns."""

    @abstractmethod
    def away(self) -> float:
        """Give the seconds until an engine that ended is started again."""

    @abstractmethod
    def pause(self) -> float:
        """Give the seconds until a sender that got no answer sends again."""

    def effect(self, what: str) -> None:
        """Something that the outside can see has just been done by the engine."""
        self.effects += 1

    def on_wire(self, direction: str, subject: str, payload: bytes) -> None:
        """See a frame of the engine's, before it leaves or as it came."""
        if subject not in _TICKING:
            self._note(f"{self.actor} {direction} {payload.decode().strip()}")
        self.witness.on_wire(direction, subject, payload)

    def looks(self) -> bool:
        """Tell whether the platter is to be read at this moment; it is slow."""
        return False

    def sever(self, actor: str, power: bool) -> None:
        """End the connections of a process that died."""
        self.net.cut(actor, silently=power)

    @abstractmethod
    def tear(self) -> None:
        """Have the disk lose what a power cut loses."""

    # --- the run --------------------------------------------------------------------------------

    def serve(self) -> None:
        """Start the broker."""
        context = self.loop.context_of(BROKER)
        self.net.listen(PORT, lambda: Link(self.server.links, self.server.receive), context)
        self.loop.call_soon(self.server.start, context=context)

    def run(self) -> list[str]:
        """Play the scenario, heal everything, and say what was wrong."""
        asyncio.set_event_loop(None)
        try:
            self.loop.run_until_complete(self.play())
            return self.errors + self.verdict()
        except BasculeError as error:
            return [*self.errors, f"{error.code}: {error.message}"]
        except AssertionError as error:
            return [*self.errors, f"{type(error).__name__}: {error}"]
        finally:
            for actor in self.running():
                self.loop.kill(actor)
            self.server.ledger.close()
            self._dead_tasks.append(asyncio.all_tasks(self.loop))
            self.loop.close()

    def verdict(self) -> list[str]:
        """Say everything that was violated."""
        return self.witness.verdict()

    def let_go(self) -> None:
        """Let go of everything that a dead process left behind; a collection takes it away."""
        for disk in self._disks:
            disk.mend()
            disk.on_done = None
        self._dead_tasks.clear()
        self.runtime = None

    # --- the engine -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start an engine, as a process would be."""
        self.generation += 1
        self.actor = f"engine-{self.generation}"
        self.runtime = None
        self.disk.mend()
        self._note(f"start {self.actor}")
        context = self.loop.context_of(self.actor)
        self._dead_tasks.append(self.loop.spawn(self._engine(self.actor), context=context))

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

    def running(self) -> tuple[str, ...]:
        """Name the processes of this machine."""
        return (self.actor,)

    def kill(self, actor: str = "") -> None:
        """End a process, the engine if none is named; what it wrote is with the system."""
        self._bury(actor or self.actor, False)

    def cut_power(self) -> None:
        """End the whole machine: what was not synced may be gone, and peers hear nothing."""
        self._bury(self.actor, True)

    def _bury(self, actor: str, power: bool) -> None:
        if actor != self.actor or actor in self.loop.dead:
            return
        self._note(f"{'power cut' if power else 'end'} of {actor}")
        self._count("power cut" if power else "process end")
        self.disk.on_operation = self.disk.on_done = None
        self._dead_tasks += [self.runtime, asyncio.all_tasks(self.loop)]
        self.loop.kill(actor)
        self.sever(actor, power)
        self.runtime = None
        if power:
            self.tear()
        # Connections that are still open to the dead one's files must not write any more.
        self.disk = self.disk.copy(f"sim-{id(self)}-{self.generation}")
        self._disks.append(self.disk)
        self.disk.on_done = self.effect
        self.loop.call_later(self.away(), self.start, context=self.loop.context_of(""))

    def specs(self) -> tuple[AccountSpec, ...]:
        """Describe the accounts, as engine and guardian are set up with."""
        limits = RiskLimits(
            max_position_qty=Decimal("3"),
            max_open_orders=60,
            orders_per_second=50,
            orders_per_minute=500,
            orders_per_hour=5_000,
            orders_per_day=50_000,
            duplicate_window_ns=0,
        )
        return tuple(
            AccountSpec(
                id=AccountId(login),
                venue=VenueId("native" if login != "gamma" else "plain"),
                login=login,
                firm="acme" if login == "gamma" else "",
                mode=AccountMode.PAPER,
                currency=Currency("USD"),
                position_mode=PositionMode.HEDGING if login == "beta" else PositionMode.NETTING,
                limits=limits,
                symbols=SymbolMap(suffix=".x"),
                pacing=Pacing(requests_per_second=20, burst=20, reserve=5),
            )
            for login in self.logins
        )

    def secrets(self) -> dict[str, str]:
        """Give the tokens of the accounts, by login."""
        return {login: f"token-{login}" for login in self.logins}

    def _setup(self) -> Setup:
        specs = self.specs()
        sizing = SizingRule(method="fixed", quantity=Decimal("0.3"))
        route = Route(
            id=RouteId("sim"),
            strategy=StrategyId("*"),
            legs=tuple(RouteLeg(account=spec.id, sizing=sizing) for spec in specs),
            pyramiding=20,
        )
        return Setup(
            data_dir=self.folder,
            mode=AccountMode.PAPER,
            accounts=specs,
            routes=(route,),
            venues=tuple(
                VenueSetup(id=VenueId(name), kind="paper", settings=told, secrets=self.secrets())
                for name, told in VENUES.items()
            ),
            config_text="sim",
            config_hash="sim",
            wire_log=self.on_wire,
            needs_guardian=self.needs_guardian,
            open_journal=self._open_journal,
            draw_epoch=lambda: f"s{self.generation:03d}",
            files=self.files,
            processes=self.processes,
        )

    def _open_journal(self, path: object, **notices: Any) -> Journal:
        record = DiskRecord(self.disk, self.files, GuardianFiles(self.folder).engine_progress)
        store = SqliteStore.open(JOURNAL, vfs=self.disk.name, shared=False)
        try:
            return Journal(store, record, writer=self._writer, **notices)
        except BasculeError:
            store.close()
            raise

    def _writer(self, store: Store, record: ProgressRecord, notices: Notices) -> Writer:
        def schedule(commit: Callable[[], None]) -> None:
            self.loop.call_later(self.fsync(), commit)

        return InlineWriter(store, record, notices, schedule=schedule, quick=self.quick)

    def _broker(self, overrides: dict[str, Any]) -> PaperSettings:
        accounts = [
            {
                "login": login,
                "currency": "USD",
                "balance": "1000000",
                "mode": "hedging" if login == "beta" else "netting",
                "leverage": "500",
                "token_file": str(_token(self.folder, login)),
                **(_PLAIN if login == "gamma" else {}),
            }
            for login in self.logins
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
            "ledger": str(self.folder / "broker.db"),
            "seed": self.seed,
            "fill_delay_ms": 5,
            "cancel_delay_ms": 5,
            "feed": {"kind": "walk", "ticks_per_second": 4},
            "accounts": accounts,
            "instruments": [instrument],
        }
        return read_json(json.dumps(told | overrides))

    # --- senders and people ---
    async def _deliver(self, name: str, tries: int) -> None:
        """Send an alert, again and again until it is answered, as a sender with a queue does."""
        for _ in range(tries):
            answered: asyncio.Future[Receipt] = self.loop.create_future()

            def ask(runtime: Runtime, answered: asyncio.Future[Receipt] = answered) -> None:
                signal = _READER.read(self.sent[name], self.clock.now())
                reply = runtime.submit(signal)
                reply.add_done_callback(partial(self._answer, answered))

            if self._in_engine(ask):
                with suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        receipt = await answered
                    if receipt.status not in ("overloaded", "unknown"):
                        self.witness.on_answer(name, receipt)
                        return
            await asyncio.sleep(self.pause())

    def _answer(
        self, answered: "asyncio.Future[Receipt]", reply: "asyncio.Future[Receipt]"
    ) -> None:
        if not answered.done() and not reply.cancelled():
            answered.set_result(reply.result())
            self.effect("answer")

    def _command(self, ask: Callable[[Runtime], Any]) -> None:
        """Have a person's request run in the engine; a refusal is an answer."""

        async def run(runtime: Runtime) -> None:
            asked = ask(runtime)
            if asked is not None:
                with suppress(BasculeError):
                    await asked

        self._in_engine(lambda runtime: self.loop.spawn(run(runtime)))

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
        if isinstance(error, Died):
            return
        if ACTOR.get() and ACTOR.get() != BROKER and not isinstance(error, ConnectionError):
            self.errors.append(f"unhandled in the engine: {context.get('message')} {error!r}")
        elif error is not None and not isinstance(error, ConnectionError):
            self.errors.append(f"unhandled: {context.get('message')} {error!r}")


def _token(folder: Path, login: str) -> Path:
    file = folder / f"{login}.token"
    file.write_text(f"token-{login}", encoding="utf-8")
    return file
