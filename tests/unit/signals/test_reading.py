"""From a body to a signal: secrets struck, keys made, and nothing raised whatever the body."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bascule.model.intent import PlaceOrder, Signal, TargetPosition
from bascule.model.values import SECOND, Instant
from bascule.signals import dialects
from bascule.signals.describe import parse_lines, parse_text
from bascule.signals.keys import body_hash
from bascule.signals.profile import Profile
from bascule.signals.reading import UNREADABLE, Reader
from bascule.signals.strike import strike

NOW = Instant(1_795_262_400 * SECOND)
FILL = {
    "secret": "top-secret-value", "ticker": "ES1!", "action": "buy", "contracts": "2",
    "order_id": "Long", "market_position": "long", "prev_market_position": "flat",
    "timenow": "2026-11-21T11:59:58Z",
}  # fmt: skip


def signal(members: dict[str, Any] | str, delivery: str = "", **settings: Any) -> Signal:
    """Read a body as one source would."""
    reader = Reader(source="tv", secrets=("top-secret-value",), auth="url_path", **settings)
    text = members if isinstance(members, str) else json.dumps(members)
    return reader.read(reader.strike(text).text, NOW, delivery)


def test_a_signal_carries_what_was_read() -> None:
    """Source, dialect, time, strategy, age, raw body and intents."""
    read = signal(FILL | {"strategy": "s1", "max_lag": 30})
    assert (read.source, read.dialect, read.strategy) == ("tv", "tradingview_json", "s1")
    assert read.received_at == NOW
    assert read.fired_at == NOW - 2 * SECOND
    assert read.max_age == 30 * SECOND
    assert isinstance(read.intents[0], PlaceOrder)
    assert (read.refused_code, read.refused_text) == ("", "")
    assert read.body_hash == body_hash(read.raw)


def test_the_source_gives_what_the_message_leaves_out() -> None:
    """Strategy and age of the source stand where the message has none."""
    read = signal(FILL, strategy="mine", max_age_ns=5 * SECOND)
    assert (read.strategy, read.max_age) == ("mine", 5 * SECOND)


@pytest.mark.parametrize(("source_s", "age_s"), [(0, 30), (5, 5), (40, 30)])
def test_a_message_may_ask_for_less_age_than_its_source_and_never_for_more(
    source_s: int, age_s: int
) -> None:
    """The shorter of the two counts; before, a message could lift the limit of its source."""
    assert signal(FILL | {"max_lag": 30}, max_age_ns=source_s * SECOND).max_age == age_s * SECOND


@pytest.mark.parametrize(
    ("body", "code"),
    [("nonsense", "unknown_format"), ("", "empty_body"), ("{", "malformed_json")],
)
def test_what_cannot_be_read_is_a_refused_signal(body: str, code: str) -> None:
    """It is journaled with its reason, and has no intents."""
    read = signal(body)
    assert read.refused_code == code
    assert code in UNREADABLE
    assert read.refused_text
    assert read.intents == ()


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"action": "resume"}, "arm_not_remote"),
        ({"status": "filled", "ticker": "X", "side": "buy"}, "not_an_order"),
        (FILL | {"timenow": "2026-11-21T12:05:00Z"}, "timestamp_in_future"),
        (FILL | {"sl": "NaN"}, "stop_unreadable"),
    ],
)
def test_what_is_read_and_must_not_be_acted_on_is_refused(
    members: dict[str, Any], code: str
) -> None:
    """These codes are not faults of the message's form."""
    read = signal(members)
    assert read.refused_code == code
    assert code not in UNREADABLE
    assert read.intents == ()


def test_an_unreadable_stop_may_be_let_through_by_the_profile() -> None:
    """The user may leave that to the risk checks."""
    lenient = Profile(unreadable_stop="ignore")
    assert isinstance(signal(FILL | {"sl": "NaN"}, profile=lenient).intents[0], PlaceOrder)


def test_notes_say_what_was_not_applied() -> None:
    """Leverage and accounts are settings of the route, and a message that names them is told."""
    told = {"leverage": 5, "account": "A1", "multiplier": 2, "contract_month": "202703"}
    notes = " ".join(signal(FILL | told | {"ticker": "ES"}).notes)
    assert "leverage 5" in notes
    assert "account A1" in notes
    assert "multiplier 2" in notes
    assert "contract month 202703" in notes
    assert "contract month" not in " ".join(signal(FILL | told).notes)


def test_a_list_that_names_two_strategies_is_refused() -> None:
    """One signal belongs to one strategy."""
    one = FILL | {"strategy": "a"}
    assert signal(json.dumps([one, FILL | {"strategy": "b"}])).refused_code == "conflict"
    assert signal(json.dumps([one, one])).refused_code == ""


def test_the_key_is_the_senders_id_then_the_delivery_then_the_fill() -> None:
    """Keys are scoped by their source."""
    assert signal(FILL | {"signal_id": "a1"}, "d1").key == "tv/id/a1"
    assert signal(FILL, "d1").key == "tv/delivery/d1"
    assert signal(FILL).key.startswith("tv/fill/")
    assert signal({"ticker": "X", "action": "buy", "price": 1}).key == ""
    assert len(signal(FILL | {"signal_id": "a" * 500}).key) <= 200


@pytest.mark.parametrize(
    "change",
    [
        {"timenow": "2026-11-21T11:59:59Z"},
        {"order_id": "Long 2"},
        {"action": "sell", "market_position": "short"},
        {"contracts": "3"},
        {"market_position_size": "2"},
        {"prev_market_position": "short"},
        {"ticker": "NQ1!"},
        {"strategy": "s2"},
        {"exchange": "CME"},
        {"account": "A2"},
    ],
)
def test_two_fills_of_one_instant_have_two_keys(change: dict[str, Any]) -> None:
    """Several fills on one bar are several messages, and none may swallow another."""
    assert signal(FILL).key != signal(FILL | change).key


def test_ids_of_any_length_that_differ_are_two_keys() -> None:
    """Two signals whose long ids differ at the end are no resend of each other."""
    one, other = (signal(FILL | {"signal_id": "a" * 140 + end}).key for end in "12")
    assert one != other


def test_the_same_fill_delivered_twice_has_one_key_and_one_hash() -> None:
    """What a resend repeats."""
    one, other = signal(FILL), signal(FILL)
    assert (one.key, one.body_hash) == (other.key, other.body_hash)


def test_an_id_that_every_alert_of_a_strategy_repeats_is_no_key_by_itself() -> None:
    """A field called id often holds the order's name: the next day's signal is another."""
    alert = {"ticker": "X", "action": "buy", "id": "Long"}
    assert signal(alert).key == ""
    monday = signal(alert | {"timenow": "2026-11-21T11:00:00Z"})
    later = signal(alert | {"timenow": "2026-11-21T11:30:00Z"})
    assert monday.key != later.key


@pytest.mark.parametrize(
    "body",
    [
        '{"secret": "SEEKRIT1", "a": 1}',
        '{"Secret":"SEEKRIT1"}',
        '{"secretKey": "SEEKRIT1", "client_secret": "SEEKRIT1", "x-api-key": "SEEKRIT1"}',
        '{"pwd": "SEEKRIT1", "Authorization": "Bearer SEEKRIT1", "license_key": "SEEKRIT1"}',
        '{"order": {"api_key": "SEEKRIT1", "apiSecret": "SEEKRIT1"}}',
        '{"order": "{\\"token\\": \\"SEEKRIT1\\"}"}',
        '{"multiple_accounts": [{"token": "SEEKRIT1"}, {"token": "SEEKRIT1"}]}',
        '{"token": SEEKRIT1}',
        '{"passphrase": "ab\\"SEEKRIT1"}',
        "{\u201csecret\u201d: \u201cSEEKRIT1\u201d}",
        "{'password': 'SEEKRIT1'}",
        "key=SEEKRIT1;command=PLACE;",
        "buy, EURUSD, secret = SEEKRIT1",
        '{"note": "my secret: SEEKRIT1"}',
        '{"webhook-secret": "SEEKRIT1"',
        '{"secret": ["SEEKRIT1"]}',
        '{"secret": [["a]"], {"b": "SEEKRIT1"}], "qty": 1}',
        '{"order": "{\\"token\\": [\\"a\\", \\"SEEKRIT1\\"]}"}',
        '{"token": {"value": "SEEKRIT1"}}',
        '{"token": ["SEEKRIT1"',
        '{"secr\\u0065t": "SEEKRIT1"}',
        '{"secr\\u0065t": "a\\u0022SEEKRIT1"}',
        '{"order": "{\\"tok\\\\u0065n\\": \\"SEEKRIT1\\"}"}',
        "s%65cret=SEEKRIT1&action=buy",
        "payload=%7B%22secret%22%3A%22SEEKRIT1%22%7D",
        "payload=%257B%2522secret%2522%253A%2522SEEKRIT1%2522%257D",
    ],
)
def test_credentials_are_struck_out_wherever_they_stand(body: str) -> None:
    """In JSON, in JSON inside JSON, in pairs, in bodies that are malformed."""
    struck = strike(body)
    assert "SEEKRIT1" not in struck.text
    assert "***" in struck.text
    assert any("SEEKRIT1" in value for _, value in struck.given)


def test_the_sources_own_secrets_are_struck_out_of_any_field() -> None:
    """A secret in a comment is a secret."""
    read = signal(FILL | {"comment": "top-secret-value"})
    assert "top-secret-value" not in repr(read)


SPELLINGS = [
    json.dumps('p\u00e4/ss"w\\rd+1'),
    json.dumps('p\u00e4/ss"w\\rd+1').replace("/", "\\/"),
    json.dumps('p\u00e4/ss"w\\rd+1', ensure_ascii=False),
    json.dumps(json.dumps('p\u00e4/ss"w\\rd+1')),
    "comment=" + quote('p\u00e4/ss"w\\rd+1'),
    "comment=" + quote('p\u00e4/ss"w\\rd+1', safe=""),
    '{"comment": "' + "".join(f"\\u{ord(one):04X}" for one in 'p\u00e4/ss"w\\rd+1') + '"}',
]


@pytest.mark.parametrize("body", SPELLINGS)
def test_the_sources_own_secrets_are_struck_out_however_they_are_spelled(body: str) -> None:
    """As JSON, JSON in JSON, or a form may spell them: whoever reads the journal could undo it."""
    struck = strike(body, ('p\u00e4/ss"w\\rd+1',)).text
    assert "***" in struck
    assert "rd+1" not in struck and "rd%2B1" not in struck and "0072" not in struck


def test_a_value_that_is_spelled_with_escapes_is_given_as_it_reads() -> None:
    """PHP writes a backslash before a slash; the secret is the same."""
    assert ("secret", "a/b") in strike('{"secret": "a\\/b"}').given


def test_what_stands_for_a_list_is_json_still() -> None:
    """So the rest of the message is read as it was meant, inside a string too."""
    struck = strike('{"token": ["x"], "action": "buy"}').text
    assert json.loads(struck) == {"token": "***", "action": "buy"}
    inner = json.dumps({"token": ["x", "y"], "n": 1})
    twice = strike(json.dumps({"order": inner})).text
    assert json.loads(json.loads(twice)["order"]) == {"token": "***", "n": 1}


@pytest.mark.parametrize(
    "body",
    [
        '{"keyword": "x", "monkey": 1, "passenger": "y"}',
        '{"secret": null}',
        '{"secret": ""}',
        "buy",
    ],
)
def test_what_is_no_credential_is_left_as_it_is(body: str) -> None:
    """Only whole names count."""
    assert strike(body).text == body


@given(st.text() | st.binary().map(lambda body: body.decode("utf-8", "backslashreplace")))
def test_no_text_makes_reading_fail(text: str) -> None:
    """Any text becomes a signal, accepted or refused."""
    read = signal(text)
    assert bool(read.intents) is not bool(read.refused_code)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["buy", "sell", "long", "flat", "close", "X1!", "1.5", "2%", "{{x}}", "NaN"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["sl", "order", "price", "qty", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_KEYS = st.sampled_from(
    ["action", "side", "ticker", "symbol", "price", "sl", "stopLoss", "tp", "tp2", "order", "type",
     "event", "market_position", "prev_market_position", "position_size", "strategy", "time", "id",
     "orderType", "limitPrice", "signal", "metrics", "secret", "trail", "close", "comment"]
)  # fmt: skip


_ORDER = {"ticker": "X1!", "action": "buy"}


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
@example({})
@example({"market_position": "long", "sl": 1, "tp": {"price": "2"}})
def test_a_quantity_is_never_made_up(members: dict[str, Any]) -> None:
    """Where no field gives a size, no intent has one, but for targets that a position tells."""
    body = json.dumps(_ORDER | members)
    read = signal(body)
    assert read.intents or members, read.refused_text
    for intent in read.intents:
        if not (isinstance(intent, TargetPosition) or '"qty"' in body or "metrics" in members):
            assert getattr(intent, "quantity", None) is None


@given(st.dictionaries(_KEYS, _VALUES, max_size=4), st.decimals(1, 10**6, places=3))
@example({}, Decimal("0.010"))
@example({"sl": 1, "price": "2", "comment": "3 lots"}, Decimal(7))
def test_a_size_that_is_given_is_the_size_that_is_asked_for(
    members: dict[str, Any], size: Decimal
) -> None:
    """Whatever stands beside it, an order's quantity is the one in the message, digit for digit."""
    members = {name: value for name, value in members.items() if name not in ("order", "metrics")}
    read = signal(f'{json.dumps(_ORDER | members)[:-1]}, "qty": {size}}}')
    assert read.intents or members, read.refused_text
    for intent in read.intents:
        if isinstance(intent, PlaceOrder):
            assert intent.quantity is not None
            assert intent.quantity.value == size


def test_lines_are_described_one_by_one() -> None:
    """A line names its dialect, or is read by its content; a broken line is told as such."""
    body = json.dumps({"ticker": "X", "action": "buy", "price": 1.5, "secret": "s"})
    lines = [
        json.dumps({"id": "a", "dialect": "tradingview_json", "body": body}),
        json.dumps({"dialect": "not_spoken_here", "body": body}),
        json.dumps(body),
        "",
        "{",
        "[]",
    ]
    described = list(parse_lines(lines))
    assert [one.get("intent") or one["error"] for one in described] == [
        "open", "open", "open", "malformed_json", "missing_field",
    ]  # fmt: skip
    assert described[0]["id"] == "a"
    assert described[0]["ref_price"] == 1.5


def test_a_description_is_json_and_holds_no_credential() -> None:
    """It goes to a terminal, a log or a bug report."""
    described = parse_text(json.dumps(FILL | {"tp1": 5, "tp2": 6, "trail_pips": 3}))
    assert "top-secret-value" not in json.dumps(described)
    native = parse_text('{"intent": "flatten", "id": "1", "fired_at": 1795262400}')
    assert native == {
        "dialect": "native", "intent": "native", "intents": [{"intent": "flatten"}],
        "signal_id": "1", "fired_at": "2026-11-21T12:00:00Z",
    }  # fmt: skip


def test_an_unknown_dialect_is_an_error_of_the_caller() -> None:
    """Not a property of the message."""
    with pytest.raises(KeyError):
        parse_text("{}", "no_such_dialect")
    assert "native" in dialects.names()
