"""A client of a venue that remembers what it was told and what went over its wire."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

from bascule.model.enums import ExecType, OrdType, Side
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from bascule.model.values import Instant
from bascule.venues.kit.contract import LinkState, Venue, VenueContext, VenueMessage
from tests.waiting import PATIENCE_S

GOLD = VenueSymbol("GOLD")
MAIN = AccountId("main")
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
_PRICES = ("price", "stop_price", "stop_loss", "take_profit")

V = TypeVar("V", bound=Venue)


class VenueClient(Generic[V]):
    """A venue, its sink, and its wire log; ``words`` are the rest of the venue's context."""

    def __init__(self, create: Callable[[VenueContext], V], **words: Any) -> None:
        self.messages: list[VenueMessage] = []
        self.wire: list[tuple[str, str, bytes]] = []
        self._ids = 0
        self._prefix = f"t{time.monotonic_ns():x}"[-8:]
        self.venue = create(
            VenueContext(
                **words,
                sink=self.messages.append,
                wire_log=lambda way, subject, line: self.wire.append((way, subject, line)),
                clock=time.time_ns,
            )
        )

    def order(self, side: Side = Side.BUY, size: int = 1, **words: Any) -> NewOrder:
        """Make an order with an id of its own: a market order unless a price or stop is given."""
        self._ids += 1
        words |= {name: Decimal(words[name]) for name in _PRICES if name in words}
        kind = OrdType.LIMIT if "price" in words else OrdType.MARKET
        if "stop_price" in words:
            kind = OrdType.STOP_LIMIT if "price" in words else OrdType.STOP
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
        changed: dict[str, Any] = {name: Decimal(value) for name, value in words.items()}
        return ReplaceOrder(
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=None,
            venue_symbol=order.venue_symbol,
            request_id=f"{order.cl_ord_id}.r{number}",
            **changed,
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

    def fills(self, order: NewOrder | None = None) -> list[ExecutionReport]:
        """Give the fills that were told so far."""
        return [one for one in self.reports(order) if one.exec_type is ExecType.TRADE]

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
            told = f"last told: {self.messages[-3:]}"
            assert time.monotonic() < deadline, f"it did not come to be; {told}"
            await asyncio.sleep(0.002)

    async def told(self, order: NewOrder, *kinds: ExecType) -> list[ExecutionReport]:
        """Wait for exactly these reports of an order, in this order; gives them."""
        await self.until(lambda: len(self.reports(order)) >= len(kinds))
        assert self.kinds(order) == list(kinds)
        return self.reports(order)

    async def asked_fills(self, account: AccountId = MAIN) -> list[ExecutionReport]:
        """Ask for every fill of an account."""
        return list((await self.venue.fills_since(account, Instant(0))).fills)
