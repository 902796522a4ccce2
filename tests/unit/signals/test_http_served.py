"""The intake behind a real server on loopback, spoken to over a socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from bascule.signals.intake.source import Rate, Source
from tests.unit.signals.asgi import ALERT, SECRET, TOKEN, Sender
from tests.waiting import PATIENCE_S

PATH = f"/hooks/path/{TOKEN}"


@asynccontextmanager
async def served(sender: Sender) -> AsyncIterator[int]:
    """Serve the sender's application and give the port."""
    config = uvicorn.Config(
        sender.app, host="127.0.0.1", port=0, log_level="critical", access_log=False
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            await running


async def exchange(port: int, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send raw bytes and read one answer."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length:")
        )
        body = await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()
    return int(head.split(" ")[1]), json.loads(body)


def post(path: str, body: object, *headers: str) -> bytes:
    """Write a request as TradingView would."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}",
        "Content-Type: text/plain; charset=utf-8", "Connection: close", *headers,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


async def test_the_intake_over_a_socket() -> None:
    """Accepted, refused, unauthenticated, unknown, too large, too many: each with its status."""
    sources = [
        Source(name="path", path_token=TOKEN, rate=Rate(per_minute=1, burst=4)),
        Source(name="body", body_secret=SECRET),
    ]
    sender = Sender(sources, body_limit=1000, read_timeout_s=0.3)
    async with served(sender) as port:
        assert await exchange(port, post(PATH, ALERT)) == (
            200, {"status": "accepted", "signal": "e-1"},
        )  # fmt: skip
        assert (await exchange(port, post(PATH, b"{")))[0] == 422
        sender.door.status = "conflict"
        assert (await exchange(port, post(PATH, ALERT)))[0] == 409
        sender.door.status = "overloaded"
        assert (await exchange(port, post(PATH, ALERT)))[0] == 503
        sender.door.status = ""
        assert (await exchange(port, post(PATH, ALERT)))[0] == 429
        assert (await exchange(port, post("/hooks/path/wrong-token-012345", ALERT)))[0] == 404
        assert (await exchange(port, post("/hooks/body", ALERT)))[0] == 401
        assert (await exchange(port, post("/hooks/body", ALERT | {"key": SECRET})))[0] == 200
        assert (await exchange(port, post(PATH, b"x" * 1001)))[0] == 413
        chunked = post("/hooks/body", b"").replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        )
        part = json.dumps(ALERT | {"key": SECRET}).encode()
        whole = chunked + f"{len(part):x}\r\n".encode() + part + b"\r\n0\r\n\r\n"
        assert (await exchange(port, whole))[0] == 200
        assert (await exchange(port, post("/hooks/body", b"").replace(b": 0", b": 50")))[0] == 408
    assert SECRET not in repr(sender.door.signals)


async def test_many_senders_at_once_are_all_answered() -> None:
    """As many receipts as requests, each signal once."""
    source = Source(name="path", path_token=TOKEN, rate=Rate(per_minute=1, burst=1000))
    sender = Sender([source])
    async with served(sender) as port:
        requests = [post(PATH, ALERT | {"signal_id": str(n)}) for n in range(50)]
        answered = await asyncio.gather(*(exchange(port, request) for request in requests))
    assert [status for status, _ in answered] == [200] * 50
    assert len({signal.key for signal in sender.door.signals}) == 50
