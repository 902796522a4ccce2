"""The acceptor's side: one listening port for many sessions."""

import asyncio
import ssl
from collections.abc import Callable, Iterable

from bascule.fix.codec import Garbled
from bascule.fix.message import Message
from bascule.fix.outbox import SENDER, TARGET
from bascule.fixwire.link import Link, Log
from bascule.fixwire.wire import Wire

LOGON_S = 10
"""A connection that has sent nothing whole for this long is closed."""
CONNECTIONS_MAX = 1000

Admit = Callable[[Link, str], str]
"""(session, the peer's address) to why it is turned away; empty when it may log on."""


def _anybody(link: Link, address: str) -> str:
    return ""


class Server:
    """Accepts connections and gives each to the session that its first message names.

    One whose first message is garbled, names no session, or names one that is connected, is closed
    without a word.

    Args:
        links: the sessions, all in the acceptor's role, no two of the same name.
        log: takes what was turned away; under the name ``server``.
        admit: asked before a connection is given to a session.
    """

    def __init__(self, links: Iterable[Link], *, log: Log, admit: Admit = _anybody) -> None:
        self._links = {_key_of(link): link for link in links}
        self._admit = admit
        self._log = log
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; give the port, which matters when 0 was asked for.

        Raises:
            OSError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port, ssl=tls)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def stop(self, text: str = "") -> None:
        """Stop listening, log every session out, and wait for the connections to close."""
        if self._server:
            self._server.close()
        for link in self._links.values():
            link.logout(text)
        wires = [wire for wire in self._wires if wire.link]
        for wire in self._wires.difference(wires):
            wire.hang_up()
        await asyncio.gather(*(wire.lost.wait() for wire in wires))

    def _accept(self) -> Wire:
        def find(first: Message | Garbled | None) -> Link | None:
            if first is not None:
                return self._find(first, wire.address)
            self._wires = {known for known in self._wires if not known.lost.is_set()}
            self._wires.add(wire)
            if len(self._wires) > CONNECTIONS_MAX:
                self._log("server", "fix_connections_full", "Too many connections; one was closed.")
                asyncio.get_running_loop().call_soon(wire.hang_up)
            asyncio.get_running_loop().call_later(LOGON_S, _close_if_unknown, wire)
            return None

        wire = Wire(find)
        return wire

    def _find(self, first: Message | Garbled, address: str) -> Link | None:
        if isinstance(first, Garbled):
            self._log("server", "fix_logon_refused", "A connection began with no FIX message.")
            return None
        key = (first.begin_string, first.get(TARGET) or b"", first.get(SENDER) or b"")
        link = self._links.get(key)
        if link is None:
            self._log("server", "fix_logon_refused", "A Logon names no session that is known.")
        elif link.peer is not None or link.failed:
            name = link.session.config.name
            self._log(name, "fix_logon_refused", "A second connection was closed.")
            return None
        elif why := self._admit(link, address):
            self._log("server", "fix_logon_refused", f"{link.session.config.name}: {why}.")
            return None
        return link


def _key_of(link: Link) -> tuple[bytes, bytes, bytes]:
    config = link.session.config
    return config.version.begin_string, config.sender.encode(), config.target.encode()


def _close_if_unknown(wire: Wire) -> None:
    if wire.link is None:
        wire.hang_up()
