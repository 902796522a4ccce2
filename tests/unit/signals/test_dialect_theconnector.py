"""TheConnector's grammar: a line without a licence id, or flat JSON."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import Direction, QtyUnit, Side
from bascule.model.intent import Amount, ModifyProtection, PlaceOrder
from bascule.signals.profile import Profile
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

NAME = "theconnector"

LINES: dict[str, dict[str, Any]] = {
    "buy,EURUSD,risk=1,sl=20,tp=40": {
        "intent": "open", "side": "buy", "volume": measure("1", "account_setting"),
        "sl": measure("20", "account_setting"), "tp": measure("40", "account_setting")},
    "short,EURUSD,risk=1": {"intent": "open", "side": "sell"},
    "buy_limit,EURUSD,price=1.08,risk=1": {"order_type": "limit", "side": "buy",
                                           "entry": measure("1.08", "account_setting")},
    "sellstop,EURUSD,entry_price=1.08,lots=1": {"order_type": "stop", "stop": 1.08,
                                                "volume": measure("1", "lots")},
    "close_long,EURUSD": {"intent": "close", "closes": "long", "side": "sell"},
    "closeshort,EURUSD": {"intent": "close", "closes": "short", "side": "buy"},
    "closelongpct,EURUSD,risk=50": {"qty": measure("50", "percent_of_position")},
    "cancelshort,EURUSD": {"intent": "cancel", "scope": "pending_short"},
    "CL+OS,EURUSD,risk=1": {"intent": "reverse", "side": "sell", "closes": "long"},
    "newsltplong,EURUSD,sl_pips=5": {"intent": "modify", "target": "long"},
    "breakeven_long,EURUSD": {"intent": "modify", "sl": "breakeven", "target": "long"},
    "breakeven_short,EURUSD": {"intent": "modify", "sl": "breakeven", "target": "short"},
    "closeall": {"error": "missing_field"},
    "eaoff,eaoff": {"intent": "control", "control": "halt"},
    "closealleaoff,closealleaoff": {"intent": "flatten_all", "control": "halt"},
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), LINES.items(), ids=LINES)
def test_lines(text: str, expected: dict[str, Any]) -> None:
    """PineConnector's list in either spelling, found by itself as well."""
    held(expected, said.read(NAME, text))
    if "error" not in expected:
        assert said.found(text) == NAME
        held(expected | {"auth": "url_path"}, said.read("", text))


OBJECTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"action": "buy", "symbol": "EURUSD", "risk": 1, "sl": 20, "id": "tv-1"},
     {"intent": "open", "side": "buy", "volume": measure("1", "account_setting"),
      "sl": measure("20", "account_setting"), "signal_id": "tv-1"}),
    ({"action": "sell_limit", "symbol": "EURUSD", "price": 1.08, "risk": "0.5"},
     {"side": "sell", "order_type": "limit", "entry": measure("1.08", "account_setting")}),
    ({"action": "buy", "symbol": "EURUSD", "fixed_volume": 0.2, "comment": "a"},
     {"volume": measure("0.2", "lots"), "comment": "a"}),
    ({"action": "closelong", "symbol": "EURUSD", "ticket": "12"}, {"intent": "close",
     "closes": "long", "qty": "all"}),
    ({"action": "closeall", "symbol": "", "source": "tv"}, {"intent": "flatten_all"}),
    ({"action": "breakevenlong", "symbol": "EURUSD", "source": "tv"}, {"sl": "breakeven"}),
    ({"action": "buy", "symbol": "EURUSD", "risk": None, "source": "x"},
     {"error": "missing_field"}),
    ({"action": "hold", "symbol": "EURUSD", "risk": 1}, {"error": "invalid_action"}),
    ({"action": "", "symbol": "EURUSD", "risk": 1}, {"error": "missing_field"}),
    ({"action": "buy", "risk": 1}, {"error": "missing_field"}),
    ({"action": "buy", "symbol": 5, "risk": 1}, {"error": "missing_field"}),
    ({"action": "buy", "symbol": "EURUSD", "risk": True}, {"error": "bad_number"}),
    ({"action": "buy", "symbol": "EURUSD", "risk": 1, "lots": 1}, {"error": "conflict"}),
    ({"action": "buy", "symbol": "EURUSD", "risk": 1, "stopp": 5}, {"error": "unknown_field"}),
    ({"action": "buy", "symbol": "{{ticker}}", "risk": 1}, {"error": "unresolved_placeholder"}),
]  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), OBJECTS, ids=[str(one) for one, _ in OBJECTS])
def test_objects(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same words as members of an object."""
    held(expected, said.read(NAME, json.dumps(members)))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty_body"),
        ("buy", "missing_field"),
        ("buy,EURUSD", "missing_field"),
        ("buy,60123456789", "malformed_command"),
        ("buy,sell,risk=1", "malformed_command"),
        ("buy,EURUSD,risk=1,60", "malformed_command"),
        ("wait,EURUSD,risk=1", "invalid_action"),
        ('{"action": "buy"', "malformed_json"),
        ('["buy"]', "invalid_action"),
        ("\n".join(["closelong,X"] * 21), "malformed_command"),
    ],
)
def test_refused(text: str, error: str) -> None:
    """What is missing or out of place refuses the command."""
    assert said.read(NAME, text)["error"] == error


def test_what_commands_become() -> None:
    """A bare risk waits for the profile; break-even moves the stop of the side that is named."""
    text = "buy,X,risk=1"
    assert said.becomes(NAME, text) == "unit_not_set"
    assert said.one(NAME, text, Profile(volume=QtyUnit.RISK_PERCENT)) == PlaceOrder(
        symbol="X", side=Side.BUY, quantity=Amount(Decimal(1), QtyUnit.RISK_PERCENT)
    )
    moved = said.one(NAME, "breakeven_short,X")
    assert isinstance(moved, ModifyProtection)
    assert moved.held is Direction.SHORT
    two = said.becomes(NAME, "closelong,X\nsell,X,lots=1")
    assert said.kinds(two) == ["ClosePosition", "PlaceOrder"]
