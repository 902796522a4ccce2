"""The web server as Bascule sets it up: uvicorn, with our signals and one write an answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bascule.api.dispatch import Asgi

GRACE_S = 3
"""How long requests under way may take once the process was told to end."""


def server_config(app: Asgi, *, lifespan: bool = True) -> uvicorn.Config:
    """Describe a server of one application; where it listens is given when it serves."""
    return uvicorn.Config(
        app,
        http=WholeAnswers,
        ws="none",
        lifespan="on" if lifespan else "off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )


class Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: ours end the engine too, and work on Windows."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class WholeAnswers(HttpToolsProtocol):
    """Uvicorn's protocol, with head and body of a small answer in one write.

    Two writes are two calls of the kernel and two packets: a sixth of the time of a whole signal.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve a connection."""
        super().connection_made(_OneWrite(transport))  # type: ignore[arg-type]


class _OneWrite:
    """A transport that keeps the head of an answer for what is written in the same step.

    A head that nothing follows, as of a stream that has nothing to tell yet, leaves when the step
    is over.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._send = transport.write
        self._loop = asyncio.get_running_loop()
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1."):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._send(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._send(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
