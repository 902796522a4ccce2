"""From words to intents: nothing filled in, nothing that closes can open."""

import json
from decimal import Decimal
from typing import Any

import pytest

from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.intent import (
    Amount,
    BreakEven,
    CancelOrders,
    ClosePosition,
    Flatten,
    Level,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Protection,
    StopTrading,
    TakeProfit,
    TargetPosition,
    Trail,
)
from bascule.signals.dialects import crosstrade, ninjatrader_oif, tradingview_json
from bascule.signals.instruction import (
    Hints,
    Instruction,
    Measure,
    MoveToEntry,
    Rejection,
    Target,
    Trailing,
)
from bascule.signals.intents import to_intents
from bascule.signals.profile import Profile

D = Decimal


def mapped(profile: Profile | None = None, **fields: Any) -> Any:
    """Map one instruction on symbol X; one intent comes without its tuple."""
    intents = to_intents((Instruction(**({"symbol": "X"} | fields)),), profile or Profile())
    return intents[0] if isinstance(intents, tuple) and len(intents) == 1 else intents


def of_alert(members: dict[str, Any]) -> Any:
    """Read and map one alert."""
    parsed = tradingview_json.parse(json.dumps(members), Hints(auth="url_path"))
    assert isinstance(parsed, Instruction), parsed
    intents = to_intents((parsed,), Profile())
    return intents[0] if isinstance(intents, tuple) and len(intents) == 1 else intents


def test_an_entry_without_a_size_has_none() -> None:
    """The route sizes it; nothing is made up."""
    assert of_alert({"ticker": "X", "action": "buy", "price": 5, "comment": "c"}) == PlaceOrder(
        symbol="X", side=Side.BUY, reference_price=D(5), label="c"
    )


def test_a_fill_with_a_position_size_is_a_target() -> None:
    """A lost or doubled message heals at the next one."""
    alert = {
        "ticker": "X", "action": "sell", "contracts": "3", "order_id": "S", "position_size": "-1",
        "market_position": "short", "prev_market_position": "long", "sl": 6, "price": 5,
    }  # fmt: skip
    assert of_alert(alert) == TargetPosition(
        symbol="X", label="S", reference_price=D(5), direction=Direction.SHORT,
        quantity=Amount(D(1)), order_quantity=Amount(D(3)), side=Side.SELL,
        protection=Protection(Level(D(6))),
    )  # fmt: skip


def test_a_reversal_whose_new_size_is_not_told_is_worked_out_or_gives_its_order() -> None:
    """The order of a reversal closes and opens: its size is never the new position's."""
    alert = {
        "ticker": "X", "action": "buy", "contracts": "3", "market_position": "long",
        "prev_market_position": "short",
    }  # fmt: skip
    worked_out = of_alert(alert | {"prev_market_position_size": "1"})
    assert worked_out.quantity == Amount(D(2))
    assert worked_out.direction is Direction.LONG
    left = of_alert(alert)
    assert (left.quantity, left.order_quantity) == (None, Amount(D(3)))


def test_a_change_of_an_order_by_its_name_needs_no_symbol() -> None:
    """NinjaTrader's CHANGE has the order's id and an empty field for the instrument."""
    change = {"symbol": "", "intent": "modify", "limit": D(5)}
    assert mapped(**change, client_order_id="A") == ModifyOrder(label="A", price=D(5))
    assert mapped(**change).error == "missing_field"


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (ninjatrader_oif, "CLOSESTRATEGY;;;;;;;;;;;;SID"),
        (crosstrade, "key=S;command=CLOSESTRATEGY;account=A;strategy_id=SID;"),
    ],
)
def test_a_close_of_what_only_the_senders_platform_knows_says_what_to_send(
    dialect: Any, text: str
) -> None:
    """The id is of an ATM strategy; a missing symbol is not what is wrong."""
    refused = to_intents((dialect.parse(text, Hints()),), Profile())
    assert isinstance(refused, Rejection)
    assert refused.error == "unsupported_field"
    assert "close its instrument" in refused.why


def test_a_size_that_cannot_be_read_does_not_keep_a_position_open() -> None:
    """What is to be flat afterwards is closed whole, whatever the order's size counts."""
    size = Measure(D(100), "margin_percent")
    close = mapped(intent="close", side=Side.SELL, qty=size, target=D(0))
    assert close == TargetPosition(
        symbol="X", direction=Direction.FLAT, side=Side.SELL, may_open=False
    )


def test_a_trailing_stop_order_keeps_the_stop_and_the_target_that_go_with_it() -> None:
    """Its trail is the order's own; what guards the position it opens is not lost with it."""
    alert = {
        "ticker": "X", "action": "buy", "quantity": 1, "orderType": "trailing_stop",
        "trailAmount": 5, "cancel": False,
    }  # fmt: skip
    bare = of_alert(alert)
    assert (bare.trail, bare.protection) == (Level(D(5), LevelUnit.DISTANCE), None)
    guarded = of_alert(alert | {"stopLoss": {"amount": 50}, "takeProfit": {"amount": 100}})
    assert guarded.trail == bare.trail
    assert guarded.protection == Protection(
        Level(D(50), LevelUnit.DISTANCE), (TakeProfit(Level(D(100), LevelUnit.DISTANCE)),)
    )


@pytest.mark.parametrize(
    "alert",
    [
        {"action": "sell", "market_position": "long", "position_size": "1", "contracts": "1"},
        {"action": "sell", "market_position": "flat", "contracts": "1"},
        {"action": "sell", "market_position": "flat"},
        {"action": "close", "side": "long"},
        {"action": "sell", "market_position": "long", "contracts": "1"},
        {"action": "sell", "reduce_only": True, "qty": 1},
        {"action": "exit_long", "qty": 1, "orderType": "limit", "price": 5},
    ],
)
def test_a_sell_that_takes_back_a_long_can_never_open_a_short(alert: dict[str, Any]) -> None:
    """Each of its forms is a close, a target that may not open, or a reduce-only order."""
    intent = of_alert({"ticker": "X"} | alert)
    match intent:
        case TargetPosition():
            assert not intent.may_open
            assert intent.direction in (Direction.LONG, Direction.FLAT)
            assert intent.protection is None
        case ClosePosition():
            assert intent.held is Direction.LONG
        case PlaceOrder():
            assert intent.reduce_only
            assert intent.quantity is not None
        case _:
            pytest.fail(f"not an exit: {intent}")


def test_a_partial_exit_without_a_size_is_refused() -> None:
    """How much is not Bascule's to say."""
    refused = of_alert({"ticker": "X", "action": "sell", "market_position": "long"})
    assert refused.error == "missing_quantity"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"intent": "close", "qty": "all", "closes": "short"},
         ClosePosition(symbol="X", held=Direction.SHORT)),
        ({"intent": "close", "qty": "all", "closes": "both"}, ClosePosition(symbol="X")),
        ({"intent": "reduce", "qty": Measure(D(25), "percent_of_position")},
         ClosePosition(symbol="X", fraction=D("0.25"))),
        ({"intent": "reduce", "volume": Measure(D("0.1"), "lots")},
         ClosePosition(symbol="X", quantity=Amount(D("0.1"), QtyUnit.LOTS))),
        ({"intent": "cancel", "client_order_id": "a"}, CancelOrders(symbol="X", label="a")),
        ({"intent": "cancel", "scope": "pending_short"}, CancelOrders(symbol="X", side=Side.SELL)),
        ({"intent": "modify", "sl": "breakeven"},
         ModifyProtection(symbol="X", protection=Protection(
             break_even=BreakEven(Level(D(0), LevelUnit.DISTANCE))))),
        ({"intent": "modify", "target": "long", "tp": Measure(D(30), "pips")},
         ModifyProtection(symbol="X", held=Direction.LONG, protection=Protection(
             take_profits=(TakeProfit(Level(D(30), LevelUnit.PIPS)),)))),
        ({"intent": "modify", "client_order_id": "a", "limit": D(5)},
         ModifyOrder(symbol="X", label="a", price=D(5))),
        ({"intent": "flatten_all"}, Flatten()),
        ({"intent": "control", "control": "halt"}, StopTrading()),
        ({"intent": "target_position", "target": D(2), "side": Side.BUY},
         TargetPosition(symbol="X", direction=Direction.LONG, quantity=Amount(D(2)),
                        side=Side.BUY)),
        ({"intent": "open", "side": Side.BUY, "order_type": OrdType.TRAILING_STOP,
          "trail": Trailing("percent", D(1))},
         PlaceOrder(symbol="X", side=Side.BUY, ord_type=OrdType.TRAILING_STOP,
                    trail=Level(D(1), LevelUnit.PERCENT))),
        ({"intent": "open", "side": Side.SELL, "order_type": OrdType.STOP, "stop": D(5),
          "reduce_only": True, "qty": Measure(D(1), "units")},
         PlaceOrder(symbol="X", side=Side.SELL, ord_type=OrdType.STOP, stop_price=D(5),
                    reduce_only=True, quantity=Amount(D(1)))),
        ({"intent": "open", "side": Side.BUY, "tif": "ioc",
          "risk": Measure(D(1), "percent_equity")},
         PlaceOrder(symbol="X", side=Side.BUY, time_in_force=TimeInForce.IOC,
                    quantity=Amount(D(1), QtyUnit.RISK_PERCENT))),
    ],
)  # fmt: skip
def test_the_table(fields: dict[str, Any], expected: object) -> None:
    """Each word of the vocabulary has one mapping."""
    assert mapped(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"intent": "reopen", "side": Side.BUY, "closes": "long"}, (ClosePosition, PlaceOrder)),
        ({"intent": "reverse", "side": Side.BUY, "closes": "both"}, (ClosePosition, PlaceOrder)),
        ({"intent": "replace_pending", "side": Side.BUY, "order_type": OrdType.LIMIT,
          "limit": D(5)}, (CancelOrders, PlaceOrder)),
        ({"intent": "close", "cancel_open_orders": True}, (CancelOrders, ClosePosition)),
        ({"intent": "flatten_all", "control": "halt"}, (StopTrading, Flatten)),
    ],
)  # fmt: skip
def test_words_that_are_two_intents(fields: dict[str, Any], kinds: tuple[type, ...]) -> None:
    """Close before open, cancel before place, halt before flatten."""
    assert tuple(type(intent) for intent in mapped(**fields)) == kinds


@pytest.mark.parametrize("control", ["resume", "start"])
def test_nothing_arms_from_afar(control: str) -> None:
    """A message may stop trading and never start it."""
    assert mapped(intent="control", control=control).error == "arm_not_remote"


ENTRY: dict[str, Any] = {"intent": "open", "side": Side.BUY}


@pytest.mark.parametrize(
    ("fields", "setting", "profile"),
    [
        ({"volume": Measure(D(1), "account_setting")}, "volume", Profile(volume=QtyUnit.LOTS)),
        ({"risk": Measure(D(1), "account_setting")}, "volume", Profile(volume=QtyUnit.LOTS)),
        ({"qty": Measure(D(5), "percent")}, "percent", Profile(percent=QtyUnit.EQUITY_PERCENT)),
        ({"sl": Measure(D(20), "account_setting")}, "stop", Profile(stop=LevelUnit.PIPS)),
        ({"tp": Measure(D(20), "account_setting")}, "target", Profile(target=LevelUnit.PIPS)),
        ({"trail": Trailing("account_setting", D(5))}, "trail", Profile(trail=LevelUnit.PIPS)),
        ({"order_type": OrdType.LIMIT, "entry": Measure(D(5), "account_setting")}, "entry",
         Profile(entry="price")),
        ({"tp": (Target(D(5)), Target(D(6)))}, "split_targets", Profile(split_targets="equal")),
    ],
)  # fmt: skip
def test_a_number_without_a_unit_needs_the_profile(
    fields: dict[str, Any], setting: str, profile: Profile
) -> None:
    """Without the setting the message is refused and names it; with it, it is read."""
    refused = mapped(**ENTRY, **fields)
    assert refused.error == "unit_not_set"
    assert f"profile.{setting}" in refused.why
    assert isinstance(mapped(profile, **ENTRY, **fields), PlaceOrder)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"qty": Measure(D(1), "units"), "risk": Measure(D(1), "percent_equity")}, "conflict"),
        ({"qty": Measure(D(1), "base_units")}, "unit_not_set"),
        ({"order_type": OrdType.STOP, "entry": Measure(D(20), "pips")}, "unsupported_unit"),
        ({"order_type": OrdType.LIMIT}, "missing_field"),
        ({"tif": "opg"}, "unsupported_field"),
        ({"delay_s": D(6)}, "unsupported_field"),
        ({"trail": Trailing("pips", atr_period=D(14))}, "unsupported_unit"),
        ({"sl": Measure(D(2), "ratio")}, "unsupported_unit"),
        ({"sl": Measure(D(-5), "price")}, "conflict"),
        ({"unreadable": ("sl",)}, "stop_unreadable"),
        ({"symbol": ""}, "missing_field"),
        ({"symbol": "ES1!", "contract_month": "20260320"}, "bad_enum"),
    ],
)
def test_what_cannot_be_done_as_said_is_refused(fields: dict[str, Any], error: str) -> None:
    """Two sizes, unknown units, a missing price, an unreadable stop: none is guessed at."""
    assert mapped(**ENTRY, **fields).error == error


def test_signed_percentages_count_from_the_entry() -> None:
    """A short's target of -2 % is two per cent below, and its stop of 1.5 % above."""
    short = mapped(
        intent="open", side=Side.SELL, sl=Measure(D("1.5"), "percent"), tp=Measure(D(-2), "percent")
    )
    assert short.protection.stop_loss == Level(D("1.5"), LevelUnit.PERCENT)
    assert short.protection.take_profits[0].level == Level(D(2), LevelUnit.PERCENT)
    assert mapped(**ENTRY, tp=Measure(D(-2), "percent")).error == "conflict"


def test_protection_keeps_shares_units_and_break_even() -> None:
    """Several targets, an absolute break-even trigger, a trail with its trigger."""
    order = mapped(
        **ENTRY,
        sl=Measure(D(100), "amount", LevelUnit.CASH),
        tp=(Target(D(5), "price", D(33)), Target(D(6), "price", D(67))),
        trail=Trailing("pips", trigger=D(25), distance=D(15), step=D(5)),
        breakeven=MoveToEntry(D(5), D(1), "price"),
    )
    pips = LevelUnit.PIPS
    assert order.protection == Protection(
        Level(D(100), LevelUnit.CASH),
        (TakeProfit(Level(D(5)), D("0.33")), TakeProfit(Level(D(6)), D("0.67"))),
        Trail(Level(D(15), pips), Level(D(25), pips), Level(D(5), pips)),
        BreakEven(Level(D(5)), Level(D(1), LevelUnit.DISTANCE)),
    )


def test_a_continuous_future_with_a_month_is_its_contract() -> None:
    """ES1! with 202603 is ESH2026, and an explicit contract stays."""
    assert mapped(**ENTRY, symbol="ES1!", contract_month="202603").symbol == "ESH2026"
    assert mapped(**ENTRY, symbol="ESH2026", contract_month="202603").symbol == "ESH2026"


def test_an_entry_price_without_an_order_type_is_what_the_profile_says() -> None:
    """A reference for a market order, or a limit."""
    assert mapped(**ENTRY, entry=D(5)).reference_price == D(5)
    limit = mapped(Profile(bare_entry="limit"), **ENTRY, entry=D(5))
    assert (limit.ord_type, limit.price) == (OrdType.LIMIT, D(5))


def test_a_batch_is_all_or_nothing() -> None:
    """One order that cannot be acted on refuses them all, and says which."""
    good = Instruction(intent="open", side=Side.BUY, symbol="X")
    bad = Instruction(intent="notify", symbol="X")
    refused = to_intents((good, bad), Profile())
    assert isinstance(refused, Rejection)
    assert refused.error == "not_an_order"
    assert "order 2 of 2" in refused.why
    assert len(to_intents((good, good), Profile())) == 2  # type: ignore[arg-type]
