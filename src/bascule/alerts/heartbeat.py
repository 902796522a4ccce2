"""Heartbeats out: a monitor outside is asked for a URL again and again, for as long as all is well.

What it finds out by silence is what no alert could tell: a dead machine, a dead network, a loop
that stands still. The URL is a secret and is never logged.
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import structlog

log = structlog.get_logger("bascule.alerts")

TIMEOUT_S = 10.0


class Heartbeat:
    """Asks for a URL every so often while ``well`` says yes."""

    def __init__(
        self, who: str, url: str, every_s: float, well: Callable[[], Awaitable[bool]]
    ) -> None:
        """``who`` names this process in the log; ``well`` is awaited before each beat."""
        self._who = who
        self._url = url
        self._every_s = every_s
        self._timeout_s = min(TIMEOUT_S, every_s)
        self._well = well
        self._failing = False

    async def run(self) -> None:
        """Beat until cancelled; a beat that fails is not repeated, the next one follows."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            loop = asyncio.get_running_loop()
            due = loop.time()
            while True:
                if await self._well():
                    await self._beat(session)
                due = max(due + self._every_s, loop.time())
                await asyncio.sleep(due - loop.time())

    async def _beat(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(self._url, allow_redirects=False) as answer:
                taken = answer.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError):
            taken = False
        if taken == self._failing:  # said once a change, not once a beat
            say = log.info if taken else log.warning
            say("heartbeat_taken" if taken else "heartbeat_failed", process=self._who)
            self._failing = not taken
