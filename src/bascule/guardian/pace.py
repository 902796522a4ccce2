"""How fast the guardian talks to a venue: the account's own pace, all of it, reserve included."""

from bascule.config.clock import Clock
from bascule.model.account import Pacing
from bascule.model.values import SECOND


class Pace:
    """Tokens that refill with time, for one account's commands."""

    def __init__(self, pacing: Pacing, clock: Clock) -> None:
        self.most = max(1, pacing.burst)
        """How many may go at once."""
        self._rate = pacing.requests_per_second
        self._clock = clock
        self._tokens = float(self.most)
        self._at = clock.now()

    async def turn(self, count: int) -> None:
        """Wait until so many may go, at most ``most``, and take their tokens."""
        while True:
            now = self._clock.now()
            self._tokens += (now - self._at) * self._rate / SECOND
            self._tokens = min(self._tokens, float(self.most))
            self._at = now
            if self._tokens >= count:
                self._tokens -= count
                return
            await self._clock.sleep(int((count - self._tokens) / self._rate * SECOND) + 1)
