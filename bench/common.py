"""Shared by the benchmarks: percentiles, tables, child processes, and the disk's own speed."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
now = time.perf_counter_ns


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def microseconds(values_ns: Sequence[int]) -> tuple[float, float]:
    """Give p50 and p99 in microseconds."""
    return percentile(values_ns, 0.5) / 1e3, percentile(values_ns, 0.99) / 1e3


def fdatasync_p50_us(directory: Path, count: int = 400) -> float:
    """Measure what one small durable write costs on this disk, in microseconds."""
    sync = getattr(os, "fdatasync", os.fsync)
    taken = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        handle = file.fileno()
        for _ in range(count):
            os.write(handle, b"x" * 400)
            began = now()
            sync(handle)
            taken.append(now() - began)
    return statistics.median(taken) / 1e3


@contextmanager
def child(*arguments: str) -> Iterator[int]:
    """Run one of the benchmark's own processes; gives the port that it prints when ready."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                yield int(line.split()[1])
                break
        else:
            raise SystemExit(f"{arguments[0]} ended before it was ready")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Control:
    """The sink's control connection: what arrived, and when."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Control":
        """Connect to the sink and say that this is no venue link."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 28)
        writer.write(b"control\n")
        return cls(reader, writer)

    async def take(self) -> list[tuple[str, int]]:
        """Give (ClOrdID, arrival) of every order since the last take, and forget them."""
        self._writer.write(b"take\n")
        return [(name, at) for name, at in json.loads(await self._reader.readline())]

    async def take_when(self, count: int, patience_s: float = 30.0) -> list[tuple[str, int]]:
        """Wait until ``count`` orders have arrived (or patience ends), then take them."""
        deadline = time.monotonic() + patience_s
        got: list[tuple[str, int]] = []
        while len(got) < count and time.monotonic() < deadline:
            got += await self.take()
            if len(got) < count:
                await asyncio.sleep(0.02)
        return got


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one markdown table."""
    print(f"\n## {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
