"""OctoBot's TradingView alerts: ``KEY=value`` lines, or the same between semicolons.

A volume says its own kind: ``0.1`` of the base asset, ``100q`` of the quote, ``2%`` of the whole
portfolio, ``12a%`` of what is available, ``5p%`` of the position. Not affiliated with OctoBot;
checked 2026-11-21 against its public guides; verify.
"""

import re
from decimal import Decimal

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse, Target
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import (
    SIDES,
    Members,
    is_json,
    order_prices,
    percent,
    read_pairs,
)
from bascule.signals.numbers import positive
from bascule.signals.positions import long_of, short_of
from bascule.signals.words import fold

NAME = "octobot"
JSON_MARKS = ()

_FIELDS = (
    "exchange", "symbol", "signal", "order_type", "volume", "price", "stop_price",
    "take_profit_price", "reduce_only", "tag", "token", "leverage",
)  # fmt: skip
_TARGET = re.compile(r"take_profit_price_([1-9])")
_SHARE = re.compile(r"take_profit_volume_ratio_([1-9])")
_VOLUME = re.compile(r"(?P<number>[^a-z%]*)(?P<suffix>[a-z%]*)")
_UNITS = {
    "": "base",
    "q": "quote",
    "%": "percent_of_equity",
    "a%": "percent_of_available",
    "s%": "percent_of_symbol_assets",
    "t%": "percent_of_traded_assets",
    "p%": "percent_of_position",
}
_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT, "stop": OrdType.STOP}


def detect(text: str) -> int:
    """Claim ``SIGNAL=`` with ``SYMBOL=`` or ``EXCHANGE=``, in capitals."""
    if "SIGNAL=" not in text or is_json(text):
        return 0
    return 85 if "SYMBOL=" in text or "EXCHANGE=" in text else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        return _read(read_pairs(re.split(r"[;\r\n]+", text.strip(" \t\r\n\0\ufeff"))), hints)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, hints: Hints) -> Instruction:
    numbered = [
        name for name in members.values if _TARGET.fullmatch(name) or _SHARE.fullmatch(name)
    ]
    members.only((*_FIELDS, *numbered))
    signal = members.required("signal")
    name = members.symbol("symbol")
    auth = hints.auth
    if "token" in members.values:
        auth = members.credential("token", outside=auth, where="body_token")
    if fold(signal) == "cancel":
        tag = members.text("tag")
        read = Instruction(
            intent="cancel", symbol=name, client_order_id=tag, scope="order" if tag else "symbol",
            position_effect="unchanged",
        )  # fmt: skip
    elif fold(signal) in SIDES:
        read = _order(members, SIDES[fold(signal)], name)
    else:
        raise Refuse("invalid_action", f"SIGNAL={signal[:40]} is none of BUY, SELL, CANCEL")
    return structs.replace(read, exchange=members.text("exchange"), auth=auth)


def _order(members: Members, side: Side, name: str) -> Instruction:
    kind = members.choice("order_type", _TYPES) or OrdType.MARKET
    price, level = members.price("price"), members.price("stop_price")
    limit = price if kind is OrdType.LIMIT else None
    stop = level if kind is OrdType.STOP else None
    order_prices(kind, limit, stop)
    sl = Measure(level, "price") if level is not None and stop is None else None
    tp = _targets(members)
    reduces = members.flag("reduce_only")
    guarded = side.opposite if reduces else side
    check_sides(guarded, limit if limit is not None else stop, Guards(sl, tp))
    read = Instruction(
        intent="open",
        side=side,
        symbol=name,
        order_type=kind,
        qty=_volume(members),
        limit=limit,
        stop=stop,
        ref_price=price if kind is OrdType.MARKET else None,
        sl=sl,
        tp=tp,
        position_effect=long_of(side),
        order_id=members.label("tag"),
        leverage=members.price("leverage"),
    )
    if not reduces:
        return read
    return structs.replace(
        read,
        intent="reduce",
        closes=short_of(side),
        reduce_only=True,
        position_effect="reduce",
        conditions=("a stop joined to an exit; send the stop by itself",) if sl else (),
    )


def _volume(members: Members) -> Measure | None:
    written = members.text("volume")
    if not written:
        return None
    match = _VOLUME.fullmatch(written.lower())
    unit = _UNITS.get(match["suffix"]) if match is not None else None
    if match is None or unit is None:
        raise Refuse("bad_number", f"VOLUME={written[:40]} is no amount that is read here")
    if unit.startswith("percent"):
        return Measure(percent(match["number"], "VOLUME"), unit)
    return Measure(positive(match["number"], "VOLUME"), unit)


def _targets(members: Members) -> Measure | tuple[Target, ...] | None:
    single = members.price("take_profit_price")
    several: list[Target] = []
    total = Decimal(0)
    for place in "123456789":
        level = members.price(f"take_profit_price_{place}")
        ratio = members.positive(f"take_profit_volume_ratio_{place}")
        if level is None:
            if ratio is not None:
                raise Refuse("missing_field", f"a ratio without TAKE_PROFIT_PRICE_{place}")
            continue
        total += ratio or 0
        several.append(Target(level, "price", None if ratio is None else ratio * 100))
    if single is not None and several:
        raise Refuse("conflict", "TAKE_PROFIT_PRICE and TAKE_PROFIT_PRICE_1 are both given")
    if any(one.portion_pct for one in several) and total != 1:
        raise Refuse("bad_number", f"the ratios of the targets add up to {total}, not to 1")
    if single is not None:
        return Measure(single, "price")
    return tuple(several) or None
