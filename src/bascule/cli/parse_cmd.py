"""``bascule parse``: what a message would be read as. No source, no settings, no effect."""

import json
import sys
from typing import Annotated

import typer

from bascule.cli.common import print_json, read_stdin
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("parse")(parse)


def parse(
    dialect: Annotated[
        str, typer.Option("--dialect", help="Read it in this dialect; else found by content.")
    ] = "",
    content_type: Annotated[
        str, typer.Option("--content-type", help="As the sender stated it; content decides.")
    ] = "",
    auth: Annotated[
        str,
        typer.Option("--auth", help="How the sender proves who it is, such as url_path."),
    ] = "",
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="Read JSON Lines: strings, or objects with body, dialect."),
    ] = False,
) -> None:
    """Tell what a message asks for.

    Reads it from standard input and prints JSON. Ends with 0 when it is an instruction and with 1
    when it is an error. With --jsonl each line is answered by one line, and the command ends with
    0. Credentials are struck out first.
    """
    from bascule.signals import dialects
    from bascule.signals.describe import parse_lines, parse_text

    if dialect and dialect not in dialects.names():
        raise UsageError(
            f"There is no dialect {dialect!r}.",
            code="unknown_dialect",
            hint=f"There are: {', '.join(dialects.names())}.",
        )
    if jsonl:
        for answer in parse_lines(read_stdin().splitlines()):
            typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        print_json({"error": "bad_encoding", "why": "it is not UTF-8 text"})
        raise typer.Exit(Exit.NO) from None
    answer = parse_text(text, dialect or None, content_type or None, auth)
    print_json(answer)
    if "error" in answer:
        raise typer.Exit(Exit.NO)
