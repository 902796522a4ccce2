"""Exit codes, and the one place where an error becomes words for the operator."""

import os
import traceback
from enum import IntEnum

import typer

from bascule import __version__
from bascule.model.errors import (
    BasculeError,
    ConfigError,
    InvariantBroken,
    JournalError,
    SecretError,
    UsageError,
    VenueError,
)


class EngineUnreachable(BasculeError):
    """No engine answers; whatever was asked for was not done."""

    code = "engine_unreachable"


class Unanswered(EngineUnreachable):
    """It was asked and gave no answer, so nobody knows whether it was done."""

    code = "unanswered"


class Exit(IntEnum):
    """What a command ends with; docs/errors.md explains each."""

    OK = 0
    NO = 1
    """The command worked and its answer is no: refused, not an intent, not found."""
    USAGE = 2
    CONFIGURATION = 3
    """A configuration or a secret is missing or wrong."""
    ENGINE_UNREACHABLE = 4
    JOURNAL = 5
    VENUE = 6
    OUR_FAULT = 70
    INTERRUPTED = 130


_BY_ERROR = (
    (EngineUnreachable, Exit.ENGINE_UNREACHABLE),
    (ConfigError, Exit.CONFIGURATION),
    (SecretError, Exit.CONFIGURATION),
    (JournalError, Exit.JOURNAL),
    (VenueError, Exit.VENUE),
    (InvariantBroken, Exit.OUR_FAULT),
    (UsageError, Exit.USAGE),
)


def exit_code(error: BasculeError) -> Exit:
    """Give the exit code of an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.NO)


def explain(error: BasculeError) -> None:
    """Print an error: what happened and where, what to do, and its stable code."""
    typer.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(error.message, err=True)
    if error.hint:
        typer.secho("To do: ", bold=True, nl=False, err=True)
        typer.echo(error.hint, err=True)
    typer.echo(f"Code:  {error.code}", err=True)


def refused_by_system(error: OSError) -> BasculeError | None:
    """Give what to tell of a file that this machine refuses; None where it was about no file."""
    if error.filename is None:
        return None
    return ConfigError(
        f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}.",
        code="file_unusable",
        hint="Check that it is there, that this user may read and write it, and that the disk has"
        " room; or name another place.",
    )


def explain_our_fault(error: Exception) -> None:
    """Print that Bascule itself failed, in a sentence, and keep the whole of it in a file."""
    from bascule.config.paths import home
    from bascule.config.private import make_private_directory

    typer.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(f"Bascule failed in a way it does not expect ({type(error).__name__}).", err=True)
    try:
        log = home() / "crash.log"
        make_private_directory(log.parent)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(f"bascule {__version__}, process {os.getpid()}\n")
            traceback.print_exception(error, file=file)
    except OSError as why:
        where = why.filename
        typer.echo(f"The full text could not be kept in {where}: {why.strerror}.", err=True)
    else:
        typer.echo(f"The full text is at the end of {log}.", err=True)
    typer.secho("To do: ", bold=True, nl=False, err=True)
    typer.echo("Run it again as `bascule --debug ...` to see the text, and report it.", err=True)
    typer.echo("Code:  unexpected", err=True)
