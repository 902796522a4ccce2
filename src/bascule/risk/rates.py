"""What was sent lately: counts exact to the nanosecond, counts of a day by the minute, and sums.

Each is a fold of events, bounded, and never counts too low.
"""

from bisect import bisect_right
from decimal import Decimal

from msgspec import Struct

from bascule.model.values import DAY, HOUR, MINUTE, ZERO

_PRUNE_AT = 4_096


class RateWindow(Struct):
    """Instants of an account's entries, ascending. Those older than a day are forgotten."""

    times: list[int] = []

    def record(self, at: int) -> None:
        """Count one at ``at``; an instant before the last counts as the last."""
        times = self.times
        if times and at < times[-1]:
            at = times[-1]
        times.append(at)
        if len(times) > _PRUNE_AT and times[_PRUNE_AT // 2] <= at - DAY:
            del times[: bisect_right(times, at - DAY)]

    def within(self, at: int, span: int) -> int:
        """Count those in the half-open window ``(at - span, at]``."""
        return len(self.times) - bisect_right(self.times, at - span)


class Tally(Struct):
    """Counts of the last 25 hours by the minute: at most 1,501 of them, however much is counted.

    A firm's day has 25 hours once a year. The minute that a window cuts through counts in full.
    """

    minutes: list[int] = []
    counts: list[int] = []
    total: int = 0

    def record(self, at: int) -> None:
        """Count one at ``at``; an instant before the last minute counts in that one."""
        minute = at // MINUTE
        if self.minutes and minute <= self.minutes[-1]:
            self.counts[-1] += 1
        else:
            self._forget(at)
            self.minutes.append(minute)
            self.counts.append(1)
        self.total += 1

    def of_day(self, at: int) -> int:
        """Count what was recorded within the 24 hours before ``at``."""
        if not self.minutes or self.minutes[0] >= _first_minute(at):
            return self.total
        return self.total - sum(self.counts[: self._expired(at)])

    def since(self, instant: int) -> int:
        """Count what was recorded from ``instant`` on, which lies within the last 25 hours."""
        return self.total - sum(self.counts[: bisect_right(self.minutes, instant // MINUTE - 1)])

    def _expired(self, at: int) -> int:
        return bisect_right(self.minutes, _first_minute(at) - 1)

    def _forget(self, at: int) -> None:
        expired = self._expired(at - HOUR)
        if expired:
            self.total -= sum(self.counts[:expired])
            del self.minutes[:expired], self.counts[:expired]


def _first_minute(at: int) -> int:
    """Give the oldest minute that reaches into the 24 hours before ``at``."""
    return (at - DAY) // MINUTE


class ValueWindow(Struct):
    """Values of an account's entries with their instants, ascending; an hour of them is kept.

    ``sums`` are running: what was recorded within a span is one subtraction. ``forgotten`` is the
    sum up to what was pruned.
    """

    times: list[int] = []
    sums: list[Decimal] = []
    forgotten: Decimal = ZERO

    def record(self, at: int, value: Decimal) -> None:
        """Add a value at ``at``; an instant before the last counts as the last."""
        times, sums = self.times, self.sums
        if times and at < times[-1]:
            at = times[-1]
        times.append(at)
        sums.append((sums[-1] if sums else self.forgotten) + value)
        if len(times) > _PRUNE_AT and times[_PRUNE_AT // 2] <= at - HOUR:
            gone = bisect_right(times, at - HOUR)
            self.forgotten = sums[gone - 1]
            del times[:gone], sums[:gone]

    def within(self, at: int, span: int) -> Decimal:
        """Sum the values in the half-open window ``(at - span, at]``; spans up to an hour."""
        if not self.sums:
            return ZERO
        first = bisect_right(self.times, at - span)
        return self.sums[-1] - (self.sums[first - 1] if first else self.forgotten)
