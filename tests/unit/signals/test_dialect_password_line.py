"""Commands below a password on a line of its own."""

from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import LevelUnit, QtyUnit, Side
from bascule.model.intent import Amount, ClosePosition, Level, PlaceOrder, Protection
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

NAME = "password_line"
COMMANDS: dict[str, dict[str, Any]] = {
    "long BTCUSD q=0.1": {"intent": "open", "side": "buy", "volume": measure("0.1", "lots")},
    "buy BTCUSD q=0.1": {"side": "buy"},
    "SHORT BTCUSD Q=0.1": {"side": "sell"},
    "sell BTCUSD q=0.1": {"side": "sell"},
    "long BTCUSD q=5 qt=percent": {"volume": measure("5", "percent_of_balance")},
    "long BTCUSD q=5 qt=lot": {"volume": measure("5", "lots")},
    "long BTCUSD q=1 sl=1000 tp=2000": {"sl": measure("1000", "points"),
                                        "tp": measure("2000", "points")},
    "long BTCUSD q=1 slp=2.19 tpp=3.2": {"sl": measure("2.19", "price"),
                                         "tp": measure("3.2", "price")},
    "long BTCUSD q=1 sl=3% tp=4%": {"sl": measure("3", "percent"), "tp": measure("4", "percent")},
    "long BTCUSD q=1 p=5": {"order_type": "limit", "entry": measure("5", "account_setting")},
    "short BTCUSD q=1 p=3%": {"order_type": "limit", "entry": measure("3", "percent")},
    "flat BTCUSD": {"intent": "close", "closes": "both", "qty": "all"},
    "flat BTCUSD q=0.06 sl=5": {"intent": "close", "qty": "all", "volume": None, "sl": None},
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), COMMANDS.items(), ids=COMMANDS)
def test_commands(line: str, expected: dict[str, Any]) -> None:
    """Found by itself as well; the first line is the credential."""
    text = f"SECRET\n{line}"
    held(expected | {"symbol": "BTCUSD", "auth": "body_secret"}, said.read(NAME, text))
    assert said.read("", text) == said.read(NAME, text)
    assert said.found(text) == NAME


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty_body"),
        ("SECRET", "malformed_command"),
        ("long BTCUSD q=0.1", "unauthenticated"),
        ("SECRET\nhold BTCUSD q=1", "invalid_action"),
        ("SECRET\n{{strategy.market_position}} BTCUSD q=1", "unresolved_placeholder"),
        ("SECRET\nlong {{ticker}} q=1", "unresolved_placeholder"),
        ("SECRET\nlong", "missing_field"),
        ("SECRET\nlong q=1", "missing_field"),
        ("SECRET\nlong short q=1", "malformed_command"),
        ("SECRET\nlong BTCUSD", "missing_field"),
        ("SECRET\nlong BTCUSD sl=5", "missing_field"),
        ("SECRET\nlong BTCUSD qt=percent", "missing_field"),
        ("SECRET\nlong BTCUSD q=1 qt=barrels", "bad_enum"),
        ("SECRET\nlong BTCUSD q=1 sl=5 slp=6", "conflict"),
        ("SECRET\nlong BTCUSD q=1 q=2", "conflict"),
        ("SECRET\nlong BTCUSD q=1 sl=5 stop=6", "unknown_field"),
        ("SECRET\nlong BTCUSD q=1 fast", "malformed_command"),
        ("SECRET\nlong BTCUSD q=0", "bad_number"),
        ("SECRET\nlong BTCUSD q=1,5", "bad_number"),
        ("SECRET\nlong BTCUSD q=1 slp=3%", "bad_number"),
        ("\n".join(["SECRET"] + ["flat X"] * 30), "malformed_command"),
    ],
)
def test_refused(text: str, error: str) -> None:
    """An entry without a size, a word or a key that is not known."""
    assert said.read(NAME, text)["error"] == error


def test_a_source_that_vouches_needs_no_password_line() -> None:
    """The path token of the source stands for it."""
    held({"intent": "open", "auth": "url_path"}, said.read(NAME, "long X q=1", auth="url_path"))


def test_what_commands_become() -> None:
    """Points stay points; several lines are done in their order."""
    assert said.one(NAME, "SECRET\nlong X q=0.1 sl=1000") == PlaceOrder(
        symbol="X", side=Side.BUY, quantity=Amount(Decimal("0.1"), QtyUnit.LOTS),
        protection=Protection(Level(Decimal(1000), LevelUnit.POINTS)),
    )  # fmt: skip
    assert said.one(NAME, "SECRET\nflat X q=1") == ClosePosition(symbol="X")
    two = said.becomes(NAME, "SECRET\nflat X\nshort X q=1")
    assert said.kinds(two) == ["ClosePosition", "PlaceOrder"]
    assert said.becomes(NAME, "SECRET\nlong X q=1 p=5") == "unit_not_set"
