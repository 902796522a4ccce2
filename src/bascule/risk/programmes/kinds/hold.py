"""Hold time: every trade, or a share of the trades, must be held longer than so many seconds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.programme import HoldTime
from bascule.model.values import ZERO
from bascule.risk.programmes.written import Answer, money, part

_HUNDRED = Decimal(100)


class Found(Struct, frozen=True):
    """How trades stand. ``share`` is the percent that counts: of those held long, or of short ones.

    ``short`` counts those that were not held long enough.
    """

    ok: bool
    share: Decimal | None
    short: int


def held(rule: HoldTime, durations: Sequence[Decimal], *, under_may_equal: bool = False) -> Found:
    """Hold durations in seconds against the rule; without trades there is nothing to break it.

    ``over`` means more than so many seconds and ``under`` less. A share over must be more than
    its percent (``gt``) or may equal it (``ge``); so must each trade's seconds where no share is
    asked for. A share under breaks the rule from its percent on, or above it where it may equal.
    """
    least = rule.over_s if rule.over_s is not None else rule.min_hold_s or ZERO
    count = len(durations)
    if not count:
        return Found(True, None, 0)
    if rule.max_share_under_pct is not None:
        short = sum(1 for seconds in durations if seconds < least)
        share = Decimal(short) * _HUNDRED / count
        most = rule.max_share_under_pct * count
        ok = short * _HUNDRED < most or (under_may_equal and short * _HUNDRED == most)
        return Found(ok, share, short)
    wanted = rule.min_share_over_pct
    may_equal = wanted is None and rule.compare == "ge"
    long = sum(1 for seconds in durations if seconds > least or (may_equal and seconds == least))
    share = Decimal(long) * _HUNDRED / count
    if wanted is None:
        return Found(long == count, share, count - long)
    reached = long * _HUNDRED
    ok = reached >= wanted * count if rule.compare == "ge" else reached > wanted * count
    return Found(ok, share, count - long)


def profit_share(over_s: Decimal, trades: Sequence[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Give the percent of the profit that trades held longer made; None without any profit.

    ``trades`` are (seconds, profit); losing ones do not count.
    """
    won = [(seconds, profit) for seconds, profit in trades if profit > 0]
    total = sum((profit for _, profit in won), ZERO)
    long = sum((profit for seconds, profit in won if seconds > over_s), ZERO)
    return long * _HUNDRED / total if total else None


class _Rule(Struct, frozen=True):
    min_hold_s: Decimal | None = None
    min_share_over_pct: Decimal | None = None
    max_share_under_pct: Decimal | None = None
    over_s: Decimal | None = None
    compare: Literal["gt", "ge", "lt", "le", "unknown"] = "unknown"
    avg_duration_over_s: Decimal | None = None
    profit_share_over_s: Decimal | None = None
    min_profit_share_pct: Decimal | None = None


class _Trade(Struct, frozen=True):
    duration: Decimal
    profit: Decimal = ZERO


class _Question(Struct, frozen=True):
    rule: Mapping[str, object]
    durations: tuple[Decimal, ...] = ()
    trades: tuple[Mapping[str, object], ...] = ()


_NAMES = {
    "under_s": "over_s",
    "violation_if_share_under_s": "over_s",
    "share_pct": "max_share_under_pct",
    "max_share_pct": "max_share_under_pct",
    "min_s": "min_hold_s",
    "avg_over_s": "avg_duration_over_s",
}
_TRADE = {"s": "duration", "seconds": "duration", "held_s": "duration", "net": "profit"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: ``durations`` in seconds under a ``rule``."""
    asked = part(given, _Question, "input", unread, {"durations_s": "durations"})
    written = part(asked.rule, _Rule, "input.rule", unread, _NAMES)
    rule = HoldTime(
        written.min_hold_s,
        written.min_share_over_pct,
        written.max_share_under_pct,
        written.over_s,
        "ge" if written.compare == "ge" else "gt",
    )
    trades = [part(one, _Trade, "input.trades", unread, _TRADE) for one in asked.trades]
    durations = (*asked.durations, *(trade.duration for trade in trades))
    if written.avg_duration_over_s is not None or written.profit_share_over_s is not None:
        return _by_weight(written, durations, trades)
    # What breaks a share under is written as "more than" or as what it must stay: "at most".
    found = held(rule, durations, under_may_equal=written.compare in ("gt", "le"))
    out: Answer = {"ok": found.ok}
    if rule.min_share_over_pct is None and rule.max_share_under_pct is None:
        out["violations"] = found.short
    else:
        out["share"] = None if found.share is None else money(found.share)
    return out


def _by_weight(rule: _Rule, durations: Sequence[Decimal], trades: Sequence[_Trade]) -> Answer:
    """Answer by the mean duration, by the share of profit that long trades made, or by both."""
    out: Answer = {"ok": True}
    if rule.avg_duration_over_s is not None and durations:
        mean = sum(durations, ZERO) / len(durations)
        out["ok"] = mean > rule.avg_duration_over_s
        out["average"] = money(mean)
    if rule.profit_share_over_s is not None:
        made = [(trade.duration, trade.profit) for trade in trades]
        share = profit_share(rule.profit_share_over_s, made)
        least = rule.min_profit_share_pct if rule.min_profit_share_pct is not None else _HUNDRED / 2
        enough = share is None or share >= least
        out["ok"] = bool(out["ok"]) and enough
        out["share"] = None if share is None else money(share)
    return out
