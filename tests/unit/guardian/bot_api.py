"""A double of Telegram's Bot API on loopback: updates by number, and every way to lose one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

TOKEN = "4711:token-of-the-test"


class BotApi:
    """Keeps updates until a poll's offset tells that they are done."""

    def __init__(self) -> None:
        self.url = ""
        self.waiting: list[dict[str, Any]] = []
        self.sent: list[tuple[int, str]] = []
        self.failures: list[web.Response] = []
        self.offsets: list[int | None] = []
        self.lose = 0
        self.hang_sends = False
        self.webhook = False
        self.next_id = 100
        self._news = asyncio.Event()

    def write(self, text: str, *, date: int, chat: int = 7, kind: str = "private") -> int:
        """Have somebody write a message; gives the update's number."""
        self.next_id += 1
        message = {"date": date, "chat": {"id": chat, "type": kind}, "text": text, "message_id": 1}
        self.waiting.append({"update_id": self.next_id, "message": message})
        self._news.set()
        return self.next_id

    def fail(self, status: int, **body: Any) -> None:
        """Have the next call answered like this."""
        self.failures.append(web.json_response({"ok": False, "error_code": status, **body}))

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != TOKEN:
            return web.json_response({"ok": False, "error_code": 404}, status=404)
        if self.failures:
            return self.failures.pop(0)
        asked = await request.json()
        method = request.match_info["method"]
        if method == "getUpdates":
            return await self._updates(asked)
        if method == "deleteWebhook":
            self.webhook = False
        elif method == "sendMessage":
            if self.hang_sends:
                await asyncio.sleep(3_600)
            self.sent.append((asked["chat_id"], asked["text"]))
        return web.json_response({"ok": True, "result": True})

    async def _updates(self, asked: dict[str, Any]) -> web.Response:
        if self.webhook:
            return web.json_response({"ok": False, "error_code": 409}, status=409)
        offset = asked.get("offset")
        self.offsets.append(offset)
        if offset is not None:
            self.waiting = [one for one in self.waiting if one["update_id"] >= offset]
        if not self.waiting:
            self._news.clear()
            try:
                async with asyncio.timeout(0.05):
                    await self._news.wait()
            except TimeoutError:
                return web.json_response({"ok": True, "result": []})
        if self.lose:
            self.lose -= 1
            return web.Response(status=502, text="<html>bad gateway</html>")
        return web.json_response({"ok": True, "result": self.waiting})


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    """Serve the double."""
    api = BotApi()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", api._call)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()
