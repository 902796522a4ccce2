"""``bascule paper-broker``: the broker that a paper configuration's venue expects to be there."""

import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from bascule.cli.common import ConfigOption, configured, secrets_of
from bascule.model.enums import AccountMode
from bascule.model.errors import UsageError, VenueTerminal

_LOOK_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("paper-broker")(paper_broker)


def paper_broker(
    config: ConfigOption = None,
    venue: Annotated[
        str, typer.Option("--venue", help="Which venue; else the first.", show_default=False)
    ] = "",
) -> None:
    """Run the broker of a paper configuration.

    It is what `bascule run` trades at. Every market has made-up prices. Ctrl-C ends it; its ledger
    stays, and the next start goes on.
    """
    from bascule.cli.check_cmd import make_link
    from bascule.cli.demo_broker import Broker
    from bascule.config.demo import paper_broker as launch_of
    from bascule.config.demo import provide_secrets
    from bascule.engine.clock import SystemClock

    settings = configured(config)
    if settings.mode is not AccountMode.PAPER:
        raise UsageError(
            f"This configuration runs in mode {settings.mode.value}. Nothing was started.",
            code="not_paper",
            hint="A paper broker serves paper accounts only: name a paper configuration.",
        )
    chosen = next((one for one in settings.venues if venue in ("", one.id)), None)
    if chosen is None:
        raise UsageError(
            f"There is no venue {venue!r}. Nothing was started.",
            code="unknown_name",
            hint=f"Configured: {', '.join(one.id for one in settings.venues)}.",
        )
    settings.data.prepare()
    secrets = secrets_of(settings)
    provide_secrets(settings, secrets)
    make_link(settings, chosen, {name: secrets.get(name) for name in chosen.secrets.values()})
    launch = launch_of(settings, chosen, secrets, SystemClock().now())
    with Broker(launch, settings.data.path / "broker") as broker:
        accounts = ", ".join(spec.id for spec in settings.accounts if spec.venue == chosen.id)
        typer.echo(f"Paper broker ready on port {broker.port}, for {accounts}. Ctrl-C ends it.")
        ended = _stop_signals()
        while not ended.wait(_LOOK_S):
            if not broker.alive:
                raise VenueTerminal(
                    f"The paper broker ended by itself: {broker.words}",
                    code="paper_broker",
                    hint="Its ledger is kept; start it again, and report what it said.",
                )
    typer.echo("Ended in good order; its ledger is kept.")


def _stop_signals() -> threading.Event:
    ended = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        ended.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    return ended
