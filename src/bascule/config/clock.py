"""The one place that reads the time and waits for it, so that a simulator can own both."""

import asyncio
import time
from typing import Protocol

from bascule.model.values import SECOND, Instant


class Clock(Protocol):
    """Gives the time and waits."""

    def now(self) -> Instant:
        """UTC nanoseconds; never less than what it gave before."""

    async def sleep(self, nanoseconds: int) -> None:
        """Wait at least this long."""


class SystemClock:
    """The machine's clock, held from going backwards: a step back stands still until passed."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> Instant:
        """UTC nanoseconds."""
        # tidy: allow banned_call - this is the clock that all others are given
        now = time.time_ns()
        if now < self._last:
            return Instant(self._last)
        self._last = now
        return Instant(now)

    async def sleep(self, nanoseconds: int) -> None:
        """Wait at least this long."""
        await asyncio.sleep(nanoseconds / SECOND)
