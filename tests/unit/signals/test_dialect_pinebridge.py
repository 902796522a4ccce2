"""Pinebridge's grammar: pairs between commas or JSON, and resting orders of a zone."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import QtyUnit
from bascule.model.intent import Amount, ModifyProtection, PlaceOrder
from bascule.signals.profile import Profile
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

NAME = "pinebridge"
SIGNALS: dict[str, dict[str, Any]] = {
    "signal=long,qty=1000": {"intent": "open", "side": "buy", "qty": measure("1000", "base_units")},
    "signal=BUY,size=0.1": {"intent": "open", "side": "buy", "volume": measure("0.1", "lots")},
    "signal=short,risklots=0.1": {"side": "sell", "volume": measure("0.1", "lots")},
    "signal=sell": {"intent": "open", "side": "sell", "qty": None, "volume": None},
    "signal=long,dd=true": {"intent": "add", "side": "buy"},
    "signal=long,dd=false": {"intent": "open"},
    "signal=long,entry_price=1.1,sl_price=1.09,tp_price=1.2": {
        "ref_price": 1.1, "sl": measure("1.09", "price"), "tp": measure("1.2", "price"),
        "order_type": "market", "limit": None},
    "signal=short,sl_pips=20,tp_pips=40": {"sl": measure("20", "pips"),
                                           "tp": measure("40", "pips")},
    "signal=closelong": {"intent": "close", "closes": "long", "qty": "all"},
    "signal=exitshort,qty=5": {"intent": "close", "closes": "short", "qty": "all"},
    "signal=closeall": {"intent": "close", "closes": "both", "symbol": "EURUSD"},
    "signal=armlong,limit_price=1.08,qty=9,zone_id=7,zone_src=OB": {
        "intent": "replace_pending", "side": "buy", "order_type": "limit", "limit": 1.08,
        "order_id": "OB-7"},
    "signal=armshort,limit_price=1.08,sl_price=1.09": {"side": "sell", "limit": 1.08},
    "signal=cancellong,zone_id=7": {"intent": "cancel", "scope": "pending_long",
                                    "order_id": "7"},
    "signal=cancelshort": {"intent": "cancel", "scope": "pending_short"},
    "signal=modify,sl_price=1.08": {"intent": "modify", "sl": measure("1.08", "price"),
                                    "target": None},
    "signal=long,conf_pd=true,entry_src=zone,sl_atr=1.5": {
        "intent": "open", "sl": None, "notes": ["not read: conf_pd, entry_src, sl_atr"]},
    "signal=closelong,sl_prise=1.05": {"intent": "close", "closes": "long"},
    "signal=long,strategy=S,comment=C,tv_time=2026-11-21T14:00:00Z": {
        "strategy": "S", "comment": "C", "fired_at": "2026-11-21T14:00:00Z"},
}  # fmt: skip


@pytest.mark.parametrize(("pairs", "expected"), SIGNALS.items(), ids=SIGNALS)
def test_signals(pairs: str, expected: dict[str, Any]) -> None:
    """As pairs, found by itself as well, and as JSON of the same keys."""
    text = f"{pairs},symbol=EURUSD,secret=S"
    held(expected | {"auth": "body_secret"}, said.read(NAME, text))
    assert said.found(text) == NAME
    members = dict(pair.split("=", 1) for pair in text.split(","))
    held(expected, said.read(NAME, json.dumps(members)))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty_body"),
        ("EURUSD crossed 1.08", "missing_field"),
        ("{{strategy.order.alert_message}}", "unresolved_placeholder"),
        ("signal={{x}},symbol=EURUSD", "unresolved_placeholder"),
        ("signal=long,symbol={{ticker}}", "unresolved_placeholder"),
        ("signal=cancellong,symbol=X,zone_id={{x}}", "unresolved_placeholder"),
        ("signal=hold,symbol=EURUSD", "invalid_action"),
        ("signal=long", "missing_field"),
        ("symbol=EURUSD,qty=5", "missing_field"),
        ("signal=long,symbol=EURUSD,secret=", "unauthenticated"),
        ("signal=long,symbol=EURUSD,qty=5,size=1", "conflict"),
        ("signal=long,symbol=EURUSD,sl_price=1,sl_pips=1", "conflict"),
        ("signal=long,symbol=EURUSD,entry_price=1.1,sl_price=1.2", "conflict"),
        ("signal=short,symbol=EURUSD,entry_price=1.1,tp_price=1.2", "conflict"),
        ("signal=long,symbol=EURUSD,stop_loss=1.05", "unknown_field"),
        ("signal=long,symbol=EURUSD,sl=20", "unknown_field"),
        ("signal=long,symbol=EURUSD,sl_prise=1.05", "unknown_field"),
        ("signal=long,symbol=EURUSD,l_price=1.05", "unknown_field"),
        ("signal=long,symbol=EURUSD,quty=5", "unknown_field"),
        ("signal=armlong,symbol=EURUSD,qty=5", "missing_field"),
        ("signal=long,symbol=EURUSD,dd=perhaps", "bad_enum"),
        ("signal=long,symbol=EURUSD,qty=0", "bad_number"),
        ("signal=long,symbol=EURUSD,qty=1,5", "malformed_command"),
        ("signal=modify,symbol=EURUSD", "missing_field"),
        ('{"signal": "long"', "malformed_json"),
        ('["signal"]', "missing_field"),
    ],
)
def test_refused(text: str, error: str) -> None:
    """A stop in a name that it does not know is not let go unread."""
    assert said.read(NAME, text)["error"] == error


def test_what_signals_become() -> None:
    """Units of the base currency need the size of a lot; a new arm takes the old one's place."""
    text = "signal=long,symbol=X,qty=3000,secret=S"
    assert said.becomes(NAME, text) == "unit_not_set"
    order = said.one(NAME, text, Profile(lot_size=Decimal(100_000)))
    assert isinstance(order, PlaceOrder)
    assert order.quantity == Amount(Decimal("0.03"), QtyUnit.LOTS)
    arm = said.becomes(NAME, "signal=armlong,symbol=X,size=1,limit_price=5,secret=S")
    assert said.kinds(arm) == ["CancelOrders", "PlaceOrder"]
    modified = said.one(NAME, "signal=modify,symbol=X,sl_price=5,secret=S")
    assert isinstance(modified, ModifyProtection)
    assert modified.held is None
