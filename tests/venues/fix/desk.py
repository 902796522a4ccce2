"""A FIX exchange in this process, and a client of it that remembers what it was told."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode, PositionMode
from bascule.model.ids import VenueId, VenueOrderId
from bascule.model.order import NewOrder
from bascule.model.values import Currency
from bascule.venues.fix import create
from bascule.venues.fix.client import FixVenue
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.fix.emulator_settings import checked
from tests.venues.client import INSTRUMENT, MAIN, VenueClient
from tests.waiting import PATIENCE_S

LOGIN = "A1"
PASSWORD = "quite-a-secret"
TRADE: dict[str, Any] = {"target": "US"}
_PATIENT = {"absence_proof": "snapshots", "absence_apart_s": 0.3, "submit_timeout_s": PATIENCE_S}
HASTY = {**_PATIENT, "submit_timeout_s": 1.0}
"""For a test of what nobody answers: only there may a slow machine be taken for a silent one."""
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
            "answer_timeout_s": PATIENCE_S,
            "tls": False,
            "override": _PATIENT,
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


class Trader(VenueClient[FixVenue]):
    """A client of the exchange."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        secret: str = PASSWORD,
        secrets: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        words = context(directory, port, **settings)
        super().__init__(create, **{**words, "secrets": secrets or {"password": secret}})

    def sent(self, kind: str) -> list[bytes]:
        """Give the messages of a type that were sent."""
        head = f"35={kind}|".encode()
        return [line for way, _, line in self.wire if way == ">" and line.startswith(head)]

    def number(self, order: NewOrder) -> VenueOrderId:
        """Give the exchange's id of an order."""
        return next(r.venue_order_id for r in self.reports(order))


def held(house: Exchange) -> Decimal:
    """Give what the exchange says is held."""
    positions = house.broker.floor.accounts.by_login["A1"].positions
    return sum((position.quantity for position in positions.values()), Decimal(0))
