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
from tests.venues.client import INSTRUMENT, MAIN, VenueClient

HEDGED = AccountId("hedged")
LOGINS = {MAIN: "P1", HEDGED: "H1"}

SETTINGS: dict[str, Any] = {
    "accounts": [
        {"login": "P1", "currency": "USD", "balance": "1000000"},
        {"login": "H1", "currency": "USD", "balance": "1000000", "mode": "hedging"},
    ],
    "instruments": [INSTRUMENT],
    "feed": {"kind": "pushed"},
    "heartbeat_s": 2,
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
            settings={"port": process.port, "timeout_s": 10.0, **settings},
            accounts=accounts,
            secrets=dict.fromkeys(LOGINS.values(), process.token),
        )

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
