"""freqtrade's REST bodies ``forceenter`` and ``forceexit``, and its outgoing reports.

A report (``value1=Buying...``) is what freqtrade has done itself and asks for nothing. Not
affiliated with freqtrade; checked 2026-11-21 against its public documents; verify.
"""

import re
from urllib.parse import parse_qsl

from msgspec import structs

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import (
    HELD_SIDES,
    Members,
    is_json,
    mentions,
    noting,
    order_prices,
    read_object,
)
from bascule.signals.positions import long_of

NAME = "freqtrade"
JSON_MARKS = ("tradeid", "value1", "pair")

_ENTER = ("pair", "side", "price", "ordertype", "stakeamount", "leverage", "entry_tag")
_EXIT = ("tradeid", "ordertype", "amount", "price")
_TYPES = {"limit": OrdType.LIMIT, "market": OrdType.MARKET}
_PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,12}(?::[A-Z0-9]{1,12})?")
_EVENTS = (
    ("cancel", "cancel"), ("buying", "entry"), ("entering", "entry"), ("longing", "entry"),
    ("shorting", "entry"), ("entry", "entry"), ("selling", "exit"), ("exiting", "exit"),
    ("exit", "exit"),
)  # fmt: skip
_PADDING = " \t\r\n\0\ufeff"


def detect(text: str) -> int:
    """Claim the bodies by their names, and the reports by theirs."""
    if not is_json(text):
        return 70 if text.lstrip(_PADDING).startswith("value1=") else 0
    if mentions(text, "tradeid") or mentions(text, "value1"):
        return 70
    own = any(f'"{name}"' in text for name in ("stakeamount", "entry_tag", "ordertype"))
    return 70 if mentions(text, "pair") and own else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one body."""
    try:
        if not is_json(text):
            return structs.replace(_form(text), auth=hints.auth)
        members = read_object(text)
        # The REST server takes a password or a token in a header, and nothing in the body.
        auth = hints.auth or "header_basic_or_jwt"
        return noting(structs.replace(_read(members), auth=auth), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members) -> Instruction:
    if "value1" in members.values:
        return _report(members.label("value1"))
    if "tradeid" in members.values:
        members.only(_EXIT)
        return _exit(members)
    members.only(_ENTER)
    return _enter(members)


def _form(text: str) -> Instruction:
    stripped = text.strip(_PADDING)
    if not stripped:
        raise Refuse("empty_body", "there is nothing in it")
    values = dict(parse_qsl(stripped, max_num_fields=50))
    if "value1" not in values:
        raise Refuse("unknown_format", "it is neither JSON nor a report of freqtrade")
    return _report(values["value1"])


def _report(what: str) -> Instruction:
    pair = _PAIR.search(what)
    folded = what.lower()
    event = next((event for word, event in _EVENTS if word in folded), "status")
    return Instruction(intent="notify", symbol=pair[0] if pair else "", event=event)


def _enter(members: Members) -> Instruction:
    side = members.side("side", HELD_SIDES)
    kind = members.choice("ordertype", _TYPES)
    price = members.price("price")
    stake = members.positive("stakeamount")
    limit, _ = order_prices(kind or OrdType.MARKET, price if kind is OrdType.LIMIT else None, None)
    return Instruction(
        intent="open",
        side=side,
        symbol=members.symbol("pair"),
        order_type=kind,
        qty=Measure(stake, "quote") if stake is not None else None,
        limit=limit,
        entry=price if kind is None else None,
        ref_price=price if kind is OrdType.MARKET else None,
        position_effect=long_of(side),
        leverage=members.price("leverage"),
        comment=members.label("entry_tag"),
    )


def _exit(members: Members) -> Instruction:
    """Read an exit of all trades, or of one by freqtrade's own number for it."""
    trade = members.required("tradeid")
    if trade.lower() == "all":
        if members.has("amount"):
            raise Refuse("conflict", "an amount of all trades")
        return Instruction(intent="flatten_all", position_effect="flat")
    kind = members.choice("ordertype", _TYPES) or OrdType.MARKET
    amount = members.positive("amount")
    limit = members.price("price") if kind is OrdType.LIMIT else None
    return Instruction(
        intent="close" if amount is None else "reduce",
        order_type=kind,
        qty="all" if amount is None else Measure(amount, "base"),
        limit=limit,
        position_effect="flat" if amount is None else "reduce",
        order_id=trade,
    )
