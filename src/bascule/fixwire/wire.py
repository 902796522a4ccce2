"""One connection of a session: bytes to messages, and back-pressure both ways."""

import asyncio
from collections.abc import Callable
from typing import cast

from bascule.fix.codec import Decoder, Garbled
from bascule.fix.message import Message
from bascule.fixwire.link import Link

CLOSE_S = 5
"""How long a closed connection may take to be rid of what was written."""
BUFFER_MAX = 64 << 20
"""Bytes that a peer may leave unread before it is cut off; it gets them again by asking."""


class Wire(asyncio.Protocol):
    """One connection: bytes to messages, and back-pressure both ways.

    Args:
        find: gives the link that a first message belongs to, or None to hang up; an initiator's
            always gives its own.
        decoder: says how large a message may be; what is larger is none, and leaves a gap.
    """

    def __init__(
        self,
        find: Callable[[Message | Garbled | None], Link | None],
        decoder: Decoder | None = None,
    ) -> None:
        self.link: Link | None = None
        self.lost = asyncio.Event()
        self._find = find
        self._decoder = decoder or Decoder()
        self._transport: asyncio.Transport | None = None
        self._reading = True
        self._clogged = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; an initiator's link speaks at once, an acceptor's once it is known."""
        self._transport = cast(asyncio.Transport, transport)
        self._belong(self._find(None))

    def data_received(self, data: bytes) -> None:
        """Take in bytes, cut anywhere."""
        items = self._decoder.feed(data)
        if not items:
            return
        if self.link is None:
            self._belong(self._find(items[0]))
            if self.link is None:
                self.hang_up()
                return
        if self.link.peer is self:
            self.link.receive(items)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that the connection is gone."""
        self.lost.set()
        if self.link is not None:
            self.link.detach(self)

    @property
    def address(self) -> str:
        """The peer's address, empty when there is no connection."""
        found = self._transport.get_extra_info("peername") if self._transport else None
        return str(found[0]) if found else ""

    def pause_writing(self) -> None:
        """Stop reading from a peer that does not read: it gets no more work done for it."""
        self._clogged = True
        self._apply_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._clogged = False
        self._apply_reading()
        if self.link is not None and self.link.peer is self:
            self.link.relieved()

    def write(self, data: bytes) -> None:
        """Send bytes; a peer that leaves too much unread is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if self._clogged and transport.get_write_buffer_size() > BUFFER_MAX:
            transport.abort()

    def hang_up(self) -> None:
        """Close after what was written; a peer that does not take it is cut off after a while."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.close()
            asyncio.get_running_loop().call_later(CLOSE_S, transport.abort)

    def hold_reading(self, held: bool) -> None:
        """Stop or go on reading."""
        if self._reading == held:
            self._reading = not held
            self._apply_reading()

    def clogged(self) -> bool:
        """Whether the peer takes nothing more for now."""
        return self._clogged

    def _belong(self, link: Link | None) -> None:
        self.link = link
        if link is not None:
            link.attach(self)

    def _apply_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._reading and not self._clogged:
            transport.resume_reading()
        else:
            transport.pause_reading()
