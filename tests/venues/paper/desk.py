"""A paper broker in its own process, and a client of it that remembers what it was told."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode, ExecType, OrdType, PositionMode, Side
from bascule.model.ids import AccountId, ClOrdID, VenueId, VenueOrderId, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from bascule.model.values import Currency, Instant
from bascule.venues.kit.contract import LinkState, VenueContext, VenueMessage
from bascule.venues.paper import create
from bascule.venues.paper.client import PaperVenue
from bascule.venues.paper.control import PaperProcess

GOLD = VenueSymbol("GOLD")
MAIN, HEDGED = AccountId("main"), AccountId("hedged")
LOGINS = {MAIN: "P1", HEDGED: "H1"}
PATIENCE_S = 10.0

SETTINGS: dict[str, Any] = {
    "accounts": [
        {"login": "P1", "currency": "USD", "balance": "1000000"},
        {"login": "H1", "currency": "USD", "balance": "1000000", "mode": "hedging"},
    ],
    "instruments": [
        {
            "venue_symbol": "GOLD",
            "kind": "cfd",
            "quote": "USD",
            "tick_size": "1",
            "multiplier": "1",
            "lot_step": "1",
            "min_qty": "1",
            "max_qty": "1000",
            "start_price": "100",
            "spread_ticks": 2,
        }
    ],
    "feed": {"kind": "pushed"},
    "heartbeat_s": 2,
    "snapshot_s": 0.05,
}


class Trader:
    """A link to a broker for both accounts, its sink, and its wire log."""

    def __init__(self, process: PaperProcess, **settings: Any) -> None:
        self.messages: list[VenueMessage] = []
        self.wire: list[tuple[str, str, bytes]] = []
        self._ids = 0
        self._prefix = f"t{time.monotonic_ns():x}"
        accounts = tuple(
            AccountSpec(
                id=account,
                venue=VenueId("paper"),
                login=login,
                mode=AccountMode.PAPER,
                currency=Currency("USD"),
                position_mode=PositionMode.NETTING,
            )
            for account, login in LOGINS.items()
        )
        self.venue: PaperVenue = create(
            VenueContext(
                venue_id="paper",
                settings={"port": process.port, "timeout_s": 10.0, **settings},
                accounts=accounts,
                secrets=dict.fromkeys(LOGINS.values(), process.token),
                sink=self.messages.append,
                wire_log=lambda way, subject, line: self.wire.append((way, subject, line)),
                clock=time.time_ns,
            )
        )

    def order(self, side: Side = Side.BUY, size: int = 1, **words: Any) -> NewOrder:
        """Make an order with an id of its own: a market order unless a price or stop is given."""
        self._ids += 1
        kind = OrdType.MARKET
        for name in ("price", "stop_price", "stop_loss", "take_profit"):
            if name in words:
                words[name] = Decimal(words[name])
        if "stop_price" in words:
            kind = OrdType.STOP
        elif "price" in words:
            kind = OrdType.LIMIT
        given: dict[str, Any] = {
            "account": MAIN,
            "cl_ord_id": ClOrdID(f"{self._prefix}-{self._ids}"),
            "venue_symbol": GOLD,
            "side": side,
            "quantity": Decimal(size),
            "ord_type": kind,
        }
        return NewOrder(**{**given, **words})

    def cancel_of(self, order: NewOrder, venue_order_id: str | None = None) -> CancelOrder:
        """Make the cancel of an order."""
        return CancelOrder(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=VenueOrderId(venue_order_id) if venue_order_id else None,
            venue_symbol=order.venue_symbol,
            request_id=f"cancel-{order.cl_ord_id}",
        )

    def replace_of(self, order: NewOrder, **words: Any) -> ReplaceOrder:
        """Make a replace of an order."""
        return ReplaceOrder(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=None,
            venue_symbol=order.venue_symbol,
            request_id=f"replace-{order.cl_ord_id}",
            **{name: Decimal(value) for name, value in words.items()},
        )

    def reports(self, order: NewOrder | None = None) -> list[ExecutionReport]:
        """Give the reports so far, of an order and its legs when one is named."""
        return [
            message
            for message in self.messages
            if isinstance(message, ExecutionReport)
            and (order is None or order.cl_ord_id in (message.cl_ord_id, message.parent))
        ]

    def kinds(self, order: NewOrder) -> list[ExecType]:
        """Give the types of an order's reports so far."""
        return [report.exec_type for report in self.reports(order)]

    def links(self) -> list[bool]:
        """Give what was told of the link so far."""
        return [message.up for message in self.messages if isinstance(message, LinkState)]

    def quotes(self) -> list[Quote]:
        """Give the quotes so far."""
        return [message for message in self.messages if isinstance(message, Quote)]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so, or fail."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, "it did not come to be"
            await asyncio.sleep(0.002)

    async def told(self, order: NewOrder, *kinds: ExecType) -> list[ExecutionReport]:
        """Wait for exactly these reports of an order, in this order; gives them."""
        await self.until(lambda: len(self.reports(order)) >= len(kinds))
        assert self.kinds(order) == list(kinds)
        return self.reports(order)

    async def fills(self, account: AccountId = MAIN) -> list[ExecutionReport]:
        """Ask for every fill of an account."""
        return list((await self.venue.fills_since(account, Instant(0))).fills)

    async def flat(self) -> None:
        """Leave no order and no position, so that the next test finds an empty floor."""
        for account in LOGINS:
            for order in (await self.venue.open_orders(account)).orders:
                if not order.leg:
                    await self.venue.cancel(
                        CancelOrder(
                            account=account,
                            cl_ord_id=ClOrdID(order.cl_ord_id or ""),
                            venue_order_id=order.venue_order_id,
                            venue_symbol=order.venue_symbol,
                            request_id="tidy",
                        )
                    )
            for held in (await self.venue.positions(account)).positions:
                side = Side.SELL if held.quantity > 0 else Side.BUY
                await self.venue.submit(
                    self.order(
                        side,
                        int(abs(held.quantity)),
                        account=account,
                        position_id=held.position_id,
                    )
                )


def rows(ledger: Path, query: str, *words: object) -> list[tuple[Any, ...]]:
    """Read a broker's ledger as anybody can."""
    with sqlite3.connect(ledger) as seen:
        found = seen.execute(query, words).fetchall()
    seen.close()
    return found
