"""``bascule secrets``: keep, find, list and forget named secrets. A value is never an argument."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bascule.cli.common import (
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    read_line,
    secret_store,
)
from bascule.cli.exits import Exit
from bascule.model.enums import AccountMode
from bascule.model.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config
    from bascule.config.secret_file import SecretFile
    from bascule.config.secrets import Secrets

ModeOption = Annotated[
    AccountMode | None,
    typer.Option("--mode", help="Whose secrets; else the configuration's.", show_default=False),
]
Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Keep passwords, keys and tokens by name.")
    for command in (init, set_, get, list_, delete, totp):
        group.command(command.__name__.strip("_"))(command)
    app.add_typer(group, name="secrets")


class _Where(NamedTuple):
    """Whose secrets a command is about; ``config`` is None when there is none."""

    mode: AccountMode
    secrets: "Secrets"
    file: "SecretFile | None"
    config: "Config | None"


def init(
    mode: ModeOption = None,
    config: ConfigOption = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Lock it by a passphrase, not by a key file.")
    ] = False,
) -> None:
    """Make the encrypted file, and the key file that opens it unless a passphrase is to."""
    where = _where(mode, config)
    if where.file is None:
        raise UsageError(
            'The configuration keeps secrets in the keyring: [secrets] store = "keyring".'
            " Nothing was made.",
            code="secret_store",
            hint="The keyring needs no set-up: use `bascule secrets set`.",
        )
    where.file.create(passphrase=passphrase)
    typer.echo(f"Made the {where.file.place} for mode {where.mode.value}.")
    if not passphrase:
        typer.echo(f"The key that opens it is {where.file.identity}. Keep a copy of it elsewhere.")


def set_(name: Name, mode: ModeOption = None, config: ConfigOption = None) -> None:
    """Keep a value, in place of any before; it is asked for, or read from standard input."""
    from bascule.config.secrets import check_name

    check_name(name)
    where = _where(mode, config)
    if sys.stdin.isatty():
        value = typer.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = read_line()
    place = where.secrets.set(name, value)
    typer.echo(f"Kept the {where.mode.value} secret {name} in the {place}.")


def get(
    name: Name,
    mode: ModeOption = None,
    config: ConfigOption = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the value itself.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say where a secret is found; with --reveal print its value. Ends with 1 when it is not."""
    where = _where(mode, config)
    found = where.secrets.find(name)
    if found is None and reveal:
        where.secrets.get(name)
    value = {"value": found.value} if found and reveal else {}
    if as_json:
        place = found.place if found else None
        print_json({"name": name, "mode": where.mode.value, "place": place} | value)
    elif found:
        typer.echo(found.value if reveal else f"{name}: in the {found.place}.")
    else:
        typer.echo(f"{name}: not found. Run `bascule secrets set {name}`.")
    if found is None:
        raise typer.Exit(Exit.NO)


def list_(
    mode: ModeOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the names that are kept or needed, and where each is found. No value is shown."""
    from bascule.config.private import PERMISSIONS_WORDS

    where = _where(mode, config)
    there = where.secrets.names()
    needed = where.config.secrets if where.config else {}
    names = sorted({*there, *needed})
    if as_json:
        rows = [
            {"name": name, "place": there.get(name), "needed_by": list(needed.get(name, ()))}
            for name in names
        ]
        print_json({"mode": where.mode.value, "secrets": rows})
        return
    print_table(
        ("name", "found in", "needed by"),
        [(name, there.get(name, "MISSING"), "; ".join(needed.get(name, ()))) for name in names],
    )
    if where.file is not None:
        typer.echo(f"Secret files are {PERMISSIONS_WORDS}.", err=True)


def delete(name: Name, mode: ModeOption = None, config: ConfigOption = None) -> None:
    """Forget a value; one in the environment stays, since it is not kept by Bascule."""
    where = _where(mode, config)
    where.secrets.delete(name)
    typer.echo(f"Deleted the {where.mode.value} secret {name}.")


def totp(
    mode: ModeOption = None,
    config: ConfigOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make a new one in place of the one there is.")
    ] = False,
) -> None:
    """Set up the second factor: from then on arming asks for a code of an authenticator app.

    The address for the app is printed once and never again. In a terminal nothing is kept before
    the app has shown a right code.
    """
    from bascule.config.second_factor import SECRET, new_secret, right_code
    from bascule.engine.clock import SystemClock

    where = _where(mode, config)
    if where.secrets.find(SECRET) is not None and not replace:
        raise UsageError(
            "A second factor is set up already. Nothing was changed.",
            code="second_factor_exists",
            hint="Make another with --replace; `bascule secrets delete second_factor` does without",
        )
    secret, address = new_secret(where.mode.value)
    typer.echo(f"Add this to your authenticator app; it is shown this once:\n\n  {address}\n")
    if sys.stdout.isatty():
        from bascule.cli.qr import in_terminal, qr

        typer.echo(in_terminal(qr(address)))
    typer.echo(f"To type it by hand: the key {secret}, by time, 6 digits, 30 seconds.")
    if sys.stdin.isatty():
        code = typer.prompt("Code that the app shows now", err=True)
        if not right_code(secret, code, SystemClock().now()):
            raise UsageError(
                "That is not its code. Nothing was kept, so arming is as it was.",
                code="arm_code_wrong",
                hint="Check that the phone's clock is right, remove the entry, and begin again.",
            )
    place = where.secrets.set(SECRET, secret)
    typer.echo(f"Arming in mode {where.mode.value} asks for a code now. Kept in the {place}.")


def _where(mode: AccountMode | None, named: Path | None) -> _Where:
    """Find out whose secrets are meant: the mode that was named, else the configuration's."""
    from bascule.cli.common import configured
    from bascule.config.paths import DataDirectory, home
    from bascule.config.secret_file import SecretFile
    from bascule.config.secrets import Secrets

    config = None
    try:
        config = configured(named)
    except ConfigError as error:
        # Secrets may be kept before there is a configuration that needs them.
        if error.code != "config_not_found" or named is not None or mode is None:
            raise
    chosen = mode or (config.mode if config else AccountMode.PAPER)
    data = DataDirectory(config.data.root if config else home(), chosen)
    store = secret_store(chosen, data, config.secret_store if config else "file")
    return _Where(
        chosen,
        Secrets(chosen, store),
        store if isinstance(store, SecretFile) else None,
        config if config and config.mode is chosen else None,
    )
