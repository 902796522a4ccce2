"""OpenAlgo's JSON: orders and smart orders of its API, and the webhooks of its strategies.

A smart order's ``position_size`` is the net position wanted. A strategy webhook in BOTH mode reads
it otherwise: with BUY and SELL it only tells entries (above 0) from exits (0). Not affiliated with
OpenAlgo; checked 2026-11-21 against its public documents; verify.
"""

import re
from decimal import Decimal

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import (
    SIDES,
    Members,
    mentions,
    noting,
    order_prices,
    read_object,
)
from bascule.signals.positions import long_of, short_of, side_closing, side_opening
from bascule.signals.words import fold

NAME = "openalgo"
JSON_MARKS = ("pricetype", "apikey", "action")

_TYPES = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "sl": OrdType.STOP_LIMIT,
    "slm": OrdType.STOP,
}
_PRODUCTS = {"mis": "MIS", "cnc": "CNC", "nrml": "NRML"}
_ORDER_MARKS = ("apikey", "pricetype", "product")
_FIELDS = (
    "apikey", "strategy", "symbol", "exchange", "action", "product", "pricetype", "quantity",
    "price", "trigger_price", "disclosed_quantity", "position_size",
)  # fmt: skip
_WEBHOOK_FIELDS = ("symbol", "action", "position_size", "quantity", "mode", "exchange", "strategy")
_MODES = {"live": "live", "sandbox": "sandbox"}
_LEGS: dict[str, tuple[bool, Side]] = {
    "longentry": (True, side_opening("long")),
    "longexit": (False, side_closing("long")),
    "shortentry": (True, side_opening("short")),
    "shortexit": (False, side_closing("short")),
}
_WEBHOOK = re.compile(
    r'\{\s*(?:"symbol"\s*:\s*"[^"]*"\s*,\s*"action"\s*:\s*"(?:BUY|SELL)"|'
    r'"action"\s*:\s*"(?:BUY|SELL)"\s*,\s*"symbol"\s*:\s*"[^"]*")'
    r'\s*,\s*"position_size"\s*:\s*[^,{}]+\}'
)
_CONTROL = re.compile(
    r'"action"\s*:\s*"(?:start|stop|long_entry|long_exit|short_entry|short_exit)"', re.IGNORECASE
)


def detect(text: str) -> int:
    """Claim API orders by their names, and webhooks that are nothing but their few fields."""
    if mentions(text, "pricetype") or (mentions(text, "apikey", "product")):
        return 75
    if not mentions(text, "action"):
        return 0
    if _WEBHOOK.fullmatch(text.strip(" \t\r\n\0\ufeff")):
        return 60
    return 60 if mentions(text, "mode") and _CONTROL.search(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one order or webhook."""
    try:
        members = read_object(text)
        if any(name in members.values for name in _ORDER_MARKS):
            return noting(_order(members, hints), members.repairs)
        members.only(_WEBHOOK_FIELDS)
        # A strategy webhook has its token in the URL.
        read = structs.replace(_webhook(members), auth=hints.auth or "url_path")
        return noting(read, members.repairs)
    except Refuse as refused:
        return refused.rejection


def _order(members: Members, hints: Hints) -> Instruction:
    members.only(_FIELDS)
    auth = members.credential("apikey", outside=hints.auth, where="body_key")
    side = members.side("action")
    name = members.symbol("symbol")
    kind = members.choice("pricetype", _TYPES) or OrdType.MARKET
    limited = kind in (OrdType.LIMIT, OrdType.STOP_LIMIT)
    stopped = kind in (OrdType.STOP, OrdType.STOP_LIMIT)
    limit, stop = order_prices(
        kind,
        members.price("price") if limited else None,
        members.price("trigger_price") if stopped else None,
    )
    product = members.choice("product", _PRODUCTS)
    target = members.number("position_size")
    read = Instruction(
        intent="open",
        side=side,
        symbol=name,
        order_type=kind,
        limit=limit,
        stop=stop,
        position_effect=long_of(side),
        auth=auth,
        strategy=members.label("strategy"),
        exchange=members.text("exchange"),
        notes=(f"product {product} is not applied: the venue's account has it",) if product else (),
    )
    if target is None:
        return structs.replace(read, qty=Measure(members.whole("quantity"), "units"))
    return _smart(members, read, target)


def _smart(members: Members, read: Instruction, target: Decimal) -> Instruction:
    """Read a smart order: the account is driven to a net position, whatever the order's size."""
    if target != target.to_integral_value():
        raise Refuse("bad_number", f"position_size: {target} is no whole number")
    sized = members.has("quantity") and members.number("quantity") != 0
    return structs.replace(
        read,
        intent="target_position",
        qty=Measure(members.whole("quantity"), "units") if sized else None,
        target=target,
        position_effect="flat" if not target else "long" if target > 0 else "short",
    )


def _webhook(members: Members) -> Instruction:
    word = fold(members.required("action"))
    if word in ("start", "stop"):
        return _control(members, word)
    name = members.symbol("symbol")
    if word in _LEGS:
        enters, side = _LEGS[word]
        quantity = Measure(members.whole("quantity"), "units") if members.has("quantity") else None
        mode = members.choice("mode", _MODES) or ""
        read = _enter(side, name, quantity) if enters else _exit(side, name)
        return structs.replace(read, mode=mode)
    if word not in SIDES:
        raise Refuse("invalid_action", f"action: {members.text('action')[:40]!r} is no action")
    size = members.number("position_size")
    if size is None:
        raise Refuse("missing_field", "no position_size: it tells an entry from an exit")
    side = SIDES[word]
    if not size:
        return _exit(side, name)
    if side is Side.BUY and size < 0:
        raise Refuse("conflict", f"a BUY that leaves a position of {size}")
    size = abs(size)
    if size != size.to_integral_value():
        raise Refuse("bad_number", f"position_size: {size} is no whole number")
    return _enter(side, name, Measure(size, "units"))


def _enter(side: Side, name: str, qty: Measure | None) -> Instruction:
    return Instruction(
        intent="open", side=side, symbol=name, order_type=OrdType.MARKET, qty=qty,
        position_effect=long_of(side),
    )  # fmt: skip


def _exit(side: Side, name: str) -> Instruction:
    return Instruction(
        intent="close", side=side, symbol=name, order_type=OrdType.MARKET, qty="all",
        closes=short_of(side), position_effect="flat",
    )  # fmt: skip


def _control(members: Members, word: str) -> Instruction:
    if word == "stop":
        return Instruction(intent="control", control="halt", mode=members.text("mode"))
    mode = members.choice("mode", _MODES)
    if mode is None:
        raise Refuse("missing_field", "no mode: a start says live or sandbox")
    return Instruction(intent="control", control="start", mode=mode)
