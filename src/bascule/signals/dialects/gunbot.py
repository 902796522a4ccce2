"""Gunbot's alerts: ``BUY_EXCHANGE_BASE-COIN_amount``, the amount in the base currency of the pair.

Not affiliated with Gunbot; checked 2026-11-21 against its public documents; verify.
"""

import re

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import SIDES
from bascule.signals.numbers import has_placeholder, positive
from bascule.signals.positions import long_of

NAME = "gunbot"
JSON_MARKS = ()

_MARK = re.compile(r"(?:BUY|SELL)_[^_\s]+_[^_\s]+-[^_\s]+(?:_\S*)?", re.IGNORECASE)
_PAIR = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9.]{1,16}", re.IGNORECASE)
_PADDING = " \t\r\n\0\ufeff"


def detect(text: str) -> int:
    """Claim a side, an exchange and a pair between underscores."""
    return 85 if len(text) < 200 and _MARK.fullmatch(text.strip(_PADDING)) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        return _read(text.strip(_PADDING), hints)
    except Refuse as refused:
        return refused.rejection


def _read(text: str, hints: Hints) -> Instruction:
    if not text:
        raise Refuse("empty_body", "there is nothing in it")
    if has_placeholder(text):
        raise Refuse("unresolved_placeholder", "it holds a placeholder that nothing filled")
    parts = text.split("_")
    side = SIDES.get(parts[0].lower())
    if side is None:
        raise Refuse("invalid_action", "it does not begin with BUY_ or SELL_")
    if len(parts) == 3:
        raise Refuse("missing_field", "no amount")
    if len(parts) != 4 or not parts[1] or not _PAIR.fullmatch(parts[2]):
        raise Refuse("malformed_command", "it is not SIDE_EXCHANGE_BASE-COIN_amount")
    return Instruction(
        intent="open",
        side=side,
        symbol=parts[2],
        order_type=OrdType.MARKET,
        qty=Measure(positive(parts[3], "amount"), "quote"),
        position_effect=long_of(side),
        exchange=parts[1],
        auth=hints.auth,
    )
