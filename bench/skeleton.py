"""The reference: the least that a durable bridge could do, and no more.

    python bench/skeleton.py SINK_PORT DIRECTORY     prints "ready PORT"

A raw ASGI handler checks an HMAC, decodes a fixed struct, looks at a set of seen ids and one
position, has one row committed by a writer thread (group commit), writes one order to one socket
and answers. No planner, no order table, no hash chain, nothing to explain or recover with.
"""

import asyncio
import hmac
import queue
import sqlite3
import sys
import threading
from typing import Any

import msgspec
import uvicorn

KEY = b"k" * 32


class Alert(msgspec.Struct):
    """What the benchmark's alerts hold."""

    id: str
    symbol: str
    side: str
    quantity: str


class Skeleton:
    """The ASGI application."""

    def __init__(self, directory: str) -> None:
        self._decode = msgspec.json.Decoder(Alert).decode
        self._seen: set[str] = set()
        self._position = 0.0
        self._jobs: queue.SimpleQueue[tuple[Alert, bytes, asyncio.Future[None]]] = (
            queue.SimpleQueue()
        )
        self._path = f"{directory}/skeleton.db"

    async def start(self, sink_port: int) -> None:
        """Connect to the sink and start the writer."""
        self._loop = asyncio.get_running_loop()
        self._transport, _ = await self._loop.create_connection(
            asyncio.Protocol, "127.0.0.1", sink_port
        )
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        store = sqlite3.connect(self._path, isolation_level=None)
        store.execute("pragma journal_mode=wal")
        store.execute("pragma synchronous=full")
        store.execute("create table if not exists ev(seq integer primary key, body blob not null)")
        while True:
            batch = [self._jobs.get()]
            while len(batch) < 500:
                try:
                    batch.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            store.execute("begin immediate")
            store.executemany("insert into ev(body) values(?)", [(job[1],) for job in batch])
            store.execute("commit")
            self._loop.call_soon_threadsafe(self._durable, batch)

    def _durable(self, batch: list[tuple[Alert, bytes, asyncio.Future[None]]]) -> None:
        for alert, body, done in batch:
            self._transport.write(b'{"cl_ord_id":"%b","order":%b}\n' % (alert.id.encode(), body))
            done.set_result(None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one alert."""
        if scope["type"] != "http":
            return
        message = await receive()
        body = message["body"]
        signature = next((v for k, v in scope["headers"] if k == b"x-signature"), b"")
        if not hmac.compare_digest(hmac.digest(KEY, body, "sha256").hex().encode(), signature):
            raise ValueError("signature")
        alert = self._decode(body)
        if alert.id not in self._seen and abs(self._position) < 1e12:
            self._seen.add(alert.id)
            self._position += float(alert.quantity)
            done: asyncio.Future[None] = self._loop.create_future()
            self._jobs.put((alert, body, done))
            await done
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        reply = b'{"status":"accepted","signal":"%b"}' % alert.id.encode()
        await send({"type": "http.response.body", "body": reply})


async def main() -> None:
    """Serve until ended."""
    application = Skeleton(sys.argv[2])
    await application.start(int(sys.argv[1]))
    config = uvicorn.Config(
        application,
        port=0,
        log_level="critical",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("ready", server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
