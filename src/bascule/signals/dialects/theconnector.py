"""TheConnector's commands: PineConnector's without a licence id, as a line or as flat JSON.

``buy,EURUSD,risk=1,sl=20,tp=40`` or ``{"action": "buy", "symbol": "EURUSD", "risk": 1, ...}``; the
credential is in the address. Not affiliated with TheConnector; read from its public documentation
as of November 2026, verify. See docs/dialects.md.
"""

from msgspec import structs

from bascule.signals import lenient_json
from bascule.signals.command_fields import (
    MT_KEYS,
    Fields,
    Keys,
    auth_of,
    collect,
    label_of,
    symbol_of,
)
from bascule.signals.commands import COMMANDS, Command, instruct, lines_of, pairs_of, parts_of
from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse, Rejection
from bascule.signals.numbers import shown
from bascule.signals.words import fold

NAME = "theconnector"
JSON_MARKS = ("action",)

_KEYS: Keys = {
    **MT_KEYS,
    "volume": ("volume", "lots"),
    "lot": ("volume", "lots"),
    "lots": ("volume", "lots"),
    "fixedvolume": ("volume", "lots"),
    "ticket": ("ticket", ""),
    "id": ("id", ""),
    "source": ("source", ""),
}
_TO_ENTRY = {f"breakeven{held}": held for held in ("long", "short")}
_COMMANDS: dict[str, Command] = {
    **COMMANDS,
    **{word: COMMANDS[f"newsltp{held}"] for word, held in _TO_ENTRY.items()},
}
_SHARED = frozenset({"buy", "sell", "long", "short"})
"""Words that free-form alerts use too."""
_MARKS = frozenset({"source", "risk", "fixedvolume", "ticket"})
_MAX_LINES = 20
_PADDING = "\ufeff\0 \t\r\n"


def detect(text: str) -> int:
    """Claim a line that begins with a command and a symbol, or JSON of its own few fields."""
    start = text.lstrip(_PADDING)
    if start[:1] == "{":
        return _detect_json(start)
    parts = [part.strip() for part in start.split("\n", 1)[0].split(",")]
    if len(parts) < 2 or fold(parts[0]) not in _COMMANDS or "=" in parts[1]:
        return 0
    return 85 if all("=" in part for part in parts[2:]) else 50


def _detect_json(text: str) -> int:
    if '"action"' not in text or '"symbol"' not in text:
        return 0
    members = _members(text)
    if isinstance(members, Rejection):
        return 0
    keys = {fold(key) for key in members}
    action = members.get("action")
    if not isinstance(action, str) or fold(action) not in _COMMANDS:
        return 0
    if keys - _KEYS.keys() - {"action", "symbol"} or "secret" in keys:
        return 0
    if keys & _MARKS:
        return 70
    return 0 if fold(action) in _SHARED else 30


def parse(text: str, hints: Hints) -> Parsed:
    """Read one command, or several on lines of their own as a batch."""
    try:
        if text.lstrip(_PADDING)[:1] == "{":
            members = _members(text.strip(_PADDING))
            return members if isinstance(members, Rejection) else _json(members, hints)
        lines = lines_of(text)
        if not lines:
            return Rejection("empty_body", "there is nothing in it")
        if len(lines) > _MAX_LINES:
            raise Refuse("malformed_command", f"more than {_MAX_LINES} lines")
        legs = tuple(_line(line, hints) for line in lines)
        return legs if len(legs) > 1 else legs[0]
    except Refuse as refused:
        return refused.rejection


def _members(text: str) -> dict[str, object] | Rejection:
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        return read
    if not isinstance(read.value, dict):
        return Rejection("malformed_json", "a JSON object is expected")
    return read.value


def _line(line: str, hints: Hints) -> Instruction:
    parts = parts_of(line)
    word, command = _word(parts[0])
    if len(parts) < 2:
        raise Refuse("missing_field", "no symbol")
    symbol = _symbol(word, command, parts[1])
    return _instruct(word, command, symbol, collect(pairs_of(parts[2:]), _KEYS), hints)


def _json(members: dict[str, object], hints: Hints) -> Instruction:
    action, raw = members.get("action"), members.get("symbol", "")
    if action is None or action == "":
        raise Refuse("missing_field", "no action")
    word, command = _word(action)
    if not isinstance(raw, str):
        raise Refuse("missing_field", f"no symbol: {shown(raw)} is no text")
    fields = collect(
        [
            (key, value)
            for key, value in members.items()
            if key not in ("action", "symbol") and value is not None
        ],
        _KEYS,
    )
    symbol = "" if command.intent == "flatten_all" and not raw else _symbol(word, command, raw)
    return _instruct(word, command, symbol, fields, hints)


def _word(raw: object) -> tuple[str, Command]:
    word = fold(raw) if isinstance(raw, str) else ""
    if word not in _COMMANDS:
        raise Refuse("invalid_action", f"{shown(raw)} is not a command")
    return word, _COMMANDS[word]


def _symbol(word: str, command: Command, raw: str) -> str:
    if command.intent in ("control", "flatten_all") and fold(raw) in ("", word):
        return ""
    if fold(raw) in _COMMANDS:
        raise Refuse("malformed_command", f"no symbol: {shown(raw)} is a second command")
    return symbol_of(raw)


def _instruct(
    word: str, command: Command, symbol: str, fields: Fields, hints: Hints
) -> Instruction:
    auth = auth_of(fields, hints.auth or "url_path")
    if word in _TO_ENTRY and "sl" not in fields and "tp" not in fields:
        unheld = instruct(COMMANDS["breakeven"], symbol, fields, auth=auth)
        read = structs.replace(unheld, target=command.target)
    else:
        read = instruct(command, symbol, fields, auth=auth)
    signal_id, notes = label_of(fields, "id")
    if "ticket" in fields:
        notes = (*notes, "ticket is not used: what the strategy's own book holds is meant")
    return structs.replace(read, signal_id=signal_id, notes=(*read.notes, *notes))
