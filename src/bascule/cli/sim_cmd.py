"""``sim``: run the engine against a model venue that misbehaves, from seeds."""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli import sim_shell
from bascule.cli.common import print_table
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.sim.core.campaign import Campaign
    from bascule.sim.core.simulation import Outcome, Violation

_PROGRESS_EVERY = 500
_SHRINK_MAX = 3
_SEED_MAX = 10**12
"""More than anybody runs; every draw is named by its seed in eight bytes."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sim")(sim)


def sim(
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds to run.")] = 2_000,
    first: Annotated[int, typer.Option("--from", min=0, max=_SEED_MAX, help="The first seed.")] = 0,
    replay: Annotated[
        int | None,
        typer.Option(
            "--replay",
            min=0,
            max=_SEED_MAX,
            help="Print the trace of this seed.",
            show_default=False,
        ),
    ] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Plant bugs, and say how fast each is caught.")
    ] = False,
    cover: Annotated[
        bool,
        typer.Option(
            "--coverage", help="Say how often each thing was reached; none may be missed."
        ),
    ] = False,
    schedule: Annotated[
        bool,
        typer.Option("--schedule", help="Crash the real runtime after every step of scenarios."),
    ] = False,
    shell: Annotated[
        bool,
        typer.Option("--shell", help="The real runtime on a virtual machine, not the core alone."),
    ] = False,
    scenario: Annotated[
        str, typer.Option("--scenario", help="Of the schedule, only this one.", show_default=False)
    ] = "",
) -> None:
    """Run the engine's decisions against a disk, a network and a venue that misbehave.

    With --shell it is the whole engine that runs, with its journal and the paper broker. Nothing
    is connected and nothing is written. A seed decides everything, so what one run finds another
    repeats. Ends with 1 when an invariant broke, a planted bug was not caught, or --coverage found
    what was never reached.
    """
    if mutants + bool(schedule or scenario) + (replay is not None) > 1:
        raise UsageError(
            "--replay, --mutants and --schedule are three different runs. Nothing was run.",
            code="usage",
            hint="Ask for one of them.",
        )
    if mutants:
        _hunt()
    elif schedule or scenario:
        _crash(scenario)
    elif shell and replay is not None:
        sim_shell.replay(replay)
    elif shell:
        sim_shell.run(first, seeds, cover)
    elif replay is not None:
        _replay(replay)
    else:
        _run(first, seeds, cover)


def _run(first: int, seeds: int, cover: bool) -> None:
    import time

    from bascule.sim.core.campaign import run_seeds

    began, done, broken = time.perf_counter(), 0, 0

    def told(outcome: "Outcome") -> None:
        nonlocal done, broken
        done += 1
        if outcome.violation is not None:
            broken += 1
            _print_violation(outcome.violation)
        if done % _PROGRESS_EVERY == 0:
            rate = done / (time.perf_counter() - began)
            typer.echo(f"{done:,} of {seeds:,} seeds, {rate:.0f} a second", err=True)

    try:
        campaign = run_seeds(range(first, first + seeds), told=told)
    except KeyboardInterrupt:
        sim_shell.print_cut_short(done, seeds, broken)
        raise
    took = time.perf_counter() - began
    _print_campaign(campaign, took, cover)
    for violation in campaign.violations[:_SHRINK_MAX]:
        _print_smallest(violation)
    if campaign.violations:
        sim_shell.print_next_step(f"bascule sim --replay {campaign.violations[0].seed}")
    if campaign.violations or (cover and campaign.coverage.missing()):
        raise typer.Exit(Exit.NO)


def _print_campaign(campaign: "Campaign", took: float, cover: bool) -> None:
    count = campaign.coverage
    typer.echo(
        f"{count.runs:,} seeds in {took:.1f} s ({count.runs / took:.0f} a second): "
        f"{count.events:,} events, {count.sends:,} requests, {count.trades:,} fills, "
        f"{len(campaign.violations)} broken."
    )
    typer.echo(f"digest {campaign.digest}")
    missing = count.missing()
    if cover:
        for kind, rows in count.tables().items():
            print_table((kind, "times"), [(name, f"{times:,}") for name, times in rows])
    if missing:
        typer.echo(f"Never reached: {', '.join(missing)}.", err=True)


def _print_violation(violation: "Violation") -> None:
    at = f"step {violation.step}" if violation.step >= 0 else "the end"
    typer.echo(f"seed {violation.seed}, {at}: {violation.invariant}: {violation.text}")


def _print_smallest(violation: "Violation") -> None:
    from bascule.sim.core.campaign import smallest

    scenario, outcome = smallest(violation)
    typer.echo(
        f"\nThe smallest form of seed {violation.seed}: {len(scenario.steps)} steps, "
        f"faults {', '.join(scenario.faults) or 'none'}."
    )
    for line in outcome.trace:
        typer.echo(line)


def _replay(seed: int) -> None:
    from bascule.sim.core.scenario import scenario_of
    from bascule.sim.core.shrink import run

    scenario = scenario_of(seed)
    outcome = run(scenario, trace=True)
    for line in outcome.trace:
        typer.echo(line)
    typer.echo(f"faults: {', '.join(scenario.faults) or 'none'}")
    typer.echo(f"digest {outcome.digest}")
    if outcome.violation is not None:
        _print_violation(outcome.violation)
        raise typer.Exit(Exit.NO)


def _crash(name: str) -> None:
    from bascule.sim.shell.scenarios import BY_NAME
    from bascule.sim.shell.schedule import run_schedule

    if name and name not in BY_NAME:
        raise UsageError(
            f"There is no scenario {name!r}. Nothing was run.",
            code="unknown_scenario",
            hint=f"There are: {', '.join(BY_NAME)}.",
        )
    sim_shell.quiet()
    wanted = [BY_NAME[name]] if name else list(BY_NAME.values())
    rows = run_schedule(wanted, told=lambda row: typer.echo(row.scenario, err=True))
    print_table(
        ("scenario", "steps", "runs", "seconds", "broken"),
        [
            (
                row.scenario,
                str(row.points),
                str(row.runs),
                f"{row.seconds:.1f}",
                str(len(row.broken)),
            )
            for row in rows
        ],
    )
    broken = [run for row in rows for run in row.broken]
    for run in broken:
        typer.echo(str(run))
    for line in broken[0].trace if broken else ():
        typer.echo(line)
    if broken:
        raise typer.Exit(Exit.NO)


def _hunt() -> None:
    root = Path(__file__).resolve().parents[3]
    if not (root / "tests" / "sim" / "mutants.py").is_file():
        raise UsageError(
            "The planted bugs are part of the tests and are not installed. Nothing was run.",
            code="not_a_checkout",
            hint="Run `bascule sim --mutants` from a checkout of the source.",
        )
    sys.path.insert(0, str(root))
    planted = importlib.import_module("tests.sim.mutants")
    from bascule.sim.core.simulation import FAULT

    rows, survived = [], 0
    for mutant in planted.MUTANTS:
        violation, count = mutant.hunt()
        lost = violation is None or violation.invariant == FAULT  # a bug that cannot even run
        survived += lost
        caught = "SURVIVED" if violation is None or lost else violation.invariant
        rows.append((mutant.name, "core", "0", f"{mutant.bound:,}", caught, f"{count:,}"))
        typer.echo(f"{mutant.name}: {caught}", err=True)
    shell_rows = sim_shell.hunt(importlib.import_module("tests.sim.shell_mutants").MUTANTS)
    survived += sum(row[4] == "SURVIVED" for row in shell_rows)
    rows += shell_rows
    print_table(("planted bug", "tier", "from seed", "bound", "caught by", "seeds needed"), rows)
    typer.echo(f"{len(rows) - survived} of {len(rows)} caught.")
    if survived:
        raise typer.Exit(Exit.NO)
