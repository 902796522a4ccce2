"""``bascule fix``: FIX messages with names, and what the sessions of a configuration hold."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import JsonOption, print_json
from bascule.cli.exits import Exit
from bascule.cli.fix_replay_cmd import replay
from bascule.cli.fix_session_cmd import session, tail
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.fix.dictionary import Dictionary
    from bascule.fix.names import Found

_NAME_WIDTH = 28


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Read FIX messages, and look at FIX sessions.")
    for command in (decode, session, tail, replay):
        group.command(command.__name__)(command)
    app.add_typer(group, name="fix")


def decode(
    file: Annotated[
        Path | None, typer.Argument(help="A log or a message; else standard input.")
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            help="A counterparty's own tags, in TOML, over the application's version.",
            show_default=False,
        ),
    ] = None,
    app_version: Annotated[
        str,
        typer.Option("--app-version", help="Of FIXT messages that do not name their own."),
    ] = "FIX.5.0SP2",
    as_json: JsonOption = False,
) -> None:
    """Show FIX messages with the names of their fields and values.

    Finds every message in a log; fields may be separated by byte 1, |, ;, ^A or <SOH>. Says what is
    wrong with a message: its length, its sum, or how a session would reject it. Passwords and raw
    data are struck out. Ends with 1 when something is wrong, or when there is no message. With
    --json each message is one line.
    """
    from bascule.fix.dictionary import load
    from bascule.fix.names import find

    load(app_version)
    laid = _read(overlay).decode("utf-8", "replace") if overlay else ""
    known: dict[str, Dictionary] = {}
    count, wrong = 0, 0
    for found in find(_read(file) if file else sys.stdin.buffer.read()):
        shown = shown_message(found, app_version, laid, known)
        count, wrong = count + 1, wrong + bool(shown["problems"])
        if as_json:
            print_json(shown)
        else:
            print_message(shown)
    if not count:
        typer.echo("There is no FIX message in it.", err=True)
    if wrong or not count:
        raise typer.Exit(Exit.NO)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None


def shown_message(
    found: "Found", app_version: str, overlay: str, known: "dict[str, Dictionary]"
) -> dict[str, Any]:
    """Give a message for people: type and name, fields with names, and what is wrong with it.

    Args:
        found: the message.
        app_version: of a FIXT message that does not name its own.
        overlay: a counterparty's own tags, empty for none.
        known: dictionaries with that overlay, filled as they are needed.
    """
    from bascule.fix.names import dictionaries, lines, printable, refusal

    message, problems = found.message, list(found.problems)
    shown: dict[str, Any] = {
        "begin_string": printable(message.begin_string),
        "msg_type": printable(message.msg_type),
        "name": "?",
        "bytes": len(message.raw),
        "fields": [],
        "problems": problems,
    }
    pair = dictionaries(message, app_version)
    if pair is None:
        problems.append(f"there is no dictionary of {shown['begin_string']}")
        return shown
    session, app = pair[0], _overlaid(pair[1], overlay, known)
    if pair[0] is pair[1]:
        session = app
    definition = session.message(message.msg_type) or app.message(message.msg_type)
    shown["name"] = definition.name if definition else "?"
    shown["fields"] = [line._asdict() for line in lines(message, session, app)]
    if why := refusal(message, session, app):
        problems.append(why)
    return shown


def _overlaid(
    dictionary: "Dictionary", overlay: str, known: "dict[str, Dictionary]"
) -> "Dictionary":
    if not overlay:
        return dictionary
    if dictionary.version not in known:
        known[dictionary.version] = dictionary.overlaid(overlay)
    return known[dictionary.version]


def print_message(shown: dict[str, Any]) -> None:
    """Print what ``shown_message`` gave."""
    typer.echo(
        f"{shown['begin_string']} {shown['name']} ({shown['msg_type']}), {shown['bytes']} bytes"
    )
    for field in shown["fields"]:
        indent = "  " * field["depth"]
        name = f"{indent}{field['tag']:>6} {field['name']}"
        meaning = f"  {field['meaning']}" if field["meaning"] else ""
        typer.echo(f"{name:<{_NAME_WIDTH + len(indent)}} {field['value']}{meaning}")
    for problem in shown["problems"]:
        typer.echo(f"  wrong: {problem}")
    typer.echo("")
