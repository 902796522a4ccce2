"""Alerts of tradingview-alerts-processor: JSON with a ``stub``, or a list of such as a batch.

A bare size is in quote currency, ``"5%"`` a percentage: of the position for a close. Not affiliated
with the project; checked 2026-11-21 against its public documents; verify.
"""

import re

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import (
    HELD_SIDES,
    SIDES,
    Members,
    exit_size,
    mentions,
    noting,
    percent,
    read_objects,
)
from bascule.signals.positions import long_of, short_of
from bascule.signals.words import fold

NAME = "alerts_processor"
JSON_MARKS = ("stub",)

_FIELDS = ("stub", "direction", "symbol", "size", "mode", "max")
_MARK = re.compile(r'"direction"\s*:')
_MODES = {"reverse": "reverse", "overflow": "overflow"}


def detect(text: str) -> int:
    """Claim JSON with a stub and a direction."""
    return 80 if mentions(text, "stub", "direction") and _MARK.search(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert, or a list of alerts as a batch, whose accounts the route names."""
    try:
        found = read_objects(text)
        legs = [_read(one, hints.auth) for one in found]
        legs[0] = noting(legs[0], found[0].repairs)
        if len(legs) == 1 and not text.lstrip(" \t\r\n\ufeff").startswith("["):
            return legs[0]
        return tuple(structs.replace(leg, account="", accounts=()) for leg in legs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, auth: str) -> Instruction:
    members.only(_FIELDS)
    account, symbol = members.required("stub"), members.symbol("symbol")
    direction = members.required("direction")
    if fold(direction) == "close":
        read = _close(members)
    else:
        read = _entry(members, members.side("direction", HELD_SIDES | SIDES))
    return structs.replace(read, symbol=symbol, account=account, auth=auth)


def _close(members: Members) -> Instruction:
    verb, qty = exit_size(_size(members, "percent_of_position"))
    return Instruction(
        intent=verb,
        order_type=OrdType.MARKET,
        qty=qty,
        position_effect="flat" if verb == "close" else "reduce",
    )


def _entry(members: Members, side: Side) -> Instruction:
    qty = _size(members, "percent")
    if qty is None:
        raise Refuse("missing_field", "no size: an entry needs one")
    mode = members.choice("mode", _MODES)
    read = Instruction(
        intent="open",
        side=side,
        order_type=OrdType.MARKET,
        qty=qty,
        position_effect=long_of(side),
        conditions=(f"the most that a position may be, max={members.text('max')}",)
        if members.has("max")
        else (),
    )
    if mode == "reverse":
        return structs.replace(read, intent="reverse", closes=short_of(side))
    if mode == "overflow":
        return structs.replace(
            read, intent="close_if_larger", closes=short_of(side), position_effect=None
        )
    return read


def _size(members: Members, of: str) -> Measure | None:
    if not members.has("size"):
        return None
    written = members.text("size")
    if written.endswith("%"):
        return Measure(percent(written[:-1], "size"), of)
    quote = members.positive("size")
    assert quote is not None
    return Measure(quote, "quote")
