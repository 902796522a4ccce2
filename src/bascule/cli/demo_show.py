"""What the demonstration shows: a live table in a terminal, one line an event elsewhere."""

import asyncio
import sys
from collections import deque
from collections.abc import Sequence

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bascule.api.pricing import Pricing
from bascule.api.status import AccountView
from bascule.api.views import BookView, OrderView, orders_page, positions_view
from bascule.cli.addresses import webhook_url
from bascule.cli.demo_alerts import alerts, post
from bascule.cli.demo_cmd import intro
from bascule.cli.serving import Running
from bascule.cli.telling import clock_time, event_line, numbers
from bascule.execution.story.words import number
from bascule.model.event import Event
from bascule.model.instrument import Quote

REFRESH_S = 0.5
LINES = 12
"""Events under the table."""
PRINTED_MAX = 100_000
"""Lines that may wait to be printed, where there is no table."""
SEND_AGAIN = (0, 429, 503)
"""No answer, too many, or overloaded: nothing was kept, so a sender sends it again."""
AGAIN_S = 1.0
ORDERS = 10


class Show:
    """Runs beside the engine. ``every_s`` is the sender's interval, 0 for no sender."""

    def __init__(self, *, live: bool, every_s: float) -> None:
        self._live = live
        self._every_s = every_s
        self._lines: deque[str] = deque(maxlen=LINES if live else PRINTED_MAX)

    async def run(self, running: Running) -> None:
        """Show until cancelled. When nobody reads it any more, the demonstration is over."""
        leave = running.runtime.owner.follow(self._tell)
        try:
            async with asyncio.TaskGroup() as group:
                if self._every_s:
                    group.create_task(self._send(running))
                group.create_task(self._tell_all(running))
        finally:
            leave()

    async def _tell_all(self, running: Running) -> None:
        try:
            for line in intro(running):
                typer.echo(line)
            sys.stdout.flush()
            await (self._table(running) if self._live else self._print())
        except OSError:
            running.ended.set()

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            line = event_line(event)
            if line:
                self._lines.append(f"{clock_time(event.at)}  {line}")

    async def _print(self) -> None:
        while True:
            while self._lines:
                typer.echo(self._lines.popleft())
            sys.stdout.flush()
            await asyncio.sleep(0.1)

    async def _send(self, running: Running) -> None:
        runtime = running.runtime
        source = next(one for one in running.sources if one.path_token)
        url = webhook_url(running.url, source, reveal=True)

        def price_of(symbol: str) -> Quote | None:
            for account, names in runtime.settings.symbols.items():
                for venue_symbol, ours in names.items():
                    if ours == symbol:
                        quote = runtime.market.quote(account, venue_symbol)
                        if quote is not None:
                            return quote
            return None

        while not all(account.reconciled for account in runtime.state.accounts.values()):
            await asyncio.sleep(0.1)
        for body in alerts(price_of, runtime.clock.now):
            while await asyncio.to_thread(post, url, body) in SEND_AGAIN:
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(self._every_s)

    async def _table(self, running: Running) -> None:
        with Live(console=Console(), auto_refresh=False) as live:
            while True:
                picture = await self._picture(running)
                await asyncio.to_thread(live.update, picture, refresh=True)
                await asyncio.sleep(REFRESH_S)

    async def _picture(self, running: Running) -> Group:
        status = await running.served.status()
        runtime = running.runtime
        pricing = Pricing(runtime.settings, runtime.market, runtime.clock.now())
        orders = orders_page(runtime.state, which="all", limit=ORDERS).orders
        books = positions_view(runtime.state, pricing).books
        head = Text(
            f"Bascule demo  epoch {status.epoch}  {status.head:,} events  "
            f"{status.signals:,} signals, {status.refused_signals:,} refused  "
            f"{status.open_orders} open orders  Ctrl-C ends it",
            style="bold",
        )
        recent = Text("\n".join(self._lines) or "waiting for the first signal")
        return Group(
            head,
            _accounts(status.accounts),
            _positions(books),
            _orders(orders),
            Text("\nLatest", style="bold"),
            recent,
        )


def _titled(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for column in columns:
        table.add_column(column.strip("+"), justify="right" if column.endswith("+") else "left")
    return table


def _accounts(accounts: Sequence[AccountView]) -> Table:
    table = _titled(
        "\nAccounts", "account", "link", "reconciled", "balance+", "equity+", "open P&L+", "orders+"
    )
    for one in accounts:
        table.add_row(
            one.id,
            "up" if one.link_up else Text("down", style="red"),
            "yes" if one.reconciled else Text("no", style="yellow"),
            *numbers(one.balance, one.equity, one.open_pnl, places=2),
            str(one.open_orders),
        )
    return table


def _positions(books: Sequence[BookView]) -> Table:
    table = _titled(
        "\nPositions", "account", "strategy", "symbol", "quantity+", "average+", "mark+",
        "open P&L+", "stop+",
    )  # fmt: skip
    for one in books:
        stops = [guard.stop_loss for guard in one.guards if guard.stop_loss is not None]
        table.add_row(
            one.account, one.strategy, one.symbol, number(one.quantity),
            *numbers(one.avg_price, one.mark), *numbers(one.open_pnl_account, places=2),
            number(stops[-1]) if stops else "",
        )  # fmt: skip
    return table


def _orders(orders: Sequence[OrderView]) -> Table:
    table = _titled(
        "\nOrders", "order", "account", "what", "side", "quantity+", "symbol", "status", "price+"
    )
    for one in orders:
        price = one.avg_price or one.price or one.stop_price
        table.add_row(
            one.cl_ord_id, one.account, one.role.replace("_", " "), one.side, number(one.quantity),
            one.symbol, one.status.replace("_", " "), *numbers(price),
        )  # fmt: skip
    return table
