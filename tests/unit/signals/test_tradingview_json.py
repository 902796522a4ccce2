"""Free-form alerts beyond the corpus: what must be read, and what must never be acted on."""

import json
from typing import Any

import pytest

from bascule.signals.describe import parse_text

SECRET = {"secret": "SECRET"}


def read(members: dict[str, Any] | str, auth: str = "") -> dict[str, Any]:
    """Describe one alert in the dialect under test."""
    text = members if isinstance(members, str) else json.dumps(members)
    return parse_text(text, "tradingview_json", auth=auth)


def held(expected: dict[str, Any], got: dict[str, Any]) -> None:
    """Hold the named fields to what is expected; None says that the field is not there."""
    assert {name: got.get(name) for name in expected} == expected, got


@pytest.mark.parametrize(
    ("side", "before", "now", "expected"),
    [
        ("buy", "flat", "long", {"intent": "open", "side": "buy", "position_effect": "long"}),
        ("buy", None, "long", {"intent": "open", "side": "buy"}),
        ("sell", "flat", "short", {"intent": "open", "side": "sell", "position_effect": "short"}),
        ("sell", "long", "flat", {"intent": "close", "closes": "long", "position_effect": "flat"}),
        ("buy", "short", "flat", {"intent": "close", "closes": "short"}),
        ("sell", None, "flat", {"intent": "close", "closes": "long"}),
        ("sell", "long", "short", {"intent": "reverse", "side": "sell"}),
        ("buy", "short", "long", {"intent": "reverse", "side": "buy"}),
        ("sell", "long", "long", {"intent": "reduce", "closes": "long"}),
        ("sell", None, "long", {"intent": "reduce", "closes": "long"}),
        ("buy", "short", "short", {"intent": "reduce", "closes": "short"}),
        ("buy", "long", "long", {"intent": "add", "side": "buy"}),
        ("sell", "short", "short", {"intent": "add", "side": "sell"}),
        ("sell", "flat", "long", {"error": "conflict"}),
        ("buy", "long", "short", {"error": "conflict"}),
        ("sell", "long", None, {"error": "missing_field"}),
    ],
)
def test_a_fill_means_what_the_positions_round_it_say(
    side: str, before: str | None, now: str | None, expected: dict[str, Any]
) -> None:
    """A sell that leaves the strategy long is a reduction, and one that leaves it flat a close."""
    alert = SECRET | {"ticker": "ES1!", "action": side, "contracts": "2"}
    if before:
        alert["prev_market_position"] = before
    if now:
        alert["market_position"] = now
    held(expected, read(alert))


@pytest.mark.parametrize(
    ("members", "target"),
    [
        ({"position_size": "-2", "market_position": "short"}, -2),
        ({"position_size": "2", "market_position": "short"}, -2),
        ({"market_position_size": "2", "market_position": "short"}, -2),
        ({"position_size": "-2"}, -2),
        ({"position": "-2", "market_position": "short"}, -2),
    ],
)
def test_a_position_size_is_a_signed_target(members: dict[str, Any], target: int) -> None:
    """The words long and short tell the sign where a size is unsigned."""
    held(
        {"target": target, "side": "sell"},
        read(SECRET | members | {"ticker": "X", "action": "sell"}),
    )


@pytest.mark.parametrize(
    "members",
    [
        {"position_size": "-2", "market_position": "long"},
        {"position_size": "0", "market_position": "long"},
        {"position_size": "3", "market_position_size": "2", "market_position": "long"},
        {"market_position_size": "2"},
    ],
)
def test_positions_that_contradict_each_other_are_refused(members: dict[str, Any]) -> None:
    """Neither of two contradicting positions is chosen."""
    assert "error" in read(SECRET | members | {"ticker": "X", "action": "buy"})


def test_a_target_without_an_action_is_a_target_position() -> None:
    """Position and size say it all."""
    alert = SECRET | {"ticker": "X", "market_position": "long", "position_size": "3"}
    held({"intent": "target_position", "side": "buy", "target": 3}, read(alert))
    held(
        {"intent": "close", "target": 0}, read(SECRET | {"ticker": "X", "market_position": "flat"})
    )


@pytest.mark.parametrize(
    "members",
    [
        {"action": "hold"},
        {"action": "buy_stop"},
        {"action": "buysell"},
        {"action": 1},
        {"action": True},
        {"action": ["buy"]},
        {"action": {"a": "buy"}},
        {"event": "TP1_HIT", "side": "LONG"},
        {"type": "STOP_HIT", "side": "LONG"},
        {"signal": "TP hit", "side": "buy"},
        {"direction": "reclaimed above"},
        {"side": "up"},
    ],
)
def test_a_word_that_is_no_action_opens_nothing(members: dict[str, Any]) -> None:
    """A report of a target hit names a side, and asks for nothing."""
    held({"error": "invalid_action"}, read(SECRET | {"symbol": "X", "price": 1} | members))


@pytest.mark.parametrize(
    "members",
    [
        {"action": "buy", "side": "sell"},
        {"action": "buy", "signal": "SELL"},
        {"action": "sell", "side": "long"},
        {"side": "BUY", "positionSide": "SHORT"},
        {"action": "close_long", "side": "short"},
        {"action": "buy", "order": {"action": "sell"}},
        {"type": "CLOSE", "action": "entry", "side": "buy"},
        {"action": "buy", "ticker": "Y"},
        {"action": "buy", "qty": 1, "contracts": 2},
        {"action": "buy", "qty": 1, "qty_pct": 2},
        {"action": "buy", "sl": 90, "stop_loss": 91, "price": 100},
        {"action": "buy", "sl": 90, "sl_pips": 91, "price": 100},
        {"action": "buy", "price": 100, "limit": 110},
        {"action": "buy", "price": 100, "stop_price": 90},
        {"action": "sell", "orderType": "stop", "price": 5, "stop": 6},
    ],
)
def test_fields_that_contradict_each_other_are_refused(members: dict[str, Any]) -> None:
    """Bascule does not choose between two sides, symbols, sizes or stops."""
    held({"error": "conflict"}, read(SECRET | {"symbol": "X"} | members))


@pytest.mark.parametrize(
    "value",
    ["1,5", "1 085", "1_000", "inf", "-inf", "nan", "0x10", "1.5.5", "abc", "+1", "01", ".5", "1.",
     "1e999", "1" * 40, True, False, [1], {"v": 1}, "", "-1", "0", -1, 0],
)  # fmt: skip
def test_a_size_that_is_no_plain_positive_number_is_refused(value: Any) -> None:
    """A size is never repaired, and an empty or zero one is not "none given"."""
    held({"error": "bad_number"}, read(SECRET | {"ticker": "X", "action": "buy", "qty": value}))


@pytest.mark.parametrize(
    "field", ["price", "sl", "tp", "qty", "ticker", "action", "market_position"]
)
def test_a_placeholder_left_in_a_field_that_sizes_prices_or_names_is_refused(field: str) -> None:
    """TradingView leaves names that it does not know as they are."""
    alert = SECRET | {"ticker": "X", "action": "buy"} | {field: "{{strategy.order.stop_loss}}"}
    held({"error": "unresolved_placeholder"}, read(alert))


def test_a_placeholder_left_in_a_label_is_left_out_and_noted() -> None:
    """Labels do not trade."""
    got = read(SECRET | {"ticker": "X", "action": "buy", "comment": "{{strategy.order.comment}}"})
    held({"intent": "open", "comment": None}, got)
    assert "nothing filled" in got["notes"][0]


@pytest.mark.parametrize(
    "members",
    [
        {"sl_atr": 2},
        {"stopLoss": {"atr": 2}},
        {"stop_loss_r": "2 R"},
        {"stop": {"bars": 3}},
        {"slAtr": "{{plot_0}}"},
        {"stops": [90]},
        {"bracket": {"stop_loss": 90}},
        {"exits": [{"name": "a", "levels": {"trail_points": 40}}]},
        {"trail_trigger": 20},
    ],
)
def test_a_stop_that_cannot_be_read_is_not_lost(members: dict[str, Any]) -> None:
    """An entry does not go out without the stop that its sender named."""
    assert "error" in read(SECRET | {"ticker": "X", "action": "buy"} | members)


@pytest.mark.parametrize(
    "members",
    [
        {"sl": 90, "price": 100, "inputs": {"stop_loss": 2}},
        {"bracket": {"stop_loss": 0}},
        {"info_box": {"indicators": {"sl": 90}}},
        {"trail_points": 0, "trail_trigger": 20},
    ],
)
def test_a_stop_that_guards_nothing_blocks_nothing(members: dict[str, Any]) -> None:
    """What is told beside the stop that is read, is off, or is an indicator's."""
    held({"intent": "open"}, read(SECRET | {"ticker": "X", "action": "buy"} | members))


@pytest.mark.parametrize("key", ["slippage", "slope", "slow_ma", "session_stopped"])
def test_a_key_that_only_looks_like_a_stop_is_none(key: str) -> None:
    """Slippage is not a stop loss."""
    held({"intent": "open"}, read(SECRET | {"ticker": "X", "action": "buy", key: 5}))


@pytest.mark.parametrize(
    ("side", "members"),
    [
        ("buy", {"price": 100, "sl": 101}),
        ("sell", {"price": 100, "sl": 99}),
        ("buy", {"price": 100, "sl": 100}),
        ("buy", {"price": 100, "tp": 99}),
        ("sell", {"entry": 100, "tp": 101}),
        ("sell", {"price": 1.08, "sl": 20}),
        ("buy", {"price": 64000, "sl": 100}),
        ("buy", {"price": 100, "sl": 95, "tp1": 110, "tp2": 90}),
    ],
)
def test_a_stop_or_target_that_is_no_price_is_refused(side: str, members: dict[str, Any]) -> None:
    """A distance read as a price would be a stop that never triggers, or triggers at once."""
    held({"error": "conflict"}, read(SECRET | {"ticker": "X", "action": side} | members))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"sl_pips": 20, "takeProfitPips": 40},
         {"sl": {"value": 20, "unit": "pips"}, "tp": {"value": 40, "unit": "pips"}}),
        ({"sl": "2%", "tp": "4 %"},
         {"sl": {"value": 2, "unit": "percent"}, "tp": {"value": 4, "unit": "percent"}}),
        ({"stopLoss": {"stopPrice": 9}, "takeProfit": {"limitPrice": 11}},
         {"sl": {"value": 9, "unit": "price"}, "tp": {"value": 11, "unit": "price"}}),
        ({"stopLoss": {"type": "trailing_stop", "trailPercent": 1}},
         {"trail": {"value": 1, "unit": "percent"}, "sl": None}),
        ({"risk_management": {"stop_loss": 9, "take_profit": 11, "risk_percent": 1}},
         {"sl": {"value": 9, "unit": "price"}, "risk": {"value": 1, "unit": "percent_equity"}}),
        ({"percentage_sl": 2, "dollar_tp": 150},
         {"sl": {"value": 2, "unit": "percent"}, "tp": {"value": 150, "unit": "amount"}}),
        ({"sl": 0, "tp": ""}, {"sl": None, "tp": None, "intent": "open"}),
        ({"sl": "", "stop_loss": 9}, {"sl": {"value": 9, "unit": "price"}}),
        ({"tp1": 11, "tp2": 12, "tp1_pct": None, "tp1_size": 60},
         {"tp": [{"value": 11, "portion_pct": 60}, {"value": 12, "portion_pct": 40}]}),
        ({"tp1": 11, "tp2": 12},
         {"tp": [{"value": 11, "unit": "price"}, {"value": 12, "unit": "price"}]}),
        ({"size": "5%"}, {"qty": {"value": 5, "unit": "percent"}}),
        ({"quantity": 100, "quantityType": "dollar_amount"},
         {"qty": {"value": 100, "unit": "quote"}}),
        ({"lots": "0.1"}, {"volume": {"value": 0.1, "unit": "lots"}, "qty": None}),
        ({"volume": 3}, {"qty": {"value": 3, "unit": "units"}}),
        ({"open": 1, "high": 2, "low": 1, "close": 2, "volume": 12500},
         {"qty": None, "ref_price": 2}),
        ({"close": 2, "volume": 12500}, {"qty": None}),
        ({"extras": {"risk": 2, "qty": 5, "sl": 1}}, {"qty": None, "risk": None, "sl": None}),
        ({"indicators": {"stop_loss": 5, "size": 4}, "bar": {"volume": 3}},
         {"qty": None, "sl": None}),
        ({"orderType": "limit", "limitPrice": 10, "price": 11},
         {"order_type": "limit", "limit": 10, "ref_price": 11}),
        ({"limit_price": 10}, {"order_type": "limit", "limit": 10}),
        ({"orderType": "stop_limit", "stopPrice": 10, "limitPrice": 11},
         {"order_type": "stop_limit", "stop": 10, "limit": 11}),
        ({"orderType": "stop", "stop": 10}, {"order_type": "stop", "stop": 10, "sl": None}),
        ({"orderType": "stop", "stop_price": 10, "stop": 9},
         {"order_type": "stop", "stop": 10, "sl": {"value": 9, "unit": "price"}}),
        ({"time_in_force": "IOC", "leverage": "3"}, {"tif": "ioc", "leverage": 3}),
        ({"time": "2026-01-01T00:00:00Z", "timenow": "2026-01-01T04:00:01Z"},
         {"fired_at": "2026-01-01T04:00:01Z"}),
        ({"max_lag": "300", "timestamp": 1790021600456},
         {"max_lag_s": 300, "fired_at_ms": 1790021600456}),
    ],
)  # fmt: skip
def test_a_field_is_read_as_its_key_says(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """Synonyms, nesting and units are read; indicator data and bars size nothing."""
    held(expected, read(SECRET | {"ticker": "X", "action": "buy"} | members))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"action": "Close-All"}, {"intent": "flatten_all"}),
        ({"action": "flatten"}, {"intent": "flatten_all"}),
        ({"action": "flatten", "ticker": "X"}, {"intent": "close", "qty": "all"}),
        ({"action": "exit", "ticker": "X", "side": "short"}, {"closes": "short", "side": "buy"}),
        ({"action": "close", "ticker": "X", "side": "buy"}, {"intent": "close", "closes": None}),
        ({"action": "close", "ticker": "X", "size": "50%"},
         {"intent": "reduce", "qty": {"value": 50, "unit": "percent_of_position"}}),
        ({"action": "close", "ticker": "X", "size": "100%"}, {"intent": "close", "qty": "all"}),
        ({"action": "close", "ticker": "X", "qty": "all"}, {"intent": "close", "qty": "all"}),
        ({"action": "buy", "ticker": "X", "qty": "all"}, {"error": "bad_number"}),
        ({"action": "close", "ticker": "X", "price": "abc", "sl": "{{plot}}", "tp": [1]},
         {"intent": "close", "ref_price": None}),
        ({"action": "sell", "ticker": "X", "market_position": "flat", "sl": "garbage"},
         {"intent": "close"}),
        ({"action": "exit_long", "ticker": "X", "position_size": -1},
         {"intent": "close", "closes": "long", "target": None}),
        ({"type": "PARTIAL", "ticker": "X"}, {"intent": "reduce", "qty": None}),
        ({"action": "buy", "ticker": "X", "reduce_only": "true", "qty": 1},
         {"intent": "reduce", "closes": "short", "reduce_only": True}),
        ({"direction": "strategy.exitlong", "ticker": "X",
          "metrics": [{"name": "qty", "value": 1}]},
         {"closes": "long", "qty": {"value": 1, "unit": "units"}}),
        ({"action": "cancel", "ticker": "X"}, {"intent": "cancel", "scope": "symbol"}),
        ({"action": "cancel_all"}, {"intent": "cancel", "scope": "open_orders"}),
        ({"action": "move_stop", "ticker": "X", "newStop": 9},
         {"intent": "modify", "sl": {"value": 9, "unit": "price"}}),
        ({"action": "breakeven", "ticker": "X", "side": "long"},
         {"intent": "modify", "sl": "breakeven", "target": "long"}),
        ({"action": "halt"}, {"intent": "control", "control": "halt"}),
        ({"action": "resume"}, {"intent": "control", "control": "resume"}),
        ({"event": "HEARTBEAT", "ticker": "X"}, {"intent": "notify", "event": "HEARTBEAT"}),
        ({"type": "SETUP", "ticker": "X", "side": "BUY"}, {"intent": "notify"}),
        ({"status": "filled", "ticker": "X", "side": "buy", "qty": 1}, {"intent": "notify"}),
    ],
)  # fmt: skip
def test_exits_controls_and_reports_are_told_from_orders(
    members: dict[str, Any], expected: dict[str, Any]
) -> None:
    """What takes risk away is read even when fields that it does not need are broken."""
    held(expected, read(SECRET | members))


def test_a_list_of_orders_is_a_batch_of_all_or_none() -> None:
    """One order that cannot be read refuses the message."""
    one, other = (
        {"ticker": "X", "action": "buy", "qty": 1},
        {"ticker": "Y", "action": "no", "qty": 1},
    )
    got = read(json.dumps([one, one]))
    assert got["intent"] == "batch"
    assert [leg["symbol"] for leg in got["legs"]] == ["X", "X"]
    held({"error": "invalid_action"}, read(json.dumps([one, other])))


@pytest.mark.parametrize(
    "text", ["[]", "[1]", "42", '"x"', "true", "null", "[" * 5000, '{"a":' * 500]
)
def test_json_that_is_no_order_is_malformed(text: str) -> None:
    """Bare values, empty lists and depth beyond reason are refused by one code."""
    held({"error": "malformed_json"}, read(text))


def test_a_credential_that_is_empty_is_no_credential() -> None:
    """An alert whose secret was left blank is not from anyone."""
    alert = {"secret": "", "ticker": "X", "action": "buy", "qty": 1}
    held({"error": "unauthenticated"}, read(alert))
    held({"intent": "open", "auth": "url_path"}, read(alert, auth="url_path"))


def test_the_inner_order_speaks_before_the_outer_message() -> None:
    """Symbol and price of a nested order win over those of the chart around it."""
    alert = SECRET | {
        "symbol": "GBPUSD", "price": 1.3, "order": '{"action":"buy","symbol":"EURUSD","price":1.08}'
    }  # fmt: skip
    held({"symbol": "EURUSD", "ref_price": 1.08, "side": "buy"}, read(alert))
    held({"error": "malformed_json"}, read(SECRET | {"symbol": "X", "order": "{'action': 'buy'}"}))
    held({"error": "malformed_json"}, read(SECRET | {"symbol": "X", "action": "buy", "order": [1]}))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"tif": "whenever"}, {"error": "bad_enum"}),
        ({"market_position": "sideways"}, {"error": "bad_enum"}),
        ({"qty": 1, "qty_type": "bananas"}, {"error": "bad_enum"}),
        ({"reduce_only": "maybe", "qty": 1}, {"error": "bad_enum"}),
        ({"order_type": "trailing_stop"}, {"error": "missing_field"}),
        ({"order_type": "stop"}, {"error": "missing_field"}),
        ({"order_type": "stop_limit", "limit_price": 5}, {"error": "missing_field"}),
        ({"order_type": "limit", "price": 5, "stop_price": 4}, {"error": "conflict"}),
        ({"order_type": "stop", "stop_price": 5, "limit_price": 4}, {"error": "conflict"}),
        ({"limit_price": 5, "stop_price": 6}, {"order_type": "stop_limit", "limit": 5, "stop": 6}),
        ({"type": "take-profit", "price": 5}, {"order_type": "limit", "reduce_only": True}),
        ({"type": "stop-loss", "price": 5}, {"order_type": "stop", "reduce_only": True}),
        ({"ticker": ":"}, {"error": "missing_field"}),
        ({"ticker": "X" * 65}, {"error": "missing_field"}),
        ({"ticker": "\u20bfTC"}, {"error": "missing_field"}),
        ({"ticker": 7203}, {"error": "missing_field"}),
        ({"account": "{{account}}"}, {"error": "unresolved_placeholder"}),
        ({"leverage": "10x"}, {"intent": "open", "leverage": None}),
        ({"time": {"at": 1}}, {"intent": "open", "fired_at": None}),
        ({"price": -5}, {"error": "bad_number"}),
        ({"sl": -5}, {"error": "bad_number"}),
        ({"sl_pips": "2%"}, {"error": "bad_number"}),
        ({"risk": "1%"}, {"risk": {"value": 1, "unit": "percent_equity"}}),
        ({"risk": 0}, {"intent": "open", "risk": None}),
        ({"risk": -1}, {"error": "bad_number"}),
        ({"risk": 1}, {"risk": {"value": 1, "unit": "account_setting"}}),
        ({"size": "5%", "qty": 1}, {"error": "bad_number"}),
        ({"size": "5%", "quantity_type": "percent_of_equity"},
         {"qty": {"value": 5, "unit": "percent_of_equity"}}),
        ({"size": "5%", "quantity_type": "contracts"}, {"error": "conflict"}),
        ({"tp1": 5, "tp2": 6, "tp1_frac": 0.7, "tp2_frac": 0.7}, {"error": "conflict"}),
        ({"tp1": 5, "tp1_size": 200}, {"error": "bad_number"}),
        ({"trail_pips": 5, "trail_trigger": 9},
         {"trail": {"value": 5, "trigger": 9, "unit": "pips"}}),
        ({"trail": True}, {"error": "bad_number"}),
        ({"trail": False, "sl": False}, {"intent": "open", "trail": None, "sl": None}),
        ({"metrics": [1]}, {"error": "malformed_json"}),
        ({"metrics": "none"}, {"intent": "open"}),
        ({"order": json.dumps(json.dumps({"qty": 3}))}, {"qty": {"value": 3, "unit": "units"}}),
        ({"message": "{not json"}, {"intent": "open"}),
    ],
)  # fmt: skip
def test_fields_that_go_with_an_entry(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """Order types need their prices; what cannot be read is refused by its own code."""
    held(expected, read(SECRET | {"ticker": "X", "action": "buy"} | members))


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"action": "sell", "contracts": 1, "market_position": "short", "before": 2}, "conflict"),
        ({"action": "sell", "direction": "strategy.exitlong",
          "metrics": [{"name": "exit.stop", "value": 5}]}, "conflict"),
        ({"action": "move_stop"}, "missing_field"),
        ({"action": "reverse"}, "missing_field"),
        ({"action": "close", "type": "entry"}, "conflict"),
        ({"action": "close", "event": "reduce"}, "conflict"),
        ({"action": "close", "order_type": "limit", "qty": 1}, "missing_field"),
    ],
)  # fmt: skip
def test_exits_and_changes_that_say_too_little_or_too_much(
    members: dict[str, Any], error: str
) -> None:
    """A reversal smaller than what it reverses, a change without a new level, two verbs."""
    before = members.pop("before", None)
    if before is not None:
        members |= {"prev_market_position": "long", "prev_market_position_size": before}
    held({"error": error}, read(SECRET | {"ticker": "X"} | members))


@pytest.mark.parametrize("key", ["stop_price", "limit_price"])
def test_a_change_loses_no_price(key: str) -> None:
    """A stop_price beside a new target may be the new stop: it is refused, not left out."""
    change = SECRET | {"action": "modify", "ticker": "X", "tp": 110}
    held({"intent": "modify", "error": None}, read(change))
    held({"error": "conflict"}, read(change | {key: 90}))


def test_a_cancel_of_an_order_whose_name_was_not_filled_cancels_nothing() -> None:
    """Without the name it would cancel every order."""
    cancel = SECRET | {"action": "cancel", "ticker": "X"}
    held({"error": "unresolved_placeholder"}, read(cancel | {"order_id": "{{strategy.order.id}}"}))
    held({"intent": "cancel", "order_id": "L1"}, read(cancel | {"order_id": "L1"}))


def test_a_stop_beside_a_partial_exit_is_noted() -> None:
    """It is not applied, and the sender reads so."""
    exits = SECRET | {"action": "partial_close", "ticker": "X", "qty": "50%"}
    told = read(exits | {"new_sl": 101})
    held({"intent": "reduce"}, told)
    assert any("stop beside an exit" in note for note in told["notes"])
    assert "notes" not in read(exits)
