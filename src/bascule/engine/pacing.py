"""How fast an account may talk to its venue."""

from bascule.model.account import Pacing
from bascule.model.values import SECOND


class TokenBucket:
    """Tokens that refill with time. Entries leave ``reserve`` of them for cancels and closes."""

    __slots__ = ("_at", "_burst", "_rate", "_reserve", "_tokens")

    def __init__(self, pacing: Pacing, now: int) -> None:
        self._rate = pacing.requests_per_second
        self._burst = float(pacing.burst)
        self._reserve = float(min(pacing.reserve, max(pacing.burst - 1, 0)))
        self._tokens = self._burst
        self._at = now

    def take(self, now: int, *, entry: bool) -> bool:
        """Take a token if there is one for this kind of request."""
        if now > self._at:
            gained = (now - self._at) * self._rate / SECOND
            self._tokens = min(self._burst, self._tokens + gained)
            self._at = now
        if self._tokens < (1.0 + self._reserve if entry else 1.0):
            return False
        self._tokens -= 1.0
        return True

    def wait_ns(self, *, entry: bool) -> int:
        """Say how long until ``take`` can succeed, if nobody else takes."""
        missing = (1.0 + self._reserve if entry else 1.0) - self._tokens
        return max(0, int(missing / self._rate * SECOND) + 1)
