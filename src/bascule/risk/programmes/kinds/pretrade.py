"""Before a trade: would a line be crossed if every open stop and this one were hit?

(open stop risk + new stop risk + costs) x slippage factor <= remaining x (1 - buffer)
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.values import ONE, ZERO
from bascule.risk.programmes.written import MALFORMED, Answer, money, number, part

_HUNDRED = Decimal(100)
_UNBOUNDED = ("unbounded", "unknown", "infinite", "no_stop")


class Verdict(Struct, frozen=True):
    """Whether the order fits, and the largest risk of one that would."""

    allowed: bool
    largest: Decimal


def fits(
    remaining: Decimal,
    buffer_pct: Decimal,
    open_risk: Decimal | None,
    order_risk: Decimal | None,
    costs: Decimal = ZERO,
    factor: Decimal = ONE,
) -> Verdict:
    """Test an order's worst loss against what is left of the nearest line.

    Args:
        remaining: equity less the higher floor.
        buffer_pct: percent of it that is kept.
        open_risk: what is lost if every open stop is hit; None where a position has no stop, so
            that nothing fits.
        order_risk: what this order loses at its stop; None without one.
        costs: commission and fees of the order.
        factor: how much worse than its stop a fill may be.
    """
    if open_risk is None:
        return Verdict(False, ZERO)
    room = remaining * (_HUNDRED - buffer_pct) / _HUNDRED
    largest = max(room / factor - open_risk - costs, ZERO)
    if order_risk is None:
        return Verdict(False, largest)
    return Verdict((open_risk + order_risk + costs) * factor <= room, largest)


class _Question(Struct, frozen=True):
    effective_remaining: Decimal | None = None
    daily_remaining: Decimal | None = None
    max_loss_remaining: Decimal | None = None
    buffer_pct: Decimal = ZERO
    open_stop_risk: object = ZERO
    order_risk: Decimal | None = None
    costs: Decimal = ZERO
    slippage_factor: Decimal = ONE
    positions: tuple[Mapping[str, object], ...] = ()


class _Position(Struct, frozen=True):
    risk: Decimal | None = None
    stop: Decimal | None = None
    symbol: str = ""


_NAMES = {
    "remaining": "effective_remaining",
    "new_stop_risk": "order_risk",
    "slippage": "slippage_factor",
}
_POSITION = {"stop_risk": "risk"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: whether an order's risk fits, and how much would."""
    asked = part(given, _Question, "input", unread, _NAMES)
    stated = (asked.effective_remaining, asked.daily_remaining, asked.max_loss_remaining)
    remaining = min((one for one in stated if one is not None), default=None)
    if remaining is None:
        raise UsageError("input: needs effective_remaining.", code=MALFORMED)
    if asked.slippage_factor <= 0:
        raise UsageError("input.slippage_factor: must be above zero.", code=MALFORMED)
    stated_risk = asked.open_stop_risk
    open_risk = None
    if stated_risk is not None and stated_risk not in _UNBOUNDED:
        open_risk = number(stated_risk, "input.open_stop_risk")
    for one in asked.positions:
        risk = part(one, _Position, "input.positions", unread, _POSITION).risk
        open_risk = None if open_risk is None or risk is None else open_risk + risk
    found = fits(
        remaining,
        asked.buffer_pct,
        open_risk,
        asked.order_risk,
        asked.costs,
        asked.slippage_factor,
    )
    return {"allowed": found.allowed, "max_order_risk": money(found.largest)}
