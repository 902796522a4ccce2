"""Follows an engine's durable events and has the outcomes told."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from bascule.alerts.alert import Alert
from bascule.alerts.rules import TABLE, Rules
from bascule.model.event import Event
from bascule.model.values import Instant

log = structlog.get_logger("bascule.alerts")

BACKLOG_MAX = 10_000
"""Events that wait to be looked at; beyond it the oldest are dropped and counted."""
EVENTS_A_TURN = 50
"""Events looked at before the loop may do something else."""
_LOOK_S = 1.0
"""How often links that are down are looked at."""


class Watch:
    """A follower of durable batches. ``follow`` is all that runs in the engine's own turn."""

    def __init__(
        self, rules: Rules, tell: Callable[[Alert], None], clock: Callable[[], Instant]
    ) -> None:
        """``clock`` gives the engine's own time, which events bear."""
        self._rules = rules
        self._tell = tell
        self._clock = clock
        self._waiting: deque[Event] = deque(maxlen=BACKLOG_MAX)
        self._news = asyncio.Event()
        self._dropped = 0

    def follow(self, events: Sequence[Event]) -> None:
        """Put aside what may be told."""
        for event in events:
            if type(event) in TABLE:
                self._dropped += len(self._waiting) == BACKLOG_MAX
                self._waiting.append(event)
                self._news.set()

    async def run(self) -> None:
        """Look at what was put aside, until cancelled."""
        while True:
            self._news.clear()
            while self._look():
                await asyncio.sleep(0)
            if self._dropped:
                log.warning("events_not_looked_at", count=self._dropped)
                self._dropped = 0
            for made in self._rules.overdue(self._clock()):
                self._tell(made)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if self._rules.waits else None):
                    await self._news.wait()

    def _look(self) -> bool:
        """Tell what came of the next events put aside; whether there are more."""
        for _ in range(min(EVENTS_A_TURN, len(self._waiting))):
            event = self._waiting.popleft()
            try:
                for made in self._rules.alerts_of(event):
                    self._tell(made)
            except Exception as error:  # an alert that cannot be worded must not end the engine
                log.error("alert_not_worded", told=type(event).__name__, error=repr(error))
        return bool(self._waiting)
