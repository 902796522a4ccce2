"""``sim --shell``: the real runtime, journal and paper broker on a virtual machine, by seeds."""

import sys
import time
from typing import TYPE_CHECKING

import typer

from bascule.cli.common import print_table
from bascule.cli.exits import Exit

if TYPE_CHECKING:
    from bascule.sim.shell.run import Outcome

_PROGRESS_EVERY = 100


def quiet() -> None:
    """Keep back what an engine says of its own crashes and refusals: it is not news here."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def print_cut_short(done: int, seeds: int, broken: int) -> None:
    """Say how far a run came that somebody cut short."""
    typer.echo(f"\nCut short after {done:,} of {seeds:,} seeds: {broken} broken.", err=True)


def print_next_step(replay: str) -> None:
    """Say what to do about a run that broke something."""
    typer.echo(f"\nTo do: `{replay}` prints all of the run.", err=True)
    typer.echo("What I1 to I10, I0 and G say is in docs/reliability.md.", err=True)


def run(first: int, seeds: int, cover: bool) -> None:
    """Run worlds, and say what broke."""
    from bascule.sim.shell.campaign import run_seeds

    quiet()
    began, done, broken = time.perf_counter(), 0, 0

    def told(outcome: "Outcome") -> None:
        nonlocal done, broken
        done += 1
        broken += bool(outcome.violations)
        _print_violations(outcome)
        if done % _PROGRESS_EVERY == 0:
            rate = done / (time.perf_counter() - began)
            typer.echo(f"{done:,} of {seeds:,} seeds, {rate:.1f} a second", err=True)

    try:
        campaign = run_seeds(range(first, first + seeds), told=told)
    except KeyboardInterrupt:
        print_cut_short(done, seeds, broken)
        sys.unraisablehook = lambda _: None  # what the world under way did not come to run
        raise
    took = time.perf_counter() - began
    typer.echo(
        f"{campaign.seeds:,} machines in {took:.1f} s ({campaign.seeds / took:.1f} a second): "
        f"{campaign.steps:,} callbacks in {campaign.seconds / 3600:.1f} virtual hours, "
        f"{len(campaign.broken)} broken."
    )
    if cover:
        met = sorted(campaign.hits.items())
        print_table(("met", "times"), [(name, f"{count:,}") for name, count in met])
    unmet = campaign.unmet()
    if unmet:
        typer.echo(f"Never met: {', '.join(unmet)}.", err=True)
    if campaign.broken:
        print_next_step(f"bascule sim --shell --replay {campaign.broken[0].seed}")
    if campaign.broken or (cover and unmet):
        raise typer.Exit(Exit.NO)


def replay(seed: int) -> None:
    """Run one world and print what happened in it."""
    from bascule.sim.shell.run import run_seed

    quiet()
    outcome = run_seed(seed)
    for line in outcome.trace:
        typer.echo(line)
    typer.echo(f"digest {outcome.hash}")
    _print_violations(outcome)
    if outcome.violations:
        raise typer.Exit(Exit.NO)


def hunt(mutants: "tuple[object, ...]") -> list[tuple[str, str, str, str, str, str]]:
    """Plant each bug of this tier; gives the rows of the table, and says so as it goes."""
    from bascule.sim.shell.campaign import first_violation

    quiet()
    rows = []
    for mutant in mutants:
        with mutant.planted():  # type: ignore[attr-defined]
            start, bound = mutant.first, mutant.bound  # type: ignore[attr-defined]
            found, count = first_violation(range(start, start + bound))
        caught = "SURVIVED" if found is None else found.violations[0].split(" ", 1)[0]
        name: str = mutant.name  # type: ignore[attr-defined]
        typer.echo(f"{name}: {caught}", err=True)
        rows.append((name, "shell", f"{start:,}", f"{bound:,}", caught, f"{count:,}"))
    return rows


def _print_violations(outcome: "Outcome") -> None:
    for violation in outcome.violations:
        typer.echo(f"seed {outcome.seed}: {violation}")
