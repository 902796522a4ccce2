"""Inactivity: the firm closes an account that has not traded for so many days."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from bascule.model.values import DAY, Instant
from bascule.risk.programmes.written import Answer, part, stamp, when


def expires(last_trade: Instant, days: int) -> Instant:
    """Give when the account is closed: so many days of 24 hours after the last trade."""
    return Instant(last_trade + days * DAY)


class _Rule(Struct, frozen=True):
    days: int
    warn_days: int | None = None


class _Question(Struct, frozen=True):
    last_trade: datetime
    rule: Mapping[str, object]
    t: datetime | None = None


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: when an account expires, and when to warn."""
    asked = part(given, _Question, "input", unread, {"now": "t", "at": "t"})
    rule = part(asked.rule, _Rule, "input.rule", unread, {"warn_before_days": "warn_days"})
    ends = expires(when(asked.last_trade), rule.days)
    out: Answer = {"expires": stamp(ends)}
    warn = None if rule.warn_days is None else Instant(ends - rule.warn_days * DAY)
    if warn is not None:
        out["warn"] = stamp(warn)
    if asked.t is not None:
        now = when(asked.t)
        out["expired"] = now >= ends
        if warn is not None:
            out["warning"] = now >= warn
    return out
