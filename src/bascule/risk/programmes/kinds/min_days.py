"""Minimum days: dates with an opening trade, with any trade, or with enough closed profit."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.programme import Clock, MinDays
from bascule.model.values import ZERO, Instant
from bascule.risk.programmes.clock import day_of
from bascule.risk.programmes.written import MALFORMED, Answer, checked, part, profits_of, when

_HUNDRED = Decimal(100)


def days_of(instants: Iterable[Instant], clock: Clock) -> set[date]:
    """Give the dates that instants count to; a day that begins after noon bears its end."""
    return {day_of(at, clock) for at in instants}


def least_profit(rule: MinDays, initial: Decimal | None) -> Decimal:
    """Give the closed profit from which a day counts; of a percent and an amount the larger."""
    least = rule.min_profit_amount if rule.min_profit_amount is not None else ZERO
    if rule.min_profit_pct is not None:
        if initial is None:
            raise UsageError("A percent of the start needs `initial`.", code=MALFORMED)
        least = max(least, initial * rule.min_profit_pct / _HUNDRED)
    return least


def profitable(rule: MinDays, profits: Iterable[Decimal], initial: Decimal | None) -> int:
    """Count the days whose closed profit is enough: at least the least, and above zero."""
    least = least_profit(rule, initial)
    return sum(1 for profit in profits if profit > 0 and profit >= least)


def within(days: Iterable[date], per_days: int | None) -> set[date]:
    """Give the days of the window of so many days that ends with the last one; all without one."""
    every = set(days)
    if per_days is None or not every:
        return every
    first = max(every) - timedelta(days=per_days - 1)
    return {day for day in every if day >= first}


class _Rule(Struct, frozen=True):
    count: int
    counts: Literal["day_with_open", "profitable_day", "qualifying_day", "any", "unknown"] = (
        "unknown"
    )
    tz: str = "UTC"
    day_starts: str = "00:00"
    reset: Clock | None = None
    min_profit_pct: Decimal | None = None
    min_profit_amount: Decimal | None = None
    per_days: int | None = None
    per: str = ""
    effect: str = ""


class _Trade(Struct, frozen=True):
    opened: datetime | None = None
    closed: datetime | None = None
    net: Decimal = ZERO


class _Question(Struct, frozen=True):
    rule: Mapping[str, object]
    opens: tuple[datetime, ...] = ()
    trades: tuple[Mapping[str, object], ...] = ()
    closes: tuple[Mapping[str, object], ...] = ()
    daily_profit: object = None
    initial: Decimal | None = None


_STARTS = {
    "day_start": "day_starts",
    "session_start": "day_starts",
    "session_starts": "day_starts",
    "session_open": "day_starts",
    "session_end": "day_starts",
    "session_close": "day_starts",
    "rollover": "day_starts",
    "time": "day_starts",
}
_TIMES = {
    "open": "opened",
    "close": "closed",
    "t": "closed",
    "profit": "net",
    "gross": "net",
    "pnl": "net",
}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question from ``opens``, ``trades``, ``closes`` or ``daily_profit``."""
    asked = part(given, _Question, "input", unread)
    written = part(asked.rule, _Rule, "input.rule", unread, _STARTS)
    clock = checked(written.reset or Clock(written.day_starts, written.tz))
    rule = MinDays(
        written.count,
        written.counts,
        written.min_profit_pct,
        written.min_profit_amount,
        None,
        clock,
    )
    trades = [
        part(trade, _Trade, "input.trades", unread, _TIMES)
        for trade in (*asked.trades, *asked.closes)
    ]
    if rule.counts in ("profitable_day", "qualifying_day"):
        days = profitable(rule, _profits(asked, written, trades, clock), asked.initial)
    else:
        opened = [*asked.opens, *(trade.opened for trade in trades if trade.opened is not None)]
        if rule.counts == "any":
            opened += [trade.closed for trade in trades if trade.closed is not None]
        dates = days_of((when(moment) for moment in opened), clock)
        days = len(within(dates, written.per_days))
    return {"days": days, "ok": days >= rule.count}


def _profits(
    asked: _Question, written: _Rule, trades: list[_Trade], clock: Clock
) -> Iterable[Decimal]:
    if asked.daily_profit is not None:
        return profits_of(asked.daily_profit, "input.daily_profit")
    profits: dict[date, Decimal] = {}
    for trade in trades:
        if trade.closed is not None:
            day = day_of(when(trade.closed), clock)
            profits[day] = profits.get(day, ZERO) + trade.net
    return [profits[day] for day in within(profits, written.per_days)]
