"""The exchange as a process: killed at the worst moments, it goes on from its disk."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bascule.model.enums import OrdStatus
from bascule.model.order import Unknown
from bascule.venues.fix.emulator_exchange import CRASHED
from tests.ports import free_port
from tests.venues.client import INSTRUMENT, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import LOGIN, PASSWORD
from tests.waiting import PATIENCE_S, until


class Process:
    """An exchange in a process of its own, on the same ports at every start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Chosen here, since it goes on at the same ports: the system gives away its own meanwhile.
        self._ports = {name: free_port() for name in ("port", "quote_port", "admin_port")}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where orders go."""
        return self._ports["port"]

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        self._directory.mkdir(exist_ok=True)
        ready, config = self._directory / "ready", self._directory / "fix.json"
        ready.unlink(missing_ok=True)
        settings = {
            **self._ports,
            "store": str(self._directory / "store"),
            "sessions": [{"target": "US", "password_env": "FIX_PASSWORD"}],
            "accounts": [{"login": LOGIN, "currency": "USD", "balance": "1000000"}],
            "instruments": [INSTRUMENT],
            "admin_token_env": "FIX_ADMIN",
        }
        config.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "bascule.venues.fix.emulator"]
        self._process = subprocess.Popen(
            [*command, "--config", str(config), "--ready-file", str(ready)],
            env={**os.environ, "FIX_PASSWORD": PASSWORD, "FIX_ADMIN": "token"},
            stdout=subprocess.DEVNULL,
        )
        await until(ready.exists, "the exchange to listen")

    def kill(self) -> int:
        """End it at once, and give its exit code."""
        assert self._process is not None
        self._process.kill()
        return self._process.wait(PATIENCE_S)

    def wait(self) -> int:
        """Wait until it has ended by itself."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    async def ask(self, do: str, **words: Any) -> Any:
        """Have the administrator do something."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ports["admin_port"])
        writer.write(json.dumps({"token": "token", "do": do, **words}).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        assert "error" not in answer, answer
        return answer["done"]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    """A running exchange."""
    made = Process(tmp_path / "process")
    await made.start()
    yield made
    made.kill()


async def test_crash_before_it_told(process: Process, floor: Floor) -> None:
    """It dies with the order durable and nothing told; after its start it is found, filled once."""
    trader = await floor.trader(process.port)
    await process.ask("arm", name="crash_after_commit", nth=1)
    order = trader.order(size=2)
    assert isinstance(await trader.venue.submit(order), Unknown)
    assert await asyncio.to_thread(process.wait) == CRASHED
    await process.start()
    await trader.until(lambda: trader.links()[-1])
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert (shown.ord_status, shown.cum_qty) == (OrdStatus.FILLED, 2)
    # It died before it numbered the reports, so nobody will ever tell them: that is noticed.
    assert not (await trader.venue.fills_since(MAIN, shown.at)).complete
    assert len(trader.sent("D")) == 1
    assert len(await process.ask("rows", table="fills")) == 1


async def test_crash_before_it_was_durable(process: Process, floor: Floor) -> None:
    """It dies before the order is durable: the order never lived, and the client finds out."""
    trader = await floor.trader(process.port)
    await process.ask("arm", name="crash_before_commit", nth=1)
    order = trader.order(size=2)
    assert isinstance(await trader.venue.submit(order), Unknown)
    assert await asyncio.to_thread(process.wait) == CRASHED
    await process.start()
    await trader.until(lambda: trader.links()[-1])
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert await process.ask("rows", table="fills") == []


async def test_killed_with_orders_working(process: Process, floor: Floor) -> None:
    """Killed outright, it comes back with its orders, ids and numbers, and the session goes on."""
    trader = await floor.trader(process.port)
    order = trader.order(size=2, price=90)
    await trader.venue.submit(order)
    process.kill()
    await trader.until(lambda: not trader.links()[-1])
    await process.start()
    await trader.until(lambda: trader.links()[-1])
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert shown.cl_ord_id == order.cl_ord_id
    await process.ask("quote", symbol="GOLD", bid="88", ask="90")
    await trader.until(lambda: trader.fills(order))
    assert [fill.last_qty for fill in trader.fills(order)] == [2]


async def test_the_administrator_needs_the_token(process: Process) -> None:
    """Nobody arms a fault without it, and a command that makes no sense is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process._ports["admin_port"])
    for line, said in (
        (b'{"token": "no", "do": "cut"}\n', "the token is wrong"),
        (b'{"token": "token", "do": "dance"}\n', "cannot be read"),
        (b"no json\n", "cannot be read"),
    ):
        writer.write(line)
        assert said in json.loads(await reader.readline())["error"]
    writer.close()
