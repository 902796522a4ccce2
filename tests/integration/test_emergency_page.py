"""The emergency page in a real browser at the size of a phone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bascule.guardian.page import TOKEN_FILE, Page
from tests.integration.browser import PHONE, Browser, browser
from tests.unit.guardian.faces_house import FakeGuardian, HandClock

THUMB = 48
"""Pixels: what may be pressed is at least so high and so wide."""
_BUTTONS = """
return [...document.querySelectorAll('button, a.button')].filter(one => one.offsetParent)
    .map(one => { const box = one.getBoundingClientRect();
                  return [one.innerText, box.width, box.height, box.right]; });
"""
_CONTRASTS = """
const light = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = one => {
  for (; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
  return 'rgb(255, 255, 255)';
};
const words = [...document.querySelectorAll('h1, h2, p, li, b, small, button, a, span, summary')]
  .filter(one => one.offsetParent && one.innerText.trim());
return words.map(one => {
  const a = light(getComputedStyle(one).color), b = light(ground(one));
  return [one.innerText, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
});
"""


class Shown:
    """A browser at the page of a guardian."""

    def __init__(self, window: Browser, guardian: FakeGuardian, url: str) -> None:
        self.window = window
        self.guardian = guardian
        self.url = url

    async def login(self) -> None:
        """Type the token."""
        token = (self.guardian.files.path / TOKEN_FILE).read_text().strip()
        await self.window.open(self.url)
        await self.window.write("input[name=token]", token)
        await self.window.click("button")
        await self.window.until("Everything")


@asynccontextmanager
async def shown(folder: Path) -> AsyncIterator[Shown]:
    """Serve a page and open a browser."""
    clock = HandClock()
    guardian = FakeGuardian(folder, clock, "alpha", "beta-100k", "gamma")
    guardian.engine = "dead"
    guardian.change("gamma", link_up=False, positions=None, note="no answer from the venue")
    app = web.Application()
    app.add_routes(Page(guardian, clock).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with browser(folder) as window:
            yield Shown(window, guardian, f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()


async def test_halt_is_one_press_and_flatten_two(tmp_path: Path) -> None:
    """From the login to the guardian's commands, with nothing but a thumb."""
    async with shown(tmp_path) as one:
        await one.login()
        await one.window.click("button.halt.big")
        said = await one.window.until("halt on all")
        assert "Stops in force" in said
        assert [(c.action, c.scope) for c in one.guardian.commands] == [("halt", "all")]
        await one.window.click("a.flat.big")
        said = await one.window.until("Flatten everything?")
        assert "alpha: 2 positions, 3 orders" in said and "gamma: positions not known" in said
        assert len(one.guardian.commands) == 1
        await one.window.click("button.flat")
        await one.window.until("flatten on all")
        assert (one.guardian.commands[1].action, one.guardian.commands[1].scope) == (
            "flatten",
            "all",
        )


async def test_arming_is_typed(tmp_path: Path) -> None:
    """The last thing on the page, and nothing that a thumb does by chance."""
    async with shown(tmp_path) as one:
        await one.login()
        await one.window.click("button.halt.big")
        await one.window.until("Stops in force")
        await one.window.click("a[href^='/arm']")
        await one.window.until("Type all to confirm")
        await one.window.write("input[name=typed]", "all")
        await one.window.click("button")
        await one.window.until("arm on all")
        assert (one.guardian.commands[-1].action, one.guardian.commands[-1].typed) == ("arm", "all")


async def test_everything_can_be_pressed_and_read_on_a_phone(tmp_path: Path) -> None:
    """Buttons fit a thumb, nothing is wider than the window, and words stand out."""
    async with shown(tmp_path) as one:
        await one.login()
        for path in ("", "flatten?scope=all"):
            await one.window.open(one.url + path)
            buttons = await one.window.run(_BUTTONS)
            assert len(buttons) >= 2
            for words, width, height, right in buttons:
                assert width >= THUMB and height >= THUMB, words
                assert right <= PHONE["width"], words
            assert await one.window.run("return document.body.scrollWidth") <= PHONE["width"]
            for words, ratio in await one.window.run(_CONTRASTS):
                assert ratio >= 4.5, (words, ratio)
        await one.window.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 5_000


async def test_no_script_runs_and_the_style_is_allowed(tmp_path: Path) -> None:
    """The policy lets our own style in: the button is as red as it should be."""
    async with shown(tmp_path) as one:
        await one.login()
        colour = "getComputedStyle(document.querySelector('.flat')).backgroundColor"
        assert await one.window.run(f"return {colour}") == "rgb(179, 0, 27)"
        assert await one.window.run("return document.scripts.length") == 0
        assert await one.window.run("return document.cookie") == ""
