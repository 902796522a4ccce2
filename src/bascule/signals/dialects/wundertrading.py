"""WunderTrading's codes, as plain text or in flat JSON: ``ENTER-LONG_exchange_symbol_...``.

A code is WunderTrading's own secret and stands in the clear: authenticate such a source by its path
token. Not affiliated with WunderTrading; checked 2026-11-21 against public pages; verify.
"""

import re
from decimal import Decimal
from typing import Literal

from msgspec import Struct, structs

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse, Target
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import Members, is_json, noting, order_prices, read_object
from bascule.signals.numbers import has_placeholder
from bascule.signals.positions import long_of, side_closing, side_opening
from bascule.signals.words import fold

NAME = "wundertrading"
JSON_MARKS = ("code",)

_CODE = re.compile(r"(?P<verb>ENTER|EXIT)-(?P<held>LONG|SHORT|ALL)(?:_(?P<rest>\S+))?")
_JSON_CODE = re.compile(r'"code"\s*:\s*"(?P<code>[^"]*)"')
_SYMBOL = re.compile(r"[A-Z0-9]{4,24}(?:[./:-][A-Z0-9]{1,16})?")
_DOLLARS = ("USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD")
_UNITS = {
    "quote": "quote", "base": "base", "contracts": "contracts", "percents": "portfolio_ratio",
    "percent": "percent", "$": "usd",
}  # fmt: skip
_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT}
_KNOWN = ("stopLoss", "takeProfits", "placeConditionalOrdersOnExchange")
_HUNDRED = Decimal(100)
_PADDING = " \t\r\n\0\ufeff"


class _Said(Struct, frozen=True):
    """What a code, or an order type that says it, asks for. ``held`` is None for all."""

    enters: bool
    held: Literal["long", "short"] | None
    exchange: str = ""
    symbol: str = ""


_ORDER_WORDS = {
    "openlong": _Said(True, "long"), "openshort": _Said(True, "short"),
    "closelong": _Said(False, "long"), "closeshort": _Said(False, "short"),
    "closeall": _Said(False, None),
}  # fmt: skip


def detect(text: str) -> int:
    """Claim a bare code, or JSON with a code and what goes with it."""
    if not is_json(text):
        return 90 if _CODE.fullmatch(text.strip(_PADDING)) else 0
    match = _JSON_CODE.search(text) if '"code"' in text else None
    if match is None:
        return 0
    if _CODE.fullmatch(match["code"]):
        return 80
    return 60 if '"amountPerTrade' in text else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one code."""
    try:
        if is_json(text):
            members = read_object(text)
            return noting(_document(members), members.repairs)
        stripped = text.strip(_PADDING)
        if not stripped:
            raise Refuse("empty_body", "there is nothing in it")
        said = _code(stripped)
        if said is None:
            raise Refuse("invalid_action", "it does not begin with ENTER- or EXIT- and a side")
        read = _entry(Members({}), said) if said.enters else _exit(said)
        return structs.replace(read, auth="code_in_body", order_type=OrdType.MARKET)
    except Refuse as refused:
        return refused.rejection


def _code(code: str) -> _Said | None:
    if has_placeholder(code):
        raise Refuse("unresolved_placeholder", "the code holds a placeholder that nothing filled")
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    if match["verb"] == "ENTER" and match["held"] == "ALL":
        raise Refuse("invalid_action", "ENTER-ALL is no code: a side is needed")
    parts = (match["rest"] or "").split("_")
    named = len(parts) > 2 and _SYMBOL.fullmatch(parts[1]) is not None
    held: Literal["long", "short"] | None = None
    if match["held"] != "ALL":
        held = "long" if match["held"] == "LONG" else "short"
    return _Said(
        match["verb"] == "ENTER", held, parts[0] if named else "", parts[1] if named else ""
    )


def _document(members: Members) -> Instruction:
    said = _code(members.required("code"))
    word = fold(members.text("orderType"))
    other = _ORDER_WORDS.get(word)
    if said is None and other is None:
        raise Refuse("invalid_action", "neither code nor orderType says what to do")
    if said and other and (said.enters, said.held) != (other.enters, other.held):
        raise Refuse("conflict", "code and orderType say different things")
    asked = said or other
    assert asked is not None
    kind = OrdType.MARKET
    if other is None:
        kind = members.choice("orderType", _TYPES) or OrdType.MARKET
    read = _entry(members, asked, kind) if asked.enters else _exit(asked)
    return structs.replace(read, auth="code_in_body")


def _exit(said: _Said) -> Instruction:
    """Read an exit, which is always of everything."""
    return Instruction(
        intent="close",
        side=side_closing(said.held) if said.held is not None else None,
        symbol=said.symbol,
        order_type=OrdType.MARKET,
        qty="all",
        closes=said.held or "both",
        position_effect="flat",
        exchange=said.exchange,
    )


def _entry(members: Members, said: _Said, kind: OrdType = OrdType.MARKET) -> Instruction:
    if said.held is None:
        raise Refuse("invalid_action", "an entry without its side")
    if members.flag("reduceOnly"):
        raise Refuse("conflict", "reduceOnly on an entry")
    side = side_opening(said.held)
    members.lose_no_stop(_KNOWN)
    price = members.price("price")
    limit, _ = order_prices(kind, price if kind is OrdType.LIMIT else None, None)
    sl, tp = _stop(members), _targets(members)
    check_sides(side, price, Guards(sl, tp))
    return Instruction(
        intent="open",
        side=side,
        symbol=said.symbol,
        order_type=kind,
        qty=_amount(members, said.symbol),
        limit=limit,
        ref_price=price if limit is None else None,
        sl=sl,
        tp=tp,
        position_effect=long_of(side),
        exchange=said.exchange,
        leverage=members.price("leverage"),
    )


def _amount(members: Members, symbol: str) -> Measure | None:
    amount = members.positive("amountPerTrade")
    if amount is None:
        return None
    stated = members.text("amountPerTradeType").lower()
    if not stated:
        return Measure(amount, "account_setting")
    unit = _UNITS.get(stated)
    if unit is None:
        raise Refuse("bad_enum", f"amountPerTradeType: {stated[:40]!r} is not one of WunderTrading")
    if unit == "portfolio_ratio" and amount > 1:
        raise Refuse("bad_number", f"amountPerTrade: {amount} as a ratio is more than everything")
    if unit == "percent" and amount > _HUNDRED:
        raise Refuse("bad_number", f"amountPerTrade: {amount} % is more than everything")
    if unit == "usd" and symbol.partition(".")[0].endswith(_DOLLARS):
        unit = "quote"
    return Measure(amount, unit)


def _stop(members: Members) -> Measure | None:
    """Read a stop: a deviation is a ratio; a bare number, as some senders write, a percentage."""
    if not members.has("stopLoss"):
        return None
    if not isinstance(members.values["stopLoss"], dict):
        return members.level("stopLoss", "percent")
    stop = members.inner("stopLoss")
    assert stop is not None
    stop.lose_no_stop(())
    level = _deviation(stop)
    if level is None:
        raise Refuse("missing_field", "stopLoss without priceDeviation or price")
    return level


def _targets(members: Members) -> Measure | tuple[Target, ...] | None:
    targets: list[Target] = []
    for one in members.several("takeProfits"):
        level = _deviation(one)
        if level is None:
            raise Refuse("missing_field", "a target without priceDeviation or price")
        share = one.positive("portfolio")
        if share is not None and share > 1:
            raise Refuse("bad_number", f"portfolio: {share} as a ratio is more than everything")
        portion = None if share is None else _plain(share * _HUNDRED)
        targets.append(Target(level.value, level.unit, portion))
    if sum((one.portion_pct or 0 for one in targets), Decimal(0)) > _HUNDRED:
        raise Refuse("conflict", "the targets take more than the whole position")
    if len(targets) == 1 and targets[0].portion_pct in (None, _HUNDRED):
        return Measure(targets[0].value, targets[0].unit)
    return tuple(targets) or None


def _deviation(level: Members) -> Measure | None:
    ratio, price = level.positive("priceDeviation"), level.price("price")
    if ratio is not None and price is not None:
        raise Refuse("conflict", "priceDeviation and price are both given")
    if price is not None:
        return Measure(price, "price")
    if ratio is None:
        return None
    if ratio >= 1:
        raise Refuse("bad_number", f"priceDeviation: {ratio} is a ratio and must be below 1")
    return Measure(_plain(ratio * _HUNDRED), "percent")


def _plain(value: Decimal) -> Decimal:
    return value.normalize() + 0
