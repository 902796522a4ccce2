"""Between UTC nanoseconds and the wall clock of a zone, in whole integers."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from bascule.model.values import SECOND, Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@cache
def zone(name: str) -> ZoneInfo:
    """Give an IANA zone by name; each is loaded once.

    Raises:
        ZoneInfoNotFoundError: the name is not in the zone database.
    """
    return ZoneInfo(name)


def instant(day: date, at: time, zone_name: str) -> Instant:
    """Give the instant at which a zone's clock shows ``at`` on ``day``.

    A time that occurs twice (clocks go back) is the first; one that is skipped (clocks go
    forward) is read with the offset before the change.
    """
    local = datetime.combine(day, at, tzinfo=zone(zone_name))
    return Instant((local - _EPOCH) // _MICROSECOND * 1_000)


def local(at: Instant, zone_name: str) -> datetime:
    """Give what a zone's clock shows at an instant, to the whole second."""
    return (_EPOCH + timedelta(seconds=at // SECOND)).astimezone(zone(zone_name))


def parse_time(text: str) -> time:
    """Read ``HH:MM``.

    Raises:
        ValueError: it is not a time.
    """
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))
