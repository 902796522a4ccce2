"""``bascule demo``: everything on paper, with nothing to set up. `make run` is this command."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import secrets_of

if TYPE_CHECKING:
    from bascule.cli.serving import Running
    from bascule.config.build import Config

EVERY_S = 4.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    sender: Annotated[
        bool, typer.Option("--sender/--no-sender", help="Post sample alerts every few seconds.")
    ] = True,
    every: Annotated[
        float, typer.Option("--every", min=0.2, help="Seconds between two alerts.")
    ] = EVERY_S,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1, max=65_535, help="Where Bascule listens.", show_default=False
        ),
    ] = None,
    broker_port: Annotated[
        int | None,
        typer.Option(
            "--broker-port",
            min=1,
            max=65_535,
            help="Where the paper broker does.",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines and no live table.")] = False,
) -> None:
    """Run everything on paper, with sample alerts.

    It starts a paper broker, the engine, and a sender. Ctrl-C ends all of it, and what happened is
    kept: the next start goes on from there.
    """
    from bascule.cli.demo_broker import Broker
    from bascule.cli.demo_show import Show
    from bascule.cli.logs import log_to
    from bascule.cli.serving import run_engine
    from bascule.config.demo import paper_broker, provide_secrets
    from bascule.engine.clock import SystemClock
    from bascule.journal.lock import Lock

    config = _configuration(port, broker_port)
    config.data.prepare()
    Lock(config.data.journal).release()  # tells whether another demonstration runs already
    secrets = secrets_of(config)
    provide_secrets(config, secrets)
    live = sys.stdout.isatty() and not plain
    with config.data.log.open("a", encoding="utf-8") as log:
        log_to(log)
        launch = paper_broker(config, config.venues[0], secrets, SystemClock().now())
        with Broker(launch, config.data.path / "broker"):
            show = Show(live=live, every_s=every if sender else 0.0)
            run_engine(config, secrets, show.run, _guardian_words(broker_port))
    typer.echo(f"Ended in good order. It is all kept in {_near(config.data.root)}.")


def _configuration(port: int | None, broker_port: int | None) -> "Config":
    """Give the demonstration's configuration, written to its file at the first start."""
    import msgspec

    from bascule.config.demo import demo as configuration
    from bascule.config.demo import demo_file, written
    from bascule.config.private import make_private_directory
    from bascule.config.template import BROKER_PORT, PORT

    file = demo_file()
    if not file.exists():
        make_private_directory(file.parent)
        file.write_text(
            written(port or PORT, broker_port or BROKER_PORT), encoding="utf-8", newline="\n"
        )
        typer.echo(f"Wrote {_near(file)}: three paper accounts, three routes, two sources.")
    config = configuration()
    if port is not None:
        server = config.server.model_copy(update={"port": port})
        config = msgspec.structs.replace(config, server=server)
    if broker_port is not None:
        venue = config.venues[0]
        moved = msgspec.structs.replace(venue, settings={**venue.settings, "port": broker_port})
        config = msgspec.structs.replace(config, venues=(moved, *config.venues[1:]))
    return config


def _guardian_words(broker_port: int | None) -> tuple[str, ...]:
    from bascule.cli.guardian_child import DEMO

    moved = ("--broker-port", str(broker_port)) if broker_port is not None else ()
    return (DEMO, *moved)


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def intro(running: "Running") -> list[str]:
    """Say what runs, and how to send it something."""
    from bascule.cli.addresses import webhook_url
    from bascule.cli.run_cmd import report_lines

    me = _own_name()
    source = next(one for one in running.sources if one.path_token)
    url = webhook_url(running.url, source, reveal=True)
    body = '{"strategy":"index","ticker":"US500","action":"buy","stop_loss_percent":0.3}'
    return [
        *report_lines(running, reveal=True),
        "",
        "Try it from another terminal:",
        f"  curl -s {url} -d '{body}'",
        f"  {me} signals    {me} orders    {me} explain SIGNAL",
        "",
    ]


def _own_name() -> str:
    """Give what to type for this program: its name where the shell finds it, else its path."""
    if shutil.which("bascule"):
        return "bascule"
    path = Path(sys.executable).with_name("bascule")
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
