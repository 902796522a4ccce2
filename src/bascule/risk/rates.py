"""Counts of what was sent within the last second, minute, hour and day, exact to the nanosecond."""

from bisect import bisect_right

from msgspec import Struct

from bascule.model.values import DAY

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
