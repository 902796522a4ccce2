"""Bascule's own JSON: word for word the model's intents, and nothing else."""

import json
import re
from decimal import Decimal
from pathlib import Path
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
    PlaceOrder,
    Protection,
    StopTrading,
    TakeProfit,
    TargetPosition,
    Trail,
)
from bascule.model.values import SECOND
from bascule.signals import dialects
from bascule.signals.dialects import native
from bascule.signals.instruction import Direct, Hints, Rejection

PLACE: dict[str, Any] = {"intent": "place_order", "symbol": "ESZ2026", "side": "buy"}


def read(document: object) -> Direct | Rejection:
    """Parse one document."""
    text = document if isinstance(document, str) else json.dumps(document)
    parsed = native.parse(text, Hints())
    assert isinstance(parsed, Direct | Rejection)
    return parsed


def refused(document: object) -> Rejection:
    """Parse one document that must be refused."""
    parsed = read(document)
    assert isinstance(parsed, Rejection), parsed
    return parsed


def test_one_intent_with_the_signals_fields_beside_it() -> None:
    """Every field of the model can be said, numbers as numbers or as strings."""
    read_one = read(
        PLACE
        | {
            "quantity": {"value": "2", "unit": "lots"},
            "ord_type": "limit",
            "price": 5000.25,
            "time_in_force": "gtd",
            "expire_at": "2026-11-22T00:00:00Z",
            "label": "long",
            "reference_price": "5001",
            "protection": {
                "stop_loss": {"value": 10, "unit": "points"},
                "take_profits": [{"level": {"value": 20, "unit": "points"}, "portion": 0.5}],
                "trail": {"distance": {"value": 5, "unit": "ticks"}},
                "break_even": {"trigger": {"value": 8, "unit": "points"}},
            },
            "id": "42",
            "strategy": "s1",
            "fired_at": "2026-11-21T12:00:00Z",
            "max_age": 30,
            "secret": "***",
        }
    )
    assert read_one == Direct(
        intents=(
            PlaceOrder(
                symbol="ESZ2026",
                side=Side.BUY,
                quantity=Amount(Decimal(2), QtyUnit.LOTS),
                ord_type=OrdType.LIMIT,
                price=Decimal("5000.25"),
                time_in_force=TimeInForce.GTD,
                expire_at=1_795_305_600 * SECOND,
                label="long",
                reference_price=Decimal(5001),
                protection=Protection(
                    Level(Decimal(10), LevelUnit.POINTS),
                    (TakeProfit(Level(Decimal(20), LevelUnit.POINTS), Decimal("0.5")),),
                    Trail(Level(Decimal(5), LevelUnit.TICKS)),
                    BreakEven(Level(Decimal(8), LevelUnit.POINTS)),
                ),
            ),
        ),
        strategy="s1",
        signal_id="42",
        fired_at=1_795_262_400 * SECOND,
        max_age=30 * SECOND,
    )


def test_a_batch_keeps_its_order() -> None:
    """Several intents under one signal."""
    document = {
        "signal": {"id": 7, "strategy": "s1"},
        "intents": [
            {"intent": "cancel_orders", "symbol": "X"},
            {"intent": "close_position", "symbol": "X", "held": "long", "fraction": "0.5"},
            {"intent": "target_position", "symbol": "X", "direction": "flat"},
            {"intent": "modify_order", "symbol": "X", "label": "a", "price": 5},
            {"intent": "flatten"},
            {"intent": "stop_trading", "scope": "all"},
        ],
    }
    read_all = read(document)
    assert isinstance(read_all, Direct)
    assert read_all.signal_id == "7"
    assert read_all.intents == (
        CancelOrders(symbol="X"),
        ClosePosition(symbol="X", held=Direction.LONG, fraction=Decimal("0.5")),
        TargetPosition(symbol="X", direction=Direction.FLAT),
        ModifyOrder(symbol="X", label="a", price=Decimal(5)),
        Flatten(),
        StopTrading(scope="all"),
    )


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (PLACE | {"qty": 1}, "quantity"),
        (PLACE | {"quantity": {"value": 1, "units": "lots"}}, "unit"),
        (PLACE | {"protection": {"stop": 1}}, "stop_loss"),
        (PLACE | {"protection": {"take_profits": [{"price": 1}]}}, "portion"),
        ({"signal": {"name": "x"}, "intents": [{"intent": "flatten"}]}, "strategy"),
        ({"intents": [PLACE | {"id": "1"}]}, "label"),
        ({"intents": [{"intent": "flatten"}], "id": "1"}, "signal"),
    ],
)
def test_an_unknown_field_is_refused_and_the_known_ones_named(document: object, named: str) -> None:
    """A misspelt stop must not be an entry without one."""
    rejection = refused(document)
    assert rejection.error == "unknown_field"
    assert named in rejection.why


def test_a_comma_too_many_is_told_with_its_place() -> None:
    """Nothing is repaired here, and the sender reads what it was and where."""
    why = refused('{"intent": "flatten",}').why
    assert "at line 1, column 2" in why
    assert "took out a comma before a closing bracket" in why


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ("", "empty_body"),
        ("[]", "malformed_json"),
        ('{"intent": "flatten",}', "malformed_json"),
        ({"intent": "buy"}, "invalid_action"),
        ({"intents": []}, "missing_field"),
        ({"intents": [{}] * 51}, "missing_field"),
        ({"intent": "place_order", "symbol": "X"}, "missing_field"),
        ({"intent": "place_order", "side": "buy"}, "missing_field"),
        (PLACE | {"side": "long"}, "bad_enum"),
        (PLACE | {"ord_type": "limit"}, "missing_field"),
        (PLACE | {"price": 5}, "conflict"),
        (PLACE | {"time_in_force": "gtd"}, "missing_field"),
        (PLACE | {"expire_at": "2026-11-22T00:00:00Z"}, "conflict"),
        (PLACE | {"ord_type": "trailing_stop"}, "missing_field"),
        (PLACE | {"reduce_only": True}, "missing_field"),
        (PLACE | {"quantity": {"value": "1,5"}}, "bad_number"),
        (PLACE | {"quantity": {"value": True}}, "bad_number"),
        (PLACE | {"quantity": {"value": 0}}, "bad_number"),
        (PLACE | {"quantity": {"value": "-1"}}, "bad_number"),
        (PLACE | {"quantity": {}}, "missing_field"),
        (PLACE | {"quantity": 1}, "bad_enum"),
        (PLACE | {"symbol": "{{ticker}}"}, "unresolved_placeholder"),
        (PLACE | {"reference_price": "{{close}}"}, "unresolved_placeholder"),
        (PLACE | {"protection": {"stop_loss": {"value": 0}}}, "bad_number"),
        (PLACE | {"protection": {"stop_loss": {"value": 1, "unit": "ratio"}}}, "unsupported_unit"),
        (PLACE | {"fired_at": "soon"}, "bad_enum"),
        (PLACE | {"max_age": 0}, "bad_number"),
        (PLACE | {"id": "x" * 300}, "bad_enum"),
        ({"intent": "close_position", "symbol": "X", "fraction": 2}, "bad_number"),
        (
            {"intent": "close_position", "symbol": "X", "fraction": 1, "quantity": {"value": 1}},
            "conflict",
        ),
    ],
)
def test_what_is_not_exactly_said_is_refused(document: object, error: str) -> None:
    """Each fault has its code."""
    assert refused(document).error == error


def test_native_documents_are_known_by_their_words() -> None:
    """An alert with a field called intent is none, unless the word is the model's."""
    assert dialects.detect(json.dumps(PLACE)) == "native"
    assert dialects.detect('{"intents": [{"intent": "flatten"}]}') == "native"
    assert dialects.detect('{"intent": "go long", "ticker": "X"}') == "tradingview_json"
    assert dialects.detect("what a day") is None


def test_the_examples_of_the_manual_are_accepted() -> None:
    """What docs/signals.md shows is what is read."""
    manual = (Path(__file__).parents[3] / "docs" / "signals.md").read_text(encoding="utf-8")
    examples = [
        block for block in re.findall(r"```json\n(.*?)```", manual, re.S) if "intent" in block
    ]
    assert len(examples) == 2
    for example in examples:
        assert isinstance(read(example), Direct)
