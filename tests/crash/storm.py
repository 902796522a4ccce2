"""A storm: load on a real engine and a real paper broker, while the engine is killed or frozen.

Ground truth is the broker's ledger, read as anybody can, never what the engine believes.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import apsw

from bascule.execution.evolve import evolve
from bascule.execution.state import State
from bascule.journal.chain import decode
from bascule.model.enums import OrdStatus
from bascule.model.ids import AccountId, Symbol
from tests.crash.engine_main import LOGINS, PATH_TOKEN
from tests.ports import free_port

HERE = Path(__file__).resolve().parent
SYMBOL = "EURUSD"
START_PRICE = 1.1
START_S = 120.0
"""A process that does not listen by then never will, however busy the machine is."""
ENOUGH = 150
"""So many fills, and a storm has shown something; a slow machine takes longer to have them."""


def broker_settings(ledger: Path, faults: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe the broker: quick random prices, partial fills, delays in which races happen."""
    plain = {"native_bracket": False, "native_trailing": False, "reduce_only": False}
    return {
        "ledger": str(ledger),
        "seed": 7,
        "fill_delay_ms": 5,
        "cancel_delay_ms": 5,
        "reply_delay_ms": 1,
        "feed": {"kind": "walk", "ticks_per_second": 50},
        "accounts": [
            {
                "login": login,
                "currency": "USD",
                "balance": "10000000",
                "mode": "hedging" if login == "beta" else "netting",
                "leverage": "500",
                "token_env": f"STORM_{login.upper()}",
                **(plain if login == "gamma" else {}),
            }
            for login in LOGINS
        ],
        "instruments": [
            {
                "venue_symbol": f"{SYMBOL}.x",
                "kind": "fx",
                "quote": "USD",
                "base": "EUR",
                "tick_size": "0.00001",
                "multiplier": "100000",
                "lot_step": "0.01",
                "min_qty": "0.01",
                "max_qty": "100",
                "pip_size": "0.0001",
                "session": "always",
                "start_price": str(START_PRICE),
                "volatility_ticks": 40.0,
                "spread_ticks": 2,
                "touch_size": "0.2",
                "levels": 5,
            }
        ],
        "faults": faults,
    }


@dataclass
class Storm:
    """One storm in one directory."""

    directory: Path
    seed: int
    faults: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    starts_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.ledger = self.directory / "broker.db"
        self.data = self.directory / "engine"
        self.http_port = free_port()
        self.environment = {
            **os.environ,
            **{f"STORM_{login.upper()}": f"token-{login}" for login in LOGINS},
        }
        self.broker: subprocess.Popen[str]
        self.broker_port = 0
        self.engine: subprocess.Popen[bytes] | None = None
        self._loading = True

    # --- processes ------------------------------------------------------------------------------

    def start_broker(self) -> None:
        """Start the paper broker and wait until it listens."""
        config = self.directory / "broker.json"
        config.write_text(json.dumps(broker_settings(self.ledger, self.faults)))
        self.broker = subprocess.Popen(
            [sys.executable, "-m", "bascule.venues.paper.emulator", "--config", str(config)],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        assert self.broker.stdout is not None
        line = self.broker.stdout.readline()
        assert "ready" in line, line
        self.broker_port = int(line.rsplit(":", 1)[1])

    def start_engine(self) -> None:
        """Start the engine; it is up when its port answers."""
        self.data.mkdir(exist_ok=True)
        began = time.monotonic()
        self.engine = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "engine_main.py"),
                str(self.data),
                str(self.broker_port),
                str(self.http_port),
            ],
            env=self.environment,
        )
        while True:
            assert self.engine.poll() is None, f"the engine ended by itself: {self.engine.poll()}"
            assert time.monotonic() - began < START_S, "the engine does not listen"
            try:
                with socket.create_connection(("127.0.0.1", self.http_port), timeout=0.2):
                    break
            except OSError:
                time.sleep(0.02)
        self.starts_s.append(time.monotonic() - began)

    def kill_engine(self) -> None:
        """Kill the engine where it stands."""
        assert self.engine is not None
        self.engine.kill()
        self.engine.wait()

    async def freeze_engine(self, seconds: float) -> None:
        """Stop the engine in the middle of what it does, and let it thaw."""
        assert self.engine is not None
        self.engine.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.engine.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End both processes."""
        for process in (self.engine, getattr(self, "broker", None)):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if process is not None and process.stdout is not None:
                process.stdout.close()

    # --- load -----------------------------------------------------------------------------------

    def _body(self, name: str) -> dict[str, Any]:
        price = START_PRICE
        strategy = self.dice.choice(["ma", "rsi"])
        body: dict[str, Any] = {"ticker": SYMBOL, "signal_id": name, "strategy": strategy}
        roll = self.dice.random()
        if roll < 0.6:
            side = self.dice.choice(["buy", "sell"])
            sign = 1 if side == "buy" else -1
            body |= {"action": side, "price": f"{price:.5f}"}
            if self.dice.random() < 0.7:
                body |= {
                    "sl": f"{price - sign * self.dice.uniform(0.02, 0.05):.5f}",
                    "tp": f"{price + sign * self.dice.uniform(0.02, 0.05):.5f}",
                }
            if self.dice.random() < 0.2:
                away = self.dice.uniform(0.002, 0.01)
                body |= {"order_type": "limit", "limit": f"{price - sign * away:.5f}"}
        elif roll < 0.9:
            body |= {"action": "close"}
        else:
            body |= {"action": "cancel"}
        return body

    async def load(self, per_second: float) -> None:
        """Post alerts until told to stop; an alert without an answer is sent again, as it was."""
        url = f"http://127.0.0.1:{self.http_port}/hooks/storm/{PATH_TOKEN}"
        waiting: list[tuple[str, str]] = []
        timeout = aiohttp.ClientTimeout(total=3)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while self._loading:
                if waiting and self.dice.random() < 0.5:
                    name, body = waiting.pop(0)
                else:
                    self.sent += 1
                    name = f"{self.seed}-{self.sent}"
                    body = json.dumps(self._body(name))
                try:
                    async with session.post(url, data=body) as answer:
                        if answer.status == 200:
                            got = await answer.json(content_type=None)
                            self.acknowledged[name] = got["signal"]
                        else:
                            await answer.read()
                            if answer.status >= 500:
                                waiting.append((name, body))
                except (aiohttp.ClientError, TimeoutError, ConnectionError):
                    waiting.append((name, body))
                await asyncio.sleep(self.dice.expovariate(per_second))

    def stop_load(self) -> None:
        """Let the load end after its current alert."""
        self._loading = False

    # --- truth ----------------------------------------------------------------------------------

    def rows(self, path: Path, query: str) -> list[tuple[Any, ...]]:
        """Read a database as a stranger would."""
        # By the engine's library, since a test may run an engine in this process: another one
        # would not see its locks.
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def journal(self, query: str) -> list[tuple[Any, ...]]:
        """Read the engine's journal."""
        return self.rows(self.data / "journal.db", query)

    def differences(self) -> list[str]:
        """Say everything that is wrong between what was promised, the journal and the ledger."""
        wrong: list[str] = []
        # A resend's answer bears its own number, which stands in ``cause``.
        kept = {
            row[0]
            for row in self.journal("select signal from events union select cause from events")
        }
        for name, got in self.acknowledged.items():
            if got not in kept:
                wrong.append(f"alert {name} was acknowledged as {got} and is not in the journal")
        sends = self.rows(
            self.ledger,
            "select cl_ord_id, count(*) from requests where op='submit' and cl_ord_id <> '' "
            "group by cl_ord_id having count(*) > 1",
        )
        wrong += [f"order {name} reached the broker {count} times" for name, count in sends]
        twice = self.rows(
            self.ledger,
            "select cl_ord_id, count(*) from orders where cl_ord_id <> '' "
            "group by cl_ord_id having count(*) > 1",
        )
        wrong += [f"order {name} lives {count} times" for name, count in twice]
        keys = self.journal(
            "select json_extract(data, '$.source') || json_extract(data, '$.key'), count(*) "
            "from events where kind='signal_accepted' group by 1 having count(*) > 1"
        )
        wrong += [f"key {key} was acted on {count} times" for key, count in keys]
        theirs = {row[0] for row in self.rows(self.ledger, "select exec_id from fills")}
        ours = self.journal(
            "select json_extract(data, '$.exec_id') from events "
            "where kind in ('order_filled', 'foreign_fill')"
        )
        names = [row[0] for row in ours]
        wrong += [f"fill {name} is not in the journal" for name in theirs - set(names)]
        wrong += [f"fill {name} is not in the ledger" for name in set(names) - theirs]
        if len(names) != len(set(names)):
            wrong.append("a fill was counted twice")
        foreign = self.journal("select data from events where kind='foreign_fill'")
        wrong += [f"a fill of ours went to nobody: {row[0]}" for row in foreign]
        drift = self.journal("select data from events where kind='drift_found'")
        wrong += [f"drift: {row[0]}" for row in drift]
        return wrong + self._state_differences()

    def _state_differences(self) -> list[str]:
        """Fold the journal, and hold positions and open orders against the ledger's."""
        state = State()
        for seq, data in self.journal("select seq, data from events order by seq"):
            evolve(state, decode(seq, data))
        wrong: list[str] = []
        for login in LOGINS:
            account = state.accounts.get(AccountId(login))
            if account is None:
                return [f"account {login} is not in the journal"]
            theirs = sum(
                Decimal(str(row[0]))
                for row in self.rows(
                    self.ledger, f"select quantity from positions where login='{login}'"
                )
            )
            exposure = account.exposure.get(Symbol(SYMBOL))
            ours = exposure.net if exposure is not None else Decimal(0)
            books = sum(book.quantity for book in account.books.values())
            if not ours == theirs == books:
                wrong.append(f"{login} holds {theirs}, the journal says {ours}, books {books}")
            open_there = {
                row[0]
                for row in self.rows(
                    self.ledger,
                    "select venue_order_id from orders where status in "
                    f"('working', 'partially_filled') and login='{login}'",
                )
            }
            open_here = {order.venue_order_id for order in account.orders.values()}
            wrong += [
                f"{login}: order {name} is open there only" for name in open_there - open_here
            ]
            wrong += [f"{login}: order {name} is open here only" for name in open_here - open_there]
            wrong += [
                f"{login}: {order.cl_ord_id} is still in doubt"
                for order in account.orders.values()
                if order.status is OrdStatus.IN_DOUBT
            ]
        return wrong

    def counts(self) -> dict[str, int]:
        """Count what happened, so that a storm in which nothing did cannot pass."""
        kinds = dict(self.journal("select kind, count(*) from events group by kind"))
        fills = self.rows(self.ledger, "select count(*) from fills")[0][0]
        return {"sent": self.sent, "acknowledged": len(self.acknowledged), "fills": fills, **kinds}

    async def has_blown(self) -> None:
        """Wait until enough was filled; the load goes on meanwhile."""
        deadline = time.monotonic() + START_S
        while self.rows(self.ledger, "select count(*) from fills")[0][0] < ENOUGH:
            assert time.monotonic() < deadline, f"there is too little wind: {self.counts()}"
            await asyncio.sleep(0.1)

    async def settle(self, patience_s: float = 180.0) -> None:
        """Wait until nothing is in doubt or in flight and the journal stands still.

        A lost report of a resting order is found by the look of the next minute.
        """
        deadline = time.monotonic() + patience_s
        last = -1
        while time.monotonic() < deadline:
            await asyncio.sleep(1.2)
            head = self.journal("select max(seq) from events")[0][0]
            if head == last and not self.differences():
                return
            last = head


async def run_storm(storm: Storm, rounds: int, *, freeze: bool = False) -> list[str]:
    """Start everything, kill or freeze the engine ``rounds`` times under load, and compare."""
    storm.start_broker()
    try:
        storm.start_engine()
        loads = [asyncio.ensure_future(storm.load(25)) for _ in range(4)]
        for _ in range(rounds):
            await asyncio.sleep(storm.dice.uniform(0.3, 1.2))
            if freeze:
                await storm.freeze_engine(storm.dice.uniform(0.2, 2.5))
            else:
                storm.kill_engine()
                await asyncio.sleep(storm.dice.uniform(0.0, 0.3))
                storm.start_engine()
        await asyncio.sleep(1.5)
        await storm.has_blown()
        storm.stop_load()
        await asyncio.gather(*loads)
        await storm.settle()
        return storm.differences()
    finally:
        storm.stop()
