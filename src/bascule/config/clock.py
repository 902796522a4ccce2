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
    """The machine's clock, held from going backwards.

    Set back, it goes on at half the pace until the machine's has caught up: were it to stand still,
    so would every pace, heartbeat and retry, and no close would leave for as long.
    """

    def __init__(self) -> None:
        self._last = self._ticks = 0

    def now(self) -> Instant:
        """UTC nanoseconds."""
        # tidy: allow banned_call - this is the clock that all others are given
        now, ticks = time.time_ns(), time.monotonic_ns()
        if now < self._last:
            now = self._last + (ticks - self._ticks) // 2
        self._last, self._ticks = now, ticks
        return Instant(now)

    async def sleep(self, nanoseconds: int) -> None:
        """Wait at least this long."""
        await asyncio.sleep(nanoseconds / SECOND)
