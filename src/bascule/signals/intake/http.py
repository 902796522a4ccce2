"""Signals over HTTP: a plain ASGI application, for it stands in the hot path.

    POST /hooks/{source}            secret in the body, or a Standard Webhooks signature
    POST /hooks/{source}/{token}    the source's path token, and the above where they are set
    POST /v1/intents                bearer token, the native dialect

The answer goes out after the engine has answered, so a 2xx means durable. TradingView resends on
5xx alone (but for 504), so a message that was read, and refused for good, is answered with 200 or
4xx, 503 says that nothing was kept, and 504 that nobody knows. Nothing here writes a body to a log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from bascule.model.errors import BasculeError, ConfigError
from bascule.model.values import SECOND, Instant
from bascule.signals.instruction import Rejection
from bascule.signals.intake import answers
from bascule.signals.intake.answers import Reply
from bascule.signals.intake.arriving import by
from bascule.signals.intake.auth import (
    Bearers,
    BodySecret,
    Headers,
    Peers,
    Signatures,
    networks,
    path_token_ok,
    within,
)
from bascule.signals.intake.port import OnUnauthenticated, SubmitPort
from bascule.signals.intake.ratelimit import TokenBucket
from bascule.signals.intake.senders import addresses, wanted_certificate
from bascule.signals.intake.source import Source
from bascule.signals.strike import Struck

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_LIMIT = 64 * 1024
READ_TIMEOUT_S = 2.5
MAX_IN_FLIGHT = 512
_MAX_DELIVERY = 200


def _ignore(source: str, peer: str, why: str) -> None:
    """Count nothing."""


class _Gate:
    """One source, ready to be asked: its checks, its reader and its bucket."""

    def __init__(self, source: Source, now: Instant) -> None:
        source.check()
        self.source = source
        self.reader = source.reader()
        self.native_reader = source.reader("native")
        self.bucket = TokenBucket(source.rate, now)
        self.body_secret = BodySecret(source) if source.body_secret else None
        self.signatures = Signatures(source.hmac_secrets) if source.hmac_secrets else None
        self.allowed = networks(addresses(source.allow_from))
        named = source.client_certificate
        self.certificate = wanted_certificate(named) if named else None
        self.only_bearer = not (source.path_token or self.body_secret or self.signatures)


class HttpIntake:
    """The ASGI application. One object serves all sources.

    Args:
        sources: who may send, with their secrets.
        port: the engine's door.
        clock: UTC nanoseconds.
        on_unauthenticated: told of each request that is turned away; these are not journaled.
        body_limit: bytes of a body.
        read_timeout_s: how long a body may take to arrive.
        max_in_flight: requests at once; above it the answer is 503 and nothing is kept.
        trusted_proxies: our own proxies, whose ``X-Forwarded-For`` and whose word on a client's
            certificate are believed.

    Raises:
        ConfigError: a source's settings are not safe, or two have one name or bearer token.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        port: SubmitPort,
        *,
        clock: Callable[[], int],
        on_unauthenticated: OnUnauthenticated = _ignore,
        body_limit: int = BODY_LIMIT,
        read_timeout_s: float = READ_TIMEOUT_S,
        max_in_flight: int = MAX_IN_FLIGHT,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._clock = clock
        gates = [_Gate(source, Instant(clock())) for source in sources]
        self._gates = {gate.source.name: gate for gate in gates}
        if len(self._gates) < len(gates):
            raise ConfigError("two sources have one name; each needs its own")
        bearers = [gate.source.bearer for gate in gates if gate.source.bearer]
        if len(set(bearers)) < len(bearers):
            raise ConfigError("two sources have one bearer token; each needs its own")
        self._bearers = Bearers(gate.source for gate in gates)
        self._peers = Peers(trusted_proxies)
        self._port = port
        self._tell = on_unauthenticated
        self._body_limit = body_limit
        self._read_timeout_s = read_timeout_s
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            reply = await self._serve(scope, receive)
            if reply is not None:
                await _send(reply, send)

    def bears(self, scope: Scope) -> bool:
        """Tell whether a request bears a source's token, from where that source may send."""
        return self._bearer(scope) is not None

    async def _serve(self, scope: Scope, receive: Receive) -> Reply | None:
        path: str = scope["path"]
        hook = path.startswith("/hooks/")
        if not hook and path != "/v1/intents":
            return answers.NOT_FOUND
        if scope["method"] != "POST":
            return answers.NOT_ALLOWED
        gate = self._hook(scope, path[7:]) if hook else self._bearer(scope)
        if gate is None:
            return answers.NOT_FOUND if hook else answers.UNAUTHENTICATED
        if self._in_flight >= self._max_in_flight:
            return answers.OVERLOADED
        self._in_flight += 1
        try:
            headers: Headers = dict(scope["headers"])
            body = await self._body(headers, receive)
            if body is None or isinstance(body, Reply):
                return body
            return await self._take(gate, hook, scope, headers, body)
        finally:
            self._in_flight -= 1

    def _hook(self, scope: Scope, rest: str) -> _Gate | None:
        """Find the source of a path. Wrong name, token, address, certificate: not told apart."""
        name, _, token = rest.partition("/")
        gate = self._gates.get(name)
        if gate is not None and gate.only_bearer:
            gate = None
        if not path_token_ok(gate.source if gate is not None else None, token):
            self._tell(name if name in self._gates else "", self._peer(scope), "token")
            return None
        return gate if self._allowed(gate, scope) else None

    def _bearer(self, scope: Scope) -> _Gate | None:
        source = self._bearers.source(dict(scope["headers"]))
        if source is None:
            self._tell("", self._peer(scope), "bearer")
            return None
        gate = self._gates[source.name]
        return gate if self._allowed(gate, scope) else None

    def _allowed(self, gate: _Gate | None, scope: Scope) -> bool:
        if gate is None:
            return False
        if gate.allowed and not within(self._peer(scope), gate.allowed):
            self._tell(gate.source.name, self._peer(scope), "address")
            return False
        if gate.certificate is not None:
            shown = self._peers.certificate(_client(scope), scope["headers"])
            if shown is None or not gate.certificate.met_by(shown):
                self._tell(gate.source.name, self._peer(scope), "certificate")
                return False
        return True

    def _peer(self, scope: Scope) -> str:
        return self._peers.of(_client(scope), scope["headers"])

    async def _body(self, headers: Headers, receive: Receive) -> bytes | Reply | None:
        """Read the body within its limits; None when the sender went away."""
        if headers.get(b"content-encoding", b"") not in (b"", b"identity"):
            return answers.ENCODED
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 12 or int(length) > self._body_limit):
            return answers.TOO_LARGE
        parts: list[bytes] = []
        size = 0
        deadline = asyncio.get_running_loop().time() + self._read_timeout_s
        while True:
            try:
                message = await by(deadline, receive())
            except TimeoutError:
                return answers.TOO_SLOW
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self._body_limit:
                return answers.TOO_LARGE
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def _take(
        self, gate: _Gate, hook: bool, scope: Scope, headers: Headers, body: bytes
    ) -> Reply:
        now = Instant(self._clock())
        reader = gate.reader if hook else gate.native_reader
        text, is_text = _text(body)
        struck = reader.strike(text)
        if hook and (why := _unproven(gate, headers, body, text, struck, now)):
            self._tell(gate.source.name, self._peer(scope), why)
            return answers.UNAUTHENTICATED
        if wait := gate.bucket.take(now):
            return answers.rate_limited(-(-wait // SECOND))
        if is_text:
            signal = reader.read(struck.text, now, _delivery(gate, hook, headers))
        else:
            why_not = Rejection("bad_encoding", "it is not UTF-8 text")
            signal = reader.refuse(struck.text, why_not, now)
        try:
            receipt = await self._port.submit(signal)
        except BasculeError as error:
            return answers.unavailable(error.code, error.message)
        except asyncio.CancelledError:  # the server ends, and waits for no disk any longer
            return answers.UNANSWERED
        return answers.answer(signal, receipt)


def _client(scope: Scope) -> str:
    """Give the address at the other end of the connection; empty when it is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _unproven(
    gate: _Gate, headers: Headers, body: bytes, text: str, struck: Struck, now: Instant
) -> str:
    """Say what was not proven, empty when the sender is who it says. Checks all there is."""
    secret_ok = gate.body_secret is None or gate.body_secret.ok(text, struck.given)
    signature_ok = gate.signatures is None or gate.signatures.ok(headers, body, now)
    if secret_ok and signature_ok:
        return ""
    return "signature" if secret_ok else "secret"


def _text(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode("utf-8"), True
    except UnicodeDecodeError:
        return body.decode("utf-8", "backslashreplace"), False


def _delivery(gate: _Gate, hook: bool, headers: Headers) -> str:
    """Give the id that the transport repeats on a resend: the signed one, or the header's."""
    name = b"webhook-id" if hook and gate.signatures is not None else b"idempotency-key"
    given = headers.get(name, b"")
    if not given or len(given) > _MAX_DELIVERY:
        return ""
    read = given.decode("latin-1")
    return read if read.isascii() and read.isprintable() else ""


async def _send(reply: Reply, send: Send) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if reply.retry_after:
        headers.append((b"retry-after", str(reply.retry_after).encode()))
    if reply.status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
