"""Keeps one account: sweeps it when told to, and else watches its money and its connection."""

import asyncio
from collections import deque
from contextlib import suppress
from decimal import Decimal
from typing import Protocol

from bascule.config.clock import Clock
from bascule.config.handover import Books, Floor
from bascule.guardian import rules
from bascule.guardian.rules import Owned, Seen
from bascule.guardian.setup import Options
from bascule.guardian.stops import Goal
from bascule.guardian.sweep import Sweeper
from bascule.guardian.words import AccountView, Severity, SweepState
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode, ExecType
from bascule.model.errors import VenueError
from bascule.model.ids import AccountId
from bascule.model.order import AccountSnapshot, ExecutionReport
from bascule.model.values import MILLISECOND, MINUTE, SECOND, Instant, text
from bascule.venues.kit.contract import HasCountdown, Venue

SOON_NS = 10 * MILLISECOND
"""How long news of the venue waits for company before the next pass."""
RETRY_NS = 500 * MILLISECOND
NOUGHT_NS = 2 * SECOND
"""How much later an equity of 0 must be told once more before it is believed."""
WHO_NS = 3 * SECOND
"""How long a sweep waits for the venue to say whose account it is; then it acts all the same."""
LOOK_NS = 30 * SECOND
"""How often orders and positions of an account that is left alone are looked at."""
NEWS_NS = 5 * SECOND
"""And how often while the venue tells of its orders, so that people see what is held."""
CLEAN_LOOKS = 2
"""So many clean snapshots in a row are the venue's word: one may be an old one."""


class Office(Protocol):
    """What a keeper asks of the guardian."""

    def goal(self, spec: AccountSpec) -> Goal:
        """Give what is to be done on an account now."""

    def flat_from(self, stop_at: Instant) -> Instant | None:
        """Give the time from which a clean snapshot means flat; None while the engine may send."""

    def floor(self, account: AccountId) -> Floor | None:
        """Give the loss line of an account."""

    def books(self) -> Books | None:
        """Give who owns what, once the engine does nothing about it itself; else None."""

    def tell(self, severity: Severity, code: str, words: str, dedupe: str = "") -> None:
        """Alert."""

    def trip(self, account: AccountId, code: str, reason: str, floor: Floor | None = None) -> None:
        """Pull an automatic trigger for one account."""

    def hold(self, account: AccountId, held: bool, reason: str) -> None:
        """Hold back an account's entries while its connection is down, or let them go."""

    def log(self, kind: str, **facts: str | int | None) -> None:
        """Put a line into the log."""


class Keeper:
    """One account of the guardian's."""

    def __init__(
        self,
        spec: AccountSpec,
        link: Venue,
        clock: Clock,
        options: Options,
        sweeper: Sweeper,
        office: Office,
        countdown: HasCountdown | None = None,
    ) -> None:
        self.spec = spec
        self.sweeper = sweeper
        self.state: SweepState = "idle"
        self.note = ""
        self._link = link
        self._clock = clock
        self._options = options
        self._office = office
        self._countdown = countdown
        self._armed_at: Instant | None = None
        self._wake = asyncio.Event()
        self._seen: Seen | None = None
        self._money: AccountSnapshot | None = None
        self._money_asked = Instant(0)
        self._nought: Instant | None = None
        self._up = False
        self._down_since: Instant | None = clock.now()
        self._down_told = self._held = False
        self._to_check: int | None = None
        self._stop_at: Instant | None = None
        self._clean = 0
        self._flat_ns: int | None = None
        self._sent: deque[Instant] = deque()
        self._barred = ""
        self._known = False
        self._up_at = Instant(0)
        self._news = False

    # --- what is heard --------------------------------------------------------------------------

    def expect_no_link(self) -> None:
        """Miss no connection until there was one: the venue's one session is the engine's."""
        self._down_since = None

    def wake(self) -> None:
        """Have the next pass made now."""
        self._wake.set()

    def introduce(self, why: str) -> None:
        """Take that the venue said whose account it is; ``why`` bars it for ever."""
        self._known = True
        self._barred = why
        if why:
            self.state, self.note = "blocked", why
        self.wake()

    def heard(self, report: ExecutionReport) -> None:
        """Take what the venue tells of an order."""
        self.sweeper.heard(report)
        self._news = True
        if report.exec_type is ExecType.NEW and not report.parent:
            self._count(self._clock.now())
        self.wake()

    def paid(self, money: AccountSnapshot) -> None:
        """Take what the venue tells of the money; no equity at all only once it was told twice.

        Some venues tell an equity of 0 in maintenance.
        """
        if money.equity:
            self._nought = None
        elif self._nought is None:
            self._nought = self._clock.now()
        if self._nought is not None and self._clock.now() < self._nought + NOUGHT_NS:
            return
        self._money = money
        self._hold_to_floor()

    def link(self, up: bool) -> None:
        """Take that the connection came or went."""
        now = self._clock.now()
        if up and not self._up:
            down = now - self._down_since if self._down_since is not None else 0
            self._to_check = max(down, self._to_check or 0)  # nothing was looked at in between
            self._up, self._down_since = True, None
            self._up_at = now
        elif not up and self._up:
            self._up, self._down_since = False, now
        self.wake()

    def tick(self, now: Instant) -> None:
        """Let time pass: a connection that stays down is held, and told."""
        if self._down_since is None or self._barred:
            return
        down = now - self._down_since
        if down >= self._options.link_halt_ns and not self._held:
            self._held = True
            self._office.hold(self.spec.id, True, "the guardian's connection is down")
        if down >= self._options.link_alert_ns and not self._down_told:
            self._down_told = True
            self._office.tell(
                "critical",
                "link_down",
                f"The guardian has had no connection to {self.spec.venue} for account "
                f"{self.spec.id} for {down // SECOND} s. Stops at the venue stay; entries are "
                "held. Be ready to close by hand.",
            )

    def _count(self, now: Instant) -> None:
        self._sent.append(now)
        while self._sent and now - self._sent[0] > MINUTE:
            self._sent.popleft()
        if len(self._sent) > self._options.runaway_orders:
            self._sent.clear()
            self._office.trip(
                self.spec.id,
                "runaway",
                f"more than {self._options.runaway_orders} orders reached the venue in a minute",
            )

    def _hold_to_floor(self) -> None:
        floor = self._office.floor(self.spec.id)
        if floor is None or self._money is None or self._money.equity > floor.level:
            return
        goal = self._office.goal(self.spec)
        if goal.action == "freeze" or (goal.action == "flatten" and not goal.only):
            return
        rule = f" ({floor.rule})" if floor.rule else ""
        self._office.trip(
            self.spec.id,
            "loss_line",
            f"equity {text(self._money.equity)} {self.spec.currency} reached the loss line "
            f"{text(floor.level)} {self.spec.currency}{rule}",
            floor,
        )

    # --- what is done ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the account for as long as the guardian runs."""
        while True:
            try:
                pause = await self.turn()
            except VenueError as error:
                self.note = error.message
                pause = RETRY_NS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause / SECOND):  # wait_for may swallow a cancellation
                    await self._wake.wait()
                await self._clock.sleep(SOON_NS)
            self._wake.clear()

    async def turn(self) -> int:
        """Do what is due now; gives after how many nanoseconds the next turn is.

        Raises:
            VenueError: the venue could not be asked.
        """
        if self._barred:
            return self._options.watch_ns
        goal = self._office.goal(self.spec)
        await self._arm_countdown()
        if not goal.sweeps or goal.stop is None:
            self._leave(goal)
            return await self._watch()
        if goal.stop.at != self._stop_at:
            self._stop_at, self._clean, self._flat_ns = goal.stop.at, 0, None
            self.state = "sweeping"
            self.sweeper.begin()
        if not self._up:
            self.note = "there is no connection to the venue"
            return RETRY_NS
        if not self._known and self._clock.now() - self._up_at < WHO_NS:
            self.note = "the venue is asked whose account it is"
            return RETRY_NS
        owned = None
        if goal.only:
            owned = self._owned(goal.only)
            if owned is None:
                self.state, self.note = "idle", "the engine does it, which is alive"
                await self._ask_money()
                return self._options.sweep_ns
        seen = await self.sweeper.step(
            close=goal.action == "flatten",
            only=owned,
            asked=lambda: self._office.goal(self.spec).action == goal.action,
        )
        self._seen = seen
        if goal.action != "flatten" or goal.only:
            await self._ask_money()  # what stays open may still come to its loss line
        if self._office.goal(self.spec) != goal:
            return RETRY_NS  # something else was asked for meanwhile: no word on this any more
        return self._judge(goal, goal.stop.at, seen)

    async def _arm_countdown(self) -> None:
        """Ask the venue anew not to cancel entries: were this machine to die, it would."""
        now, wait = self._clock.now(), self._options.countdown_s * SECOND // 4
        if self._countdown is None or not self._up:
            return
        if self._armed_at is None or now - self._armed_at >= wait:
            self._armed_at = now
            await self._countdown.arm_countdown(self.spec.id, self._options.countdown_s)

    def _leave(self, goal: Goal) -> None:
        self._stop_at = None
        self.state = "idle"
        frozen = goal.action == "freeze"
        self.note = "frozen: nothing is sent, by the guardian neither" if frozen else ""

    def _judge(self, goal: Goal, stop_at: Instant, seen: Seen) -> int:
        """Say how far the sweep is; gives when to look again."""
        self.note = self.sweeper.trouble
        if goal.action == "cancel" or goal.only:
            quiet = not self.sweeper.acted and not self.sweeper.unsettled and seen.complete
            self.state = "idle" if quiet else "sweeping"
            return self._options.watch_ns if quiet else self._options.sweep_ns
        if self.state == "flat" and not (seen.held or seen.working or self.sweeper.unsettled):
            return (
                self._options.watch_ns
            )  # a missing page takes the word back no more than it gives
        if not seen.clean or self.sweeper.unsettled:
            if self.state == "flat":
                self._office.tell(
                    "critical",
                    "not_flat_again",
                    f"Account {self.spec.id} was flat and is not any more; it is swept again.",
                    f"not_flat/{self.spec.id}/{seen.at}",
                )
            self._clean = 0
            self._stuck(self.sweeper.trouble, stop_at)
            return self._options.sweep_ns
        flat_from = self._office.flat_from(stop_at)
        if flat_from is None or seen.at < flat_from:
            self._clean = 0
            self.note = "nothing is left; what was on its way may still come in"
            return self._options.sweep_ns
        self._clean += 1
        if self._clean < CLEAN_LOOKS:
            return self._options.sweep_ns
        self._declare(stop_at)
        return self._options.watch_ns

    def _stuck(self, trouble: str, stop_at: Instant) -> None:
        """Call a person, once a sweep, for what does not get on by itself; it is gone on with."""
        if trouble and self.state != "blocked":
            words = f"Account {self.spec.id} is not flat: {trouble}. The guardian goes on trying."
            key = f"blocked/{self.spec.id}/{stop_at}"
            self._office.tell("critical", "sweep_blocked", words, key)
        self.state = "blocked" if trouble else "sweeping"

    def _declare(self, stop_at: Instant) -> None:
        self.state, self.note = "flat", ""
        self._flat_ns = self._clock.now() - stop_at
        lines = self.sweeper.lines
        closed = sum(1 for line in lines if line.what == "close" and line.state == "done")
        taken = sum(1 for line in lines if line.what == "cancel" and line.state == "done")
        words = (
            f"Account {self.spec.id} is flat, by the word of {self.spec.venue}: {closed} closes, "
            f"{taken} cancels, {self._flat_ns / SECOND:.1f} s after the command."
        )
        self._office.log("flat", account=self.spec.id, closes=closed, cancels=taken,
                         took_ns=self._flat_ns)  # fmt: skip
        self._office.tell("info", "flat", words, f"flat/{self.spec.id}/{stop_at}")

    def _owned(self, strategies: frozenset[str]) -> Owned | None:
        """Give what of the account belonged to these strategies when the engine last said so."""
        books = self._office.books()
        if books is None:
            return None
        mine = books.accounts.get(self.spec.id)
        if mine is None:
            return Owned(frozenset(), {})
        held: dict[rules.Key, Decimal] = {}
        for book in mine.books:
            if book.strategy in strategies:
                key = (book.venue_symbol, book.position_id)
                held[key] = held.get(key, Decimal(0)) + book.quantity
        orders = frozenset(o for o, owner in mine.orders.items() if owner in strategies)
        return Owned(orders, held)

    async def _watch(self) -> int:
        """Look at the money, and now and then at everything."""
        if not self._up:
            return self._options.watch_ns
        now = self._clock.now()
        if self._to_check is not None:
            await self._reconnected(self._to_check)
            self._to_check = None
        elif self._seen is None or now - self._seen.at >= (NEWS_NS if self._news else LOOK_NS):
            self._news = False
            self._seen = await self.sweeper.look()
        return min(await self._ask_money(), self._options.watch_ns)

    async def _ask_money(self) -> int:
        """Ask what the account is worth when that is due; gives how often it is, in nanoseconds."""
        now = self._clock.now()
        wait = self._options.money_ns if self._office.floor(self.spec.id) else LOOK_NS
        if self._nought is not None:
            wait = min(wait, NOUGHT_NS)
        if now - self._money_asked >= wait:
            self._money_asked = now
            self.paid(await self._link.account(self.spec.id))
        return wait

    async def _reconnected(self, down_ns: int) -> None:
        """After a break: look first, then close what stood without a stop for too long."""
        self._seen = seen = await self.sweeper.look()
        bare = rules.unguarded(seen)
        if down_ns >= self._options.link_flatten_ns and bare:
            names = ", ".join(position.venue_symbol for position in bare[:5])
            self._office.trip(
                self.spec.id,
                "link_was_down",
                f"the connection was down for {down_ns // SECOND} s and no stop at the venue "
                f"guards {names}",
            )
        if self._held:
            self._held = self._down_told = False
            self._office.hold(self.spec.id, False, "the connection is back")

    def view(self) -> AccountView:
        """Show the account."""
        floor = self._office.floor(self.spec.id)
        goal = self._office.goal(self.spec)
        equity = self._money.equity if self._money is not None else None
        known = floor is not None and equity is not None
        fresh = goal.sweeps and goal.stop is not None and goal.stop.at != self._stop_at
        return AccountView(
            account=self.spec.id,
            venue=self.spec.venue,
            firm=self.spec.firm,
            mode=self.spec.mode.value,
            currency=self.spec.currency,
            link_up=self._up,
            sweep="sweeping" if fresh else self.state,
            positions=len(self._seen.held) if self._seen is not None else None,
            working_orders=len(self._seen.working) if self._seen is not None else None,
            equity=equity,
            floor=floor.level if floor is not None else None,
            room=equity - floor.level if known and floor and equity is not None else None,
            stop=goal.stop.view() if goal.stop is not None else None,
            note=self.note,
            looked_at=self._seen.at if self._seen is not None else None,
            flat_ns=self._flat_ns,
        )

    @property
    def is_live(self) -> bool:
        """Whether real money is behind it."""
        return self.spec.mode is not AccountMode.PAPER
