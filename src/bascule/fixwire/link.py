"""A session on its way: turns of input, each written, then what the session asked for.

A turn is some of what one read of the socket brought, or one tick of the clock, or what the
application sent since the last turn. While it runs, actions are collected; when it ends, what the
store recorded is written, and synced if it must be; only then do bytes leave and
``Application.settled`` is called. What was written and not synced is synced on the thread within
``FLUSH_S``, and nothing waits for that: see ``bascule.fixwire.store``.

A sync that a turn must wait for runs where it costs least: at once on the loop while the disk is
quick, else on the thread as well, with the next turns gathering behind it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, cast

from bascule.fix.actions import (
    Action,
    Deliver,
    Disconnect,
    Halt,
    LoggedOn,
    LoggedOut,
    Refused,
    Send,
    Warn,
)
from bascule.fix.codec import Garbled
from bascule.fix.message import Message
from bascule.fix.session import Session
from bascule.fixwire.errors import StoreError
from bascule.fixwire.store import FileStore
from bascule.model.values import MILLISECOND, SECOND, Instant

QUICK = MILLISECOND
"""A disk whose syncs take longer than this, on average, is waited for on the thread."""
_WEIGHT = 8
"""How many syncs that average looks back on, about."""
FLUSH_S = 0.005
"""How long what is written may wait for its fsync, so that one serves many turns."""
TURN_MAX = 16
"""Messages that are taken in one turn; what else one read brought is for the next turns."""
WAITING_MAX = 10_000
"""Messages that may wait, for the disk or for their turn, before nothing more is read."""
Log = Callable[[str, str, str], None]
"""(session, code, text); called on the loop."""
Now = Callable[[], int]
"""UTC nanoseconds."""


class Application:
    """What a session is for. All calls come on the loop, and none may raise or block.

    Inside ``received`` and ``logged_on`` nothing is written yet, so they may do nothing that shows
    outside of the process but send on this link; ``settled`` follows once everything that they
    were given is written, and may do as it likes. What is written outlives the process. A loss of
    power may take the last few milliseconds of it: the peer sends those messages again, marked, so
    that an application has to know by their business ids what it has seen.
    """

    def received(self, link: "Link", message: Message, number: int, again: bool) -> None:
        """Take an application message; ``again``: it may have been given before a restart."""

    def refused(self, link: "Link", refused: Refused) -> None:
        """Take in that the peer rejected a message of ours."""

    def logged_on(self, link: "Link", reset: bool) -> None:
        """Take in that messages may be sent; after a reset, what was not delivered is gone."""

    def logged_out(self, link: "Link", text: str) -> None:
        """Take in that the session ended, and what the peer said."""

    def halted(self, link: "Link", code: str, text: str) -> None:
        """Take in that a person is needed before this session can go on."""

    def settled(self, link: "Link") -> None:
        """Take in that everything given so far is written."""


class Peer(Protocol):
    """The connection that a link speaks over."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def hang_up(self) -> None:
        """Close after what was written."""

    def hold_reading(self, held: bool) -> None:
        """Stop or go on reading."""

    def clogged(self) -> bool:
        """Whether the peer takes nothing more for now."""


_Turn = tuple[Peer | None, list[bytes], bool, bool]
"""What is let out once it is written: to whom, bytes, whether to hang up, whether to settle."""


class Link:
    """One session, its store and its application, over any number of connections.

    ``logons`` counts the logons; ``halted`` says why a person is needed, until an initiator is
    told to go on; ``failed`` is what ended the store, and with it the link.

    Args:
        session: the protocol; it must have been made with ``store``.
        store: its memory on disk.
        application: what takes and sends the messages.
        worker: runs syncs.
        log: takes warnings.
        now: the clock.
    """

    def __init__(
        self,
        session: Session,
        store: FileStore,
        application: Application,
        worker: Executor,
        *,
        log: Log,
        now: Now = time.time_ns,
    ) -> None:
        self.session = session
        self.failed: StoreError | None = None
        self.peer: Peer | None = None
        self.logons = 0
        self.halted: Halt | None = None
        self._store = store
        self._application = application
        self._worker = worker
        self._log = log
        self._now = cast(Callable[[], Instant], now)
        self._out: list[bytes] = []
        self._hang_up = False
        self._unsettled = False
        self._in_turn = False
        self._asked_turn = False
        self._flight: asyncio.Future[None] | None = None
        self._flush_due: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Future[None] | None = None
        self._cost = 0
        self._items: deque[Message | Garbled] = deque()
        # Where every turn is synced before it is let out, one fsync is to serve many messages.
        self._turn_max = TURN_MAX if store.reserve else WAITING_MAX
        self._more: asyncio.Handle | None = None
        self._held = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._waited = False

    def start(self) -> None:
        """Deliver what an earlier run was given and did not say to have taken."""
        self._turn(self.session.resume())

    def send(self, message: Message, *, hold: bool = False) -> None:
        """Send an application message with the next turn; ``hold`` as in ``Session.send``.

        Raises:
            NotLoggedOn: the session is not up and ``hold`` is False.
            StoreError: the store has failed, so nothing more is sent.
        """
        if self.failed:
            raise self.failed
        self._collect(self.session.send(message, self._now(), hold=hold))

    def refuse(self, message: Message, reason: int = 3, text: str = "") -> None:
        """Answer a message with a BusinessMessageReject; 3: its type is not supported."""
        self._check()
        self._collect(self.session.refuse(message, self._now(), reason, text))

    def taken(self, number: int) -> None:
        """Say that messages up to and with ``number`` need no second delivery."""
        self.session.taken(number)

    @property
    def marked(self) -> int:
        """What was marked last."""
        return self._store.marked

    def mark(self, number: int) -> None:
        """Have a number remembered, synced together with what was just sent before that leaves.

        Raises:
            StoreError: the store has failed, so nothing more is remembered.
        """
        self._check()
        self._store.mark(number)
        if not self._in_turn and not self._asked_turn:
            self._asked_turn = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def logout(self, text: str = "") -> None:
        """Say goodbye and close."""
        self._turn(self.session.logout(self._now(), text))

    def reset(self) -> None:
        """Begin numbering anew on both sides; inside the session if it is up."""
        self._turn(self.session.reset(self._now()))

    def halt(self, code: str, text: str) -> None:
        """Ask for a person."""
        self.halted = Halt(code, text)
        self._log(self.session.config.name, code, text)
        self._application.halted(self, code, text)

    def attach(self, peer: Peer) -> None:
        """Speak over a new connection; there must be none."""
        self.peer = peer
        self._hang_up = self._held = False
        try:
            if self._flight is None and self._flushing is None:
                self._store.compact()
        except StoreError as error:
            self._fail(error)
            return
        self._turn(self.session.connect(self._now()))

    def detach(self, peer: Peer) -> None:
        """Take in that a connection is gone; one that is not the link's own changes nothing."""
        if self.peer is peer:
            if self._more is not None:
                self._more.cancel()
                self._take(len(self._items))
            self.peer = None
            self._out.clear()
            self._turn(self.session.disconnected(self._now()))

    def receive(self, items: list[Message | Garbled]) -> None:
        """Take in what one read brought."""
        self._items.extend(items)
        if self._more is None:
            self._take(self._turn_max)

    def _take(self, most: int) -> None:
        """Take a turn's worth of what came; the peer works on the answers during the next one."""
        items, self._more = self._items, None
        if self.failed:
            items.clear()
            return
        now = self._now()
        self._in_turn = True
        try:
            while items and most:
                most -= 1
                self._collect(self.session.receive(items.popleft(), now))
        except StoreError as error:
            self._fail(error)
        finally:
            self._in_turn = False
        if items:
            self._more = asyncio.get_running_loop().call_soon(self._take, self._turn_max)
        self._end_turn()

    def relieved(self) -> None:
        """Take in that the peer takes bytes again."""
        self._tick()

    async def close(self) -> None:
        """Let the store go, once the connection is closed and nothing more is sent."""
        while flights := [one for one in (self._flight, self._flushing) if one is not None]:
            await asyncio.wait(flights)
            await asyncio.sleep(0)  # its callback may have begun the next one
        if self._flush_due:
            self._flush_due.cancel()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._store.close()

    def _check(self) -> None:
        if self.failed:
            raise self.failed

    def _turn(self, actions: list[Action]) -> None:
        outer, self._in_turn = self._in_turn, True
        self._collect(actions)
        self._in_turn = outer
        if not outer:
            self._end_turn()

    def _collect(self, actions: list[Action]) -> None:
        for action in actions:
            if type(action) is Send:
                self._out.append(action.data)
            elif type(action) is Deliver:
                self._unsettled = True
                self._application.received(self, action.message, action.number, action.again)
            else:
                self._heed(action)
        if not self._in_turn and actions and not self._asked_turn:
            self._asked_turn = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _heed(self, action: Action) -> None:
        name = self.session.config.name
        match action:
            case Disconnect(reason):
                self._hang_up = True
                self._log(name, "fix_disconnected", reason)
            case LoggedOn(reset):
                self._unsettled = True
                self.logons += 1
                self._application.logged_on(self, reset)
            case LoggedOut(text):
                self._application.logged_out(self, text)
            case Refused():
                self._unsettled = True
                self._application.refused(self, action)
            case Halt(code, text):
                self.halt(code, text)
            case Warn(code, text):
                self._log(name, code, text)

    def _end_turn(self) -> None:
        """Write what the turn recorded, then let out what it asked for."""
        self._asked_turn = False
        if self._flight is not None or self._items or self._held:
            self._hold_reading()
        if self._flight is not None or self.failed:
            return
        turn = self.peer, self._out, self._hang_up, self._unsettled
        self._out, self._hang_up, self._unsettled = [], False, False
        try:
            sync = self._store.seal()
            if sync is None:
                self._let_out(*turn)
            elif self._cost > QUICK:
                self._fly(sync, turn)
            else:
                began = time.perf_counter_ns()
                sync()
                self._land(began, turn)
        except StoreError as error:
            self._fail(error)
            return
        if self._flush_due is None and self._flushing is None:
            self._flush_soon()
        waits = self.session.waits
        # Traffic as usual only puts the deadline off, which is seen when the timer fires.
        if waits or self._waited or self._timer is None or self.peer is None:
            self._waited = waits
            self._wind()

    def _hold_reading(self) -> None:
        """Read nothing more while too much waits."""
        waiting = self._items if self._flight is None else self._out
        held = len(waiting) > WAITING_MAX
        if held != self._held and self.peer is not None:
            self._held = held
            self.peer.hold_reading(held)

    def _fly(self, sync: Callable[[], None], turn: _Turn) -> None:
        """Sync on the thread; what comes meanwhile waits for the next turn."""
        began = time.perf_counter_ns()

        def done(flight: asyncio.Future[None]) -> None:
            self._flight = None
            if not self._has_failed(flight):
                self._land(began, turn)
                self._end_turn()

        self._flight = asyncio.get_running_loop().run_in_executor(self._worker, sync)
        self._flight.add_done_callback(done)

    def _land(self, began: int, turn: _Turn) -> None:
        self._store.settle()
        self._cost += (time.perf_counter_ns() - began - self._cost) // _WEIGHT
        self._let_out(*turn)

    def _flush_soon(self) -> None:
        """Have what is written synced, together with what will be written until then."""
        if not self._store.is_synced:
            loop = asyncio.get_running_loop()
            self._flush_due = loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flush_due = None
        flush = self._store.flush()
        if flush is None:
            return

        def done(flight: asyncio.Future[None]) -> None:
            self._flushing = None
            if not self._has_failed(flight):
                self._store.flushed()
                if self._flush_due is None:
                    self._flush_soon()

        self._flushing = asyncio.get_running_loop().run_in_executor(self._worker, flush)
        self._flushing.add_done_callback(done)

    def _has_failed(self, flight: asyncio.Future[None]) -> bool:
        error = flight.exception()
        if isinstance(error, StoreError):
            self._fail(error)
        elif error is not None:
            self._fail(StoreError(f"Writing the store failed: {error!r}."))
        return error is not None

    def _let_out(self, to: Peer | None, out: list[bytes], hang_up: bool, unsettled: bool) -> None:
        peer = self.peer
        # What was meant for a connection that is gone must not begin the next one.
        if peer is not None and peer is to:
            if out:
                peer.write(out[0] if len(out) == 1 else b"".join(out))
            if hang_up:
                peer.hang_up()
        if unsettled:
            self._application.settled(self)

    def _fail(self, error: StoreError) -> None:
        """Stop: what is in memory runs ahead of the disk, so nothing of it may leave."""
        if self.failed is not None:
            return
        self.failed = error
        if self._timer:
            self._timer.cancel()
        if self.peer is not None:
            self.peer.hang_up()
        self._log(self.session.config.name, error.code, error.message)
        self._application.halted(self, error.code, error.message)

    def _wind(self) -> None:
        """Set the timer for the session's next deadline."""
        peer = self.peer
        if peer is None:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            return
        due = self.session.due(replay=not peer.clogged())
        if due is None or (self._timer and self._timer_at <= due):
            return
        if self._timer:
            self._timer.cancel()
        delay = max(0, due - self._now()) / SECOND
        self._timer_at = due
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self.failed:
            return
        try:
            replay = self.peer is not None and not self.peer.clogged()
            self._turn(self.session.tick(self._now(), replay=replay))
        except StoreError as error:
            self._fail(error)
