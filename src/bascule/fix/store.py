"""What a session remembers: the port, and its twin in memory.

The rule for every transport: what a session recorded while it took an input is written before any
of the actions that it returned are done, so that it outlives the process; and no number goes out
that could be forgotten, whatever happens to the machine. So a number is never used twice with
different content, and none is skipped in silence.
"""

from collections.abc import Iterator
from typing import Protocol

KEPT_MAX = 100_000
"""Messages that the twin in memory keeps for resending; older ones become gap fills."""


class Store(Protocol):
    """The memory of one session. Numbers begin at 1; instants are UTC nanoseconds."""

    @property
    def next_out(self) -> int:
        """The number of the next message to send."""

    @property
    def next_in(self) -> int:
        """The number that the peer's next message must have."""

    @property
    def created_ns(self) -> int:
        """When numbering began, 0 when the store is new."""

    @property
    def left_out(self) -> tuple[int, int] | None:
        """First and last of the numbers that were left out when the store was opened.

        They may have been used before the power was lost, and nothing is left of them.
        """

    def sent(self, data: bytes) -> None:
        """Record the message with number ``next_out`` and move on by one.

        Empty ``data`` stands for a message that is never resent (an administrative one).
        """

    def expect(self, number: int) -> None:
        """Record that ``number`` is expected next; it may be lower only by a person's order."""

    def keep(self, number: int, data: bytes) -> None:
        """Keep an incoming message until ``taken`` names it or a later one."""

    def taken(self, number: int) -> None:
        """Forget what ``keep`` holds up to and with ``number``; need not be durable at once."""

    def kept(self) -> list[tuple[int, bytes]]:
        """Give what was kept and not taken before this store was opened, oldest first."""

    def messages(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Give the recorded messages of a range, ascending; administrative ones are left out."""

    def reset(self, now_ns: int) -> None:
        """Begin numbering at 1 in both directions and forget every message."""


class MemoryStore:
    """A ``Store`` that ends with the process: for tests, and for sessions that reset at logon."""

    def __init__(self) -> None:
        self.next_out = 1
        self.next_in = 1
        self.created_ns = 0
        self.left_out = None
        self._sent: dict[int, bytes] = {}

    def sent(self, data: bytes) -> None:
        """Record the message with number ``next_out``."""
        if data:
            self._sent[self.next_out] = data
            if len(self._sent) > KEPT_MAX:
                del self._sent[next(iter(self._sent))]
        self.next_out += 1

    def expect(self, number: int) -> None:
        """Record which number is expected next."""
        self.next_in = number

    def keep(self, number: int, data: bytes) -> None:
        """Keep nothing: what is in memory is gone with the process either way."""

    def taken(self, number: int) -> None:
        """Forget nothing, since nothing was kept."""

    def kept(self) -> list[tuple[int, bytes]]:
        """Give nothing."""
        return []

    def messages(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Give the recorded messages of a range, ascending."""
        for number in range(first, min(last, self.next_out - 1) + 1):
            if data := self._sent.get(number):
                yield number, data

    def reset(self, now_ns: int) -> None:
        """Begin at 1 in both directions."""
        self.next_out = self.next_in = 1
        self.created_ns = now_ns
        self._sent.clear()
