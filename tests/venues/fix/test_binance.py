"""The profile of a signed Logon: what is signed, who is let in, and a session without questions."""

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bascule.fix.actions import Send
from bascule.fix.logon import signed_text
from bascule.fix.message import read_time
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.errors import ConfigError, SecretError, VenueTerminal, VenueTransient
from bascule.model.ids import ClOrdID, VenueSymbol
from bascule.model.order import Accepted
from bascule.venues.fix import create
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.fix.signing import signer, verifier
from bascule.venues.kit.contract import VenueContext
from tests.venues.client import INSTRUMENT, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import HASTY, LOGIN, Trader, context
from tests.venues.fix.test_guardian import flatten, guardian_on
from tests.waiting import PATIENCE_S

NEW, TRADE, CANCELED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED
BTC = VenueSymbol("BTCUSDT")
SAMPLE_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""
"""The key that Binance's FIX page prints for checking one's own signature; it opens nothing."""
SAMPLE_SIGNATURE = (
    b"4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
)
SAMPLE_NAME = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb"
"""The API key that stands on that page."""
SAMPLE_TEXT = signed_text(b"EXAMPLE", b"SPOT", 1, b"20240627-11:17:25.223")


def public(private: str) -> str:
    """Give the public half of a key, as PEM."""
    key = serialization.load_pem_private_key(private.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    how = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, how).decode()


def fresh() -> str:
    """Make a key that nobody else has."""
    how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, *how)
    return made.decode()


def test_the_published_signature() -> None:
    """The sample on the exchange's page comes out byte for byte, and its public key agrees."""
    assert signer(SAMPLE_KEY)(SAMPLE_TEXT) == SAMPLE_SIGNATURE
    holds = verifier(public(SAMPLE_KEY))
    assert holds(SAMPLE_TEXT, SAMPLE_SIGNATURE)
    assert not holds(SAMPLE_TEXT.replace(b"EXAMPLE", b"EXAMPLF"), SAMPLE_SIGNATURE)
    assert not holds(SAMPLE_TEXT, base64.b64encode(bytes(64)))
    assert not holds(SAMPLE_TEXT, b"no base64")


def test_the_published_logon(tmp_path: Path) -> None:
    """The whole message of that page comes out of the profile, body length and sum included."""
    given = context(tmp_path, 1, **settings(sender_comp_id="EXAMPLE", username=SAMPLE_NAME))
    given["secrets"] = {"private_key": SAMPLE_KEY}
    venue = create(VenueContext(sink=print, wire_log=lambda *_: None, clock=lambda: 0, **given))
    config, _ = venue.plan.sessions["trade"]
    at = read_time(b"20240627-11:17:25.223")
    assert at is not None
    (send,) = Session(config, MemoryStore(), lambda message: None).connect(at)
    assert isinstance(send, Send)
    assert send.data.replace(b"\x01", b"|").decode() == (
        "8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|96="
        f"{SAMPLE_SIGNATURE.decode()}|98=0|108=30|141=Y|553={SAMPLE_NAME}|25035=2|10=227|"
    )


@pytest.mark.parametrize("written", [SAMPLE_KEY.replace("\n", ""), SAMPLE_KEY.replace("\n", "\\n")])
def test_a_key_on_one_line(written: str) -> None:
    """A secret is one line, so a PEM may come without its line breaks, or with them spelt out."""
    assert signer(written)(SAMPLE_TEXT) == SAMPLE_SIGNATURE


@pytest.mark.parametrize("wrong", ["-----BEGIN PRIVATE KEY-----", "secret", public(SAMPLE_KEY)])
def test_what_is_no_key_is_refused(wrong: str) -> None:
    """A first line alone, a password or the public half: said in words that show nothing of it."""
    with pytest.raises(SecretError, match="no Ed25519 private key") as refused:
        signer(wrong)
    assert wrong not in refused.value.message
    assert "one line" in refused.value.hint


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cryptography is not installed the start ends with what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(ConfigError) as refused:
        signer(SAMPLE_KEY)
    assert refused.value.code == "missing_extra"
    assert "bascule[ed25519]" in refused.value.hint


def settings(**more: Any) -> dict[str, Any]:
    """Give a client's settings by the profile."""
    return {
        "profile": "binance",
        "override": {"submit_timeout_s": PATIENCE_S},
        "target_comp_id": "",
        "username": "an-api-key",
        "instruments": [{"name": BTC, "kind": "crypto_spot", "quote": "USD", "tick_size": "1"}],
        **more,
    }


async def exchange_of(floor: Floor, key: str) -> Exchange:
    """Start an exchange in Binance's ways, for whoever signs with a key."""
    session = {
        "target": "US",
        "sender": "SPOT",
        "password_in": "ed25519",
        "public_key": public(key),
        "username": "an-api-key",
        "id_marks": "-_",
        "accounts": [LOGIN],
        "account_tag": False,
        "reset_on_logon": True,
        "order_status": False,
        "mass_cancel": "symbol",
        "strict": False,
    }
    terms = {**INSTRUMENT, "venue_symbol": BTC, "kind": "crypto_spot"}
    return await floor.house(session, instruments=[terms])


async def trader_of(floor: Floor, house: Exchange, key: str) -> Trader:
    """Connect a client that signs with a key."""
    return await floor.trader(house.port, secrets={"private_key": key}, **settings())


async def test_trading(floor: Floor) -> None:
    """A signed Logon is let in; orders fill, rest, are taken back, and stops have a trigger."""
    key = fresh()
    house = await exchange_of(floor, key)
    trader = await trader_of(floor, house, key)
    market = trader.order(size=3, venue_symbol=BTC)
    assert isinstance(await trader.venue.submit(market), Accepted), trader.venue.notes
    await trader.told(market, NEW, TRADE)
    stop = trader.order(Side.SELL, 3, stop_price=90, venue_symbol=BTC, cl_ord_id=ClOrdID("a.b-1"))
    assert isinstance(await trader.venue.submit(stop), Accepted)
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert (shown.cl_ord_id, shown.ord_type, shown.ord_status, shown.stop_price) == (
        "a.b-1", OrdType.STOP, OrdStatus.WORKING, 90,
    )  # fmt: skip
    assert isinstance(await trader.venue.cancel(trader.cancel_of(stop)), Accepted)
    await trader.told(stop, NEW, CANCELED)
    (held,) = (await trader.venue.positions(MAIN)).positions
    assert held.quantity == 3

    sent, rested = trader.sent("D")
    assert b"|59=" not in sent and b"|1=" not in sent and b"|60=" not in sent
    assert b"|11=a_b-1|" in rested
    assert b"|1100=4|1101=1|1102=90|1107=2|1109=D" in rested
    assert b"|99=" not in rested
    assert b"|11=a_b-1_c1|" in trader.sent("F")[0]


async def test_another_key_is_not_let_in(floor: Floor) -> None:
    """The emulator holds the signature against the public key: another key gets no session."""
    house = await exchange_of(floor, fresh())
    with pytest.raises((VenueTransient, VenueTerminal)):
        await floor.trader(
            house.port,
            secrets={"private_key": fresh()},
            **settings(answer_timeout_s=1.0),
        )
    said = [text for _, code, text in house.log if code == "fix_logon_refused"]
    assert said and "signature" in said[0]


def test_no_key_and_no_name(tmp_path: Path) -> None:
    """Without the secret, or without the API key's name, nothing starts, and it is said what."""
    given = context(tmp_path, 1, **settings())

    def made(**more: Any) -> VenueContext:
        return VenueContext(
            sink=print, wire_log=lambda *_: None, clock=lambda: 0, **{**given, **more}
        )

    with pytest.raises(SecretError, match=r"there is no private key.*as private_key"):
        create(made())
    nameless = {**given["settings"], "username": ""}
    with pytest.raises(ConfigError, match="username is missing"):
        create(made(settings=nameless, secrets={"private_key": SAMPLE_KEY}))


def test_each_session_says_what_it_is_for(tmp_path: Path) -> None:
    """Orders are handled in their sequence, and a drop copy says that it is one."""
    copy = {"sender_comp_id": "DC", "port": 2}
    given = context(tmp_path, 1, **settings(drop_copy=copy))
    given["secrets"] = {"private_key": SAMPLE_KEY}
    venue = create(VenueContext(sink=print, wire_log=lambda *_: None, clock=lambda: 0, **given))
    logon = {name: dict(config.logon) for name, (config, _) in venue.plan.sessions.items()}
    assert logon == {"trade": {25035: b"2"}, "drop_copy": {25035: b"2", 9406: b"Y"}}


async def test_a_lost_session_leaves_its_orders_in_doubt(floor: Floor) -> None:
    """Nothing can be asked for: after a reset an order counts as unknown until a report comes."""
    key = fresh()
    house = await exchange_of(floor, key)
    trader = await trader_of(floor, house, key)
    order = trader.order(price=80, venue_symbol=BTC)
    assert isinstance(await trader.venue.submit(order), Accepted)
    assert (await trader.venue.open_orders(MAIN)).complete
    house.cut("trade")
    await trader.until(lambda: trader.links()[-2:] == [False, True])
    shown = await trader.venue.open_orders(MAIN)
    assert (shown.complete, [one.ord_status for one in shown.orders]) == (
        False, [OrdStatus.IN_DOUBT],
    )  # fmt: skip
    with pytest.raises(VenueTransient, match="take it back"):
        await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert not (await trader.venue.fills_since(MAIN, trader.venue.now())).complete
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order)), Accepted)
    await trader.told(order, NEW, CANCELED)
    assert (await trader.venue.open_orders(MAIN)).orders == ()
    assert (await trader.venue.fills_since(MAIN, trader.venue.now())).complete


async def test_the_guardian_closes_what_nobody_can_ask_about(floor: Floor) -> None:
    """It takes the session over, takes back by name what it knows of, and all is told to end."""
    key = fresh()
    house = await exchange_of(floor, key)
    store = str(floor.directory / "shared")
    given = {"secrets": {"private_key": key}, "store": store}
    trader = await floor.trader(house.port, **given, **settings())
    for order in (
        trader.order(size=3, venue_symbol=BTC),
        trader.order(price=80, venue_symbol=BTC),
        trader.order(Side.SELL, 3, stop_price=90, venue_symbol=BTC),
    ):
        assert isinstance(await trader.venue.submit(order), Accepted)
    await trader.venue.disconnect()
    words = context(Path(store), house.port, **settings(override=HASTY))["settings"]
    await flatten(house, guardian_on(floor.directory / "guardian", words, {"private_key": key}))
