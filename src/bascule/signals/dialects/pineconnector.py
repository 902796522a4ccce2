"""PineConnector's commands: ``LicenseID,command,symbol,key=value,...``, one to a line.

Bare numbers (``risk=1``, ``sl=20``) have the unit that the sender's terminal is set to, which only
the source's profile can tell. Not affiliated with PineConnector; read from its public syntax guide
and from public scripts as of November 2026, verify. See docs/dialects.md.
"""

import re

from msgspec import structs

from bascule.signals.command_fields import MT_KEYS, auth_of, collect, symbol_of
from bascule.signals.commands import COMMANDS, Command, instruct, lines_of, pairs_of, parts_of
from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse, Rejection
from bascule.signals.numbers import shown

NAME = "pineconnector"
JSON_MARKS = ()

_MAX_LINES = 20
_LICENCE = re.compile(r"[0-9]{5,24}|\*{3}", re.ASCII)
_ANY_LICENCE = re.compile(r"[A-Za-z0-9_*-]{1,64}", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z+_]*|[0-9]{5,24}", re.ASCII)
_FOREIGN = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,39}:[^,=]*[{\s]", re.ASCII)
_CHART = ("closeall", "closealleaoff")


def detect(text: str) -> int:
    """Claim a number, a word and more, between commas: a licence id and a command."""
    first, _, rest = text.lstrip("\ufeff \t\r\n").partition(",")
    if not rest or not _LICENCE.fullmatch(first.strip()):
        return 0
    word = rest.partition("\n")[0].partition(",")[0].strip()
    if not _WORD.fullmatch(word):
        return 0
    known = word.lower() in COMMANDS
    if first.strip() == "***":
        return 85 if known and "=" in rest else 0
    return 90 if known else 60


def parse(text: str, hints: Hints) -> Parsed:
    """Read one command, or several on lines of their own as a batch."""
    lines = lines_of(text)
    if not lines:
        return Rejection("empty_body", "there is nothing in it")
    if len(lines) > _MAX_LINES:
        return Rejection("malformed_command", f"more than {_MAX_LINES} lines")
    try:
        commands = [line for line in lines if not _FOREIGN.match(line)]
        if not commands or commands[0] != lines[0]:
            raise Refuse("malformed_command", "the first line is no command")
        return _batch(commands, hints, foreign=len(commands) < len(lines))
    except Refuse as refused:
        return refused.rejection


def _batch(commands: list[str], hints: Hints, *, foreign: bool) -> Parsed:
    licences: set[str] = set()
    legs: list[Instruction] = []
    for line in commands:
        licence, leg = _command(line, hints)
        licences.add(licence)
        legs.append(leg)
    if len(licences) > 1:
        raise Refuse("conflict", "the lines have different licence ids")
    if foreign:
        notes = (*legs[0].notes, "a line that is no command was left aside")
        legs[0] = structs.replace(legs[0], notes=notes)
    return tuple(legs) if len(legs) > 1 else legs[0]


def _command(line: str, hints: Hints) -> tuple[str, Instruction]:
    parts = parts_of(line)
    licence = parts[0]
    if not licence:
        raise Refuse("unauthenticated", "the licence id is empty")
    if not _ANY_LICENCE.fullmatch(licence) or licence.lower() in COMMANDS:
        raise Refuse("malformed_command", "it does not begin with a licence id")
    if len(parts) < 2:
        raise Refuse("malformed_command", "a licence id alone: no command and no symbol")
    command = _word(parts[1])
    if len(parts) < 3:
        raise Refuse("missing_field", "no symbol")
    symbol = _symbol(parts[1].lower(), command, parts[2])
    fields = collect(pairs_of(parts[3:]), MT_KEYS)
    auth = auth_of(fields, hints.auth)
    return licence, instruct(command, symbol, fields, auth=auth)


def _word(raw: str) -> Command:
    command = COMMANDS.get(raw.lower())
    if command is not None:
        return command
    if not raw or "=" in raw or not raw[0].isalpha():
        raise Refuse("malformed_command", f"{shown(raw)} stands in the place of the command")
    raise Refuse("invalid_action", f"{shown(raw)} is not a command")


def _symbol(word: str, command: Command, raw: str) -> str:
    """Read the symbol; a command about the terminal repeats itself in its place."""
    if command.intent == "control":
        if raw.lower() != word:
            raise Refuse("malformed_command", f"{word} is written {word},{word}")
        return ""
    if word in _CHART and raw.lower() == word:
        return ""
    return symbol_of(raw, COMMANDS)
