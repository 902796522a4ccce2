"""``bascule check``: is everything in place? Configuration, secrets, venues, accounts, routes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, print_json, secrets_of
from bascule.cli.exits import Exit
from bascule.model.errors import BasculeError

if TYPE_CHECKING:
    from bascule.cli.check_links import Report
    from bascule.config.build import Config, VenueSpec
    from bascule.config.secrets import Secrets

_PLACEHOLDER = "x" * 32
"""Stands in for a secret that is not there, so that the settings round it are checked all the
same. It never leaves this process: no link is connected."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    config: ConfigOption = None,
    config_only: Annotated[bool, typer.Option("--config-only", help="Connect to nothing.")] = False,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure the way to each venue.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Look at the public address, not at venues.")
    ] = False,
    url: Annotated[str, typer.Option("--url", help="That address; else [server] public_url.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Check configuration, secrets, venues, routes.

    Every problem is told, not the first only, and a sample entry is planned by each route. Nothing
    is sent and nothing is changed. Ends with 3 when the configuration is at fault, with 6 when a
    venue or an account is, and with 1 when the public address is not as it should be.
    """
    settings = configured(config)
    problems = findings(settings, secrets_of(settings))
    if public and not problems:
        _public(settings, url or settings.server.public_url, as_json=as_json)
        return
    permitted, told = firm_notes(settings)
    notes = remarks(settings) + limit_notes(settings) + told
    notes += [] if config_only else news(settings, remote=True)
    report = None if config_only or problems else _links(settings, latency)
    if as_json:
        print_json(
            {
                "ok": not problems and (report is None or report.ok),
                "config": str(settings.file) if settings.file else None,
                "mode": settings.mode.value,
                "hash": settings.hash,
                "data": str(settings.data.path),
                "problems": problems,
                "notes": notes,
                "permits": permitted,
            }
            | (_as_json(report) if report else {})
        )
    else:
        _print_what(settings)
        _print_problems(problems)
        for permit in permitted:
            typer.secho("Firm           ", fg=None if permit["ok"] else "yellow", nl=False)
            typer.echo(permit_line(permit))
        for note in notes:
            typer.echo(f"Note           {note}")
        if report:
            _print(report)
        good = not problems and (report is None or report.ok)
        typer.echo(_closing(permitted) if good else "Not ready.")
    if problems:
        raise typer.Exit(Exit.CONFIGURATION)
    if report and not report.ok:
        raise typer.Exit(Exit.VENUE)


def _print_problems(problems: list[dict[str, str]]) -> None:
    for problem in problems:
        typer.secho(f"Problem        {problem['what']}", fg="red", err=True)
        if problem["to_do"]:
            typer.echo(f"               {problem['to_do']}", err=True)


def _closing(permitted: list[dict[str, Any]]) -> str:
    held = ", ".join(permit["account"] for permit in permitted if not permit["ok"])
    return f"In order, and {held} will open nothing." if held else "All of it is in order."


def _print_what(settings: "Config") -> None:
    typer.echo(f"Configuration  {settings.file or 'the demonstration'}")
    typer.echo(f"Mode           {settings.mode.value}, data in {settings.data.path}")
    for what in ("venues", "accounts", "sources", "routes"):
        names = ", ".join(one.id for one in getattr(settings, what)) or "none"
        typer.echo(f"{what.capitalize():<14} {names}")


def _public(config: "Config", url: str, *, as_json: bool) -> None:
    """Look at the public address, print what was found, and end with 1 where it is not well."""
    import msgspec

    from bascule.cli.check_public import check_public, door_of
    from bascule.engine.clock import SystemClock
    from bascule.model.values import SECOND

    door = door_of(url)
    secrets = secrets_of(config)
    sources = [source.source(secrets.get) for source in config.sources]
    found = check_public(door, sources, SystemClock().now() // SECOND)
    well = not any(one.state == "problem" for one in found)
    if as_json:
        print_json({"ok": well, "url": url, "public": msgspec.to_builtins(found)})
    else:
        typer.echo(f"Public         {url}, seen from this machine")
        colours = {"ok": "green", "problem": "red", "untested": "yellow"}
        for one in found:
            word = one.state.upper() if one.state == "problem" else one.state
            typer.secho(f"{word:<10}", fg=colours[one.state], nl=False)
            typer.echo(f"{one.what}: {one.text}")
        typer.echo("What could be tested is in order." if well else "Not in order.")
    if not well:
        raise typer.Exit(Exit.NO)


def _links(config: "Config", latency: bool) -> "Report":
    """Look at the venues: through the engine where one runs, since a venue may allow one link."""
    from bascule.api.status import StatusView
    from bascule.cli.check_links import Finding, Report, check_links
    from bascule.cli.exits import EngineUnreachable
    from bascule.cli.remote import engine_of
    from bascule.cli.setup import prepare

    try:
        running = engine_of(config).read(StatusView, "/v1/status")
    except EngineUnreachable:
        return check_links(prepare(config, secrets_of(config)), latency=latency)
    typer.echo("The engine is running, so its own links are shown and none is made.", err=True)
    if latency:
        typer.echo("The way to a venue is measured only while no engine runs.", err=True)
    return Report(
        [
            Finding(
                f"account {one.id}",
                one.ready,
                f"link {'up' if one.link_up else 'down'}, "
                f"{'reconciled' if one.reconciled else 'not reconciled'}"
                + "".join(f"; {drift}" for drift in one.drift),
            )
            for one in running.accounts
        ],
        [],
        [],
    )


def _as_json(report: "Report") -> dict[str, Any]:
    import msgspec

    return {name: msgspec.to_builtins(found) for name, found in report._asdict().items()}


def _print(report: "Report") -> None:
    for found in (*report.links, *report.routes):
        mark, colour = ("ok", "green") if found.ok else ("PROBLEM", "red")
        if found in report.routes and not found.ok:
            mark, colour = "held", "yellow"
        typer.secho(f"{mark:<8}", fg=colour, nl=False)
        typer.echo(f"{found.what:<26} {found.text}")
    for way in report.latencies:
        stages = [
            f"{name} {value:.2f} ms"
            for name, value in (
                ("DNS", way.dns_ms),
                ("TCP", way.tcp_ms),
                ("TLS", way.tls_ms),
                ("request", way.request_ms),
                ("slowest", way.worst_ms),
            )
            if value is not None
        ]
        typer.echo(f"{'way':<8}{way.venue:<26} {way.host}: {', '.join(stages) or way.text}")


def findings(config: "Config", secrets: "Secrets") -> list[dict[str, str]]:
    """Give what keeps a configuration from starting: its directory, secrets, sources, venues.

    A calendar that is a file and cannot be read is one, though an engine would start without it.
    """
    from bascule.signals.intake.files import check_folder

    problems: list[dict[str, str]] = []

    def found(error: BasculeError) -> None:
        problem = {"code": error.code, "what": error.message, "to_do": error.hint}
        if problem not in problems:  # a store that is locked is so for each of its secrets
            problems.append(problem)

    try:
        config.data.check_mode()
    except BasculeError as error:
        found(error)
    values = {}
    for name in (*config.secrets, *config.guardian_secrets):
        try:
            values[name] = secrets.get(name)
        except BasculeError as error:
            found(error)
    for source in config.sources:
        try:
            check_folder(source.source(lambda name: values.get(name, _PLACEHOLDER)))
        except BasculeError as error:
            found(error)
    for venue in config.venues:
        try:
            make_link(config, venue, values)
        except BasculeError as error:
            found(error)
    unread = news(config, remote=False)
    return problems + [{"code": "calendar_unread", "what": one, "to_do": ""} for one in unread]


def news(config: "Config", *, remote: bool) -> list[str]:
    """Read the calendar of releases once, and say what is wrong with it.

    ``remote`` says whether one at an address is meant, or one that is a file.
    """
    import asyncio

    from bascule.engine.clock import SystemClock
    from bascule.engine.releases import releases

    if not config.news.source or config.news.source.startswith("https://") is not remote:
        return []
    _, fault = asyncio.run(releases(config.news, SystemClock().now))
    if not fault:
        return []
    return [
        f"The calendar under [news], {config.news.source}: {fault}. The engine would start; no"
        " account whose firm restricts news opens anything on what a release touches."
    ]


def make_link(config: "Config", venue: "VenueSpec", values: dict[str, str]) -> None:
    """Make a venue's link without connecting it: its factory checks the venue's own settings."""
    from bascule.venues.kit.contract import VenueContext
    from bascule.venues.kit.registry import factory

    factory(venue.kind)(
        VenueContext(
            venue_id=venue.id,
            settings=venue.settings,
            accounts=tuple(spec for spec in config.accounts if spec.venue == venue.id),
            secrets={what: values.get(name, _PLACEHOLDER) for what, name in venue.secrets.items()},
            sink=lambda message: None,
            wire_log=lambda direction, subject, payload: None,
            clock=lambda: 0,
        )
    )


def firm_notes(config: "Config") -> tuple[list[dict[str, Any]], list[str]]:
    """Give how accounts stand with their firms, and what their owner should know of it."""
    import msgspec

    from bascule.config.firm_remarks import firm_remarks, permits
    from bascule.engine.clock import SystemClock

    now = SystemClock().now()
    return [msgspec.to_builtins(one) for one in permits(config, now)], firm_remarks(config, now)


def permit_line(permit: dict[str, Any]) -> str:
    """Write how one account stands with its firm."""
    word = "permitted" if permit["ok"] else "no live order goes"
    until = f", until {permit['ends']}" if permit["ok"] and permit["ends"] else ""
    needed = permit["to_do"]
    to_do = f" Needed: {needed}{'' if needed.endswith('?') else '.'}" if needed else ""
    return f"{permit['account']}: {word}{until}: {permit['text']}.{to_do}"


def limit_notes(config: "Config") -> list[str]:
    """Say where the file's limits differ from those that the journal has in force."""
    from bascule.api.limiting import pending_lines
    from bascule.api.reading import folded_state
    from bascule.engine.clock import SystemClock
    from bascule.execution.limits import pending
    from bascule.execution.turn import Settings
    from bascule.model.errors import JournalError

    settings = Settings(accounts={one.id: one for one in config.accounts}, limits=config.limits)
    try:
        state = folded_state(config.data.journal)
    except JournalError:
        return []  # no engine ran here yet: the first start takes the file's limits as they are
    waiting = pending(state, settings, SystemClock().now())
    return [f"Limits of {line}" for line in pending_lines(waiting)]


def remarks(config: "Config") -> list[str]:
    """Give what is allowed and may not be meant."""
    followed = {leg.account for route in config.routes for leg in route.legs}
    fed = {source for route in config.routes for source in route.sources}
    notes = [
        f"Account {spec.id} follows no route: no signal reaches it."
        for spec in config.accounts
        if spec.id not in followed
    ]
    if "*" not in fed:
        notes += [
            f"No route listens to source {source.id}: its signals are refused as no_route."
            for source in config.sources
            if source.id not in fed
        ]
    notes += [
        f"Account {spec.id} has no max_order_qty: no order is too large for it."
        for spec in config.accounts
        if spec.limits.max_order_qty is None and spec.id in followed
    ]
    notes += _limits_of_nothing(config)
    if not config.sources:
        notes.append("There is no source: nothing can send a signal.")
    return notes


def _limits_of_nothing(config: "Config") -> list[str]:
    """Say which limits by symbol name no contract, and so never hold."""
    from bascule.engine.clock import SystemClock
    from bascule.reference.contracts import products
    from bascule.reference.refusal import Refusal
    from bascule.reference.resolver import resolve
    from bascule.risk.limits import BY_SYMBOL

    now = SystemClock().now()
    tables = [(f"Account {one.id}", one.limits, one.symbols.overrides) for one in config.accounts]
    own = {name: "" for one in config.accounts for name in one.symbols.overrides}
    for scope, limits in config.limits.items():
        name = scope.partition(":")[2]
        tables.append((f"Strategy {name}" if name else "All accounts", limits, own))
    notes = []
    for whose, limits, overrides in tables:
        for table in (f"{name}_by_symbol" for name in BY_SYMBOL):
            for symbol in getattr(limits, table):
                found = resolve(symbol, now)
                ours = not isinstance(found, Refusal) and found.instrument.symbol == symbol
                if not ours and symbol not in products() and symbol not in overrides:
                    notes.append(
                        f"{whose}: {symbol} in {table} is no symbol of ours and no"
                        " future's root, so it limits nothing."
                    )
    return notes
