"""An exchange and a connected client of it for each test, in one process and one loop."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bascule.fixwire import initiator
from bascule.venues.fix.emulator_exchange import Exchange
from tests.venues.fix.desk import HASTY, Trader, exchange

collect_ignore = [] if find_spec("quickfix") else ["test_quickfix.py"]
"""QuickFIX has wheels for one platform only; elsewhere what needs it is not collected."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect after a tenth of a second at most."""

    class Soon(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return super().uniform(a, min(b, 0.1))

    monkeypatch.setattr(initiator.random, "Random", Soon)


class Floor:
    """Starts exchanges and connects clients, and ends them with the test, whatever became of it."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory = directory
        self._stack = stack

    async def house(self, *sessions: dict[str, Any], **settings: Any) -> Exchange:
        """Start an exchange."""
        made = exchange(self.directory / "exchange", *sessions, **settings)
        await made.start()
        self._stack.push_async_callback(made.stop)
        return made

    async def trader(self, port: int, **settings: Any) -> Trader:
        """Connect a client; each has a store of its own unless it names one."""
        client = Trader(self.directory / f"client{next(_NUMBERS)}", port, **settings)
        self._stack.push_async_callback(client.venue.disconnect)
        await client.venue.connect()
        return client


_NUMBERS = count()


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    """Whatever a test needs of its own."""
    async with AsyncExitStack() as stack:
        yield Floor(tmp_path, stack)


@pytest.fixture
async def house(floor: Floor) -> Exchange:
    """A running exchange with an order session and a drop copy, its price at 100/102."""
    return await floor.house()


@pytest.fixture
async def trader(floor: Floor, house: Exchange) -> Trader:
    """A connected client."""
    return await floor.trader(house.port)


@pytest.fixture
async def hasty(floor: Floor, house: Exchange) -> Trader:
    """A connected client that gives an order up after a second without an answer."""
    return await floor.trader(house.port, override=HASTY)
