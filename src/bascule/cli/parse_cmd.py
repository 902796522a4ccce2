"""``bascule parse``: what a message would be read as, by itself or by a source. No effect."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import ConfigOption, configured, lines_of_json, print_json, read_stdin
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


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
    source: Annotated[
        str,
        typer.Option("--source", help="Read it as this source would, and show what it becomes."),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Tell what a message asks for.

    Reads it from standard input and prints JSON. Ends with 0 when it is an instruction and with 1
    when it is an error. With --jsonl each line is answered by one line, and the command ends with
    0. With --source the configuration is read, and ``becomes`` shows what the engine would be asked
    for. Credentials are struck out first.
    """
    from bascule.signals import dialects
    from bascule.signals.describe import parse_lines, parse_text

    if dialect and dialect not in dialects.names():
        raise UsageError(
            f"There is no dialect {dialect!r}.",
            code="unknown_dialect",
            hint=f"There are: {', '.join(dialects.names())}.",
        )
    if source and (dialect or auth or jsonl):
        raise UsageError("--source says the dialect and the proof; --jsonl does not go with it.")
    if jsonl:
        for answer in parse_lines(lines_of_json(read_stdin())):
            typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        print_json({"error": "bad_encoding", "why": "it is not UTF-8 text"})
        raise typer.Exit(Exit.NO) from None
    if source:
        answer = _by_source(source, config, text)
    else:
        answer = parse_text(text, dialect or None, content_type or None, auth)
    print_json(answer)
    if "error" in answer:
        raise typer.Exit(Exit.NO)


def _by_source(name: str, config: "Path | None", text: str) -> dict[str, object]:
    from bascule.engine.clock import SystemClock
    from bascule.signals.describe import parse_for

    sources = configured(config).sources
    spec = next((one for one in sources if one.id == name), None)
    if spec is None:
        raise UsageError(
            f"There is no source {name!r}.",
            code="unknown_source",
            hint=f"There are: {', '.join(one.id for one in sources) or 'none'}.",
        )
    return parse_for(spec.reader(), text, SystemClock().now())
