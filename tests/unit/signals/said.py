"""What the tests of single dialects share: to read a message, and to see what it becomes."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from bascule.model.intent import Intent
from bascule.model.values import SECOND, Instant
from bascule.signals.describe import parse_text
from bascule.signals.profile import Profile
from bascule.signals.reading import Reader

NOW = Instant(1_795_262_400 * SECOND)
_FILE = Path(__file__).parents[2] / "data" / "corpus" / "webhooks.jsonl"
CORPUS: list[dict[str, Any]] = [
    json.loads(line) for line in _FILE.read_text(encoding="utf-8").split("\n") if line
]


def read(dialect: str, text: str, auth: str = "") -> dict[str, Any]:
    """Describe a message without the name of its dialect."""
    described = parse_text(text, dialect or None, auth=auth)
    described.pop("dialect", None)
    return described


def found(text: str, auth: str = "") -> str:
    """Name the dialect that reads a message when none is given."""
    return str(parse_text(text, auth=auth).get("dialect", ""))


def held(expected: dict[str, Any], got: dict[str, Any]) -> None:
    """Hold the named fields to what is expected; None says that the field is not there."""
    assert {name: got.get(name) for name in expected} == expected, got


def becomes(
    dialect: str, text: str, profile: Profile | None = None, auth: str = ""
) -> tuple[Intent, ...] | str:
    """Map a message; the code of its refusal when it is refused."""
    reader = Reader(source="s", dialect=dialect, auth=auth, profile=profile or Profile())
    signal = reader.read(text, NOW)
    return signal.refused_code or signal.intents


def one(
    dialect: str, text: str, profile: Profile | None = None, auth: str = ""
) -> Intent | tuple[Intent, ...] | str:
    """Map a message that becomes one intent."""
    mapped = becomes(dialect, text, profile, auth)
    return mapped[0] if isinstance(mapped, tuple) and len(mapped) == 1 else mapped


def kinds(mapped: tuple[Intent, ...] | str) -> list[str] | str:
    """Name the kinds of the intents, in their order."""
    return mapped if isinstance(mapped, str) else [type(intent).__name__ for intent in mapped]


def measure(value: str, unit: str) -> dict[str, Any]:
    """Give a number with its unit as it is described."""
    number = Decimal(value)
    return {"value": int(number) if number == int(number) else float(number), "unit": unit}


def legs(got: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the orders of a batch."""
    assert got.get("intent") == "batch", got
    orders = got["legs"]
    assert isinstance(orders, list)
    return orders
