"""Which of two limits is the tighter. Layers of limits are merged field by field, never loosened.

A strategy's limits, a proposal from the configuration, and whatever else may only tighten come
through ``tightest``.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bascule.model.account import RiskLimits
from bascule.model.values import SECOND, text

_Rule = Callable[[Any, Any], Any]


def _lower(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _higher(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _margin_percent(one: RiskLimits, other: RiskLimits) -> Decimal | None:
    """Give the higher percentage; beside a ``max_margin`` none is no silence, but all of it."""
    found = None
    for layer in (one, other):
        if layer.margin_percent is None and layer.max_margin is not None:
            return None
        found = _higher(found, layer.margin_percent)
    return found


def _either(one: bool, other: bool) -> bool:
    return one or other


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Give what both lists allow; an empty list allows everything, so nothing common is "-"."""
    if not one or not other:
        return one or other
    return tuple(name for name in one if name in other) or (NOTHING,)


def _word(strict: str) -> _Rule:
    return lambda one, other: strict if strict in (one, other) else one


NOTHING = "-"
"""The only name in a list of instruments that allows none: two lists had none in common."""

TIGHTER: dict[str, _Rule] = {
    "instruments": _both,
    "max_order_qty": _lower,
    "on_oversize": _word("reject"),
    "max_book_qty": _lower,
    "max_position_qty": _lower,
    "max_account_qty": _lower,
    "max_order_value": _lower,
    "max_notional": _lower,
    "max_margin": _lower,
    "margin_percent": _higher,
    "max_quote_age_ns": _lower,
    "price_collar_percent": _lower,
    "max_order_loss": _lower,
    "max_order_loss_percent": _lower,
    "max_daily_loss": _lower,
    "max_daily_loss_percent": _lower,
    "max_drawdown": _lower,
    "max_drawdown_percent": _lower,
    "loss_block_percent": _lower,
    "loss_flatten_percent": _lower,
    "max_open_orders": _lower,
    "orders_per_second": _lower,
    "orders_per_minute": _lower,
    "orders_per_hour": _lower,
    "orders_per_day": _lower,
    "messages_per_day": _lower,
    "message_reserve": _higher,
    "order_to_fill_warn": _lower,
    "order_to_fill_max": _lower,
    "short_interval_value": _lower,
    "short_interval_ns": _higher,
    "duplicate_window_ns": _higher,
    "repeated_executions": _lower,
    "repeated_window_ns": _higher,
    "self_match": _word("refuse"),
    "opposite_positions": _word("refuse"),
    "probation_signals": _higher,
    "probation": _word("approval"),
    "require_stop": _either,
    "runaway_submits": _lower,
    "runaway_per_minute": _lower,
    "runaway_factor": _lower,
    "runaway_rejects": _lower,
}
"""The way to the tighter of two values, by field; for one, see ``_margin_percent`` too."""

BY_SYMBOL = ("max_order_qty", "max_book_qty", "max_position_qty")
"""Fields with a ``_by_symbol`` table beside them, whose entry replaces the field for a symbol."""
_TABLE_OF = {name: f"{name}_by_symbol" for name in BY_SYMBOL}


def quantity(limits: RiskLimits, name: str, symbol: str) -> Decimal | None:
    """Give one of the ``BY_SYMBOL`` limits as it holds for a symbol.

    The table's entry of the symbol itself comes first, then that of a future's root.
    """
    table: dict[str, Decimal] = getattr(limits, _TABLE_OF[name])
    general: Decimal | None = getattr(limits, name)
    if not table or symbol in table:
        return table.get(symbol, general)
    return next((table[root] for root in table if is_contract_of(symbol, root)), general)


def is_contract_of(symbol: str, root: str) -> bool:
    """Tell whether a symbol is a contract of a future: root, a letter for the month, the year."""
    rest = symbol.removeprefix(root)
    return rest != symbol and rest[1:].isdigit() and rest[:1].isalpha()


def tightest(one: RiskLimits, other: RiskLimits) -> RiskLimits:
    """Give limits that are at least as tight as both, in every field and for every symbol."""
    changed: dict[str, Any] = {
        name: rule(getattr(one, name), getattr(other, name)) for name, rule in TIGHTER.items()
    }
    changed["margin_percent"] = _margin_percent(one, other)
    for name in BY_SYMBOL:
        tables = getattr(one, f"{name}_by_symbol"), getattr(other, f"{name}_by_symbol")
        changed[f"{name}_by_symbol"] = {
            symbol: _lower(quantity(one, name, symbol), quantity(other, name, symbol))
            for table in tables
            for symbol in table
        }
    return replace(one, **changed)


_MANY = 1_000_000_000
LOOSEST = RiskLimits(
    on_oversize="split",
    loss_block_percent=Decimal(100),
    loss_flatten_percent=Decimal(100),
    max_open_orders=_MANY,
    orders_per_second=_MANY,
    orders_per_minute=_MANY,
    orders_per_hour=_MANY,
    orders_per_day=_MANY,
    message_reserve=0,
    short_interval_ns=0,
    duplicate_window_ns=0,
    repeated_window_ns=0,
    self_match="allow",
    runaway_submits=_MANY,
    runaway_per_minute=_MANY,
    runaway_factor=_MANY,
    runaway_rejects=_MANY,
)
"""Limits that leave every other as it is: what a layer starts from that says only some."""


class Difference(Struct, frozen=True):
    """One limit that two sets of limits do not have in common, in words."""

    name: str
    before: str
    after: str
    looser: bool


def differences(before: RiskLimits, after: RiskLimits) -> list[Difference]:
    """Say how ``after`` differs from ``before``, field by field, and which of it is looser.

    A field that is looser in any way (one symbol of a table, one name of a list) is looser.
    """
    tight = tightest(before, after)
    found = []
    for name in RiskLimits.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            looser = not _same(name, now, getattr(tight, name), after, tight)
            words = name.removesuffix("_ns")
            found.append(Difference(words, _said(name, was), _said(name, now), looser))
    return found


def _same(name: str, now: Any, tight: Any, after: RiskLimits, merged: RiskLimits) -> bool:
    if not name.endswith("_by_symbol"):
        if name == "instruments":
            return set(now) == set(tight)
        return bool(now == tight)
    plain = name.removesuffix("_by_symbol")
    return all(
        quantity(after, plain, symbol) == quantity(merged, plain, symbol) for symbol in tight
    )


def _said(name: str, value: Any) -> str:
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{symbol} {text(one)}" for symbol, one in value.items())
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Decimal):
        return text(value)
    if name.endswith("_ns"):
        return f"{text(Decimal(value) / SECOND)} s"
    return str(value).lower() if isinstance(value, bool) else str(value)
