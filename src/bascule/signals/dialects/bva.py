"""Alerts of the Bitcoin vs. Altcoins trader: ``key|strategy|action|ticker``.

It says no size; the route has it. Not affiliated with the project; checked 2026-11-21 against its
public README; verify.
"""

import re

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse
from bascule.signals.members import symbol
from bascule.signals.numbers import has_placeholder, shown
from bascule.signals.positions import long_of
from bascule.signals.words import fold

NAME = "bva"
JSON_MARKS = ()

_SIDES = {"buy": Side.BUY, "long": Side.BUY, "sell": Side.SELL, "short": Side.SELL}
_CLOSES = frozenset({"close", "exit", "flat"})
_TICKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{1,40}")
_PADDING = " \t\r\n\0\ufeff"


def detect(text: str) -> int:
    """Claim four parts between bars, of which the third is an action."""
    parts = [part.strip() for part in text.strip(_PADDING).split("|")]
    if len(parts) != 4 or "=" in text or "\n" in text.strip(_PADDING):
        return 0
    action = fold(parts[2])
    return 75 if action in _SIDES or action in _CLOSES else 45 if _TICKER.fullmatch(parts[3]) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        return _read(text.strip(_PADDING), hints)
    except Refuse as refused:
        return refused.rejection


def _read(text: str, hints: Hints) -> Instruction:
    if not text:
        raise Refuse("empty_body", "there is nothing in it")
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 4 or "\n" in text:
        raise Refuse("malformed_command", "it is not key|strategy|action|ticker")
    key, strategy, action, ticker = parts
    for part in parts[1:]:
        if has_placeholder(part):
            raise Refuse("unresolved_placeholder", f"it holds {shown(part)}")
    if not key and not hints.auth:
        raise Refuse("unauthenticated", "the key is empty")
    auth = "body_key" if key else hints.auth
    if not ticker:
        raise Refuse("missing_field", "no ticker")
    if not _TICKER.fullmatch(ticker):
        raise Refuse("malformed_command", f"{shown(ticker)} is no ticker")
    name = symbol(ticker)
    if fold(action) in _CLOSES:
        return Instruction(
            intent="close", symbol=name, order_type=OrdType.MARKET, qty="all",
            position_effect="flat", strategy=strategy, auth=auth,
        )  # fmt: skip
    side = _SIDES.get(fold(action))
    if side is None:
        raise Refuse("invalid_action", f"{shown(action)} is no action")
    return Instruction(
        intent="open",
        side=side,
        symbol=name,
        order_type=OrdType.MARKET,
        position_effect=long_of(side),
        strategy=strategy,
        auth=auth,
    )
