"""A FIX exchange in this process, and a client of it that remembers what it was told."""

import asyncio
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
from bascule.venues.fix import create
from bascule.venues.fix.client import FixVenue
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.fix.emulator_settings import checked
from bascule.venues.kit.contract import LinkState, VenueContext, VenueMessage

GOLD = VenueSymbol("GOLD")
MAIN = AccountId("main")
LOGIN = "A1"
PASSWORD = "quite-a-secret"
PATIENCE_S = 8.0
INSTRUMENT: dict[str, Any] = {
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
TRADE: dict[str, Any] = {"target": "US"}
_QUICK = {"absence_proof": "snapshots", "absence_apart_s": 0.3, "submit_timeout_s": 1.0}
COPY: dict[str, Any] = {"target": "US-DC", "role": "drop_copy"}


def exchange(directory: Path, *sessions: dict[str, Any], **settings: Any) -> Exchange:
    """Make an exchange; its sessions ask for ``PASSWORD``."""
    given = sessions or (TRADE, COPY)
    raw = {
        "store": str(directory),
        "sessions": list(given),
        "accounts": [{"login": LOGIN, "currency": "USD", "balance": "1000000"}],
        "instruments": [INSTRUMENT],
        **settings,
    }
    return Exchange(checked(raw), passwords={one["target"]: PASSWORD for one in given})


def context(directory: Path, port: int, **settings: Any) -> dict[str, Any]:
    """Give the words of a venue's context."""
    return {
        "venue_id": "fx",
        "settings": {
            "host": "127.0.0.1",
            "port": port,
            "sender_comp_id": "US",
            "target_comp_id": "EMULATOR",
            "store": str(directory),
            "tls": False,
            "override": _QUICK,
            **settings,
        },
        "accounts": (spec(),),
        "secrets": {"password": PASSWORD},
    }


def spec(**words: Any) -> AccountSpec:
    """Give the account."""
    given: dict[str, Any] = {
        "id": MAIN,
        "venue": VenueId("fx"),
        "login": LOGIN,
        "mode": AccountMode.PAPER,
        "currency": Currency("USD"),
        "position_mode": PositionMode.NETTING,
        "initial_balance": Decimal(1_000_000),
    }
    return AccountSpec(**{**given, **words})


class Trader:
    """A venue, its sink, and its wire log."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        secret: str = PASSWORD,
        secrets: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.messages: list[VenueMessage] = []
        self.wire: list[tuple[str, str, bytes]] = []
        self._ids = 0
        self._prefix = f"t{time.monotonic_ns():x}"[-8:]
        self.venue: FixVenue = create(
            VenueContext(
                **{
                    **context(directory, port, **settings),
                    "secrets": secrets or {"password": secret},
                },
                sink=self.messages.append,
                wire_log=lambda way, subject, line: self.wire.append((way, subject, line)),
                clock=time.time_ns,
            )
        )

    def order(self, side: Side = Side.BUY, size: int = 1, **words: Any) -> NewOrder:
        """Make an order with an id of its own: a market order unless a price or stop is given."""
        self._ids += 1
        kind = OrdType.MARKET
        for name in ("price", "stop_price"):
            if name in words:
                words[name] = Decimal(words[name])
        if "stop_price" in words:
            kind = OrdType.STOP_LIMIT if "price" in words else OrdType.STOP
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

    def cancel_of(self, order: NewOrder, number: int = 1) -> CancelOrder:
        """Make the cancel of an order."""
        return CancelOrder(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=None,
            venue_symbol=order.venue_symbol,
            request_id=f"{order.cl_ord_id}.c{number}",
        )

    def replace_of(self, order: NewOrder, number: int = 1, **words: Any) -> ReplaceOrder:
        """Make a replace of an order."""
        return ReplaceOrder(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=None,
            venue_symbol=order.venue_symbol,
            request_id=f"{order.cl_ord_id}.r{number}",
            **{name: Decimal(value) for name, value in words.items()},
        )

    def reports(self, order: NewOrder | None = None) -> list[ExecutionReport]:
        """Give the reports so far, of an order when one is named."""
        return [
            message
            for message in self.messages
            if isinstance(message, ExecutionReport)
            and (order is None or message.cl_ord_id == order.cl_ord_id)
        ]

    def kinds(self, order: NewOrder) -> list[ExecType]:
        """Give the types of an order's reports so far."""
        return [report.exec_type for report in self.reports(order)]

    def fills(self, order: NewOrder | None = None) -> list[ExecutionReport]:
        """Give the fills that were told so far."""
        return [one for one in self.reports(order) if one.exec_type is ExecType.TRADE]

    def links(self) -> list[bool]:
        """Give what was told of the link so far."""
        return [message.up for message in self.messages if isinstance(message, LinkState)]

    def quotes(self) -> list[Quote]:
        """Give the quotes so far."""
        return [message for message in self.messages if isinstance(message, Quote)]

    def sent(self, kind: str) -> list[bytes]:
        """Give the messages of a type that were sent."""
        head = f"35={kind}|".encode()
        return [line for way, _, line in self.wire if way == ">" and line.startswith(head)]

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so, or fail."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, f"it did not come to be: {self.venue.notes}"
            await asyncio.sleep(0.002)

    async def told(self, order: NewOrder, *kinds: ExecType) -> list[ExecutionReport]:
        """Wait for exactly these reports of an order, in this order; gives them."""
        await self.until(lambda: len(self.reports(order)) >= len(kinds))
        assert self.kinds(order) == list(kinds)
        return self.reports(order)

    async def asked_fills(self) -> list[ExecutionReport]:
        """Ask for every fill of the account."""
        return list((await self.venue.fills_since(MAIN, Instant(0))).fills)

    def number(self, order: NewOrder) -> VenueOrderId:
        """Give the exchange's id of an order."""
        return next(r.venue_order_id for r in self.reports(order))


def held(house: Exchange) -> Decimal:
    """Give what the exchange says is held."""
    positions = house.broker.floor.accounts.by_login["A1"].positions
    return sum((position.quantity for position in positions.values()), Decimal(0))


async def until(condition: Callable[[], object], what: str, patience_s: float = 12.0) -> None:
    """Wait for a condition."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited for: {what}"
        await asyncio.sleep(0.01)
