"""Alerts that begin with a password on a line of its own, as some MT4 and MT5 webhooks take them.

``PASSWORD`` and then ``long BTCUSD q=0.1 sl=1000``, one command to a line. ``sl`` and ``tp`` count
in points, ``slp`` and ``tpp`` are prices, ``3%`` is a percentage. Read from a public help page as
of November 2026, verify. See docs/dialects.md.
"""

import re

from bascule.signals.command_fields import Fields, Given, Keys, collect, symbol_of
from bascule.signals.commands import COMMANDS, Command, closing, instruct
from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse, Rejection
from bascule.signals.numbers import has_placeholder, shown
from bascule.signals.words import fold

NAME = "password_line"
JSON_MARKS = ()

_KEYS: Keys = {
    "q": ("volume", "lots"),
    "qt": ("size_unit", ""),
    "sl": ("sl", "points"),
    "slp": ("sl", "price"),
    "tp": ("tp", "points"),
    "tpp": ("tp", "price"),
    "p": ("entry", "account_setting"),
}
_SIZE_UNITS = {"percent": "percent_of_balance", "lot": "lots", "lots": "lots"}
_FLAT = closing("both")
_ACTIONS = {
    "long": COMMANDS["buy"],
    "buy": COMMANDS["buy"],
    "short": COMMANDS["sell"],
    "sell": COMMANDS["sell"],
    "flat": _FLAT,
}
_AT_A_PRICE = {"long": "buylimit", "buy": "buylimit", "short": "selllimit", "sell": "selllimit"}
_PASSWORD = re.compile(r"[^\s,;=|{}\[\]&]{1,200}")
_COMMAND = re.compile(
    r"(?:long|short|flat|buy|sell|\{\{[^{}]*\}\})[ \t]+[^\s=,;]+(?:[ \t]+[A-Za-z_]+=\S*)*",
    re.IGNORECASE,
)
_OWN_KEY = re.compile(r"\s(?:q|qt|slp|tpp)=", re.IGNORECASE)
_MAX_LINES = 20


def detect(text: str) -> int:
    """Claim a word on a line of its own and a command below it."""
    lines = _lines(text)
    if len(lines) == 1:
        return 60 if _COMMAND.fullmatch(lines[0]) and _OWN_KEY.search(lines[0]) else 0
    if not lines or not _PASSWORD.fullmatch(lines[0]) or fold(lines[0]) in _ACTIONS:
        return 0
    return 80 if all(_COMMAND.fullmatch(line) for line in lines[1:]) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read the commands below the password."""
    lines = _lines(text)
    if not lines:
        return Rejection("empty_body", "there is nothing in it")
    if len(lines) > _MAX_LINES:
        return Rejection("malformed_command", f"more than {_MAX_LINES} lines")
    auth = hints.auth
    if _PASSWORD.fullmatch(lines[0]):
        lines, auth = lines[1:], "body_secret"
    elif not auth:
        return Rejection("unauthenticated", "it does not begin with a password on its own line")
    if not lines:
        return Rejection("malformed_command", "no command below the password")
    try:
        legs = tuple(_command(line, auth) for line in lines)
    except Refuse as refused:
        return refused.rejection
    return legs if len(legs) > 1 else legs[0]


def _lines(text: str) -> list[str]:
    stripped = text.strip("\ufeff\0 \t\r\n")
    return [line.strip() for line in stripped.splitlines() if line.strip()]


def _command(line: str, auth: str) -> Instruction:
    words = line.split()
    action = words[0].lower()
    if action not in _ACTIONS:
        if has_placeholder(line):
            raise Refuse("unresolved_placeholder", f"the command is {shown(line)}")
        raise Refuse("invalid_action", f"{shown(words[0])} is not long, short or flat")
    if len(words) < 2:
        raise Refuse("missing_field", "no symbol")
    symbol = symbol_of(words[1], _ACTIONS)
    given = collect((_pair(word) for word in words[2:]), _KEYS)
    if action == "flat":
        return instruct(_FLAT, symbol, {}, auth=auth)
    return instruct(_entry(action, given), symbol, _sized(given), auth=auth)


def _pair(word: str) -> tuple[str, object]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise Refuse("malformed_command", f"{shown(word)} is not key=value")
    return key, value


def _entry(action: str, fields: Fields) -> Command:
    return COMMANDS[_AT_A_PRICE[action]] if "entry" in fields else _ACTIONS[action]


def _sized(fields: dict[str, Given]) -> Fields:
    """Give the size the unit that ``qt`` says."""
    stated, size = fields.pop("size_unit", None), fields.get("volume")
    if stated is None:
        return fields
    unit = _SIZE_UNITS.get(str(stated.value).lower())
    if unit is None:
        raise Refuse("bad_enum", f"qt: {shown(stated.value)} is no unit of a size")
    if size is None:
        raise Refuse("missing_field", "qt without q")
    return {**fields, "volume": Given(size.key, size.value, unit)}
