"""A loopback HTTP server that takes what apprise and heartbeats send, or fails to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.waiting import PATIENCE_S


class Sink:
    """What was received, and how the next request is answered."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answered = 0
        self.hang = asyncio.Event()
        self.hang.set()
        self.news = asyncio.Event()

    def url(self, path: str = "hook") -> str:
        """Give the apprise URL of this sink; the path stands for a secret."""
        return f"json://127.0.0.1:{self.port}/{path}"

    async def _take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        await self.hang.wait()
        if request.method == "POST" and self.status < 400:
            self.got.append(await request.json())
        self.answered += 1
        self.news.set()
        return web.Response(status=self.status)

    async def until(self, count: int) -> None:
        """Wait until so many requests were read and are being answered."""
        async with asyncio.timeout(PATIENCE_S):
            while self.answered < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def sink() -> AsyncIterator[Sink]:
    """Serve on a port of the system's choice."""
    one = Sink()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one._take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.port = runner.addresses[0][1]
    try:
        yield one
    finally:
        one.hang.set()
        await runner.cleanup()
