"""Business days of an exchange: weekdays less the holidays of a packaged table."""

from datetime import date, timedelta
from functools import cache

from bascule.reference.tables import rows

_DAY = timedelta(days=1)
FIRST_YEAR = 2024
LAST_YEAR = 2031
"""Contracts of these years have an expiry here; the holiday table reaches a year further."""


class BusinessDays:
    """Counts business days. Holidays are whole days; a day with an early close is a business day.

    Counting is honest from 2024 to the end of 2032, where the table ends.
    """

    def __init__(self, holidays: frozenset[date]) -> None:
        self.holidays = holidays

    def is_open(self, day: date) -> bool:
        """Tell whether it is a weekday and no holiday."""
        return day.weekday() < 5 and day not in self.holidays

    def at_or_before(self, day: date) -> date:
        """Give the day itself when it is a business day, else the last one before it."""
        while not self.is_open(day):
            day -= _DAY
        return day

    def at_or_after(self, day: date) -> date:
        """Give the day itself when it is a business day, else the next one."""
        while not self.is_open(day):
            day += _DAY
        return day

    def before(self, day: date, count: int) -> date:
        """Give the ``count``-th business day strictly before ``day``; ``day`` itself for 0."""
        for _ in range(count):
            day = self.at_or_before(day - _DAY)
        return day

    def last_of(self, year: int, month: int, nth: int = 1) -> date:
        """Give the ``nth``-last business day of a month; 1 is the last."""
        return self.before(first_of_next(year, month), nth)

    def nth_of(self, year: int, month: int, nth: int) -> date:
        """Give the ``nth`` business day of a month; 1 is the first."""
        day = self.at_or_after(date(year, month, 1))
        for _ in range(nth - 1):
            day = self.at_or_after(day + _DAY)
        return day


@cache
def business_days(calendar: str) -> BusinessDays:
    """Give a calendar of the table by name; ``us uk`` is closed when either is.

    Raises:
        KeyError: no such calendar in the table.
    """
    holidays: dict[str, set[date]] = {}
    for row in rows("holidays.csv"):
        holidays.setdefault(row["calendar"], set()).add(date.fromisoformat(row["date"]))
    return BusinessDays(frozenset().union(*(holidays[name] for name in calendar.split())))


def first_of_next(year: int, month: int, ahead: int = 1) -> date:
    """Give the first calendar day of the month ``ahead`` months later (negative: earlier)."""
    years, index = divmod(month - 1 + ahead, 12)
    return date(year + years, index + 1, 1)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """Give the ``nth`` Monday (weekday 0) to Sunday (6) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def last_weekday(year: int, month: int, weekday: int) -> date:
    """Give the last Monday (weekday 0) to Sunday (6) of a month."""
    last = first_of_next(year, month) - _DAY
    return last - timedelta(days=(last.weekday() - weekday) % 7)
