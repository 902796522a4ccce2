"""The engine as a whole: journal, owner, dispatcher, venues, looks and timers, wired in one place.

runtime = await Runtime.start(setup)     # recovers, connects, reconciles; submits nothing
receipt = await runtime.submit(signal)   # durable when it returns
await runtime.stop("asked to")           # the same path as a crash, with a snapshot on top
"""

import asyncio
import secrets
import string
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import structlog
from msgspec import Struct, field

from bascule import __version__
from bascule.config import process
from bascule.config.files import FILES, Files
from bascule.config.firm import NewsSettings
from bascule.config.latch import DIRECTORY as LATCH
from bascule.config.latch import GUARDIAN_KEEPERS, Latch, LatchMode
from bascule.config.process import Processes
from bascule.engine.clock import Clock, SystemClock
from bascule.engine.dispatcher import Dispatcher
from bascule.engine.guardian_watch import GuardianWatch
from bascule.engine.listings import by_our_name
from bascule.engine.looks import Looker
from bascule.engine.owner import Owner
from bascule.engine.recovery import RestartReport, recover, report
from bascule.engine.releases import CalendarReader
from bascule.execution import inputs as inp
from bascule.execution.decide import awaits_time, decide
from bascule.execution.duties import has_duties
from bascule.execution.effects import Effect
from bascule.execution.state import State, dump, load
from bascule.execution.turn import Market, Settings, Suspect
from bascule.journal.journal import Journal
from bascule.model.account import AccountSpec, RiskLimits, Route
from bascule.model.enums import AccountMode, StopMode
from bascule.model.errors import ConfigError, JournalError, VenueError, VenueTransient
from bascule.model.event import ArmRefused, Event, LimitsChanged, ScaleRecorded
from bascule.model.ids import AccountId, ClOrdID, StrategyId, Symbol, VenueId
from bascule.model.instrument import Quote
from bascule.model.intent import Receipt, Signal
from bascule.model.order import AccountSnapshot, ExecutionReport
from bascule.model.values import MILLISECOND, SECOND, Currency, Instant
from bascule.venues.kit.contract import (
    CanHalt,
    LinkState,
    Venue,
    VenueContext,
    VenueMessage,
    WireLog,
)
from bascule.venues.kit.registry import factory

log = structlog.get_logger("bascule.engine")

TICK_NS = 100 * MILLISECOND
PROGRESS_NS = 1 * SECOND
STOP_PATIENCE_S = 6.0
_EPOCH_LETTERS = string.ascii_lowercase + string.digits


def _draw_epoch() -> str:
    return "".join(secrets.choice(_EPOCH_LETTERS) for _ in range(4))


class VenueSetup(Struct, frozen=True, kw_only=True):
    """One configured venue: its kind, its settings, and its secrets by name."""

    id: VenueId
    kind: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str]


class Setup(Struct, frozen=True, kw_only=True):
    """Everything an engine is started with; made from the user's configuration."""

    data_dir: Path
    mode: AccountMode
    accounts: tuple[AccountSpec, ...]
    routes: tuple[Route, ...]
    venues: tuple[VenueSetup, ...]
    config_text: str
    config_hash: str
    max_signal_age_ns: int = 60 * SECOND
    limits: dict[str, RiskLimits] = field(default_factory=dict)
    portfolio_currency: Currency = Currency("")
    news: NewsSettings | None = None
    """Where the calendar of releases comes from; None for no calendar."""
    wire_log: WireLog | None = None
    needs_guardian: bool = False
    """Whether entries leave only while a guardian is there: so it is where money is real."""
    links: Mapping[VenueId, Callable[[VenueContext], Venue]] = field(default_factory=dict)
    """Factories that stand in for a kind's own, by venue id."""
    open_journal: Callable[..., Journal] = Journal.open
    """Takes the journal; a simulator stands it on a disk of its own."""
    draw_epoch: Callable[[], str] = _draw_epoch
    """Names a new epoch; a simulator's is repeatable."""
    files: Files = FILES
    """Where latch and handover lie; a simulator stands them on a disk of its own."""
    processes: Processes = process
    """Who is who on this machine."""


def _no_wire_log(direction: str, subject: str, payload: bytes) -> None:
    """Where no wire log is kept."""


class Runtime:
    """A running engine. Every method is for the loop's thread."""

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self.setup = setup
        self.clock = clock
        self.latch = Latch(setup.data_dir / LATCH, setup.files)
        self.links: dict[VenueId, Venue] = {}
        self.restart: RestartReport
        self.owner: Owner
        self.dispatcher: Dispatcher
        self.looker: Looker
        self.fatal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """Resolves when the process must end: the journal failed, or an invariant broke."""
        self._journal: Journal
        self.guardian: GuardianWatch
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions: dict[VenueId, int] = {}
        """How often each venue's link came up or went down: tells one connection from the next."""
        self._refused: dict[VenueId, tuple[str, str]] = {}
        """Venues that were not connected to and are not tried again: a code and a sentence."""
        self._quote_followers: list[Callable[[AccountId, Quote], None]] = []
        self._pid, started = setup.processes.own()
        # By which another process tells this one from a later one with the same id.
        self._started = started or str(clock.now())
        self.limits_changed: list[LimitsChanged] = []
        """What this start changed of the limits in force."""

    @classmethod
    async def start(cls, setup: Setup, clock: Clock | None = None) -> "Runtime":
        """Recover, take the journal, connect. Nothing is submitted.

        Raises:
            JournalError: the journal is locked, damaged or not writable.
            ConfigError: a venue or account is not what the configuration says.
        """
        runtime = cls(setup, clock or SystemClock())
        setup.data_dir.mkdir(parents=True, exist_ok=True)
        runtime._open()
        for venue in setup.venues:
            runtime._make_link(venue)
        runtime._begin()
        runtime.guardian = GuardianWatch(runtime, needed=setup.needs_guardian)
        runtime.guardian.take_in()  # its stops are in force before anything can leave
        runtime.guardian.look()
        await runtime._durable()
        runtime._spawn(runtime.guardian.run())
        runtime._spawn(runtime._tick())
        if setup.news is not None:
            reader = CalendarReader(setup.news, runtime.settings, runtime.clock)
            runtime._spawn(reader.run())
        for venue in setup.venues:
            runtime._spawn(runtime._keep_connected(venue.id))
        for spec in setup.accounts:
            runtime._spawn(runtime.looker.run(spec.id))
        return runtime

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._journal = self.setup.open_journal(
            self.setup.data_dir / "journal.db",
            clock=self.clock.now,
            call_soon=loop.call_soon_threadsafe,
            on_durable=lambda seq: self.owner.on_durable(seq),
            on_fatal=self._on_journal_fatal,
        )
        found = recover(self._journal, self.clock)
        self.restart = report(found)
        settings = Settings(
            accounts={spec.id: spec for spec in self.setup.accounts},
            routes=self.setup.routes,
            max_signal_age_ns=self.setup.max_signal_age_ns,
            limits=self.setup.limits,
            portfolio_currency=self.setup.portfolio_currency,
        )
        self.owner = Owner(
            found.state,
            settings,
            self._journal,
            self.clock,
            snapshot=found.snapshot,
            on_effects=self._on_effects,
            on_looks=lambda: self.looker.hint(),
            on_broken=self._on_broken,
        )
        self.looker = Looker(
            found.state, settings, self.owner.market, self.links, self.clock, self.owner.feed
        )
        self.dispatcher = Dispatcher(
            found.state,
            settings,
            self.links,
            self.latch,
            self.clock,
            self.owner.feed,
            self._on_broken,
        )

    def _make_link(self, venue: VenueSetup) -> None:
        specs = tuple(spec for spec in self.setup.accounts if spec.venue == venue.id)
        create = self.setup.links.get(venue.id) or factory(venue.kind)
        link = create(
            VenueContext(
                venue_id=venue.id,
                settings=venue.settings,
                accounts=specs,
                secrets=venue.secrets,
                sink=lambda message: self._on_message(venue.id, message),
                wire_log=self.setup.wire_log or _no_wire_log,
                clock=self.clock.now,
            )
        )
        self.links[venue.id] = link
        for spec in specs:
            self.owner.settings.capabilities[spec.id] = link.capabilities

    def _begin(self) -> None:
        restored = self._journal.restored
        new_epoch = ""
        reason = ""
        if self._journal.epoch_due:
            new_epoch = self.setup.draw_epoch()
            reason = "restored from a backup" if restored else "first start"
        events = self.owner.feed(
            inp.EngineBegan(
                at=self.clock.now(),
                pid=self._pid,
                version=__version__,
                config_hash=self.setup.config_hash,
                config=self.setup.config_text,
                new_epoch=new_epoch,
                epoch_reason=reason,
                reduce_only=restored,
            )
        )
        self.limits_changed = [event for event in events if isinstance(event, LimitsChanged)]

    # --- what others use ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state as decided so far; read only."""
        return self.owner.state

    @property
    def settings(self) -> Settings:
        """What the user set up and the venues list; read only."""
        return self.owner.settings

    @property
    def market(self) -> Market:
        """Latest quotes; read only."""
        return self.owner.market

    @property
    def head_seq(self) -> int:
        """The sequence up to which everything is durable."""
        return self._journal.durable.seq

    @property
    def last_seq(self) -> int:
        """The sequence of the last event, whether it is durable yet or not."""
        return self._journal.head.seq

    def submit(self, signal: Signal) -> asyncio.Future[Receipt]:
        """Take in a signal; the future resolves when its answer is durable."""
        return self.owner.submit(signal)

    def follow_quotes(self, follower: Callable[[AccountId, Quote], None]) -> Callable[[], None]:
        """Tell ``follower`` of every quote; returns the way to leave."""
        self._quote_followers.append(follower)
        return lambda: self._quote_followers.remove(follower)

    async def halt(
        self, scope: str, *, by: str, reason: str, mode: StopMode, until: Instant | None = None
    ) -> None:
        """Put a stop in force, durably; the latch is shut first."""
        held: LatchMode = "freeze" if mode is StopMode.FREEZE else "halt"
        self.latch.set(scope, by=by, reason=reason, at=self.clock.now(), mode=held)
        self.owner.feed(inp.StopAsked(self.clock.now(), scope, mode, by, reason, until))
        await self._durable()

    async def arm(
        self,
        scope: str,
        *,
        by: str,
        reason: str,
        typed: str,
        barred: tuple[str, str] | None = None,
    ) -> ArmRefused | None:
        """Lift a stop, durably; gives the refusal when it may not be lifted.

        ``barred`` is why the second factor does not let them: a code and a sentence.
        """
        held = [entry.keeper for entry in self.latch.entries() if entry.scope == scope]
        if barred is None and "guardian" in held:
            words = f"the guardian holds {scope}: `bascule kill arm --scope {scope}`"
            barred = ("guardian_holds", words)
        elif scope not in self.state.stops and set(held) - GUARDIAN_KEEPERS:
            # Somebody else's latch is a stop like any: journaled, and then lifted.
            words = "the latch was written"
            self.owner.feed(inp.StopAsked(self.clock.now(), scope, StopMode.HALT, held[0], words))
        events = self.owner.feed(inp.ArmAsked(self.clock.now(), scope, by, reason, typed, barred))
        refused = next((event for event in events if isinstance(event, ArmRefused)), None)
        if refused is None:
            # Now, since what may leave again does so as soon as it is durable; and before anybody
            # else can put a new stop in force. After a crash the journal still has the old one.
            self.latch.clear(scope, keep=GUARDIAN_KEEPERS)
            left = self.state.stops.get(scope)
            if left is not None:  # the lock under a freeze
                self.latch.set(scope, by=left.by, reason=left.reason, at=self.clock.now())
        await self._durable()
        return refused

    async def sweep(self, scope: str, *, close: bool, by: str, reason: str) -> list[Event]:
        """Cancel every working entry in a scope and, with ``close``, close every book in it."""
        events = self.owner.feed(inp.SweepAsked(self.clock.now(), scope, close, by, reason))
        await self._durable()
        return events

    async def resolve(
        self,
        cl_ord_id: ClOrdID,
        outcome: Literal["filled", "absent"],
        *,
        evidence: str,
        by: str,
    ) -> list[Event]:
        """Settle an order in doubt by a person's word; no events when it is not in doubt."""
        events = self.owner.feed(
            inp.ResolveAsked(self.clock.now(), cl_ord_id, outcome, evidence, by)
        )
        await self._durable()
        return events

    def halted(self, venue: VenueId) -> dict[str, tuple[str, str]]:
        """Say what of a venue waits for a person: by session, a stable code and a sentence."""
        link, refused = self.links[venue], self._refused.get(venue)
        if refused is not None:
            return {"": refused}
        return dict(link.halted) if isinstance(link, CanHalt) else {}

    def resume(self, venue: VenueId) -> None:
        """Try again what waits for a person at a venue, on that person's word."""
        link = self.links[venue]
        if self._refused.pop(venue, None) is not None:
            self._spawn(self._keep_connected(venue))
        elif isinstance(link, CanHalt):
            link.resume()

    async def accept_limits(self, *, by: str, why: str) -> list[LimitsChanged]:
        """Take the looser limits that the configuration proposes, durably; gives the changes."""
        events = self.owner.feed(inp.LimitsAccepted(self.clock.now(), by, why))
        await self._durable()
        return [event for event in events if isinstance(event, LimitsChanged)]

    async def approve(self, strategy: StrategyId, *, by: str, reason: str) -> None:
        """End the probation of a strategy, durably."""
        self.owner.feed(inp.StrategyApprovalGiven(self.clock.now(), strategy, by, reason))
        await self._durable()

    async def record_cash(
        self, account: AccountId, flow: str, amount: Decimal, *, by: str, note: str
    ) -> None:
        """Record cash that came into an account or left it, durably."""
        now = self.clock.now()
        self.owner.feed(inp.CashFlowTold(now, account, flow, amount, by, note))
        await self._durable()

    async def record_phase(self, account: AccountId, phase: str, *, by: str, note: str) -> None:
        """Record that the firm began a new phase with an account, durably."""
        self.owner.feed(inp.PhaseTold(self.clock.now(), account, phase, by, note))
        await self._durable()

    async def record_scale(
        self, account: AccountId, factor: Decimal, *, by: str, note: str
    ) -> Instant:
        """Record by how much the firm lets an account size, durably; gives from when on."""
        events = self.owner.feed(inp.ScaleTold(self.clock.now(), account, factor, by, note))
        await self._durable()
        told = next(event for event in events if isinstance(event, ScaleRecorded))
        return told.effective_at

    async def reconcile(
        self, account: AccountId, cause: str = "asked for", *, adopt: str = ""
    ) -> bool:
        """Look at an account now, and tell whether the answer was whole; see ``Looker.look``.

        Raises:
            VenueError: the venue could not be asked.
        """
        whole = await self.looker.look(account, cause, adopt=adopt)
        await self._durable()
        return whole

    async def preview(self, account: AccountId) -> tuple[list[Event], dict[Symbol, Suspect], bool]:
        """Say what a look at an account would bring, decided on a copy of the state.

        Gives the events, the positions that differ, and whether the venue's answer was whole.

        Raises:
            VenueError: the venue could not be asked.
        """
        found = await self.looker.ask(account, "preview")
        market = Market(quotes=self.market.quotes)
        events = decide(load(dump(self.state)), self.settings, market, found)
        return events, market.suspects.get(account, {}), found.complete

    async def stop(self, reason: str) -> None:
        """Let go: no more signals, outcomes awaited for a while, a snapshot, the journal closed."""
        await self.dispatcher.close(STOP_PATIENCE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for venue, link in self.links.items():
            try:
                await link.disconnect()
            except VenueError as error:
                log.error("venue_not_left", venue=venue, code=error.code, text=error.message)
        if not self.fatal.done():
            self.owner.feed(inp.EngineEnded(self.clock.now(), reason))
            self.owner.flush()
            self.owner.snapshot()
            await asyncio.wait((self.owner.durable(), self.fatal), return_when="FIRST_COMPLETED")
        self.owner.stopped = True
        self._journal.close()

    # --- inside ---------------------------------------------------------------------------------

    async def _durable(self) -> None:
        """Wait until everything decided so far is durable; raise what it will never be for."""
        durable = self.owner.durable()
        if not durable.done():
            await asyncio.wait((durable, self.fatal), return_when="FIRST_COMPLETED")
        if not durable.done():
            raise self.fatal.result()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        task.add_done_callback(self._on_task_done)
        self._tasks.add(task)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_broken(error)

    def _on_broken(self, error: BaseException) -> None:
        """Our own bug, or the journal's end: shut the gate and have the process end."""
        self.dispatcher.stopped = True
        self.owner.stopped = True
        if not self.fatal.done():
            self.fatal.set_result(error)

    def _on_journal_fatal(self, error: JournalError) -> None:
        log.error("journal_failed", code=error.code, text=error.message, hint=error.hint)
        self._on_broken(error)
        self.owner.give_up()

    def _on_effects(self, effects: list[Effect]) -> None:
        self.dispatcher.enqueue(effects)

    def _on_message(self, venue: VenueId, message: VenueMessage) -> None:
        self.dispatcher.note_written()
        now = self.clock.now()
        if isinstance(message, ExecutionReport):
            self.owner.feed(inp.ReportReceived(now, message))
        elif isinstance(message, Quote):
            for spec in self.setup.accounts:
                if spec.venue == venue:
                    self._on_quote(now, spec.id, message)
        elif isinstance(message, AccountSnapshot):
            self.owner.feed(inp.MoneyReceived(now, message))
        elif isinstance(message, LinkState):
            self._on_link(venue, message.up, message.reason, now)

    def _on_quote(self, now: Instant, account: AccountId, quote: Quote) -> None:
        names = self.settings.symbols.get(account)
        if names is None or quote.venue_symbol not in names:
            return
        self.owner.feed(inp.QuoteReceived(now, account, quote))
        for follower in self._quote_followers:
            follower(account, quote)

    def _on_link(self, venue: VenueId, up: bool, reason: str, now: Instant) -> None:
        session = self._sessions[venue] = self._sessions.get(venue, 0) + 1
        for spec in self.setup.accounts:
            if spec.venue != venue:
                continue
            if up:
                self._spawn(self._welcome(spec, session, reason))
            else:
                self.looker.link(spec.id, up=False)
                self.owner.feed(inp.LinkReported(now, spec.id, False, reason))

    async def _keep_connected(self, venue: VenueId) -> None:
        """Make the first connection; the client keeps it up from then on."""
        pause = 1
        while True:
            try:
                await self.links[venue].connect()
                return
            except VenueTransient as error:
                log.warning("venue_unreachable", venue=venue, text=error.message)
            except VenueError as error:
                log.error("venue_refused", venue=venue, code=error.code, text=error.message)
                self._refused[venue] = error.code, error.message
                return
            await self.clock.sleep(pause * SECOND)
            pause = min(pause * 2, 30)

    async def _welcome(self, spec: AccountSpec, session: int, reason: str) -> None:
        """After a (re)connect: who is the account, what is listed; then a look is due.

        A venue that gives no answer is asked again for as long as this connection stands.
        """
        pause = 1
        while self._sessions[spec.venue] == session:
            try:
                await self._introduce(self.links[spec.venue], spec)
            except VenueTransient as error:
                log.warning("account_not_ready", account=spec.id, text=error.message)
                await self.clock.sleep(pause * SECOND)
                pause = min(pause * 2, 30)
                continue
            except (VenueError, ConfigError) as error:
                log.error("account_refused", account=spec.id, code=error.code, text=error.message)
                return
            if self._sessions[spec.venue] == session:
                self.looker.link(spec.id, up=True)
                self.owner.feed(inp.LinkReported(self.clock.now(), spec.id, True, reason))
                self.looker.want(spec.id, reason or "connected")
            return

    async def _introduce(self, link: Venue, spec: AccountSpec) -> None:
        scope = await link.key_scope()
        if scope.withdraw:
            raise ConfigError(
                f"the credentials of account {spec.id} may withdraw money; make a key that may "
                "trade and not withdraw",
                code="key_can_withdraw",
            )
        who = await link.identity(spec.id)
        if who.is_live != (spec.mode is not AccountMode.PAPER):
            kind = "live" if who.is_live else "paper"
            raise ConfigError(
                f"account {spec.id} is configured as {spec.mode.value}, and its venue says that "
                f"{who.login} is a {kind} account",
                code="account_mode_mismatch",
            )
        if who.position_mode is not spec.position_mode or who.currency != spec.currency:
            raise ConfigError(
                f"account {spec.id}: the venue says {who.position_mode.value} in {who.currency}, "
                f"the configuration {spec.position_mode.value} in {spec.currency}",
                code="account_mismatch",
            )
        records = await link.instruments(spec.id)
        listings, names = by_our_name(spec, records, self.clock.now())
        self.settings.listings[spec.id] = listings
        self.settings.symbols[spec.id] = names
        await link.subscribe(spec.id, tuple(names))

    async def _tick(self) -> None:
        """Let time pass: coalesced changes and firms' hours each tick, progress each second."""
        due = self.clock.now()
        bound = has_duties(self.settings)
        while True:
            now = self.clock.now()
            if bound or awaits_time(self.state, self.market):
                self.owner.feed(inp.Ticked(now))
            if now >= due:
                self._journal.progress(pid=self._pid, started=self._started)
                due = Instant(now + PROGRESS_NS)
            await self.clock.sleep(TICK_NS)
