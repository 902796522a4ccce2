"""One signal to a hundred accounts, into a bare recording sink.

    python bench/fan_out.py [SIGNALS]

Signal to last byte with the engine idle, then orders/s sustained: each order planned, sized,
risk-checked, journaled with its verdicts and fsynced before it leaves. The same with 1,000,000
rows already in the journal, and with 10,000 orders open.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import Control, child, fdatasync_p50_us, now, percentile, table
from engine_process import PAPER_TOKEN, setup

from bascule.engine.memory import settle
from bascule.engine.runtime import Runtime
from bascule.journal.chain import encode
from bascule.journal.sqlite import SqliteStore
from bascule.journal.store import Value
from bascule.model.enums import Side
from bascule.model.event import EngineStopped, Event, OrderFilled
from bascule.model.intent import Amount, PlaceOrder, Signal
from bascule.model.values import Instant

ACCOUNTS = 100
WINDOW = 32
"""Signals under way at once in the sustained run."""


def signal(number: int, at: Instant) -> Signal:
    """Make the n-th signal."""
    from decimal import Decimal

    side = Side.BUY if number % 2 else Side.SELL
    return Signal(
        source="bench",
        dialect="native",
        received_at=at,
        body_hash=str(number),
        raw="{}",
        key=str(number),
        strategy="ma",
        intents=(PlaceOrder(symbol="BTCUSDT", side=side, quantity=Amount(Decimal("0.03"))),),
    )


def prefill(path: Path, rows: int) -> None:
    """Put rows into a fresh journal, as the engine would have."""
    store = SqliteStore.open(path)
    head = store.head()
    event: Event = EngineStopped(at=Instant(1), reason="x" * 700)
    for start in range(0, rows, 10_000):
        values: list[Value] = []
        head = encode([event] * min(10_000, rows - start), head, values)
        store.append(values)
    store.close()
    os.sync()  # writing a gigabyte back is not what is measured


class Run:
    """One engine and its sink."""

    def __init__(self, runtime: Runtime, control: Control) -> None:
        self._runtime, self._control = runtime, control
        self._number = 0

    async def _send(self) -> None:
        self._number += 1
        await self._runtime.submit(signal(self._number, self._runtime.clock.now()))

    async def idle(self, count: int) -> list[int]:
        """Give nanoseconds from signal to last byte, one signal at a time."""
        taken = []
        for _ in range(count):
            began = now()
            await self._send()
            got = await self._control.take_when(ACCOUNTS)
            taken.append(max(at for _, at in got) - began)
            await asyncio.sleep(0.01)
        return taken

    async def sustained(self, count: int) -> float:
        """Give orders/s from the first signal to the sink's last order."""
        gate = asyncio.Semaphore(WINDOW)

        async def one() -> None:
            async with gate:
                await self._send()

        began = now()
        await asyncio.gather(*(one() for _ in range(count)))
        got = await self._control.take_when(count * ACCOUNTS, 120)
        if len(got) != count * ACCOUNTS:
            raise SystemExit(f"lost orders: {len(got)} of {count * ACCOUNTS}")
        return len(got) / ((max(at for _, at in got) - began) / 1e9)


async def measure(sink: int, count: int, rows: int, open_orders: int) -> tuple[float, float, float]:
    """Run one case; gives p50 and p99 in milliseconds and orders/s."""
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as directory:
        if rows:
            prefill(Path(directory) / "journal.db", rows)
        control = await Control.open(sink)
        runtime = await Runtime.start(setup(Path(directory), sink, ACCOUNTS))
        while not all(account.reconciled for account in runtime.state.accounts.values()):
            await asyncio.sleep(0.01)
        settle()
        run = Run(runtime, control)
        await control.take()
        if open_orders:
            await run.sustained(open_orders // ACCOUNTS)
        await run.idle(10)
        taken = await run.idle(60)
        rate = await run.sustained(count)
        await runtime.stop("bench ended")
        return percentile(taken, 0.5) / 1e6, percentile(taken, 0.99) / 1e6, rate


def broker_settings(ledger: Path) -> dict[str, object]:
    """Describe a paper broker with the hundred accounts and one contract."""
    return {
        "ledger": str(ledger),
        "feed": {"kind": "walk", "ticks_per_second": 2},
        "accounts": [
            {
                "login": str(number),
                "currency": "USDT",
                "balance": "100000000",
                "leverage": "100",
                "token_env": "BENCH_PAPER_TOKEN",
            }
            for number in range(ACCOUNTS)
        ],
        "instruments": [
            {
                "venue_symbol": "BTCUSDT",
                "kind": "crypto_spot",
                "quote": "USDT",
                "tick_size": "0.1",
                "multiplier": "1",
                "lot_step": "0.0001",
                "min_qty": "0.0001",
                "max_qty": "1000",
                "start_price": "64250.5",
                "volatility_ticks": 5.0,
            }
        ],
    }


@contextmanager
def paper_broker(directory: Path) -> Iterator[int]:
    """Run a paper broker; gives its port."""
    config = directory / "broker.json"
    config.write_text(json.dumps(broker_settings(directory / "broker.db")))
    process = subprocess.Popen(
        [sys.executable, "-m", "bascule.venues.paper.emulator", "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BENCH_PAPER_TOKEN": PAPER_TOKEN},
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait(10)


async def into_paper(port: int, directory: Path, count: int) -> float:
    """Give orders/s from the first signal to the last fill, through a broker that matches them."""
    runtime = await Runtime.start(setup(directory, port, ACCOUNTS, paper=True))
    while not all(account.reconciled for account in runtime.state.accounts.values()):
        await asyncio.sleep(0.01)
    filled = 0

    def tally(events: Sequence[Event]) -> None:
        nonlocal filled
        filled += sum(isinstance(event, OrderFilled) for event in events)

    runtime.owner.follow(tally)
    gate = asyncio.Semaphore(4)

    async def one(number: int) -> None:
        async with gate:
            # Odd numbers buy: every signal is one order and one fill an account.
            await runtime.submit(signal(number, runtime.clock.now()))

    began = now()
    await asyncio.gather(*(one(number) for number in range(1, 2 * count, 2)))
    while filled < count * ACCOUNTS and now() - began < 120e9:
        await asyncio.sleep(0.01)
    took = (now() - began) / 1e9
    await runtime.stop("bench ended")
    return filled / took


def main() -> None:
    """Run the cases and print the table."""
    import uvloop

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    cases = (
        ("empty journal", 0, 0),
        ("1,000,000 rows in the journal", 1_000_000, 0),
        ("10,000 open orders", 0, 10_000),
    )
    got = {}
    with child("bench/sink.py") as sink, tempfile.TemporaryDirectory() as directory:
        disk = fdatasync_p50_us(Path(directory))
        for name, rows, open_orders in cases:
            got[name] = uvloop.run(measure(sink, count, rows, open_orders))
    with (
        tempfile.TemporaryDirectory(prefix="bascule-bench-") as name,
        paper_broker(Path(name)) as port,
    ):
        paper = uvloop.run(into_paper(port, Path(name), max(count // 4, 10)))
    base = got["empty journal"]
    table(
        f"Fan-out, 1 signal to {ACCOUNTS} accounts (fdatasync p50 {disk:,.0f} us)",
        ("case", "p50 ms", "p99 ms", "orders/s", "p50 ratio", "rate ratio"),
        [
            (
                name,
                f"{p50:.2f}",
                f"{p99:.2f}",
                f"{rate:,.0f}",
                f"{p50 / base[0]:.2f}",
                f"{base[2] / rate:.2f}",
            )
            for name, (p50, p99, rate) in got.items()
        ],
    )
    table(
        "Targets",
        ("what", "value", "target"),
        (
            ("p50", f"{base[0]:.2f} ms", "<= 15 ms"),
            ("p99", f"{base[1]:.2f} ms", "<= 40 ms"),
            ("orders/s", f"{base[2]:,.0f}", ">= 8,000"),
            ("orders/s into the paper venue, filled", f"{paper:,.0f}", "printed"),
        ),
    )


if __name__ == "__main__":
    main()
