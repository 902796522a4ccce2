"""The guardian: shuts the gate, sweeps, keeps sweeping, and gives the word *flat* on proof only.

    guardian = Guardian(setup, clock)
    guardian.events.append(on_alert)
    async with asyncio.TaskGroup() as group:
        group.create_task(guardian.run())
        result = await guardian.command(Command(action="flatten", scope="account:alpha", by="me"))
    guardian.view()

Everything here is for the loop's thread. A command comes back as soon as the gate is shut, which is
a few files; sweeping goes on in ``run`` and ``view`` tells how far it is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from bascule import __version__
from bascule.config import process
from bascule.config.clock import Clock
from bascule.config.files import FILES, Files
from bascule.config.guardian_log import Fact, GuardianLog
from bascule.config.handover import (
    Books,
    Floor,
    GuardianFiles,
    Heartbeat,
    read_file,
    read_floors,
    replace_file,
)
from bascule.config.latch import CONDITIONS, Latch
from bascule.config.latch import DIRECTORY as LATCH
from bascule.config.process import Processes
from bascule.guardian import intake
from bascule.guardian.arming import arm_refusal, wants_code
from bascule.guardian.connection import Connection
from bascule.guardian.engine_process import EngineProcess
from bascule.guardian.keeper import Keeper
from bascule.guardian.setup import GuardedVenue, GuardianSetup, OnTrip
from bascule.guardian.stops import Goal, Stop, Stops, merged
from bascule.guardian.sweep import Ids, Sweeper
from bascule.guardian.words import (
    Alert,
    AlertSink,
    Command,
    CommandResult,
    DrillView,
    GuardianView,
    OrderLine,
    Severity,
    scopes_of,
)
from bascule.model.account import AccountSpec
from bascule.model.errors import VenueError
from bascule.model.ids import AccountId, VenueId
from bascule.model.order import AccountSnapshot, ExecutionReport
from bascule.model.values import MILLISECOND, SECOND, Instant
from bascule.venues.kit.contract import LinkState, VenueMessage

__all__ = ["Alert", "Command", "CommandResult", "Guardian", "GuardianView"]

LINK, STALL = "link", "stall"
"""Who keeps the latch while a connection is down, and while the engine is."""
TICK_NS = 100 * MILLISECOND
PROGRESS_NS = 1 * SECOND
UNLOGGED_MAX = 10_000
"""So many of the last writes of the log wait for a disk that fails."""


class Guardian:
    """The kill switch of one mode's accounts.

    ``events`` are told of everything that a person should hear of, as it happens.

    Raises:
        ConfigError: its file of stops cannot be read, or a venue's settings are wrong.
        JournalCorrupt: its log is not what was written.
        OSError: its directory cannot be used.
    """

    def __init__(
        self,
        setup: GuardianSetup,
        clock: Clock,
        processes: Processes = process,
        disk: Files = FILES,
    ) -> None:
        self.setup = setup
        self.files = GuardianFiles(setup.mode_dir)
        self.events: list[AlertSink] = []
        self._clock = clock
        self._started_at = clock.now()
        self._me = processes.own()
        self._disk = disk
        self._latch = Latch(setup.mode_dir / LATCH, disk)
        self._stops = Stops(self.files.stops, disk)
        self._log = GuardianLog(self.files.log, disk)
        self._engine = EngineProcess(
            self.files.engine_progress,
            self.files.engine_ended,
            setup.options.stalled_ns,
            processes,
            disk,
        )
        self._floors: dict[str, Floor] = {}
        self._conditions: set[tuple[str, str]] = set()
        """What is held back for as long as it lasts: by which keeper, on which scope."""
        self._ids = Ids(self._started_at)
        self._tripped: dict[tuple[str, str], Instant] = {}
        self._unlogged: list[tuple[Instant, Sequence[tuple[str, Mapping[str, Fact]]]]] = []
        self._engine_told = ""
        self._connections: dict[VenueId, Connection] = {}
        self._keepers: dict[AccountId, Keeper] = {}
        for venue in setup.venues:
            if any(spec.venue == venue.id for spec in setup.accounts):
                self._connect(venue)
        self._log_lines([("started", {"pid": self._me.pid, "version": __version__})])

    def _connect(self, venue: GuardedVenue) -> None:
        connection = Connection(venue, self.setup, self._clock, self._heard)
        self._connections[venue.id] = connection
        for spec in connection.specs:
            sweeper = Sweeper(spec, connection.link, self._clock, self._ids, self._log_lines)
            sweeper.remember(self._log.lines)
            self._keepers[spec.id] = keeper = Keeper(
                spec, connection.link, self._clock, self.setup.options, sweeper, self,
                connection.countdown,
            )  # fmt: skip
            if venue.one_session:
                keeper.expect_no_link()

    # --- what others use ------------------------------------------------------------------------

    async def command(self, command: Command) -> CommandResult:
        """Do what is asked for: the gate first, then the rest.

        The result of a stop comes once the gate is shut. A refusal changes nothing.
        """
        began = self._clock.now()
        refused = intake.refusal(command, self.setup.accounts, began)
        if refused is not None:
            self._note_refused(command, refused)
            return refused
        if command.action == "arm":
            return self._arm(command, began)
        stop, gate_ns = self._stop(command, began)
        return CommandResult(
            status="done",
            text=_told(stop),
            accounts=self._covered(command.scope),
            at=began,
            gate_ns=gate_ns,
        )

    def look_at_latch(self) -> None:
        """Take up at once what others latched: a key's press is a command to flatten."""
        for command in intake.latched(self._latch, self._stops):
            self._stop(command, self._clock.now())

    def view(self) -> GuardianView:
        """Show the guardian as it stands."""
        return GuardianView(
            mode=self.setup.mode.value,
            version=__version__,
            pid=self._me.pid,
            at=self._clock.now(),
            started_at=self._started_at,
            engine=self._engine.state,
            engine_age_ns=self._engine.age_ns,
            accounts=tuple(keeper.view() for keeper in self._keepers.values()),
            stops=tuple(stop.view() for stop in self._stops),
            drill=self.last_drill(),
            second_factor=wants_code(self.setup.second_factor),
            config=self.setup.config,
        )

    def report(self, account: str = "") -> tuple[OrderLine, ...]:
        """Give the sweep's report, order by order, of one account or of all."""
        wanted = [k for name, k in self._keepers.items() if account in ("", name)]
        return tuple(line for keeper in wanted for line in keeper.sweeper.lines)

    def last_drill(self) -> DrillView | None:
        """Give the last drill that was recorded."""
        return intake.last_drill(self.files.drills)

    @property
    def unsaved(self) -> bool:
        """Whether the disk refused something that it has not taken since; it is tried again."""
        return bool(self._unlogged) or self._stops.unsaved

    async def run(self) -> None:
        """Watch, and sweep what is stopped, until cancelled."""
        self._floors = read_floors(self.files.floors, self._disk)
        self._release_conditions()  # what an earlier guardian held is looked at anew
        self._resume()
        async with asyncio.TaskGroup() as group:
            for connection in self._connections.values():
                group.create_task(self._connected(connection))
            for keeper in self._keepers.values():
                group.create_task(self._keep(keeper))
            group.create_task(self._beat())
            await self._tick()

    def _resume(self) -> None:
        """Put in force what an earlier guardian held, whatever it was cut short in.

        A latch without a stop is a stop, or an arming, that was not finished: it holds until it is
        armed. Every stop is told anew, since its line may be the one that was never written.
        """
        for mode, keeper, scope in self._latch.entries():
            if keeper == "guardian" and self._stops.get(scope) is None:
                reason = "an earlier guardian latched it and was cut short"
                now = self._clock.now()
                with self._kept("the stop could not be kept: it would be lost by a restart"):
                    self._stops.put(
                        Stop(scope=scope, action=mode, by="guardian", reason=reason, at=now)
                    )
        for stop in self._stops:
            self._shut(stop)
            self._log_lines([("command", _held(stop))])

    async def close(self) -> None:
        """Let go of venues and files; stops and latch stay as they are."""
        for connection in self._connections.values():
            try:
                await connection.link.disconnect()
            except VenueError as error:
                self.log("fault", text=f"{connection.venue.id}: {error.message}")
        self._release_conditions()
        self._log_lines([("ended", {"pid": self._me.pid})])

    # --- what keepers use -----------------------------------------------------------------------

    def goal(self, spec: AccountSpec) -> Goal:
        """Give what is to be done on an account now."""
        return self._stops.goal(spec)

    def flat_from(self, stop_at: Instant) -> Instant | None:
        """Give the time from which a clean snapshot means flat; None while the engine may send."""
        links = [connection.link for connection in self._connections.values()]
        longest = max(link.capabilities.submit_timeout_ns for link in links)
        if not self._engine.past(Instant(stop_at + longest)):
            return None
        return Instant(max(stop_at, self._engine.killed_at or 0) + longest)

    def floor(self, account: AccountId) -> Floor | None:
        """Give the loss line of an account: the engine's or the user's own, the tighter one."""
        own = self.setup.options.floors.get(account)
        kept = self._floors.get(account)
        if kept is not None and kept.late is not None and self._engine.state == "alive":
            kept = msgspec.structs.replace(kept, level=kept.late)
        if own is None or (kept is not None and kept.level >= own):
            return kept
        return Floor(level=own, rule="[guardian] floors", until=kept.until if kept else None)

    def books(self) -> Books | None:
        """Give who owns what, once the engine does nothing about it itself; else None."""
        if self._engine.state == "alive":
            return None
        return read_file(self.files.books, Books, self._disk) or Books(at=Instant(0), accounts={})

    def tell(self, severity: Severity, code: str, words: str, dedupe: str = "") -> None:
        """Alert everybody who listens."""
        alert = Alert(
            severity=severity,
            code=code,
            text=words,
            dedupe=dedupe or f"{code}/{words}",
            at=self._clock.now(),
        )
        for sink in self.events:
            sink(alert)

    def trip(self, account: AccountId, code: str, reason: str, floor: Floor | None = None) -> None:
        """Pull an automatic trigger for one account, once in a minute at most."""
        key, now = (account, code), self._clock.now()
        if now - self._tripped.get(key, -60 * SECOND) < 60 * SECOND:
            return
        self._tripped[key] = now
        does: OnTrip = self.setup.options.on_runaway if code == "runaway" else "flatten"
        self._log_lines([("tripped", {"account": account, "code": code, "reason": reason})])
        self.tell("critical", code, f"Account {account}: {reason}.", f"{code}/{account}")
        if does != "alert":
            self._pull(f"account:{account}", does, reason, floor.until if floor else None)

    def _pull(self, scope: str, does: OnTrip, reason: str, until: Instant | None = None) -> None:
        command = Command(
            action="flatten" if does == "flatten" else "halt",
            scope=scope,
            by="guardian",
            reason=reason,
            until=until,
            via="auto",
        )
        self._stop(command, self._clock.now())

    def _stop(self, command: Command, now: Instant) -> tuple[Stop, int]:
        """Put a stop in force, the gate first; gives it, and how long the gate took."""
        stop = merged(self._stops.get(command.scope), command, now)
        self._shut(stop)
        gate_ns = self._clock.now() - now
        with self._kept("the stop could not be kept: it would be lost by a restart"):
            self._stops.put(stop)
        self._log_lines([("command", _facts(command))])
        self._rouse()
        words = f"{stop.action} on {stop.scope} by {stop.by or 'nobody named'}: {stop.reason}"
        self.tell("warning" if stop.action in ("halt", "lock") else "critical", stop.action, words)
        return stop, gate_ns

    def hold(self, account: AccountId, held: bool, reason: str) -> None:
        """Hold back an account's entries while its connection is down, or let them go."""
        self._condition(f"account:{account}", LINK, held, reason)

    def _condition(self, scope: str, keeper: str, held: bool, reason: str) -> None:
        if held:
            self._conditions.add((keeper, scope))
        else:
            self._conditions.discard((keeper, scope))
        with self._kept("the latch could not be changed"):
            if held:
                now = self._clock.now()
                self._latch.set(scope, by="guardian", reason=reason, at=now, keeper=keeper)
            else:
                self._latch.release(scope, keeper)
        self.log("held" if held else "released", scope=scope, by=keeper, reason=reason)

    def _release_conditions(self) -> None:
        with self._kept("the latch could not be changed"):
            for entry in self._latch.entries():
                if entry.keeper in (LINK, STALL):
                    self._latch.release(entry.scope, entry.keeper)

    def log(self, kind: str, **facts: Fact) -> None:
        """Put a line into the log."""
        self._log_lines([(kind, facts)])

    # --- inside ---------------------------------------------------------------------------------

    def _covered(self, scope: str) -> tuple[str, ...]:
        specs = self.setup.accounts
        if scope.startswith("strategy:"):
            return tuple(spec.id for spec in specs)
        return tuple(spec.id for spec in specs if scope in scopes_of(spec))

    def _shut(self, stop: Stop) -> None:
        """Shut the gate. Where that fails, the engine is ended: it cannot be told any more."""
        try:
            self._latch.set(
                stop.scope,
                by=stop.by,
                reason=stop.reason,
                at=stop.at,
                mode=stop.latch,
                keeper="guardian",
            )
        except OSError as error:
            self.tell(
                "critical",
                "latch_unwritable",
                f"The latch could not be written ({error.strerror}); the engine is ended instead.",
            )
            self._engine.look(self._clock.now())
            self.end_engine("the latch could not be written")

    def _arm(self, command: Command, now: Instant) -> CommandResult:
        known, factor = self._stops.get(command.scope), self.setup.second_factor
        refused = arm_refusal(command, known, factor, now)
        if refused is not None:
            self._note_refused(command, refused)
            return refused
        # Told first: cut short from here on, the stop is in force at the next start, and told anew.
        self._log_lines([("armed", _facts(command))])
        try:
            self._stops.drop(command.scope)
            self._latch.clear(command.scope, keep=CONDITIONS)
        except OSError as error:
            if known is not None:
                self._hold_on(known)
            return CommandResult(
                status="refused",
                code="guardian_disk",
                text=f"Nothing was armed for certain: the disk refused it ({error.strerror})",
                at=now,
            )
        for stop in self._stops:
            self._shut(stop)  # another scope's stop stands, and so does its latch
        self._rouse()
        self.tell("info", "armed", f"{command.scope} was armed by {command.by or 'somebody'}")
        return CommandResult(
            status="done",
            text=f"{command.scope} is armed; what else is stopped stays so",
            accounts=self._covered(command.scope),
            at=now,
        )

    def _hold_on(self, stop: Stop) -> None:
        """Leave a stop in force whose arming the disk refused."""
        with self._kept("the stop could not be kept: it would be lost by a restart"):
            self._stops.put(stop)
        self._shut(stop)
        self._log_lines([("command", _held(stop))])

    def _note_refused(self, command: Command, refused: CommandResult) -> None:
        self._log_lines([("refused", {**_facts(command), "code": refused.code})])

    def _rouse(self) -> None:
        for keeper in self._keepers.values():
            keeper.wake()
        for spec in self.setup.accounts:
            if self._stops.goal(spec).sweeps:
                self._connections[spec.venue].needed.set()

    def _heard(self, connection: Connection, message: VenueMessage) -> None:
        if isinstance(message, LinkState):
            for spec in connection.specs:
                self._keepers[spec.id].link(message.up)
        elif isinstance(message, ExecutionReport):
            self._keepers[message.account].heard(message)
        elif isinstance(message, AccountSnapshot):
            self._keepers[message.account].paid(message)

    def _log_lines(self, lines: Sequence[tuple[str, Mapping[str, Fact]]]) -> None:
        """Put lines into the log. A disk that fails is told, stops no sweep, and is tried again."""
        failing = bool(self._unlogged)
        self._unlogged.append((self._clock.now(), lines))
        try:
            while self._unlogged:
                self._log.append(*self._unlogged[0])
                del self._unlogged[0]
        except OSError as error:
            del self._unlogged[:-UNLOGGED_MAX]
            if not failing:
                words = f"The guardian's log could not be written ({error.strerror}); it acts on."
                self.tell("critical", "guardian_log", words)

    def _kept(self, words: str) -> "_DiskGuard":
        return _DiskGuard(self, words)

    # --- tasks ----------------------------------------------------------------------------------

    async def _keep(self, keeper: Keeper) -> None:
        """Run one keeper; a fault of ours in it is told, and it begins again."""
        while True:
            try:
                await keeper.run()
            except Exception as error:  # the process boundary: one account's fault ends no other's
                keeper.note = f"a fault of Bascule's own: {type(error).__name__}: {error}"
                await self._begin_again(f"Account {keeper.spec.id}", keeper.spec.id, keeper.note)

    async def _connected(self, connection: Connection) -> None:
        """Make one venue's connection; a fault of its client is told, and it is tried again."""
        while True:
            try:
                await connection.keep(self)
                return
            except Exception as error:  # the process boundary, as above
                why = f"a fault of its client: {type(error).__name__}: {error}"
                await self._begin_again(f"Venue {connection.venue.id}", "", why)

    async def _begin_again(self, what: str, account: str, why: str) -> None:
        self.log("fault", account=account, text=f"{what}: {why}")
        self.tell("critical", "guardian_fault", f"{what}: {why}. It begins again.", f"fault/{what}")
        await self._clock.sleep(SECOND)

    async def _beat(self) -> None:
        """Say each second that it is there."""
        pid, start = self._me
        while True:
            beat = intake.encoded(Heartbeat(at=self._clock.now(), pid=pid, started=start))
            with suppress(OSError):  # an engine that sees none halts its live entries by itself
                replace_file(self.files.progress, beat, durable=False, files=self._disk)
            await self._clock.sleep(PROGRESS_NS)

    async def _tick(self) -> None:
        """Mind the engine, the latch, and whatever is due by time."""
        slow = Instant(0)
        while True:
            now = self._clock.now()
            self._mind_engine(now)
            self.look_at_latch()
            for keeper in self._keepers.values():
                keeper.tick(now)
            if now - slow >= SECOND:
                slow = now
                self._floors = read_floors(self.files.floors, self._disk) or self._floors
                self._restore_latch()
                self._keep_again()
            await self._clock.sleep(TICK_NS)

    def _mind_engine(self, now: Instant) -> None:
        before = self._engine.state
        state = self._engine.look(now)
        swept = [self._stops.goal(spec) for spec in self.setup.accounts]
        since = [goal.stop.at for goal in swept if goal.sweeps and goal.stop is not None]
        if since and state in ("alive", "stalled"):
            waited = now - max(since) >= self.setup.options.stalled_ns
            if state == "stalled" or (waited and not self._engine.past(max(since))):
                self.end_engine("it stood still while its accounts are swept")
        if state == before:
            return
        # One found standing still may thaw as well; one found dead may be long gone.
        if state == "stalled" or (state == "dead" and before == "alive"):
            self._engine_gone(state)
        elif state == "alive" and self._engine_told:
            self._engine_told = ""
            self._condition("all", STALL, False, "the engine runs again")
            self.tell("info", "engine_back", "The engine runs again.")

    def _engine_gone(self, state: str) -> None:
        self._engine_told = state
        words = {"stalled": "stands still", "dead": "ended without a word"}[state]
        self._condition("all", STALL, True, f"the engine {words}")
        self.log("engine", state=state)
        does = self.setup.options.on_stall
        then = {"flatten": "Everything is flattened", "halt": "Everything is halted"}.get(
            does, "Stops at the venue stay, those that the engine runs do not"
        )
        self.tell("critical", f"engine_{state}", f"The engine {words}. {then}.")
        if does != "alert":
            self._pull("all", does, f"the engine {words}")

    def introduce(self, spec: AccountSpec, why: str) -> None:
        """Act on an account, or never where ``why`` says that it is not the one that was set up."""
        self._keepers[spec.id].introduce(why)
        if why:
            self.tell("critical", "account_refused", f"The guardian will not act: {why}.")

    def end_engine(self, why: str) -> None:
        """End the engine at once, unless the user forbade it."""
        if not self.setup.options.kill_stalled:
            words = f"The engine should be ended ({why}), and kill_stalled forbids it."
            self.tell("critical", "engine_not_killed", words, "engine_not_killed")
            return
        try:
            ended = self._engine.kill(self._clock.now())
        except PermissionError:
            words = f"The engine is another user's and could not be ended ({why})."
            self.tell("critical", "engine_not_killed", words, "engine_not_killed")
            return
        if ended:
            self.log("engine_killed", why=why)
            self.tell("critical", "engine_killed", f"The engine was ended: {why}.")

    def _restore_latch(self) -> None:
        """Write what somebody took away: a stop holds until it is armed here."""
        entries = self._latch.entries()
        for stop in self._stops:
            wanted = (stop.latch, "guardian", stop.scope)
            if wanted not in entries:
                self._shut(stop)
                self.log("latch_restored", scope=stop.scope)
        for entry in entries:  # a release that the disk refused would hold entries for ever
            if entry.keeper in (LINK, STALL) and entry[1:] not in self._conditions:
                self._condition(entry.scope, entry.keeper, False, "it is over")

    def _keep_again(self) -> None:
        """Keep what the disk refused before."""
        if self._unlogged:
            self._log_lines([])
        if self._stops.unsaved:
            with suppress(OSError):  # it was told when it failed first
                self._stops.save()


class _DiskGuard:
    """Turns a disk's refusal into an alert, since no sweep may wait for it."""

    def __init__(self, guardian: Guardian, words: str) -> None:
        self._guardian = guardian
        self._words = words

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, OSError):
            self._guardian.tell("critical", "guardian_disk", f"{self._words} ({error.strerror}).")
            return True
        return False


def _facts(command: Command) -> dict[str, Fact]:
    return {
        "action": command.action,
        "scope": command.scope,
        "by": command.by,
        "reason": command.reason,
        "until": command.until,
        "via": command.via,
    }


def _held(stop: Stop) -> dict[str, Fact]:
    """Give a stop as the command that it goes back to."""
    return _facts(
        Command(
            action=stop.action,
            scope=stop.scope,
            by=stop.by,
            reason=stop.reason,
            until=stop.until,
            via="auto",
        )
    )


def _told(stop: Stop) -> str:
    does = {
        "halt": "nothing that adds risk leaves",
        "lock": "nothing that adds risk leaves, and nobody can arm it before its hour",
        "freeze": "nothing at all leaves, and the guardian sends nothing either",
        "cancel": "nothing that adds risk leaves, and entries are being taken back",
        "flatten": "the engine sends nothing, and everything is being closed",
    }[stop.action]
    return f"{stop.action} on {stop.scope}: {does}"
