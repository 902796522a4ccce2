"""``bascule symbols``: what names become on each account, and a symbol map from a venue's list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from decimal import Decimal

    from bascule.cli.symbols_preview import Known, Preview
    from bascule.config.build import Config

_NOT_KNOWN = "?"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="See what names become on each account.")
    group.command("check")(check)
    group.command("import")(import_)
    app.add_typer(group, name="symbols")


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names as a trader writes them; else each route's symbols."),
    ] = None,
    config: ConfigOption = None,
    account: Annotated[str, typer.Option("--account", help="This account only.")] = "",
    offline: Annotated[
        bool, typer.Option("--offline", help="Connect to nothing: by the reference table.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what each name becomes on each account.

    By the venues' own records: while an engine runs no link is made, and they are the engine's.
    Nothing is sent and nothing is changed. Ends with 1 when an
    entry by one of the names would be refused, and with 6 when a venue cannot be asked.
    """
    import msgspec

    from bascule.cli.symbols_preview import Known, previews
    from bascule.engine.clock import SystemClock

    settings = configured(config)
    if account:
        _known_account(settings, account)
    routes = [
        msgspec.structs.replace(route, legs=legs)
        for route in settings.routes
        if (legs := tuple(leg for leg in route.legs if account in ("", leg.account)))
    ]
    known, faults = (Known(), []) if offline else _ask(settings)
    rows = previews(
        routes,
        {spec.id: spec for spec in settings.accounts},
        tuple(names or ()),
        known,
        SystemClock().now(),
    )
    if not rows:
        raise UsageError(
            "There is no name to look at: no route of this account states symbols.",
            code="no_symbols",
            hint="Give some: bascule symbols check ES1! EURUSD",
        )
    if as_json:
        print_json({"ok": not _refused(rows), "symbols": msgspec.to_builtins(rows)})
    else:
        _print(rows)
    for fault in faults:
        typer.secho(fault, fg="red", err=True)
    if faults:
        raise typer.Exit(Exit.VENUE)
    if _refused(rows):
        raise typer.Exit(Exit.NO)


def import_(
    file: Annotated[Path, typer.Argument(help="The venue's symbol list: CSV or JSON.")],
    account: Annotated[str, typer.Option("--account", help="The account it is for.")],
    config: ConfigOption = None,
) -> None:
    """Propose an account's symbol map from its venue's own list.

    Prints TOML to be looked at and pasted: the configuration is not changed. Records that stand
    for nothing known are listed as comments.
    """
    from bascule.cli.symbols_import import as_toml, propose, read_records
    from bascule.engine.clock import SystemClock

    _known_account(configured(config), account)
    proposal = propose(read_records(_text_of(file)), SystemClock().now())
    typer.echo(as_toml(account, proposal))
    typer.echo(
        f"{proposal.mapped} symbols are mapped, {len(proposal.unknown)} are not. Nothing was"
        " changed: look at it and put it into the configuration, then `bascule symbols check`.",
        err=True,
    )


def _known_account(config: "Config", account: str) -> None:
    names = [str(spec.id) for spec in config.accounts]
    if account not in names:
        raise UsageError(
            f"There is no account {account}.",
            code="unknown_account",
            hint=f"The configuration has {', '.join(names)}.",
        )


def _text_of(file: Path) -> str:
    """Read a file; MetaTrader's exports are UTF-16 with a byte-order mark."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", code="no_file") from error
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is neither UTF-8 nor UTF-16 text (byte {error.start}).", code="bad_encoding"
        ) from error


def _ask(config: "Config") -> tuple["Known", list[str]]:
    """Ask the engine where one runs, since a venue may allow one link; else the venues."""
    from bascule.api.status import StatusView
    from bascule.api.views import ListedView, QuoteView
    from bascule.cli.check_links import look
    from bascule.cli.exits import EngineUnreachable
    from bascule.cli.remote import engine_of
    from bascule.cli.setup import prepare
    from bascule.cli.symbols_preview import Known
    from bascule.model.ids import AccountId, Symbol, VenueSymbol
    from bascule.model.instrument import Listing, Quote

    try:
        engine = engine_of(config)
        status = engine.read(StatusView, "/v1/status")
    except EngineUnreachable:
        looked = look(prepare(config, secrets_of(config)))
        faults = [f"{one.what}: {one.text}" for one in looked.report.links if not one.ok]
        return Known(looked.listings, looked.quotes, looked.bases), faults
    typer.echo("The engine is running, so no link is made: it tells what it knows.", err=True)
    listings: dict[AccountId, dict[Symbol, Listing]] = {}
    for listed in engine.read(list[ListedView], "/v1/listings"):
        listings.setdefault(AccountId(listed.account), {})[listed.listing.symbol] = listed.listing
    bases = {
        AccountId(one.id): min(one.balance, one.venue_equity)
        for one in status.accounts
        if one.balance is not None and one.venue_equity is not None
    }
    quotes: dict[AccountId, dict[str, Quote]] = {}
    for one in engine.read(list[QuoteView], "/v1/quotes"):
        quote = Quote(VenueSymbol(one.venue_symbol), one.bid, one.ask, one.at)
        quotes.setdefault(AccountId(one.account), {})[one.symbol] = quote
    faults = [
        f"{one.id}: its venue has told nothing yet; shown by the reference table"
        for one in status.accounts
        if one.id not in listings
    ]
    return Known(listings, quotes, bases), faults


def _refused(rows: "list[Preview]") -> bool:
    return any(row.code for row in rows)


def _print(rows: "list[Preview]") -> None:
    """Print what trades as two tables that fit a screen, and what is refused as sentences."""
    good = [row for row in rows if not row.code]
    if good:
        print_table(
            ("route", "account", "name", "contract", "at the venue", "rolls", "expires", "session"),
            [
                (
                    row.route,
                    row.account,
                    row.name,
                    row.symbol,
                    row.venue_symbol,
                    f"{row.rolls}, {row.days_to_roll} d" if row.rolls else "",
                    f"{row.expires}, {row.days_to_expiry} d" if row.expires else "",
                    _session(row),
                )
                for row in good
            ],
        )
        typer.echo()
        print_table(
            ("account", "contract", "tick", "worth", "lot step", "least", "most", "sample", "by"),
            [_figures(row) for row in good],
        )
        typer.echo()
        for why in dict.fromkeys(row.why for row in good):
            typer.echo(f"{why}.")
        if any(row.continuous for row in good):
            typer.echo("A chart's continuous symbol rolls by volume, perhaps on another day.")
    for row in rows:
        if row.code:
            near = f" Candidates: {', '.join(row.candidates)}." if row.candidates else ""
            told = f"REFUSED  {row.route} on {row.account}: {row.why}{near} ({row.code})"
            typer.secho(told, fg="red")


def _figures(row: "Preview") -> tuple[str, ...]:
    from bascule.model.values import text

    def number(value: "Decimal | None") -> str:
        return _NOT_KNOWN if value is None else text(value)

    worth = f"{number(row.tick_value)} {row.currency}"
    if row.currency != row.account_currency:
        value = row.account_tick_value
        ours = _NOT_KNOWN if value is None else text(round(value, 6))
        worth += f" = {ours} {row.account_currency}"
    sample = row.sample.text if row.sample else ""
    if row.sample and row.sample.asked is not None:
        sample = f"{number(row.sample.asked)} becomes {number(row.sample.rounded)} ({sample})"
    return (
        row.account,
        row.symbol,
        number(row.tick_size),
        worth,
        number(row.lot_step),
        number(row.min_qty),
        number(row.max_qty),
        sample,
        row.source,
    )


def _session(row: "Preview") -> str:
    from bascule.reference.localtime import local

    if row.changes is None:
        return f"{row.session}: {row.phase}"
    return f"{row.session}: {row.phase} until {local(row.changes, 'UTC'):%a %d %b %H:%M} UTC"
