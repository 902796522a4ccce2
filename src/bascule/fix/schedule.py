"""When a session may be up, in the clock of its zone, and where its numbering begins anew."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from bascule.model.values import Instant
from bascule.reference.localtime import instant, local

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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

    @classmethod
    def stated(
        cls, zone: str, start: str, end: str, start_day: str = "", end_day: str = ""
    ) -> "Schedule":
        """Read what people write: times as ``HH:MM``, days as ``mon`` to ``sun``.

        Raises:
            ValueError: it is none; the message says what is allowed.
        """
        days = [start_day, end_day]
        try:
            ZoneInfo(zone)
            weekly = [DAYS.index(day) for day in days] if any(days) else [None, None]
            begins, ends = time.fromisoformat(start), time.fromisoformat(end)
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise ValueError(
                f"{error}; zone is one such as America/Chicago, start and end are HH:MM, start_day"
                " and end_day both or neither are mon to sun"
            ) from None
        return cls(zone=zone, start=begins, end=ends, start_day=weekly[0], end_day=weekly[1])

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
