"""A client for strategies in scripts and notebooks; docs/client.md shows it at work.

from bascule import Client

with Client(strategy="fx") as bascule:
    bascule.place("EURUSD", "buy", ("0.1", "lots"), stop_loss=("20", "pips"))
"""

from bascule.client.aio import AsyncClient
from bascule.client.instructions import Measure, Number
from bascule.client.sync import Client
from bascule.client.told import (
    Account,
    ClientError,
    Event,
    Order,
    Position,
    Quote,
    Receipt,
    Refused,
    Unanswered,
)

__all__ = [
    "Account",
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "Measure",
    "Number",
    "Order",
    "Position",
    "Quote",
    "Receipt",
    "Refused",
    "Unanswered",
]
