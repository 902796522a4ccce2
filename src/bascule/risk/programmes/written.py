"""Written scenarios: times and clocks as text, and reading the parts of a rule that vary."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.programme import SERVER_GMT2_GMT3, Clock
from bascule.model.values import MICROSECOND, Instant
from bascule.reference.localtime import parse_time, zone
from bascule.risk.programmes.clock import UNKNOWN
from bascule.sizing.written import money as money
from bascule.sizing.written import read

Answer = dict[str, object]
T = TypeVar("T", bound=Struct)

MALFORMED = "malformed_scenario"
"""The code of a scenario that cannot be read."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REMARKS = frozenset(
    {"id", "title", "name", "note", "why", "comment", "source", "firm", "program", "phase"}
)
"""Words about a part of a scenario, which no rule turns on."""


def when(moment: datetime) -> Instant:
    """Give the instant of a written time.

    Raises:
        UsageError: it names no zone, so nobody knows which instant it is.
    """
    if moment.tzinfo is None:
        raise UsageError(
            f"The time {moment.isoformat()} names no zone; write it as 2026-01-12T10:00:00Z.",
            code=MALFORMED,
        )
    return Instant((moment - _EPOCH) // _MICROSECOND * MICROSECOND)


def stamp(at: Instant) -> str:
    """Write an instant as ``2026-01-12T10:00:00Z``, with microseconds where it has any."""
    moment = _EPOCH + at // MICROSECOND * _MICROSECOND
    return moment.isoformat().replace("+00:00", "Z")


def calendar_date(text: str) -> date:
    """Read ``2026-11-27``.

    Raises:
        UsageError: it is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no date; write 2026-11-27.", code=MALFORMED) from error


def checked(clock: Clock) -> Clock:
    """Give the clock, once its time and zone are known to exist.

    Raises:
        UsageError: one of them does not.
    """
    try:
        parse_time(clock.time)
    except ValueError as error:
        raise UsageError(f"{clock.time!r} is no HH:MM.", code=MALFORMED) from error
    if clock.tz not in (SERVER_GMT2_GMT3, UNKNOWN.tz):
        try:
            zone(clock.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UsageError(
                f"There is no time zone {clock.tz!r}; write an IANA name such as Europe/Prague.",
                code=MALFORMED,
            ) from error
    return clock


def number(value: object, where: str) -> Decimal:
    """Read a number where a word may stand too.

    Raises:
        UsageError: it is none.
    """
    try:
        return msgspec.convert(value, Decimal, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {value!r} is no number.", code=MALFORMED) from error


def profits_of(days: object, where: str) -> tuple[Decimal, ...]:
    """Read closed profits by day: a list of amounts or of {"profit": ...}, or an object by date."""
    listed = days.values() if isinstance(days, Mapping) else days
    if not isinstance(listed, Iterable) or isinstance(listed, str):
        raise UsageError(f"{where}: {days!r} is no list of amounts.", code=MALFORMED)
    return tuple(
        number(day.get("profit", day.get("net")) if isinstance(day, Mapping) else day, where)
        for day in listed
    )


def part(
    data: object,
    form: type[T],
    where: str,
    unread: list[str],
    spellings: Mapping[str, str] | None = None,
) -> T:
    """Read a part of a scenario; its remarks are left out.

    Raises:
        UsageError: ``malformed_scenario``, with the field that is missing or wrong.
    """
    if isinstance(data, Mapping):
        read_here = {*form.__struct_fields__, *(spellings or ())}
        data = {k: value for k, value in data.items() if k in read_here or k not in _REMARKS}
    try:
        made = read(data, form, where, unread, spellings)
    except UsageError as error:
        raise UsageError(error.message, code=MALFORMED) from error
    _look_inside(data, made, where, unread)
    return made


def one_of(word: str, words: Collection[str], where: str) -> str:
    """Give a word back that is one of those known.

    Raises:
        UsageError: ``malformed_scenario``: a word that no rule knows never passes for another.
    """
    if word not in words:
        listed = ", ".join(sorted(name for name in words if name))
        raise UsageError(f"{where}: {word!r} is none of {listed}.", code=MALFORMED)
    return word


def _look_inside(data: object, made: Struct, where: str, unread: list[str]) -> None:
    """Name what no rule reads in the parts within a part."""
    if not isinstance(data, Mapping):
        return
    for key, value in data.items():
        inner = getattr(made, key, None)
        if isinstance(inner, Struct) and isinstance(value, Mapping):
            path = f"{where}.{key}" if where else str(key)
            known = {*inner.__struct_fields__, *_REMARKS}
            unread.extend(f"{path}.{name}" for name in value if name not in known)
            _look_inside(value, inner, path, unread)
