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
    (
        {"kind": "news", "input": {"rule": {"before_s": 1, "after_s": 1}, "action": "scalp"}},
        "scalp",
    ),
    (
        {
            "kind": "news",
            "input": {"rule": {"before_s": 1, "after_s": 1, "effect": "fine"}, "action": "open"},
        },
        "fine",
    ),
    ({"kind": "size", "input": {"max_contracts": 1, "tiers_on": "moon"}}, "moon"),
    (
        {
            "kind": "requests",
            "input": {"cap": 9, "sends": [{"t": "2026-01-12T10:00:00Z", "kind": "dance"}]},
        },
        "dance",
    ),
]


def changed(scenario: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Copy a scenario with one value replaced or added, by its dotted path."""
    copied: Any = json.loads(json.dumps(scenario, default=str))
    place = copied
    *ways, last = path.split(".")
    for way in ways:
        place = place[int(way) if way.isdigit() else way]
    place[last] = value
    return dict(copied)


BY_ID = {scenario["id"]: scenario for scenario in EVERY}
UNKNOWN_WORDS = [
    ("L016", "rules.daily_loss.limit.of", "equity_peak"),
    ("L016", "rules.daily_loss.reference", "mood"),
    ("L016", "rules.daily_loss.trigger", "near"),
    ("L016", "rules.daily_loss.on_breach", "warn"),
    ("L016", "rules.daily_loss", "some"),
    ("L060", "rules.max_loss.kind", "sliding"),
    ("L060", "rules.max_loss.trail.on", "margin"),
    ("L060", "rules.max_loss.lock", "later"),
    ("L051", "rules.cashflow.max_loss_floor", "drop"),
    ("L047", "events.1.kind", "gift"),
    ("L041", "events.1.booked", "elsewhere"),
    ("L016", "events.0.type", "marc"),
    ("R013", "input.rule.counts", "full_moon"),
    ("R055", "input.policy.cross_account_hedge", "perhaps"),
]


@pytest.mark.parametrize(("name", "path", "word"), UNKNOWN_WORDS)
def test_a_word_that_no_rule_knows_never_passes_for_another(
    name: str, path: str, word: str
) -> None:
    """Whatever word of a rule or an event is misspelt, the scenario is refused and names it."""
    with pytest.raises(UsageError) as refused:
        answer_scenario(changed(BY_ID[name], path, word))
    assert refused.value.code == "malformed_scenario"
    assert word in refused.value.message


UNREAD = [
    ("L016", "rules.daily_loss.limit.cap", "rules.daily_loss.limit.cap"),
    ("L016", "rules.daily_loss.reset.zone", "rules.daily_loss.reset.zone"),
    ("L060", "rules.max_loss.lock.plus", "rules.max_loss.lock.plus"),
    ("L060", "rules.max_loss.trail.of", "rules.max_loss.trail.of"),
    ("L082", "rules.guard.flatten", "rules.guard.flatten"),
    ("L016", "rules.weekly_loss", "rules.weekly_loss"),
    ("L016", "events.0.flaot", "events[0].flaot"),
    ("R047", "input.reset.zone", "input.reset.zone"),
]


@pytest.mark.parametrize(("name", "path", "told"), UNREAD)
def test_a_field_within_a_rule_that_nobody_reads_is_named(name: str, path: str, told: str) -> None:
    """However deep a misspelt field lies, it is told by its path."""
    unread: list[str] = []
    answer_scenario(changed(BY_ID[name], path, "7"), unread)
    assert unread == [told]


def test_remarks_may_stand_anywhere() -> None:
    """A note in a rule, or what an event says of its trade, is no misspelt field."""
    scenario = changed(BY_ID["L016"], "rules.daily_loss.note", "as the firm said")
    scenario = changed(scenario, "rules.daily_loss.limit.source", "page 3")
    scenario = changed(scenario, "events.0.symbol", "EURUSD")
    unread: list[str] = []
    assert answer_scenario(scenario, unread) == BY_ID["L016"]["expected"]
    assert unread == []


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
