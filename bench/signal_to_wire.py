"""From the last byte of an alert to the first byte of its order at the venue's socket.

    python bench/signal_to_wire.py [SECONDS]

Three receivers in one run, on the same disk, with the same sink: Bascule as shipped, a bare
skeleton, and a Flask bot. One closed-loop connection, an open loop at 100/s, and 32 connections.
"""

import asyncio
import hmac
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import Control, child, fdatasync_p50_us, microseconds, now, percentile, table
from engine_process import TOKEN

KEY = b"k" * 32
PACED_S = 10
"""How long the open loop takes at least: the slowest percent of fewer than 1,000 is chance."""
Make = Callable[[int], tuple[bytes, bytes]]


def bascule_alert(number: int) -> tuple[bytes, bytes]:
    """Give path and body of the n-th alert, as TradingView would send it."""
    side = b"buy" if number % 2 else b"sell"
    body = (
        b'{"ticker":"BTCUSDT","action":"%b","contracts":"0.03","price":"64250.5","signal_id":"%d",'
        b'"strategy":"ma"}' % (side, number)
    )
    return b"/hooks/bench/" + TOKEN.encode(), body


def reference_alert(number: int) -> tuple[bytes, bytes]:
    """Give path and body of the n-th alert for the references."""
    body = b'{"id":"r%d","symbol":"BTCUSDT","side":"buy","quantity":"0.0150"}' % number
    return b"/hook", body


class Client(asyncio.Protocol):
    """One keep-alive connection that posts and waits."""

    def __init__(self) -> None:
        self._reply: asyncio.Future[bytes] | None = None
        self._buffer = b""
        self.closed = False

    @classmethod
    async def open(cls, port: int) -> "Client":
        """Connect."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Gather one reply."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(body) < length:
                return
        elif b"chunked" in lower and not body.endswith(b"0\r\n\r\n"):
            return
        self._buffer = b""
        self.closed = b"connection: close" in lower
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(head[9:12] + body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server hung up."""
        self.closed = True
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionError())

    async def post(self, path: bytes, body: bytes) -> tuple[str, int]:
        """Post one alert; gives the signal's id and when its last byte was handed over."""
        self._reply = asyncio.get_running_loop().create_future()
        signature = hmac.digest(KEY, body, "sha256").hex().encode()
        self._transport.write(
            b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"x-signature: %b\r\ncontent-length: %d\r\n\r\n%b" % (path, signature, len(body), body)
        )
        sent = now()
        reply = await asyncio.wait_for(self._reply, 10)
        if not reply.startswith(b"200") or b"accepted" not in reply:
            raise SystemExit(f"not accepted: {reply[:300]!r}")
        return reply.split(b'"signal":"')[-1].split(b'"')[0].decode(), sent


class Driver:
    """Drives one receiver and pairs what it sent with what the sink noted."""

    def __init__(self, port: int, control: Control, make: Make) -> None:
        self._port, self._control, self._make = port, control, make
        self._number = 0
        self._sent: dict[str, int] = {}

    async def _post(self, client: Client) -> Client:
        if client.closed:
            client = await Client.open(self._port)
        self._number += 1
        path, body = self._make(self._number)
        signal, sent = await client.post(path, body)
        self._sent[signal] = sent
        return client

    async def _latencies(self) -> list[int]:
        got = await self._control.take_when(len(self._sent))
        sent, self._sent = self._sent, {}
        # A ClOrdID begins with its signal's id.
        return [at - sent[name.rsplit("-1e", 1)[0]] for name, at in got]

    async def closed(self, connections: int, seconds: float) -> tuple[float, list[int], int]:
        """Post as fast as answers come; gives signals/s, latencies and how many were lost."""
        clients = [await Client.open(self._port) for _ in range(connections)]
        await self._control.take()
        began = now()
        stop = began + int(seconds * 1e9)

        async def work(client: Client) -> None:
            while now() < stop:
                client = await self._post(client)

        await asyncio.gather(*(work(client) for client in clients))
        rate = len(self._sent) / ((now() - began) / 1e9)
        count = len(self._sent)
        latencies = await self._latencies()
        return rate, latencies, count - len(latencies)

    async def open_loop(self, rate: int, seconds: float) -> list[int]:
        """Post at a fixed rate over eight connections, whether or not answers come."""
        idle = [await Client.open(self._port) for _ in range(8)]
        began, tasks = now(), set()
        for index in range(int(rate * seconds)):
            wait = (began + index * 1_000_000_000 // rate - now()) / 1e9
            if wait > 0:
                await asyncio.sleep(wait)
            if idle:
                client = idle.pop()
                task = asyncio.ensure_future(self._post(client))
                tasks.add(task)
                task.add_done_callback(
                    lambda done: (idle.append(done.result()), tasks.discard(done))
                )
        while tasks:
            await asyncio.sleep(0.01)
        return await self._latencies()


async def drive(port: int, sink: int, make: Make, seconds: float) -> dict[str, float]:
    """Measure one receiver."""
    control = await Control.open(sink)
    driver = Driver(port, control, make)
    await driver.closed(1, seconds / 6)
    _, one, lost_one = await driver.closed(1, seconds / 2)
    paced = await driver.open_loop(100, max(seconds / 2, PACED_S))
    rate, many, lost = await driver.closed(32, seconds)
    p50, p99 = microseconds(one)
    open50, open99 = microseconds(paced)
    return {
        "p50": p50,
        "p99": p99,
        "open50": open50,
        "open99": open99,
        "rate": rate,
        "many50": percentile(many, 0.5) / 1e3,
        "lost": lost + lost_one,
    }


def main() -> None:
    """Run the three receivers and print the table."""
    import uvloop

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 6.0
    rows, results = [], {}
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as directory:
        disk = fdatasync_p50_us(Path(directory))
        for name, script, make in (
            ("flask bot", "flask_bot.py", reference_alert),
            ("skeleton", "skeleton.py", reference_alert),
            ("bascule", "engine_process.py", bascule_alert),
        ):
            with (
                child("bench/sink.py") as sink,
                child(f"bench/{script}", str(sink), directory) as port,
            ):
                results[name] = uvloop.run(drive(port, sink, make, seconds))
    for name, got in results.items():
        rows.append(
            (
                name,
                f"{got['p50']:,.0f} / {got['p99']:,.0f}",
                f"{got['open50']:,.0f} / {got['open99']:,.0f}",
                f"{got['rate']:,.0f}",
                f"{got['many50']:,.0f}",
                f"{got['lost']:.0f}",
            )
        )
    table(
        f"Signal to wire (fdatasync p50 {disk:,.0f} us), microseconds p50 / p99",
        ("receiver", "1 connection", "100/s open loop", "signals/s, 32", "p50, 32", "lost"),
        rows,
    )
    ours, bones, bot = results["bascule"], results["skeleton"], results["flask bot"]
    table(
        "Ratios",
        ("what", "ratio", "target"),
        (
            ("p50 to fdatasync", f"{ours['p50'] / disk:.2f}", "<= 5"),
            ("p50 to flask", f"{ours['p50'] / bot['p50']:.2f}", "<= 0.8"),
            ("p99 to skeleton", f"{ours['p99'] / bones['p99']:.2f}", "<= 2"),
            ("open loop p50 to skeleton", f"{ours['open50'] / bones['open50']:.2f}", "<= 1.5"),
            ("open loop p99 to skeleton", f"{ours['open99'] / bones['open99']:.2f}", "<= 2"),
            ("signals/s to flask", f"{ours['rate'] / bot['rate']:.2f}", ">= 6"),
            ("p50 at 32 to flask", f"{ours['many50'] / bot['many50']:.2f}", "<= 0.25"),
            ("signals/s to skeleton", f"{ours['rate'] / bones['rate']:.2f}", "printed"),
        ),
    )


if __name__ == "__main__":
    main()
