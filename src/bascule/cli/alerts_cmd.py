"""``bascule alerts``: what is told, to whom, and whether it arrives."""

from typing import TYPE_CHECKING

import typer

from bascule.cli.common import (
    ConfigOption,
    JsonOption,
    configured,
    print_json,
    print_table,
    secrets_of,
)
from bascule.cli.exits import Exit
from bascule.model.errors import BasculeError, ConfigError

if TYPE_CHECKING:
    from bascule.config.build import Config


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Notifications: what is told, and to whom.")
    group.command("list")(list_)
    group.command("test")(test)
    app.add_typer(group, name="alerts")


def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every kind of alert, and whether it is told here."""
    from bascule.alerts.kinds import KINDS

    plan = configured(config).alerts
    rows = []
    for name, kind in KINDS.items():
        told = "yes"
        if name in plan.mute:
            told = "muted"
        elif kind.severity.rank < plan.minimum.rank:
            told = f"below {plan.minimum.value}"
        rows.append((name, kind.severity.value, told, kind.when))
    if as_json:
        keys = ("name", "severity", "told", "when")
        print_json(
            {"channels": plan.channels, "alerts": [dict(zip(keys, r, strict=True)) for r in rows]}
        )
        return
    print_table(("alert", "severity", "told", "when"), rows)
    channels = ", then ".join(plan.channels) or "none: set url_secrets under [alerts]"
    typer.echo(f"Channels, tried in this order: {channels}.")


def test(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Send a test through every channel, each by itself. Ends with 1 unless all of them took it."""
    import asyncio

    settings = configured(config)
    if not settings.alerts.channels:
        raise ConfigError(
            "No channel is configured, so nothing was sent.",
            code="no_channels",
            hint="Keep an apprise URL with `bascule secrets set NAME`, and name it under [alerts]:"
            ' url_secrets = ["NAME"].',
        )
    results = asyncio.run(_send_all(settings))
    if as_json:
        print_json([{"channel": name, "sent": not why, "why": why} for name, why in results])
    else:
        for name, why in results:
            typer.echo(f"{name}: {f'NOT sent: {why}' if why else 'sent'}")
    if any(why for _, why in results):
        raise typer.Exit(Exit.NO)


async def _send_all(settings: "Config") -> list[tuple[str, str]]:
    """Send through each channel; give its name and why it failed, '' when it did not."""
    from bascule.alerts.channel import apprise_channel
    from bascule.alerts.kinds import alert
    from bascule.model.values import SECOND

    secrets = secrets_of(settings)
    timeout_s = settings.alerts.timeout_ns / SECOND
    text = f"This is a test of Bascule's alerts, mode {settings.mode.value}. Nothing happened."
    results = []
    for name in settings.alerts.channels:
        why = ""
        try:
            channel = apprise_channel(name, secrets.get(name), timeout_s)
            if not await channel.send(alert("test", "Bascule", text)):
                why = f"it was not taken within {timeout_s:g} s; check the address and the service"
        except BasculeError as error:
            why = f"{error.message} {error.hint}".strip()
        results.append((name, why))
    return results
