"""Tickerly's JSON: action, ticker, position before, quantity, and a pointer to an account.

A ``sell`` out of a long position is its exit, as Tickerly's own directional alerts have it, and can
never open a short. Not affiliated with Tickerly; checked 2026-11-21 against public pages; verify.
"""

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import Members, mentions, noting, read_object
from bascule.signals.positions import long_of, short_of
from bascule.signals.words import POSITIONS

NAME = "tickerly"

_FIELDS = ("ticker", "action", "prev_position", "quantity", "pointer")


def detect(text: str) -> int:
    """Claim JSON with a pointer and a position before; quotes may be typographic."""
    if "prev_position" not in text or "pointer" not in text:
        return 0
    return 80 if text.lstrip(" \t\r\n\ufeff")[:1] == "{" or mentions(text, "pointer") else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        members = read_object(text)
        return noting(_read(members, hints), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, hints: Hints) -> Instruction:
    members.only(_FIELDS)
    auth = members.credential("pointer", outside=hints.auth, where="pointer_in_body")
    side = members.side("action")
    name = members.symbol("ticker")
    before = members.choice("prev_position", POSITIONS)
    qty = members.positive("quantity")
    if before is None or qty is None:
        missing = "prev_position" if before is None else "quantity"
        raise Refuse("missing_field", f"no {missing}: all fields are needed")
    exits = before == short_of(side)
    adds = before == long_of(side)
    return Instruction(
        intent="close" if exits else "add" if adds else "open",
        side=side,
        symbol=name,
        order_type=OrdType.MARKET,
        qty=Measure(qty, "units"),
        closes=short_of(side) if exits else None,
        position_effect="flat" if exits else long_of(side),
        auth=auth,
    )
