"""PineTunnel's commands: PineConnector's in snake case, with explicit sizes and a secret.

``LICENSE,command,symbol,key=value,...,secret=...``, or the same inside ``{"message": "..."}``. Not
affiliated with PineTunnel; read from its public repository as of November 2026, verify. See
docs/dialects.md.
"""

import re

from bascule.signals import lenient_json
from bascule.signals.command_fields import MT_KEYS, Keys, auth_of, collect, symbol_of
from bascule.signals.commands import (
    COMMANDS,
    Command,
    close_and_open,
    closing,
    instruct,
    lines_of,
    pairs_of,
    parts_of,
)
from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse, Rejection
from bascule.signals.numbers import shown
from bascule.signals.words import fold

NAME = "pinetunnel"
JSON_MARKS = ("message",)

_OWN_KEYS: Keys = {
    "lots": ("volume", "lots"),
    "usd": ("volume", "usd"),
    "riskbalpct": ("risk", "percent_balance"),
    "riskeqpct": ("risk", "percent_equity"),
    "marginbalpct": ("volume", "percent_of_balance_margin"),
    "margineqpct": ("volume", "percent_of_equity_margin"),
    "slpoints": ("sl", "points"),
    "tppoints": ("tp", "points"),
    "entrypoints": ("entry", "points"),
    "trailtrigger": ("trail_trigger", "pips"),
    "traildistance": ("trail_distance", "pips"),
    "nm": ("near_market", ""),
}
_KEYS: Keys = {**MT_KEYS, **_OWN_KEYS}
_OWN_COMMANDS = {
    "closeall": closing("both"),
    "closealloff": Command(intent="flatten_all", control="halt", effect="flat"),
    "closelongsell": close_and_open("long", "short"),
    "closeshortbuy": close_and_open("short", "long"),
    "closeallbuy": close_and_open("both", "long"),
    "closeallsell": close_and_open("both", "short"),
    **{f"sltp{word[7:]}": one for word, one in COMMANDS.items() if word.startswith("newsltp")},
}
_COMMANDS: dict[str, Command] = {**COMMANDS, **_OWN_COMMANDS}
_LICENCE = re.compile(r"[A-Za-z0-9_-]{3,64}|\*{3}", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|\*{3}", re.ASCII)
_OWN_KEY = re.compile(
    r",\s*(?:lots|usd|(?:risk|margin)_(?:bal|eq)_pct|(?:sl|tp|entry)_points|nm|acc_filter"
    r"|(?:be|trail|atr)_[a-z]+)\s*=",
    re.IGNORECASE | re.ASCII,
)
_PLAIN = frozenset({"buy", "sell", "close", "close_long", "close_short"})
_MAX_LINES = 20


def detect(text: str) -> int:
    """Claim a licence id and a command with fields, where its own spelling shows."""
    start = text.lstrip("\ufeff \t\r\n")
    if start[:1] == "{":
        inner = _message(start) if '"message"' in start else None
        return detect(inner) if inner is not None and inner[:1] != "{" else 0
    parts = [part.strip() for part in start.split("\n", 1)[0].split(",", 3)]
    if len(parts) < 3 or not _LICENCE.fullmatch(parts[0]) or fold(parts[0]) in _COMMANDS:
        return 0
    if fold(parts[1]) not in _COMMANDS:
        return 0
    fielded = len(parts) > 3 and "=" in parts[3]
    if fielded and (_OWN_KEY.search(start) or parts[1].lower() not in COMMANDS):
        return 92
    if _NUMBER.fullmatch(parts[0]):
        return 0
    return 80 if fielded or parts[1].lower() not in _PLAIN else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one command, or several on lines of their own as a batch."""
    try:
        start = text.lstrip("\ufeff \t\r\n")
        if start[:1] == "{":
            inner = _message(start)
            if inner is None:
                raise Refuse("malformed_command", "JSON without a command in its message field")
            text = inner
        lines = lines_of(text)
        if not lines:
            return Rejection("empty_body", "there is nothing in it")
        if len(lines) > _MAX_LINES:
            raise Refuse("malformed_command", f"more than {_MAX_LINES} lines")
        legs = tuple(_command(line, hints) for line in lines)
        return legs if len(legs) > 1 else legs[0]
    except Refuse as refused:
        return refused.rejection


def _message(text: str) -> str | None:
    """Take the command out of ``{"message": "..."}``; None when it is anything else."""
    read = lenient_json.decode(text)
    if isinstance(read, Rejection) or not isinstance(read.value, dict) or len(read.value) != 1:
        return None
    inner = read.value.get("message")
    return inner if isinstance(inner, str) else None


def _command(line: str, hints: Hints) -> Instruction:
    parts = parts_of(line)
    if not parts[0]:
        raise Refuse("unauthenticated", "the licence id is empty")
    if not _LICENCE.fullmatch(parts[0]) or fold(parts[0]) in _COMMANDS:
        raise Refuse("malformed_command", "it does not begin with a licence id")
    if len(parts) < 2 or not parts[1] or "=" in parts[1]:
        raise Refuse("malformed_command", "no command after the licence id")
    word = fold(parts[1])
    command = _COMMANDS.get(word)
    if command is None:
        if parts[1].isdigit():
            raise Refuse("malformed_command", "two licence ids")
        raise Refuse("invalid_action", f"{shown(parts[1])} is not a command")
    if len(parts) < 3:
        raise Refuse("missing_field", "no symbol")
    symbol = _symbol(word, command, parts[2])
    fields = collect(pairs_of(parts[3:]), _KEYS)
    if "secret" not in fields and not hints.auth:
        raise Refuse("unauthenticated", "no secret=, and nothing else says who sent it")
    return instruct(command, symbol, fields, auth=auth_of(fields, hints.auth))


def _symbol(word: str, command: Command, raw: str) -> str:
    if command.intent == "control" and fold(raw) != word:
        raise Refuse("malformed_command", f"{word} is repeated in the place of the symbol")
    if command.intent in ("control", "flatten_all") and fold(raw) == word:
        return ""
    if fold(raw) in _COMMANDS:
        raise Refuse("malformed_command", f"no symbol: {shown(raw)} is a second command")
    return symbol_of(raw)
