"""What the parts of a session share: its state, and the few things that each may have done."""

from collections.abc import Callable
from enum import Enum, auto

from bascule.fix.actions import Action, Disconnect, Halt, LoggedOut, Warn
from bascule.fix.config import SessionConfig
from bascule.fix.gaps import Gaps, Request
from bascule.fix.message import Field, Message
from bascule.fix.outbox import LOGOUT, REJECT, RESEND_REQUEST, SENDER, SENDING_TIME, TARGET, Outbox
from bascule.fix.rejects import session_reject
from bascule.fix.replay import MayResend, Replay
from bascule.fix.store import Store
from bascule.fix.timestamp import read_sending_time
from bascule.fix.validation import Reject
from bascule.model.values import SECOND, Duration, Instant

Validate = Callable[[Message], Reject | None]
"""Holds a message against the dictionaries; None when it may be processed."""


class Phase(Enum):
    """How far a connection is."""

    DOWN = auto()
    AWAITING = auto()
    """An acceptor's connection is up and no Logon has come."""
    ASKING = auto()
    """An initiator's Logon is sent and not answered."""
    UP = auto()
    LEAVING = auto()
    """Our Logout is sent; the peer's messages still count until its Logout comes."""
    ENDING = auto()
    """Our Logout is sent because of an error; nothing counts but the peer's Logout."""


DOWN, AWAITING, ASKING, UP, LEAVING, ENDING = Phase


class Core:
    """The state of a session, and its ways out. ``now`` is the time of the input at hand."""

    def __init__(
        self, config: SessionConfig, store: Store, validate: Validate, may_resend: MayResend
    ) -> None:
        self.config = config
        self.store = store
        self.validate = validate
        self.outbox = Outbox(config, store)
        self.gaps = Gaps()
        self.replay = Replay(store, self.outbox, may_resend)
        self.phase = DOWN
        self.begin_string = config.version.begin_string
        self.now = Instant(0)
        self.last_in = Instant(0)
        self.heartbeat = Duration(config.heartbeat_s * SECOND)
        self.deadline: Instant | None = None
        self.test_sent = b""
        self.resetting = False
        self.asked_reset = False
        self.sender = config.sender.encode()
        self.target = config.target.encode()

    def add(self, action: Action) -> None:
        """Have something done."""
        self.outbox.add(action)

    def write(self, msg_type: bytes, *fields: Field) -> None:
        """Send a message of our own."""
        self.outbox.write(Message(msg_type, list(fields)), self.now)

    def warn(self, code: str, text: str) -> None:
        """Have something logged."""
        self.outbox.add(Warn(code, text))

    def reject(self, message: Message, number: int, reason: int, tag: int | None = None) -> None:
        """Send a Reject for one of the session's own reasons."""
        self.refuse(message, number, Reject(reason, tag))

    def refuse(self, message: Message, number: int, why: Reject) -> None:
        """Send a Reject; what is wrong with a Reject itself is only logged."""
        if message.msg_type == REJECT:
            self.warn("fix_bad_reject", f"The peer's Reject {number} is not valid: {why.text}")
        else:
            made = session_reject(self.config.version, message, number, why)
            self.outbox.write(made, self.now)

    def expect(self, number: int) -> None:
        """Take every number below this one as done."""
        self.store.expect(number)
        if self.gaps.request:
            self.gaps.progress(self.now)

    def logout(self, text: str, phase: Phase) -> None:
        """Send a Logout and wait for the peer's."""
        self.write(LOGOUT, *([(58, text.encode())] if text else []))
        self.phase = phase
        self.deadline = Instant(self.now + self.config.logout_timeout)

    def fatal(self, code: str, text: str, advice: str) -> None:
        """Say why to the peer, hang up, and stay down until a person has looked."""
        self.write(LOGOUT, (58, text.encode()))
        self.add(Halt(code, f"{text}. {advice}"))
        self.close(text)

    def close(self, reason: str, said: str = "") -> None:
        """Hang up. ``said`` is the text of the peer's Logout."""
        self.add(Disconnect(reason))
        self.down(said or reason)

    def down(self, text: str) -> None:
        """Take in that the connection is gone."""
        was_on = self.phase in (UP, LEAVING, ENDING)
        self.phase = DOWN
        self.deadline = None
        self.test_sent = b""
        self.resetting = self.asked_reset = False
        self.gaps.clear()
        self.replay.stop()
        if was_on:
            self.add(LoggedOut(text))
        if self.config.reset_on_disconnect:
            self.store.reset(self.now)

    def ask_for_gap(self, upto: int, *, silently: bool = False, times: int = 1) -> None:
        """Ask for what is missing up to and with ``upto``, or for the first piece of it.

        ``silently``: the peer knows from our Logon what to send.
        """
        first, span = self.store.next_in, self.config.request_span
        asked = min(upto, first + span - 1) if span else upto
        self.gaps.request = Request(upto, asked, self.now, times)
        if not silently:
            end = asked if span else self.config.version.infinity
            self.write(RESEND_REQUEST, (7, b"%d" % first), (16, b"%d" % end))

    def comp_ids_fit(self, message: Message) -> bool:
        """Whether the message is from the peer and for us."""
        return message.get(SENDER) == self.target and message.get(TARGET) == self.sender

    def sent_at(self, message: Message) -> Instant | None:
        """Read SendingTime; None when there is none, or it is no time."""
        return read_sending_time(message.get(SENDING_TIME) or b"")

    def in_time(self, sent_at: Instant | None) -> bool:
        """Whether SendingTime is near enough to our clock."""
        latency = self.config.latency
        return not latency or (sent_at is not None and abs(self.now - sent_at) <= latency)
