"""``bascule run``: the engine, until it is told to end."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bascule.cli.common import ConfigOption, secrets_of
from bascule.model.errors import JournalError

if TYPE_CHECKING:
    from bascule.cli.serving import Running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(config: ConfigOption = None) -> None:
    """Start the engine. Ctrl-C or SIGTERM ends it in good order; a second one at once."""
    from bascule.cli.logs import log_to
    from bascule.cli.serving import run_engine
    from bascule.config.load import load

    settings = load(config)
    log_to(sys.stderr)
    run_engine(settings, secrets_of(settings), _report)
    typer.echo("Ended in good order.")


async def _report(running: "Running") -> None:
    from bascule.cli.first_looks import tell_first_looks

    def say(line: str) -> None:
        typer.echo(line)
        sys.stdout.flush()

    with suppress(OSError, JournalError):  # nobody reads it: the engine runs all the same
        for line in report_lines(running, reveal=sys.stdout.isatty()):
            say(line)
        await tell_first_looks(running.runtime, say)


def report_lines(running: "Running", *, reveal: bool) -> list[str]:
    """Say what was found at the start and where everything is.

    Args:
        running: the engine.
        reveal: whether path tokens are shown; not where the output may be kept as a log.
    """
    from bascule import __version__
    from bascule.cli.addresses import source_lines
    from bascule.cli.telling import latch_line

    data = running.config.data
    runtime = running.runtime
    lines = [f"Bascule {__version__}, mode {runtime.setup.mode.value}, data in {_short(data.path)}"]
    lines += [f"  {line}" for line in runtime.restart.lines()]
    latched = runtime.latch.scopes().items()
    lines += [f"  latched: {latch_line(scope, said)}" for scope, said in latched]
    if runtime.state.reduce_only:
        lines.append("  reduce-only: a restored journal holds entries back; `bascule arm` lifts it")
    lines += [f"  limits of {one}" for one in limit_lines(running)]
    lines += firm_lines(running)
    lines.append(f"Serving {running.url}")
    lines += source_lines(running.url, running.sources, reveal=reveal)
    lines.append(f"  operator token in {_short(data.operator_token)}")
    return lines


def firm_lines(running: "Running") -> list[str]:
    """Say what firms do not permit, or want, of the accounts and routes that are set up."""
    from bascule.config.firm_remarks import firm_remarks, permits

    now = running.runtime.clock.now()
    held = [one for one in permits(running.config, now) if not one.ok]
    lines = [f"  {one.account} opens nothing: {one.text}; needed: {one.to_do}" for one in held]
    return lines + [f"  {one}" for one in firm_remarks(running.config, now)]


def limit_lines(running: "Running") -> list[str]:
    """Say what this start made tighter, and what is looser and waits for a person."""
    from bascule.api.limiting import change_words, pending_lines, pending_of

    now = [change_words(one) for one in running.runtime.limits_changed if one.before is not None]
    tighter = [f"{words} (tighter, so in force now)" for words in now]
    return tighter + pending_lines(pending_of(running.runtime))


def _short(path: Path) -> str:
    """Write a path from here where it lies here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
