"""The one ASGI application: signals to the raw intake, everything else to the control API.

POST /hooks/..., POST /v1/intents    the intake, which authenticates by itself
GET  /healthz, /proof                anybody
GET  what a strategy reads           a source's bearer token, too
everything else                      whoever bears the operator token
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from bascule.api.app import build_app
from bascule.api.auth import TokenCheck
from bascule.api.faults import Fault
from bascule.api.served import Served
from bascule.config.proof import PATH as PROOF
from bascule.config.proof import QUESTION_MAX, proof

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_UNAUTHORIZED = msgspec.json.encode(
    Fault(
        "unauthenticated",
        "The request bears no operator token, or another one.",
        "Send it as `Authorization: Bearer TOKEN`; it is in operator.token in the data directory.",
    )
)
_UNAUTHORIZED_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_UNAUTHORIZED)).encode()),
    (b"www-authenticate", b"Bearer"),
    (b"cache-control", b"no-store"),
]
_READABLE = frozenset({"/v1/quotes", "/v1/bars", "/v1/orders", "/v1/positions", "/v1/events"})
_READABLE_ACCOUNT = "/v1/account/"
"""What a source may read with its bearer token; it can operate nothing with it."""


def _nobody(_scope: Scope) -> bool:
    return False


def build_asgi(
    served: Served,
    intake: Asgi,
    token: str,
    *,
    mounts: Mapping[str, Asgi] | None = None,
    may_read: Callable[[Scope], bool] = _nobody,
) -> Asgi:
    """Put intake and control API behind one port.

    Args:
        served: the engine that the API shows.
        intake: the raw signal intake.
        token: the operator token.
        mounts: other applications by the path prefix they serve; each authenticates by itself.
        may_read: tells whether a request bears a source's token, and so may read.
    """
    api: Asgi = build_app(served)  # type: ignore[assignment]
    check = TokenCheck(token)
    mounted = tuple((mounts or {}).items())

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await api(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/hooks/") or path == "/v1/intents":
            await intake(scope, receive, send)
            return
        if path == PROOF:
            await _prove(scope, token, send)
            return
        for prefix, app in mounted:
            if path.startswith(prefix):
                await app(scope, receive, send)
                return
        allowed = path == "/healthz" or check.passes(scope["headers"])
        if allowed or (_readable(scope["method"], path) and may_read(scope)):
            await api(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": _UNAUTHORIZED_HEADERS})
        await send({"type": "http.response.body", "body": _UNAUTHORIZED})

    return dispatch


async def _prove(scope: Scope, token: str, send: Send) -> None:
    """Answer who this is; it needs no token, since it is asked before one is shown."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    asked = query.get("of", [""])[0]
    fits = scope["method"] == "GET" and 0 < len(asked) <= QUESTION_MAX
    if fits:
        body = msgspec.json.encode({"proof": proof(token, scope["server"][1], asked)})
    else:
        body = msgspec.json.encode(Fault("bad_request", "GET /proof?of=QUESTION, a short one."))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    status = 200 if fits else 400
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _readable(method: str, path: str) -> bool:
    return method == "GET" and (path in _READABLE or path.startswith(_READABLE_ACCOUNT))
