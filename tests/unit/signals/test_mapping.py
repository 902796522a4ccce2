"""A format of the user's own is read as its map says, or refused; nothing is made up."""

import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from pydantic import ValidationError

from bascule.config.mapping import MappingSettings
from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    Level,
    ModifyProtection,
    PlaceOrder,
    Protection,
    Signal,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import SECOND, Instant
from bascule.signals.message_map import MessageMap
from bascule.signals.reading import Reader

NOW = Instant(1_795_262_400 * SECOND)
WORDS = """
action = { path = "do", values = { long = "buy", short = "sell", exit = "close", "1" = "halt" } }
symbol = { path = "what.name", values = { Gold = "XAUUSD" } }
qty = { path = "what.sizes.1", unit = "lots" }
limit = { path = "at", unit = "price" }
sl = { path = "stop", unit = "pips" }
tp = { path = ["take.profit"], unit = "ratio" }
signal_id = { path = "id" }
only_if = [{ path = "kind", one_of = ["Trade", "true"] }]
"""
ORDER = {
    "kind": "trade",
    "do": "Long",
    "what": {"name": "gold", "sizes": [9, "0.5"]},
    "stop": 40,
    "take.profit": 2,
    "id": 7,
}


def mapped(toml: str) -> MessageMap:
    """Give the map that a configuration describes."""
    return MappingSettings(**tomllib.loads(toml, parse_float=Decimal)).map()


def read(body: object, toml: str = WORDS) -> Signal:
    """Read one body by a map."""
    raw = body if isinstance(body, str) else json.dumps(body)
    return Reader(source="s", dialect="mapping", auth="url_path", mapping=mapped(toml)).read(
        raw, NOW
    )


def only(body: object, toml: str = WORDS) -> Intent:
    """Give the one intent of a body."""
    signal = read(body, toml)
    assert signal.refused_code == "", signal.refused_text
    assert len(signal.intents) == 1
    return signal.intents[0]


def test_each_word_is_taken_from_its_place() -> None:
    """Paths, list places, keys with dots, tables without case, and units."""
    order = only(ORDER)
    assert isinstance(order, PlaceOrder) and order.protection is not None
    assert (order.side, order.symbol, order.ord_type) == (Side.BUY, "XAUUSD", OrdType.MARKET)
    assert order.quantity is not None
    assert (order.quantity.value, order.quantity.unit) == (Decimal("0.5"), QtyUnit.LOTS)
    stop = order.protection.stop_loss
    assert stop is not None and (stop.value, stop.unit) == (Decimal(40), LevelUnit.PIPS)
    assert order.protection.take_profits[0].level.unit is LevelUnit.RATIO
    assert read(ORDER).key == "s/id/7"


def test_a_price_tells_the_order_type() -> None:
    """A limit price makes a limit order where no type is mapped."""
    order = only(ORDER | {"at": "2400.5"})
    assert isinstance(order, PlaceOrder)
    assert (order.ord_type, order.price) == (OrdType.LIMIT, Decimal("2400.5"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"do": "flip"}, "invalid_action"),
        ({"do": None}, "missing_field"),
        ({"do": "{{strategy.order.action}}"}, "unresolved_placeholder"),
        ({"what": {"name": "silver", "sizes": []}}, "bad_enum"),
        ({"what": {"sizes": []}}, "missing_field"),
        ({"what": "gold"}, "bad_enum"),
        ({"what": {"name": "gold", "sizes": {"1": "1,5"}}}, "bad_number"),
        ({"what": {"name": "gold", "sizes": [0, 0]}}, "bad_number"),
        ({"what": {"name": "gold", "sizes": [0, True]}}, "bad_number"),
        ({"what": {"name": "gold", "sizes": [0, "{{qty}}"]}}, "unresolved_placeholder"),
        ({"stop": "NaN"}, "stop_unreadable"),
        ({"stop": "2%"}, "bad_number"),
        ({"stop": -1}, "bad_number"),
        ({"kind": "news"}, "not_an_order"),
        ({"kind": None}, "not_an_order"),
    ],
)
def test_what_cannot_be_read_is_refused(change: dict[str, Any], code: str) -> None:
    """With the code of its kind, and nothing is asked for."""
    signal = read(ORDER | change)
    assert (signal.refused_code, signal.intents) == (code, ())


def test_an_unknown_word_is_told_with_the_known() -> None:
    """The sentence names what the table has."""
    assert "long, short, exit" in read(ORDER | {"do": "flip"}).refused_text
    assert "trade" in read(ORDER | {"kind": "news"}).refused_text


def test_an_exit_goes_through_with_broken_stops() -> None:
    """And without a size it is all of it."""
    broken = ORDER | {"do": "exit", "stop": "NaN", "take.profit": "x", "what": {"name": "gold"}}
    assert only(broken) == ClosePosition(symbol="XAUUSD")
    assert isinstance(only(broken | {"do": 1}), StopTrading)


def test_a_missing_size_is_the_routes() -> None:
    """No size is made up."""
    order = only(ORDER | {"what": {"name": "gold"}})
    assert isinstance(order, PlaceOrder) and order.quantity is None


def test_required_words() -> None:
    """A required word that is absent, null or empty refuses an entry; an exit needs no stop."""
    toml = WORDS.replace('unit = "pips"', 'unit = "pips", required = true')
    for stop in (None, ""):
        assert read(ORDER | {"stop": stop}, toml).refused_code == "missing_field"
    assert isinstance(only({**ORDER, "do": "exit", "stop": None}, toml), ClosePosition)


TEXT = r"""
pattern = '(?P<verb>\w+) (?P<what>\S+)( x(?P<n>\S+))?( sl (?P<sl>\S+))?'
action = { group = "verb" }
symbol = { group = "what" }
side = { value = "sell" }
qty = { group = "n", unit = "units" }
target = { group = "n", unit = "units" }
sl = { group = "sl", unit = "price" }
strategy = { value = "mine" }
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("close_long ES1!", ClosePosition(symbol="ES1!", held=Direction.LONG)),
        ("cancel ES1!", CancelOrders(symbol="ES1!")),
        ("cancel_all now", CancelOrders()),
        ("flatten_all now", Flatten()),
        ("halt now", StopTrading()),
    ],
)
def test_a_text_by_a_pattern(text: str, expected: Intent) -> None:
    """Named groups give the words; without a table they stand for themselves."""
    assert only(text, TEXT) == expected


def test_more_actions_by_a_pattern() -> None:
    """Open takes its side from its own word; a target is signed; a modify needs a level."""
    order = only("open ES1! x2", TEXT)
    assert isinstance(order, PlaceOrder) and order.side is Side.SELL
    target = only("target ES1! x-3", TEXT)
    assert isinstance(target, TargetPosition) and target.quantity is not None
    assert (target.direction, target.quantity.value) == (Direction.SHORT, 3)
    flat = only("target ES1! x0", TEXT)
    assert isinstance(flat, TargetPosition) and flat.direction is Direction.FLAT
    assert isinstance(only("modify ES1! sl 4200", TEXT), ModifyProtection)
    assert read("modify ES1!", TEXT).refused_code == "missing_field"
    assert read("reduce ES1!", TEXT).refused_code == "missing_quantity"
    assert read("ignore ES1!", TEXT).refused_code == "not_an_order"
    assert read("buy ES1!", TEXT).strategy == "mine"
    assert read("please buy some ES1!", TEXT).refused_code == "unknown_format"
    assert read("dance ES1!", TEXT).refused_code == "invalid_action"


def test_a_struck_out_credential_is_no_value() -> None:
    """A map that points at one is told so: its value would be the same for every message."""
    toml = 'action = { value = "buy" }\nsymbol = { value = "ES1!" }\nsignal_id = { path = "key" }'
    reader = Reader(source="s", dialect="mapping", auth="url_path", mapping=mapped(toml))
    signal = reader.read(reader.strike('{"key": "abc-123"}').text, NOW)
    assert (signal.refused_code, "credential" in signal.refused_text) == ("bad_enum", True)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('qty = { path = "q" }', "qty.unit"),
        ('qty = { path = "q", unit = "ounces" }', "qty.unit"),
        ('sl = { path = "q", unit = "ratio" }', "sl.unit"),
        ('symbol = { path = "q", group = "q" }', "it comes from path and group"),
        ("symbol = {}", "it comes from nowhere"),
        ('symbol = { path = "a..b" }', "no path"),
        ('symbol = { group = "q" }', "a pattern with named groups"),
        ('symbol = { value = "ES", required = true }', "does nothing beside value"),
        ('qty = { path = "q", unit = "lots", values = { a = "1" } }', "qty.values"),
        ('tif = { value = "someday" }', "tif.value"),
        ("pattern = '(a+)+'", "can take for ever"),
        ("pattern = '((a+)b)*'", "can take for ever"),
        ("pattern = '(?:x|(?P<n>[)]+)){3}'", "can take for ever"),
        ("pattern = '('", "no regular expression"),
        ("pattern = '(?P<a>x)'\nsymbol = { group = 'b' }", "no group"),
        ("pattern = '(?P<a>x)'\nsymbol = { path = 'b' }", "has no path"),
        ("side = { value = 'buy', values = { Buy = 'buy', buy = 'sell' } }", "one word twice"),
        ("only_if = [{ path = 'a', one_of = [] }]", "only_if.0.one_of"),
    ],
)
def test_a_wrong_map_is_refused_at_the_start(toml: str, said: str) -> None:
    """With the key, and what would be right."""
    with pytest.raises(ValidationError) as refused:
        mapped(f'{toml}\naction = {{ value = "buy" }}')
    told = [
        f"{'.'.join(map(str, one['loc']))} {one['msg']} {one.get('ctx', {}).get('allowed', '')}"
        for one in refused.value.errors()
    ]
    assert any(said in one for one in told), told


@pytest.mark.parametrize("pattern", [r"(a+)?(b*)", r"(\(+\)\*)x+", r"([(+]a)+", r"(ab)+c{2}"])
def test_a_pattern_may_repeat_once(pattern: str) -> None:
    """Only a repetition of what repeats is refused; escapes and classes are no groups."""
    told = mapped(f"pattern = '{pattern}'\naction = {{ value = 'halt' }}")
    assert told.pattern == pattern


@pytest.mark.parametrize(("action", "word"), [("open", "side"), ("target", "target")])
def test_an_action_has_what_it_needs(action: str, word: str) -> None:
    """An action whose own word is not mapped could never be read."""
    with pytest.raises(ValidationError, match=f'"{action}" needs it'):
        mapped(f'action = {{ value = "{action}" }}')


def test_the_examples_of_the_docs_read_as_they_say() -> None:
    """Both maps of the page are valid, and their messages become what it says."""
    page = (Path(__file__).parents[3] / "docs/signals.md").read_text(encoding="utf-8")
    make, desk = (
        block for block in re.findall(r"```toml\n(.*?)```", page, re.S) if "mapping" in block
    )
    by_path = tomllib.loads(make)["sources"]["make"]["mapping"]
    sent = re.search(r'^`(\{"kind": "trade".*?)`$', page, re.M)
    assert sent is not None
    reader = Reader(source="make", dialect="mapping", auth="url_path")
    signal = structs.replace(reader, mapping=MappingSettings(**by_path).map()).read(sent[1], NOW)
    assert signal.intents == (
        PlaceOrder(
            symbol="XAUUSD",
            side=Side.BUY,
            quantity=Amount(Decimal("0.5"), QtyUnit.LOTS),
            protection=Protection(Level(Decimal(40), LevelUnit.PIPS)),
        ),
    )
    by_pattern = MappingSettings(**tomllib.loads(desk)["sources"]["desk"]["mapping"]).map()
    reader = structs.replace(reader, mapping=by_pattern)
    (buy,) = reader.read("BUY ES 2 CARS STOP 6650", NOW).intents
    assert isinstance(buy, PlaceOrder)
    assert (buy.symbol, buy.quantity) == ("ES1!", Amount(Decimal(2)))
    assert reader.read("OUT ES", NOW).intents == (ClosePosition(symbol="ES1!"),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["long", "exit", "gold", "0.5", "NaN", "{{x}}", "***"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*ORDER, "name", "sizes", "at", "1"]), inner, max_size=6),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*ORDER, "at"]), JSON))
def test_whatever_comes_no_quantity_is_made_up(change: dict[str, Any]) -> None:
    """It never raises; an order's size is the number that stands at its place, or none."""
    body = ORDER | change
    signal = read(body)
    assert bool(signal.refused_code) is not bool(signal.intents)
    for intent in signal.intents:
        asked = getattr(intent, "quantity", None)
        if asked is not None:
            sizes = body["what"]["sizes"]  # type: ignore[index]
            said = sizes[1] if isinstance(sizes, list) else sizes["1"]
            assert asked.value == Decimal(str(said)) and asked.unit is QtyUnit.LOTS


@given(st.text(max_size=600))
def test_whatever_text_comes_is_read_or_refused(text: str) -> None:
    """Neither a pattern nor JSON can be made to raise."""
    for toml in (TEXT, WORDS):
        signal = read(text, toml)
        assert bool(signal.refused_code) is not bool(signal.intents)
