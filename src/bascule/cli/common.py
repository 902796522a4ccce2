"""What several commands share: options, the configuration they work on, and how they print."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.model.enums import AccountMode
from bascule.model.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config
    from bascule.config.secrets import Secrets, SecretStore

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The configuration; else BASCULE_CONFIG, ./bascule.toml, or the platform's place.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

FOREIGN_ADVICE = (
    "Bascule leaves these alone, and counts what they fill to the manual book. Keep them, or cancel"
    " them on the venue's own platform."
)
"""What to do about working orders that Bascule did not send."""
_WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def configured(named: Path | None) -> "Config":
    """Give the configuration; the demonstration's where there is none and it has been run.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    from bascule.config.demo import demo
    from bascule.config.load import load
    from bascule.config.paths import CONFIG

    try:
        return load(named)
    except ConfigError as error:
        if error.code != "config_not_found" or named is not None or os.environ.get(CONFIG):
            raise
        config = demo()
        if not config.data.path.exists():
            raise
        typer.echo("There is no bascule.toml, so this is about the demonstration.", err=True)
        return config


def secrets_of(config: "Config") -> "Secrets":
    """Give the secrets of a configuration's mode; a passphrase is asked for in a terminal."""
    from bascule.config.secrets import Secrets

    return Secrets(config.mode, secret_store(config.mode, config.data, config.secret_store))


def secret_store(mode: AccountMode, data: Any, store: str) -> "SecretStore":
    """Give the store that ``[secrets] store`` names."""
    from bascule.config.secret_file import SecretFile
    from bascule.config.secret_keyring import KeyringStore

    if store == "keyring":
        return KeyringStore(mode)
    return SecretFile(data.secrets, data.identity, mode, ask=_ask)


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        return ""
    answer: str = typer.prompt(question, hide_input=True, err=True)
    return answer


def print_json(value: object) -> None:
    """Print one JSON document: indented in a terminal, on one line elsewhere."""
    indent = 2 if sys.stdout.isatty() else None
    typer.echo(json.dumps(value, indent=indent, ensure_ascii=False, default=str))


def json_object(text: str, hint: str) -> dict[str, Any]:
    """Read one JSON object; numbers with a point become decimals.

    Raises:
        UsageError: ``malformed_json``, with where it goes wrong; ``hint`` says where to read on.
    """
    from decimal import Decimal, InvalidOperation

    try:
        given = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"This is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            code="malformed_json",
            hint=hint,
        ) from error
    except (ValueError, RecursionError, InvalidOperation):  # an int of too many digits, too
        raise UsageError(
            "This cannot be read: it is nested too deeply, or a number is beyond all measure.",
            code="malformed_json",
            hint=hint,
        ) from None
    if not isinstance(given, dict):
        raise UsageError("A case is a JSON object with named fields.", code="malformed_json")
    return given


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their columns."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    console.print(table)


def lines_of_json(text: str) -> list[str]:
    """Split JSON Lines: at line feeds alone, for a string may hold the other ends of lines."""
    return text.split("\n")


def read_stdin() -> str:
    """Give the whole of standard input.

    Raises:
        UsageError: it is not UTF-8 text.
    """
    return _text(sys.stdin.buffer.read())


def read_line() -> str:
    """Give one line of standard input, without its end.

    Raises:
        UsageError: it is not UTF-8 text.
    """
    return _text(sys.stdin.buffer.readline()).rstrip("\r\n")


def _text(given: bytes) -> str:
    try:
        return given.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Standard input is not UTF-8 text (byte {error.start}).", code="bad_encoding"
        ) from error
