"""A firm's clock: when its days and sessions end, and which date an instant counts to.

Instants are found date by date on the wall of the zone, so a day of 23 or 25 hours has its true
length; nothing here adds 24 hours.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from bascule.model.programme import SERVER_GMT2_GMT3, Clock
from bascule.model.values import DAY, Instant
from bascule.reference.localtime import instant, local, parse_time

UNKNOWN = Clock(tz="unknown")
"""A day of which nobody says when it begins: every usual beginning counts."""
_USUAL = (
    Clock("00:00", "UTC"),
    Clock("17:00", "America/New_York"),
    Clock("00:00", "Europe/Prague"),
    Clock("00:00", "Etc/GMT-3"),
)
_SERVER_BEFORE_NEW_YORK = timedelta(hours=7)
_NOON = time(12)
_EPOCH = date(1970, 1, 1)


def candidates(clock: Clock | None) -> tuple[Clock, ...]:
    """Give the clocks that one written clock may mean; none for none.

    A server at GMT+2 and +3 changes with the US or with the EU, and while nobody says which, both
    count. Of an unknown day all usual beginnings do.
    """
    if clock is None:
        return ()
    if clock.tz == UNKNOWN.tz:
        return _USUAL
    return (clock,) if clock.tz != SERVER_GMT2_GMT3 else _of_server(clock.time)


@lru_cache(maxsize=1_024)
def _of_server(shown: str) -> tuple[Clock, ...]:
    server = datetime.combine(date(2000, 1, 2), parse_time(shown))
    new_york = (server - _SERVER_BEFORE_NEW_YORK).time()
    return (Clock(f"{new_york:%H:%M}", "America/New_York"), Clock(shown, "Europe/Athens"))


def next_instant(clock: Clock, after: Instant) -> Instant:
    """Give the first instant later than ``after`` at which the clock strikes its time.

    Raises:
        ZoneInfoNotFoundError: the zone is not in the zone database.
        ValueError: the time is not ``HH:MM``.
    """
    # No zone is a whole day ahead of UTC or behind it.
    day = after // DAY - 1
    while (found := _strike(clock, day)) <= after:
        day += 1
    return found


@lru_cache(maxsize=4_096)
def _strike(clock: Clock, day: int) -> Instant:
    """Give when a clock strikes on a date, told in days since 1970."""
    return instant(_EPOCH + timedelta(days=day), parse_time(clock.time), clock.tz)


def day_of(at: Instant, clock: Clock) -> date:
    """Give the date that an instant counts to.

    A day that begins in the afternoon bears the date on which it ends, as futures sessions do;
    an instant exactly on the line belongs to the new day.
    """
    shown = local(at, clock.tz)
    begins = parse_time(clock.time)
    if begins > _NOON:
        return shown.date() + timedelta(days=shown.time() >= begins)
    return shown.date() - timedelta(days=shown.time() < begins)
