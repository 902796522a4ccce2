"""``bascule``: the commands, and the boundary behind which no error is a traceback.

A command is one file with a ``register`` function, named in ``COMMANDS``. These files import
nothing at their top but this folder's own and the model: what a command needs, it imports when it
runs, so that every command starts fast.
"""

import importlib
import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.main import get_command

from bascule import __version__
from bascule.cli.exits import Exit, exit_code, explain, explain_our_fault, refused_by_system
from bascule.model.errors import BasculeError, UsageError

COMMANDS = (
    "demo_cmd",
    "run_cmd",
    "paper_cmd",
    "init_cmd",
    "check_cmd",
    "symbols_cmd",
    "programs_cmd",
    "expose_cmd",
    "status_cmd",
    "reads_cmd",
    "explain_cmd",
    "send_cmd",
    "operate_cmd",
    "limits_cmd",
    "approve_cmd",
    "kill_cmd",
    "guardian_cmd",
    "drill_cmd",
    "faces_cmd",
    "alerts_cmd",
    "secrets_cmd",
    "parse_cmd",
    "size_cmd",
    "fix_cmd",
    "rules_cmd",
    "journal_cmd",
    "sim_cmd",
)
"""The files of the commands, in the order of the help."""


class App(typer.Typer):
    """The application; calling it runs the process's arguments and ends the process."""

    debug = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; every error ends as a sentence and an exit code."""
        if sys.stdin is None:  # closed by whoever started this: there is nobody to ask
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the whole process
        for stream in (sys.stdout, sys.stderr):  # a pipe's encoding may lack what an alert said
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            return get_command(self)(*args, **kwargs)
        except BasculeError as error:
            if self.debug:
                raise
            explain(error)
            sys.exit(exit_code(error))
        except Exception as error:  # the process boundary
            if self.debug:
                raise
            if isinstance(error, OSError) and (refused := refused_by_system(error)):
                explain(refused)
                sys.exit(exit_code(refused))
            if isinstance(error, UnicodeEncodeError) and any(map(_is_no_text, sys.argv)):
                explain(UsageError("The command has words that are no text.", code="bad_encoding"))
                sys.exit(Exit.USAGE)
            explain_our_fault(error)
            sys.exit(Exit.OUR_FAULT)


def _is_no_text(word: str) -> bool:
    """Tell whether a word of the command line was not written in the system's encoding."""
    return any("\ud800" <= letter <= "\udfff" for letter in word)


app = App(
    name="bascule",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help comes in half the time
    help="A self-hosted trade-execution bridge: any signal source in, many accounts out.",
    epilog="Exit codes and error codes: docs/errors.md. Configuration: docs/configuration.md.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bascule {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Let an error show its traceback.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""
    app.debug = debug


for _name in COMMANDS:
    importlib.import_module(f"bascule.cli.{_name}").register(app)
