"""Profit target: closed profit (or equity), usually with nothing open, without cash flows."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.programme import ProfitTarget
from bascule.model.values import ZERO
from bascule.risk.programmes.written import MALFORMED, Answer, part

_HUNDRED = Decimal(100)


def wanted(rule: ProfitTarget, initial: Decimal) -> Decimal | None:
    """Give the profit at which the target is reached; None where nobody found it."""
    if rule.amount is not None:
        return rule.amount
    return None if rule.pct is None else initial * rule.pct / _HUNDRED


def reached(
    rule: ProfitTarget,
    initial: Decimal,
    balance: Decimal,
    equity: Decimal,
    *,
    flows: Decimal = ZERO,
    is_open: bool | None = None,
) -> bool:
    """Tell whether the target is reached; ``flows`` is the net of deposits and withdrawals.

    Where nobody says whether something is open, it is when balance and equity differ.
    """
    target = wanted(rule, initial)
    if target is None:
        return False
    holds = balance != equity if is_open is None else is_open
    measured = balance if rule.on == "balance" else equity
    return measured - flows - initial >= target and not (rule.require_flat and holds)


class _State(Struct, frozen=True):
    balance: Decimal
    equity: Decimal
    flows: Decimal = ZERO
    open: bool | None = None
    days: int | None = None


class _Rule(Struct, frozen=True):
    on: Literal["balance", "equity"] = "balance"
    require_flat: bool = True
    min_days: int | None = None


class _Question(Struct, frozen=True):
    initial: Decimal
    states: tuple[Mapping[str, object], ...]
    rule: Mapping[str, object] | None = None
    target_pct: Decimal | None = None
    target_amount: Decimal | None = None
    min_days: int | None = None
    days: int | None = None
    flows: Decimal = ZERO


_NAMES = {"target": "target_amount", "amount": "target_amount", "cashflow": "flows"}
_STATE = {
    "cashflow": "flows",
    "cashflows": "flows",
    "open_positions": "open",
    "trading_days": "days",
}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: in which of ``states`` the target is reached."""
    asked = part(given, _Question, "input", unread, _NAMES)
    written = part(asked.rule or {}, _Rule, "input.rule", unread)
    if asked.target_pct is None and asked.target_amount is None:
        raise UsageError("input: needs target_pct or target_amount.", code=MALFORMED)
    rule = ProfitTarget(asked.target_pct, asked.target_amount, written.on, written.require_flat)
    least = written.min_days if written.min_days is not None else asked.min_days
    found = []
    for one in asked.states:
        state = part(one, _State, "input.states", unread, _STATE)
        days = state.days if state.days is not None else asked.days
        enough = least is None or (days is not None and days >= least)
        found.append(
            enough
            and reached(
                rule,
                asked.initial,
                state.balance,
                state.equity,
                flows=state.flows + asked.flows,
                is_open=state.open,
            )
        )
    return {"reached": found}
