"""The emergency page: halt in one press, flatten in two, from a phone, with the engine dead.

    GET  /             the page, or the login
    POST /login        the token, once; a cookie remembers it
    POST /do           one command: what its button says
    GET  /account      one account's buttons, where there are many
    GET  /flatten      what a flatten would close; nothing is done
    GET  /arm          the form that lifts a stop
    POST /here         presence
    POST /logout
    POST /v1/kill, /v1/halt, /v1/freeze, /v1/cancel, /v1/flatten, /v1/lock, /v1/arm, /v1/here
                       the same for programs, with the guardian's own token as a bearer

Every form carries a mark that only our own page for this login can hold. No page may be framed,
cached, or run a script.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import msgspec
from aiohttp import web

from bascule.config.clock import Clock
from bascule.guardian import page_html as html
from bascule.guardian.faces import Guarding
from bascule.guardian.page_access import COOKIE, DAYS, Access, from_elsewhere, page_token
from bascule.guardian.server import known_token
from bascule.guardian.words import Action, Command, CommandResult
from bascule.model.values import MINUTE, SECOND, Instant

SAID_NS = 1 * MINUTE
"""How long the page goes on saying what was done last."""
ASKED_NS = 2 * MINUTE
"""How old the statement of what a flatten closes may be when it is confirmed."""
RETRY_S = 10.0
TOKEN_FILE = "page-token"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{html.STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FROM_PAGE: frozenset[str] = frozenset({"halt", "freeze", "cancel", "flatten", "arm"})
_WORD_MAX = 200


class Presence(msgspec.Struct, frozen=True):
    """How the page asks whether presence is confirmed, and confirms it."""

    confirmed: Callable[[], bool]
    confirm: Callable[[str], None]


class Page:
    """The page over one guardian."""

    def __init__(self, guardian: Guarding, clock: Clock, presence: Presence | None = None) -> None:
        """Read the page's token, or make it.

        Raises:
            SecretError: the token's file cannot be used.
        """
        self._guardian = guardian
        self._clock = clock
        self._presence = presence
        token = page_token(guardian.files.path / TOKEN_FILE)
        self._access = Access(token, lambda: clock.now() / SECOND)
        self._last: CommandResult | None = None

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Give what it serves."""
        return [
            web.get("/", self._main),
            web.post("/login", self._login),
            web.post("/logout", self._logout),
            web.get("/account", self._account),
            web.get("/flatten", self._flatten),
            web.get("/arm", self._arm),
            web.post("/do", self._do),
            web.post("/here", self._here),
            web.post("/v1/{action}", self._command),
        ]

    # --- pages ------------------------------------------------------------------------------------

    async def _main(self, request: web.Request) -> web.Response:
        cookie = self._cookie(request)
        if not cookie:
            return _page(html.login_page())
        return _page(html.main_page(self._guardian.view(), self._frame(cookie)))

    async def _account(self, request: web.Request) -> web.Response:
        cookie = self._cookie(request)
        if not cookie:
            return _page(html.login_page())
        view, frame = self._guardian.view(), self._frame(cookie)
        name = request.query.get("name", "")
        one = next((one for one in view.accounts if one.account == name), None)
        if one is None:
            return _page(html.main_page(view, frame), 404)
        return _page(html.account_page(view, one, frame))

    async def _flatten(self, request: web.Request) -> web.Response:
        cookie = self._cookie(request)
        if not cookie:
            return _page(html.login_page())
        return self._ask(request.query.get("scope", "all"), self._frame(cookie))

    def _ask(self, scope: str, frame: html.Frame) -> web.Response:
        view = self._guardian.view()
        accounts = html.covered(view, self._guardian.setup.accounts, scope)
        if not accounts:
            return _page(html.main_page(view, frame), 404)
        asked = str(self._clock.now() // SECOND)
        return _page(html.flatten_page(view, accounts, scope, frame, asked))

    async def _arm(self, request: web.Request) -> web.Response:
        cookie = self._cookie(request)
        if not cookie:
            return _page(html.login_page())
        view = self._guardian.view()
        scope = request.query.get("scope", "all")
        stop = next((one for one in view.stops if one.scope == scope), None)
        frame = self._frame(cookie)
        if stop is None:
            return _page(html.main_page(view, frame), 404)
        return _page(html.arm_page(view, stop, frame))

    # --- forms ------------------------------------------------------------------------------------

    async def _login(self, request: web.Request) -> web.Response:
        address = request.remote or ""
        if self._access.limited(address):
            words = "Too many wrong tokens. Wait five minutes, or use `bascule-kill`."
            return _page(html.login_page(words), 429)
        form = await request.post()
        cookie = self._access.cookie_for(_word(form, "token"), address)
        if not cookie or from_elsewhere(request):
            return _page(html.login_page("That is not the token of this page."), 403)
        answer = _back()
        # Lax: whoever comes from an alert's link is still known. A form needs our mark besides.
        answer.set_cookie(
            COOKIE, cookie, max_age=DAYS * 86_400, httponly=True, samesite="Lax",
            secure=request.secure,
        )  # fmt: skip
        return answer

    async def _logout(self, request: web.Request) -> web.Response:
        await self._form(request, "logout")
        answer = _back()
        answer.del_cookie(COOKIE)
        return answer

    async def _do(self, request: web.Request) -> web.Response:
        form = await request.post()
        action, scope = _word(form, "action"), _word(form, "scope")
        asked = _word(form, "asked")
        what = f"{action} {scope} {asked}" if action == "flatten" else f"{action} {scope}"
        cookie = await self._form(request, what)
        if action not in _FROM_PAGE:
            raise web.HTTPBadRequest(headers=_HEADERS)
        if action == "flatten" and not self._is_fresh(asked):
            return self._ask(scope, self._frame(cookie))
        command = Command(
            action=action,  # type: ignore[arg-type]
            scope=scope,
            by=f"page {request.remote or ''}".strip(),
            reason="pressed on the emergency page",
            typed=_word(form, "typed"),
            code=_word(form, "code"),
            via="page",
        )
        self._last = await self._guardian.command(command)
        return _back()

    async def _here(self, request: web.Request) -> web.Response:
        await self._form(request, "here")
        if self._presence is not None:
            self._presence.confirm("page")
        return _back()

    async def _form(self, request: web.Request, what: str) -> str:
        """Give the cookie of a form that is ours.

        Raises:
            web.HTTPForbidden: it is not, or nobody is logged in.
        """
        cookie = self._cookie(request)
        mark = _word(await request.post(), "mark")
        if not cookie or from_elsewhere(request) or not self._access.is_ours(cookie, mark, what):
            raise web.HTTPForbidden(text=html.login_page("Log in, then press it again."),
                                    content_type="text/html", headers=_HEADERS)  # fmt: skip
        return cookie

    # --- programs ---------------------------------------------------------------------------------

    async def _command(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        right = known_token(self._guardian.files.token)
        if not right or scheme.lower() != "bearer" or not hmac.compare_digest(
            token.strip().encode(), right.encode()
        ):  # fmt: skip
            return _json({"code": "unauthenticated", "text": "not the guardian's token"}, 401)
        named = request.match_info["action"]
        if named == "here":
            return await self._here_by_program(request)
        action = "flatten" if named == "kill" else named
        if action not in get_args(Action):
            return _json({"code": "not_found", "text": f"there is no command {named!r}"}, 404)
        body = await request.read()
        try:
            given = msgspec.json.decode(body or b"{}", type=dict[str, object])
            words = {"by": "api", "reason": "asked for over HTTP"} | given
            command = msgspec.convert({**words, "action": action, "via": "api"}, type=Command)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            return _json({"code": "usage", "text": f"that is no command: {error}"}, 400)
        result = await self._guardian.command(command)
        return _json(result, 200 if result.status == "done" else 409)

    async def _here_by_program(self, request: web.Request) -> web.Response:
        if self._presence is None:
            text = "nobody asks for presence here: [guardian.presence] names no account"
            return _json({"code": "presence_not_asked", "text": text}, 409)
        try:
            given = msgspec.json.decode(await request.read() or b"{}", type=dict[str, str])
        except msgspec.DecodeError:
            return _json({"code": "usage", "text": "that names nobody"}, 400)
        self._presence.confirm(given.get("by", "")[:_WORD_MAX] or "api")
        return _json({"status": "done"})

    # --- inside -----------------------------------------------------------------------------------

    def _cookie(self, request: web.Request) -> str:
        """Give the cookie of whoever is logged in, else ''."""
        cookie = request.cookies.get(COOKIE, "")
        return cookie if self._access.known(cookie) else ""

    def _frame(self, cookie: str) -> html.Frame:
        last = self._last
        if last is not None and self._clock.now() - last.at > SAID_NS:
            last = None
        return html.Frame(
            mark=lambda what: self._access.form_mark(cookie, what),
            said=last,
            present=self._presence.confirmed() if self._presence is not None else None,
        )

    def _is_fresh(self, asked: str) -> bool:
        if not asked.isdecimal() or len(asked) > 12:
            return False
        return 0 <= self._clock.now() - Instant(int(asked) * SECOND) <= ASKED_NS


def _word(form: Mapping[str, object], name: str) -> str:
    found = form.get(name, "")
    return found[:_WORD_MAX] if isinstance(found, str) else ""


def _page(body: str, status: int = 200) -> web.Response:
    return web.Response(text=body, content_type="text/html", status=status, headers=_HEADERS)


def _back() -> web.Response:
    return web.Response(status=303, headers={**_HEADERS, "Location": "/"})


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        status=status,
        headers={"Cache-Control": "no-store"},
    )
