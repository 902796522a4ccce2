"""``bascule sim``: seeds that hold, a trace, and a planted bug that makes it end with 1."""

import sys
from collections.abc import Iterator

import pytest
import structlog
from typer.testing import CliRunner

from bascule.cli.exits import Exit
from bascule.cli.main import app
from bascule.engine.pacing import TokenBucket
from bascule.model.errors import UsageError
from bascule.sim.core import campaign as core_campaign
from bascule.sim.shell import campaign as shell_campaign
from tests.sim import mutants, shell_mutants
from tests.sim.mutants import MUTANTS
from tests.sim.shell_mutants import MUTANTS as SHELL_MUTANTS

RUN = CliRunner()


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """Leave logging as it was: the command keeps an engine's own log back."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_seeds_that_hold_end_well() -> None:
    """It says how many, how fast, and gives the digest that names all of it."""
    done = RUN.invoke(app, ["sim", "--seeds", "30", "--from", "5"])
    assert done.exit_code == 0
    assert "30 seeds in" in done.output
    assert "0 broken." in done.output
    assert "digest " in done.output


def test_a_replay_tells_every_step() -> None:
    """The trace of one seed, its faults and its digest."""
    done = RUN.invoke(app, ["sim", "--replay", "18"])
    assert done.exit_code == 0
    assert "STEP 0" in done.output
    assert "SEND NewOrder" in done.output
    assert done.output.count("digest ") == 1


def test_what_breaks_is_named_and_shrunk() -> None:
    """Seed, step, invariant and sentence; then the smallest form of it; and the exit code is 1."""
    mutant = next(one for one in MUTANTS if one.name == "skip_latch")
    with mutant.planted():
        done = RUN.invoke(app, ["sim", "--seeds", "40"])
    assert done.exit_code == 1
    assert ": I7: " in done.output
    assert "The smallest form of seed" in done.output
    assert "BROKEN I7" in done.output
    first = done.output.split("seed ", 1)[1].split(",", 1)[0]
    assert f"To do: `bascule sim --replay {first}` prints" in done.output


def test_coverage_is_a_table() -> None:
    """How often each cell, check and fault was reached; what was not is named."""
    done = RUN.invoke(app, ["sim", "--seeds", "20", "--coverage"])
    for word in ("order table", "checks that refused", "faults", "lose_reply", "Never reached"):
        assert word in done.output


@pytest.mark.parametrize("tier", [[], ["--shell"]])
def test_what_was_never_reached_fails_where_coverage_is_asked_for(tier: list[str]) -> None:
    """A zero proves nothing: the exit code is 1; without the question it is a remark."""
    assert RUN.invoke(app, ["sim", *tier, "--seeds", "2", "--coverage"]).exit_code == 1
    plain = RUN.invoke(app, ["sim", *tier, "--seeds", "2"])
    assert (plain.exit_code, "Never " in plain.output) == (0, True)


def test_the_planted_bugs_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with tier, where it is looked for and what caught it; 1 where one was not caught."""
    core = next(one for one in MUTANTS if one.name == "skip_latch")
    shell = next(one for one in SHELL_MUTANTS if one.name == "send_again")
    monkeypatch.setattr(mutants, "MUTANTS", (core,))
    monkeypatch.setattr(shell_mutants, "MUTANTS", (shell,))
    done = RUN.invoke(app, ["sim", "--mutants"])
    rows = [line.split()[:5] for line in done.output.splitlines()]
    assert ["skip_latch", "core", "0", "2,000", "I7"] in rows
    assert ["send_again", "shell", "1", "500", "I1"] in rows
    assert (done.exit_code, "2 of 2 caught." in done.output) == (0, True)
    monkeypatch.setattr(mutants, "MUTANTS", (core._replace(patches=lambda: [], bound=2),))
    done = RUN.invoke(app, ["sim", "--mutants"])
    assert (done.exit_code, "1 of 2 caught." in done.output) == (1, True)
    broken = core._replace(patches=lambda: [(TokenBucket, "take", lambda self: None)])
    monkeypatch.setattr(mutants, "MUTANTS", (broken,))
    done = RUN.invoke(app, ["sim", "--mutants"])
    assert (done.exit_code, "1 of 2 caught." in done.output) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--replay", "3", "--mutants"],
        ["--replay", "3", "--schedule"],
        ["--mutants", "--scenario", "reject"],
        ["--replay", str(2**64)],
        ["--shell", "--replay", str(2**64)],
        ["--seeds", "1", "--from", str(2**64)],
    ],
)
def test_what_cannot_be_run_is_wrong_use(words: list[str]) -> None:
    """Two runs at once, and a seed that no draw can be named by; nothing is run."""
    done = RUN.invoke(app, ["sim", *words])
    assert isinstance(done.exception, UsageError) or done.exit_code == Exit.USAGE
    assert "digest" not in done.output


def test_the_whole_engine_runs_by_seeds_too() -> None:
    """With ``--shell`` it is machines that are counted; a replay has its trace and its digest."""
    done = RUN.invoke(app, ["sim", "--shell", "--seeds", "3", "--from", "7", "--coverage"])
    assert "3 machines in" in done.output
    assert "0 broken." in done.output
    assert "step signal" in done.output
    once = RUN.invoke(app, ["sim", "--shell", "--replay", "41"])
    assert once.exit_code == 0
    assert once.output.count("digest ") == 1
    assert "heal" in once.output
    assert '> {"type":"submit"' in once.output, "what was sent is what a reader looks for"


def test_a_machine_that_breaks_something_is_told() -> None:
    """The seed and what broke; and the exit code is 1."""
    mutant = next(one for one in SHELL_MUTANTS if one.name == "send_again")
    with mutant.planted():
        done = RUN.invoke(app, ["sim", "--shell", "--seeds", "3", "--from", "1"])
    assert done.exit_code == 1
    assert "I1 order" in done.output
    assert "To do: `bascule sim --shell --replay 3` prints" in done.output


@pytest.mark.parametrize("tier", [[], ["--shell"]])
def test_a_run_that_is_cut_short_says_how_far_it_came(
    tier: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found until then is printed already; the exit code is that of an interrupt."""
    tiers = {False: core_campaign, True: shell_campaign}
    module = tiers[bool(tier)]
    name = "scenario_of" if not tier else "run_seed"
    plain = getattr(module, name)

    def until(seed: int) -> object:
        if seed == 2:
            raise KeyboardInterrupt
        return plain(seed)

    monkeypatch.setattr(module, name, until)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    done = RUN.invoke(app, ["sim", *tier, "--seeds", "5"])
    assert "Cut short after 2 of 5 seeds: 0 broken." in done.output
    assert done.exit_code == 130


def test_a_scenario_is_crashed_after_every_step() -> None:
    """A table says how many steps and runs, and how many broke; an unknown name is wrong use."""
    done = RUN.invoke(app, ["sim", "--schedule", "--scenario", "reject"])
    assert done.exit_code == 0
    assert "reject" in done.output
    assert RUN.invoke(app, ["sim", "--scenario", "nonsense"]).exit_code != 0


def test_a_crash_that_breaks_something_is_told() -> None:
    """Where it crashed, what broke, the trace; and the exit code is 1."""
    mutant = next(one for one in SHELL_MUTANTS if one.name == "replay_stops_short")
    with mutant.planted():
        done = RUN.invoke(app, ["sim", "--scenario", "reject"])
    assert done.exit_code == 1
    assert "reject, kill after " in done.output
    assert "crash after step" in done.output
