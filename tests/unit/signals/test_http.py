"""The HTTP intake at ASGI level: who may send, what it is told, and that no secret comes back."""

import asyncio
import json
from typing import Any

import pytest

from bascule.model.errors import ConfigError
from bascule.model.values import SECOND
from bascule.signals.intake.auth import sign
from bascule.signals.intake.source import FIRST_WORD, Rate, Source
from tests.unit.signals.asgi import (
    ALERT,
    BEARER,
    NOW,
    OTHER_SIGNING,
    SECRET,
    SIGNING,
    TOKEN,
    Answered,
    Sender,
)

BY_PATH = Source(name="path", path_token=TOKEN)
BY_SECRET = Source(name="body", body_secret=SECRET)
BY_BOTH = Source(name="both", path_token=TOKEN, body_secret=SECRET)
BY_SIGNATURE = Source(name="signed", hmac_secrets=(OTHER_SIGNING, SIGNING))
BY_BEARER = Source(name="api", bearer=BEARER, strategy="s1")
ALL = (BY_PATH, BY_SECRET, BY_BOTH, BY_SIGNATURE, BY_BEARER)
NATIVE = {"intent": "place_order", "symbol": "X", "side": "buy"}


@pytest.fixture
def sender() -> Sender:
    """All ways to authenticate, and a door that takes everything."""
    return Sender(ALL)


def signed(body: bytes, secret: str = SIGNING, at: int = NOW // SECOND) -> dict[str, str]:
    """Give the headers of a signed request."""
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, "msg_1", at, body),
    }


def status(answered: Answered | None) -> int:
    """Give the status of an answer that must be there."""
    assert answered is not None
    return answered.status


async def test_a_path_token_authenticates(sender: Sender) -> None:
    """The receipt comes back as JSON, uncached."""
    got = await sender.post(f"/hooks/path/{TOKEN}", ALERT)
    assert got is not None
    assert (got.status, got.body) == (200, {"status": "accepted", "signal": "e-1"})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["cache-control"] == "no-store"
    assert sender.door.signals[0].source == "path"
    assert sender.strangers == []


@pytest.mark.parametrize(
    "body",
    [
        ALERT | {"secret": SECRET},
        ALERT | {"Passphrase": SECRET},
        ALERT | {"secret": "wrong", "api_key": SECRET},
        {"order": ALERT | {"token": SECRET}, "ticker": "X"},
        json.dumps(ALERT)[:-1].encode() + f', "secret": "{SECRET}",}}'.encode(),
    ],
)
async def test_a_secret_in_the_body_authenticates_and_is_struck_out(
    sender: Sender, body: Any
) -> None:
    """It is in no signal and in no answer, wherever it stood."""
    got = await sender.post("/hooks/body", body)
    assert got is not None
    assert got.status == 200
    assert SECRET not in repr(sender.door.signals)
    assert SECRET.encode() not in got.raw


async def test_a_secret_may_be_the_first_word_of_a_text() -> None:
    """For formats without fields; it is struck out, and what is left can still be read."""
    sender = Sender([Source(name="csv", body_secret=SECRET, body_fields=(FIRST_WORD,))])
    got = await sender.post("/hooks/csv", f"{SECRET}, buy, ES".encode())
    assert got is not None
    assert (got.status, got.body["status"]) == (200, "accepted")
    assert sender.door.signals[0].raw == "***, buy, ES"
    assert sender.door.signals[0].dialect == "tradingview_csv"
    assert status(await sender.post("/hooks/csv", b"nobody, buy, ES")) == 401


@pytest.mark.parametrize("secret", [SIGNING, OTHER_SIGNING])
async def test_any_active_secret_signs(sender: Sender, secret: str) -> None:
    """The delivery's id is the idempotency key."""
    body = json.dumps(ALERT).encode()
    assert status(await sender.post("/hooks/signed", body, signed(body, secret))) == 200
    assert sender.door.signals[0].key == "signed/delivery/msg_1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(NOW // SECOND - 1)},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2," + sign(SIGNING, "msg_1", NOW // SECOND, b"{}")[3:]},
        {"webhook-signature": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,\u00e9"},
    ],
)
async def test_a_signature_covers_id_time_and_body(sender: Sender, change: dict[str, str]) -> None:
    """A change of any of them is not signed."""
    assert status(await sender.post("/hooks/signed", b"{}", signed(b"{}") | change)) == 401
    assert status(await sender.post("/hooks/signed", b"{ }", signed(b"{}"))) == 401
    assert sender.door.signals == []


@pytest.mark.parametrize("late", [-301, 301])
async def test_a_signature_is_good_for_five_minutes(sender: Sender, late: int) -> None:
    """Older, or from a clock that is ahead, it is turned away."""
    body = json.dumps(ALERT).encode()
    headers = signed(body, at=NOW // SECOND + late)
    assert status(await sender.post("/hooks/signed", body, headers)) == 401
    headers = signed(body, at=NOW // SECOND + late // 2)
    assert status(await sender.post("/hooks/signed", body, headers)) == 200


async def test_one_good_signature_among_several_is_enough(sender: Sender) -> None:
    """Senders sign with the old and the new secret while they change it."""
    headers = signed(b"{}")
    headers["webhook-signature"] = "v1,AAAA v1a,BBBB " + headers["webhook-signature"]
    assert status(await sender.post("/hooks/signed", b"{}", headers)) == 422


async def test_a_bearer_token_sends_intents(sender: Sender) -> None:
    """Native documents alone; the strategy of the source stands where none is named."""
    headers = {"authorization": f"Bearer {BEARER}", "idempotency-key": "k1"}
    assert status(await sender.post("/v1/intents", NATIVE, headers)) == 200
    assert sender.door.signals[0].key == "api/delivery/k1"
    assert sender.door.signals[0].strategy == "s1"
    got = await sender.post("/v1/intents", ALERT, headers)
    assert got is not None
    assert (got.status, got.body["code"]) == (422, "invalid_action")


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {BEARER}", BEARER, "Bearer"])
async def test_a_wrong_bearer_token_is_unauthenticated(sender: Sender, header: str) -> None:
    """Nothing is read."""
    assert status(await sender.post("/v1/intents", NATIVE, {"authorization": header})) == 401
    assert sender.strangers == [("", "192.0.2.1", "bearer")]


async def test_a_wrong_token_and_a_wrong_name_look_the_same(sender: Sender) -> None:
    """Status, headers and body are equal, and no body is read."""
    answered = [
        await sender.post(path, ALERT, parts=[])
        for path in (
            "/hooks/path/wrong-token-0123456789", "/hooks/path", "/hooks/nobody/" + TOKEN,
            "/hooks/nobody", "/hooks/api", "/hooks/body/" + TOKEN, f"/hooks/path/{TOKEN}/",
        )
    ]  # fmt: skip
    assert {status(got) for got in answered} == {404}
    assert len({(str(got.headers), got.raw) for got in answered if got is not None}) == 1
    assert {source for source, _, _ in sender.strangers} == {"path", "body", "api", ""}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hooks/body", ALERT),
        ("/hooks/body", ALERT | {"secret": "wrong"}),
        ("/hooks/body", ALERT | {"secret": SECRET + "x"}),
        ("/hooks/body", ALERT | {"comment": SECRET}),
        (f"/hooks/both/{TOKEN}", ALERT),
        ("/hooks/signed", ALERT),
    ],
)
async def test_what_is_not_proven_is_not_read_and_not_journaled(
    sender: Sender, path: str, body: Any
) -> None:
    """401 says nothing of which part was wrong; strangers are counted."""
    got = await sender.post(path, body)
    assert got is not None
    assert (got.status, got.body["code"]) == (401, "unauthenticated")
    assert sender.door.signals == []
    assert len(sender.strangers) == 1


async def test_all_ways_that_are_set_must_be_passed(sender: Sender) -> None:
    """Path token and body secret together."""
    body = ALERT | {"secret": SECRET}
    assert status(await sender.post("/hooks/both", body)) == 404
    assert status(await sender.post(f"/hooks/both/{TOKEN}", body)) == 200


@pytest.mark.parametrize(
    ("door", "expected", "word"),
    [("", 200, "accepted"), ("duplicate", 200, "duplicate"), ("conflict", 409, "conflict"),
     ("overloaded", 503, "overloaded"), ("unknown", 504, "unknown")],
)  # fmt: skip
async def test_the_engines_word_decides_the_status(
    sender: Sender, door: str, expected: int, word: str
) -> None:
    """503, which makes TradingView send again, says that nothing was kept; 504 does not."""
    sender.door.status = door
    got = await sender.post(f"/hooks/path/{TOKEN}", ALERT)
    assert got is not None
    assert (got.status, got.body["status"]) == (expected, word)
    assert ("retry-after" in got.headers) is (expected == 503)
    assert got.body.get("duplicate_of") == ("e-1" if door in ("duplicate", "conflict") else None)


async def test_an_engine_that_cannot_keep_anything_is_a_503(sender: Sender) -> None:
    """Never a 2xx for what is not durable."""
    sender.door.broken = True
    got = await sender.post(f"/hooks/path/{TOKEN}", ALERT)
    assert got is not None
    assert (got.status, got.body["code"]) == (503, "journal_unwritable")


async def test_a_server_that_ends_leaves_no_sender_without_an_answer(sender: Sender) -> None:
    """Whoever waits for a disk that hangs is told that nobody knows, and nothing is logged."""
    waits = asyncio.Event()

    async def hang() -> None:
        waits.set()
        await asyncio.sleep(60)

    sender.door.wait = hang
    asked = asyncio.create_task(sender.post(f"/hooks/path/{TOKEN}", ALERT))
    await waits.wait()
    asked.cancel()
    got = await asked
    assert got is not None
    assert (got.status, got.body["status"]) == (504, "unknown")
    assert got.body["code"] == "outcome_unknown"


@pytest.mark.parametrize(
    ("body", "expected", "code"),
    [
        (b"{", 422, "malformed_json"),
        (b"", 422, "empty_body"),
        (b"\xff\xfe", 422, "bad_encoding"),
        (b'{"action": "hold", "ticker": "X"}', 422, "invalid_action"),
        (b'{"action": "resume"}', 200, "arm_not_remote"),
        (b'{"status": "filled", "ticker": "X"}', 200, "not_an_order"),
    ],
)
async def test_a_refusal_is_journaled_and_says_what_to_do(
    sender: Sender, body: bytes, expected: int, code: str
) -> None:
    """422 for a message that is at fault, 200 for one that was understood and is not acted on."""
    got = await sender.post(f"/hooks/path/{TOKEN}", body)
    assert got is not None
    assert (got.status, got.body["status"], got.body["code"]) == (expected, "refused", code)
    assert got.body["text"]
    assert got.body["next"]
    assert sender.door.signals[0].refused_code == code


async def test_a_refusal_by_the_engine_is_a_200(sender: Sender) -> None:
    """A code of the engine's own, even one that reading also has, is no fault of the form."""
    sender.door.status = "refused"
    got = await sender.post(f"/hooks/path/{TOKEN}", ALERT)
    assert got is not None
    assert (got.status, got.body["status"]) == (200, "refused")


async def test_a_body_that_is_too_large_is_not_read() -> None:
    """By its stated length, or once it has grown too large."""
    sender = Sender(ALL, body_limit=100)
    path = f"/hooks/path/{TOKEN}"
    assert status(await sender.post(path, b"x" * 101)) == 413
    assert status(await sender.post(path, b"", {"content-length": "9" * 30})) == 413
    assert status(await sender.post(path, parts=[b"x" * 60, b"x" * 60])) == 413
    assert status(await sender.post(path, json.dumps(ALERT).encode())) == 200


async def test_a_body_in_parts_is_put_together(sender: Sender) -> None:
    """As servers hand over chunked requests."""
    whole = json.dumps(ALERT).encode()
    got = await sender.post(f"/hooks/path/{TOKEN}", parts=[whole[:9], b"", whole[9:]])
    assert status(got) == 200


async def test_a_sender_that_goes_away_gets_no_answer_and_leaves_no_signal(sender: Sender) -> None:
    """Half a message is none."""
    assert await sender.post(f"/hooks/path/{TOKEN}", parts=[]) is None
    assert sender.door.signals == []


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    """A sender that holds the line costs no more than the time-out."""
    sender = Sender(ALL, read_timeout_s=0.01)
    sent: list[Any] = []

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": f"/hooks/path/{TOKEN}", "headers": [],
        "client": None,
    }  # fmt: skip
    await sender.app(scope, never, send)
    assert sent[0]["status"] == 408


async def test_a_compressed_body_is_not_read(sender: Sender) -> None:
    """A small body could hide a very large one."""
    headers = {"content-encoding": "gzip"}
    assert status(await sender.post(f"/hooks/path/{TOKEN}", ALERT, headers)) == 415


async def test_too_many_at_once_are_told_so_and_none_is_dropped_in_silence() -> None:
    """Beyond the limit nothing is kept; below it every one is answered."""
    sender = Sender(ALL, max_in_flight=2)
    gate = asyncio.Event()
    sender.door.wait = gate.wait
    path = f"/hooks/path/{TOKEN}"
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(sender.post(path, ALERT)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await sender.post(path, ALERT)
        gate.set()
    assert refused is not None
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert [status(task.result()) for task in waiting] == [200, 200]
    assert status(await sender.post(path, ALERT)) == 200
    assert len(sender.door.signals) == 3


async def test_a_rate_is_held_to_and_says_when_to_come_back() -> None:
    """A burst, then so many a minute; each source has its own."""
    quick = Source(name="quick", path_token=TOKEN, rate=Rate(per_minute=6, burst=2))
    sender = Sender([quick, BY_SECRET])
    path = f"/hooks/quick/{TOKEN}"
    assert [status(await sender.post(path, ALERT)) for _ in range(3)] == [200, 200, 429]
    refused = await sender.post(path, ALERT)
    assert refused is not None
    assert refused.headers["retry-after"] == "10"
    assert status(await sender.post("/hooks/body", ALERT | {"secret": SECRET})) == 200
    sender.clock.now += 10 * SECOND
    assert [status(await sender.post(path, ALERT)) for _ in range(2)] == [200, 429]


async def test_strangers_do_not_use_up_a_sources_rate() -> None:
    """The rate is counted once the sender has proven who it is."""
    source = Source(name="body", body_secret=SECRET, rate=Rate(per_minute=1, burst=1))
    sender = Sender([source])
    for _ in range(5):
        assert status(await sender.post("/hooks/body", ALERT)) == 401
    assert status(await sender.post("/hooks/body", ALERT | {"secret": SECRET})) == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", "", 200),
        ("::ffff:192.0.2.7", "", 200),
        ("192.0.2.8", "", 404),
        ("192.0.2.8", "192.0.2.7", 404),
        ("10.0.0.1", "192.0.2.7", 200),
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", 200),
        ("10.0.0.1", "192.0.2.7, 203.0.113.5", 404),
        ("10.0.0.1", "", 404),
        ("10.0.0.1", "nonsense", 404),
    ],
)
async def test_addresses_are_those_that_trusted_proxies_saw(
    peer: str, forwarded: str, expected: int
) -> None:
    """A header that the sender wrote itself is not believed."""
    source = Source(name="path", path_token=TOKEN, allow_from=("192.0.2.7",))
    sender = Sender([source], trusted_proxies=("10.0.0.0/8",))
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    got = await sender.post(f"/hooks/path/{TOKEN}", ALERT, headers, peer=peer)
    assert status(got) == expected


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_only_post_is_served(sender: Sender, method: str) -> None:
    """Whatever the path's token."""
    for path in (f"/hooks/path/{TOKEN}", "/hooks/nobody", "/v1/intents"):
        got = await sender.post(path, method=method)
        assert got is not None
        assert (got.status, got.headers["allow"]) == (405, "POST")
    assert status(await sender.post("/", method=method)) == 404


async def test_no_secret_of_a_source_is_in_anything_that_leaves(sender: Sender) -> None:
    """Not in the signal, its notes and texts, nor in the answer."""
    for secret in (TOKEN, SECRET):
        body = {"secret": SECRET, "action": secret, "ticker": secret, "comment": {"x": [secret]}}
        got = await sender.post(f"/hooks/both/{TOKEN}", body)
        assert got is not None
        assert secret.encode() not in got.raw
    assert SECRET not in repr(sender.door.signals)
    assert TOKEN not in repr(sender.door.signals)


async def test_the_application_starts_and_stops_with_its_server(sender: Sender) -> None:
    """The lifespan protocol is answered."""
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await sender.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(name="a"), "no way to authenticate"),
        (Source(name="A B", path_token=TOKEN), "name"),
        (Source(name="a", path_token="short"), "path token"),
        (Source(name="a", path_token="has/slash-0123456789"), "path token"),
        (Source(name="a", body_secret="short"), "body secret"),
        (Source(name="a", body_secret='has"quote-0123'), "body secret"),
        (Source(name="a", body_secret=SECRET, body_fields=()), "fields"),
        (Source(name="a", hmac_secrets=("short",)), "HMAC"),
        (Source(name="a", hmac_secrets=(SIGNING, "")), "HMAC"),
        (Source(name="a", bearer="short"), "bearer"),
        (Source(name="a", path_token=TOKEN, dialect="nonsense"), "native"),
        (Source(name="a", path_token=TOKEN, rate=Rate(0, 1)), "rate"),
        (Source(name="a", path_token=TOKEN, allow_from=("x",)), "allow_from"),
    ],
)
def test_settings_that_are_not_safe_are_refused(source: Source, said: str) -> None:
    """The message says what is allowed, and shows no secret."""
    with pytest.raises(ConfigError) as wrong:
        Sender([source])
    assert said in str(wrong.value)
    assert "short" not in str(wrong.value)


def test_two_sources_of_one_name_are_refused() -> None:
    """One would never hear anything."""
    with pytest.raises(ConfigError):
        Sender([BY_PATH, BY_PATH])


def test_two_sources_of_one_bearer_token_are_refused() -> None:
    """The signals of one would be the other's, and act on its strategy's book."""
    one, other = (Source(name=name, bearer="t" * 16) for name in "ab")
    with pytest.raises(ConfigError) as wrong:
        Sender([one, other])
    assert "bearer token" in str(wrong.value)
    assert "t" * 16 not in str(wrong.value)
