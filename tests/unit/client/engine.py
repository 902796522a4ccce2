import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Reply = tuple[int, dict[str, Any]]


class Engine:
    """What answers the client: it keeps what it was sent, and says what the test told it to say.

    ``replies`` are given in their order, the last one ever after; None hangs up without a word.
    """

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.tokens: list[str] = []
        self.asked: list[str] = []
        self.replies: list[Reply | None] = [(200, {"status": "accepted", "signal": "k-1"})]
        self.resumed: list[str] = []
        self.streams: list[str] = []

    def signals(self) -> list[dict[str, Any]]:
        """Give the documents that arrived."""
        return [json.loads(body) for body in self.bodies]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.bodies.append(await request.read())
        self.tokens.append(request.headers.get("authorization", ""))
        self.asked.append(request.path_qs)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, said = reply
        return web.json_response(said, status=status)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.resumed.append(request.headers.get("last-event-id", ""))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if self.streams:
            text = self.streams.pop(0).encode()
            await response.write(text[: len(text) // 2])
            await asyncio.sleep(0)
            await response.write(text[len(text) // 2 :])
            assert request.transport is not None
            request.transport.close()
        return response


@asynccontextmanager
async def engine() -> AsyncIterator[Engine]:
    """Serve on a free port."""
    one = Engine()
    app = web.Application()
    app.router.add_get("/v1/events", one.stream)
    app.router.add_route("*", "/{path:.*}", one.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    one.url = f"http://127.0.0.1:{port}"
    try:
        yield one
    finally:
        await runner.cleanup()


async def in_thread(work: Callable[[Engine], Any], one: Engine) -> Any:
    """Run code without a loop beside the engine."""
    return await asyncio.to_thread(work, one)
