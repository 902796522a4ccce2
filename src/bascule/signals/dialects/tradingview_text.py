"""Alerts in plain words: ``buy XAUUSD``, or the message that TradingView proposes for strategies.

Two forms only. A command is an action, a symbol and ``key=value`` fields between spaces. What
TradingView proposes is ``order buy @ 3 filled on BTCUSDT. New strategy position is 3``. Prose, form
data and numbers without names are refused: a word that means buy somewhere in a text is no order.
Not affiliated with TradingView; public samples of November 2026. See docs/dialects.md.
"""

import re

from bascule.model.enums import OrdType, Side
from bascule.signals import lenient_json
from bascule.signals.command_fields import MT_KEYS, Keys, auth_of, collect, symbol_of
from bascule.signals.commands import COMMANDS, Command, closing, instruct
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse, Rejection
from bascule.signals.json_fields import collect as collect_json
from bascule.signals.json_labels import symbol_or_empty
from bascule.signals.numbers import has_placeholder, number, positive, shown
from bascule.signals.positions import read_fill, side_closing, signed
from bascule.signals.words import ACTIONS, ORDER_TYPES, Word, fold

NAME = "tradingview_text"
JSON_MARKS = ()

_KEYS: Keys = {
    **MT_KEYS,
    "lots": ("volume", "lots"),
    "qty": ("qty", "units"),
    "quantity": ("qty", "units"),
    "contracts": ("qty", "units"),
}
_STRATEGY = re.compile(
    r"(?:[^\r\n]{0,200}?: ?)?order (?P<side>buy|sell) @ (?P<qty>[^\s@]{1,40}) filled on "
    r"(?P<symbol>[^\s@]{1,64}?)\. New strategy position is (?P<position>[^\s@]{1,40}?)\.?",
    re.IGNORECASE,
)
_FORM = re.compile(r"[\w.%\[\]-]+=[^&\s]*(?:&[\w.%\[\]-]+=[^&\s]*)+")
_TICKER = re.compile(
    r"(?:[A-Z0-9_]+:)?(?:[A-Z]|[A-Z0-9][A-Z0-9/._-][A-Za-z0-9/._!:-]{0,40})", re.ASCII
)
"""Capitals, so that a word of prose is none."""
_LONGEST = 2
"""How many words an action has at most."""
_PADDING = "\ufeff\0 \t\r\n"


def detect(text: str) -> int:
    """Claim a strategy's default message, or an action and a symbol with fields at most."""
    line = text.strip(_PADDING)
    if len(line) > 1000 or "\n" in line or line[:1] in ("{", "["):
        return 0
    if _STRATEGY.fullmatch(line):
        return 80
    words = line.split()
    found = _action(words)
    if found is None:
        return 0
    rest = words[found[1] :]
    fits = not rest or (_TICKER.fullmatch(rest[0]) and all("=" in word for word in rest[1:]))
    return 40 if fits else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    line = text.strip(_PADDING).strip()
    if not line:
        return Rejection("empty_body", "there is nothing in it")
    try:
        if line[0] in "{[" and line[:2] != "{{":
            return _json(line)
        if "\n" in line or _FORM.fullmatch(line):
            return Rejection("unknown_format", "neither a command nor a strategy's message")
        if match := _STRATEGY.fullmatch(line):
            return _strategy(match, hints)
        return _command(line, hints)
    except Refuse as refused:
        return refused.rejection


def _json(text: str) -> Rejection:
    """Say of JSON what is missing in it, or which dialect reads it."""
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        return read
    if isinstance(read.value, dict) and not symbol_or_empty(collect_json(read.value)):
        return Rejection("missing_field", "no symbol")
    return Rejection("unknown_format", "it is JSON: leave the source's dialect to be found")


def _strategy(match: re.Match[str], hints: Hints) -> Instruction:
    """Read a strategy's fill by the position that it leaves: it is what is to be held."""
    side = Side(match["side"].lower())
    qty = Measure(positive(match["qty"], "the order's contracts"), "units")
    target, now = signed(number(match["position"], "the position"), None, None)
    fill = read_fill(side, now, None)
    held = fill.closes
    return Instruction(
        intent=fill.intent,
        side=side_closing(held) if held in ("long", "short") else side,
        symbol=symbol_of(match["symbol"]),
        order_type=OrdType.MARKET,
        qty=qty,
        closes=held,
        target=target,
        position_effect=fill.effect,
        auth=hints.auth,
    )


def _command(line: str, hints: Hints) -> Instruction:
    words = line.split()
    found = _action(words)
    if found is None:
        if words and has_placeholder(words[0]):
            raise Refuse("unresolved_placeholder", f"the action is {shown(words[0])}")
        raise Refuse("unknown_format", "it does not begin with an action")
    command, used = found
    rest = words[used:]
    if command.intent in ("flatten_all", "control"):
        if rest:
            raise Refuse("unknown_format", f"text after {shown(' '.join(words[:used]))}")
        return instruct(command, "", {}, auth=hints.auth)
    if not rest:
        raise Refuse("missing_field", "no symbol")
    symbol = _symbol(rest[0])
    fields = collect((_pair(word) for word in rest[1:]), _KEYS)
    return instruct(command, symbol, fields, auth=auth_of(fields, hints.auth), sized=False)


def _action(words: list[str]) -> tuple[Command, int] | None:
    """Find the action at the start, the longest that is one, and how many words it takes."""
    for used in range(min(_LONGEST, len(words)), 0, -1):
        word = ACTIONS.get(fold("".join(words[:used])))
        command = _command_of(word) if word is not None else None
        if command is not None:
            return command, used
    return None


def _command_of(word: Word) -> Command | None:
    match word.verb:
        case "open" if word.side is not None:
            return COMMANDS["buy" if word.side is Side.BUY else "sell"]
        case "close":
            return closing(word.held or "both")
        case "flatten_all":
            return COMMANDS["closeall"]
        case "halt":
            return COMMANDS["eaoff"]
        case "resume":
            return COMMANDS["eaon"]
    return None


def _symbol(raw: str) -> str:
    if fold(raw) in ACTIONS or fold(raw) in ORDER_TYPES or fold(raw) in COMMANDS:
        raise Refuse("unknown_format", f"{shown(raw)} stands in the place of the symbol")
    if not has_placeholder(raw) and not _TICKER.fullmatch(raw):
        raise Refuse("unknown_format", f"{shown(raw)} is no symbol in capitals")
    return symbol_of(raw)


def _pair(word: str) -> tuple[str, object]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise Refuse("unknown_format", f"{shown(word)} is not key=value")
    return key, value
