"""The emergency page over HTTP: who may use it, what its buttons do, and what no browser may do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bascule.guardian.page import TOKEN_FILE, Page, Presence
from bascule.guardian.page_access import TRIES, TRIES_S, Access
from bascule.guardian.words import CommandResult
from bascule.model.values import HOUR

from .faces_house import START, FakeGuardian, HandClock

GUARDIAN_TOKEN = "guardian-token-of-the-test"


class House:
    """A page over a guardian, and a browser that keeps its cookie."""

    def __init__(self, guardian: FakeGuardian, clock: HandClock, client: Any) -> None:
        self.guardian = guardian
        self.clock = clock
        self.client = client
        self.token = (guardian.files.path / TOKEN_FILE).read_text().strip()

    async def get(self, path: str = "/") -> str:
        """Load a page."""
        async with self.client.get(path) as answer:
            text: str = await answer.text()
            return text

    async def post(self, path: str, **form: str) -> int:
        """Send a form; gives the status, redirects not followed."""
        async with self.client.post(path, data=form, allow_redirects=False) as answer:
            return int(answer.status)

    async def login(self) -> None:
        """Log in."""
        assert await self.post("/login", token=self.token) == 303

    async def press(self, page: str, action: str, scope: str, **more: str) -> int:
        """Press the button of a page that does this, with what is hidden in its form."""
        return await self.post("/do", **form_of(page, action, scope) | more)


def form_of(page: str, action: str, scope: str) -> dict[str, str]:
    """Find the form of a button and give its hidden fields."""
    for form in re.findall(r"<form.*?</form>", page, flags=re.DOTALL):
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        if (hidden.get("action"), hidden.get("scope")) == (action, scope):
            return hidden
    raise AssertionError(f"the page has no button {action} {scope}")


@asynccontextmanager
async def house(
    folder: Path, *names: str, presence: Presence | None = None
) -> AsyncIterator[House]:
    """Serve the page of a guardian."""
    clock = HandClock()
    guardian = FakeGuardian(folder, clock, *names)
    guardian.files.path.mkdir(parents=True)
    guardian.files.token.write_text(GUARDIAN_TOKEN)
    guardian.files.token.chmod(0o600)
    app = web.Application()
    app.add_routes(Page(guardian, clock, presence).routes())
    async with TestClient(TestServer(app)) as client:
        yield House(guardian, clock, client)


async def test_nobody_sees_anything_without_the_token(tmp_path: Path) -> None:
    """Every page is the login, and no form does anything."""
    async with house(tmp_path) as one:
        for path in ("/", "/flatten?scope=all", "/arm?scope=all", "/account?name=alpha"):
            page = await one.get(path)
            assert "Token of this page" in page and "alpha" not in page
        assert await one.post("/do", action="halt", scope="all", mark="x") == 403
        assert one.guardian.commands == []


async def test_the_token_is_typed_once_and_a_cookie_remembers_it(tmp_path: Path) -> None:
    """The cookie cannot be read by scripts; capitals and spaces in the token do not matter."""
    async with house(tmp_path) as one:
        assert await one.post("/login", token="wrong") == 403
        loose = one.token.upper().replace("-", " ")
        data = {"token": loose}
        async with one.client.post("/login", data=data, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and one.token not in cookie
        assert "alpha" in await one.get()


async def test_guessing_is_limited(tmp_path: Path) -> None:
    """After a few wrong tokens even the right one waits."""
    async with house(tmp_path) as one:
        for _ in range(TRIES):
            assert await one.post("/login", token="wrong") == 403
        assert await one.post("/login", token=one.token) == 429
        one.clock.add(TRIES_S)
        assert await one.post("/login", token=one.token) == 303


async def test_halt_is_one_press_and_works_with_the_engine_dead(tmp_path: Path) -> None:
    """The guardian gets the command as coming from the page, and the page says what was done."""
    async with house(tmp_path) as one:
        one.guardian.engine = "dead"
        await one.login()
        page = await one.get()
        assert "Engine DEAD" in page and "4 positions, 6 orders" in page
        assert await one.press(page, "halt", "all") == 303
        (command,) = one.guardian.commands
        assert (command.action, command.scope, command.via) == ("halt", "all", "page")
        after = await one.get()
        assert "halt on all" in after and "Stops in force" in after
        one.clock.add(61)
        assert "Done," not in await one.get()


async def test_flatten_says_what_it_closes_and_asks_once_more(tmp_path: Path) -> None:
    """The first press does nothing; the second, on what was stated, does."""
    async with house(tmp_path) as one:
        await one.login()
        assert "action=flatten" not in await one.get()
        page = await one.get("/flatten?scope=account:alpha")
        assert "<b>alpha</b>: 2 positions, 3 orders, seen 4 s ago" in page
        assert "beta" not in page and one.guardian.commands == []
        assert await one.press(page, "flatten", "account:alpha") == 303
        (command,) = one.guardian.commands
        assert (command.action, command.scope) == ("flatten", "account:alpha")


async def test_an_old_statement_is_made_anew_and_not_acted_on(tmp_path: Path) -> None:
    """A phone that lay in a pocket shows the present counts first."""
    async with house(tmp_path) as one:
        await one.login()
        page = await one.get("/flatten?scope=all")
        one.clock.add(121)
        assert await one.press(page, "flatten", "all") == 200
        assert one.guardian.commands == []
        fresh = await one.get("/flatten?scope=all")
        assert await one.press(fresh, "flatten", "all") == 303


async def test_no_other_site_can_press_a_button(tmp_path: Path) -> None:
    """A form without our mark, with another button's mark, or from elsewhere is refused."""
    async with house(tmp_path) as one:
        await one.login()
        halt = form_of(await one.get(), "halt", "all")
        assert await one.post("/do", action="halt", scope="all") == 403
        assert await one.post("/do", **halt | {"action": "freeze"}) == 403
        assert await one.post("/do", **halt | {"scope": "account:alpha"}) == 403
        skipped = halt | {"action": "flatten", "asked": str(START // 10**9)}
        assert await one.post("/do", **skipped) == 403
        async with one.client.post(
            "/do", data=halt, headers={"Sec-Fetch-Site": "cross-site"}
        ) as answer:
            assert answer.status == 403
        assert one.guardian.commands == []


async def test_no_page_may_be_framed_cached_or_run_a_script(tmp_path: Path) -> None:
    """Every page says so, the login's too, and is small enough for a bad network."""
    async with house(tmp_path, *(f"account-{n}" for n in range(6))) as one:
        await _held(one.client, "/")
        await one.login()
        await _held(one.client, "/")
        await _held(one.client, "/flatten?scope=all")


async def _held(client: TestClient[web.Request, web.Application], path: str) -> None:
    async with client.get(path) as answer:
        body = await answer.text()
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "<script" not in body and "onclick" not in body
    assert len(body.encode()) < 10_000


async def test_forty_accounts_are_forty_lines(tmp_path: Path) -> None:
    """Each leads to its own buttons, and the page stays small."""
    async with house(tmp_path, *(f"account-{n}" for n in range(40))) as one:
        await one.login()
        page = await one.get()
        assert len(page.encode()) < 14_000
        assert page.count('href="/account?name=') == 40
        own = await one.get("/account?name=account-17")
        assert await one.press(own, "halt", "account:account-17") == 303
        assert one.guardian.commands[0].scope == "account:account-17"


async def test_arming_wants_the_typed_name_and_the_code(tmp_path: Path) -> None:
    """What is typed goes to the guardian, whose refusal is shown."""
    async with house(tmp_path) as one:
        await one.login()
        one.guardian.second_factor = True
        await one.press(await one.get(), "halt", "account:alpha")
        page = await one.get("/arm?scope=account:alpha")
        assert 'name="typed"' in page and 'name="code"' in page
        one.guardian.refuse = {"code": "arm_code_wrong", "text": "the code is wrong"}
        await one.press(page, "arm", "account:alpha", typed="alpha", code="123456")
        command = one.guardian.commands[-1]
        assert (command.action, command.typed, command.code) == ("arm", "alpha", "123456")
        assert "NOT done" in await one.get() and "the code is wrong" in await one.get()


async def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    """A venue that could not be asked shows no made-up zero, and names are escaped."""
    async with house(tmp_path) as one:
        await one.login()
        one.guardian.change(
            "beta", positions=None, working_orders=None, looked_at=None, link_up=False,
            note="<b>no</b> connection",
        )  # fmt: skip
        page = await one.get()
        assert "Equity 10,250.50 USD" in page and "positions not known, " in page
        assert "not known: 1 account" in page and "&lt;b&gt;no&lt;/b&gt;" in page
        assert "never seen" in await one.get("/flatten?scope=all")
        unknown = await one.get("/flatten?scope=account:nobody")
        assert "Yes, flatten" not in unknown


async def test_presence_is_confirmed_by_a_button(tmp_path: Path) -> None:
    """The button is there only where presence is asked for."""
    told: list[str] = []
    async with house(tmp_path / "a", presence=Presence(lambda: bool(told), told.append)) as one:
        await one.login()
        page = await one.get()
        mark = re.search(r'action="/here"><input type="hidden" name="mark" value="(\w+)"', page)
        assert mark and "Nobody has confirmed" in page
        assert await one.post("/here", mark=mark[1]) == 303
        assert told == ["page"] and "known to be here" in await one.get()
        bearer = {"Authorization": f"Bearer {GUARDIAN_TOKEN}"}
        async with one.client.post("/v1/here", headers=bearer, json={"by": "anna"}) as answer:
            assert answer.status == 200 and told == ["page", "anna"]
    async with house(tmp_path / "b") as one:
        await one.login()
        assert "I am here" not in await one.get()
        async with one.client.post("/v1/here", headers=bearer) as answer:
            assert (answer.status, (await answer.json())["code"]) == (409, "presence_not_asked")


async def test_programs_use_the_guardians_own_token(tmp_path: Path) -> None:
    """`/v1/kill` needs no body; arming by a program is judged like any other."""
    async with house(tmp_path) as one:
        bearer = {"Authorization": f"Bearer {GUARDIAN_TOKEN}"}
        async with one.client.post("/v1/kill") as answer:
            assert answer.status == 401
        async with one.client.post("/v1/kill", headers=bearer) as answer:
            assert answer.status == 200
            result = msgspec.json.decode(await answer.read(), type=CommandResult)
        assert result.status == "done"
        body = {"scope": "account:beta", "by": "anna", "via": "auto"}
        async with one.client.post("/v1/halt", headers=bearer, json=body) as answer:
            assert answer.status == 200
        assert [(c.action, c.scope, c.by, c.via) for c in one.guardian.commands] == [
            ("flatten", "all", "api", "api"),
            ("halt", "account:beta", "anna", "api"),
        ]
        async with one.client.post("/v1/explode", headers=bearer) as answer:
            assert answer.status == 404
        async with one.client.post("/v1/halt", headers=bearer, data=b"{") as answer:
            assert answer.status == 400
        one.guardian.refuse = {"code": "not_stopped", "text": "no"}
        async with one.client.post("/v1/arm", headers=bearer, json=body) as answer:
            assert answer.status == 409


def test_a_cookie_runs_out_and_belongs_to_one_token() -> None:
    """A new token logs everybody out; nobody can make a cookie's time longer."""
    now = 1000.0
    one = Access("abc-def", lambda: now)
    cookie = one.cookie_for("ABC def", "10.0.0.1")
    assert one.known(cookie) and not Access("other", lambda: now).known(cookie)
    until, _, mac = cookie.partition(".")
    assert not one.known(f"{int(until) + 1}.{mac}") and not one.known("") and not one.known(".")
    now += 31 * 24 * HOUR / 1_000_000_000
    assert not one.known(cookie)
