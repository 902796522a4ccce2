"""``bascule orders``, ``positions`` and ``signals``: what there is, from the engine or its journal.

While no engine runs, its journal tells the same, as of the engine's last moment.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import (
    FOREIGN_ADVICE,
    ConfigOption,
    JsonOption,
    configured,
    print_table,
)
from bascule.cli.exits import EngineUnreachable

if TYPE_CHECKING:
    from bascule.api.reading import SignalView
    from bascule.api.views import OrdersPage, PositionsView
    from bascule.config.build import Config

AccountOption = Annotated[str, typer.Option("--account", help="Only of this account.")]
StrategyOption = Annotated[str, typer.Option("--strategy", help="Only of this strategy.")]
_TEXT_MAX = 110


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (orders, positions, signals):
        app.command(command.__name__)(command)


def orders(
    config: ConfigOption = None,
    account: AccountOption = "",
    strategy: StrategyOption = "",
    every: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List orders: the open ones, or all.

    The newest stand first. While no engine runs, its journal is read.
    """
    import msgspec

    from bascule.api.views import OrdersPage, orders_page
    from bascule.cli.remote import engine_of, print_raw, say_from_journal

    settings = configured(config)
    which = "all" if every else "live"
    try:
        answer = engine_of(settings).get(
            "/v1/orders", account=account, strategy=strategy, which=which, limit=limit
        )
    except EngineUnreachable:
        from bascule.api.reading import folded_state

        page = orders_page(
            folded_state(settings.data.journal),
            account=account,
            strategy=strategy,
            which=which,  # type: ignore[arg-type]
            limit=limit,
        )
        answer = msgspec.json.encode(page)
        say_from_journal()
    if as_json:
        print_raw(answer)
    else:
        page = msgspec.json.decode(answer, type=OrdersPage)
        _print_orders(page, every=every, of=_filtered(settings, account, strategy))


def _filtered(settings: "Config", account: str, strategy: str) -> str:
    """Say of what alone was asked, '' for everything; a name that is none here is told."""
    if account and account not in (known := [str(spec.id) for spec in settings.accounts]):
        typer.secho(
            f"There is no account {account!r}; configured: {', '.join(known)}.",
            fg="yellow", err=True,
        )  # fmt: skip
    words = (("account", account), ("strategy", strategy))
    return "".join(f" of {kind} {name}" for kind, name in words if name)


def _print_orders(page: "OrdersPage", *, every: bool, of: str) -> None:
    from bascule.cli.telling import numbers
    from bascule.execution.story.words import number

    if page.orders:
        _print_own(page)
    else:
        ended = "" if every else "; --all lists the ended ones"
        typer.echo(f"No {'' if every else 'open '}orders{of}{ended}.")
    if page.foreign:
        typer.echo("\nWorking at the venue, and not sent by Bascule:")
        print_table(
            ("account", "venue's number", "side", "quantity", "symbol", "price", "stop"),
            [
                (
                    one.account, one.venue_order_id, one.side, number(one.quantity),
                    one.venue_symbol, *numbers(one.price, one.stop_price),
                )
                for one in page.foreign
            ],
        )  # fmt: skip
        typer.echo(FOREIGN_ADVICE)


def _print_own(page: "OrdersPage") -> None:
    from bascule.cli.telling import clock_time, numbers
    from bascule.execution.story.words import number

    print_table(
        (
            "order", "account", "strategy", "what", "side", "quantity", "filled", "symbol",
            "status", "price", "stop", "average", "asked at (UTC)", "note",
        ),
        [
            (
                one.cl_ord_id, one.account, one.strategy, one.role.replace("_", " "), one.side,
                number(one.quantity), number(one.filled), one.venue_symbol,
                one.status.replace("_", " "), *numbers(one.price, one.stop_price, one.avg_price),
                clock_time(one.requested_at),
                one.doubt or one.ended.replace("_", " ") or one.pending
                or (f"waits for {one.waits_for}" if one.waits_for else ""),
            )
            for one in page.orders
        ],
    )  # fmt: skip
    if page.more:
        typer.echo("There are more; name an account or a strategy, or raise --limit.")


def positions(
    config: ConfigOption = None,
    account: AccountOption = "",
    strategy: StrategyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show what each strategy holds on each account.

    Whole positions are shown where they are not one strategy's alone.
    """
    import msgspec

    from bascule.api.views import PositionsView, positions_view
    from bascule.cli.remote import engine_of, print_raw, say_from_journal

    settings = configured(config)
    try:
        answer = engine_of(settings).get("/v1/positions", account=account, strategy=strategy)
    except EngineUnreachable:
        from bascule.api.reading import folded_state

        state = folded_state(settings.data.journal)
        view = positions_view(state, None, account=account, strategy=strategy)
        answer = msgspec.json.encode(view)
        say_from_journal()
    if as_json:
        print_raw(answer)
    else:
        view = msgspec.json.decode(answer, type=PositionsView)
        _print_positions(view, _filtered(settings, account, strategy))


def _print_positions(view: "PositionsView", of: str) -> None:
    from bascule.cli.telling import numbers
    from bascule.execution.story.words import number

    if not view.books and not view.nets:
        typer.echo(f"Nothing is held{of}." if of else "Flat: nothing is held on any account.")
        return
    print_table(
        (
            "account", "strategy", "symbol", "quantity", "average", "mark", "open P&L",
            "in account currency", "stop", "targets", "guarded by",
        ),
        [
            (
                one.account, one.strategy, one.symbol, number(one.quantity),
                *numbers(one.avg_price, one.mark),
                f"{one.open_pnl:,.2f} {one.currency}" if one.open_pnl is not None else "",
                *numbers(one.open_pnl_account, places=2),
                ", ".join(number(g.stop_loss) for g in one.guards if g.stop_loss is not None),
                ", ".join(number(p) for g in one.guards for p in g.take_profits),
                ", ".join(dict.fromkeys(g.by for g in one.guards)),
            )
            for one in view.books
        ],
    )  # fmt: skip
    books = {(one.account, one.symbol): one.quantity for one in view.books}
    shared = [net for net in view.nets if books.get((net.account, net.symbol)) != net.net]
    if shared:
        typer.echo("\nWhole positions, as held against the venue")
        print_table(
            ("account", "symbol", "net", "open to buy", "open to sell"),
            [
                (net.account, net.symbol, *numbers(net.net, net.open_buy, net.open_sell))
                for net in shared
            ],
        )


def signals(
    config: ConfigOption = None,
    refused: Annotated[bool, typer.Option("--refused", help="Refused ones only.")] = False,
    strategy: StrategyOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the last signals, refused ones first.

    Each has the reason why it, or an order of it, was not carried out.
    """
    import msgspec

    from bascule.api.reading import SignalView
    from bascule.api.reading import signals as from_journal
    from bascule.cli.remote import engine_of, print_raw, say_from_journal

    settings = configured(config)
    which = "refused" if refused else "all"
    try:
        answer = engine_of(settings).get("/v1/signals", which=which, strategy=strategy, limit=limit)
    except EngineUnreachable:
        found = from_journal(
            settings.data.journal,
            which=which,  # type: ignore[arg-type]
            strategy=strategy,
            limit=limit,
        )
        answer = msgspec.json.encode(found)
        say_from_journal()
    if as_json:
        print_raw(answer)
    else:
        found = msgspec.json.decode(answer, type=list[SignalView])
        kind = "refused signals" if refused else "signals"
        _print_signals(found, f"{kind}{_filtered(settings, '', strategy)}")


def _print_signals(views: "list[SignalView]", what: str) -> None:
    from bascule.cli.telling import clock_time

    if not views:
        typer.echo(f"No {what} yet.")
        return
    print_table(
        ("signal", "received (UTC)", "source", "strategy", "answer", "why"),
        [
            (
                one.signal, clock_time(one.received_at), one.source, one.strategy,
                one.status.replace("_", " "),
                _why(one),
            )
            for one in views
        ],
    )  # fmt: skip
    typer.echo("`bascule explain SIGNAL` tells what came of one.")


def _why(one: "SignalView") -> str:
    if one.duplicate_of:
        return f"a resend of {one.duplicate_of}"
    text = f"{one.text} ({one.code})" if one.code else "; ".join(one.held_back)
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."
