"""Whatever bytes arrive, the intake answers: no exception, no 5xx but 503, no made-up quantity."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.config.mapping import MappingSettings
from bascule.signals import dialects
from bascule.signals.intake.source import Rate, Source

from .asgi import BEARER, TOKEN, Answered, Sender
from .asked import hold

PINNED = ["", *dialects.names()]
STATUSES = frozenset({200, 401, 404, 408, 409, 413, 415, 422, 429, 503})
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

_WORDS = (
    "buy sell long short close flat exit cancel modify reverse place_order target_position "
    "EURUSD ES1! BTCUSDT action side symbol ticker qty quantity contracts volume_lots risk sl tp "
    "intent intents strategy.order.action market_position order alert data signal id price "
    "closelong PLACE; CLOSEPOSITION; key= secret= command= {{strategy.order.contracts}} {{close}} "
    "{ } [ ] : , ; = \" ' | ( ) % 0 1 2.5 -3 1e9 1e999 NaN 1,5 null true *** @ \\ \\u0000 \n \t "
    "\ufeff \u0661 \u201c"
)
WORDS = _WORDS.split(" ")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=12,
)
BODIES = (
    st.binary(max_size=200)
    | st.lists(st.sampled_from(WORDS), max_size=20).map(lambda words: " ".join(words).encode())
    | st.lists(st.sampled_from(WORDS), max_size=20).map(lambda words: "".join(words).encode())
    | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
)
MAPPING = {
    "action": {"path": "action", "values": {"buy": "buy", "sell": "sell", "close": "close"}},
    "symbol": {"path": "symbol"},
    "qty": {"path": "qty", "unit": "units"},
    "sl": {"path": "sl", "unit": "price"},
}  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """Give one loop to all examples."""
    with asyncio.Runner() as one:
        yield one


def _sender(dialect: str) -> Sender:
    mapping = MappingSettings(**MAPPING).map() if dialect == "mapping" else None
    source = Source(
        name="fuzz", path_token=TOKEN, bearer=BEARER, dialect=dialect, mapping=mapping,
        rate=Rate(per_minute=10**6, burst=10**6),
    )  # fmt: skip
    return Sender([source])


SENDERS: dict[str, Sender] = {name: _sender(name) for name in PINNED}


def _post(runner: asyncio.Runner, dialect: str, body: bytes, **more: Any) -> Answered:
    sender = SENDERS[dialect]
    sender.door.signals.clear()
    answered = runner.run(sender.post(f"/hooks/fuzz/{TOKEN}", body, **more))
    assert answered is not None
    return answered


def _hold(dialect: str, answered: Answered) -> None:
    assert answered.status in STATUSES, answered
    signals = SENDERS[dialect].door.signals
    assert len(signals) == (1 if answered.status in (200, 422) else 0)
    for signal in signals:
        hold(signal)


@pytest.mark.parametrize("dialect", PINNED, ids=lambda name: name or "by_content")
@FUZZ
@given(body=BODIES)
def test_any_body_is_answered(runner: asyncio.Runner, dialect: str, body: bytes) -> None:
    """Read or refused; a quantity is a number that the sender wrote."""
    _hold(dialect, _post(runner, dialect, body))


SEEDS = [
    b'{"ticker":"ES1!","action":"buy","qty":2,"sl":"6650","timenow":"2026-11-21T12:00:00Z"}',
    b'{"intent":"place_order","symbol":"EURUSD","side":"buy","quantity":{"value":"0.5"}}',
    b"123456789,buy,EURUSD,risk=1,sl=50,tp=100",
    b"PLACE;Sim101;ES 12-26;BUY;1;LIMIT;6650;;DAY;;;;",
    b"key=abc;command=place;account=Sim101;instrument=ES 12-26;action=buy;qty=1;order_type=market;",
    b'{"ticker":"TSLA","action":"buy","quantity":3,"sentiment":"long"}',
    b"order buy @ 3 filled on BTCUSDT. New strategy position is 3",
    b'{"symbol":"ES1!","action":"buy","qty":4,"sl":6600.25}',
]


def test_the_orders_that_are_damaged_are_orders(runner: asyncio.Runner) -> None:
    """Undamaged, most of them are accepted, so that a damaged one has something to lose."""
    read = [_post(runner, "", body).body["status"] for body in SEEDS]
    assert read.count("accepted") >= 5, read


def test_white_space_alone_is_refused(runner: asyncio.Runner) -> None:
    """Also of the kinds that no sender means."""
    for dialect in PINNED:
        for body in (b"", b"\x0b", b" \x1c\x85\n", "\u2028".encode()):
            assert _post(runner, dialect, body).status == 422


def _damage() -> st.SearchStrategy[Callable[[bytes], bytes]]:
    def cut(at: int, length: int, put: bytes) -> Callable[[bytes], bytes]:
        def damaged(body: bytes) -> bytes:
            place = at % (len(body) + 1)
            return body[:place] + put + body[place + length :]

        return damaged

    scraps = st.binary(max_size=4) | st.sampled_from([word.encode() for word in WORDS])
    return st.builds(cut, st.integers(0, 200), st.integers(0, 12), scraps)


@pytest.mark.parametrize("dialect", PINNED, ids=lambda name: name or "by_content")
@FUZZ
@given(body=st.sampled_from(SEEDS), damages=st.lists(_damage(), min_size=1, max_size=3))
def test_a_damaged_order_is_read_or_refused(
    runner: asyncio.Runner,
    dialect: str,
    body: bytes,
    damages: list[Callable[[bytes], bytes]],
) -> None:
    """A real message, cut and patched, never becomes another quantity than one in it."""
    for damage in damages:
        body = damage(body)
    _hold(dialect, _post(runner, dialect, body))


TOKENS = st.sampled_from(["POST", "GET", "PUT", "post", ""])
PATHS = st.sampled_from(
    [f"/hooks/fuzz/{TOKEN}", "/hooks/fuzz", "/hooks/", "/hooks//", "/v1/intents", "/", ""]
) | st.text(max_size=20).map(lambda text: f"/hooks/{text}")
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-length", "content-encoding", "authorization", "idempotency-key", "webhook-id",
         "x-forwarded-for"]
    ),
    st.sampled_from(["", "0", "99999999999999", "-1", "gzip", f"Bearer {BEARER}", "Bearer", "k1"])
    | st.text(st.characters(max_codepoint=255), max_size=20),
    max_size=4,
)  # fmt: skip


@settings(max_examples=300)
@given(method=TOKENS, path=PATHS, headers=HEADERS, body=BODIES)
def test_any_request_is_answered(
    method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Whatever method, path and headers it has."""
    with asyncio.Runner() as runner:
        answered = runner.run(SENDERS[""].post(path, body, headers, method=method))
    assert answered is not None
    assert answered.status in STATUSES | {405}
    assert set(answered.body) <= {"status", "signal", "duplicate_of", "code", "text", "next"}
