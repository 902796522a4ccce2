"""A real browser without a screen, driven by chromedriver's WebDriver protocol over HTTP."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.ports import free_port
from tests.waiting import PATIENCE_S
from tools.system_packages import needed

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 390, "height": 844, "pixelRatio": 2}
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key that the protocol puts before an element's name."""


class Browser:
    """One window of the size of a phone."""

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self._http = http
        self._root = root

    async def open(self, url: str) -> None:
        """Load a page."""
        await self.call("POST", "/url", {"url": url})

    async def find(self, css: str) -> list[str]:
        """Give the elements that a selector matches."""
        found = await self.call("POST", "/elements", {"using": "css selector", "value": css})
        return [one[_ELEMENT] for one in found]

    async def click(self, css: str) -> None:
        """Press the first element that a selector matches."""
        await self.call("POST", f"/element/{(await self.find(css))[0]}/click", {})

    async def write(self, css: str, text: str) -> None:
        """Type into the first element that a selector matches."""
        await self.call("POST", f"/element/{(await self.find(css))[0]}/value", {"text": text})

    async def text(self) -> str:
        """Give what the page says."""
        # In one call: between two, a page that is left takes its elements with it.
        said: str = await self.run("return document.body ? document.body.innerText : ''")
        return said

    async def until(self, words: str) -> str:
        """Wait until the page says something, and give all that it says."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in (said := await self.text()):
                await asyncio.sleep(0.05)
        return said

    async def run(self, script: str) -> Any:
        """Run a script of the test's own; give what it returns."""
        return await self.call("POST", "/execute/sync", {"script": script, "args": []})

    async def screenshot(self, path: Path) -> None:
        """Keep what the window shows as a PNG."""
        path.write_bytes(b64decode(await self.call("GET", "/screenshot")))

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one call of the protocol."""
        async with self._http.request(method, self._root + path, json=body) as answer:
            value = (await answer.json())["value"]
        assert answer.status == 200, value
        return value


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    port = free_port()
    driver = await asyncio.create_subprocess_exec(
        needed("chromedriver"), f"--port={port}", "--log-level=OFF",
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    root = f"http://127.0.0.1:{port}"
    options = {
        "binary": needed("chromium"),
        "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
        "mobileEmulation": {"deviceMetrics": PHONE},
    }
    asked = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    try:
        async with aiohttp.ClientSession() as http:
            await _answering(http, root)
            async with http.post(f"{root}/session", json=asked) as answer:
                session = (await answer.json())["value"]
            one = Browser(http, f"{root}/session/{session['sessionId']}")
            try:
                yield one
            finally:
                await one.call("DELETE", "")
    finally:
        driver.terminate()
        await driver.wait()


async def _answering(http: aiohttp.ClientSession, root: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with http.get(f"{root}/status"):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
