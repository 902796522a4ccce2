"""When an instrument trades: weekly hours in an IANA zone, less holidays and early closes.

Hours are in sessions.toml. Closures come from the calendar libraries by way of
tools/compile_calendars.py; session_exceptions.csv puts right by hand what they lack or get wrong.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import takewhile
from typing import Any, Literal

from msgspec import Struct

from bascule.model.values import HOUR, Instant
from bascule.reference.localtime import instant, local, parse_time
from bascule.reference.tables import document, rows

Phase = Literal["open", "break", "closed"]
_BREAK = 4 * HOUR
_DAYS_BACK, _DAYS_AHEAD = 8, 9
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ALWAYS = (Instant(-(1 << 62)), Instant(1 << 62))


class SessionState(Struct, frozen=True):
    """Where a session stands from ``since`` until (not including) ``until``, its next change.

    ``break`` is a gap of at most four hours between two openings, ``closed`` a longer one.
    """

    phase: Phase
    since: Instant
    until: Instant

    @property
    def is_open(self) -> bool:
        """Whether it trades."""
        return self.phase == "open"


class Session:
    """One named session. Answers from the interval it found last, so a repeated check is cheap."""

    def __init__(
        self,
        zone: str,
        hours: tuple[tuple[frozenset[int], time, time], ...],
        exceptions: tuple[tuple[Instant, Instant], ...] = (),
        *,
        always: bool = False,
    ) -> None:
        """Take ``hours`` as (weekdays 0 to 6, opens, closes).

        ``exceptions`` are closed spans, ascending, none touching another.
        """
        self.zone = zone
        self._hours = hours
        self._exceptions = exceptions
        self._ends = [until for _, until in exceptions]
        self._current = (
            SessionState("open", *_ALWAYS)
            if always
            else SessionState("closed", Instant(0), Instant(0))
        )

    def state(self, at: Instant) -> SessionState:
        """Say where the session stands at an instant and when that changes next."""
        current = self._current
        if current.since <= at < current.until:
            return current
        self._current = current = self._find(at)
        return current

    def _find(self, at: Instant) -> SessionState:
        today = local(at, self.zone).date()
        opened = self._open_spans(today)
        before = None
        for since, until in opened:
            if at < since:
                start = (
                    before
                    if before is not None
                    else instant(today - timedelta(days=_DAYS_BACK), time(), self.zone)
                )
                short = before is not None and since - start <= _BREAK
                return SessionState("break" if short else "closed", start, since)
            if at < until:
                return SessionState("open", since, until)
            before = until
        end = instant(today + timedelta(days=_DAYS_AHEAD - 1), time(), self.zone)
        return SessionState("closed", before or at, max(end, Instant(at + 1)))

    def openings_of(self, day: date) -> list[tuple[Instant, Instant]]:
        """Give the regular openings that begin on a local day, exceptions not counted."""
        spans = []
        for weekdays, opens, closes in self._hours:
            if day.weekday() in weekdays:
                last = day if closes > opens else day + timedelta(days=1)
                spans.append((instant(day, opens, self.zone), instant(last, closes, self.zone)))
        return spans

    def _open_spans(self, today: date) -> list[tuple[Instant, Instant]]:
        spans = [
            span
            for offset in range(-_DAYS_BACK, _DAYS_AHEAD)
            for span in self.openings_of(today + timedelta(days=offset))
        ]
        spans.sort()
        return _without(spans, self._near(spans))

    def _near(self, spans: list[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
        """Give the exceptions that can touch these openings; a table of years holds hundreds."""
        if not spans:
            return []
        first = bisect_left(self._ends, spans[0][0])
        last = max(until for _, until in spans)
        return list(takewhile(lambda span: span[0] < last, self._exceptions[first:]))


def _without(
    spans: list[tuple[Instant, Instant]], closed: Iterable[tuple[Instant, Instant]]
) -> list[tuple[Instant, Instant]]:
    for shut, reopen in closed:
        kept = []
        for since, until in spans:
            if until <= shut or reopen <= since:
                kept.append((since, until))
                continue
            if since < shut:
                kept.append((since, shut))
            if reopen < until:
                kept.append((reopen, until))
        spans = kept
    return spans


def state(session: str, at: Instant) -> SessionState:
    """Say where a named session stands at an instant.

    Raises:
        KeyError: the table has no session of that name; ``session_names`` lists them.
    """
    return _load()[session].state(at)


def session_names() -> tuple[str, ...]:
    """Give the names of the session table."""
    return tuple(_load())


@cache
def _load() -> dict[str, Session]:
    closed = _closed(weekly())
    return {
        name: Session(
            entry["zone"],
            _hours(entry),
            tuple(closed[name]),
            always=entry.get("always", False),
        )
        for name, entry in document("sessions.toml").items()
    }


def weekly() -> dict[str, Session]:
    """Give the sessions with their regular hours only: no holiday, no early close."""
    return {
        name: Session(entry["zone"], _hours(entry))
        for name, entry in document("sessions.toml").items()
    }


def _hours(entry: dict[str, Any]) -> tuple[tuple[frozenset[int], time, time], ...]:
    return tuple(parse_hours(text) for text in entry["hours"])


def _closed(regular: dict[str, Session]) -> dict[str, list[tuple[Instant, Instant]]]:
    """Put the compiled closures and what was put right by hand together, by session.

    The hand's rows come last and win: ``closed`` adds a span, ``open`` takes one away.
    """
    found: dict[str, list[tuple[Instant, Instant]]] = {name: [] for name in regular}
    for row in rows("session_closures.csv"):
        for name in row["sessions"].split():
            found[name].append(_span(row["closed_from"], row["closed_until"], regular[name].zone))
    for row in rows("session_exceptions.csv"):
        for name in row["sessions"].split():
            span = _span(row["from"], row["until"], regular[name].zone)
            if row["effect"] == "open":
                found[name] = _without(found[name], [span])
            else:
                found[name].append(span)
    return {name: _merged(spans) for name, spans in found.items()}


def _span(since: str, until: str, zone: str) -> tuple[Instant, Instant]:
    first, last = datetime.fromisoformat(since), datetime.fromisoformat(until)
    return instant(first.date(), first.time(), zone), instant(last.date(), last.time(), zone)


def _merged(spans: list[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant]]:
    merged: list[tuple[Instant, Instant]] = []
    for since, until in sorted(spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((since, until))
    return merged


def parse_hours(text: str) -> tuple[frozenset[int], time, time]:
    """Read ``Sun-Thu 17:00-16:00`` as (weekdays, opens, closes); closes at most a day later.

    Raises:
        ValueError: it is not of that form.
    """
    days, _, span = text.partition(" ")
    first, _, last = days.partition("-")
    start = _WEEKDAYS.index(first)
    count = (_WEEKDAYS.index(last or first) - start) % 7 + 1
    opens, _, closes = span.partition("-")
    weekdays = frozenset((start + step) % 7 for step in range(count))
    return weekdays, parse_time(opens), parse_time(closes)
