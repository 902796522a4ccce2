"""When a contract may not be held, or not be opened, by a flat rule and its own session.

Times of the rule are cut short by a session that closes earlier that day; a span ends when the
session opens again.
"""

from datetime import date, time, timedelta
from functools import lru_cache

from msgspec import Struct

from bascule.model.programme import FlatRule
from bascule.model.values import DAY, MINUTE, Instant
from bascule.reference import sessions
from bascule.reference.localtime import instant, local, parse_time
from bascule.reference.sessions import SessionState
from bascule.risk.firm import FlatSpan

FORBIDDEN = ("flat", "prohibited", "restricted", "unknown")
"""Words that a rule on the night or the weekend forbids to hold with; unknown reads as the rest."""
_FRIDAY = 4
_DAYS_BACK = 3
"""A Friday's span lasts over a weekend and a holiday; tomorrow's may begin before midnight."""
ALWAYS = Instant(1 << 61)
_OVER_A_WEEKEND = DAY
"""A closure this long holds a weekend or a holiday."""


class _Found(Struct, frozen=True):
    """What was found for a rule, and from when until when it stays so."""

    rule: FlatRule
    since: Instant
    until: Instant
    span: FlatSpan | None


_known: dict[tuple[int, str], _Found] = {}
_KNOWN_MAX = 1_024


def flat_span(rule: FlatRule, session: str, at: Instant) -> FlatSpan | None:
    """Give the span that holds at an instant; of several, the one that ends last.

    It is found anew only where something begins or ends, since every order asks.

    Args:
        rule: the firm's, with the buffer to keep before each time.
        session: the contract's session, by its name in the table.
        at: now.
    """
    # A rule holds a table and has no hash; as long as it is kept here nothing else has its id.
    key = (id(rule), session)
    known = _known.get(key)
    if known is not None and known.rule is rule and known.since <= at < known.until:
        return known.span
    spans = _spans(rule, session, at)
    found = [one for one in spans if one.since <= at < one.until]
    span = max(found, key=lambda one: (one.holding, one.until)) if found else None
    tomorrow = instant(local(at, rule.tz).date() + timedelta(days=1), time(), rule.tz)
    edges = [edge for one in spans for edge in (one.since, one.until) if edge > at]
    ends = min(*edges, tomorrow, sessions.state(session, at).until)
    if len(_known) >= _KNOWN_MAX:
        _known.clear()
    _known[key] = _Found(rule, at, Instant(ends), span)
    return span


def _spans(rule: FlatRule, session: str, at: Instant) -> list[FlatSpan]:
    spans = []
    today = local(at, rule.tz).date()
    for ahead in range(-_DAYS_BACK, 2):
        span = _stated(rule, session, today + timedelta(days=ahead))
        if span is not None:
            spans.append(span)
    closure = _closure(session, sessions.state(session, at))
    if closure is not None:
        spans += _at_closure(rule, *closure)
    return spans


def _stated(rule: FlatRule, session: str, day: date) -> FlatSpan | None:
    """Give the span of a day whose hour the rule states."""
    written = rule.time if rule.overnight in FORBIDDEN else ""
    if _before_weekend(rule, day):
        friday = rule.friday_time or rule.time
        written = min(written, friday, key=parse_time) if written else friday
    if day.isoformat() in rule.half_days:
        written = rule.half_days[day.isoformat()] or rule.half_day_time or written
    if not written:
        return _weekend(rule, session, day)
    due = instant(day, parse_time(written), rule.tz)
    shut = _shut_at(session, day, rule.tz, due)
    if shut is not None and shut < due:
        half = rule.half_day_time
        due = min(shut, instant(day, parse_time(half), rule.tz)) if half else shut
    until = _reopens(rule, session, day, due)
    since = Instant(due - rule.buffer_min * MINUTE)
    shown = local(due, rule.tz)
    return FlatSpan(since, due, until, f"the firm wants accounts flat by {shown:%H:%M} {rule.tz}")


def _weekend(rule: FlatRule, session: str, day: date) -> FlatSpan | None:
    """Give the weekend of a session that never closes, where no hour is stated for it."""
    if not _before_weekend(rule, day) or rule.time or rule.friday_time:
        return None
    midnight = instant(day + timedelta(days=1), time(), rule.tz)
    if _closure(session, _state(session, midnight)) is not None:
        return None
    since = Instant(midnight - rule.buffer_min * MINUTE)
    until = _after_weekend(rule, day)
    return FlatSpan(since, midnight, until, "nothing may be held over the weekend")


def _before_weekend(rule: FlatRule, day: date) -> bool:
    return day.weekday() == _FRIDAY and rule.weekend in FORBIDDEN


def _after_weekend(rule: FlatRule, friday: date) -> Instant:
    """Give Sunday's reopening where the rule states one, else the end of Sunday."""
    if rule.reopen:
        return instant(friday + timedelta(days=2), parse_time(rule.reopen), rule.tz)
    return instant(friday + timedelta(days=3), time(), rule.tz)


def _shut_at(session: str, day: date, tz: str, due: Instant) -> Instant | None:
    """Give when the session of a day has closed early; None where it trades on at the due hour."""
    state = _state(session, Instant(due - 1))
    begins = instant(day, time(), tz)
    return state.since if not state.is_open and state.since > begins else None


def _reopens(rule: FlatRule, session: str, day: date, due: Instant) -> Instant:
    closure = None if rule.reopen else _closure(session, _state(session, due))
    if closure is not None:
        return closure[1]
    if _before_weekend(rule, day):
        return _after_weekend(rule, day)
    if not rule.reopen:
        return instant(day + timedelta(days=1), time(), rule.tz)
    reopen = parse_time(rule.reopen)
    later = instant(day, reopen, rule.tz) <= due
    return instant(day + timedelta(days=later), reopen, rule.tz)


def _closure(session: str, state: SessionState) -> tuple[Instant, Instant] | None:
    """Give the closure that holds or comes next; None for a session that never closes."""
    if not state.is_open:
        return state.since, state.until
    if state.until >= ALWAYS:
        return None
    closed = _state(session, state.until)
    return closed.since, closed.until


@lru_cache(maxsize=1_024)
def _state(session: str, at: Instant) -> SessionState:
    """Give a session's state at an instant of a day's plan, which is asked for again and again."""
    return sessions.state(session, at)


def _at_closure(rule: FlatRule, close: Instant, reopen: Instant) -> list[FlatSpan]:
    """Give the spans that a closure of the market makes."""
    long = reopen - close
    since = Instant(close - rule.buffer_min * MINUTE)
    spans = []
    if rule.overnight in FORBIDDEN and not rule.time:
        spans.append(FlatSpan(since, close, reopen, "nothing may be held through a closed market"))
    elif (
        rule.weekend in FORBIDDEN
        and not (rule.time or rule.friday_time)
        and (long >= _OVER_A_WEEKEND)
    ):
        spans.append(FlatSpan(since, close, reopen, "nothing may be held over the weekend"))
    elif rule.break_longer_than_min is not None and long > rule.break_longer_than_min * MINUTE:
        why = f"nothing may be held over a break of more than {rule.break_longer_than_min} minutes"
        spans.append(FlatSpan(since, close, reopen, why))
    minutes = rule.no_entry_min
    if minutes and long >= minutes * MINUTE:
        why = f"the firm counts an entry within {minutes} minutes of a long close as gap trading"
        opening = Instant(close - minutes * MINUTE)
        spans.append(FlatSpan(opening, close, reopen, why, holding=False))
    return spans
