"""When a session may be up, in the clock of its zone, and where its numbering begins anew."""

from datetime import date, datetime, time, timedelta

from msgspec import Struct

from bascule.model.values import Instant
from bascule.reference.localtime import instant, local

_DAY = timedelta(days=1)
_WEEK_DAYS = 7


class Window(Struct, frozen=True):
    """One session, from ``begin`` up to and without ``end``."""

    begin: Instant
    end: Instant


class Schedule(Struct, frozen=True, kw_only=True):
    """Daily sessions, or weekly ones when ``start_day`` and ``end_day`` are given.

    Times are what the clock in ``zone`` shows, so that a session begins at the same hour on
    both sides of a change of the clocks. ``end`` at or before ``start`` means the next day.
    Days count from 0, Monday. ``days`` limits daily sessions to those that begin on them.
    """

    zone: str
    start: time
    end: time
    start_day: int | None = None
    end_day: int | None = None
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def window(self, now: Instant) -> Window | None:
        """Give the session that ``now`` lies in, or None between two sessions."""
        today = local(now, self.zone).date()
        for back in range(_WEEK_DAYS + 2):
            found = self._beginning_on(today - back * _DAY)
            if found and found.begin <= now < found.end:
                return found
        return None

    def next_begin(self, now: Instant) -> Instant:
        """Give the beginning of the first session after ``now``."""
        today = local(now, self.zone).date()
        begins = [
            found.begin
            for ahead in range(-1, _WEEK_DAYS + 2)
            if (found := self._beginning_on(today + ahead * _DAY)) and found.begin > now
        ]
        return min(begins)

    def _beginning_on(self, day: date) -> Window | None:
        if self.start_day is None or self.end_day is None:
            if day.weekday() not in self.days:
                return None
            length = 0 if self.end > self.start else 1
        elif day.weekday() != self.start_day:
            return None
        else:
            length = (self.end_day - self.start_day) % _WEEK_DAYS
            if length == 0 and self.end <= self.start:
                length = _WEEK_DAYS
        last = (datetime.combine(day, self.start) + length * _DAY).date()
        return Window(instant(day, self.start, self.zone), instant(last, self.end, self.zone))
