"""One client's connection to the paper broker: cuts lines, hands them on, writes."""

import asyncio
from collections.abc import Callable

from bascule.venues.paper import protocol as wire

LINKS_MAX = 64
BACKLOG_MAX = 16 << 20
"""Bytes that may wait for a client that does not read, before its link is cut."""


class Link(asyncio.Protocol):
    """One connection, what it has logged on to, and what it wants to hear."""

    def __init__(self, links: dict["Link", None], receive: Callable[["Link", bytes], None]) -> None:
        self._links = links
        self._receive = receive
        self._lines = wire.Lines()
        self._transport: asyncio.Transport | None = None
        self.logins: set[str] = set()
        self.symbols: set[str] = set()
        self.admin = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the links, or be cut when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._links[self] = None
        if len(self._links) > LINKS_MAX:
            self.cut()

    def data_received(self, data: bytes) -> None:
        """Handle every line that is complete."""
        try:
            lines = self._lines.feed(data)
        except ValueError:
            self.cut()
            return
        for line in lines:
            if self._transport is not None:
                self._receive(self, line)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the links; orders stay as they are."""
        self._transport = None
        self._links.pop(self, None)

    def write(self, data: bytes) -> None:
        """Send bytes, or cut a link whose client has stopped reading."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > BACKLOG_MAX:
            self.cut()

    def cut(self) -> None:
        """End the connection at once, without a word."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
