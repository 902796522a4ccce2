"""``bascule init``: write a configuration to begin with. It never overwrites one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bascule.cli.common import secrets_of
from bascule.model.enums import AccountMode
from bascule.model.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("bascule.toml"),
    mode: Annotated[
        AccountMode | None,
        typer.Option("--mode", help="paper, shadow or live; else asked.", show_default=False),
    ] = None,
    accounts: Annotated[
        str,
        typer.Option("--accounts", help="Names with commas; else asked.", show_default=False),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing and take the defaults.")] = False,
) -> None:
    """Write a commented configuration.

    On paper it runs at once, with no account anywhere. A file that exists is never overwritten.
    """
    from bascule.config.demo import provide_secrets
    from bascule.config.load import load
    from bascule.config.template import samples_for, template

    if path.exists():
        raise UsageError(
            f"{path} exists already. Nothing was written.",
            code="config_exists",
            hint="Edit it, or name another file: `bascule init PATH`.",
        )
    if not yes and not sys.stdin.isatty() and (mode is None or not accounts):
        raise UsageError(
            "There is nobody to ask. Nothing was written.",
            code="nobody_to_ask",
            hint="Give --mode and --accounts, or take the defaults with --yes.",
        )
    chosen = mode or (AccountMode.PAPER if yes else _ask_mode())
    if not accounts:
        default = ",".join(sample.name for sample in samples_for(chosen))
        accounts = default if yes else typer.prompt("Accounts, with commas", default=default)
    written = template(chosen, samples_for(chosen, accounts.split(",")))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(written)
    typer.echo(f"Wrote {path}.")
    if chosen is not AccountMode.PAPER:
        typer.echo("Now name your venue and its logins in it, keep their secrets with")
        typer.echo("`bascule secrets set`, and check it with `bascule check --config-only`.")
        return
    config = load(path)
    if names := provide_secrets(config, secrets_of(config)):
        typer.echo(f"Made up the secrets {', '.join(names)} and kept them; see `bascule secrets`.")
    typer.echo("Now check it with `bascule check --config-only`, then start its broker with")
    typer.echo("`bascule paper-broker`, and beside it the engine: `bascule run`.")


def _ask_mode() -> AccountMode:
    words = [mode.value for mode in AccountMode]
    while True:
        answer = typer.prompt(f"Mode ({', '.join(words)})", default="paper").strip().lower()
        if answer in words:
            return AccountMode(answer)
        typer.echo(f"Write one of {', '.join(words)}.", err=True)
