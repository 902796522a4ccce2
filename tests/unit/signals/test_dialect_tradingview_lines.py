"""Alerts without names for their fields: values between commas, and plain words."""

from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import Direction, Side
from bascule.model.intent import (
    Amount,
    ClosePosition,
    Flatten,
    PlaceOrder,
    StopTrading,
    TargetPosition,
)
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

CSV, TEXT = "tradingview_csv", "tradingview_text"
BAR = "5, 2026-11-20T14:00:00Z, 1.5, 1.6, 1.7, 1.4, 12500"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("S, buy, ES", {"intent": "open", "side": "buy", "symbol": "ES", "qty": None}),
        ("S,SELL,NQ", {"intent": "open", "side": "sell"}),
        (f"S, buy, ES, {BAR}", {"ref_price": 1.6, "qty": None, "volume": None,
                                "fired_at": "2026-11-20T14:00:00Z"}),
        (f"S, buy, ES, {BAR}, 2", {"qty": measure("2", "units")}),
        ("S, buy, ES, , , , , , , , 2", {"qty": measure("2", "units"), "ref_price": None}),
        ("S, close, ES", {"intent": "close", "qty": "all", "closes": None}),
        ("S, close_long, ES", {"intent": "close", "closes": "long", "side": "sell"}),
        ("S, close_short, ES", {"intent": "close", "closes": "short", "side": "buy"}),
        (f"S, close_long, ES, {BAR}, 2", {"intent": "reduce", "qty": measure("2", "units")}),
        ("S, close, ES, 5, 2026-11-20T14:00:00Z, x, y", {"intent": "close", "ref_price": None}),
        ("S, buy, ES, {{interval}}, {{time}}", {"intent": "open", "fired_at": None}),
        ("S, hold, ES", {"error": "invalid_action"}),
        ("S, {{strategy.order.action}}, ES", {"error": "unresolved_placeholder"}),
        ("S, buy, {{ticker}}", {"error": "unresolved_placeholder"}),
        ("S, buy, ", {"error": "missing_field"}),
        ("S, buy", {"error": "missing_field"}),
        ("S, buy, sell", {"error": "malformed_command"}),
        ("S, buy, 5", {"error": "malformed_command"}),
        ("S, buy, ES, 2", {"error": "malformed_command"}),
        ("S, buy, ES, 1.5, 2026-11-20T14:00:00Z", {"error": "malformed_command"}),
        ("S, buy, ES, 5, 4850.25", {"error": "malformed_command"}),
        (f"S, buy, ES, {BAR}, 0", {"error": "bad_number"}),
        (f"S, buy, ES, {BAR}, x", {"error": "bad_number"}),
        (f"S, buy, ES, {BAR}, 2, 3", {"error": "malformed_command"}),
        ("S, buy, ES, 5, 2026-11-20T14:00:00Z, 1, y", {"error": "bad_number"}),
        (", buy, ES", {"error": "unauthenticated"}),
        ("S", {"error": "malformed_command"}),
        ("S, buy, ES\nS, sell, ES", {"error": "malformed_command"}),
        ("", {"error": "empty_body"}),
    ],
)  # fmt: skip
def test_values_between_commas(line: str, expected: dict[str, Any]) -> None:
    """The bar's volume is never a size, and a value out of its column refuses the line."""
    held(expected, said.read(CSV, line))
    if "error" not in expected:
        assert said.found(line) == CSV
        assert said.read("", line) == said.read(CSV, line)


def test_what_lines_become() -> None:
    """An entry without a size is the route's to size."""
    assert said.one(CSV, "S, sell, ES") == PlaceOrder(symbol="ES", side=Side.SELL)
    assert said.one(CSV, f"S, close_long, ES, {BAR}, 2") == ClosePosition(
        symbol="ES", held=Direction.LONG, quantity=Amount(Decimal(2)),
        reference_price=Decimal("1.6"),
    )  # fmt: skip


FILLED = "order %s @ %s filled on BTCUSDT. New strategy position is %s"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FILLED % ("buy", 3, 3), {"intent": "open", "side": "buy", "target": 3,
                                  "qty": measure("3", "units"), "symbol": "BTCUSDT"}),
        (FILLED % ("sell", 3, 0), {"intent": "close", "side": "sell", "closes": "long",
                                   "target": 0}),
        (FILLED % ("buy", 3, 0), {"intent": "close", "closes": "short"}),
        (FILLED % ("sell", 1, 2), {"intent": "reduce", "closes": "long", "target": 2}),
        (FILLED % ("sell", 3, -3), {"side": "sell", "target": -3, "position_effect": "short"}),
        (f"My strategy (9, 21): {FILLED % ('buy', '0.5', '0.5')}", {"target": 0.5}),
        (FILLED % ("buy", 0, 0), {"error": "bad_number"}),
        (FILLED % ("buy", "x", 1), {"error": "bad_number"}),
        (FILLED % ("buy", 1, "{{x}}"), {"error": "unresolved_placeholder"}),
        ("buy XAUUSD", {"intent": "open", "side": "buy", "qty": None, "volume": None}),
        ("SELL BINANCE:BTCUSDT.P", {"side": "sell", "symbol": "BINANCE:BTCUSDT.P"}),
        ("long ES1! qty=2 sl_price=5", {"qty": measure("2", "units"), "sl": measure("5", "price")}),
        ("buy EURUSD risk=1 sl=20", {"volume": measure("1", "account_setting"),
                                     "sl": measure("20", "account_setting")}),
        ("close EURUSD", {"intent": "close", "closes": "both"}),
        ("exit long EURUSD", {"intent": "close", "closes": "long", "side": "sell"}),
        ("close short EURUSD", {"closes": "short", "side": "buy"}),
        ("flatten all", {"intent": "flatten_all"}),
        ("halt", {"intent": "control", "control": "halt"}),
        ("resume", {"intent": "control", "control": "resume"}),
        ("BUY", {"error": "missing_field"}),
        ("buy xauusd", {"error": "unknown_format"}),
        ("buy the dip", {"error": "unknown_format"}),
        ("Long #BTCUSDT at `57012.5`", {"error": "unknown_format"}),
        ("buy limit EURUSD", {"error": "unknown_format"}),
        ("buy EURUSD 5", {"error": "unknown_format"}),
        ("buy EURUSD sl=5 stop=4", {"error": "unknown_field"}),
        ("buy EURUSD qty=5 lots=1", {"error": "conflict"}),
        ("buy {{ticker}}", {"error": "unresolved_placeholder"}),
        ("{{strategy.order.action}} EURUSD", {"error": "unresolved_placeholder"}),
        ("BTC.D: 59.32%, Direction: SHORT, Change: -0.28%", {"error": "unknown_format"}),
        ("EURUSD crossed 1.08", {"error": "unknown_format"}),
        ("action=buy&symbol=EURUSD", {"error": "unknown_format"}),
        ("halt EURUSD", {"error": "unknown_format"}),
        ("buy EURUSD\nsell EURUSD", {"error": "unknown_format"}),
        ('{"direction": "SHORT"}', {"error": "missing_field"}),
        ('{"symbol": "X", "action": "buy"}', {"error": "unknown_format"}),
        ("{", {"error": "malformed_json"}),
        ("", {"error": "empty_body"}),
    ],
)  # fmt: skip
def test_plain_words(text: str, expected: dict[str, Any]) -> None:
    """Two forms only: a word that means buy somewhere in a text is no order."""
    held(expected, said.read(TEXT, text))
    alone = said.read("", text)
    if "error" in expected:
        assert "error" in alone
    else:
        assert alone == said.read(TEXT, text)


def test_what_words_become() -> None:
    """A strategy's own message is the position to be held; nothing arms."""
    assert said.one(TEXT, FILLED % ("buy", 3, 3)) == TargetPosition(
        symbol="BTCUSDT", direction=Direction.LONG, quantity=Amount(Decimal(3)),
        order_quantity=Amount(Decimal(3)), side=Side.BUY,
    )  # fmt: skip
    reduced = said.one(TEXT, FILLED % ("sell", 1, 2))
    assert isinstance(reduced, TargetPosition)
    assert not reduced.may_open
    assert said.one(TEXT, "flatten all") == Flatten()
    assert said.one(TEXT, "halt") == StopTrading()
    assert said.becomes(TEXT, "resume") == "arm_not_remote"
    assert said.becomes(TEXT, "buy EURUSD risk=1") == "unit_not_set"
