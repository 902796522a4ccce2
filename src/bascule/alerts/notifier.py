"""Sends alerts: one after the other, through the first channel that takes them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from bascule.alerts.alert import Alert, AlertPlan
from bascule.alerts.channel import Channel
from bascule.alerts.desk import Desk

log = structlog.get_logger("bascule.alerts")


class Notifier:
    """The alerts of one process. ``tell`` returns at once; ``run`` sends until it is cancelled.

    Without channels everything is dropped.
    """

    def __init__(
        self,
        plan: AlertPlan,
        channels: Sequence[Channel],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives seconds that only go forward."""
        self._channels = tuple(channels)
        self._desk = Desk(plan)
        self._clock = clock
        self._news = asyncio.Event()

    def tell(self, given: Alert) -> None:
        """Take an alert in; for the loop's thread."""
        if self._channels:
            self._desk.put(given, self._clock())
            self._news.set()

    async def run(self) -> None:
        """Send what is told."""
        while True:
            self._news.clear()
            message = self._desk.take(self._clock())
            if message is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._desk.due_in(self._clock())):
                        await self._news.wait()
            elif not await self.send(message.alert):
                self._desk.failed(message, self._clock())

    async def send(self, given: Alert) -> bool:
        """Send now, through the first channel that takes it; False when none did."""
        for channel in self._channels:
            if await channel.send(given):
                return True
            log.warning("alert_channel_failed", channel=channel.name, alert=given.name)
        return False
