"""``bascule rules``: firms' account rules, held against written scenarios."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from bascule.cli.common import json_object, print_json, read_stdin
from bascule.model.errors import UsageError

_HINT = "docs/rules.md shows a scenario."
_LISTS = ("ledger", "rules")
"""The lists of a whole file of scenarios."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(no_args_is_help=True, help="Firms' account rules, on written scenarios.")
    rules.command("replay")(replay)
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
    is answered with an error, and the command ends with 0.
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
        print_json(_answer(given))


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
        return named | _answer(scenario)
    except UsageError as error:
        return named | _error(error)


def _error(error: UsageError) -> dict[str, object]:
    return {"error": error.code, "why": error.message}


def _answer(scenario: Mapping[str, Any]) -> dict[str, object]:
    from bascule.risk.programmes.replay import answer_scenario

    return answer_scenario(scenario)
