"""The guardian's own port: loopback only, its own token, and nothing of the engine's API.

    POST /command   a Command as JSON                    -> CommandResult
    GET  /view                                           -> GuardianView
    GET  /report    ?account=NAME, or everything         -> [OrderLine]
    POST /poke      look at the latch now, which a key wrote  -> {"looked": true}
    POST /end       the guardian ends                    -> {"ended": true}
    GET  /proof     ?of=QUESTION: who this is, see ``config/proof``  -> {"proof": ...}

Each but the last asks for ``Authorization: Bearer TOKEN`` with the token of ``guardian/token``;
without it every answer is the same 401. More pages are added by whoever starts it (``extra``), each
with its own proof of who asks.
"""

import asyncio
import hmac
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from aiohttp import web

from bascule.config.handover import GuardianEndpoint, replace_file
from bascule.config.private import read_private, write_private
from bascule.config.proof import PATH as PROOF
from bascule.config.proof import QUESTION_MAX, proof
from bascule.guardian.service import Guardian
from bascule.guardian.words import Command
from bascule.model.errors import ConfigError

HOST = "127.0.0.1"
BODY_MAX = 10_000
_TOKEN_BYTES = 32
_UNAUTHENTICATED = '{"code":"unauthenticated","text":"the token of the guardian is wrong"}'

Extra = Callable[[Guardian], Sequence[web.AbstractRouteDef]]
"""Gives more routes for the guardian's port."""


def own_token(path: Path) -> str:
    """Give the guardian's token, making it when there is none.

    Raises:
        SecretError: the file cannot be written, or others may read it.
    """
    found = known_token(path)
    if not found:
        found = secrets.token_urlsafe(_TOKEN_BYTES)
        write_private(path, f"{found}\n".encode())
    return found


def known_token(path: Path) -> str:
    """Give the guardian's token, or '' when there is none.

    Raises:
        SecretError: the file cannot be read, or others may read it.
    """
    found = read_private(path)
    return found.decode("utf-8", "replace").strip() if found else ""


def bind(port: int) -> socket.socket:
    """Take the port; any free one where it is taken, since a kill switch must start.

    Raises:
        ConfigError: there is no port at all.
    """
    for wanted in dict.fromkeys((port, 0)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if sys.platform != "win32":
            # There, the option would let two processes share one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, wanted))
        except OSError:
            listener.close()
            continue
        listener.listen(64)
        listener.setblocking(False)
        return listener
    raise ConfigError(
        "The guardian found no port to listen on.",
        code="port_in_use",
        hint="This machine has run out of ports; end what uses them.",
    )


class Server:
    """Serves a guardian until told to end."""

    def __init__(self, guardian: Guardian, token: str, extra: Sequence[Extra] = ()) -> None:
        self._guardian = guardian
        self._token = token.encode()
        self.ended = asyncio.Event()
        """Set once a caller asked the guardian to end."""
        app = web.Application(client_max_size=BODY_MAX)
        app.add_routes(
            [
                web.post("/command", self._command),
                web.get("/view", self._view),
                web.get("/report", self._report),
                web.post("/poke", self._poke),
                web.post("/end", self._end),
                web.get(PROOF, self._prove),
            ]
        )
        for routes in extra:
            app.add_routes(routes(guardian))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self, listener: socket.socket) -> GuardianEndpoint:
        """Serve, and note where; gives the note."""
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        host, port = listener.getsockname()[:2]
        pid = self._guardian.view().pid
        endpoint = GuardianEndpoint(host, port, pid)
        replace_file(self._guardian.files.endpoint, msgspec.json.encode(endpoint))
        return endpoint

    async def stop(self) -> None:
        """Serve no more."""
        self._guardian.files.endpoint.unlink(missing_ok=True)
        await self._runner.cleanup()

    def _check(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self._token)
        if not (right and scheme.lower() == "bearer"):
            raise web.HTTPUnauthorized(
                text=_UNAUTHENTICATED,
                content_type="application/json",
            )

    async def _command(self, request: web.Request) -> web.Response:
        self._check(request)
        try:
            command = msgspec.json.decode(await request.read(), type=Command)
        except msgspec.DecodeError as error:
            return _json({"code": "usage", "text": f"that is no command: {error}"}, 400)
        if command.via == "auto":
            command = msgspec.structs.replace(command, via="api")
        return _json(await self._guardian.command(command))

    async def _view(self, request: web.Request) -> web.Response:
        self._check(request)
        return _json(self._guardian.view())

    async def _report(self, request: web.Request) -> web.Response:
        self._check(request)
        return _json(self._guardian.report(request.query.get("account", "")))

    async def _poke(self, request: web.Request) -> web.Response:
        self._check(request)
        self._guardian.look_at_latch()
        return _json({"looked": True})

    async def _end(self, request: web.Request) -> web.Response:
        self._check(request)
        self.ended.set()
        return _json({"ended": True})

    async def _prove(self, request: web.Request) -> web.Response:
        asked = request.query.get("of", "")
        if request.transport is None or not 0 < len(asked) <= QUESTION_MAX:
            return _json({"code": "usage", "text": "GET /proof?of=QUESTION, a short one"}, 400)
        port = request.transport.get_extra_info("sockname")[1]
        return _json({"proof": proof(self._token.decode(), port, asked)})


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
