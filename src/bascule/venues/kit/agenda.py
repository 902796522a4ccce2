"""What falls due by itself on a broker's floor, and when."""

import heapq
from collections.abc import Iterator
from typing import Literal

from bascule.model.values import Instant

Kind = Literal["meet", "expire", "cancel", "rollover"]


class Agenda:
    """Things to do at their times; those of one instant in the order in which they were noted.

    A thing is never struck out: whoever does it looks whether it still has a point.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Kind, str]] = []
        self._noted = 0

    def note(self, due: Instant, kind: Kind, ref: str = "") -> None:
        """Have a thing done when its time has come; ``ref`` is the order it is about."""
        self._noted += 1
        heapq.heappush(self._heap, (due, self._noted, kind, ref))

    def next_due(self) -> Instant | None:
        """Give the time of the next thing, or None."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: Instant) -> Iterator[tuple[Instant, Kind, str]]:
        """Give (time, kind, order) of what is due, also of what is noted meanwhile."""
        while self._heap and self._heap[0][0] <= now:
            due, _, kind, ref = heapq.heappop(self._heap)
            yield due, kind, ref
