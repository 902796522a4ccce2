"""A guardian as a process of its own, without any engine: each of its faces stops trading."""

import asyncio
import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.e2e.commands import WAIT_S, Started, bascule, until
from tests.outside import Outside
from tests.ports import free_port
from tests.unit.guardian.bot_api import TOKEN, BotApi, bot_api

PATH = "secretpath"


@contextmanager
def telegram() -> Iterator[BotApi]:
    """Serve a double of the Bot API in a thread."""
    ready, end = threading.Event(), threading.Event()
    made: list[BotApi] = []

    async def serve() -> None:
        async with bot_api() as api:
            made.append(api)
            ready.set()
            while not end.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(WAIT_S)
    try:
        yield made[0]
    finally:
        end.set()
        thread.join()


class Browser:
    """Asks for pages and sends forms, and keeps its cookie."""

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)
        self._cookie = ""

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str]:
        """Make a request; gives status and body."""
        connection = http.client.HTTPConnection(
            str(self._at.hostname), self._at.port, timeout=WAIT_S
        )
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            if given := answer.getheader("Set-Cookie"):
                self._cookie = given.partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class House:
    """A running guardian, and everything around it."""

    def __init__(self, home: Path, outside: Outside, bot: BotApi) -> None:
        self.home = home
        self.outside = outside
        self.bot = bot

    def stops(self) -> dict[str, str]:
        """Give the stops in force, by scope."""
        view: dict[str, Any] = bascule(self.home, "guardian", "status", "--json").json()
        return {one["scope"]: one["action"] for one in view["stops"]}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a guardian with every face on."""
    with Outside() as outside, telegram() as bot:
        bascule(tmp_path, "init", "--yes")
        file = tmp_path / "bascule.toml"
        more = f"""
[alerts]
url_secrets = ["phone"]
[heartbeat]
guardian_secret = "monitor"
every = "1s"
[guardian]
port = {free_port()}
kill_folder = "stop"
[guardian.page]
host = "127.0.0.1"
port = {free_port()}
[guardian.telegram]
token_secret = "bot"
api = "{bot.url}"
[guardian.presence]
accounts = ["fx_pro"]
"""
        file.write_text(file.read_text() + more)
        (tmp_path / "stop").mkdir()
        for name, value in (
            ("phone", f"json://{outside.host}/{PATH}"),
            ("monitor", f"http://{outside.host}/beat/{PATH}"),
            ("bot", TOKEN),
        ):
            bascule(tmp_path, "secrets", "set", name, given=f"{value}\n")
        with Started(tmp_path, "guardian", "run") as guardian:
            until(lambda: "Guarding" in guardian.said, "the guardian to listen")
            yield House(tmp_path, outside, bot)
            assert guardian.process.poll() is None, guardian.said
            guardian.interrupt()
        for secret in (PATH, TOKEN):
            assert secret not in guardian.said


def test_every_face_stops_trading_without_an_engine(house: House) -> None:
    """The page, a chat and a file each put a stop in force; people are told; the monitor hears."""
    shown = bascule(house.home, "guardian", "page").out
    own_port, network = re.findall(r"http://\S+", shown)
    token = shown.split()[-1]
    assert "Token of this page" in Browser(own_port).ask("GET", "/")[1]
    browser = Browser(network)
    assert browser.ask("POST", "/login", token=token)[0] == 303
    page = browser.ask("GET", "/")[1]
    form = re.search(
        r'name="mark" value="(\w+)"><input type="hidden" name="action" value="halt">'
        r'<input type="hidden" name="scope" value="account:futures">',
        page,
    )
    assert form, page
    status, _ = browser.ask("POST", "/do", mark=form[1], action="halt", scope="account:futures")
    assert status == 303 and house.stops() == {"account:futures": "halt"}

    page = browser.ask("GET", "/arm?scope=account:futures")[1]
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark
    arm = {"mark": mark[1], "action": "arm", "scope": "account:futures"}
    browser.ask("POST", "/do", **arm, typed="future")
    assert house.stops() == {"account:futures": "halt"}
    browser.ask("POST", "/do", **arm, typed="futures")
    assert house.stops() == {}

    (house.home / "stop" / "KILL").write_text("flatten account:fx_pro\n")
    until(lambda: house.stops().get("account:fx_pro") == "flatten", "the file to be acted on")
    assert not (house.home / "stop" / "KILL").exists()

    code = re.search(r"/pair (\S+)", bascule(house.home, "guardian", "pair").out)
    assert code
    now = int(asyncio.run(_now()))
    house.bot.write(f"/pair {code[1]}", date=now)
    house.bot.write("/halt", date=now)
    house.bot.write("/arm", date=now)
    until(lambda: len(house.bot.sent) >= 3, "the bot to answer")
    assert "never arm" in house.bot.sent[2][1] and house.stops()["all"] == "halt"

    assert "you are here" in bascule(house.home, "present").out
    titles = until(lambda: len(house.outside.got) >= 4 and house.outside.got, "the alerts")
    assert {one["title"] for one in titles} >= {"Guardian: guardian acted"}
    until(lambda: house.outside.beats, "a heartbeat")

    drill = {"at": now * 1_000_000_000, "passed": False, "text": "alpha was not flat in time"}
    folder = next(house.home.rglob("guardian/log.jsonl")).parent
    (folder / "drills.jsonl").write_text(json.dumps(drill) + "\n")
    until(lambda: any("FAILED" in one["message"] for one in house.outside.got), "the drill's news")
    assert "Forgot 1 chat" in bascule(house.home, "guardian", "forget-chats").out


async def _now() -> float:
    from bascule.config.clock import SystemClock

    return SystemClock().now() / 1_000_000_000
