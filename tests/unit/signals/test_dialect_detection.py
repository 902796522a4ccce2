"""Finding the dialect by content: each keeps its own messages, and damage never turns a side."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.model.enums import Side
from bascule.signals import dialects
from bascule.signals.commands import COMMANDS
from bascule.signals.instruction import Direct, Hints, Instruction, Parsed, Rejection
from bascule.signals.reading import parse
from tests.unit.signals import said

MINE = (
    "pineconnector", "pinetunnel", "pinebridge", "theconnector", "password_line", "traderspost",
    "lean", "tradingview_csv", "tradingview_text",
)  # fmt: skip
LINES = [line for line in said.CORPUS if line["dialect"] in MINE]
BODIES = [line["body"] for line in LINES]
ID = "60123456789"
CREDENTIALS = ("body_secret", "url_path", "header_secret", "")


def orders(parsed: Parsed) -> tuple[Instruction, ...]:
    """Give the instructions of a reading, none if it was refused."""
    if isinstance(parsed, Rejection | Direct):
        return ()
    return parsed if isinstance(parsed, tuple) else (parsed,)


def find(text: str) -> tuple[str, tuple[Instruction, ...]]:
    """Read a text in the dialect that is found for it, from a source that vouches for it."""
    name, parsed = parse(text, "", Hints(auth="url_path"))
    return name, orders(parsed)


@pytest.mark.parametrize("line", LINES, ids=[line["id"] for line in LINES])
def test_a_line_reads_the_same_when_nothing_names_its_dialect(line: dict[str, Any]) -> None:
    """Another dialect may take it only where it reads the very same."""
    auth = line["expect"].get("auth", "")
    auth = auth if auth not in CREDENTIALS[:1] else ""
    pinned = said.read(line["dialect"], line["body"], auth)
    alone = said.read("", line["body"], auth)
    names = ("intent", "side", "symbol", "order_type", "qty", "volume", "risk", "limit", "stop",
             "entry", "sl", "tp", "trail", "breakeven", "target", "closes", "position_effect",
             "control")  # fmt: skip
    if "error" in pinned:
        assert "error" in alone
    else:
        assert {name: pinned.get(name) for name in names} == {
            name: alone.get(name) for name in names
        }


@pytest.mark.parametrize("word", [word for word in COMMANDS if word not in ("eaon", "eaoff")])
def test_commands_are_told_apart_by_what_stands_before_them(word: str) -> None:
    """A licence id, one with a secret, or nothing: three dialects of one family."""
    fields = "lots=1,price=5,sl=4" if "lots" not in word else ""
    assert said.found(f"{ID},{word},EURUSD,risk=1,sl=20") == "pineconnector"
    assert said.found(f"L-1,{word},EURUSD,{fields},secret=S") == "pinetunnel"
    assert said.found(f"{word},EURUSD,risk=1,sl=20") == "theconnector"


@given(st.text(max_size=120))
@settings(max_examples=150)
def test_no_text_ends_a_dialect(text: str) -> None:
    """Whatever comes, each answers: a confidence, and an instruction or a refusal."""
    for name in MINE:
        dialect = dialects.get(name)
        assert 0 <= dialect.detect(text) <= 100
        assert isinstance(dialect.parse(text, Hints()), Instruction | Rejection | tuple)


PIECES = st.sampled_from(
    [",", "=", "\n", " ", "{", "}", '"', ":", ID, "buy", "sell", "closelong", "CL+OS", "eaoff",
     "EURUSD", "risk", "sl", "tp_pips", "1", "0.5", "-1", "NaN", "{{close}}", "signal", "symbol",
     "ticker", "action", "order", "@", "filled on", "New strategy position is", "SECRET", "long",
     "q", "lots", "secret", "sentiment", "flat", "stopLoss", "percent", "%", "null", "[", "]"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=24).map("".join))
@settings(max_examples=300)
def test_no_heap_of_their_words_ends_a_dialect(text: str) -> None:
    """The same for what looks nearly right; and a size is never there unless a number was."""
    for name in MINE:
        dialect = dialects.get(name)
        assert 0 <= dialect.detect(text) <= 100
        for order in orders(dialect.parse(text, Hints(auth="url_path"))):
            assert not _sized(order) or re.search(r"\d", text)


def _sized(order: Instruction) -> bool:
    sizes = (order.qty, order.volume, order.risk)
    return any(size not in (None, "all") for size in sizes)


SIZES = re.compile(
    r"(?:,\s*|\s)(?:risk|vol_\w+|lots|size|qty|quantity|q|qt|usd|(?:risk|margin)_\w+_pct"
    r"|partial_close_pct|contracts)=[^,\s]*"
)


@pytest.mark.parametrize("line", LINES, ids=[line["id"] for line in LINES])
def test_without_its_size_field_a_message_has_no_size(line: dict[str, Any]) -> None:
    """It is refused, or left for the route to size: nothing is made up."""
    body = line["body"]
    try:
        members = json.loads(body)
    except ValueError:
        cut = SIZES.sub("", body)
    else:
        if not isinstance(members, dict):
            return
        cut = json.dumps({key: one for key, one in members.items() if key not in _SIZE_KEYS})
    if cut == body or said.read(line["dialect"], body).get("intent") in ("notify", "batch"):
        return
    for order in orders(dialects.get(line["dialect"]).parse(cut, Hints(auth="url_path"))):
        assert not _sized(order), (cut, order)


_SIZE_KEYS = ("quantity", "quantityType", "risk", "volume", "qty", "size", "lots")


def _sides(legs: tuple[Instruction, ...]) -> set[str]:
    """Say which positions may be opened."""
    opening = ("open", "add", "reverse", "reopen", "replace_pending", "target_position")
    return {str(leg.side) for leg in legs if leg.intent in opening and leg.side is not None}


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "cut", "swap", "insert"]),
        st.floats(0, 1),
        st.sampled_from([",", " ", "=", "\n", '"', "{", "}", ";", "0", ".", "%", "\0", "\ufeff"]),
    ),
    min_size=1,
    max_size=3,
)


def damaged(text: str, damage: list[tuple[str, float, str]]) -> str:
    """Damage a text at some places."""
    for how, where, what in damage:
        at = int(where * max(len(text) - 1, 0))
        match how:
            case "drop":
                text = text[:at] + text[at + 1 :]
            case "double":
                text = text[: at + 1] + text[at:]
            case "cut":
                text = text[:at]
            case "swap":
                text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
            case _:
                text = text[:at] + what + text[at:]
    return text


TWO_SIDED = (
    re.compile(r"buy|long|bull|\+ol", re.IGNORECASE),
    re.compile(r"sell|short|bear|\+os", re.IGNORECASE),
)


@given(st.sampled_from(BODIES), DAMAGE)
@settings(max_examples=400)
def test_a_damaged_message_never_opens_a_side_that_it_does_not_name(
    body: str, damage: list[tuple[str, float, str]]
) -> None:
    """Whichever dialect takes it: a buy does not become a sell, nor a sell a buy."""
    text = damaged(body, damage)
    _, legs = find(text)
    buys, sells = TWO_SIDED
    for side in _sides(legs):
        named = buys if side == Side.BUY else sells
        assert named.search(body), (body, text, side)


@given(st.sampled_from(LINES), DAMAGE)
@settings(max_examples=400)
def test_damage_never_opens_the_other_side_of_an_entry(
    line: dict[str, Any], damage: list[tuple[str, float, str]]
) -> None:
    """Only a message whose own words name the other side (as ``sell`` and ``long``) is left out."""
    side = line["expect"].get("side")
    if line["expect"].get("intent") not in ("open", "add") or side is None:
        return
    text = damaged(line["body"], damage)
    _, legs = find(text)
    assert _sides(legs) <= {side}, (line["body"], text)


@given(st.sampled_from(LINES), DAMAGE)
@settings(max_examples=400)
def test_damage_never_loses_the_stop_of_an_entry_whose_stop_is_still_named(
    line: dict[str, Any], damage: list[tuple[str, float, str]]
) -> None:
    """A stop that is still in the text is read, refused, or named as unreadable."""
    expect = line["expect"]
    if expect.get("intent") != "open" or "sl" not in expect:
        return
    text = damaged(line["body"], damage)
    _, legs = find(text)
    named = re.search(r"\bsl(?:_\w+)?\s*=\s*[1-9]|\"stopLoss\"\s*:\s*[{\"1-9]", text)
    for leg in legs:
        if named and leg.intent == "open" and len(legs) == 1:
            assert leg.sl or leg.trail or leg.unreadable, (line["body"], text, leg)
