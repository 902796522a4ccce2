"""What a client was told and may never have read, for the day on which its numbers begin anew.

As long as the numbers go on, a client asks for what it missed. A reset forgets all of that, so what
was told while nobody was logged on, or shortly before a connection ended, is told once more after
it, marked as a possible resend (97=Y). A client knows a report by its ExecID (17).
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from bascule.fix.message import Message
from bascule.fix.tree import HEADER_TAGS, TRAILER_TAGS
from bascule.model.values import SECOND, Duration, Instant

UNREAD = Duration(120 * SECOND)
"""How long before the end of a connection a report may have been sent into nothing."""
KEPT_MAX = 10_000
"""Reports that are remembered so; the oldest are given up first."""
_POSS_RESEND = (97, b"Y")


class _Told(NamedTuple):
    """A report: when it was told, and when the numbers began in which it was."""

    at: Instant
    began: int
    message: Message


class Undelivered:
    """The reports of one session that its client may not have.

    ``began`` is always when the present numbers began, as the session's store has it.

    Args:
        before: what an earlier run told in these numbers, the oldest first.
        now: when this one began.
        began: as above.
    """

    def __init__(self, before: Iterable[Message], now: Instant, began: int) -> None:
        self._kept: deque[_Told] = deque(maxlen=KEPT_MAX)
        self._up = False
        for one in before:
            self.told(_body(one), now, began)

    def told(self, message: Message, now: Instant, began: int) -> None:
        """Take in what was just numbered for the client; the answer to a question is let go."""
        if message.get(17) == b"0":
            return
        self._kept.append(_Told(now, began, message))
        if self._up:
            self._forget(now)

    def logged_on(self, now: Instant, began: int) -> list[Message]:
        """Take in a logon; gives what its numbers will not bring by themselves."""
        if self._up:
            self._forget(now)
        again = [one.message for one in self._kept if one.began != began]
        self._kept = deque((_Told(now, began, one.message) for one in self._kept), KEPT_MAX)
        self._up = True
        return [one.with_fields([*one.fields, _POSS_RESEND]) for one in again]

    def logged_out(self, now: Instant) -> None:
        """Take in the end of a connection: from now on nothing is known to have been read."""
        if self._up:
            self._forget(now)
        self._up = False

    def _forget(self, now: Instant) -> None:
        while self._kept and self._kept[0].at < now - UNREAD:
            self._kept.popleft()


def _body(message: Message) -> Message:
    own = [field for field in message.fields if field[0] not in HEADER_TAGS | TRAILER_TAGS]
    return message.with_fields(own)
