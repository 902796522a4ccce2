"""Stops: one must be set, soon enough, and risk no more than a share of the start."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.values import SECOND, ZERO, Instant, floor_to
from bascule.risk.programmes.written import MALFORMED, Answer, money, part, stamp, when
from bascule.sizing.written import lots_text

_HUNDRED = Decimal(100)


def in_time(opened: Instant, stop_set: Instant | None, within_s: int) -> bool:
    """Tell whether a stop was set in time; exactly at the end still is."""
    return stop_set is not None and stop_set - opened <= within_s * SECOND


def largest_lots(
    initial: Decimal, max_risk_pct: Decimal, loss_per_lot: Decimal, step: Decimal
) -> Decimal:
    """Give the most lots whose loss at the stop stays within the share of the start."""
    return floor_to(initial * max_risk_pct / _HUNDRED / loss_per_lot, step)


class _Rule(Struct, frozen=True):
    required: bool = True
    within_s: int | None = None
    max_risk_pct: Decimal | None = None


class _Question(Struct, frozen=True):
    rule: Mapping[str, object] | None = None
    initial: Decimal | None = None
    max_risk_pct: Decimal | None = None
    symbol: str = ""
    pip_value_per_lot: Decimal | None = None
    stop_pips: Decimal | None = None
    order_lots: Decimal = ZERO
    lot_step: Decimal = Decimal("0.01")
    within_s: int | None = None
    opened: datetime | None = None
    stop_set: datetime | None = None
    t: datetime | None = None


_NAMES = {
    "stop_at": "stop_set",
    "stop_set_at": "stop_set",
    "set": "stop_set",
    "opened_at": "opened",
    "open": "opened",
    "now": "t",
    "required_within_s": "within_s",
}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: the risk of an order's stop, or whether a stop came in time."""
    asked = part(given, _Question, "input", unread, _NAMES)
    rule = part(asked.rule or {}, _Rule, "input.rule", unread, _NAMES)
    within = rule.within_s if rule.within_s is not None else asked.within_s
    if asked.opened is not None and within is not None:
        return _timed(asked, asked.opened, within)
    percent = rule.max_risk_pct if rule.max_risk_pct is not None else asked.max_risk_pct
    if asked.stop_pips is None or asked.stop_pips <= 0:
        # A position without a stop may lose anything.
        return {"allowed": not rule.required, "risk": None, "max_lots": money(ZERO)}
    if percent is None or asked.initial is None or not asked.pip_value_per_lot:
        raise UsageError(
            "input: the risk of a stop needs initial, max_risk_pct and pip_value_per_lot.",
            code=MALFORMED,
        )
    per_lot = asked.stop_pips * asked.pip_value_per_lot
    risk = asked.order_lots * per_lot
    most = largest_lots(asked.initial, percent, per_lot, asked.lot_step)
    return {
        "allowed": risk <= asked.initial * percent / _HUNDRED,
        "risk": money(risk),
        "max_lots": lots_text(most, asked.lot_step),
    }


def _timed(asked: _Question, opened: datetime, within: int) -> Answer:
    """Without a stop the rule is broken once its time is over (always, where no time is given)."""
    began = when(opened)
    deadline = Instant(began + within * SECOND)
    found = None if asked.stop_set is None else when(asked.stop_set)
    ok = in_time(began, found, within)
    if found is None and asked.t is not None:
        ok = when(asked.t) <= deadline
    return {"ok": ok, "violation": not ok, "deadline": stamp(deadline)}
