"""``bascule guardian run``, ``status``, ``end``: the kill switch's own process."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, print_table, secrets_of
from bascule.cli.faces_cmd import register_in_group

if TYPE_CHECKING:
    from bascule.cli.guardian_remote import GuardianClient
    from bascule.config.build import Config
    from bascule.config.handover import GuardianEndpoint
    from bascule.guardian.words import DrillView, GuardianView


DEMO_ALONE_S = 30.0
"""A demonstration that was killed leaves no guardian behind for longer than this."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="The kill switch's own process.")
    group.command("run")(run)
    group.command("status")(status)
    group.command("end")(end)
    register_in_group(group)
    app.add_typer(group, name="guardian")


def run(
    config: ConfigOption = None,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
    broker_port: Annotated[int | None, typer.Option("--broker-port", hidden=True)] = None,
) -> None:
    """Guard the accounts until told to end. `bascule run` starts one by itself."""
    from bascule.cli.drill_cmd import Schedule
    from bascule.cli.guardian_faces import faces
    from bascule.cli.guardian_setup import guardian_setup
    from bascule.cli.logs import log_to
    from bascule.config.clock import SystemClock
    from bascule.guardian.serving import run_guardian

    settings = _demonstration(broker_port) if demo else configured(config)
    log_to(sys.stderr)
    settings.data.prepare()
    _note_place(settings)
    secrets = secrets_of(settings)
    setup = guardian_setup(settings, secrets)
    shown = faces(settings, secrets, SystemClock())
    port = 0 if demo else settings.guardian.port
    alone_s = DEMO_ALONE_S if demo else 0.0
    words = ("--config", str(settings.file)) if settings.file and not demo else ()
    run_guardian(
        setup,
        port,
        extra=shown.extra,
        beside=(log_alerts, *shown.beside, Schedule(words, settings.guardian.drill_every)),
        ready=_say_ready,
        alone_s=alone_s,
    )


async def log_alerts(guardian: object) -> None:
    """Write every alert to the guardian's output as well."""
    import structlog

    from bascule.guardian.service import Alert, Guardian

    log = structlog.get_logger("bascule.guardian")

    def write(alert: Alert) -> None:
        level = {"info": log.info, "warning": log.warning, "critical": log.critical}
        level[alert.severity](alert.code, text=alert.text)

    if isinstance(guardian, Guardian):
        guardian.events.append(write)


def _say_ready(endpoint: "GuardianEndpoint") -> None:
    typer.echo(f"Guarding, on {endpoint.host}:{endpoint.port}, process {endpoint.pid}.")
    sys.stdout.flush()


def _demonstration(broker_port: int | None) -> "Config":
    import msgspec

    from bascule.config.demo import demo

    config = demo()
    if broker_port is None:
        return config
    venue = config.venues[0]
    moved = msgspec.structs.replace(venue, settings={**venue.settings, "port": broker_port})
    return msgspec.structs.replace(config, venues=(moved, *config.venues[1:]))


def _note_place(config: "Config") -> None:
    """Note where the data is, so that the key finds every guardian of this user."""
    from hashlib import sha256

    from bascule.config.handover import replace_file
    from bascule.config.home import guardians
    from bascule.guardian.intake import encoded

    place = str(config.data.path.absolute())
    name = f"{sha256(place.encode()).hexdigest()[:16]}.json"
    replace_file(guardians() / name, encoded({"data": place}))


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what the guardian sees: accounts, stops, sweeps, the engine, the last drill."""
    import msgspec

    from bascule.cli.remote import print_raw

    found = client(config).view()
    if as_json:
        print_raw(msgspec.json.encode(found))
    else:
        print_view(found)


def end(config: ConfigOption = None) -> None:
    """End the guardian in good order. Stops and latch stay; live accounts take no entries."""
    client(config).end()
    typer.echo("The guardian ends. Live accounts take no entries until one runs again.")


def client(config: ConfigOption) -> "GuardianClient":
    """Give a way to ask the guardian of a configuration.

    Raises:
        GuardianUnreachable: none runs.
    """
    from bascule.cli.guardian_remote import GuardianUnreachable, guardian_client
    from bascule.config.handover import GuardianFiles

    settings = configured(config)
    found = guardian_client(GuardianFiles(settings.data.path))
    if found is None:
        raise GuardianUnreachable(
            f"No guardian runs with the data in {settings.data.path}.",
            hint="`bascule run` starts one; so does `bascule kill`, which shuts the gate at once.",
        )
    return found


def print_view(view: "GuardianView") -> None:
    """Print what a guardian shows."""
    from bascule.cli.telling import date_time, numbers
    from bascule.execution.story.words import span

    typer.secho(
        f"Guardian {view.version}, mode {view.mode}, process {view.pid}, "
        f"up {span(view.at - view.started_at)}",
        bold=True,
    )
    age = f", record {span(view.engine_age_ns)} old" if view.engine_age_ns is not None else ""
    colour = "green" if view.engine == "alive" else "red"
    typer.secho(f"engine    {view.engine}{age}", fg=colour)
    for stop in view.stops:
        until = f", not before {date_time(stop.until)} UTC" if stop.until else ""
        words = f"{stop.action} on {stop.scope} by {stop.by}: {stop.reason}{until}"
        typer.secho(f"stopped   {words}", fg="yellow")
    typer.echo(f"drill     {drill_words(view.drill, view.at)}")
    typer.echo("")
    print_table(
        ("account", "venue", "link", "positions", "orders", "equity", "loss line", "room",
         "sweep", "note"),
        [
            (
                one.account, one.venue, "up" if one.link_up else "DOWN",
                "?" if one.positions is None else str(one.positions),
                "?" if one.working_orders is None else str(one.working_orders),
                *numbers(one.equity, one.floor, one.room, places=2),
                one.sweep, one.note,
            )
            for one in view.accounts
        ],
    )  # fmt: skip


def drill_words(drill: "DrillView | None", now: int) -> str:
    """Say when the last drill was and what came of it."""
    from bascule.execution.story.words import span

    if drill is None:
        return "none yet, `bascule drill` holds one"
    return f"{'passed' if drill.passed else 'FAILED'} {span(now - drill.at)} ago; {drill.text}"
