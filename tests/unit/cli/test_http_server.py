"""The web server as it is set up: small answers in one write, and streams not held back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bascule.cli.http_server import Server, WholeAnswers, server_config
from tests.waiting import PATIENCE_S

Reader = asyncio.StreamReader
Exchange = Callable[[bytes], Awaitable[tuple[Reader, asyncio.StreamWriter]]]
GET = b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n"


class App:
    """Answers at once, or holds its body back until it may go."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve ``/short`` and ``/stream``."""
        start = {"type": "http.response.start", "status": 200, "headers": []}
        body = {"type": "http.response.body", "body": b"hello"}
        if scope["path"] == "/short":
            start["headers"] = [(b"content-length", b"5")]
            await send(start)
            await send(body)
            return
        await send(start)
        await self.may_go.wait()
        await send({**body, "more_body": True})
        await send(body)


@asynccontextmanager
async def served(app: App) -> AsyncIterator[Exchange]:
    """Serve an application on loopback; gives the way to send a request's bytes."""
    server = Server(config := server_config(app, lifespan=False))
    config.port = 0
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    opened: list[asyncio.StreamWriter] = []

    async def exchange(request: bytes) -> tuple[Reader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        writer.write(request)
        return reader, writer

    yield exchange
    for writer in opened:
        writer.close()
    server.should_exit = True
    await serving


def written(monkeypatch: Any) -> list[bytes]:
    """Note what is written to connections."""
    seen: list[bytes] = []
    real = WholeAnswers.connection_made

    def made(self: WholeAnswers, transport: Any) -> None:
        write = transport.write

        class Noted:
            def write(self, data: bytes) -> None:
                seen.append(bytes(data))
                write(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(transport, name)

        real(self, Noted())  # type: ignore[arg-type]

    monkeypatch.setattr(WholeAnswers, "connection_made", made)
    return seen


async def test_a_small_answer_is_one_write(monkeypatch: Any) -> None:
    """Head and body leave together, on one connection as often as it is used."""
    seen = written(monkeypatch)
    async with served(App()) as exchange:
        reader, writer = await exchange(GET % b"short")
        for number in (1, 2):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(seen) == number
            writer.write(GET % b"short")
        await reader.readuntil(b"hello")


async def test_the_head_of_a_stream_does_not_wait_for_its_body() -> None:
    """Whoever listens to a stream learns at once that it has begun."""
    app = App()
    async with served(app) as exchange:
        reader, _ = await exchange(GET % b"stream")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        app.may_go.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"5\r\nhello\r\n" * 2 + b"0\r\n\r\n"


async def test_what_is_no_http_is_answered_before_the_connection_ends() -> None:
    """The refusal is not lost with the connection."""
    async with served(App()) as exchange:
        reader, _ = await exchange(b"nonsense\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    """A head without a body, as of 100 Continue, leaves by itself."""

    class Echo(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            got = await receive()
            headers = [(b"content-length", str(len(got["body"])).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": got["body"]})

    async with served(Echo()) as exchange:
        reader, writer = await exchange(
            b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
        )
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S) == (
            b"HTTP/1.1 100 Continue\r\n\r\n"
        )
        writer.write(b"abc")
        assert (await asyncio.wait_for(reader.readuntil(b"abc"), PATIENCE_S)).startswith(
            b"HTTP/1.1 200 OK"
        )
