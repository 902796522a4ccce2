"""MetaApi CopyFactory's webhook signals: JSON with MetaTrader's own names for kinds of orders.

Not affiliated with MetaApi; checked 2026-11-21 against its public documents; verify.
"""

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import Members, is_json, noting, order_prices, read_object
from bascule.signals.positions import long_of

NAME = "copyfactory"
JSON_MARKS = ("type",)

_TYPES = {
    "positiontypebuy": (Side.BUY, OrdType.MARKET),
    "positiontypesell": (Side.SELL, OrdType.MARKET),
    "ordertypebuylimit": (Side.BUY, OrdType.LIMIT),
    "ordertypeselllimit": (Side.SELL, OrdType.LIMIT),
    "ordertypebuystop": (Side.BUY, OrdType.STOP),
    "ordertypesellstop": (Side.SELL, OrdType.STOP),
}
_FIELDS = ("symbol", "type", "time", "volume", "stopLoss", "takeProfit", "openPrice", "magic")


def detect(text: str) -> int:
    """Claim JSON with one of MetaTrader's kinds of orders."""
    if not is_json(text) or '"type"' not in text:
        return 0
    return 80 if '"POSITION_TYPE_' in text or '"ORDER_TYPE_' in text else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one signal."""
    try:
        members = read_object(text)
        return noting(_read(members, hints), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, hints: Hints) -> Instruction:
    members.only(_FIELDS)
    asked = members.choice("type", _TYPES, "invalid_action")
    if asked is None:
        raise Refuse("missing_field", "no type: it does not say which side")
    side, kind = asked
    volume = members.positive("volume")
    if volume is None:
        raise Refuse("missing_field", "no volume")
    price = members.price("openPrice")
    limit, stop = order_prices(
        kind, price if kind is OrdType.LIMIT else None, price if kind is OrdType.STOP else None
    )
    sl, tp = members.level("stopLoss"), members.level("takeProfit")
    unset, unreadable = members.holes(sl=("stopLoss",), tp=("takeProfit",))
    check_sides(side, price, Guards(sl, tp))
    fired_at, notes = members.time("time")
    return Instruction(
        intent="open",
        side=side,
        symbol=members.symbol("symbol"),
        order_type=kind,
        volume=Measure(volume, "lots"),
        limit=limit,
        stop=stop,
        ref_price=price if kind is OrdType.MARKET else None,
        sl=sl,
        tp=tp,
        position_effect=long_of(side),
        auth=hints.auth,
        fired_at=fired_at,
        unset=unset,
        unreadable=unreadable,
        notes=notes,
    )
