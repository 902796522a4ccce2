"""What each profile's first messages look like, byte for byte: its Logon and its orders.

Nobody has tried these at the counterparties; they hold what the profiles say, so that no change of
the code changes them unseen.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.fix.actions import Send
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from bascule.model.enums import OrdType, Side, TimeInForce
from bascule.model.errors import ConfigError
from bascule.model.ids import ClOrdID, PositionId, VenueSymbol
from bascule.model.order import NewOrder, ReplaceOrder
from bascule.model.values import Instant
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.line import written
from bascule.venues.fix.orders import Known
from bascule.venues.fix.profile import load, names
from bascule.venues.fix.requests import Writer
from bascule.venues.fix.settings import read
from bascule.venues.kit.contract import VenueContext
from tests.venues.fix.desk import context, spec

AT = Instant(1_795_273_200_123_000_000)
USED: dict[str, dict[str, Any]] = {
    "generic": {},
    "ctrader": {
        "sender_comp_id": "demo.broker.1234567",
        "target_comp_id": "",
        "quote": {"port": 5211},
    },
    "tt": {"sender_comp_id": "REMOTE", "target_comp_id": "TT", "header": {"50": "operator"}},
    "cqg": {"target_comp_id": "", "header": {"50": "trader"}},
}
HEAD = {
    "generic": "49=US|52=20261121-15:00:00.123|56=EMULATOR",
    "ctrader": "49=demo.broker.1234567|50=TRADE|52=20261121-15:00:00.123|56=cServer|57=TRADE",
    "tt": "49=REMOTE|50=operator|52=20261121-15:00:00.123|56=TT",
    "cqg": "49=US|50=trader|52=20261121-15:00:00.123|56=CQG_Gateway",
}
LOGON = {
    "generic": "98=0|108=30|554=pw",
    "ctrader": "98=0|108=30|141=Y|553=1234567|554=pw",
    "tt": "95=2|96=pw|98=0|108=30",
    "cqg": "95=2|96=pw|98=0|108=30|141=Y",
}
ORDER = {
    "generic": "35=D|1=A1|11=bayx-1a-2e|21=1|38=2|40=2|44=5000.25|54=1|55=ES|59=1|60={at}",
    "ctrader": "35=D|11=bayx-1a-2e|38=2|40=2|44=5000.25|54=1|55=ES|59=1|60={at}|721=77",
    "tt": "35=D|1=A1|11=bayx-1a-2e|21=1|38=2|40=2|44=5000.25|54=1|55=ES|59=1|60={at}|1028=N",
    "cqg": "35=D|1=A1|11=bayx-1a-2e|21=1|38=2|40=2|44=5000.25|54=1|55=ES|59=1|60={at}|1028=N",
    "binance": "35=D|11=bayx-1a-2e|38=2|40=2|44=5000.25|54=1|55=ES|59=1",
}
REPLACE = {
    "generic": "35=G|1=A1|11=bayx-1a-2e.r2|21=1|37=X9|38=3|40=2|41=bayx-1a-2e.r1|44=5001"
    "|54=1|55=ES|59=1|60={at}",
    "ctrader": "35=G|11=bayx-1a-2e.r2|37=X9|38=3|41=bayx-1a-2e.r1|44=5001",
    "tt": "35=G|1=A1|11=bayx-1a-2e.r2|21=1|37=X9|38=3|40=2|41=bayx-1a-2e.r1|44=5001"
    "|54=1|55=ES|59=1|60={at}|1028=N",
    "cqg": "35=G|1=A1|11=bayx-1a-2e.r2|21=1|37=X9|38=3|40=2|41=bayx-1a-2e.r1|44=5001"
    "|54=1|55=ES|59=1|60={at}|1028=N",
}
CANCEL = {
    "generic": "35=F|1=A1|11=c|37=X9|38=2|41=bayx-1a-2e.r1|54=1|55=ES|60={at}",
    "ctrader": "35=F|11=c|37=X9|41=bayx-1a-2e.r1",
    "tt": "35=F|1=A1|11=c|37=X9|38=2|41=bayx-1a-2e.r1|54=1|55=ES|60={at}",
    "cqg": "35=F|1=A1|11=c|37=X9|38=2|41=bayx-1a-2e.r1|54=1|55=ES|60={at}",
    "binance": "35=F|11=c|37=X9|41=bayx-1a-2e_r1|55=ES",
}


def plan_of(profile: str, folder: Path):  # type: ignore[no-untyped-def]
    """Read the settings of a venue by a profile."""
    words = context(folder, 5000, profile=profile, override={}, **USED[profile])
    return read(
        VenueContext(
            **{**words, "secrets": {"password": "pw"}},
            sink=lambda message: None,
            wire_log=lambda way, subject, line: None,
            clock=lambda: AT,
        )
    )


@pytest.mark.parametrize("profile", LOGON)
def test_logon(profile: str, tmp_path: Path) -> None:
    """The Logon has the profile's names, sub-ids, reset and place for the password."""
    config = plan_of(profile, tmp_path).sessions["trade"][0]
    session = Session(config, MemoryStore(), lambda message: None)
    (send,) = session.connect(AT)
    assert isinstance(send, Send)
    said = send.data.replace(b"\x01", b"|").decode()
    begin = config.version.begin_string.decode()
    body = f"35=A|34=1|{HEAD[profile]}|{LOGON[profile]}|"
    assert said.startswith(f"8={begin}|9={len(body)}|{body}10=")


def test_ctrader_has_two_sessions(tmp_path: Path) -> None:
    """Prices have a session of their own, with its own sub-ids, port and memory."""
    sessions = plan_of("ctrader", tmp_path).sessions
    quote, address = sessions["quote"]
    assert quote.header == ((50, b"QUOTE"), (57, b"QUOTE"))
    assert (address.port, quote.reset_on_logon, quote.keep_incoming) == (5211, True, False)
    assert sessions["trade"][0].header == ((50, b"TRADE"), (57, b"TRADE"))


@pytest.mark.parametrize("profile", ORDER)
def test_order(profile: str) -> None:
    """A limit order in the profile's own words, and with nothing that it does not take."""
    order = NewOrder(
        account=spec().id,
        cl_ord_id=ClOrdID("bayx-1a-2e"),
        venue_symbol=VenueSymbol("ES"),
        side=Side.BUY,
        quantity=Decimal("2.0"),
        ord_type=OrdType.LIMIT,
        price=Decimal("5000.25"),
        time_in_force=TimeInForce.GTC,
        position_id=PositionId("77"),
    )
    message = Writer(load(profile), Names(()), {}).new_order(order, "A1", AT)
    assert written(message).decode() == ORDER[profile].format(at="20261121-15:00:00.123")


@pytest.mark.parametrize("profile", REPLACE)
def test_replace(profile: str) -> None:
    """A replace has the whole new state, 41 of the last accepted id, and the new total."""
    wanted = ReplaceOrder(
        account=spec().id,
        cl_ord_id=ClOrdID("bayx-1a-2e"),
        venue_order_id=None,
        venue_symbol=VenueSymbol("ES"),
        request_id="bayx-1a-2e.r2",
        quantity=Decimal(3),
        price=Decimal(5001),
    )
    message = Writer(load(profile), Names(()), {}).replace(_known(), wanted, "A1", AT)
    assert written(message).decode() == REPLACE[profile].format(at="20261121-15:00:00.123")


@pytest.mark.parametrize("profile", CANCEL)
def test_cancel(profile: str) -> None:
    """A cancel names the last accepted id and the counterparty's own."""
    message = Writer(load(profile), Names(()), {}).cancel(_known(), "c", "A1", AT)
    assert written(message).decode() == CANCEL[profile].format(at="20261121-15:00:00.123")


def _known() -> Known:
    return Known(
        account=spec().id,
        cl_ord_id=ClOrdID("bayx-1a-2e"),
        current="bayx-1a-2e.r1",
        venue_symbol=VenueSymbol("ES"),
        side=Side.BUY,
        quantity=Decimal(2),
        ord_type=OrdType.LIMIT,
        order_id="X9",
        price=Decimal(5000),
    )


@pytest.mark.parametrize("profile", names())
def test_no_profile_flags_an_order_as_manual(profile: str) -> None:
    """What a program sends is never said to be a person's, and no user's setting can say so."""
    fields = load(profile).order_fields
    assert fields.get("1028", "N") == "N"
    assert fields.get("21") != "3"
    with pytest.raises(ConfigError, match="never flagged"):
        load(profile, {"order_fields": {"1028": "Y"}})


@pytest.mark.parametrize("profile", names())
def test_every_profile_says_how_sure_it_is(profile: str) -> None:
    """A profile names its source and date, and only keys that it has as unsure."""
    known = load(profile)
    assert known.source
    assert known.checked == "2026-11-21"
    assert set(known.unsure) <= set(known.__struct_fields__)


def test_ids_fit_where_twenty_characters_are_all() -> None:
    """TT takes twenty characters: planner and client hold to it."""
    assert load("tt").client_order_id_max == 20
