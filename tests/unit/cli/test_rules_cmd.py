"""``bascule rules replay``: written scenarios in, what they lead to out."""

import json
from pathlib import Path
from typing import Any

from tests.unit.cli.conftest import Bascule

FILE = Path(__file__).parents[2] / "data" / "rules" / "scenarios.json"
WRITTEN = json.loads(FILE.read_text("utf-8"))
EVERY = [*WRITTEN["ledger"], *WRITTEN["rules"]]


def expected(scenario: dict[str, Any]) -> dict[str, Any]:
    """Give the line that answers a scenario."""
    return {"id": scenario["id"], **scenario["expected"]}


def test_one_scenario_is_answered_by_its_expected_fields(bascule: Bascule) -> None:
    """A ledger and a question each print one object and end with 0."""
    for scenario in (WRITTEN["ledger"][0], WRITTEN["rules"][0]):
        done = bascule("rules", "replay", stdin=json.dumps(scenario))
        assert (done.code, json.loads(done.out)) == (0, scenario["expected"])


def test_a_line_is_answered_by_a_line_with_its_id(bascule: Bascule) -> None:
    """What cannot be read is answered with an error in its place, and the others go on."""
    lines = [json.dumps(EVERY[0]), '{"id": "x", "kind": "news"}', "{", "7", json.dumps(EVERY[-1])]
    done = bascule("rules", "replay", "--jsonl", stdin="\n".join(lines))
    told = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, len(told)) == (0, 5)
    assert (told[0], told[-1]) == (expected(EVERY[0]), expected(EVERY[-1]))
    assert (told[1]["id"], told[1]["error"]) == ("x", "malformed_scenario")
    assert [one["error"] for one in told[2:4]] == ["malformed_json", "malformed_json"]


def test_a_whole_file_is_answered_list_by_list(bascule: Bascule) -> None:
    """The file of worked examples gets each of its answers."""
    done = bascule("rules", "replay", stdin=FILE.read_text("utf-8"))
    assert json.loads(done.out) == {
        name: [expected(scenario) for scenario in WRITTEN[name]] for name in ("ledger", "rules")
    }


def test_a_field_that_no_rule_reads_is_an_error(bascule: Bascule) -> None:
    """The answer is told and so is the field, with a code, and the command does not end well."""
    scenario = {**WRITTEN["rules"][0]}
    scenario["input"] = {**scenario["input"], "tollerance": 1}
    done = bascule("rules", "replay", stdin=json.dumps(scenario))
    assert (done.code, json.loads(done.out)) == (2, scenario["expected"])
    assert "input.tollerance" in done.err
    assert "Code:  unknown_scenario_field" in done.err


def test_a_malformed_scenario_ends_with_a_code_and_no_traceback(bascule: Bascule) -> None:
    """The sentence names what is wrong, and the exit code is that of wrong use."""
    done = bascule("rules", "replay", stdin='{"events": [], "start": "yesterday"}')
    assert (done.code, done.out) == (2, "")
    assert "Code:  malformed_scenario" in done.err
    assert "Traceback" not in done.err
