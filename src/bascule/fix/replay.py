"""Sending again what the peer asked for, a batch at a time."""

from collections import deque
from collections.abc import Callable, Iterator

from bascule.fix.codec import Decoder
from bascule.fix.message import Message
from bascule.fix.outbox import Outbox
from bascule.fix.store import Store
from bascule.model.values import Instant

BATCH = 500
"""Messages sent again in one turn, so that a large request neither fills memory nor delays all."""
WAITING_MAX = 16
"""Requests that wait for their turn; the peer repeats what it misses."""

MayResend = Callable[[Message], bool]
"""Says whether a stored application message may be sent again; False: its number is filled."""


class Replay:
    """Serves ResendRequests: application messages again, and one gap fill for each run between."""

    def __init__(self, store: Store, outbox: Outbox, may_resend: MayResend) -> None:
        self._store = store
        self._outbox = outbox
        self._may_resend = may_resend
        self._waiting: deque[tuple[int, int]] = deque(maxlen=WAITING_MAX)
        self.running: Iterator[None] | None = None
        """What is being sent again, while there is more of it; ``go_on`` sends the next batch."""
        self._now = Instant(0)

    def serve(self, first: int, last: int, now: Instant) -> None:
        """Send the first batch of a range; after those that were asked for before."""
        self._waiting.append((first, last))
        if self.running is None:
            self.go_on(now)

    def go_on(self, now: Instant) -> None:
        """Send the next batch."""
        self._now = now
        for _ in range(BATCH):
            if self.running is None:
                if not self._waiting:
                    return
                self.running = self._range(*self._waiting.popleft())
            if next(self.running, self) is self:
                self.running = None

    def stop(self) -> None:
        """Forget what was asked for, as at the end of a connection."""
        self._waiting.clear()
        self.running = None

    def _range(self, first: int, last: int) -> Iterator[None]:
        """Send one range; stops after each message of it."""
        at = first
        for number, data in self._store.messages(first, last):
            message = stored(data)
            if not self._may_resend(message):
                yield
                continue
            if number > at:
                self._outbox.fill(at, number, self._now)
            self._outbox.repeat(number, message, self._now)
            at = number + 1
            yield
        if at <= last:
            self._outbox.fill(at, last + 1, self._now)
            yield


def stored(data: bytes) -> Message:
    """Read a message that a store holds, however long it is.

    Raises:
        ValueError: it is none; the store is broken.
    """
    found = Decoder(max_body=len(data), max_fields=len(data)).feed(data)
    if len(found) != 1 or not isinstance(found[0], Message):
        raise ValueError("the store holds something that is no FIX message")
    return found[0]
