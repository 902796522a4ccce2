"""One FIX session: what each input means, and what is to be done about it. Sans-I/O.

A transport tells the session that a connection is up or down, what came in, and that time passed;
each of these gives actions, to be done in their order once the store is durable. Instants are UTC
nanoseconds.

Numbers. The peer's messages are taken in the order of their MsgSeqNum. One that comes too early is
held, and what is missing is asked for once; one that comes too late is a marked duplicate, or the
end of the session, since then one side has lost its numbers and only a person knows which. Logout
and ResendRequest are answered whatever their number is, so that two sides that each miss something
never wait for each other.
"""

from bascule.fix import logon
from bascule.fix.actions import Action, Deliver
from bascule.fix.codec import Garbled
from bascule.fix.config import SessionConfig
from bascule.fix.core import ASKING, AWAITING, DOWN, ENDING, LEAVING, UP, Core, Validate
from bascule.fix.inbound import Inbound
from bascule.fix.message import Message
from bascule.fix.outbox import HEARTBEAT, TEST_REQUEST
from bascule.fix.rejects import UNSUPPORTED_MESSAGE_TYPE, business_reject
from bascule.fix.replay import MayResend, stored
from bascule.fix.store import Store
from bascule.model.values import Instant

REQUEST_TIMES_MAX = 3
"""How often one gap is asked for."""
SKIP_MAX = 1_000_000
"""How many numbers a person may leave out at once."""


class NotLoggedOn(Exception):
    """Nothing was numbered or sent: the session is not up."""


class Session:
    """One side of one session, over any number of connections.

    Args:
        config: who speaks with whom, and how.
        store: what must outlive a connection; made durable by the transport.
        validate: holds a message against the dictionaries.
        may_resend: asked for each application message that the peer wants again; False makes its
            number part of a gap fill, as is right for an order that is stale by then.
    """

    def __init__(
        self,
        config: SessionConfig,
        store: Store,
        validate: Validate,
        may_resend: MayResend = lambda message: True,
    ) -> None:
        self.config = config
        self.store = store
        self._core = Core(config, store, validate, may_resend)
        self._inbound = Inbound(self._core)
        self._left_out = store.left_out

    @property
    def logged_on(self) -> bool:
        """Whether messages may be sent."""
        return self._core.phase is UP

    @property
    def connected(self) -> bool:
        """Whether a connection is up, logged on or not."""
        return self._core.phase is not DOWN

    def resume(self) -> list[Action]:
        """After a start: deliver again what came before it and was not said to be taken."""
        return [Deliver(stored(data), number, True) for number, data in self.store.kept()]

    def may_connect(self, now: Instant) -> bool:
        """Whether ``now`` lies within the session's hours."""
        schedule = self.config.schedule
        return schedule is None or schedule.window(now) is not None

    def connect(self, now: Instant) -> list[Action]:
        """Take in that a connection is up; an initiator sends its Logon."""
        core = self._core
        core.now = core.last_in = now
        self._tell_left_out()
        self._begin_anew(now)
        self._inbound.begin()
        if self.config.role == "initiator":
            logon.ask(core)
        else:
            core.phase = AWAITING
            core.deadline = Instant(now + self.config.logon_timeout)
        return core.outbox.take()

    def disconnected(self, now: Instant) -> list[Action]:
        """Take in that the connection is gone."""
        core = self._core
        core.now = now
        if core.phase is not DOWN:
            core.down("the connection was lost")
        return core.outbox.take()

    def receive(self, item: Message | Garbled, now: Instant) -> list[Action]:
        """Take in one message, or input that was none."""
        core = self._core
        core.now = now
        phase = core.phase
        if phase is DOWN:
            return []
        if isinstance(item, Garbled):
            core.warn("fix_garbled", f"{item.size} bytes were no message: {item.text}.")
            if phase in (AWAITING, ASKING):
                core.close("the first message is garbled")
        elif phase is AWAITING:
            logon.take_request(core, item)
        elif phase is ASKING:
            logon.take_answer(core, item)
        else:
            self._inbound.take(item)
        return core.outbox.take()

    def send(self, message: Message, now: Instant, *, hold: bool = False) -> list[Action]:
        """Send an application message; it needs no header, and keeps what it has of one.

        Args:
            message: type and body, in the order in which it is to be written.
            now: the time.
            hold: when the session is not up, number and record it, to go out when the peer asks
                for it after the next logon.

        Raises:
            NotLoggedOn: the session is not up and ``hold`` is False.
            Unencodable: a value would end its field early.
        """
        core = self._core
        core.now = now
        if core.phase is UP and not core.resetting:
            core.outbox.write(message, now)
        elif hold:
            if core.phase is DOWN:
                self._begin_anew(now)
            core.outbox.write(message, now, hold=True)
        else:
            raise NotLoggedOn(f"{self.config.name} is not logged on")
        return core.outbox.take()

    def refuse(
        self,
        message: Message,
        now: Instant,
        reason: int = UNSUPPORTED_MESSAGE_TYPE,
        text: str = "",
    ) -> list[Action]:
        """Answer an application message with a BusinessMessageReject (380 = ``reason``).

        Raises:
            NotLoggedOn: the session is not up.
        """
        version = self.config.version
        if not text:
            text = "Unsupported " + ("Message Type" if version.business_rejects else "message type")
        number = message.get_int(34) or 0
        return self.send(business_reject(version, message, number, reason, text), now, hold=True)

    def logout(self, now: Instant, text: str = "") -> list[Action]:
        """Say goodbye; the peer's messages count until its answer, then the connection closes."""
        core = self._core
        core.now = now
        if core.phase is UP:
            core.logout(text, LEAVING)
        elif core.phase in (AWAITING, ASKING):
            core.close("logout before logon")
        return core.outbox.take()

    def reset(self, now: Instant) -> list[Action]:
        """Begin numbering at 1 in both directions: inside the session if it is up.

        What the peer has sent and we have not yet is lost: reconcile.
        """
        core = self._core
        core.now = now
        if core.phase is UP:
            logon.begin_renewal(core)
        elif core.phase is DOWN:
            self.store.reset(now)
        return core.outbox.take()

    def set_numbers(self, *, next_in: int, next_out: int) -> None:
        """Go on with numbers that were agreed with the peer, while no connection is up.

        Raises:
            ValueError: the session is connected, or a number cannot be; nothing was changed.
        """
        ahead = next_out - self.store.next_out
        if self.connected:
            raise ValueError(f"{self.config.name} is connected; disconnect it first")
        if next_in < 1 or not 0 <= ahead <= SKIP_MAX:
            raise ValueError(
                f"next_in must be at least 1, and next_out {self.store.next_out} to"
                f" {self.store.next_out + SKIP_MAX}: a number is never used twice but after a reset"
            )
        self.store.expect(next_in)
        for _ in range(ahead):
            self.store.sent(b"")

    def taken(self, number: int) -> None:
        """Say that delivered messages up to and with ``number`` need no second delivery."""
        self.store.taken(number)

    def tick(self, now: Instant, *, replay: bool = True) -> list[Action]:
        """Take in that time has passed; to be called when ``due`` says so, or more often.

        ``replay`` False: the peer takes no bytes for now, so nothing old is sent again.
        """
        core = self._core
        # A clock that was set back must not keep a dead connection alive.
        core.last_in, core.outbox.last = min(core.last_in, now), min(core.outbox.last, now)
        core.now = now
        if core.phase is DOWN:
            return []
        if core.deadline is not None and now >= core.deadline:
            self._too_late()
        elif core.phase in (UP, LEAVING):
            if replay:
                core.replay.go_on(now)
            self._watch_gap()
            if core.phase is UP and self._is_over(now):
                core.logout("the session's hours are over", LEAVING)
            self._watch_life()
        return core.outbox.take()

    @property
    def waits(self) -> bool:
        """Whether it waits for more than the next message, so that ``due`` may come nearer."""
        core = self._core
        return bool(core.deadline or core.gaps.request or core.replay.running or core.test_sent)

    def due(self, *, replay: bool = True) -> Instant | None:
        """Give when ``tick`` is next needed; None when only input changes anything."""
        core = self._core
        if core.phase is DOWN:
            return None
        if replay and core.replay.running:
            return core.now
        due = core.deadline
        if core.phase not in (UP, LEAVING):
            return due
        if beat := core.heartbeat:
            if core.test_sent:
                beats = core.last_in + beat * 12 // 5
            else:
                beats = min(core.last_in + beat * 6 // 5, core.outbox.last + beat)
            due = _earlier(due, beats)
        if request := core.gaps.request:
            due = _earlier(due, request.at + self.config.request_timeout)
        schedule = self.config.schedule
        if schedule and core.phase is UP and (window := schedule.window(core.now)):
            due = _earlier(due, window.end)
        return due

    def _tell_left_out(self) -> None:
        left_out, self._left_out = self._left_out, None
        if left_out is not None:
            self._core.warn(
                "fix_numbers_left_out",
                f"{self.config.name}: the machine ended before everything was on the disk. The"
                f" numbers {left_out[0]} to {left_out[1]} may have been used, so they are left out:"
                " the peer will ask for them and is told to pass over those that are lost.",
            )

    def _begin_anew(self, now: Instant) -> None:
        """Reset numbers that belong to an earlier session of the schedule."""
        window = self.config.schedule.window(now) if self.config.schedule else None
        if self.store.created_ns == 0 or (window and self.store.created_ns < window.begin):
            self.store.reset(now)

    def _is_over(self, now: Instant) -> bool:
        """Whether the session that the numbers belong to has ended by the clock."""
        schedule = self.config.schedule
        window = schedule.window(now) if schedule else None
        return schedule is not None and (window is None or self.store.created_ns < window.begin)

    def _too_late(self) -> None:
        core = self._core
        if core.resetting:
            core.close("the peer did not answer the reset")
        elif core.phase in (LEAVING, ENDING):
            core.close("the peer did not answer our Logout")
        else:
            core.warn("fix_logon_unanswered", f"{self.config.name}: no Logon came in time.")
            core.close("no Logon came in time")

    def _watch_gap(self) -> None:
        core = self._core
        request = core.gaps.request
        if request is None or core.now - request.at < self.config.request_timeout:
            return
        if request.times >= REQUEST_TIMES_MAX:
            text = f"Messages from {core.store.next_in} to {request.upto} did not come"
            core.fatal("fix_gap_not_filled", text, logon.CHECK_NUMBERS)
            return
        core.ask_for_gap(request.upto, times=request.times + 1)

    def _watch_life(self) -> None:
        """Send what shows that we live, and find out whether the peer does."""
        core = self._core
        beat = core.heartbeat
        if not beat or core.phase not in (UP, LEAVING):
            return
        silence = core.now - core.last_in
        if silence >= beat * 12 // 5:
            core.warn("fix_peer_silent", f"{self.config.name}: nothing came in time.")
            core.close("nothing came from the peer in time")
        elif silence >= beat * 6 // 5 and not core.test_sent:
            name = self.config.test_request_id or f"T{self.store.next_out}"
            core.test_sent = name.encode()
            core.write(TEST_REQUEST, (112, core.test_sent))
        elif core.now - core.outbox.last >= beat and not core.test_sent:
            core.write(HEARTBEAT)


def _earlier(due: Instant | None, at: int) -> Instant:
    return Instant(at) if due is None or at < due else due
