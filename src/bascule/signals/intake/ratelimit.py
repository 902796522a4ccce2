"""A token bucket: so many at once, then so many a minute."""

from bascule.model.values import MINUTE, Duration, Instant
from bascule.signals.intake.source import Rate


class TokenBucket:
    """Counts what one source sends. Time is given, and may stand still or go back."""

    def __init__(self, rate: Rate, now: Instant) -> None:
        self._cost = MINUTE // rate.per_minute
        self._full = rate.burst * self._cost
        self._saved = self._full
        self._at = now

    def take(self, now: Instant) -> Duration:
        """Take one token.

        Returns:
            Zero when there was one; else how long until there is, and nothing was taken.
        """
        if now > self._at:
            self._saved = min(self._full, self._saved + now - self._at)
        self._at = now
        if self._saved >= self._cost:
            self._saved -= self._cost
            return Duration(0)
        return Duration(self._cost - self._saved)
