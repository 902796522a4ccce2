"""Says in words what a message would be read as, for people: no source, no settings, no effect."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from bascule.model.values import Instant
from bascule.signals.freshness import iso
from bascule.signals.instruction import (
    Direct,
    Hints,
    Instruction,
    Measure,
    MoveToEntry,
    Parsed,
    Rejection,
    Target,
    Trailing,
)
from bascule.signals.reading import Reader, parse
from bascule.signals.strike import strike

_PRIVATE = frozenset({"legs", "unset", "unreadable", "identity", "fired_at"})


def parse_text(
    text: str, dialect: str | None = None, content_type: str | None = None, auth: str = ""
) -> dict[str, object]:
    """Read one body and describe it in the vocabulary of docs/signals.md.

    Args:
        text: the body as sent. Credentials in it are struck out first.
        dialect: the dialect to read it in; None to find it by content.
        content_type: accepted for symmetry with a request and ignored: content decides.
        auth: how the sender is authenticated outside the body, as ``url_path``; empty for not.

    Returns:
        A JSON-ready dict: the fields of the instruction with numbers as numbers, or ``error`` and
        ``why``. ``dialect`` names the dialect that read it.

    Raises:
        KeyError: there is no such dialect.
    """
    name, parsed = parse(strike(text).text, dialect or "", Hints(auth=auth))
    described: dict[str, object] = {"dialect": name} if name else {}
    return described | describe(parsed)


def parse_for(reader: Reader, text: str, at: Instant) -> dict[str, object]:
    """Read one body as a source would, and say what the engine would be asked for.

    Args:
        reader: the source's own.
        text: the body as sent. Credentials in it are struck out first.
        at: when it arrives, for judging the time in it.

    Returns:
        As `parse_text`, with ``becomes``: the intents in the words of native JSON, or with
        ``error`` and ``why`` where it is read and refused.
    """
    struck = reader.strike(text).text
    name, parsed = parse(struck, reader.dialect, reader.hints)
    described: dict[str, object] = ({"dialect": name} if name else {}) | describe(parsed)
    signal = reader.read(struck, at)
    if signal.refused_code:
        return described | {"error": signal.refused_code, "why": signal.refused_text}
    if signal.strategy:
        described["strategy"] = signal.strategy
    return described | {"becomes": list(msgspec.to_builtins(signal.intents))}


def parse_lines(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """Describe each body of a JSON Lines file.

    Each line is an object with ``body`` and, as far as known, ``id``, ``dialect``,
    ``content_type`` and ``auth``; or it is a JSON string, which is then the body. A dialect that
    does not exist is passed over and the body is read by its content.
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except json.JSONDecodeError as error:
            yield {"error": "malformed_json", "why": f"the line itself is no JSON: {error.msg}"}
            continue
        except RecursionError:
            yield {"error": "malformed_json", "why": "the line itself is nested too deeply"}
            continue
        if isinstance(given, str):
            given = {"body": given}
        if not isinstance(given, dict) or not isinstance(given.get("body"), str):
            yield {"error": "missing_field", "why": "the line has no body"}
            continue
        found = {"id": given["id"]} if "id" in given else {}
        yield found | _by_name(given["body"], given.get("dialect"), str(given.get("auth") or ""))


def _by_name(body: str, dialect: object, auth: str) -> dict[str, object]:
    try:
        return parse_text(body, dialect if isinstance(dialect, str) else None, auth=auth)
    except KeyError:
        return parse_text(body, auth=auth)


def describe(parsed: Parsed) -> dict[str, object]:
    """Give what was read as a JSON-ready dict."""
    if isinstance(parsed, Rejection):
        return {"error": parsed.error, "why": parsed.why}
    if isinstance(parsed, Direct):
        return _direct(parsed)
    if isinstance(parsed, tuple):
        return {"intent": "batch", "legs": [_instruction(leg) for leg in parsed]}
    return _instruction(parsed)


def _direct(parsed: Direct) -> dict[str, object]:
    described: dict[str, object] = {
        "intent": "native", "intents": list(msgspec.to_builtins(parsed.intents)),
    }  # fmt: skip
    for name in ("strategy", "signal_id"):
        if value := getattr(parsed, name):
            described[name] = value
    if parsed.fired_at is not None:
        described["fired_at"] = iso(parsed.fired_at)
    return described


def _instruction(read: Instruction) -> dict[str, object]:
    described: dict[str, object] = {}
    for name in read.__struct_fields__:
        value = getattr(read, name)
        if name not in _PRIVATE and value not in (None, "", ()):
            described[name] = _plain(value)
    described |= {name: None for name in read.unset if name not in described}
    if read.legs:
        described["legs"] = [_instruction(leg) for leg in read.legs]
    if read.fired_at is not None:
        described["fired_at"] = iso(read.fired_at)
        described["fired_at_ms"] = read.fired_at // 1_000_000
    return described


def _plain(value: object) -> object:
    match value:
        case bool():
            return value
        case Decimal():
            return _number(value)
        case Measure():
            return {"value": _number(value.value), "unit": value.unit}
        case MoveToEntry():
            return _filled({"trigger": value.trigger, "offset": value.offset})
        case Trailing():
            return _trailing(value)
        case str():
            return str(value)
        case tuple():
            return [_target(one) if isinstance(one, Target) else one for one in value]
    return value


def _target(target: Target) -> dict[str, object]:
    if target.portion_pct is None:
        return {"value": _number(target.value), "unit": target.unit}
    return {"value": _number(target.value), "portion_pct": _number(target.portion_pct)}


def _trailing(trail: Trailing) -> dict[str, object]:
    numbers = {name: getattr(trail, name) for name in trail.__struct_fields__ if name != "unit"}
    filled = _filled(numbers)
    return filled | {"unit": trail.unit} if trail.value is not None else filled


def _filled(numbers: dict[str, Decimal | None]) -> dict[str, object]:
    return {name: _number(value) for name, value in numbers.items() if value is not None}


def _number(value: Decimal) -> int | float:
    whole = value.to_integral_value()
    return int(whole) if value == whole else float(value)
