"""What a session asks its transport to do, in the order in which it is to be done.

A transport makes the store durable before it does any of them: see ``bascule.fix.store``.
"""

from msgspec import Struct

from bascule.fix.message import Message


class Send(Struct, frozen=True):
    """Write these bytes; they are one whole message, recorded in the store."""

    data: bytes


class Deliver(Struct, frozen=True):
    """An application message came in sequence; ``number`` is its MsgSeqNum.

    ``again`` is True for one that was taken from the store after a restart, since nobody said
    that it was taken. The application tells by its business id whether it has seen it.
    """

    message: Message
    number: int
    again: bool = False


class Refused(Struct, frozen=True):
    """The peer rejected our message ``number`` at session level; it will not be processed.

    ``original`` is what we sent, or None when it is no longer stored.
    """

    number: int
    reject: Message
    original: Message | None


class LoggedOn(Struct, frozen=True):
    """Messages may be sent. ``reset`` is True when numbering began anew.

    After a reset whatever the peer had not delivered is gone: reconcile.
    """

    reset: bool


class LoggedOut(Struct, frozen=True):
    """The session ended; ``text`` is what the peer's Logout said, if there was one."""

    text: str


class Disconnect(Struct, frozen=True):
    """Close the connection after what was written before; ``reason`` is for the log."""

    reason: str


class Halt(Struct, frozen=True):
    """Do not connect again before a person has said so.

    ``code`` is one of ``fix_sequence_too_low``, ``fix_logon_refused``, ``fix_resend_storm``,
    ``fix_gap_not_filled``, ``fix_expected_too_high``; ``text`` says what to do next.
    """

    code: str
    text: str


class Warn(Struct, frozen=True):
    """Something to log: ``code`` is stable, ``text`` holds no secret."""

    code: str
    text: str


Action = Send | Deliver | Refused | LoggedOn | LoggedOut | Disconnect | Halt | Warn
