"""Planted bugs of the shell tier: what stands round the core, on the real runtime and journal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

import apsw

from bascule.engine import runtime
from bascule.engine.dispatcher import Dispatcher
from bascule.engine.guardian_watch import GuardianWatch
from bascule.engine.lanes import Lanes
from bascule.engine.look_rules import LookMemory
from bascule.engine.owner import Owner
from bascule.execution import operators
from bascule.execution.effects import EFFECTS
from bascule.guardian import rules
from bascule.guardian.keeper import Keeper
from bascule.guardian.service import Guardian
from bascule.guardian.stops import Goal, Stops
from bascule.guardian.sweep import Sweeper
from bascule.journal import journal, sqlite, writer
from bascule.model.errors import JournalError
from bascule.model.event import ReplaceRequested
from bascule.model.order import Refused, Unknown
from bascule.sim.shell.files import SimFiles
from bascule.venues.paper.client import PaperVenue
from tests.sim.mutants import entered_twice, fill_at_another_price
from tests.sim.planting import Patch, in_place

SHELL_BOUND = 500


class ShellMutant(NamedTuple):
    """A planted bug: its name, what it does wrong, how it is patched in, and its bound."""

    name: str
    text: str
    patches: Callable[[], Sequence[Patch]]
    bound: int = SHELL_BOUND
    first: int = 1
    """The seed to begin with: where a bug needs a rare meeting, one shortly before it."""

    def planted(self) -> AbstractContextManager[None]:
        """Have the bug for a while."""
        return in_place(self.patches())


def _answer_at_once() -> list[Patch]:
    real = Owner.submit

    def submit(self: Owner, signal: Any) -> Any:
        reply = real(self, signal)
        waiting = self._replies or (self._undurable[-1].replies if self._undurable else [])
        if waiting and waiting[-1][0] is reply and not reply.done():
            reply.set_result(waiting[-1][1])
        return reply

    return [(Owner, "submit", submit)]


def _send_at_once() -> list[Patch]:
    real = Owner.flush

    def flush(self: Owner, *, lone: bool = False) -> None:
        effects = [
            effect
            for event in self._events
            if (make := EFFECTS.get(type(event))) is not None
            and (effect := make(event)) is not None
        ]
        self._on_effects(effects)
        real(self, lone=lone)

    return [(Owner, "flush", flush)]


def _change_at_once() -> list[Patch]:
    real = Owner.flush

    def flush(self: Owner, *, lone: bool = False) -> None:
        changes = [event for event in self._events if isinstance(event, ReplaceRequested)]
        self._on_effects([effect for one in changes if (effect := EFFECTS[type(one)](one))])
        real(self, lone=lone)

    return [(Owner, "flush", flush)]


def _no_sync() -> list[Patch]:
    real = sqlite.prepare

    def prepare(connection: apsw.Connection, *, shared: bool) -> None:
        real(connection, shared=shared)
        connection.pragma("synchronous", "off")

    return [(sqlite, "prepare", prepare)]


def _failed_write_told_durable() -> list[Patch]:
    def commit(self: Any, values: Any, head: Any) -> None:
        with suppress(JournalError):
            self._store.append(values)
        self._durable = head
        if self._told:
            self._told = False
            self._call(self._tell)

    return [(writer.Committer, "_commit", commit)]


def _latch_not_read() -> list[Patch]:
    real = Lanes.__init__

    def init(self: Lanes, state: Any, settings: Any, look: Any, feed: Any) -> None:
        real(self, state, settings, lambda: lambda spec, strategy: None, feed)

    return [(Lanes, "__init__", init)]


def _send_again_on_unknown() -> list[Patch]:
    real = Dispatcher._outcome

    def outcome(self: Dispatcher, order: Any, told: Any) -> None:
        if isinstance(told, Unknown) and getattr(self, "_again", None) != order.cl_ord_id:
            self._again = order.cl_ord_id  # type: ignore[attr-defined]
            link = self._links[self._settings.accounts[order.account].venue]
            self._submit(link, [order])
            return
        real(self, order, told)

    return [(Dispatcher, "_outcome", outcome)]


def _start_doubts_nothing() -> list[Patch]:
    real = operators.learn

    def learn(turn: Any, account: Any, order: Any, fact: Any, **more: Any) -> Any:
        if more.get("reason") == "restart":
            return None
        return real(turn, account, order, fact, **more)

    return [(operators, "learn", learn)]


def _replay_stops_short() -> list[Patch]:
    real = journal.Journal.replay

    def replay(self: journal.Journal, after: int = 0) -> Iterator[Any]:
        rows = list(real(self, after))
        yield from rows[:-1] if len(rows) > 3 else rows

    return [(journal.Journal, "replay", replay)]


def _welcome_once() -> list[Patch]:
    async def welcome(self: Any, spec: Any, session: int, reason: str) -> None:
        try:
            await self._introduce(self.links[spec.venue], spec)
        except runtime.VenueTransient:
            return
        self.looker.link(spec.id, up=True)
        self.owner.feed(runtime.inp.LinkReported(self.clock.now(), spec.id, True, reason))
        self.looker.want(spec.id, reason or "connected")

    return [(runtime.Runtime, "_welcome", welcome)]


def _look_from_now() -> list[Patch]:
    def looked(self: LookMemory, account: Any, look: Any) -> None:
        self._since[account.id] = look.began + 30_000_000_000

    return [(LookMemory, "looked", looked)]


def _link_never_restored() -> list[Patch]:
    async def reconnect(self: PaperVenue) -> None:
        return

    return [(PaperVenue, "_reconnect", reconnect)]


def _timeout_is_refusal() -> list[Patch]:
    real = Dispatcher._outcome

    def outcome(self: Dispatcher, order: Any, told: Any) -> None:
        if isinstance(told, Unknown):
            told = Refused("timeout", "", "no answer came", told.at)
        real(self, order, told)

    return [(Dispatcher, "_outcome", outcome)]


def _flat_before_the_time_out() -> list[Patch]:
    def flat_from(self: Guardian, stop_at: Any) -> Any:
        return stop_at

    return [(Guardian, "flat_from", flat_from)]


def _swept_once() -> list[Patch]:
    real = Sweeper.step

    async def step(self: Sweeper, **asked: Any) -> Any:
        if self.lines:
            return await self.look()
        return await real(self, **asked)

    return [(Sweeper, "step", step)]


def _stops_forgotten() -> list[Patch]:
    def init(self: Stops, path: Any, files: Any) -> None:
        self._path, self._files, self._held, self.unsaved = path, files, {}, False

    return [(Stops, "__init__", init)]


def _stops_stripped_first() -> list[Patch]:
    return [(rules, "_stays", lambda *_: False)]


def _answered_before_it_is_logged() -> list[Patch]:
    real = SimFiles.write

    def write(self: SimFiles, path: Any, content: bytes, **how: Any) -> None:
        real(self, path, content, **(how | {"durable": False} if how.get("at") else how))

    return [(SimFiles, "write", write)]


def _stops_not_kept() -> list[Patch]:
    return [(Stops, "save", lambda self: None)]


def _names_not_synced() -> list[Patch]:
    return [(SimFiles, "sync_folder", lambda self, path: None)]


def _gate_not_shut() -> list[Patch]:
    return [(Guardian, "_shut", lambda self, stop: None)]


def _closed_twice() -> list[Patch]:
    real = rules.plan

    def plan(seen: Any, **more: Any) -> Any:
        return real(seen, **(more | {"busy": ()}))

    return [(rules, "plan", plan)]


def _sweeps_on_after_arming() -> list[Patch]:
    real = Sweeper.step

    async def step(self: Sweeper, *, close: bool, only: Any = None, asked: Any = None) -> Any:
        return await real(self, close=close, only=only)

    return [(Sweeper, "step", step)]


def _batch_after_the_latch() -> list[Patch]:
    real = PaperVenue.submit_many

    async def submit_many(self: PaperVenue, orders: Any) -> Any:
        return await real(self, orders)

    return [(PaperVenue, "submit_many", submit_many)]


def _log_not_taken_in() -> list[Patch]:
    return [(GuardianWatch, "take_in", lambda self: None)]


def _loss_line_not_held() -> list[Patch]:
    return [(Keeper, "_hold_to_floor", lambda self: None)]


def _stall_not_seen() -> list[Patch]:
    return [(Guardian, "_engine_gone", lambda self, state: None)]


def _flat_after_arming() -> list[Patch]:
    return [(Goal, "__ne__", lambda self, other: False)]


def _refused_by_the_disk_for_ever() -> list[Patch]:
    return [(Guardian, "_keep_again", lambda self: None)]


def _arming_cut_short() -> list[Patch]:
    return [(Guardian, "_resume", lambda self: [self._shut(stop) for stop in self._stops])]


MUTANTS = (
    ShellMutant("answer_at_once", "a sender's 2xx before the fsync", _answer_at_once),
    ShellMutant("send_at_once", "an order leaves before the fsync", _send_at_once),
    ShellMutant("change_at_once", "a change leaves before the fsync", _change_at_once),
    ShellMutant("entered_twice", "an entry goes out under two names", entered_twice),
    ShellMutant("other_price", "a fill counts at another price", fill_at_another_price),
    ShellMutant("no_sync", "the journal does not sync", _no_sync),
    ShellMutant(
        "failed_write_told_durable", "a failed write is told durable", _failed_write_told_durable
    ),
    ShellMutant("latch_not_read", "the dispatcher does not read the latch", _latch_not_read),
    ShellMutant("send_again", "an unknown outcome is sent again", _send_again_on_unknown),
    ShellMutant("timeout_is_refusal", "a time-out ends the order", _timeout_is_refusal),
    ShellMutant("start_doubts_nothing", "a restart doubts nothing", _start_doubts_nothing),
    ShellMutant("replay_stops_short", "recovery misses the last event", _replay_stops_short),
    ShellMutant("welcome_once", "an account is introduced once only", _welcome_once, first=310),
    ShellMutant("look_from_now", "a look asks for the fills to come", _look_from_now),
    ShellMutant("link_never_restored", "a lost link stays lost", _link_never_restored),
    ShellMutant(
        "batch_after_latch", "a batch leaves a step after it", _batch_after_the_latch, first=70
    ),
    ShellMutant(
        "flat_too_soon", "flat is said before the time-out", _flat_before_the_time_out, first=60
    ),
    ShellMutant("swept_once", "a sweep is made once", _swept_once),
    ShellMutant("stops_forgotten", "a restart forgets what is stopped", _stops_forgotten),
    ShellMutant("stops_stripped", "protection goes first", _stops_stripped_first),
    ShellMutant(
        "answer_unlogged", "a command's answer before its fsync", _answered_before_it_is_logged
    ),
    ShellMutant("stops_not_kept", "stops are not written", _stops_not_kept),
    ShellMutant("names_not_synced", "directories are not synced", _names_not_synced),
    ShellMutant("gate_not_shut", "a stop shuts no latch", _gate_not_shut),
    ShellMutant("closed_twice", "a close under way is not waited for", _closed_twice, first=450),
    ShellMutant("sweeps_on", "a pass goes on after arming", _sweeps_on_after_arming),
    ShellMutant(
        "flat_after_arming", "flat is said of what was armed", _flat_after_arming, first=224
    ),
    ShellMutant(
        "kept_once", "a disk that refused is not asked again", _refused_by_the_disk_for_ever
    ),
    ShellMutant("log_not_taken_in", "the engine reads no log of it", _log_not_taken_in),
    ShellMutant(
        "loss_line_not_held", "the loss line is not watched", _loss_line_not_held, first=42
    ),
    ShellMutant("stall_not_seen", "an engine that is gone stops nothing", _stall_not_seen),
    ShellMutant("arming_cut_short", "a latch without its stop stays", _arming_cut_short, first=60),
)
"""Every planted bug of this tier."""
