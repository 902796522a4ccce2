"""News releases: a calendar of them, read from ICS, CSV or JSON as calendars write them.

A file is read as a whole or not at all: a line that cannot be read may be the release that matters.
"""

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bascule.model.values import DAY, MICROSECOND, Instant
from bascule.reference.localtime import instant, zone

Weight = Literal["high", "medium", "low", "none", ""]
Format = Literal["ics", "csv", "json"]
WEIGHTS: tuple[Weight, ...] = ("none", "low", "medium", "high", "")
"""From what matters least; a release that bears no weight counts with the heaviest."""
LONGEST = DAY
"""No release lasts longer: one without an hour is taken for its whole day."""
RELEASES_MAX = 100_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRIES = {
    "US": "USD", "USA": "USD", "UNITED STATES": "USD", "EU": "EUR", "EMU": "EUR", "EA": "EUR",
    "EURO AREA": "EUR", "EUROZONE": "EUR", "EUROPEAN UNION": "EUR", "DE": "EUR", "GERMANY": "EUR",
    "FR": "EUR", "FRANCE": "EUR", "IT": "EUR", "ITALY": "EUR", "ES": "EUR", "SPAIN": "EUR",
    "GB": "GBP", "UK": "GBP", "UNITED KINGDOM": "GBP", "JP": "JPY", "JAPAN": "JPY", "AU": "AUD",
    "AUSTRALIA": "AUD", "NZ": "NZD", "NEW ZEALAND": "NZD", "CA": "CAD", "CANADA": "CAD",
    "CH": "CHF", "SWITZERLAND": "CHF", "CN": "CNY", "CHINA": "CNY",
}  # fmt: skip
_WEIGHTS: dict[str, Weight] = {
    "high": "high", "3": "high", "red": "high", "***": "high", "high impact expected": "high",
    "medium": "medium", "moderate": "medium", "2": "medium", "orange": "medium", "**": "medium",
    "low": "low", "1": "low", "yellow": "low", "*": "low", "holiday": "none", "none": "none",
    "non-economic": "none", "0": "none", "gray": "none", "grey": "none",
}  # fmt: skip
_NAMES = {
    "title": ("title", "event", "name", "summary", "description"),
    "currency": ("currency", "country", "ccy", "region"),
    "weight": ("impact", "importance", "weight", "volatility", "priority"),
    "at": ("at", "datetime", "timestamp", "date_time", "start", "dtstart", "utc"),
    "date": ("date", "day"),
    "time": ("time", "hour"),
}
_DATES = ("%Y-%m-%d", "%m-%d-%Y", "%Y/%m/%d", "%m/%d/%Y", "%Y.%m.%d", "%Y%m%d")
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M%p", "%I%p")
_NO_CURRENCY = frozenset({"ALL", "LOW", "RED"})
_NO_HOUR = frozenset({"", "all day", "tentative", "day 1", "day 2"})


class CalendarError(ValueError):
    """A calendar cannot be read; the message says where and why."""


class Release(Struct, frozen=True):
    """One release, from ``at`` to ``until`` (the same where it has an hour)."""

    at: Instant
    until: Instant
    title: str
    currency: str
    weight: Weight = ""


class Calendar(Struct, frozen=True):
    """Releases in order, when they were read, and the instant up to which they are all there."""

    releases: tuple[Release, ...]
    read_at: Instant
    covers: Instant

    def near(self, since: Instant, until: Instant) -> Iterator[Release]:
        """Give the releases that have any part in ``[since, until]``."""
        first = bisect_left(self.releases, since - LONGEST, key=lambda one: one.at)
        for release in self.releases[first:]:
            if release.at > until:
                return
            if release.until >= since:
                yield release


class News(Struct, frozen=True):
    """The calendar in use: which weights count, how old a reading may be, and the last fault."""

    calendar: Calendar | None = None
    least: Weight = "high"
    max_age_ns: int = 2 * DAY
    fault: str = ""

    def counts(self, release: Release) -> bool:
        """Whether a release is heavy enough to matter."""
        return WEIGHTS.index(release.weight) >= WEIGHTS.index(self.least)


def calendar(
    text: str, read_at: Instant, form: Format | Literal[""] = "", tz: str = "UTC"
) -> Calendar:
    """Read a calendar.

    It is taken to be whole until the end of the last day that it names a release on.

    Args:
        text: the file.
        read_at: when it was read.
        form: how it is written; '' finds it by the content.
        tz: the zone of times that name none.

    Raises:
        CalendarError: it is none, holds nothing, or a part of it cannot be read.
    """
    try:
        read = list(_READERS[form or _form_of(text)](text, tz))
    except csv.Error as error:
        raise CalendarError(f"it is not CSV: {error}") from error
    except OverflowError as error:
        raise CalendarError("a date in it is out of range") from error
    found = sorted(read, key=lambda one: (one.at, one.title))
    if not found:
        raise CalendarError("there is no release in it")
    if len(found) > RELEASES_MAX:
        raise CalendarError(f"there are more than {RELEASES_MAX} releases in it")
    last = max(one.until for one in found)
    return Calendar(tuple(found), read_at, Instant(-(-(last + 1) // DAY) * DAY))


def _form_of(text: str) -> Format:
    start = text.lstrip("\ufeff \r\n\t")
    if start.startswith("BEGIN:VCALENDAR"):
        return "ics"
    return "json" if start[:1] in ("[", "{") else "csv"


# --- CSV and JSON: rows with names ---------------------------------------------------------------


def _csv(text: str, tz: str) -> Iterator[Release]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    for row in reader:
        if any(isinstance(value, str) and value.strip() for value in row.values()):
            yield _row(row, tz, f"line {reader.line_num}")


def _json(text: str, tz: str) -> Iterator[Release]:
    try:
        found = msgspec.json.decode(text.lstrip("\ufeff"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise CalendarError(f"it is not JSON: {error}") from error
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), found)
    if not isinstance(found, list):
        raise CalendarError("it is no list of releases")
    for place, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise CalendarError(f"entry {place} is no release")
        yield _row(row, tz, f"entry {place}")


def _row(row: Mapping[Any, Any], tz: str, place: str) -> Release:
    plain = {str(key).strip().lower(): str(value).strip() for key, value in row.items() if value}

    def get(what: str) -> str:
        return next((plain[name] for name in _NAMES[what] if plain.get(name)), "")

    at = get("at") or " ".join(part for part in (get("date"), get("time")) if part)
    title = get("title")
    if not at or not title:
        raise CalendarError(f"{place} has no {'time' if title else 'title'}")
    since, until = _when(at, tz, place)
    return Release(since, until, title, _currency(get("currency"), title), _weight(get("weight")))


def _when(text: str, tz: str, place: str) -> tuple[Instant, Instant]:
    """Read a time; one without an hour is the whole of its day."""
    try:
        return _moment(datetime.fromisoformat(text), tz, whole=len(text) <= len("2026-01-01"))
    except ValueError:
        pass
    written, _, hour = text.partition(" ")
    day = _parsed(written, _DATES)
    clock = None if hour.lower() in _NO_HOUR else _parsed(hour.lower().replace(" ", ""), _TIMES)
    if day is None or (clock is None and hour.lower() not in _NO_HOUR):
        raise CalendarError(f'{place} has the time "{text}", which cannot be read')
    if clock is None:
        return _whole_day(day.date(), tz)
    at = instant(day.date(), clock.time(), tz)
    return at, at


def _moment(found: datetime, tz: str, *, whole: bool) -> tuple[Instant, Instant]:
    if whole:
        return _whole_day(found.date(), tz)
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone(tz))
    at = Instant((found - _EPOCH) // timedelta(microseconds=1) * MICROSECOND)
    return at, at


def _whole_day(day: date, tz: str) -> tuple[Instant, Instant]:
    since = instant(day, time(), tz)
    return since, Instant(instant(day + timedelta(days=1), time(), tz) - 1)


def _parsed(text: str, forms: Iterable[str]) -> datetime | None:
    for form in forms:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _currency(text: str, title: str) -> str:
    """Give the currency that a row names; '' touches every instrument."""
    found = _COUNTRIES.get(text.upper(), text.upper())
    if _CURRENCY.fullmatch(found) and found not in _NO_CURRENCY:
        return found
    first = title.split(" ", 1)[0].strip(":-[]()")
    first = _COUNTRIES.get(first, first)
    return first if _CURRENCY.fullmatch(first) and first in _COUNTRIES.values() else ""


def _weight(text: str) -> Weight:
    return _WEIGHTS.get(text.lower(), "")


# --- ICS -----------------------------------------------------------------------------------------


def _ics(text: str, tz: str) -> Iterator[Release]:
    event: dict[str, tuple[str, str]] | None = None
    for number, line in _unfolded(text):
        name, parameters, value = _property(line)
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value.upper()) == ("END", "VEVENT") and event is not None:
            yield _event(event, tz, f"the event that ends on line {number}")
            event = None
        elif event is not None and name:
            event.setdefault(name, (parameters, value))


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that a calendar broke: what starts with a blank belongs to the line before."""
    joined, number = "", 0
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if line[:1] in (" ", "\t"):
            joined += line[1:]
            continue
        if joined:
            yield number - 1, joined
        joined = line
    if joined:
        yield number, joined


def _property(line: str) -> tuple[str, str, str]:
    head, _, value = line.partition(":")
    name, _, parameters = head.partition(";")
    return name.strip().upper(), parameters, value.strip()


def _event(event: Mapping[str, tuple[str, str]], tz: str, place: str) -> Release:
    parameters, start = event.get("DTSTART", ("", ""))
    title = _unescaped(event.get("SUMMARY", ("", ""))[1])
    if not start or not title:
        raise CalendarError(f"{place} has no {'SUMMARY' if start else 'DTSTART'}")
    named = re.search(r"TZID=\"?([^;\":]+)", parameters)
    words = [_unescaped(event[key][1]) for key in ("X-CURRENCY", "LOCATION") if key in event]
    words += _unescaped(event.get("CATEGORIES", ("", ""))[1]).split(",")
    weights = [_weight(word.strip()) for word in words]
    since, until = _ics_time(start, named[1] if named else tz, place)
    currency = next((one for word in words if (one := _currency(word.strip(), ""))), "")
    return Release(
        since,
        until,
        title,
        currency or _currency("", title),
        next((one for one in weights if one), ""),
    )


def _ics_time(text: str, tz: str, place: str) -> tuple[Instant, Instant]:
    utc = text.endswith("Z")
    found = _parsed(text.removesuffix("Z"), ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M"))
    try:
        if found is not None:
            return _moment(found.replace(tzinfo=UTC) if utc else found, tz, whole=False)
        if (day := _parsed(text, ("%Y%m%d",))) is not None:
            return _whole_day(day.date(), tz)
    except (KeyError, OSError, ValueError) as error:
        raise CalendarError(f'{place} is in the zone "{tz}", which nobody knows') from error
    raise CalendarError(f'{place} has the time "{text}", which cannot be read')


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,;\\])", r"\1", text).replace("\\n", " ").replace("\\N", " ").strip()


_READERS = {"ics": _ics, "csv": _csv, "json": _json}
