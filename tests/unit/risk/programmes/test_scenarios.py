import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.model.errors import UsageError
from bascule.risk.programmes.replay import answer_scenario, rules

FILE = Path(__file__).parents[3] / "data" / "rules" / "scenarios.json"
WRITTEN = json.loads(FILE.read_text("utf-8"), parse_float=Decimal)
EVERY = [*WRITTEN["ledger"], *WRITTEN["rules"]]


def named(scenario: dict[str, Any]) -> str:
    """Name a scenario in a test's id."""
    return str(scenario["id"])


@pytest.mark.parametrize("scenario", EVERY, ids=named)
def test_worked_examples_are_answered_exactly(scenario: dict[str, Any]) -> None:
    """Each published scenario gets its expected answer, field by field and nothing more."""
    answer = answer_scenario(scenario)
    for field, expected in scenario["expected"].items():
        assert answer[field] == expected, field
    assert answer == scenario["expected"]


@pytest.mark.parametrize("scenario", WRITTEN["ledger"], ids=named)
def test_the_venues_word_is_not_needed(scenario: dict[str, Any]) -> None:
    """Events alone add up to the same answer as events with the venue's balance and equity."""
    bare = [
        {name: value for name, value in event.items() if name != "state_after"}
        for event in scenario["events"]
    ]
    assert answer_scenario({**scenario, "events": bare}) == scenario["expected"]


def test_every_rule_has_a_worked_example() -> None:
    """No kind of rule goes without one published answer."""
    assert {scenario["kind"] for scenario in WRITTEN["rules"]} == set(rules())


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "nothing"}, "no rule 'nothing'"),
    ({"kind": "news"}, "needs an input"),
    ({"kind": "news", "input": {"rule": {}}}, "before_s"),
    ({"events": []}, "start"),
    ({"kind": "pretrade", "input": {"effective_remaining": "many"}}, "effective_remaining"),
    (
        {
            "start": "2026-01-12T08:00:00Z",
            "account": {"currency": "USD", "initial": "Infinity"},
            "rules": {},
            "events": [],
        },
        "initial is Infinity",
    ),
    ({"kind": "pretrade", "input": {"effective_remaining": "NaN", "order_risk": "1"}}, "no number"),
    ({"kind": "inactivity", "input": {"last_trade": "2026-01-01", "rule": {"days": 1}}}, "last"),
    ({"kind": "min_days", "input": {"rule": {"count": 1, "tz": "Mars"}}}, "Mars"),
    ({"kind": "size", "input": {}}, "no size limit"),
    ({"kind": "size", "input": {"max_contracts": "NaN"}}, "no number"),
    ({"kind": "target", "input": {"initial": "1", "states": []}}, "target_pct"),
    ({"kind": "consistency", "input": {"rule": {"of": "hope"}}}, "hope"),
]


@pytest.mark.parametrize(("scenario", "said"), MALFORMED)
def test_a_malformed_scenario_is_refused_in_words(scenario: dict[str, Any], said: str) -> None:
    """What cannot be read ends in one code and a sentence that names the place."""
    with pytest.raises(UsageError) as refused:
        answer_scenario(scenario)
    assert refused.value.code == "malformed_scenario"
    assert said in refused.value.message


def test_what_no_rule_reads_is_said() -> None:
    """A misspelt limit is named, never silently ignored."""
    scenario = {**WRITTEN["rules"][0]}
    scenario["input"] = {**scenario["input"], "tollerance": 1}
    unread: list[str] = []
    assert answer_scenario(scenario, unread) == scenario["expected"]
    assert unread == ["input.tollerance"]


def test_an_event_beyond_all_reason_is_refused() -> None:
    """Every reset between two events is processed, so they may not be centuries apart."""
    scenario = {**WRITTEN["ledger"][0]}
    late = {**scenario["events"][0], "t": "9999-12-31T00:00:00Z"}
    with pytest.raises(UsageError, match="20 years"):
        answer_scenario({**scenario, "events": [late]})
