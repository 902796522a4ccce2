"""``bascule rules``: firms' account rules, held against written scenarios and against the past."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import (
    ConfigOption,
    JsonOption,
    configured,
    json_object,
    print_json,
    print_table,
    read_stdin,
)
from bascule.cli.exits import Exit
from bascule.cli.programs_cmd import PhaseOption
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.model.event import Event
    from bascule.risk.programmes.backtest import Backtest

_HINT = "docs/rules.md shows a scenario."
_UNREAD = "unknown_scenario_field"
_LISTS = ("ledger", "rules")
"""The lists of a whole file of scenarios."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(no_args_is_help=True, help="Firms' account rules, tried out.")
    rules.command("replay")(replay)
    rules.command("backtest")(backtest)
    app.add_typer(rules, name="rules")


def replay(
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="Read one scenario a line and answer each with one line."),
    ] = False,
) -> None:
    """Replay a written scenario and print what it leads to.

    Reads a scenario as JSON from standard input: a ledger (account, rules, events) or a question
    to one rule (kind, input); docs/rules.md describes both. Prints the fields that the scenario's
    "expected" would have. A whole file, an object with lists "ledger" and "rules", is answered
    list by list. With --jsonl or a file each answer bears its id, a scenario that cannot be read
    is answered with an error, and the command ends with 0. A field that no rule reads is an error
    on standard error (unknown_scenario_field): the answer is that of the scenario without it, and
    a single scenario then ends with 2.
    """
    if jsonl:
        for line in read_stdin().splitlines():
            if line.strip():
                typer.echo(json.dumps(_line(line), ensure_ascii=False))
        return
    given = json_object(read_stdin(), _HINT)
    if any(isinstance(given.get(name), list) for name in _LISTS):
        print_json({name: [_one(item) for item in given.get(name, ())] for name in _LISTS})
    else:
        unread: list[str] = []
        print_json(_answer(given, unread))
        if unread:
            raise typer.Exit(Exit.USAGE)


def _line(line: str) -> dict[str, object]:
    try:
        scenario = json_object(line, _HINT)
    except UsageError as error:
        return _error(error)
    return _one(scenario)


def _one(scenario: object) -> dict[str, object]:
    if not isinstance(scenario, Mapping):
        return _error(UsageError("A scenario is an object with named fields."))
    named = {"id": scenario["id"]} if "id" in scenario else {}
    try:
        return named | _answer(scenario, [])
    except UsageError as error:
        return named | _error(error)


def _error(error: UsageError) -> dict[str, object]:
    return {"error": error.code, "why": error.message}


def _answer(scenario: Mapping[str, Any], unread: list[str]) -> dict[str, object]:
    from bascule.cli.exits import explain
    from bascule.risk.programmes.replay import answer_scenario

    answer = answer_scenario(scenario, unread)
    if unread:
        told = f"No rule reads this of {scenario.get('id', 'the scenario')}: {', '.join(unread)}."
        explain(UsageError(told, code=_UNREAD, hint=f"Correct the name, or leave it out; {_HINT}"))
    return answer


def backtest(
    account: Annotated[str, typer.Argument(help="The account, as the configuration names it.")],
    program: Annotated[
        str, typer.Option("--program", help="A preset's name, or file: and the path of a file.")
    ],
    phase: PhaseOption = "",
    initial: Annotated[
        str, typer.Option("--initial", help="What the phase began with; else the first balance.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the journal's past money of an account through a programme: where had it tripped?

    Nothing is changed, and no engine is needed. What the journal does not hold, prices between
    two marks, is not seen. Ends with 1 when the account would have failed.
    """
    from bascule.model.ids import AccountId
    from bascule.risk.programmes.backtest import backtest as run
    from bascule.risk.programmes.ledger import Levels

    settings = configured(config)
    rules = _programme(program, phase)
    shares = (("block", rules.guard.block_at), ("flatten", rules.guard.flatten_at))
    levels = Levels(shares, ("daily_loss", "max_loss"))
    start = _amount(initial) if initial else None
    found = run(rules, levels, AccountId(account), _events(settings.data.journal), start)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(found))
    else:
        _print(account, rules.title or program, found)
    if found.ended is not None:
        raise typer.Exit(Exit.NO)


def _programme(name: str, phase: str) -> Any:
    from bascule.cli.programs_cmd import read_programme

    return read_programme(name, phase)[1].programme


def _amount(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation as error:
        raise UsageError(f"--initial {written!r} is no amount.", code="usage") from error


def _events(path: Path) -> Iterator["Event"]:
    from bascule.journal.follower import Follower

    after = 0
    with Follower(path) as follower:
        while found := follower.poll(after):
            for seq, event in found:
                after = seq
                yield event


def _print(account: str, programme: str, found: "Backtest") -> None:
    from bascule.cli.telling import date_time, numbers

    if found.since is None or found.until is None:
        typer.echo(f"The journal holds no money of {account} yet.")
        return
    typer.echo(
        f"{account} under {programme}: the money was told {found.marks:,} times, "
        f"{date_time(found.since)} to {date_time(found.until)} UTC"
    )
    if found.trips:
        print_table(
            ("time (UTC)", "what", "rule", "measured", "level", "by"),
            [
                (
                    date_time(trip.at), trip.what, trip.rule,
                    *numbers(trip.measured, trip.level, places=2),
                    "reset" if trip.by_reset else "event",
                )
                for trip in found.trips
            ],
        )  # fmt: skip
    else:
        typer.echo("No line was met.")
    for rule, share in found.worst.items():
        typer.echo(f"{rule}: at the most {share:.1f} % of the allowance was used up")
    if found.ended is not None:
        typer.secho(f"The account would have failed at {date_time(found.ended)} UTC.", fg="red")
