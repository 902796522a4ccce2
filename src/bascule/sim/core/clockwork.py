"""Virtual time: what is due next, in an order that the scenario alone decides."""

import heapq
from collections.abc import Callable
from typing import Any

from bascule.model.values import Instant


class Clockwork:
    """A clock moved by hand and the things that are due on it.

    What belongs to the engine's process waits while that process stands still. ``life`` counts the
    lives of that process, and is 0 while it is dead.
    """

    def __init__(self, began: Instant) -> None:
        self.began = self.now = began
        self.frozen_until = Instant(0)
        self.life = 0
        self._due: list[tuple[Any, int, int | None, Callable[[], None]]] = []
        """When, the how-manieth, of which life (0: any; None: not that process's), and what."""
        self._count = 0

    def after(self, delay: int, do: Callable[[], None], *, host: bool = False) -> None:
        """Have something done so many nanoseconds from now; by the engine's ``host``, or not."""
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, self._count, 0 if host else None, do))

    def mine(self, delay: int, do: Callable[[], None]) -> None:
        """Have the engine's process do something later, if it still lives then."""
        if self.life:
            self._count += 1
            heapq.heappush(self._due, (self.now + delay, self._count, self.life, do))

    def run_until(self, end: int) -> None:
        """Do what is due up to an instant, in its order, and stand there."""
        due, pop = self._due, heapq.heappop
        while due and due[0][0] <= end:
            at, count, life, do = pop(due)
            if life is not None and at < self.frozen_until:
                heapq.heappush(due, (self.frozen_until, count, life, do))
            elif not life or life == self.life:
                self.now = at
                do()
        self.now = Instant(max(end, self.now))
