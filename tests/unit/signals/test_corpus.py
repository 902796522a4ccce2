"""Every line of the public corpus whose dialect is spoken reads as the corpus says."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.signals import dialects
from bascule.signals.describe import parse_text

_FILE = Path(__file__).parents[2] / "data" / "corpus" / "webhooks.jsonl"
_LINES = [
    json.loads(line, parse_float=Decimal, parse_int=Decimal)
    for line in _FILE.read_text(encoding="utf-8").split("\n")
    if line
]
_SPOKEN = [line for line in _LINES if line["dialect"] in dialects.names()]
_PROSE = frozenset({"note", "why", "alt", "repair"})
_OUTSIDE = frozenset({"url_path", "header_secret", "header_basic_or_jwt"})


def _differences(expected: dict[str, Any], got: dict[str, Any]) -> dict[str, Any]:
    if "error" in expected or "error" in got:
        same = expected.get("error") == got.get("error")
        return {} if same else {"error": (expected.get("error"), got)}
    return {
        name: (value, got.get(name, "nothing"))
        for name, value in expected.items()
        if name not in _PROSE and (name not in got or not _same(value, got[name]))
    }


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(_same(expected[k], got[k]) for k in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(_same, expected, got))
    if isinstance(expected, Decimal) and isinstance(got, int | float) and got is not True:
        return expected == Decimal(str(got))
    return expected == got and type(expected) is type(got)


@pytest.mark.parametrize("line", _SPOKEN, ids=[line["id"] for line in _SPOKEN])
def test_a_line_of_the_corpus_reads_as_it_says(line: dict[str, Any]) -> None:
    """Intent, side, symbol, sizes, prices, stops: all that the corpus names is equal."""
    expected = line["expect"]
    auth = expected.get("auth", "")
    got = parse_text(
        line["body"], line["dialect"], line["content_type"], auth if auth in _OUTSIDE else ""
    )
    accepted = [expected, *(expected[other] for other in ("alt", "repair") if other in expected)]
    differences = [_differences(one, got) for one in accepted]
    assert {} in differences, differences


def test_the_corpus_is_not_empty() -> None:
    """The dialects that are spoken have lines to be held to."""
    assert sum(line["dialect"] == "tradingview_json" for line in _SPOKEN) == 55
