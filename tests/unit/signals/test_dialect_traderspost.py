"""TradersPost's JSON, and LEAN's, which is the same beside reports of fills."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Level,
    PlaceOrder,
    Protection,
    TakeProfit,
    TargetPosition,
)
from tests.unit.signals import said
from tests.unit.signals.said import held, measure

D = Decimal
NAME = "traderspost"
Members = dict[str, Any]


def text_of(action: str = "buy", **members: Any) -> str:
    """Give a message about SQ."""
    return json.dumps({"ticker": "SQ", "action": action} | members)


def read(action: str = "buy", **members: Any) -> dict[str, Any]:
    """Read one message; LEAN reads the same."""
    text = text_of(action, **members)
    got = said.read(NAME, text)
    assert said.read("lean", text) == got
    return got


@pytest.mark.parametrize(
    ("action", "sentiment", "expected"),
    [
        ("buy", None, {"intent": "open", "side": "buy", "position_effect": "long"}),
        ("sell", None, {"intent": "open", "side": "sell", "position_effect": "short"}),
        ("buy", "long", {"intent": "open", "side": "buy", "closes": None}),
        ("buy", "bullish", {"intent": "open", "side": "buy", "position_effect": "long"}),
        ("sell", "bearish", {"intent": "open", "side": "sell", "position_effect": "short"}),
        ("sell", "short", {"intent": "open", "side": "sell"}),
        ("sell", "flat", {"intent": "close", "side": "sell", "closes": "long", "target": 0}),
        ("buy", "flat", {"intent": "close", "side": "buy", "closes": "short", "target": 0}),
        ("sell", "long", {"intent": "reduce", "side": "sell", "closes": "long"}),
        ("sell", "bullish", {"intent": "reduce", "closes": "long"}),
        ("buy", "short", {"intent": "reduce", "side": "buy", "closes": "short"}),
        ("buy", "bearish", {"intent": "reduce", "closes": "short"}),
        ("exit", None, {"intent": "close", "qty": "all", "position_effect": "flat"}),
        ("exit", "flat", {"intent": "close", "qty": "all", "target": 0}),
        ("exit", "long", {"error": "conflict"}),
        ("add", "bullish", {"intent": "add", "side": "buy"}),
        ("add", "short", {"intent": "add", "side": "sell"}),
        ("add", None, {"intent": "add", "side": None}),
        ("add", "flat", {"error": "conflict"}),
        ("cancel", None, {"intent": "cancel", "scope": "symbol"}),
        ("buy", "happy", {"error": "bad_enum"}),
        ("buy", 5, {"error": "bad_enum"}),
        ("buy", "{{x}}", {"error": "unresolved_placeholder"}),
        ("BUY", "LONG", {"intent": "open", "side": "buy"}),
        ("bu", None, {"error": "invalid_action"}),
        ("", None, {"error": "missing_field"}),
        ("{{strategy.order.action}}", None, {"error": "unresolved_placeholder"}),
        ("update_stop", None, {"error": "invalid_action"}),
    ],
)
def test_sentiment_is_the_position_wanted_after_the_order(
    action: str, sentiment: Any, expected: Members
) -> None:
    """A sell towards flat closes a long, and towards long reduces it: neither is a short."""
    members = {} if sentiment is None else {"sentiment": sentiment}
    held(expected, read(action, **members))


FIELDS: list[tuple[Members, Members]] = [
    ({}, {"order_type": "market", "qty": None, "auth": "url_path", "cancel_open_orders": True}),
    ({"quantity": 5}, {"qty": measure("5", "units")}),
    ({"quantity": "2.5"}, {"qty": measure("2.5", "units")}),
    ({"quantity": ""}, {"qty": None}),
    ({"quantity": 5, "quantityType": "fixed_quantity"}, {"qty": measure("5", "units")}),
    ({"quantity": 500, "quantityType": "dollar_amount"}, {"qty": measure("500", "dollar_amount")}),
    ({"quantity": 5, "quantityType": "percent_of_equity"},
     {"qty": measure("5", "percent_of_equity")}),
    ({"quantity": 1, "quantityType": "risk_percent", "stopLoss": {"type": "stop", "percent": 2}},
     {"qty": measure("1", "risk_percent"), "sl": measure("2", "percent")}),
    ({"quantity": 1, "quantityType": "risk_percent"}, {"error": "missing_field"}),
    ({"quantity": 50, "quantityType": "risk_dollar_amount"}, {"error": "missing_field"}),
    ({"quantityType": "dollar_amount"}, {"error": "missing_field"}),
    ({"quantity": 1, "quantityType": "barrels"}, {"error": "bad_enum"}),
    ({"quantity": 0}, {"error": "bad_number"}),
    ({"quantity": -1}, {"error": "bad_number"}),
    ({"quantity": "1,5"}, {"error": "bad_number"}),
    ({"quantity": True}, {"error": "bad_number"}),
    ({"quantity": "{{strategy.order.contracts}}"}, {"error": "unresolved_placeholder"}),
    ({"Quantity": 5}, {"error": "unknown_field"}),
    ({"Sentiment": "flat"}, {"error": "unknown_field"}),
    ({"order_type": "limit", "limit_price": 5}, {"error": "unknown_field"}),
    ({"signal_price": 5, "Delay": 9, "quantity": 1, "Quantity": 2}, {"qty": measure("1", "units")}),
    ({"orderType": "limit", "limitPrice": "50.5"}, {"order_type": "limit", "limit": 50.5}),
    ({"orderType": "limit"}, {"order_type": "limit", "limit": None}),
    ({"orderType": "stop", "stopPrice": 60}, {"order_type": "stop", "stop": 60}),
    ({"orderType": "stop_limit", "stopPrice": 60, "limitPrice": 61},
     {"order_type": "stop_limit", "stop": 60, "limit": 61}),
    ({"orderType": "trailing_stop", "trailPercent": "5"}, {"trail": measure("5", "percent")}),
    ({"orderType": "trailing_stop", "trailAmount": 2}, {"trail": measure("2", "amount")}),
    ({"orderType": "trailing_stop"}, {"error": "missing_field"}),
    ({"orderType": "trailing_stop", "trailAmount": 2, "trailPercent": 1}, {"error": "conflict"}),
    ({"trailPercent": 5}, {"error": "conflict"}),
    ({"orderType": "iceberg"}, {"error": "bad_enum"}),
    ({"limitPrice": 50}, {"error": "conflict"}),
    ({"orderType": "limit", "limitPrice": 50, "stopPrice": 49}, {"error": "conflict"}),
    ({"price": "50"}, {"ref_price": 50, "limit": None}),
    ({"signalPrice": 50, "price": 50}, {"ref_price": 50}),
    ({"signalPrice": 50, "price": 51}, {"error": "conflict"}),
    ({"price": "{{close}}"}, {"error": "unresolved_placeholder"}),
    ({"timeInForce": "gtc"}, {"tif": "gtc"}),
    ({"timeInForce": "never"}, {"error": "bad_enum"}),
    ({"cancel": False}, {"cancel_open_orders": False}),
    ({"cancel": "perhaps"}, {"error": "bad_enum"}),
    ({"delay": 3}, {"delay_s": 3}),
    ({"delay": "+5 minutes"}, {"error": "bad_number"}),
    ({"time": "2026-11-21T14:00:00Z"}, {"fired_at": "2026-11-21T14:00:00Z"}),
    ({"extras": {"a": 1}, "interval": "5", "extendedHours": True, "note": "x"}, {"qty": None}),
]  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), FIELDS, ids=[str(one) for one, _ in FIELDS])
def test_fields(members: Members, expected: Members) -> None:
    """Keys are case-sensitive, and unknown ones are ignored."""
    entry = {} if "error" in expected else {"intent": "open", "side": "buy"}
    held(entry | expected, read("buy", **members))


GUARDS: list[tuple[Members, Members]] = [
    ({"stopLoss": {"type": "stop", "stopPrice": 90}}, {"sl": measure("90", "price")}),
    ({"stopLoss": {"stopPrice": "90"}}, {"sl": measure("90", "price")}),
    ({"stopLoss": {"type": "stop", "percent": 5}}, {"sl": measure("5", "percent")}),
    ({"stopLoss": {"type": "stop", "amount": 5}}, {"sl": measure("5", "amount")}),
    ({"stopLoss": {"type": "stop_limit", "stopPrice": 90, "limitPrice": 89}},
     {"sl": measure("90", "price"), "sl_limit": 89}),
    ({"stopLoss": {"type": "trailing_stop", "trailPercent": 1}},
     {"trail": measure("1", "percent")}),
    ({"stopLoss": {"type": "trailing_stop", "trailAmount": 1}}, {"trail": measure("1", "amount")}),
    ({"stopLoss": {"type": "trailing_stop", "trailPrice": 1}}, {"trail": measure("1", "amount")}),
    ({"stopLoss": {"type": "trailing_stop", "percent": 1}}, {"error": "missing_field"}),
    ({"stopLoss": {"type": "stop"}}, {"error": "missing_field"}),
    ({"stopLoss": {}}, {"error": "missing_field"}),
    ({"stopLoss": {"type": "hard", "percent": 5}}, {"error": "bad_enum"}),
    ({"stopLoss": {"type": "stop", "percent": 5, "stopPrice": 90}}, {"error": "conflict"}),
    ({"stopLoss": {"type": "stop", "percent": 5, "trailPercent": 1}}, {"error": "conflict"}),
    ({"stopLoss": {"type": "stop", "stopPrice": "NaN"}}, {"error": "bad_number"}),
    ({"stopLoss": {"type": "stop", "stopPrice": 0}}, {"error": "bad_number"}),
    ({"stopLoss": {"type": "stop", "stopPrice": 120}, "price": 100}, {"error": "conflict"}),
    ({"stopLoss": 90}, {"sl": measure("90", "price")}),
    ({"stopLoss": "2%"}, {"sl": measure("2", "percent")}),
    ({"stopLoss": "{{plot_0}}"}, {"error": "unresolved_placeholder"}),
    ({"stopLoss": None}, {"sl": None}),
    ({"takeProfit": {"limitPrice": 110}}, {"tp": measure("110", "price")}),
    ({"takeProfit": {"percent": 10}}, {"tp": measure("10", "percent")}),
    ({"takeProfit": {"amount": 10}}, {"tp": measure("10", "amount")}),
    ({"takeProfit": {"percent": 10, "amount": 1}}, {"error": "conflict"}),
    ({"takeProfit": {"type": "limit"}}, {"error": "missing_field"}),
    ({"takeProfit": "3580.1"}, {"tp": measure("3580.1", "price")}),
    ({"takeProfit": {"limitPrice": 90}, "price": 100}, {"error": "conflict"}),
    ({"stop_loss": "5844.25", "take_profit": "5854.25"},
     {"sl": measure("5844.25", "price"), "tp": measure("5854.25", "price")}),
    ({"StopLoss": {"type": "stop", "stopPrice": 90}}, {"error": "unknown_field"}),
    ({"TakeProfit": {"limitPrice": 90}}, {"error": "unknown_field"}),
    ({"stopLos": {"stopPrice": 90}}, {"error": "unknown_field"}),
    ({"stopLos": 90}, {"error": "unknown_field"}),
    ({"sl": {"price": 90}}, {"error": "unknown_field"}),
    ({"bracket": {"stopLoss": 90}}, {"error": "unknown_field"}),
    ({"trailingStop": {"percent": 1}}, {"error": "unknown_field"}),
    ({"extras": {"stop": 90}, "indicators": {"rsi": 50}}, {"sl": None}),
    ({"sl": 90, "price": 100, "stopLoss": {"type": "stop", "stopPrice": 95}},
     {"sl": measure("95", "price")}),
]  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), GUARDS, ids=[str(one) for one, _ in GUARDS])
def test_stops_and_targets(members: Members, expected: Members) -> None:
    """As objects, and as the scalars that some senders write; a stop is never lost."""
    held(expected, read("buy", **members))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"quantity": 2}, {"intent": "reduce", "qty": measure("2", "units")}),
        ({"quantity": 25, "quantityType": "percent_of_position"},
         {"intent": "reduce", "qty": measure("25", "percent_of_position")}),
        ({"quantity": 100, "quantityType": "percent_of_position"}, {"qty": "all"}),
        ({"quantity": 101, "quantityType": "percent_of_position"}, {"error": "bad_number"}),
        ({"quantity": 50, "quantityType": "risk_dollar_amount"}, {"error": "conflict"}),
        ({"price": "NaN", "stopLoss": "x", "takeProfit": {}}, {"intent": "close", "qty": "all"}),
        ({"price": "{{close}}"}, {"intent": "close", "ref_price": None}),
        ({"limitPrice": 5}, {"intent": "close", "order_type": "market", "limit": None}),
        ({"sentiment": "flat", "quantity": 1}, {"intent": "close", "target": 0}),
        ({"orderType": "trailing_stop"}, {"error": "missing_field"}),
        ({"quantity": 0}, {"error": "bad_number"}),
    ],
)  # fmt: skip
def test_exits(members: Members, expected: Members) -> None:
    """Prices and stops that an exit does not need cannot block it; its size can."""
    held(expected, read("exit", **members))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty_body"),
        ("ticker=SQ", "malformed_json"),
        ("[]", "malformed_json"),
        ('{"action": "buy"}', "missing_field"),
        ('{"ticker": "", "action": "buy"}', "missing_field"),
        ('{"ticker": 5, "action": "buy"}', "missing_field"),
        ('{"ticker": "--", "action": "buy"}', "missing_field"),
        ('{"ticker": "SQ"}', "missing_field"),
        ('{"Ticker": "SQ", "Action": "buy"}', "missing_field"),
        ('{"ticker": "{{ticker}}", "action": "buy"}', "unresolved_placeholder"),
        ('{"ticker": "SQ", "action": "buy", "action": "sell"}', "conflict"),
        ('{"ticker": "SQ", "action": "buy", "quantity": 1e99}', "bad_number"),
        ('{"ticker": "SQ 240510P68", "action": "buy"}', "unsupported_field"),
    ],
)
def test_refused(text: str, error: str) -> None:
    """What is not an object, has no ticker, or says two things."""
    assert said.read(NAME, text)["error"] == error


def test_what_is_repaired_is_noted() -> None:
    """A comma before the closing bracket has one reading."""
    got = said.read(NAME, '{"ticker": "TSLA", "action": "buy",}')
    assert got["intent"] == "open"
    assert got["notes"]


@pytest.mark.parametrize("key", ["sentiment", "orderType", "quantityType", "stopLoss", "extras",
                                 "delay", "cancel", "signalPrice"])  # fmt: skip
def test_a_key_of_its_own_finds_the_dialect(key: str) -> None:
    """What only TradersPost has is read by TradersPost's rules."""
    value: Any = {"sentiment": "long", "stopLoss": {"percent": 1}}.get(key, 1)
    assert said.found(text_of(**{key: value})) == NAME


@pytest.mark.parametrize(
    "members",
    [{}, {"price": 5}, {"secret": "S", "sentiment": "long"}, {"sentiment": "long", "qty": 5},
     {"sentiment": "long", "market_position": "flat"}, {"delay": 1, "position_size": 2}],
)  # fmt: skip
def test_what_says_more_is_left_to_free_form_alerts(members: Members) -> None:
    """A position or a size under a name that TradersPost ignores must not be ignored."""
    assert said.found(text_of(**members)) == "tradingview_json"


def test_a_sell_towards_flat_can_never_open() -> None:
    """It is a target of nothing, reached only from a long."""
    mapped = said.becomes(NAME, text_of("sell", sentiment="flat", quantity=3, cancel=False))
    assert isinstance(mapped, tuple)
    (target,) = mapped
    assert isinstance(target, TargetPosition)
    assert target.direction is Direction.FLAT
    assert not target.may_open


def test_an_entry_first_takes_back_orders_and_the_other_side() -> None:
    """As TradersPost does; its quantity is the new position's."""
    members: Members = {"quantity": 2, "stopLoss": {"percent": 1}, "takeProfit": {"limitPrice": 9}}
    order = PlaceOrder(
        symbol="SQ", side=Side.BUY, quantity=Amount(D(2)),
        protection=Protection(
            Level(D(1), LevelUnit.PERCENT), (TakeProfit(Level(D(9))),)
        ),
    )  # fmt: skip
    cancels, closes = CancelOrders(symbol="SQ"), ClosePosition(symbol="SQ", held=Direction.SHORT)
    assert said.becomes(NAME, text_of(**members)) == (cancels, closes, order)
    assert said.becomes(NAME, text_of(**members, cancel=False)) == (closes, order)


MAPPED: list[tuple[str, Members, list[str] | str]] = [
    ("buy", {"orderType": "limit", "limitPrice": 5}, ["CancelOrders", "PlaceOrder"]),
    ("buy", {"orderType": "limit"}, "missing_field"),
    ("exit", {}, ["CancelOrders", "ClosePosition"]),
    ("exit", {"cancel": False}, ["ClosePosition"]),
    ("cancel", {}, ["CancelOrders"]),
    ("sell", {"sentiment": "long"}, "missing_quantity"),
    ("sell", {"sentiment": "long", "quantity": 1}, ["CancelOrders", "ClosePosition"]),
    ("add", {}, "missing_field"),
    ("add", {"sentiment": "long", "quantity": 1}, ["PlaceOrder"]),
    ("buy", {"delay": 5, "cancel": False, "orderType": "limit", "limitPrice": 5}, ["PlaceOrder"]),
    ("buy", {"delay": "5.5"}, "unsupported_field"),
    ("exit", {"delay": 60}, "unsupported_field"),
    ("buy", {"optionType": "call", "expiration": "+6 months"}, "unsupported_field"),
    ("buy", {"stopLoss": "NaN"}, "stop_unreadable"),
    ("buy", {"timeInForce": "opg"}, "unsupported_field"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "members", "expected"), MAPPED, ids=[f"{one}-{two}" for one, two, _ in MAPPED]
)
def test_what_messages_become(action: str, members: Members, expected: list[str] | str) -> None:
    """Longer than five seconds is not waited, and nothing is sized by Bascule."""
    assert said.kinds(said.becomes(NAME, text_of(action, **members))) == expected


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("fixed_quantity", QtyUnit.UNITS),
        ("dollar_amount", QtyUnit.CURRENCY),
        ("amount_per_position", QtyUnit.CURRENCY),
        ("risk_dollar_amount", QtyUnit.RISK_CURRENCY),
        ("risk_per_position", QtyUnit.RISK_CURRENCY),
        ("risk_percent", QtyUnit.RISK_PERCENT),
        ("percent_of_equity", QtyUnit.EQUITY_PERCENT),
        ("percent_of_position", QtyUnit.POSITION_PERCENT),
    ],
)
def test_every_type_of_quantity_has_its_unit(kind: str, unit: QtyUnit) -> None:
    """Dollars are not shares."""
    text = text_of(quantity=3, quantityType=kind, stopLoss={"stopPrice": 5}, cancel=False)
    order = said.becomes(NAME, text)[-1]
    assert isinstance(order, PlaceOrder)
    assert order.quantity == Amount(D(3), unit)


def test_a_trailing_order() -> None:
    """It keeps its distance and has no other guards."""
    order = said.becomes(NAME, text_of("sell", orderType="trailing_stop", trailPercent="5"))[-1]
    assert order == PlaceOrder(
        symbol="SQ", side=Side.SELL, ord_type=OrdType.TRAILING_STOP,
        trail=Level(D(5), LevelUnit.PERCENT),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SPY BUY filled: 100 @ 512.34", {"side": "buy", "qty": measure("100", "units"),
                                          "price": 512.34, "event": "fill"}),
        ("ORDER FILLED: SELL SPY -100 @ $512.34", {"side": "sell", "qty": measure("100", "units")}),
        ("Time: 11/21/2026 14:00:00 OrderID: 1 EventID: 2 Symbol: SPY Status: Canceled Quantity: 5",
         {"event": "canceled", "side": "buy"}),
        ("Time: 11/21/2026 14:00:00 OrderID: 1 EventID: 2 Symbol: SPY Status: Filled Quantity: -5 "
         "FillQuantity: -5 FillPrice: 512.3 USD OrderFee: 1 USD", {"event": "fill", "side": "sell",
                                                                   "price": 512.3}),
    ],
)  # fmt: skip
def test_leans_reports_are_no_orders(text: str, expected: Members) -> None:
    """What was filled elsewhere is kept for the record, and nothing is traded on it."""
    held({"intent": "notify", "symbol": "SPY"} | expected, said.read("lean", text))
    assert said.found(text) == "lean"
    assert said.becomes("lean", text) == "not_an_order"


@pytest.mark.parametrize(("text", "error"), [("", "empty_body"), ("SPY up", "unknown_format")])
def test_lean_refuses_other_texts(text: str, error: str) -> None:
    """A text that is neither is nothing."""
    assert said.read("lean", text)["error"] == error
