"""The engine's process as a model: the real decisions, lanes and looks over a disk that is slow.

What is modelled here is the shell around them: a journal whose batches become durable later, the
way from a durable event to the wire, and the questions of a look one after another. A crash loses
what was not durable, and everything in memory.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from bascule.config.latch import LatchMode
from bascule.engine.lanes import Lanes
from bascule.engine.look_rules import DUE_NS, LookMemory, patience, to_ask_after
from bascule.engine.owner import receipt_of
from bascule.execution import inputs as inp
from bascule.execution.decide import awaits_time, decide
from bascule.execution.duties import has_duties
from bascule.execution.effects import EFFECTS, Effect
from bascule.execution.evolve import evolve
from bascule.execution.state import AccountState, State
from bascule.execution.turn import Market, Settings
from bascule.model.account import AccountSpec
from bascule.model.event import Event
from bascule.model.ids import AccountId, ClOrdID, VenueId
from bascule.model.intent import Receipt, Signal
from bascule.model.order import (
    AccountSnapshot,
    ExecutionReport,
    NewOrder,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import MILLISECOND, SECOND, Instant
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.distributions import Chances
from bascule.sim.core.network import Network
from bascule.sim.core.watch import Watch

POLL_NS = SECOND
_HINT_NS = 100 * MILLISECOND
_RETRY_NS = 2 * SECOND


class Disk:
    """The journal: what was appended, and how much of it would survive a power cut."""

    def __init__(self) -> None:
        self.rows: list[Event] = []
        self.durable = 0
        self.syncing = 0
        """Up to where the fsync under way reaches; 0 when none is."""
        self.batches = 0

    def cut(self, *, keep_syncing: bool) -> None:
        """Lose what is not durable; a batch that was being synced may have made it."""
        if self.syncing and keep_syncing:
            self.durable = self.syncing
        self.syncing = 0
        del self.rows[self.durable :]


class _Look(msgspec.Struct):
    """A look under way: what has been answered so far."""

    account: AccountId
    cause: str
    began: Instant
    name: str
    orders: tuple[VenueOrder, ...] = ()
    lookups: dict[ClOrdID, VenueOrder | None] = {}
    positions: tuple[VenuePosition, ...] = ()
    positions_at: Instant = Instant(0)
    money: AccountSnapshot | None = None
    complete: bool = True


class Host:
    """One engine's process over its journal; it can die and start again."""

    def __init__(
        self, settings: Settings, clock: Clockwork, chances: Chances, watch: Watch
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._mine = clock.mine
        self.chances = chances
        self.watch = watch
        self.disk = Disk()
        self.latch: dict[tuple[str, str], LatchMode] = {}
        """What is on the disk beside the journal: by keeper and scope, what it forbids."""
        self.network: Network
        self.alive = False
        self.state = State()
        self.market = Market()
        self.runs = 0
        self.poll_ns = POLL_NS
        self._venues = {spec.id: spec.venue for spec in settings.accounts.values()}
        self.adopting = ""
        """Set while a person takes over whatever positions the next looks show: who, and why."""
        self.started: Callable[[], None] = _nothing
        """Called once the engine has started: it reads what others have left for it."""
        self._lanes: Lanes
        self._memory: LookMemory
        self._replies: list[tuple[int, Receipt, Signal]] = []
        self._woken: set[AccountId] = set()
        self._causes: dict[AccountId, str] = {}
        self._looking: set[AccountId] = set()
        self._looked_at: dict[AccountId, int] = {}
        self._shown_before: dict[AccountId, tuple[VenuePosition, ...]] = {}
        self._money_before: dict[AccountId, AccountSnapshot] = {}
        self._bound = has_duties(settings)
        self._least = {
            name: min(able.absence_after_ns, DUE_NS) for name, able in settings.capabilities.items()
        }

    # --- life and death -------------------------------------------------------------------------

    def start(self) -> None:
        """Recover from the durable rows alone, doubt what has no outcome, and connect."""
        self.alive = True
        self.runs += 1
        self.network.run = self.clock.life = self.runs
        self.state = State()
        for event in self.disk.rows:
            evolve(self.state, event)
        self.market = Market()
        self._lanes = Lanes(self.state, self.settings, lambda: self.latched, self.feed)
        self._memory = LookMemory()
        self._replies, self._woken = [], set()
        self._causes, self._looking, self._looked_at = {}, set(), {}
        self.watch.began(self.state)
        self.feed(
            inp.EngineBegan(
                at=self.clock.now,
                pid=self.runs,
                version="sim",
                config_hash="",
                config="",
                new_epoch="" if self.state.epoch else "sim1",
                epoch_reason="" if self.state.epoch else "first start",
            )
        )
        self.started()
        for venue in dict.fromkeys(spec.venue for spec in self.settings.accounts.values()):
            self._connect_soon(venue, f"start {self.runs}")
        self._mine(self.poll_ns, self._poll)

    def crash(self) -> None:
        """Die: what is not durable is gone, and so is everything in memory."""
        torn = self.disk.syncing > 0 and self.chances.strikes("torn_batch", f"run {self.runs}")
        self.disk.cut(keep_syncing=not torn)
        self.alive = False
        self.runs += 1
        self.clock.life = 0
        self.network.die()
        self.watch.crashed(len(self.disk.rows))

    def drop_link(self, venue: VenueId, reason: str) -> None:
        """Lose a link; the client connects again after a while."""
        if not self.alive or not self.network.up.get(venue):
            return
        self.network.drop(venue)
        for spec in self.settings.accounts.values():
            if spec.venue == venue:
                self.feed(inp.LinkReported(self.clock.now, spec.id, False, reason))
        self._mine(self.chances.down(reason), lambda: self._connect(venue))

    def _connect_soon(self, venue: VenueId, what: str) -> None:
        delay = self.chances.between(5 * MILLISECOND, 500 * MILLISECOND, f"connect {venue} {what}")
        self._mine(delay, lambda: self._connect(venue))

    def _connect(self, venue: VenueId) -> None:
        if self.network.up.get(venue):
            return
        self.network.up[venue] = True
        self.network.deaf_until.pop(venue, None)
        for spec in self.settings.accounts.values():
            if spec.venue == venue:
                self.feed(inp.LinkReported(self.clock.now, spec.id, True, "connected"))
                self.want(spec.id, "connected")

    # --- decisions and the disk -----------------------------------------------------------------

    def feed(self, given: inp.Input) -> list[Event]:
        """Decide one input; its events go to the disk."""
        if not self.alive:
            return []
        self.watch.given(given)
        events = decide(self.state, self.settings, self.market, given)
        if events:
            for event in events:
                self.watch.decided(event)
            self.disk.rows += events
            self._sync()
        if self.market.looks:
            looks, self.market.looks = self.market.looks, {}
            for account, cause in looks.items():
                self.want(account, cause)
        return events

    def submit(self, signal: Signal) -> None:
        """Take in a signal; its receipt is given once it is durable."""
        if not self.alive:
            return
        events = self.feed(inp.SignalReceived(self.clock.now, signal))
        self.watch.planned(signal, events)
        self._replies.append((len(self.disk.rows), receipt_of(events), signal))

    def _sync(self) -> None:
        disk = self.disk
        if disk.syncing or disk.durable == len(disk.rows):
            return
        disk.syncing = len(disk.rows)
        disk.batches += 1
        self._mine(self.chances.disk(str(disk.batches)), self._synced)

    def _synced(self) -> None:
        disk = self.disk
        first, disk.durable, disk.syncing = disk.durable, disk.syncing, 0
        self.release(first, disk.durable)
        self._sync()

    def release(self, first: int, last: int) -> None:
        """Let out what rows ``first`` to ``last`` ask for: effects, then replies."""
        effects: list[Effect] = []
        for event in self.disk.rows[first:last]:
            make = EFFECTS.get(type(event))
            if make is not None and (effect := make(event)) is not None:
                effects.append(effect)
        if effects:
            self._lanes.enqueue(effects, self.clock.now)
            self._pump()
        while self._replies and self._replies[0][0] <= last:
            _, receipt, signal = self._replies.pop(0)
            self.watch.acknowledged(receipt, signal)

    # --- the wire -------------------------------------------------------------------------------

    def latched(self, spec: AccountSpec, strategy: str) -> LatchMode | None:
        """Say what the latch forbids an account's strategy."""
        found: LatchMode | None = None
        for (_, scope), mode in self.latch.items():
            if scope in (
                "all",
                f"account:{spec.id}",
                f"venue:{spec.venue}",
                f"firm:{spec.firm}",
                f"strategy:{strategy}",
            ):
                if mode == "freeze":
                    return "freeze"
                found = "halt"
        return found

    def _pump(self) -> None:
        out = self._lanes.pump(self.clock.now)
        for account, wait in out.waits.items():
            if account not in self._woken:
                self._woken.add(account)
                self._mine(wait, partial(self._wake, account))
        for order in out.submits:
            self.watch.sent(order)
            self.network.send(order)
        if out.submits:
            self._mine(0, lambda: self._written(out.submits))
        for change in out.changes:
            self.watch.sent(change)
            self.network.send(change)

    def _wake(self, account: AccountId) -> None:
        self._woken.discard(account)
        self._lanes.wake(account)
        self._pump()

    def _written(self, orders: list[NewOrder]) -> None:
        self.feed(
            inp.OrdersWritten(
                self.clock.now,
                tuple(order.account for order in orders),
                tuple(order.cl_ord_id for order in orders),
            )
        )

    # --- timers and looks -----------------------------------------------------------------------

    def _poll(self) -> None:
        now, accounts = self.clock.now, self.state.accounts
        if self._bound or awaits_time(self.state, self.market):
            self.feed(inp.Ticked(now))
            self.watch.ticked()
        looked_at, least = self._looked_at, self._least
        for name, account in accounts.items():
            waited = now - looked_at.get(name, now)
            if (
                waited >= least[name]
                and name not in self._looking
                and waited >= self._patience(account)
                and self._up(name)
            ):
                self.want(name, "timer")
        self._mine(self.poll_ns, self._poll)

    def _patience(self, account: AccountState) -> int:
        differing = self.market.suspects.get(account.id, ())
        return patience(account, self.settings.capabilities[account.id], differing)

    def _up(self, account: AccountId) -> bool:
        return self.network.up.get(self._venues[account], False)

    def want(self, account: AccountId, cause: str) -> None:
        """Have a look at an account soon; one at a time, and one more for what came meanwhile."""
        self._causes.setdefault(account, cause)
        if account not in self._looking:
            self._looking.add(account)
            self._mine(_HINT_NS, lambda: self._look(account))

    def _look(self, account: AccountId) -> None:
        cause = self._causes.pop(account, "timer")
        if not self._up(account):
            self._looking.discard(account)
            return
        began = self.clock.now
        look = _Look(account, cause, began, f"{account} {began}")
        self._ask(look, self._ask_orders)

    def _ask(self, look: _Look, question: Callable[[_Look], None]) -> None:
        what = f"{look.name} {question.__name__}"

        def answered() -> None:
            if not self._up(look.account) or self.chances.strikes("look_fails", what):
                self._causes.setdefault(look.account, look.cause)
                self._mine(_RETRY_NS, lambda: self._look(look.account))
            else:
                self.network.venue.at = self.clock.now
                question(look)

        self._mine(self.chances.question(what), answered)

    def _ask_orders(self, look: _Look) -> None:
        shown = self.network.venue.open_orders(look.account)
        if self.chances.strikes("truncated_orders", look.name):
            shown, look.complete = shown[::2], False
        look.orders = shown
        self._ask(look, self._ask_lookups)

    def _ask_lookups(self, look: _Look) -> None:
        account = self.state.accounts[look.account]
        for order in self._memory.in_turn(account.id, to_ask_after(account, look.orders)):
            found = self.network.venue.status(look.account, order.cl_ord_id)
            look.lookups[order.cl_ord_id] = found
        self._ask(look, self._ask_positions)

    def _ask_positions(self, look: _Look) -> None:
        name, shown = look.account, self.network.venue.positions(look.account)
        look.positions_at = self.clock.now
        # At the very first look nothing could tell that it is stale: it is taken over as it is.
        before = self._shown_before.get(name) if self.state.accounts[name].known else None
        if before is not None and self.chances.strikes("stale_positions", look.name):
            shown = before
        else:
            self._shown_before[name] = shown
        look.positions = shown
        look.money = self._money(look)
        self._ask(look, self._ask_fills)

    def _money(self, look: _Look) -> AccountSnapshot:
        name, now = look.account, self.clock.now
        before = self._money_before.get(name)
        if before is not None and self.chances.strikes("stale_money", look.name):
            return before
        currency = self.settings.accounts[name].currency
        told = self.network.venue.bank.snapshot(name, currency, now)
        self._money_before[name] = told
        return told

    def _ask_fills(self, look: _Look) -> None:
        account = self.state.accounts[look.account]
        since = self._memory.fills_from(account, self.clock.now)
        fills = self.network.venue.fills_since(look.account, since)
        if self.chances.strikes("truncated_fills", look.name):
            fills, look.complete = fills[: len(fills) // 2], False
        delay = self.chances.reply(f"look {look.name}")
        self._mine(delay, lambda: self._looked(look, fills))

    def _looked(self, look: _Look, fills: tuple[ExecutionReport, ...]) -> None:
        account = self.state.accounts[look.account]
        now = self.clock.now
        absent: tuple[ClOrdID, ...] = ()
        if look.complete:
            capabilities = self.settings.capabilities[look.account]
            absent = self._memory.absent(account, capabilities, look.lookups, look.began, now)
        found = inp.Looked(
            at=now,
            account=look.account,
            cause=look.cause,
            orders=look.orders,
            positions=look.positions,
            fills=fills,
            money=look.money,
            lookups=look.lookups,
            absent=absent,
            complete=look.complete,
            began=look.began,
            positions_at=look.positions_at,
            adopt=self.adopting if account.drift else "",
        )
        self.feed(found)
        if look.complete:
            self._memory.looked(account, found)
        else:
            self._mine(_RETRY_NS, lambda: self.want(look.account, "the last look lacked a page"))
        self._looked_at[look.account] = now
        self._looking.discard(look.account)
        if look.account in self._causes:
            self.want(look.account, self._causes[look.account])


def _nothing() -> None:
    """Nobody has left anything."""
