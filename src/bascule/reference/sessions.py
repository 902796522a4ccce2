"""When an instrument trades: weekly hours in an IANA zone, less the exceptions of a table."""

from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Literal

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
        """Take ``hours`` as (weekdays 0 to 6, opens, closes) and ``exceptions`` as closed spans."""
        self.zone = zone
        self._hours = hours
        self._exceptions = exceptions
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

    def _open_spans(self, today: date) -> list[tuple[Instant, Instant]]:
        spans = []
        for offset in range(-_DAYS_BACK, _DAYS_AHEAD):
            day = today + timedelta(days=offset)
            for weekdays, opens, closes in self._hours:
                if day.weekday() in weekdays:
                    last = day if closes > opens else day + timedelta(days=1)
                    spans.append((instant(day, opens, self.zone), instant(last, closes, self.zone)))
        spans.sort()
        return _without(spans, self._exceptions)


def _without(
    spans: list[tuple[Instant, Instant]], closed: tuple[tuple[Instant, Instant], ...]
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
    table = document("sessions.toml")
    exceptions: dict[str, list[tuple[Instant, Instant]]] = {name: [] for name in table}
    for row in rows("session_exceptions.csv"):
        for name in row["sessions"].split():
            zone = table[name]["zone"]
            shut = datetime.fromisoformat(row["closed_from"])
            reopen = datetime.fromisoformat(row["closed_until"])
            exceptions[name].append(
                (
                    instant(shut.date(), shut.time(), zone),
                    instant(reopen.date(), reopen.time(), zone),
                )
            )
    return {
        name: Session(
            entry["zone"],
            tuple(parse_hours(text) for text in entry["hours"]),
            tuple(sorted(exceptions[name])),
            always=entry.get("always", False),
        )
        for name, entry in table.items()
    }


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
