"""How fast the journal is on this machine, as ratios to the disk's own fdatasync in this run.

    python bench/journal_bench.py DIRECTORY [--prefill 1000000]

DIRECTORY lies on the disk to measure; the bench makes one folder there and removes it.
"""

import argparse
import asyncio
import gc
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from bascule.journal import Journal
from bascule.journal.chain import decode
from bascule.journal.sqlite import SqliteStore
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.event import (
    Event,
    OrderAcknowledged,
    OrderRequested,
    SignalAccepted,
    Verdict,
)
from bascule.model.ids import base36
from bascule.model.intent import PlaceOrder

VERDICTS = tuple(
    Verdict(code, True)
    for code in ("halt", "mode", "tradable", "session", "tick_lot", "size", "position", "rate")
)
RAW = '{"ticker":"EURUSD","action":"buy","sentiment":"long","quantity":"0.10","price":"1.0873"}'


def order_of(number: int) -> list[Event]:
    """Make the three events of one order: the signal, the request, the acknowledgement."""
    signal = f"a1-{base36(number)}"
    order = f"{signal}-3e"
    at = 1_760_000_000_000_000_000 + number
    return [
        SignalAccepted(
            at=at,
            signal=signal,
            source="alerts",
            dialect="plain_json",
            strategy="ma-cross-15m",
            key=signal,
            body_hash="5f3c" * 16,
            received_at=at,
            raw=RAW,
            intents=(PlaceOrder(symbol="EURUSD", side=Side.BUY),),
        ),
        OrderRequested(
            at=at,
            cl_ord_id=order,
            signal=signal,
            intent=0,
            account="prop-eu-1",
            strategy="ma-cross-15m",
            leg="e",
            symbol="EURUSD",
            venue_symbol="EURUSD.pro",
            side=Side.BUY,
            quantity=Decimal("0.10"),
            ord_type=OrdType.MARKET,
            sizing="fixed 0.10 lots",
            verdicts=VERDICTS,
        ),
        OrderAcknowledged(
            at=at,
            account="prop-eu-1",
            cl_ord_id=order,
            status=OrdStatus.WORKING,
            venue_order_id=str(number),
        ),
    ]


def percentile(values: list[float], share: float) -> float:
    """Give a percentile in microseconds of values in seconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e6


def line(name: str, values: list[float], base: float, extra: str = "") -> None:
    """Print latencies and their ratio to the disk's fdatasync."""
    shares = [percentile(values, share) for share in (0.5, 0.99, 0.999)]
    print(
        f"{name:44} p50 {shares[0]:7,.0f}  p99 {shares[1]:7,.0f}  p99.9 {shares[2]:8,.0f} us"
        f"   {shares[0] / base:5.2f} x fdatasync   {extra}",
        flush=True,
    )


def fdatasync(folder: Path, size: int = 16_384, count: int = 1_500) -> list[float]:
    """Overwrite and sync ``size`` bytes, as a WAL does; give the seconds of each."""
    sync = getattr(os, "fdatasync", os.fsync)
    taken = []
    with (folder / "raw").open("wb", buffering=0) as file:
        file.write(bytes(size * count))
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(count):
            start = time.perf_counter()
            file.write(b"x" * size)
            sync(file.fileno())
            taken.append(time.perf_counter() - start)
    return taken


class Bench:
    """One journal, its loop, and who waits for which sequence."""

    def __init__(self, path: Path) -> None:
        self.waiting: deque[tuple[int, float, asyncio.Future[None] | None]] = deque()
        self.latencies: list[float] = []
        self.number = 0
        self.journal = Journal.open(
            path,
            clock=time.time_ns,
            call_soon=asyncio.get_running_loop().call_soon_threadsafe,
            on_durable=self.durable,
            on_fatal=self.fatal,
        )

    def fatal(self, error: Exception) -> None:
        """End the bench."""
        raise error

    def durable(self, seq: int) -> None:
        """Note how long each append took until now."""
        now = time.perf_counter()
        while self.waiting and self.waiting[0][0] <= seq:
            _, start, future = self.waiting.popleft()
            self.latencies.append(now - start)
            if future and not future.done():
                future.set_result(None)

    def append(self, orders: int, *, wait: bool) -> asyncio.Future[None] | None:
        """Append some orders as one batch."""
        events: list[Event] = []
        for _ in range(orders):
            self.number += 1
            events += order_of(self.number)
        future = asyncio.get_running_loop().create_future() if wait else None
        start = time.perf_counter()
        self.waiting.append((self.journal.append(events), start, future))
        return future

    async def one_by_one(self, count: int, orders: int = 1) -> float:
        """Append and wait, ``count`` times; give the seconds it took."""
        self.latencies.clear()
        start = time.perf_counter()
        for _ in range(count):
            future = self.append(orders, wait=True)
            assert future
            await future
        return time.perf_counter() - start

    async def open_loop(self, count: int, rate: float, work: Callable[[], object]) -> float:
        """Offer ``rate`` orders a second to a loop that does ``work`` for each.

        A loop that has nothing due sleeps in its selector, as a real one does.
        """
        self.latencies.clear()
        ready = [order_of(self.number + n + 1) for n in range(count)]
        self.number += count
        gc.collect()
        gc.freeze()
        start = time.perf_counter()
        sent = 0
        while sent < count:
            due = min(count, int((time.perf_counter() - start) * rate) + 1, sent + 8)
            for events in ready[sent:due]:
                work()
                now = time.perf_counter()
                self.waiting.append((self.journal.append(events), now, None))
            sent = due
            await asyncio.sleep(max(0.0, start + sent / rate - time.perf_counter()))
        while self.journal.backlog:
            await asyncio.sleep(0.0005)
        gc.unfreeze()
        return time.perf_counter() - start


def load() -> str:
    """Say how busy the machine is with other things; a ratio taken on a busy one says little."""
    return f"load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "load unknown"


def spin(microseconds: float) -> Callable[[], object]:
    """Make a piece of pure Python work of about this length."""
    rounds = 1_000
    start = time.perf_counter()
    sum(range(rounds * 100))
    each = (time.perf_counter() - start) / 100 / rounds
    count = int(microseconds * 1e-6 / each)
    return lambda: sum(range(count))


def prefill(path: Path, rows: int) -> None:
    """Fill a journal by large appends, without a loop."""
    journal = Journal.open(
        path,
        clock=time.time_ns,
        call_soon=lambda callback, *args: callback(*args),
        on_durable=lambda seq: None,
        on_fatal=print,
    )
    number = 10_000_000
    while journal.head.seq < rows:
        events: list[Event] = []
        for _ in range(1_000):
            number += 1
            events += order_of(number)
        journal.append(events)
        while journal.backlog > 20_000:
            time.sleep(0.001)
    journal.close()


async def measure(path: Path, base: float, name: str) -> None:
    """Measure one journal in every way."""
    bench = Bench(path)
    await bench.one_by_one(300)
    seconds = await bench.one_by_one(3_000)
    line(
        f"{name}: one signal, 3 rows, idle loop", bench.latencies, base, f"{3000 / seconds:,.0f}/s"
    )
    seconds = await bench.one_by_one(300, orders=33)
    line(f"{name}: 99 rows a commit", bench.latencies, base, f"{300 * 99 / seconds:,.0f} rows/s")
    for rate, work_us in ((2_000, 60), (8_000, 60), (12_000, 50), (50_000, 0)):
        count = min(24_000, rate * 3)
        seconds = await bench.open_loop(count, rate, spin(work_us))
        line(
            f"{name}: {rate:,} orders/s asked, {work_us} us work each",
            bench.latencies,
            base,
            f"{count / seconds:,.0f} orders/s done",
        )
    bench.journal.close()


def replay(path: Path) -> None:
    """Measure start: open, and the replay of everything."""
    start = time.perf_counter()
    store = SqliteStore.open(path)
    opened = time.perf_counter() - start
    sample = [(row.seq, row.data) for row, _ in zip(store.rows(0), range(100_000), strict=False)]
    store.close()
    start = time.perf_counter()
    for seq, data in sample:
        decode(seq, data)
    alone = len(sample) / (time.perf_counter() - start)
    journal = Journal.open(
        path, clock=time.time_ns, call_soon=print, on_durable=print, on_fatal=print
    )
    start = time.perf_counter()
    count = sum(1 for _ in journal.replay())
    rate = count / (time.perf_counter() - start)
    journal.close()
    size = path.stat().st_size / 1e6
    print(f"open {opened * 1e3:.0f} ms ({size:,.0f} MB); decode alone {alone:,.0f} events/s;")
    print(f"replay with read, chain check and decode {rate:,.0f} events/s ({count:,} events)")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--prefill", type=int, default=1_000_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="journal-bench-", dir=options.directory))
    try:
        disk = fdatasync(folder)
        base = percentile(disk, 0.5)
        print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {load()}")
        line("bare fdatasync of 16 KiB, overwriting", disk, base)
        asyncio.run(measure(folder / "empty.db", base, "empty"))
        if options.prefill:
            (folder / "full").mkdir()
            path = folder / "full" / "journal.db"
            start = time.perf_counter()
            prefill(path, options.prefill)
            seconds = time.perf_counter() - start
            print(f"prefilled {options.prefill:,} rows: {options.prefill / seconds:,.0f} rows/s")
            asyncio.run(measure(path, base, f"{options.prefill:,} rows"))
            replay(path)
        disk = fdatasync(folder)
        line("bare fdatasync again", disk, base)
        print(f"Done, {load()}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
