"""PineTunnel's grammar: snake case, explicit sizes, and a secret that must be there."""

from typing import Any

import pytest

from bascule.model.intent import ClosePosition
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

NAME = "pinetunnel"
ENTRY = "LICENSE,buy,EURUSD,%s,secret=S"


def read(text: str) -> dict[str, Any]:
    """Read one command, pinned and found by itself: both must agree."""
    pinned = said.read(NAME, text)
    assert pinned == said.read("", text)
    assert said.found(text) == NAME
    return pinned


COMMANDS: dict[str, dict[str, Any]] = {
    "buy,EURUSD,lots=1": {"intent": "open", "side": "buy", "order_type": "market"},
    "sell,EURUSD,lots=1": {"intent": "open", "side": "sell"},
    "buy_stop,EURUSD,pending=1.09,lots=1": {"side": "buy", "order_type": "stop",
                                            "entry": measure("1.09", "account_setting")},
    "buy_limit,EURUSD,entry_price=1.09,lots=1": {"order_type": "limit", "limit": 1.09},
    "sell_stop,EURUSD,entry_points=50,lots=1": {"side": "sell", "entry": measure("50", "points")},
    "sell_limit,EURUSD,price=1.09,lots=1": {"side": "sell", "order_type": "limit"},
    "close_long,EURUSD": {"intent": "close", "closes": "long", "side": "sell", "qty": "all"},
    "close_short,EURUSD": {"intent": "close", "closes": "short", "side": "buy"},
    "close_all,EURUSD": {"intent": "close", "closes": "both", "symbol": "EURUSD"},
    "close_all_off,close_all_off": {"intent": "flatten_all", "control": "halt"},
    "close_long_pct,EURUSD,risk=50": {"intent": "reduce", "closes": "long",
                                      "qty": measure("50", "percent_of_position")},
    "close_short_vol,EURUSD,risk=0.05": {"intent": "reduce", "closes": "short",
                                         "volume": measure("0.05", "lots")},
    "close_long_buy,EURUSD,lots=1": {"intent": "reopen", "closes": "long", "side": "buy"},
    "close_short_sell,EURUSD,lots=1": {"intent": "reopen", "closes": "short", "side": "sell"},
    "close_long_sell,EURUSD,lots=1": {"intent": "reverse", "closes": "long", "side": "sell"},
    "close_short_buy,EURUSD,lots=1": {"intent": "reverse", "closes": "short", "side": "buy"},
    "close_all_buy,EURUSD,lots=1": {"intent": "reverse", "closes": "both", "side": "buy"},
    "close_all_sell,EURUSD,lots=1": {"intent": "reverse", "closes": "both", "side": "sell"},
    "cancel_long,EURUSD": {"intent": "cancel", "scope": "pending_long"},
    "cancel_short,EURUSD": {"intent": "cancel", "scope": "pending_short"},
    "cancel_long_buy_stop,EURUSD,pending=1.09,lots=1": {"intent": "replace_pending",
                                                        "side": "buy", "order_type": "stop"},
    "sltp_long,EURUSD,sl_pips=9": {"intent": "modify", "target": "long"},
    "sltp_short,EURUSD,tp_pips=9": {"intent": "modify", "target": "short"},
    "sltp_buy_stop,EURUSD,sl=1.08": {"intent": "modify", "target": "buystop"},
    "newsltp_sell_limit,EURUSD,sl=1.08": {"intent": "modify", "target": "selllimit"},
    "breakeven,EURUSD": {"intent": "modify", "sl": "breakeven"},
    "ea_off,ea_off": {"intent": "control", "control": "halt"},
    "ea_on,ea_on": {"intent": "control", "control": "resume"},
}  # fmt: skip


@pytest.mark.parametrize(("rest", "expected"), COMMANDS.items(), ids=COMMANDS)
def test_commands(rest: str, expected: dict[str, Any]) -> None:
    """Each word has the meaning of its PineConnector twin, and its side is never another's."""
    held(expected | {"auth": "body_secret"}, read(f"LICENSE,{rest},secret=S"))


SIZES: dict[str, dict[str, Any]] = {
    "risk=1": {"volume": measure("1", "account_setting")},
    "lots=0.1": {"volume": measure("0.1", "lots")},
    "usd=100": {"volume": measure("100", "usd")},
    "risk_bal_pct=1,sl_points=50": {"risk": measure("1", "percent_balance"),
                                    "sl": measure("50", "points")},
    "risk_eq_pct=1,sl_pips=5": {"risk": measure("1", "percent_equity")},
    "margin_bal_pct=10": {"volume": measure("10", "percent_of_balance_margin")},
    "margin_eq_pct=10": {"volume": measure("10", "percent_of_equity_margin")},
    "lots=1,tp_points=90,sl=1.08": {"tp": measure("90", "points"),
                                    "sl": measure("1.08", "account_setting")},
    "lots=1,trail_trigger=9,trail_distance=8,trail_step=1": {
        "trail": {"trigger": 9, "distance": 8, "step": 1}},
    "lots=1,be_trigger=9,be_offset=1": {"breakeven": {"trigger": 9, "offset": 1}},
    "lots=1,nm=true,comment=x": {"comment": "x"},
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), SIZES.items(), ids=SIZES)
def test_parameters(fields: str, expected: dict[str, Any]) -> None:
    """A size and a level have the unit that their key says."""
    held({"intent": "open", "side": "buy"} | expected, read(ENTRY % fields))


def test_a_command_inside_json() -> None:
    """``{"message": "..."}`` is the same command."""
    line = ENTRY % "lots=0.1,sl=1.085"
    assert read(f'{{"message": "{line}"}}') == read(line)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("LICENSE,buy,EURUSD,lots=1", "unauthenticated"),
        ("LICENSE,buy,EURUSD,lots=1,secret=", "unauthenticated"),
        (",buy,EURUSD,lots=1,secret=S", "unauthenticated"),
        ("LICENSE,hold,EURUSD,lots=1,secret=S", "invalid_action"),
        ("LICENSE,123456,buy,EURUSD,lots=1,secret=S", "malformed_command"),
        ("buy,EURUSD,lots=1,secret=S", "malformed_command"),
        ("LICENSE", "malformed_command"),
        ("LICENSE,buy", "missing_field"),
        ("LICENSE,buy,sell,lots=1,secret=S", "malformed_command"),
        ("LICENSE,ea_off,EURUSD,secret=S", "malformed_command"),
        (ENTRY % "lots=1,usd=5", "conflict"),
        (ENTRY % "lots=1,sl=1,sl_points=1", "conflict"),
        (ENTRY % "risk_bal_pct=1", "missing_field"),
        (ENTRY % "risk_bal_pct=101,sl_pips=5", "bad_number"),
        (ENTRY % "sl_pips=5", "missing_field"),
        (ENTRY % "lots=1,stop=5", "unknown_field"),
        (ENTRY % "lots=0", "bad_number"),
        (ENTRY % "lots={{x}}", "unresolved_placeholder"),
        ('{"message": 5}', "malformed_command"),
        ('{"message": "x", "qty": 5}', "malformed_command"),
        ("", "empty_body"),
        ("\n".join(["LICENSE,close_long,X,secret=S"] * 21), "malformed_command"),
    ],
)
def test_refused(text: str, error: str) -> None:
    """No size, no secret, a word that is not known: nothing is filled in."""
    assert said.read(NAME, text)["error"] == error


def test_a_source_that_vouches_needs_no_secret() -> None:
    """The path token of the source stands for it."""
    got = said.read(NAME, "LICENSE,buy,EURUSD,lots=1", auth="url_path")
    held({"intent": "open", "auth": "url_path"}, got)


def test_what_commands_become() -> None:
    """Closing is whole; arming is refused; a batch is done in its order."""
    assert said.one(NAME, "L-1,close_all,X,secret=S") == ClosePosition(symbol="X")
    assert said.becomes(NAME, "L-1,ea_on,ea_on,secret=S") == "arm_not_remote"
    assert said.becomes(NAME, ENTRY % "usd=100") == "unsupported_unit"
    assert said.becomes(NAME, ENTRY % "margin_bal_pct=5") == "unsupported_unit"
    assert said.becomes(NAME, ENTRY % "risk=1") == "unit_not_set"
    two = "L-1,close_long,X,secret=S\nL-1,sell,X,lots=1,secret=S"
    assert said.kinds(said.becomes(NAME, two)) == ["ClosePosition", "PlaceOrder"]
