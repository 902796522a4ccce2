"""The dialects of futures and crypto bridges: what each reads, what it refuses, what it never does.

The corpus itself is held by test_corpus.py, with the dialect given; here it is found by content.
"""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.model.enums import Direction, Side
from bascule.model.intent import Amount, TargetPosition
from bascule.model.values import SECOND, Instant
from bascule.signals import dialects
from bascule.signals.describe import parse_text
from bascule.signals.instruction import Direct, Hints, Instruction, Measure, Parsed, Rejection
from bascule.signals.reading import Reader, parse

MINE = (
    "crosstrade", "ninjatrader_oif", "pickmytrade", "3commas", "wundertrading", "alertatron",
    "autoview", "profitview", "octobot", "openalgo", "freqtrade", "hummingbot", "altrady",
    "alerts_processor", "tvbit", "bva", "gunbot", "tickerly", "copyfactory",
)  # fmt: skip
NOW = Instant(1_795_262_400 * SECOND)
_FILE = Path(__file__).parents[2] / "data" / "corpus" / "webhooks.jsonl"
_ALL = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").split("\n") if line]
LINES = [line for line in _ALL if line["dialect"] in MINE]
TICKERLY = (
    '{"ticker": "BTCUSDT", "action": "sell", "prev_position": "long", "quantity": "0.1",'
    ' "pointer": "m1k3y"}'
)
COPY = (
    '{"symbol": "EURUSD", "type": "%s", "time": "2026-11-21T10:00:00.000Z", "volume": 0.01,'
    ' "stopLoss": 1.05, "takeProfit": 1.15%s}'
)
BODIES = [*(line["body"] for line in LINES), TICKERLY, COPY % ("POSITION_TYPE_BUY", "")]

CT = "key=S;command=%s;account=A;instrument=ES1!;"
ORDER = CT % "PLACE" + "action=BUY;qty=2;order_type=MARKET;tif=DAY;"
PMT = '{"symbol": "NQ1!", "data": "buy", "quantity": "1", "price": "18000", "token": "S"%s}'
BOT = '{"secret": "S", "bot_uuid": "B", "tv_exchange": "X", "tv_instrument": "BTCUSDT"%s}'
POSITIONS = (
    ', "action": "%s", "order": {"amount": "1", "currency_type": "base"}, "strategy_info":'
    ' {"market_position": "%s", "market_position_size": "%s", "prev_market_position": "%s"}'
)
WT = '{"code": "ENTER-LONG_Bybit_ETHUSDT_Bot_15M_S", "amountPerTrade": %s, %s}'
ALGO = '{"apikey": "K", "symbol": "INFY", "exchange": "NSE", "product": "MIS"%s}'
ALTRADY = '{"api_key": "K", "api_secret": "S", "exchange": "BYBI", "symbol": "BYBI_USDT_SOL"%s}'


def units(value: str, unit: str = "units") -> dict[str, Any]:
    """Give a size as it is described."""
    number = Decimal(value)
    return {"value": int(number) if number == int(number) else float(number), "unit": unit}


READ: list[tuple[str, str, dict[str, Any]]] = [
    ("crosstrade", ORDER, {"intent": "open", "side": "buy", "qty": units("2"), "tif": "day"}),
    ("crosstrade", ORDER + "stop_loss=5000;take_profit=6000;",
     {"sl": units("5000", "price"), "tp": units("6000", "price")}),
    ("crosstrade", ORDER.replace("PLACE", "FLATPLACE"), {"intent": "reopen", "closes": "both"}),
    ("crosstrade", ORDER + "flatten_first=true;", {"intent": "reopen", "side": "buy"}),
    ("crosstrade", ORDER.replace("PLACE", "REVERSEPOSITION"), {"intent": "reverse", "target": 2}),
    ("crosstrade", ORDER.replace("PLACE", "CANCELREPLACE"), {"intent": "replace_pending"}),
    ("crosstrade", ORDER.replace("BUY", "SELL") + "sync_strategy=true;market_position=long;"
     "prev_market_position=long;", {"intent": "reduce", "side": "sell", "closes": "long"}),
    ("crosstrade", ORDER.replace("BUY", "SELL") + "market_position=flat;",
     {"intent": "close", "closes": "long", "target": 0, "position_effect": "flat"}),
    ("crosstrade", CT % "CLOSEPOSITION", {"intent": "close", "qty": "all"}),
    ("crosstrade", CT % "closeposition" + "qty=1;", {"intent": "reduce", "qty": units("1")}),
    ("crosstrade", CT % "FLATTEN" + "action=BUY;qty=3;", {"intent": "close", "qty": "all"}),
    ("crosstrade", "key=S;command=FLATTEN;account=A;", {"intent": "flatten_all",
     "scope": "account"}),
    ("crosstrade", "key=S;command=FLATTENEVERYTHING;", {"intent": "flatten_all"}),
    ("crosstrade", CT % "CANCELORDERS", {"intent": "cancel", "scope": "symbol"}),
    ("crosstrade", "key=S;command=CANCELALLORDERS;", {"intent": "cancel"}),
    ("crosstrade", CT % "CANCEL" + "order_id=7;", {"client_order_id": "7", "scope": "order"}),
    ("crosstrade", CT % "CHANGE" + "order_id=7;limit_price=5;", {"intent": "modify", "limit": 5}),
    ("ninjatrader_oif", "CHANGE;;;;2;;100.5;0;;;OID;;", {"intent": "modify", "qty": units("2"),
     "limit": 100.5, "client_order_id": "OID"}),
    ("ninjatrader_oif", "CANCELALLORDERS;;;;;;;;;;;;", {"intent": "cancel"}),
    ("ninjatrader_oif", "CLOSESTRATEGY;;;;;;;;;;;;SID", {"intent": "close", "strategy_id": "SID"}),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;SELL;1;STOP;;5000;GTC;;;;", {"order_type": "stop"}),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;SELL;1;STOPLIMIT;4999;5000;GTC;;;;",
     {"order_type": "stop_limit", "limit": 4999, "stop": 5000}),
    ("pickmytrade", PMT % ', "sl": "17900", "percentage_sl": "0"', {"sl": units("17900", "price")}),
    ("pickmytrade", PMT % ', "percentage_sl": "1.5"', {"sl": units("1.5", "percent")}),
    ("pickmytrade", PMT % ', "dollar_sl": 50', {"sl": units("50", "amount")}),
    ("pickmytrade", PMT.replace('"1"', '"0"') % ', "risk_percentage": "1", "sl": "17900"',
     {"risk": units("1", "percent_equity")}),
    ("3commas", BOT % ', "action": "exit_long"', {"intent": "close", "side": "sell",
     "closes": "long", "qty": "all"}),
    ("3commas", BOT % (POSITIONS % ("sell", "flat", "0", "long")), {"intent": "close"}),
    ("3commas", BOT % (POSITIONS % ("sell", "long", "1", "long")), {"intent": "reduce",
     "target": 1, "closes": "long"}),
    ("3commas", BOT % (POSITIONS % ("buy", "long", "2", "long")), {"intent": "add", "target": 2}),
    ("3commas", BOT % ', "action": "enter_long", "order": {"amount": 5, "currency_type":'
     ' "margin_percent"}', {"qty": units("5", "margin_percent")}),
    ("wundertrading", "ENTER-SHORT_Bybit_ETHUSDT_Bot_15M_S", {"side": "sell", "symbol": "ETHUSDT"}),
    ("wundertrading", "EXIT-LONG_Bybit_ETHUSDT_Bot_15M_S", {"intent": "close", "side": "sell"}),
    ("wundertrading", WT % (1, '"amountPerTradeType": "contracts", "stopLoss":'
     ' {"priceDeviation": 0.03}'), {"qty": units("1", "contracts"), "sl": units("3", "percent")}),
    ("wundertrading", WT % (1, '"leverage": 2'), {"qty": units("1", "account_setting")}),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market & sl=-2% & tp=3%",
     {"sl": units("-2", "percent"), "tp": units("3", "percent")}),
    ("autoview", "e=X s=BTCUSDT b=short q=1 t=limit fp=70000", {"side": "sell", "limit": 70000}),
    ("autoview", "e=X s=BTCUSDT b=buy q=50 u=currency t=market", {"qty": units("50", "quote")}),
    ("autoview", "e=X s=BTCUSDT b=sell q=1 t=market ro=1", {"intent": "reduce", "closes": "long"}),
    ("autoview", "e=X s=BTCUSDT c=position", {"intent": "close", "qty": "all", "closes": "both"}),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market d=1", {"intent": "notify"}),
    ("profitview", "ex=X sym=BTCUSDT side=long q=10% t=market", {"side": "buy",
     "symbol": "BTCUSDT"}),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=12a%",
     {"qty": units("12", "percent_of_available")}),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=100q", {"qty": units("100", "quote")}),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=CANCEL", {"intent": "cancel", "scope": "symbol"}),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=SELL;PRICE=5", {"ref_price": 5}),
    ("openalgo", ALGO % ', "action": "BUY", "pricetype": "SL", "quantity": "2", "price": 101,'
     ' "trigger_price": 100', {"order_type": "stop_limit", "limit": 101, "stop": 100}),
    ("openalgo", ALGO % ', "action": "SELL", "pricetype": "MARKET", "quantity": 0,'
     ' "position_size": "-5"', {"intent": "target_position", "target": -5}),
    ("openalgo", '{"symbol": "SBIN", "action": "SELL", "position_size": 0}',
     {"intent": "close", "side": "sell", "closes": "long"}),
    ("openalgo", '{"symbol": "SBIN", "action": "SELL", "position_size": 5}',
     {"intent": "open", "side": "sell", "qty": units("5")}),
    ("openalgo", '{"symbol": "SBIN", "action": "short_exit", "mode": "live"}',
     {"intent": "close", "side": "buy", "closes": "short"}),
    ("openalgo", '{"action": "stop", "mode": "live"}', {"intent": "control", "control": "halt"}),
    ("freqtrade", '{"tradeid": 5, "ordertype": "market", "amount": 0.5}',
     {"intent": "reduce", "qty": units("0.5", "base"), "order_id": "5"}),
    ("freqtrade", '{"pair": "ETH/USDT", "side": "short", "price": 9, "entry_tag": "x"}',
     {"side": "sell", "entry": 9}),
    ("hummingbot", "hbot/bot1/stop {}", {"control": "halt", "cancel_open_orders": True}),
    ("hummingbot", "hbot/bot1/status {}", {"intent": "notify", "event": "status"}),
    ("altrady", ALTRADY % ', "action": "increase", "side": "short", "quote_amount": 5',
     {"intent": "add", "side": "sell", "qty": units("5", "quote")}),
    ("altrady", ALTRADY % ', "action": "reverse", "side": "short", "quote_amount": 5',
     {"intent": "reverse", "closes": "long", "qty": {"value": 5, "unit": "quote"}}),
    ("altrady", ALTRADY % ', "action": "reduce", "side": "long", "position_percentage": 25',
     {"intent": "reduce", "closes": "long", "qty": units("25", "percent_of_position")}),
    ("altrady", ALTRADY % ', "action": "close", "side": "short"', {"intent": "close",
     "side": "buy"}),
    ("altrady", ALTRADY % ', "action": "start_and_open"', {"control": "start"}),
    ("alerts_processor", '{"stub": "d", "direction": "short", "symbol": "X", "size": "5%",'
     ' "mode": "reverse"}', {"intent": "reverse", "side": "sell", "closes": "long"}),
    ("bva", "S|s1|sell|BTCUSDT", {"side": "sell", "strategy": "s1"}),
    ("gunbot", "SELL_KRAKEN_BTC-ETH_0.5", {"side": "sell", "qty": units("0.5", "quote")}),
    ("copyfactory", COPY % ("POSITION_TYPE_BUY", ""), {"side": "buy",
     "volume": units("0.01", "lots"), "sl": units("1.05", "price")}),
    ("copyfactory", COPY % ("ORDER_TYPE_BUY_STOP", ', "openPrice": 1.1'), {"order_type": "stop",
     "stop": 1.1}),
    ("tickerly", TICKERLY, {"intent": "close", "side": "sell", "closes": "long"}),
    ("tickerly", TICKERLY.replace('"long"', '"flat"'), {"intent": "open", "side": "sell"}),
]  # fmt: skip

REFUSED: list[tuple[str, str, str]] = [
    ("crosstrade", ORDER + "lots=2;", "unknown_field"),
    ("crosstrade", ORDER + "qty=3;", "conflict"),
    ("crosstrade", ORDER.replace("key=S;", ""), "unauthenticated"),
    ("crosstrade", ORDER.replace("=S;", "=;"), "unauthenticated"),
    ("crosstrade", ORDER.replace("account=A;", ""), "missing_field"),
    ("crosstrade", ORDER.replace("BUY", "{{strategy.order.action}}"), "unresolved_placeholder"),
    ("crosstrade", ORDER.replace("MARKET", "LIMIT"), "missing_field"),
    ("crosstrade", ORDER.replace("MARKET", "LIMIT") + "limit_price=21,5;", "bad_number"),
    ("crosstrade", ORDER.replace("MARKET", "ICEBERG"), "bad_enum"),
    ("crosstrade", ORDER.replace("DAY", "FOK"), "bad_enum"),
    ("crosstrade", ORDER + "limit_price=5;", "conflict"),
    ("crosstrade", ORDER + "sync_strategy=true;", "missing_field"),
    ("crosstrade", ORDER + "stop_loss=abc;", "bad_number"),
    ("crosstrade", ORDER + "nonsense", "malformed_command"),
    ("crosstrade", ORDER.replace("account=A", "account=A=B"), "malformed_command"),
    ("crosstrade", CT % "SELLALL", "invalid_action"),
    ("crosstrade", CT % "CANCEL", "missing_field"),
    ("crosstrade", CT % "CHANGE" + "order_id=7;", "missing_field"),
    ("crosstrade", CT % "CHANGE" + "order_id=7;qty=3;stop_loss=4990;", "unsupported_field"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;1;MARKET;;;DAY;;;", "malformed_command"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;1;MARKET;;;DAY;;;;;", "malformed_command"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;HOLD;1;MARKET;;;DAY;;;;", "invalid_action"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;0;MARKET;;;DAY;;;;", "bad_number"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;1;LIMIT;;;DAY;;;;", "missing_field"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;1;MARKET;;;;;;;", "missing_field"),
    ("ninjatrader_oif", "PLACE;A;ES 12-26;BUY;1;LIMIT;30315,25;;DAY;;;;", "bad_number"),
    ("ninjatrader_oif", "CANCEL;;;;;;;;;;;;", "missing_field"),
    ("pickmytrade", PMT % ', "sl": 17900, "dollar_sl": 5', "conflict"),
    ("pickmytrade", PMT % ', "sl": 18100', "conflict"),
    ("pickmytrade", PMT.replace('"1"', '"1.5"') % "", "bad_number"),
    ("pickmytrade", PMT.replace('"1"', '"0"') % "", "bad_number"),
    ("pickmytrade", PMT.replace('"1"', '"0"') % ', "risk_percentage": 1', "missing_field"),
    ("pickmytrade", PMT.replace("buy", "hold") % "", "invalid_action"),
    ("pickmytrade", PMT.replace('"S"', '""') % "", "unauthenticated"),
    ("pickmytrade", PMT % ', "order_type": "LMT", "price": ""', "conflict"),
    ("pickmytrade", PMT % ', "stop_ticks": 5', "unknown_field"),
    ("3commas", BOT % ', "action": "buy"', "missing_field"),
    ("3commas", BOT % ', "action": "hold"', "invalid_action"),
    ("3commas", BOT % (POSITIONS % ("sell", "long", "1", "flat")), "conflict"),
    ("3commas", BOT % (POSITIONS % ("buy", "{{x}}", "1", "flat")), "unresolved_placeholder"),
    ("3commas", BOT.replace("bot_uuid", "bot_uuid_") % "", "missing_field"),
    ("3commas", BOT % ', "action": "enter_long", "order": {"amount": 0}', "bad_number"),
    ("3commas", BOT % ', "action": "enter_long", "order": {"amount": 5}', "missing_field"),
    ("3commas", BOT % ', "action": "enter_long", "stop_loss": {"enabled": true}', "missing_field"),
    ("wundertrading", WT % (50, '"amountPerTradeType": "percents"'), "bad_number"),
    ("wundertrading", WT % (5, '"amountPerTradeType": "shares"'), "bad_enum"),
    ("wundertrading", WT % (5, '"orderType": "openShort"'), "conflict"),
    ("wundertrading", WT % (5, '"orderType": "limit"'), "missing_field"),
    ("wundertrading", WT % (5, '"trailingStop": {"x": 1}'), "unknown_field"),
    ("alertatron", "K(BTCUSDT) { market(amount=1); } #bot", "missing_field"),
    ("alertatron", "K(BTCUSDT) { market(side=buy, amount=1, position=1); }", "conflict"),
    ("alertatron", "K(BTCUSDT) { limit(side=buy, amount=1); }", "missing_field"),
    ("alertatron", "K(BTCUSDT) { twap(side=buy, amount=1); }", "invalid_action"),
    ("alertatron", "K(BTCUSDT) { market(side=buy, size=1); }", "unknown_field"),
    ("alertatron", "K(BTCUSDT) { wait(30s); market(position=1); }", "bad_number"),
    ("alertatron", "K(BTCUSDT) { stopOrTakeProfit(tp=@5, position=0); }", "missing_field"),
    ("alertatron", "K(BTCUSDT) { market(position=1); } and more", "malformed_command"),
    ("alertatron", "K(A) { market(position=1); } K(B) { market(position=1); }", "conflict"),
    ("autoview", "e=X s=BTCUSDT b=long q=1-2 t=market", "bad_number"),
    ("autoview", "e=X s=BTCUSDT b=long q=1%-2% t=market", "bad_number"),
    ("autoview", "e=X s=BTCUSDT b=long t=market", "missing_field"),
    ("autoview", "e=X s=BTCUSDT q=1 t=market", "missing_field"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market delay=10", "bad_number"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market delay=1-3", "bad_number"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market sl=5", "conflict"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 q=2 t=market", "conflict"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=market zz=1", "unknown_field"),
    ("autoview", "e=X s=BTCUSDT b=long q=1 t=limit", "missing_field"),
    ("autoview", "e=X s=BTCUSDT c=order t=close", "bad_enum"),
    ("autoview", "e=X s=B b=long q=1 t=market | e=Y s=B b=long q=1 t=market", "conflict"),
    ("autoview", "e=X s=B b=long q=1 t=market | close it", "malformed_command"),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=HOLD", "invalid_action"),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=5z%", "bad_number"),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=BUY;ORDER_TYPE=LIMIT", "missing_field"),
    ("octobot", "EXCHANGE=x;SYMBOL=BTCUSDT;SIGNAL=BUY;TRAILING=5", "unknown_field"),
    ("octobot", "EXCHANGE=x;SIGNAL=BUY", "missing_field"),
    ("openalgo", ALGO % ', "action": "BUY", "pricetype": "LIMIT", "quantity": 1', "missing_field"),
    ("openalgo", ALGO % ', "action": "BUY", "pricetype": "MARKET"', "missing_field"),
    ("openalgo", ALGO.replace("MIS", "XXX") % ', "action": "BUY", "quantity": 1', "bad_enum"),
    ("openalgo", '{"symbol": "SBIN", "action": "SELL"}', "missing_field"),
    ("openalgo", '{"action": "start"}', "missing_field"),
    ("freqtrade", '{"pair": "ETH/USDT", "ordertype": "market"}', "missing_field"),
    ("freqtrade", '{"pair": "ETH/USDT", "side": "buy", "ordertype": "market"}', "invalid_action"),
    ("hummingbot", "hbot/bot1/config {}", "invalid_action"),
    ("altrady", ALTRADY % ', "action": "open"', "missing_field"),
    ("altrady", ALTRADY % ', "action": "open", "side": "buy"', "invalid_action"),
    ("altrady", ALTRADY % ', "action": "open", "side": "long", "stop_loss": {}', "missing_field"),
    ("altrady", ALTRADY % ', "action": "reduce", "side": "long"', "missing_field"),
    ("alerts_processor", '{"stub": "d", "direction": "long", "symbol": "X"}', "missing_field"),
    ("alerts_processor", '{"stub": "d", "direction": "up", "symbol": "X"}', "invalid_action"),
    ("alerts_processor", '{"stub": "d", "direction": "close", "symbol": "X", "sl": 5}',
     "unknown_field"),
    ("bva", "|s|buy|BTCUSDT", "unauthenticated"),
    ("bva", "S|s|hold|BTCUSDT", "invalid_action"),
    ("bva", "S|s|buy|", "missing_field"),
    ("bva", "S|buy|BTCUSDT", "malformed_command"),
    ("gunbot", "BUY_BINANCE_BTC-ETH", "missing_field"),
    ("gunbot", "BUY_BINANCE_BTC-ETH_0,1", "bad_number"),
    ("gunbot", "BUY_BINANCE_BTC-ETH_0.1_5", "malformed_command"),
    ("copyfactory", COPY % ("ORDER_TYPE_BUY_STOP", ""), "missing_field"),
    ("copyfactory", COPY % ("ORDER_TYPE_SELL_LIMIT", ', "openPrice": 1.1'), "conflict"),
    ("tickerly", TICKERLY.replace("0.1", "0"), "bad_number"),
    ("tickerly", TICKERLY.replace('"prev_position": "long", ', ""), "missing_field"),
]  # fmt: skip

NOT_ACTED_ON: list[tuple[str, str]] = [
    (LINES[0]["body"].replace("tif=GTC;", "oco_id=1;"), "unsupported_field"),
    (ORDER + "require_market_position=flat;", "unsupported_field"),
    (ORDER + "strategy=ATM1;", "unsupported_field"),
    ("PLACE;A;ES 12-26;BUY;1;MARKET;;;DAY;OCO1;;;", "unsupported_field"),
    (PMT % ', "dollar_sl": 50', "unit_not_set"),
    (PMT % ', "trail": 1, "trail_stop": 5', "unit_not_set"),
    (PMT % ', "sl": "NaN"', "stop_unreadable"),
    (PMT % ', "dollar_sl": "NaN"', "stop_unreadable"),
    (PMT % ', "same_direction_ignore": true', "unsupported_field"),
    (WT % (1, '"leverage": 2'), "unit_not_set"),
    ("e=X s=BTCUSDT b=long q=10% t=market", "unit_not_set"),
    ("b=long q=1 t=market", "missing_field"),
    ("K(BTCUSDT) { stopOrTakeProfit(side=sell, amount=1, tp=@9, sl=@5); }", "unsupported_field"),
    ('{"action": "start", "mode": "live"}', "arm_not_remote"),
    ('{"script": "x.py", "log_level": "INFO"}', "arm_not_remote"),
    (ALTRADY % ', "action": "start_bot"', "arm_not_remote"),
    (ALTRADY % ', "action": "open", "side": "long", "dca_orders": [{}]', "unsupported_field"),
    ('{"stub": "d", "direction": "long", "symbol": "X", "size": "5", "mode": "overflow"}',
     "unsupported_field"),
    ("value1=Buying+ETH%2FUSDT", "not_an_order"),
    (BODIES[[line["dialect"] for line in LINES].index("tvbit") + 1], "keys_in_body"),
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=[line["id"] for line in LINES])
def test_a_line_of_the_corpus_is_known_by_its_content(line: dict[str, Any]) -> None:
    """Nobody steals another dialect's message, and the reading is the same either way."""
    assert dialects.detect(line["body"]) == line["dialect"]
    assert parse_text(line["body"]) == parse_text(line["body"], line["dialect"])


def test_none_of_them_claims_a_line_of_another_dialect() -> None:
    """Free-form JSON and the commands of MetaTrader bridges keep their own readers."""
    others = [line for line in _ALL if line["dialect"] not in MINE]
    stolen = [line["id"] for line in others if dialects.detect(line["body"]) in MINE]
    assert stolen == []


@pytest.mark.parametrize(("dialect", "text", "expected"), READ)
def test_the_grammar_reads(dialect: str, text: str, expected: dict[str, Any]) -> None:
    """A documented form gives the documented meaning, found by content or not."""
    got = parse_text(text, auth="url_path")
    assert got == parse_text(text, dialect, auth="url_path") | {"dialect": got.get("dialect")}
    assert {name: got.get(name) for name in expected} == expected, got


@pytest.mark.parametrize(("dialect", "text", "code"), REFUSED)
def test_the_grammar_refuses(dialect: str, text: str, code: str) -> None:
    """What is missing, unknown, contradictory or unreadable is refused with its own code."""
    got = parse_text(text, dialect)
    if code == "missing_field" and got.get("error") == "unauthenticated":
        got = parse_text(text, dialect, auth="url_path")
    assert got.get("error") == code, got


@pytest.mark.parametrize(("text", "code"), NOT_ACTED_ON)
def test_what_bascule_cannot_keep_is_read_and_not_acted_on(text: str, code: str) -> None:
    """Units of an account, conditions, starts, reports and exchange keys make no intent."""
    reader = Reader(source="x", auth="url_path")
    signal = reader.read(reader.strike(text).text, NOW)
    assert (signal.refused_code, signal.intents) == (code, ())


def test_exchange_keys_are_struck_before_anything_is_kept() -> None:
    """Neither of the two keys is in what goes to the journal."""
    reader = Reader(source="x", auth="url_path")
    body = '{"api_key": "key-one", "api_secret_key": "key-two", "order": {"symbol": "X"}}'
    kept = reader.read(reader.strike(body).text, NOW).raw
    assert "key-one" not in kept
    assert "key-two" not in kept


@pytest.mark.parametrize("unit", ["base", "contracts"])
def test_a_reversal_of_3commas_opens_what_the_strategy_holds_then(unit: str) -> None:
    """Its order closes and opens at once; after a missed entry all of it would be opened."""
    reader = Reader(source="x", auth="url_path")
    body = BOT % (POSITIONS % ("sell", "short", "0.1", "long")).replace('"1"', '"0.2"')
    (asked,) = reader.read(body.replace('"base"', f'"{unit}"'), NOW).intents
    assert asked == TargetPosition(
        symbol="X:BTCUSDT", direction=Direction.SHORT, side=Side.SELL,
        quantity=Amount(Decimal("0.1")), order_quantity=Amount(Decimal("0.2")),
    )  # fmt: skip


@pytest.mark.parametrize("unit", ["base", "contracts"])
def test_a_reversal_whose_new_size_is_not_told_gives_its_order(unit: str) -> None:
    """It closes as well, so it is no position: what is held tells what of it opens."""
    reader = Reader(source="x", auth="url_path")
    body = BOT % (POSITIONS % ("sell", "short", "", "long")).replace('"1"', '"0.2"')
    body = body.replace('"market_position_size": "", ', "").replace('"base"', f'"{unit}"')
    (asked,) = reader.read(body, NOW).intents
    assert isinstance(asked, TargetPosition)
    assert (asked.direction, asked.quantity) == (Direction.SHORT, None)
    assert asked.order_quantity == Amount(Decimal("0.2"))


def test_an_alertatron_batch_is_about_its_symbol() -> None:
    """The legs name no symbol of their own; every intent has the block's."""
    reader = Reader(source="x", auth="url_path")
    text = (
        "K(BTCUSDT) { cancel(which=all); market(position=-1); limit(side=buy,amount=2,offset=@5); }"
    )
    intents = reader.read(text, NOW).intents
    assert [type(one).__name__ for one in intents] == [
        "CancelOrders", "TargetPosition", "PlaceOrder",
    ]  # fmt: skip
    assert {one.symbol for one in intents} == {"BTCUSDT"}


def _read(parsed: Parsed) -> list[Instruction]:
    if isinstance(parsed, Rejection | Direct):
        return []
    legs = list(parsed) if isinstance(parsed, tuple) else [parsed]
    return [inner for leg in legs for inner in (leg, *leg.legs)]


@given(st.text(max_size=200), st.sampled_from(MINE))
def test_no_text_breaks_a_dialect(text: str, dialect: str) -> None:
    """Whatever arrives is read or refused, never raised."""
    assert dialects.get(dialect).detect(text) in range(101)
    dialects.get(dialect).parse(text, Hints("url_path"))


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CHARACTERS = 'abelmnosy0159.,;:|=-_&%"{}() \n\0'


def _mutated(data: st.DataObject) -> tuple[str, str]:
    body = data.draw(st.sampled_from(BODIES))
    mutated = body
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        put = data.draw(st.sampled_from(("", *_CHARACTERS)))
        mutated = mutated[:at] + put + mutated[at + data.draw(st.integers(0, 1)) :]
    return body, mutated


@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_a_damaged_message_never_trades_the_other_way(data: st.DataObject) -> None:
    """One or two wrong characters may refuse a message; they never turn its side round."""
    body, mutated = _mutated(data)
    name, whole = parse(body, "", Hints("url_path"))
    if isinstance(whole, Rejection):
        return
    sides = {one.side for one in _read(whole)} | {None}
    _, damaged = parse(mutated, name, Hints("url_path"))
    assert {one.side for one in _read(damaged)} <= sides, mutated


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_no_quantity_is_invented(data: st.DataObject) -> None:
    """Every size that is read stands in the text."""
    _, mutated = _mutated(data)
    _, damaged = parse(mutated, "", Hints("url_path"))
    written = {Decimal(number) for number in _NUMBER.findall(mutated)}
    for one in _read(damaged):
        for size in (one.qty, one.volume, one.risk):
            if isinstance(size, Measure):
                assert abs(size.value) in written, mutated


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("altrady", (ALTRADY % ', "action": "start_bot", "signal_id": "@"')),
        ("theconnector", "buy,EURUSD,lots=1,id=@"),
    ],
)
def test_an_id_is_never_cut(name: str, message: str) -> None:
    """Two that differ at their end alone are two signals; cut, the second would be refused."""
    ids = {"a" * 200 + end for end in "12"}
    read = [_read(parse(message.replace("@", one), name, Hints("url_path"))[1]) for one in ids]
    assert {instructions[0].signal_id for instructions in read} == ids
