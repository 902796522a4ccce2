"""How a story says numbers, times and intents."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    Level,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Protection,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import MICROSECOND, MILLISECOND, MINUTE, SECOND, text

ROLES = {"e": "entry", "x": "exit", "s": "stop loss", "t": "take profit"}

_UNITS = {
    QtyUnit.UNITS: "",
    QtyUnit.LOTS: " lots",
    QtyUnit.CURRENCY: " of quote currency",
    QtyUnit.RISK_CURRENCY: " of account currency at risk",
    QtyUnit.RISK_PERCENT: " % at risk",
    QtyUnit.EQUITY_PERCENT: " % of equity",
    QtyUnit.BALANCE_PERCENT: " % of balance",
    QtyUnit.POSITION_PERCENT: " % of the position",
}
_LEVELS = {
    LevelUnit.PRICE: "at {}",
    LevelUnit.DISTANCE: "{} away",
    LevelUnit.TICKS: "{} ticks away",
    LevelUnit.PIPS: "{} pips away",
    LevelUnit.POINTS: "{} points away",
    LevelUnit.PERCENT: "{} % away",
    LevelUnit.CASH: "at {} of account currency",
    LevelUnit.RATIO: "at {} times the risk",
}


def number(value: Decimal) -> str:
    """Write a number with thousands apart: 12,345.5."""
    plain = text(value)
    whole, dot, rest = plain.partition(".")
    sign = whole[: len(whole) - len(whole.lstrip("-"))]
    return f"{sign}{int(whole.lstrip('-')):,}{dot}{rest}"


def average(value: Decimal, places: int = 8) -> Decimal:
    """Cut an average to a length that can be read; it is for show and never counted with."""
    return round(value, places)


def span(nanoseconds: int) -> str:
    """Write a span in the unit that suits it: 412 µs, 3.1 ms, 2.40 s, 3 min 5 s."""
    if nanoseconds < 0:
        return f"-{span(-nanoseconds)}"
    if nanoseconds < MILLISECOND:
        return f"{nanoseconds // MICROSECOND} µs"
    if nanoseconds < SECOND:
        return f"{Decimal(nanoseconds) / MILLISECOND:.1f} ms"
    if nanoseconds < MINUTE:
        return f"{Decimal(nanoseconds) / SECOND:.2f} s"
    minutes, rest = divmod(nanoseconds, MINUTE)
    return f"{minutes:,} min {rest // SECOND} s"


def listed(words: list[str]) -> str:
    """Join words as a person does: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def amount_words(amount: Amount | None) -> str:
    """Say a quantity with its unit; without one the route decides."""
    if amount is None:
        return "(as the route sizes it)"
    return f"{number(amount.value)}{_UNITS[amount.unit]}"


def level_words(level: Level) -> str:
    """Say where a stop or target is."""
    return _LEVELS[level.unit].format(number(level.value))


def asked_words(intent: Intent) -> str:
    """Say in one line what an intent asks for."""
    words: Callable[[Any], str] = _WORDS[type(intent)]
    return words(intent)


def _place(intent: PlaceOrder) -> str:
    out = f"{intent.side.value} {amount_words(intent.quantity)} {intent.symbol}"
    if intent.reduce_only:
        out += ", to reduce only"
    out += _type_words(intent.ord_type, intent.price, intent.stop_price)
    return out + _protection_words(intent.protection)


def _type_words(kind: OrdType, price: Decimal | None, stop: Decimal | None) -> str:
    out = f", {kind.value.replace('_', ' ')}"
    if stop is not None:
        out += f", triggered at {number(stop)}"
    if price is not None:
        out += f", limit {number(price)}"
    return out


def _protection_words(protection: Protection | None) -> str:
    if protection is None:
        return ""
    out = ""
    if protection.stop_loss is not None:
        out += f", stop loss {level_words(protection.stop_loss)}"
    for target in protection.take_profits:
        out += f", take profit {level_words(target.level)}"
        if target.portion != 1:
            out += f" for {number(target.portion * 100)} %"
    if protection.trail is not None:
        out += f", trailing {level_words(protection.trail.distance)}"
    if protection.break_even is not None:
        out += f", break-even once {level_words(protection.break_even.trigger)} is reached"
    return out


def _target(intent: TargetPosition) -> str:
    if intent.direction is Direction.FLAT:
        return f"be flat in {intent.symbol}"
    only = "" if intent.may_open else " (reduce or close only)"
    return (
        f"be {intent.direction.value} {amount_words(intent.quantity)} {intent.symbol}{only}"
        f"{_protection_words(intent.protection)}"
    )


def _close(intent: ClosePosition) -> str:
    what = "all"
    if intent.quantity is not None:
        what = amount_words(intent.quantity)
    elif intent.fraction is not None:
        what = f"{number(intent.fraction * 100)} %"
    held = f" (if {intent.held.value})" if intent.held is not None else ""
    return f"close {what} of {intent.symbol}{held}"


def _cancel(intent: CancelOrders) -> str:
    side = f" {intent.side.value}" if intent.side is not None else ""
    named = f" named {intent.label!r}" if intent.label else ""
    return f"cancel working{side} orders{named} of {intent.symbol or 'the strategy'}"


def _modify(intent: ModifyOrder) -> str:
    terms = []
    if intent.quantity is not None:
        terms.append(f"quantity {amount_words(intent.quantity)}")
    if intent.price is not None:
        terms.append(f"price {number(intent.price)}")
    if intent.stop_price is not None:
        terms.append(f"stop price {number(intent.stop_price)}")
    return f"change the order {intent.label!r} of {intent.symbol} to {listed(terms)}"


def _modify_protection(intent: ModifyProtection) -> str:
    return f"guard {intent.symbol} anew{_protection_words(intent.protection)}"


def _flatten(intent: Flatten) -> str:
    return f"flatten {intent.symbol or 'everything'}"


def _stop(intent: StopTrading) -> str:
    return "halt everything" if intent.scope == "all" else "halt the strategy"


_WORDS: dict[type, Callable[[Any], str]] = {
    PlaceOrder: _place,
    TargetPosition: _target,
    ClosePosition: _close,
    CancelOrders: _cancel,
    ModifyOrder: _modify,
    ModifyProtection: _modify_protection,
    Flatten: _flatten,
    StopTrading: _stop,
}
