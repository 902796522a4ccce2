"""A door that remembers, a clock that stands still, and a sender without a network."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from bascule.model.errors import JournalUnwritable
from bascule.model.intent import Receipt, Signal
from bascule.model.values import SECOND
from bascule.signals.intake.http import HttpIntake
from bascule.signals.intake.source import Source

NOW = 1_795_262_400 * SECOND
TOKEN = "path-token-0123456789"
SECRET = "body-secret-0123456789"
BEARER = "bearer-token-0123456789"
SIGNING = "whsec_c2lnbmluZy1zZWNyZXQtMDEyMzQ1Njc4OQ=="
OTHER_SIGNING = "another-signing-secret-0123"
ALERT = {"ticker": "ES1!", "action": "buy", "qty": 1, "timenow": "2026-11-21T12:00:00Z"}


class Door:
    """A submit port that answers by the signal, and keeps what it was given."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.status = ""
        self.broken = False
        self.wait: Callable[[], Awaitable[object]] | None = None

    async def submit(self, signal: Signal) -> Receipt:
        """Answer as an engine would that knows nothing yet."""
        if self.wait is not None:
            await self.wait()
        if self.broken:
            raise JournalUnwritable("there is no space left")
        if self.status in ("overloaded", "unknown"):
            return Receipt("", self.status)
        self.signals.append(signal)
        name = f"e-{len(self.signals)}"
        if self.status:
            return Receipt(name, self.status, duplicate_of="e-1")
        if signal.refused_code:
            return Receipt(name, "refused", code=signal.refused_code, text=signal.refused_text)
        return Receipt(name, "accepted")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Give the time, in UTC nanoseconds."""
        return self.now


class Answered(Struct):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes


class Sender:
    """Sends requests to one application, as a server would hand them over."""

    def __init__(self, sources: Sequence[Source], **settings: Any) -> None:
        self.door = Door()
        self.clock = Clock()
        self.strangers: list[tuple[str, str, str]] = []
        self.app = HttpIntake(
            sources,
            self.door,
            clock=self.clock,
            on_unauthenticated=lambda *told: self.strangers.append(told),
            **settings,
        )

    async def post(
        self,
        path: str,
        body: object = b"",
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        peer: str = "192.0.2.1",
        parts: Sequence[bytes] | None = None,
    ) -> Answered | None:
        """Send one request; a body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        chunks = list(parts if parts is not None else [data])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                return {"type": "http.disconnect"}
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        stated = {"content-length": str(len(data))} if parts is None else {}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "client": (peer, 50_000),
            "headers": [
                (name.encode(), value.encode())
                for name, value in (stated | (headers or {})).items()
            ],
        }
        await self.app(scope, receive, send)
        if not sent:
            return None
        raw = sent[1]["body"]
        return Answered(
            sent[0]["status"],
            {name.decode(): value.decode() for name, value in sent[0]["headers"]},
            json.loads(raw),
            raw,
        )
