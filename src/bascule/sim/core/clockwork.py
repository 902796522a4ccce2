"""Virtual time: what is due next, in an order that the scenario alone decides."""

import heapq
from collections.abc import Callable
from typing import Any

from bascule.model.values import Instant


class Clockwork:
    """A clock moved by hand and the things that are due on it.

    What belongs to the engine's process (``host``) waits while that process stands still, and is
    left undone where it belongs to another ``life`` of it than the present one (0: to any).
    """

    def __init__(self, began: Instant) -> None:
        self.began = self.now = began
        self.frozen_until = Instant(0)
        self.life = 0
        self._due: list[tuple[Any, int, bool, int, Callable[[], None]]] = []
        self._count = 0

    def after(
        self, delay: int, do: Callable[[], None], *, host: bool = False, life: int = 0
    ) -> None:
        """Have something done so many nanoseconds from now."""
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, self._count, host, life, do))

    def run_until(self, end: int) -> None:
        """Do what is due up to an instant, in its order, and stand there."""
        due, pop = self._due, heapq.heappop
        while due and due[0][0] <= end:
            at, count, host, life, do = pop(due)
            if host and at < self.frozen_until:
                heapq.heappush(due, (self.frozen_until, count, host, life, do))
            elif not life or life == self.life:
                self.now = at
                do()
        self.now = Instant(max(end, self.now))
