"""Decides which alert is sent when: what repeats, what comes too fast, what is tried again.

It reads no clock and sends nothing; times are seconds of any clock that only goes forward.
"""

import heapq
from collections import Counter, deque
from itertools import count

from msgspec import Struct

from bascule.alerts.alert import Alert, AlertPlan, Severity
from bascule.alerts.kinds import alert
from bascule.model.values import SECOND

WAITING_MAX = 200
"""Alerts that wait for a slow channel, of each severity."""
RETRIES = (5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 600, 600)
"""Seconds before each further try of a critical alert; then it goes into the digest."""
KEYS_MAX = 5_000
MINUTE_S = 60.0
_DIGEST_LINES_MAX = 20


class Message(Struct, frozen=True):
    """An alert that is to be sent now.

    ``tries`` counts the times that all channels failed. ``held`` is what a digest counts.
    """

    alert: Alert
    tries: int = 0
    held: dict[str, int] = {}


class Desk:
    """The alerts of one process, from told to sent."""

    def __init__(self, plan: AlertPlan) -> None:
        self._plan = plan
        self._window = plan.window_ns / SECOND
        self._waiting: dict[Severity, deque[Message]] = {one: deque() for one in Severity}
        self._retries: list[tuple[float, int, Message]] = []
        self._numbers = count()
        self._told: dict[str, float] = {}
        self._recent: dict[bool, deque[float]] = {True: deque(), False: deque()}
        self._held: Counter[str] = Counter()
        self._held_severity = Severity.INFO
        self._digest_at = 0.0

    def put(self, given: Alert, now: float) -> None:
        """Take an alert in: to be sent, or counted for the digest, or muted."""
        for key in given.clears:
            self._told.pop(key, None)
        if given.name in self._plan.mute or given.severity.rank < self._plan.minimum.rank:
            return
        waiting = self._waiting[given.severity]
        seen = self._told.get(given.key)
        repeated = seen is not None and now - seen < self._window
        if repeated or len(waiting) >= WAITING_MAX or not self._has_room(given, now):
            self._hold(given, now)
            return
        self._remember(given.key, now)
        waiting.append(Message(given))

    def take(self, now: float) -> Message | None:
        """Give what is to be sent now, the most important first; None when nothing is."""
        for severity in reversed(Severity):
            if severity is Severity.CRITICAL and self._retries and self._retries[0][0] <= now:
                return heapq.heappop(self._retries)[2]
            if self._waiting[severity]:
                return self._waiting[severity].popleft()
        return self._digest() if self._held and now >= self._digest_at else None

    def due_in(self, now: float) -> float | None:
        """Give the seconds until ``take`` may have something; None when only ``put`` helps."""
        times = [now] if any(self._waiting.values()) else []
        times += [self._retries[0][0]] if self._retries else []
        times += [self._digest_at] if self._held else []
        return max(0.0, min(times) - now) if times else None

    def failed(self, message: Message, now: float) -> None:
        """Every channel failed: a critical alert is tried again, another goes into the digest."""
        critical = message.alert.severity is Severity.CRITICAL
        if critical and message.tries < len(RETRIES) and len(self._retries) < WAITING_MAX:
            at = now + RETRIES[message.tries]
            again = Message(message.alert, message.tries + 1)
            heapq.heappush(self._retries, (at, next(self._numbers), again))
        elif message.held:
            self._held.update(message.held)
            self._digest_at = now + self._window
        else:
            self._hold(message.alert, now)

    def _has_room(self, given: Alert, now: float) -> bool:
        recent = self._recent[given.severity is Severity.CRITICAL]
        while recent and now - recent[0] >= MINUTE_S:
            recent.popleft()
        if len(recent) >= self._plan.per_minute:
            return False
        recent.append(now)
        return True

    def _remember(self, key: str, now: float) -> None:
        if len(self._told) >= KEYS_MAX:
            self._told = {k: at for k, at in self._told.items() if now - at < self._window}
            while len(self._told) >= KEYS_MAX:
                self._told.pop(next(iter(self._told)))
        self._told[key] = now

    def _hold(self, given: Alert, now: float) -> None:
        if not self._held:
            self._digest_at = now + self._window
        if given.severity.rank > self._held_severity.rank:
            self._held_severity = given.severity
        self._held[given.title] += 1

    def _digest(self) -> Message:
        lines = [f"{times} x {title}" for title, times in self._held.most_common()]
        shown = lines[:_DIGEST_LINES_MAX]
        more = f"\nand {len(lines) - len(shown)} more kinds" if len(lines) > len(shown) else ""
        text = "Not told one by one, since they repeat, came too fast, or reached no channel:\n"
        made = alert(
            "held_back",
            "Bascule",
            text + "\n".join(shown) + more,
            severity=Severity.WARNING if self._held_severity.rank else Severity.INFO,
        )
        message = Message(made, held=dict(self._held))
        self._held.clear()
        self._held_severity = Severity.INFO
        return message
