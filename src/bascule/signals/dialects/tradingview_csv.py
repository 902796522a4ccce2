"""Alerts as comma-separated values without names: ``secret, action, ticker`` and then a bar.

The columns are ``secret, action, ticker, interval, time, open, close, high, low, volume,
quantity``; those after the ticker may be left out or empty. A field that does not look like its
column refuses the message, for then the columns are others. Not affiliated with TradingView; read
from a public receiver as of November 2026. See docs/dialects.md.
"""

import re
from decimal import Decimal

from msgspec import structs

from bascule.signals.command_fields import symbol_of
from bascule.signals.commands import COMMANDS, Command, closing, instruct
from bascule.signals.freshness import read_time
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse, Rejection
from bascule.signals.numbers import has_placeholder, is_unreadable, number, positive, shown

NAME = "tradingview_csv"
JSON_MARKS = ()

_ACTIONS: dict[str, Command] = {
    "buy": COMMANDS["buy"],
    "sell": COMMANDS["sell"],
    "close": structs.replace(closing("both"), closes=None),
    "close_long": closing("long"),
    "close_short": closing("short"),
}
_COLUMNS = (
    "secret", "action", "ticker", "interval", "time", "open", "close", "high", "low", "volume",
    "quantity",
)  # fmt: skip
_INTERVAL = re.compile(r"[0-9]{1,5}[SDWMHsdwmh]?|[SDWMH]", re.ASCII)
_SECRET = re.compile(r"[^\s=;|{}\[\]<>]{1,200}")
_WORD = re.compile(r"[A-Za-z_]{1,20}", re.ASCII)
_PADDING = "\ufeff\0 \t\r\n"


def detect(text: str) -> int:
    """Claim values between commas without names, of which the second is an action."""
    line = text.strip(_PADDING)
    if "\n" in line or "=" in line or line[:1] in ("{", "["):
        return 0
    parts = [part.strip() for part in line.split(",")]
    if not 2 <= len(parts) <= len(_COLUMNS) or (parts[0] and not _SECRET.fullmatch(parts[0])):
        return 0
    if parts[1].lower() in _ACTIONS:
        return 75
    return 25 if len(parts) > 2 and _WORD.fullmatch(parts[1]) and " " not in parts[2] else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one line."""
    line = text.strip(_PADDING)
    if not line:
        return Rejection("empty_body", "there is nothing in it")
    try:
        if "\n" in line:
            raise Refuse("malformed_command", "more than one line")
        return _read([part.strip() for part in line.split(",")], hints)
    except Refuse as refused:
        return refused.rejection


def _read(parts: list[str], hints: Hints) -> Instruction:
    if len(parts) < 2:
        raise Refuse("malformed_command", "values between commas are expected")
    if len(parts) > len(_COLUMNS):
        raise Refuse("malformed_command", f"more than {len(_COLUMNS)} values")
    row = dict(zip(_COLUMNS, parts, strict=False))
    if not row["secret"] and not hints.auth:
        raise Refuse("unauthenticated", "the secret is empty")
    command = _ACTIONS.get(row["action"].lower())
    if command is None:
        if has_placeholder(row["action"]):
            raise Refuse("unresolved_placeholder", f"the action is {shown(row['action'])}")
        raise Refuse("invalid_action", f"{shown(row['action'])} is not an action")
    symbol = symbol_of(row.get("ticker", ""), _ACTIONS)
    auth = "body_secret" if row["secret"] else hints.auth
    read = instruct(command, symbol, {}, auth=auth, sized=False)
    return _with_columns(read, row)


def _with_columns(read: Instruction, row: dict[str, str]) -> Instruction:
    closes = read.intent == "close"
    interval, time = row.get("interval", ""), row.get("time", "")
    if interval and not has_placeholder(interval) and not _INTERVAL.fullmatch(interval):
        raise Refuse("malformed_command", f"{shown(interval)} stands where the interval belongs")
    if interval and "time" not in row:
        raise Refuse("malformed_command", f"{shown(interval)} may be an interval or a size")
    more: dict[str, object] = {}
    if time and not has_placeholder(time):
        fired_at, note = read_time(time)
        if fired_at is None:
            raise Refuse("malformed_command", f"{shown(time)} stands where the time belongs")
        note = note or "time may be the bar's open; send timenow to judge age by"
        more = {"fired_at": fired_at, "notes": (*read.notes, note)}
    more["ref_price"] = _seen(row.get("close", ""), lenient=closes)
    if row.get("quantity"):
        more["qty"] = Measure(positive(row["quantity"], "quantity"), "units")
        if closes:
            more |= {"intent": "reduce", "position_effect": "reduce"}
    return structs.replace(read, **more)


def _seen(raw: str, *, lenient: bool) -> Decimal | None:
    """Read the price that the sender saw; a broken one cannot block an exit."""
    if is_unreadable(raw):
        return None
    try:
        return number(raw, "close") or None
    except Refuse:
        if lenient:
            return None
        raise
