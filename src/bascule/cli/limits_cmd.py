"""``bascule limits``: what is in force, what is proposed, and a person's word on it."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption, print_table
from bascule.cli.exits import Exit
from bascule.model.errors import BasculeError

ByOption = Annotated[
    str, typer.Option("--by", help="Who asks; else the user's name.", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is journaled.")]
CodeOption = Annotated[
    str, typer.Option("--code", help="Of the second factor; else asked if set.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    limits = typer.Typer(
        no_args_is_help=True, help="Limits in force, and what the configuration proposes."
    )
    for command in (show, diff, accept):
        limits.command(command.__name__)(command)
    app.add_typer(limits, name="limits")


def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the limits in force, scope by scope; what has its default is left out."""
    import msgspec

    from bascule.api.limiting import LimitsView
    from bascule.cli.remote import engine, print_raw

    answer = engine(config).get("/v1/limits")
    if as_json:
        print_raw(answer)
        return
    found = msgspec.json.decode(answer, type=LimitsView)
    rows = [(one.scope, *limit) for one in found.scopes for limit in one.limits.items()]
    if rows:
        print_table(("scope", "limit", "in force"), rows)
    else:
        typer.echo("Every limit has its default.")


def diff(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what the configuration proposes and is not in force. Ends with 1 when there is some."""
    import msgspec

    from bascule.api.limiting import LimitsView
    from bascule.cli.remote import engine, print_raw
    from bascule.cli.telling import date_time

    answer = engine(config).get("/v1/limits")
    found = msgspec.json.decode(answer, type=LimitsView)
    rows = [
        (
            one.scope,
            change.name,
            change.before,
            change.after,
            date_time(one.effective_at) if one.effective_at else "waits for you",
        )
        for one in found.scopes
        for change in one.changes
    ]
    if as_json:
        print_raw(answer)
    elif rows:
        print_table(("scope", "limit", "in force", "proposed", "from (UTC)"), rows)
    else:
        typer.echo("What the engine read at its start is in force.")
    if rows:
        raise typer.Exit(Exit.NO)


def accept(
    by: ByOption = "",
    reason: ReasonOption = "by hand",
    code: CodeOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept looser limits. They take effect at each account's next reset, or at 00:00 UTC."""
    from bascule.cli.operate_cmd import user

    confirm("/v1/limits/accept", {"by": by or user(), "reason": reason}, code, config, as_json)


def confirm(
    path: str, body: Mapping[str, object], code: str, config: ConfigOption, as_json: bool
) -> None:
    """Ask for something that a second factor guards; asks for its code where one is needed."""
    import msgspec

    from bascule.api.actions import Done
    from bascule.cli.remote import engine, print_raw

    running = engine(config)
    try:
        answer = running.post(path, {**body, "code": code})
    except BasculeError as error:
        if error.code != "arm_needs_code" or not sys.stdin.isatty():
            raise
        code = typer.prompt("Code of your second factor", err=True)
        answer = running.post(path, {**body, "code": code})
    done = msgspec.json.decode(answer, type=Done)
    if as_json:
        print_raw(answer)
        return
    typer.echo(f"{done.text}.")
    if done.next:
        typer.echo(f"Next: {done.next}")
