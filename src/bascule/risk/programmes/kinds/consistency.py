"""Consistency: how much of the profit the best day may have made.

share = best day / total                         total is net, positive days, or the target
still needed = best day / limit - total
score = 100 x (1 - best day / positive days)     the score form
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.programme import Consistency
from bascule.model.values import ZERO
from bascule.risk.programmes.written import MALFORMED, Answer, money, part, profits_of

_HUNDRED = Decimal(100)
_BASES: dict[str, Literal["net", "sum_positive", "target", "unknown"]] = {
    "net": "net",
    "net_profit": "net",
    "total": "net",
    "total_profit": "net",
    "total_net": "net",
    "sum_positive": "sum_positive",
    "positive_days": "sum_positive",
    "target": "target",
    "profit_target": "target",
    "unknown": "unknown",
}


class Found(Struct, frozen=True):
    """How a run of days stands. ``share`` is None where there is no profit to take a share of."""

    ok: bool
    best: Decimal
    total: Decimal
    share: Decimal | None
    needed: Decimal


class Scored(Struct, frozen=True):
    """The score form: ``status`` is ``pass``, ``review`` or ``fail``."""

    status: Literal["pass", "review", "fail"]
    best: Decimal
    total: Decimal
    score: Decimal


def best_day(rule: Consistency, days: Sequence[Decimal], target: Decimal | None = None) -> Found:
    """Hold the best day against the limit; ``days`` are closed profits without cash flows.

    An unknown basis is net (never more than the positive days), an unknown comparison strict.
    """
    limit = rule.max_best_day_pct if rule.max_best_day_pct is not None else _HUNDRED
    best = max((*days, ZERO))
    total = _total(rule, days, target)
    share = best * _HUNDRED / total if total > 0 else None
    if not best:
        ok = True
    elif rule.compare == "le":
        ok = best * _HUNDRED <= limit * total
    else:
        ok = best * _HUNDRED < limit * total
    needed = max(best * _HUNDRED / limit - total, ZERO) if limit else ZERO
    return Found(ok, best, total, share, needed)


def score(rule: Consistency, days: Sequence[Decimal]) -> Scored:
    """Give the score form; without a profitable day there is nothing to pass with."""
    best = max((*days, ZERO))
    total = sum((day for day in days if day > 0), ZERO)
    value = _HUNDRED * (1 - best / total) if total else ZERO
    status: Literal["pass", "review", "fail"] = "fail"
    if rule.pass_at is not None and value >= rule.pass_at:
        status = "pass"
    elif rule.review_at is not None and value >= rule.review_at:
        status = "review"
    return Scored(status, best, total, value)


def useful_today(limit_pct: Decimal, others: Decimal) -> Decimal | None:
    """Give the profit beyond which today helps no more; None where there is no such limit.

    ``others`` is the net of the other days: today at most limit x (others + today).
    """
    if limit_pct >= _HUNDRED:
        return None
    return max(others * limit_pct / (_HUNDRED - limit_pct), ZERO)


def _total(rule: Consistency, days: Sequence[Decimal], target: Decimal | None) -> Decimal:
    if rule.of == "sum_positive":
        return sum((day for day in days if day > 0), ZERO)
    if rule.of == "target":
        if target is None:
            raise UsageError(
                "The best day is compared with the target, and no target is given.", code=MALFORMED
            )
        return target
    return sum(days, ZERO)


class _Rule(Struct, frozen=True):
    max_best_day_pct: Decimal | None = None
    of: str = "unknown"
    compare: Literal["le", "lt", "unknown"] = "unknown"
    pass_at: Decimal | None = None
    review_at: Decimal | None = None
    score: str = ""
    form: str = ""
    target: Decimal | None = None
    effect: str = ""


class _Question(Struct, frozen=True):
    rule: Mapping[str, object]
    daily_profit: object = ()
    target: Decimal | None = None
    other_days: Decimal | None = None


_NAMES = {
    "target_amount": "target",
    "profit_target": "target",
    "days": "daily_profit",
    "profits": "daily_profit",
    "others": "other_days",
    "other_days_profit": "other_days",
    "other_days_total": "other_days",
}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: ``daily_profit`` and ``rule``, or ``other_days`` for a cap."""
    asked = part(given, _Question, "input", unread, _NAMES)
    written = part(asked.rule, _Rule, "input.rule", unread)
    basis = _BASES.get(written.of)
    if basis is None:
        raise UsageError(
            f"input.rule.of: {written.of!r} is none of {', '.join(_BASES)}.", code=MALFORMED
        )
    rule = Consistency(
        written.max_best_day_pct, basis, written.compare, written.pass_at, written.review_at
    )
    profits = profits_of(asked.daily_profit, "input.daily_profit")
    if asked.other_days is not None and rule.max_best_day_pct is not None:
        cap = useful_today(rule.max_best_day_pct, asked.other_days)
        return {"useful_today": None if cap is None else money(cap)}
    if rule.pass_at is not None or written.score or written.form == "score":
        scored = score(rule, profits)
        return {
            "ok": scored.status == "pass",
            "status": scored.status,
            "best_day": money(scored.best),
            "total": money(scored.total),
            "score": money(scored.score),
        }
    target = asked.target if asked.target is not None else written.target
    found = best_day(rule, profits, target)
    return {
        "ok": found.ok,
        "best_day": money(found.best),
        "total": money(found.total),
        "best_day_pct": None if found.share is None else money(found.share),
        "further_profit_needed": money(found.needed),
    }
