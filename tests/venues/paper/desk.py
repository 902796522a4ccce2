"""A paper broker in its own process, and a client of it that remembers what it was told."""

import sqlite3
from pathlib import Path
from typing import Any

from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode, PositionMode, Side
from bascule.model.ids import AccountId, ClOrdID, VenueId
from bascule.model.order import CancelOrder
from bascule.model.values import Currency
from bascule.venues.paper import create
from bascule.venues.paper.client import PaperVenue
from bascule.venues.paper.control import PaperProcess
from tests.ports import free_port
from tests.venues.client import INSTRUMENT, MAIN, VenueClient
from tests.waiting import PATIENCE_S

HEDGED = AccountId("hedged")
LOGINS = {MAIN: "P1", HEDGED: "H1"}

SETTINGS: dict[str, Any] = {
    "accounts": [
        {"login": "P1", "currency": "USD", "balance": "1000000"},
        {"login": "H1", "currency": "USD", "balance": "1000000", "mode": "hedging"},
    ],
    "instruments": [INSTRUMENT],
    "feed": {"kind": "pushed"},
    "heartbeat_s": PATIENCE_S / 3,
    "snapshot_s": 0.05,
}


class Trader(VenueClient[PaperVenue]):
    """A link to a broker for both accounts."""

    def __init__(self, process: PaperProcess, **settings: Any) -> None:
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
        super().__init__(
            create,
            venue_id="paper",
            settings={"port": process.port, "timeout_s": PATIENCE_S, **settings},
            accounts=accounts,
            secrets=dict.fromkeys(LOGINS.values(), process.token),
        )

    def wait_for_answers(self, seconds: float) -> None:
        """Wait so long for each answer from now on; every earlier request must be answered."""
        link = self.venue._link
        assert link is not None and not link._waiting
        if link._timer is not None:
            link._timer.cancel()
        link._timer = None
        link._deadlines.clear()
        link._timeout_s = seconds

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


def process_of(directory: Path, **settings: Any) -> PaperProcess:
    """Give a broker that goes on at its port after an end: one that is nobody else's meanwhile."""
    process = PaperProcess({**SETTINGS, **settings}, directory)
    process.port = free_port()
    return process


def rows(ledger: Path, query: str, *words: object) -> list[tuple[Any, ...]]:
    """Read a broker's ledger as anybody can."""
    with sqlite3.connect(ledger) as seen:
        found = seen.execute(query, words).fetchall()
    seen.close()
    return found
