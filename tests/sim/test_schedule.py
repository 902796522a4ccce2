"""The crash schedule: every scenario is cut after every step, and nothing is lost or doubled."""

import pytest

from bascule.sim.shell.scenarios import BY_NAME, SCENARIOS
from bascule.sim.shell.schedule import Bench, run_pairs, run_schedule, shortest
from bascule.sim.shell.script import Crash, Script
from tests.sim.shell_mutants import MUTANTS

FEWEST = 15
"""Steps that even the shortest scenario has."""
CAUGHT = {
    "answer_at_once": "submit",
    "send_at_once": "submit",
    "no_sync": "reject",
    "start_doubts_nothing": "submit",
    "replay_stops_short": "reject",
    "send_again": "doubt_found",
    "timeout_is_refusal": "doubt_found",
}
"""Planted bugs, and the scenario whose schedule must catch each."""


@pytest.mark.parametrize("script", SCENARIOS, ids=lambda script: script.name)
def test_a_crash_after_any_step_leaves_nothing_wrong(script: Script) -> None:
    """Killed, and cut from power, after each step: all settles and every invariant holds."""
    (row,) = run_schedule([script])
    assert row.points >= FEWEST
    assert row.runs == 1 + 2 * row.points
    assert [str(run) for run in row.broken] == []


def test_a_crash_of_what_a_crash_started() -> None:
    """In the four shortest scenarios, a sample of pairs: a second crash in the restart."""
    rows = run_pairs(shortest(), first_every=7, second_every=11)
    assert sum(row.runs for row in rows) > 4 * 10
    assert [str(run) for row in rows for run in row.broken] == []


@pytest.mark.parametrize("name", CAUGHT)
def test_the_schedule_catches_a_planted_bug(name: str) -> None:
    """What the invariants are for is noticed at some step."""
    (mutant,) = (one for one in MUTANTS if one.name == name)
    with mutant.planted():
        (row,) = run_schedule([BY_NAME[CAUGHT[name]]])
    assert row.broken, f"{name} was not noticed in {row.runs} runs"


def test_a_run_is_one_history() -> None:
    """The same script and crash give the same steps and the same trace."""
    crashes = [Crash(20, "power")]
    with Bench() as bench:
        first, second = (bench.run(BY_NAME["cancel"], crashes) for _ in range(2))
    assert first == second
    assert any("power cut" in line for line in first.trace)
