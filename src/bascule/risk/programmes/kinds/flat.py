"""Flat times: when nothing may be held, by the day, over the weekend and over long breaks.

The minute itself belongs to the flat span. Half days replace the daily time; a buffer brings
every time forward.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from bascule.model.programme import Clock, FlatRule, TriState
from bascule.model.values import MINUTE, Instant
from bascule.reference.localtime import instant, local, parse_time
from bascule.risk.programmes.written import (
    Answer,
    calendar_date,
    checked,
    part,
    stamp,
    when,
)

_FRIDAY, _SUNDAY = 4, 6
_FORBIDDEN = ("flat", "prohibited", "restricted")


def must_be_flat(
    rule: FlatRule, at: Instant, breaks: Sequence[tuple[Instant, Instant]] = ()
) -> bool:
    """Tell whether nothing may be held at an instant; ``breaks`` are the market's closures."""
    longest = rule.break_longer_than_min
    if longest is not None:
        for since, until in breaks:
            begins = since - rule.buffer_min * MINUTE
            if until - since > longest * MINUTE and begins <= at < until:
                return True
    shown = local(at, rule.tz)
    if rule.overnight in _FORBIDDEN and rule.time and _in_daily(rule, at, shown):
        return True
    return rule.weekend in _FORBIDDEN and _in_weekend(rule, at, shown)


def flat_from(rule: FlatRule, day: date) -> Instant | None:
    """Give when the book must be flat on a day (the buffer included); None where it need not."""
    cutoff = None
    if rule.overnight in _FORBIDDEN and rule.time:
        cutoff = _daily_cutoff(rule, day)
    friday = _half_day(rule, day) or rule.friday_time or rule.time
    if rule.weekend in _FORBIDDEN and friday and day.weekday() == _FRIDAY:
        weekend = _cutoff(rule, day, friday)
        cutoff = weekend if cutoff is None else min(cutoff, weekend)
    return cutoff


def _daily_cutoff(rule: FlatRule, day: date) -> Instant:
    return _cutoff(rule, day, _half_day(rule, day) or rule.time)


def _half_day(rule: FlatRule, day: date) -> str:
    """Give the earlier time of a half day, or nothing."""
    written = rule.half_days.get(day.isoformat())
    return "" if written is None else written or rule.half_day_time


def _cutoff(rule: FlatRule, day: date, written: str) -> Instant:
    at = instant(day, parse_time(written), rule.tz)
    return Instant(at - rule.buffer_min * MINUTE)


def _in_daily(rule: FlatRule, at: Instant, shown: datetime) -> bool:
    day = shown.date()
    if at < _daily_cutoff(rule, day):
        return bool(rule.reopen) and _still_shut(rule, at, day)
    return not rule.reopen or at < _reopens(rule, day)


def _still_shut(rule: FlatRule, at: Instant, day: date) -> bool:
    """Whether yesterday's span, reopening after midnight, is still on."""
    before = day - timedelta(days=1)
    return _daily_cutoff(rule, before) <= at < _reopens(rule, before)


def _reopens(rule: FlatRule, day: date) -> Instant:
    reopen = parse_time(rule.reopen)
    later = reopen < parse_time(rule.time)
    return instant(day + timedelta(days=later), reopen, rule.tz)


def _in_weekend(rule: FlatRule, at: Instant, shown: datetime) -> bool:
    day = shown.date()
    weekday = day.weekday()
    if weekday == _FRIDAY:
        written = _half_day(rule, day) or rule.friday_time or rule.time
        return bool(written) and at >= _cutoff(rule, day, written)
    if weekday == _SUNDAY and rule.reopen:
        return at < instant(day, parse_time(rule.reopen), rule.tz)
    return weekday > _FRIDAY


class _Rule(Struct, frozen=True):
    overnight: TriState | None = None
    weekend: TriState | None = None
    time: str = ""
    friday_time: str = ""
    reopen: str = ""
    tz: str = "UTC"
    half_day_time: str = ""
    half_days: tuple[str, ...] | dict[str, str] = ()
    break_longer_than_min: int | None = None
    before_weekend: bool = False
    buffer_min: int = 0


class _Question(Struct, frozen=True):
    rule: Mapping[str, object]
    checks: tuple[datetime, ...] = ()
    half_days: tuple[str, ...] | dict[str, str] = ()
    breaks: tuple[Mapping[str, object], ...] = ()
    date: str = ""


class _Break(Struct, frozen=True):
    since: datetime
    until: datetime


_NAMES = {
    "holiday_override": "half_day_time",
    "half_day": "half_day_time",
    "early_close_time": "half_day_time",
    "holidays": "half_days",
    "early_closes": "half_days",
    "if_break_longer_than_min": "break_longer_than_min",
    "weekend_time": "friday_time",
    "session_open": "reopen",
    "reopens": "reopen",
    "buffer_minutes": "buffer_min",
    "timezone": "tz",
}
_SPANS = {
    "from": "since",
    "close": "since",
    "closes": "since",
    "start": "since",
    "to": "until",
    "open": "until",
    "reopens": "until",
    "end": "until",
}
_DAYS = {"holidays": "half_days", "early_closes": "half_days", "day": "date"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: the rule at each of ``checks``, or its hour on a ``date``."""
    asked = part(given, _Question, "input", unread, _DAYS)
    rule = _rule(part(asked.rule, _Rule, "input.rule", unread, _NAMES), asked.half_days)
    spans = [part(one, _Break, "input.breaks", unread, _SPANS) for one in asked.breaks]
    breaks = [(when(one.since), when(one.until)) for one in spans]
    out: Answer = {}
    if asked.checks or not asked.date:
        out["must_be_flat"] = [must_be_flat(rule, when(at), breaks) for at in asked.checks]
    if asked.date:
        begins = flat_from(rule, calendar_date(asked.date))
        out["flat_from"] = None if begins is None else stamp(begins)
    return out


def _rule(written: _Rule, days: tuple[str, ...] | dict[str, str]) -> FlatRule:
    """Fill in what follows from what is written: a daily time means flat overnight."""
    half_days = written.half_days or days
    half_time = written.half_day_time
    if not isinstance(half_days, dict):
        half_days = dict.fromkeys(half_days, "")
    times = (written.time, written.friday_time, written.reopen, half_time, *half_days.values())
    for shown in times:
        checked(Clock(shown or "00:00", written.tz))
    overnight = written.overnight or ("flat" if written.time else "allowed")
    weekend = written.weekend
    if weekend is None:
        weekend = "flat" if written.before_weekend or written.friday_time else overnight
    return FlatRule(
        overnight=overnight,
        weekend=weekend,
        time=written.time,
        friday_time=written.friday_time,
        reopen=written.reopen,
        tz=written.tz,
        half_day_time=half_time,
        half_days=half_days,
        break_longer_than_min=written.break_longer_than_min,
        buffer_min=written.buffer_min,
    )
