"""``bascule status``: the engine at a glance."""

from typing import TYPE_CHECKING

import typer

from bascule.cli.common import FOREIGN_ADVICE, ConfigOption, JsonOption, print_table
from bascule.cli.exits import Exit

if TYPE_CHECKING:
    from bascule.api.status import AccountView, StatusView


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the engine: accounts, stops, what is in doubt. Ends with 1 while it is not ready."""
    import msgspec

    from bascule.api.status import StatusView
    from bascule.cli.remote import engine, print_raw

    answer = engine(config).get("/v1/status")
    found = msgspec.json.decode(answer, type=StatusView)
    if as_json:
        print_raw(answer)
    else:
        _print(found)
    if not found.ready:
        raise typer.Exit(Exit.NO)


def _print(found: "StatusView") -> None:
    from bascule.cli.telling import date_time, latch_line, numbers
    from bascule.execution.story.words import span

    typer.secho(
        f"Bascule {found.version}, mode {found.mode}, epoch {found.epoch}, up {span(found.uptime)}",
        bold=True,
    )
    typer.echo(f"journal   {found.head:,} events, data in {found.data_dir}")
    typer.echo(f"signals   {found.signals:,}, of which {found.refused_signals:,} refused")
    doubt = ", ".join(found.in_doubt[:5]) or "none"
    typer.echo(f"orders    {found.open_orders} open; in doubt: {doubt}")
    typer.echo(f"guardian  {'there' if found.guardian else 'none'}; drill: {_drill(found)}")
    for stop in found.stops:
        until = f", not before {date_time(stop.until)} UTC" if stop.until else ""
        words = f"{stop.mode} on {stop.scope} by {stop.by}: {stop.reason}{until}"
        typer.secho(f"stopped   {words}", fg="yellow")
    for scope, said in found.latch.items():
        typer.secho(f"latched   {latch_line(scope, said)}", fg="yellow")
    for one in found.halted:
        what = f"{one.venue}, session {one.session}" if one.session else one.venue
        typer.secho(f"halted    {what}: {one.code}: {one.text}", fg="red")
        words = f"it is not tried again; once that is settled: bascule resume {one.venue}"
        typer.secho(f"          {words}", fg="yellow")
    if found.reduce_only:
        typer.secho("stopped   a restored journal only reduces until `bascule arm`", fg="yellow")
    typer.echo("")
    print_table(
        (
            "account", "venue", "link", "reconciled", "balance", "equity", "open P&L", "orders",
            "positions", "notes",
        ),
        [
            (
                one.id, one.venue, "up" if one.link_up else "DOWN",
                "yes" if one.reconciled else "NO",
                *numbers(one.balance, one.equity, one.open_pnl, places=2),
                str(one.open_orders), str(one.positions), _notes(one),
            )
            for one in found.accounts
        ],
    )  # fmt: skip
    _print_losses(found.accounts)
    _print_foreign(found)
    typer.echo("")
    if found.ready and any(stop.scope == "all" for stop in found.stops):
        typer.secho("Stopped: connected, and no entry leaves until `bascule arm`.", fg="yellow")
    elif found.ready:
        typer.secho("Ready: every account is connected and agrees with its venue.", fg="green")
    else:
        waiting = ", ".join(one.id for one in found.accounts if not one.ready)
        typer.secho(f"Not ready: {waiting}. No entry leaves there.", fg="yellow")


def _print_losses(accounts: "list[AccountView]") -> None:
    """Show how accounts stand to their loss limits, if any has one."""
    from bascule.cli.telling import date_time, numbers

    limited = [(one, one.loss) for one in accounts if one.loss is not None]
    if not limited:
        return
    typer.echo("")
    print_table(
        (
            "account", "rules", "reference", "day's floor", "floor", "equity", "left today", "%",
            "left", "%", "nearest", "entries", "next reset (UTC)",
        ),
        [
            (
                one.id, loss.programme,
                *numbers(
                    loss.reference, loss.daily_floor, loss.max_floor, loss.equity,
                    loss.daily_room, loss.daily_room_percent, loss.max_room,
                    loss.max_room_percent, places=2,
                ),
                loss.nearest, loss.level,
                date_time(loss.next_reset) if loss.next_reset else "",
            )
            for one, loss in limited
        ],
    )  # fmt: skip
    for one, loss in limited:
        if loss.unknown:
            typer.secho(f"{one.id}: the loss is not known: {loss.unknown}", fg="yellow")


def _print_foreign(found: "StatusView") -> None:
    from bascule.api.views import foreign_words

    if not any(one.foreign for one in found.accounts):
        return
    typer.echo("")
    for one in found.accounts:
        for order in one.foreign:
            typer.secho(f"not ours  {one.id}: {foreign_words(order)}", fg="yellow")
        if (more := one.foreign_orders - len(one.foreign)) > 0:
            typer.echo(f"          {one.id}: and {more} more; `bascule orders` lists them")
    typer.echo(f"          {FOREIGN_ADVICE}")


def _drill(found: "StatusView") -> str:
    from bascule.cli.guardian_cmd import drill_words

    return drill_words(found.drill, found.started_at + found.uptime)


def _notes(account: "AccountView") -> str:
    notes = list(account.drift)
    if account.in_doubt:
        notes.append(f"{account.in_doubt} in doubt")
    if account.foreign_orders:
        orders = "order" if account.foreign_orders == 1 else "orders"
        notes.append(f"{account.foreign_orders} {orders} that Bascule did not send")
    if account.latched:
        notes.append("latched")
    if account.idle:
        notes.append(account.idle)
    if account.equity is not None and not account.valued and account.positions:
        from bascule.cli.telling import date_time

        missing = f" ({', '.join(account.unpriced)} without a price)" if account.unpriced else ""
        told = date_time(account.money_at) if account.money_at is not None else "?"
        notes.append(f"equity as the venue told it at {told}{missing}")
    return "; ".join(notes)
