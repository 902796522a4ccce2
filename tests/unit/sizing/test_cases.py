import json
from pathlib import Path
from typing import Any

import pytest

from bascule.model.errors import UsageError
from bascule.sizing.cases import answer_case

FILE = Path(__file__).parents[2] / "data" / "sizing" / "cases.json"
CASES = json.loads(FILE.read_text("utf-8"))
EVERY = [*CASES["sizing"], *CASES["calculators"]]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case["id"])
def test_worked_examples_are_answered_exactly(case: dict[str, Any]) -> None:
    """Each published case gets its expected answer, to the last digit and nothing more."""
    assert answer_case(case) == case["expected"]


def plain(**changes: Any) -> dict[str, Any]:
    """Make a sizing case: 1% of 100,000 at a stop of 20 pips."""
    case: dict[str, Any] = {
        "account": {"currency": "USD", "balance": "100000", "equity": "100000"},
        "risk": {"basis": "balance", "pct": "1"},
        "instrument": {
            "symbol": "EURUSD",
            "kind": "fx",
            "lot_step": "0.01",
            "min_lot": "0.01",
            "max_lot": "50",
            "min_stop_distance": "0",
            "contract_size": "100000",
        },
        "side": "buy",
        "entry": "1.08500",
        "stop": "1.08300",
        "fx": {"quote_to_account": "1"},
        "costs": {},
        "limits": {},
    }
    for name, change in changes.items():
        case[name] = {**case.get(name, {}), **change} if isinstance(change, dict) else change
    return case


VARIANTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"lots": "5.00", "risk_cash": "1000.00", "loss_per_lot": "200.00"}),
    ({"account": {"equity": "90000"}, "risk": {"basis": "lower"}}, {"risk_cash": "900.00"}),
    ({"account": {"equity": "110000"}, "risk": {"basis": "equity"}}, {"risk_cash": "1100.00"}),
    ({"account": {"initial": "50000"}, "risk": {"basis": "initial"}}, {"risk_cash": "500.00"}),
    ({"risk": {"basis": "room", "pct": "25", "room": "2000"}}, {"risk_cash": "500.00"}),
    ({"risk": {"amount": "300"}}, {"lots": "1.50", "risk_cash": "300.00"}),
    ({"risk": {"daily_remaining": "400"}}, {"lots": "2.00", "risk_cash": "400.00"}),
    ({"risk": {"daily_remaining": "400", "daily_share": "0.25"}}, {"risk_cash": "100.00"}),
    ({"risk": {"max_loss_remaining": "4000", "share": "0.1"}}, {"risk_cash": "400.00"}),
    ({"risk": {"basis": "lower_of_balance_and_equity"}}, {"risk_cash": "1000.00"}),
    ({"costs": {"commission_per_lot_per_side": "25"}}, {"lots": "4.00"}),
    (
        {"instrument": {"tick_size": "0.0001"}, "costs": {"slippage_ticks": "5"}},
        {"loss_per_lot": "250.00"},
    ),
    ({"risk": {"max_loss_remaining": "-10"}}, {"refused": "no_risk_room"}),
    ({"risk": {"multiplier": "0"}}, {"refused": "no_risk_room"}),
    ({"costs": {"slippage": "0.0005"}}, {"lots": "4.00", "loss_per_lot": "250.00"}),
    ({"costs": {"commission_per_lot_round_turn": "7"}}, {"lots": "4.83", "risk_actual": "999.81"}),
    ({"limits": {"max_lots": "4", "open_lots": "1"}}, {"lots": "3.00", "risk_actual": "600.00"}),
    ({"instrument": {"max_lot": "2"}}, {"lots": "2.00"}),
    ({"fx": {"quote_to_account": None}}, {"refused": "missing_fx_rate"}),
    ({"fx": {"age_s": "61", "max_age_s": "60"}}, {"refused": "missing_fx_rate"}),
    ({"fx": {"age_s": "60", "max_age_s": "60"}}, {"lots": "5.00"}),
    ({"stop": "1.08700"}, {"refused": "stop_wrong_side"}),
    ({"deviation": "0.0005"}, {"lots": "4.00"}),
    ({"stop": None, "atr": {"value": "0.0042", "k": "1.5"}}, {"loss_per_lot": "630.00"}),
    ({"instrument": {"tick_size": "0.001"}, "stop": "1.0835"}, {"loss_per_lot": "200.00"}),
    ({"margin": {"leverage": "30"}}, {"lots": "5.00", "margin": "18083.33"}),
    (
        {"account": {"free_margin": "100"}, "margin": {"leverage": "30"}},
        {"refused": "insufficient_margin", "needed": "18083.33", "available": "100.00"},
    ),
    (
        {"account": {"free_margin": "1"}, "margin": {"leverage": "1", "on_shortfall": "shrink"}},
        {"refused": "insufficient_margin", "needed": "542500.00", "available": "1.00"},
    ),
]


@pytest.mark.parametrize(("changes", "expected"), VARIANTS)
def test_each_rule_on_a_plain_case(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """One field more changes the answer by its own rule alone."""
    changed = dict(changes)
    if changed.get("instrument", {}).get("tick_size") is None and "atr" in changed:
        changed["instrument"] = {"tick_size": "0.00001"}
    answer = answer_case(plain(**changed))
    assert {name: answer.get(name) for name in expected} == expected
    assert "unread" not in answer


CHECK_ORDER: list[tuple[dict[str, Any], str]] = [
    ({"account": {"equity": "0"}}, "not_positive_equity"),
    ({"stop": None}, "no_stop"),
    ({"stop": "1.09"}, "stop_wrong_side"),
    ({"instrument": {"min_stop_distance": "1"}}, "stop_too_close"),
    ({"fx": {"quote_to_account": None}}, "missing_fx_rate"),
    ({"risk": {"pct": "0"}}, "no_risk_room"),
    ({"limits": {"max_lots": "0"}}, "size_limit"),
    ({"instrument": {"min_lot": "9"}, "limits": {"max_lots": "9"}}, "below_min_lot"),
    ({"margin": {"leverage": "1"}}, "insufficient_margin"),
]


@pytest.mark.parametrize("first", range(len(CHECK_ORDER)))
def test_the_first_failing_check_answers(first: int) -> None:
    """With several things wrong at once, the earliest check of the list is the answer."""
    case = plain()
    for changes, _ in reversed(CHECK_ORDER[first:]):
        for name, change in changes.items():
            merged = isinstance(change, dict)
            case[name] = {**case.get(name, {}), **change} if merged else change
    assert answer_case(case)["refused"] == CHECK_ORDER[first][1]


def test_a_field_that_no_rule_reads_is_named() -> None:
    """A misspelt limit is never silently ignored."""
    answer = answer_case(plain(limits={"max_lotz": "1"}, colour="red"))
    assert answer["unread"] == ["colour", "limits.max_lotz"]


BROKEN: list[dict[str, Any]] = [
    {},
    {**plain(), "entry": "one"},
    {**plain(), "account": {"balance": "1"}},
    {**plain(), "account": []},
    plain(risk={"basis": "moon"}),
    plain(risk={"basis": "initial"}),
    plain(risk={"basis": "room"}),
    plain(instrument={"contract_size": None}),
    plain(instrument={"contract_size": None, "tick_value": "5"}),
    {"kind": "moon", "input": {}},
    {"kind": "ruin", "input": {"win_rate": "0.5"}},
    {"kind": "ruin"},
    {"kind": "buffer", "input": {"firm_cutoff": "late"}},
]


@pytest.mark.parametrize("case", BROKEN)
def test_a_case_that_cannot_be_read_is_an_error(case: dict[str, Any]) -> None:
    """Missing fields and unreadable values are told to the user, never guessed."""
    with pytest.raises(UsageError):
        answer_case(case)


QUESTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "split",
        {"budget": "900", "rooms": {"a": "3000", "b": "1000", "c": "500"}},
        {"shares": {"a": "600.00", "b": "200.00", "c": "100.00"}},
    ),
    (
        "split",
        {"budget": "900", "accounts": [{"id": "a", "room": "3000"}, {"id": "b", "room": "-1"}]},
        {"shares": {"a": "900.00", "b": "0.00"}},
    ),
    ("r", {"net_result": "280", "risk": "100"}, {"r": "2.80"}),
    ("expectancy", {"win_rate": "0.45", "avg_win_r": "2.1"}, {"expectancy_r": "0.395"}),
    ("streak", {"loss_rate": "0.5", "run": 6, "trades": 200}, {"probability": "0.800932"}),
    (
        "odds",
        {"win_rate": "0.55", "room_units": "10", "target_units": "8"},
        {"probability": "0.889584"},
    ),
    (
        "roi",
        {"pass_probability": "0.2", "expected_payout": "4000", "cost": "500"},
        {"expected_value": "300.00"},
    ),
    ("buffer", {"firm_cutoff": "00:10", "buffer_min": 30}, {"own_cutoff": "23:40"}),
    ("atr", {"n": 14, "previous": "0.0040", "true_range": "0.0068"}, {"atr": "0.0042"}),
    (
        "atr",
        {
            "n": 2,
            "bars": [
                {"high": "3", "low": "1", "close": "2"},
                {"high": "6", "low": "5", "close": "6"},
            ],
        },
        {"atr": "3"},
    ),
]


@pytest.mark.parametrize(("kind", "given", "expected"), QUESTIONS)
def test_further_questions(kind: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Calculators answer each of the forms in which they may be asked."""
    assert answer_case({"kind": kind, "input": given}) == expected
