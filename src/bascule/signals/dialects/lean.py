"""What LEAN algorithms send with ``Notify.Web``: reports of fills in words, or orders as JSON.

A report of what was filled is no order and is kept for the record only. An algorithm that means
Bascule to trade sends TradersPost's JSON, which is read here too. Not affiliated with QuantConnect;
read from public algorithms as of November 2026, verify. See docs/dialects.md.
"""

import re
from decimal import Decimal

from bascule.model.enums import Side
from bascule.signals import traders_json
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse, Rejection
from bascule.signals.numbers import number

NAME = "lean"
JSON_MARKS = ()

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_SYMBOL = r"(?P<symbol>[A-Za-z0-9./:_^-]{1,40})"
_SIDE = r"(?P<side>BUY|SELL|Buy|Sell)"
_REPORTS = (
    re.compile(rf"{_SYMBOL} {_SIDE} filled: (?P<qty>{_NUMBER}) @ \$?(?P<price>{_NUMBER})"),
    re.compile(
        rf"ORDER FILLED: {_SIDE} {_SYMBOL} (?P<qty>{_NUMBER}) @ \$?(?P<price>{_NUMBER})",
        re.IGNORECASE,
    ),
    re.compile(
        rf"Time: .{{1,40}} OrderID: [0-9]+ EventID: [0-9]+ Symbol: {_SYMBOL} "
        rf"Status: (?P<status>[A-Za-z]+) Quantity: (?P<qty>{_NUMBER})"
        rf"(?: FillQuantity: {_NUMBER} FillPrice: (?P<price>{_NUMBER}).{{0,200}})?"
    ),
)


def detect(text: str) -> int:
    """Claim the reports of order events."""
    return 90 if _match(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read a report, or an order in TradersPost's JSON."""
    start = text.strip("\ufeff\0 \t\r\n")
    if not start:
        return Rejection("empty_body", "there is nothing in it")
    if start[0] in "{[":
        return traders_json.parse(text, hints)
    match = _match(text)
    if match is None:
        return Rejection("unknown_format", "neither a report of an order nor JSON")
    try:
        return _report(match.groupdict(), hints)
    except Refuse as refused:
        return refused.rejection


def _match(text: str) -> re.Match[str] | None:
    start = text.strip("\ufeff\0 \t\r\n")
    return next((match for one in _REPORTS if (match := one.fullmatch(start))), None)


def _report(said: dict[str, str | None], hints: Hints) -> Instruction:
    qty = number(said["qty"], "the quantity")
    price = number(said["price"], "the price") if said.get("price") else None
    status = (said.get("status") or "filled").lower()
    return Instruction(
        intent="notify",
        side=_side(said.get("side"), qty),
        symbol=said["symbol"] or "",
        event="fill" if status in ("filled", "partiallyfilled") else status,
        qty=Measure(abs(qty), "units") if qty else None,
        price=price,
        auth=hints.auth,
    )


def _side(word: str | None, qty: Decimal) -> Side | None:
    if word:
        return Side(word.lower())
    return (Side.BUY if qty > 0 else Side.SELL) if qty else None
