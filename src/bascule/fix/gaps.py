"""What came too early, and what was asked for because of it."""

from msgspec import Struct

from bascule.fix.message import Message
from bascule.model.values import Instant

HELD_MAX = 10_000
HELD_BYTES_MAX = 32 << 20
"""Messages held back beyond this are dropped; the peer is asked for them when their turn comes."""


class Request(Struct):
    """A ResendRequest of ours that is not answered in full."""

    upto: int
    """The last number that was missing when it was sent."""
    asked: int
    """The last number that was asked for: ``upto``, or the end of a piece of it."""
    at: Instant
    """When it was sent, or last brought something."""
    times: int
    """How often this gap was asked for."""


class Gaps:
    """Messages above a gap, by number, and the request that is to close it."""

    def __init__(self) -> None:
        self.request: Request | None = None
        self.held: dict[int, Message | None] = {}
        """Messages by number; None for one that was served already."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.held)

    def hold(self, number: int, message: Message | None) -> bool:
        """Hold a message until its turn; None stands for one that was served already.

        Returns:
            False when there is no room: the message is dropped.
        """
        if number in self.held:
            return True
        size = len(message.raw) if message else 0
        if len(self.held) >= HELD_MAX or self._bytes + size > HELD_BYTES_MAX:
            return False
        self.held[number] = message
        self._bytes += size
        return True

    def due(self, number: int) -> bool:
        """Say whether the message of this number is held."""
        return number in self.held

    def take(self, number: int) -> Message | None:
        """Give out the message of this number, which is held."""
        message = self.held.pop(number)
        self._bytes -= len(message.raw) if message else 0
        return message

    def drop_below(self, number: int) -> None:
        """Forget messages whose turn was skipped."""
        for early in [held for held in self.held if held < number]:
            self.take(early)

    def first(self) -> int:
        """Give the lowest number that is held, 0 when none is."""
        return min(self.held, default=0)

    def progress(self, now: Instant) -> None:
        """Note that something of what was asked for has come."""
        if self.request:
            self.request.at = now

    def clear(self) -> None:
        """Forget everything, as at the end of a connection."""
        self.request = None
        self.held.clear()
        self._bytes = 0
