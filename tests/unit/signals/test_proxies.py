"""What the intake believes of a proxy: addresses and client certificates, and from whom."""

import base64
import json
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest

from bascule.model.errors import ConfigError
from bascule.signals.intake.auth import Peers
from bascule.signals.intake.source import Source
from tests.unit.signals.asgi import ALERT, BEARER, TOKEN, Answered, Sender

DATA = Path(__file__).resolve().parents[2] / "data/certificates"
PROXY = "127.0.0.1"
TRADINGVIEW = "52.89.214.238"
STRANGER = "203.0.113.9"
PATH = f"/hooks/tv/{TOKEN}"
CERTIFIED = Source(name="tv", path_token=TOKEN, client_certificate="tradingview")
LISTED = Source(name="tv", path_token=TOKEN, allow_from=("tradingview", "192.0.2.0/24"))


def shown(name: str = "tradingview", verdict: str = "SUCCESS") -> dict[str, str]:
    """Give the headers in which a proxy passes a certificate on."""
    encoded = quote_from_bytes((DATA / f"{name}.pem").read_bytes(), safe="")
    return {"x-client-verify": verdict, "x-client-cert": encoded}


def status(answered: Answered | None) -> int:
    """Give the status of an answer that must be there."""
    assert answered is not None
    return answered.status


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (TRADINGVIEW, "", 200),
        ("192.0.2.77", "", 200),
        (STRANGER, "", 404),
        (STRANGER, TRADINGVIEW, 404),
        (PROXY, TRADINGVIEW, 200),
        (PROXY, STRANGER, 404),
        (PROXY, f"{TRADINGVIEW}, {STRANGER}", 404),
        (PROXY, f"{STRANGER}, {TRADINGVIEW}", 200),
        (PROXY, f"{TRADINGVIEW}, {PROXY}", 200),
        (PROXY, f"{TRADINGVIEW}:4711", 404),
        (PROXY, "", 404),
        (PROXY, f"::ffff:{TRADINGVIEW}", 200),
    ],
)
async def test_an_address_is_the_true_peers_or_what_a_trusted_proxy_saw(
    peer: str, forwarded: str, expected: int
) -> None:
    """Only the hop that the trusted proxy added counts: the last that is not itself a proxy."""
    sender = Sender([LISTED], trusted_proxies=[PROXY])
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    assert status(await sender.post(PATH, ALERT, headers, peer=peer)) == expected
    assert [why for _, _, why in sender.strangers] == ["address"] * (expected == 404)


async def test_without_trusted_proxies_no_header_is_believed() -> None:
    """The proxy is then the sender itself, and is not on the list."""
    sender = Sender([LISTED])
    headers = {"x-forwarded-for": TRADINGVIEW}
    assert status(await sender.post(PATH, ALERT, headers, peer=PROXY)) == 404


async def test_a_verified_certificate_lets_an_alert_in() -> None:
    """From the proxy, with the right names."""
    sender = Sender([CERTIFIED], trusted_proxies=[PROXY])
    assert status(await sender.post(PATH, ALERT, shown(), peer=PROXY)) == 200
    assert len(sender.door.signals) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        shown(verdict="NONE"),
        shown(verdict="FAILED:certificate has expired"),
        shown(verdict="success"),
        shown(verdict="SUCCESS, SUCCESS"),
        shown("other_email"),
        shown("other_subject"),
        shown() | {"x-client-cert": ""},
        shown() | {"x-client-cert": "CN=TradingView Webhooks"},
        {"x-client-verify": "SUCCESS"},
        {"x-client-cert": shown()["x-client-cert"]},
    ],
)
async def test_without_the_certificate_there_is_nothing_here(headers: dict[str, str]) -> None:
    """Missing, not verified, another's or unreadable: refused as a wrong token is, and counted."""
    sender = Sender([CERTIFIED], trusted_proxies=[PROXY])
    got = await sender.post(PATH, ALERT, headers, peer=PROXY)
    wrong = await sender.post("/hooks/tv/another-token-012345", ALERT, shown(), peer=PROXY)
    assert got is not None and wrong is not None
    assert (got.status, got.raw) == (404, wrong.raw)
    assert sender.strangers[0] == ("tv", PROXY, "certificate")
    assert sender.door.signals == []


async def test_a_stranger_cannot_vouch_for_itself() -> None:
    """The same headers from an address that is no trusted proxy are worth nothing."""
    sender = Sender([CERTIFIED], trusted_proxies=[PROXY])
    headers = shown() | {"x-forwarded-for": PROXY}
    assert status(await sender.post(PATH, ALERT, headers, peer=STRANGER)) == 404


async def test_the_certificate_is_wanted_besides_the_other_proofs() -> None:
    """It replaces neither the path token nor the address list."""
    both = Source(
        name="tv", path_token=TOKEN, allow_from=("tradingview",), client_certificate="tradingview"
    )
    sender = Sender([both], trusted_proxies=[PROXY])
    right = shown() | {"x-forwarded-for": TRADINGVIEW}
    assert status(await sender.post(PATH, ALERT, right, peer=PROXY)) == 200
    wrong = shown() | {"x-forwarded-for": STRANGER}
    assert status(await sender.post(PATH, ALERT, wrong, peer=PROXY)) == 404
    assert status(await sender.post("/hooks/tv", ALERT, right, peer=PROXY)) == 404


async def test_a_bearer_may_need_a_certificate_too() -> None:
    """It is answered like a wrong token."""
    source = Source(name="api", bearer=BEARER, client_certificate="email:me@example.com")
    sender = Sender([source], trusted_proxies=[PROXY])
    body = json.dumps({"intent": "place_order", "symbol": "X", "side": "buy"}).encode()
    bears = {"authorization": f"Bearer {BEARER}"}
    good = bears | shown("two_names")
    assert status(await sender.post("/v1/intents", body, good, peer=PROXY)) == 200
    assert status(await sender.post("/v1/intents", body, bears, peer=PROXY)) == 401


def test_a_header_that_is_there_twice_is_not_believed() -> None:
    """One of the two may be what the sender wrote."""
    peers = Peers([PROXY])
    cert = base64.b64encode(b"x")
    good = [(name.encode(), value.encode()) for name, value in shown().items()]
    assert peers.certificate(PROXY, good) is not None
    assert peers.certificate(PROXY, [*good, (b"x-client-cert", cert)]) is None
    assert peers.certificate(PROXY, [*good, (b"x-client-verify", b"SUCCESS")]) is None
    assert peers.certificate("", good) is None
    assert Peers().certificate(PROXY, good) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"allow_from": ("trading-view",)}, "networks, or tradingview"),
        ({"client_certificate": "TradingView"}, "or tradingview"),
    ],
)
def test_a_name_that_is_no_known_sender_is_refused(settings: dict[str, object], words: str) -> None:
    """The message says which there are."""
    with pytest.raises(ConfigError, match=words):
        Sender([Source(name="tv", path_token=TOKEN, **settings)])  # type: ignore[arg-type]
