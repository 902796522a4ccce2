"""The owner of the state: the one loop that decides, and lets out only what is durable.

    input -> decide (folds at once) -> journal.append -> fsync -> effects, replies, followers

While one batch is being fsynced the loop decides the next; nothing derived from an event leaves
before the journal says that the event is on disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from bascule.engine.clock import Clock
from bascule.execution.decide import decide
from bascule.execution.effects import EFFECTS, Effect
from bascule.execution.inputs import Input, SignalReceived
from bascule.execution.state import State, dump
from bascule.execution.turn import Market, Settings
from bascule.journal.journal import Journal
from bascule.model.errors import JournalError
from bascule.model.event import Event, SignalAccepted, SignalDuplicate, SignalRefused
from bascule.model.intent import Receipt, Signal
from bascule.model.values import MILLISECOND, Duration, Instant

LAZY_S = 0.002
"""How long events that nobody waits for may gather before they are written."""
LONE_AFTER = Duration(MILLISECOND // 2)
"""A signal this long after the one before it comes alone; of a burst many share a commit."""
BACKLOG_MAX = 20_000
"""Rows waiting for the disk beyond which a signal is answered "overloaded" and not taken in."""
SNAPSHOT_EVERY = 100_000
"""Events between snapshots, so that a start replays at most so many."""

UNKNOWN = Receipt(
    "",
    "unknown",
    code="outcome_unknown",
    text="the journal failed meanwhile; nothing of this was sent to a venue, and whether it was"
    " kept is not known",
)
"""What a sender is told whose signal was with the disk when that failed."""

Follower = Callable[[Sequence[Event]], None]


class Owner:
    """Holds state and journal together. Every method is for the loop's thread."""

    def __init__(
        self,
        state: State,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        *,
        on_effects: Callable[[list[Effect]], None],
        on_looks: Callable[[], None],
        on_broken: Callable[[BaseException], None],
    ) -> None:
        """Take a state that is the fold of the whole journal.

        ``on_broken`` is told of a fault of ours, by which the state and the journal part.
        """
        self.state = state
        self.settings = settings
        self.market = Market()
        self.clock = clock
        self._journal = journal
        self._on_effects = on_effects
        self._on_looks = on_looks
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._events: list[Event] = []
        self._replies: list[tuple[asyncio.Future[Receipt], Receipt]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._undurable: deque[_Batch] = deque()
        self._flush_handle: asyncio.Handle | None = None
        self._lazy = False
        self._followers: list[Follower] = []
        self._snapshot_seq = journal.head.seq
        self._last_signal_at = Instant(0)
        self.stopped = False
        """Set before the journal is let go: what arrives later is not decided."""

    def feed(self, given: Input) -> list[Event]:
        """Decide one input. The events are folded, and queued for the journal."""
        if self.stopped:
            return []
        try:
            events = decide(self.state, self.settings, self.market, given)
        except Exception as error:
            # Folded in part and not journaled: nothing may be decided on such a state any more,
            # and whoever gave the input may take its failure for their own.
            self._on_broken(error)
            raise
        if events:
            self._events += events
            self._schedule(urgent=not EFFECTS.keys().isdisjoint(map(type, events)))
        if self.market.looks:
            self._on_looks()
        return events

    def submit(self, signal: Signal) -> asyncio.Future[Receipt]:
        """Take in a signal; the future resolves when its answer is durable."""
        reply: asyncio.Future[Receipt] = self._loop.create_future()
        if self.stopped or self._journal.backlog > BACKLOG_MAX:
            reply.set_result(
                Receipt("", "overloaded", code="overloaded", text="nothing was kept; send again")
            )
            return reply
        now = self.clock.now()
        events = self.feed(SignalReceived(now, signal))
        self._replies.append((reply, receipt_of(events)))
        if self._undurable:
            self._schedule(urgent=True)  # shares the next commit with whatever comes meanwhile
        else:
            self.flush(lone=now - self._last_signal_at > LONE_AFTER)
        self._last_signal_at = now
        return reply

    @property
    def settled(self) -> bool:
        """Whether everything decided so far is durable."""
        return not self._events and not self._undurable

    def durable(self) -> asyncio.Future[None]:
        """Give a future that resolves when everything decided so far is durable."""
        done: asyncio.Future[None] = self._loop.create_future()
        if self.settled:
            done.set_result(None)
        else:
            self._waiters.append(done)
            self._schedule(urgent=True)
        return done

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Tell ``follower`` of every durable batch; returns the way to leave."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def _schedule(self, *, urgent: bool) -> None:
        if self._flush_handle is not None:
            if not (urgent and self._lazy):
                return
            self._flush_handle.cancel()
        self._lazy = not urgent
        if urgent:
            self._flush_handle = self._loop.call_soon(self.flush)
        else:
            self._flush_handle = self._loop.call_later(LAZY_S, self.flush)

    def flush(self, *, lone: bool = False) -> None:
        """Hand what was decided to the journal; a signal that comes alone needs no company."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        if not self._events and not self._replies and not self._waiters:
            return
        try:
            seq = self._journal.append(self._events, lone=lone)
        except JournalError:
            # The journal has told its fatal error already; the process is on its way out.
            self.stopped = True
            return
        except Exception as error:  # what was folded cannot be written: the same
            self._on_broken(error)
            raise
        batch = _Batch(seq, self._events, self._replies, self._waiters)
        self._events, self._replies, self._waiters = [], [], []
        self._undurable.append(batch)
        if seq <= self._journal.durable.seq:
            self.on_durable(self._journal.durable.seq)
        # What was let out just now may have had more decided, which is in the state already.
        if seq - self._snapshot_seq >= SNAPSHOT_EVERY and not self._events:
            self.snapshot()

    def give_up(self) -> None:
        """Answer whoever waits for a disk that failed: what reached it may be there or not."""
        for batch in self._undurable:
            for reply, _ in batch.replies:
                if not reply.done():
                    reply.set_result(UNKNOWN)
        for reply, _ in self._replies:  # never handed to it
            if not reply.done():
                reply.set_result(receipt_of(()))

    def snapshot(self) -> None:
        """Queue a snapshot of the state as it stands; everything decided must be appended."""
        self._snapshot_seq = self._journal.head.seq
        self._journal.write_snapshot(self._snapshot_seq, dump(self.state))

    def on_durable(self, seq: int) -> None:
        """Let out what the journal now holds: effects, then replies, then followers."""
        done = []
        while self._undurable and self._undurable[0].seq <= seq:
            done.append(self._undurable.popleft())
        effects: list[Effect] = []
        for batch in done:
            for event in batch.events:
                make = EFFECTS.get(type(event))
                if make is not None:
                    effect = make(event)
                    if effect is not None:
                        effects.append(effect)
        if effects:
            self._on_effects(effects)
        for batch in done:
            for reply, receipt in batch.replies:
                if not reply.done():
                    reply.set_result(receipt)
            for waiter in batch.waiters:
                if not waiter.done():
                    waiter.set_result(None)
        for follower in self._followers:
            for batch in done:
                follower(batch.events)


class _Batch:
    __slots__ = ("events", "replies", "seq", "waiters")

    def __init__(
        self,
        seq: int,
        events: list[Event],
        replies: list[tuple[asyncio.Future[Receipt], Receipt]],
        waiters: list[asyncio.Future[None]],
    ) -> None:
        self.seq = seq
        self.events = events
        self.replies = replies
        self.waiters = waiters


def receipt_of(events: Sequence[Event]) -> Receipt:
    """Say in a receipt what became of a signal, from the events of its decision."""
    first = events[0] if events else None
    if isinstance(first, SignalAccepted):
        return Receipt(first.signal, "accepted")
    if isinstance(first, SignalDuplicate):
        of = first.duplicate_of
        said = f"{of} was refused, and nothing was done" if first.code else ""
        return Receipt(first.signal, "duplicate", duplicate_of=of, code=first.code, text=said)
    if isinstance(first, SignalRefused):
        status = "conflict" if first.code == "key_conflict" else "refused"
        return Receipt(first.signal, status, code=first.code, text=first.text)
    return Receipt("", "overloaded", code="stopping", text="the engine is stopping; send again")
