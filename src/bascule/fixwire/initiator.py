"""The initiator's side: one session kept connected, within its hours, with patience."""

import asyncio
import random
import secrets
import ssl
import time
from typing import Literal

from msgspec import Struct
from python_socks import ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy as ProxyClient

from bascule.fix.codec import Decoder
from bascule.fixwire.link import Link, Log, Now
from bascule.fixwire.wire import Wire
from bascule.model.values import SECOND, Instant

CONNECT_S = 10
"""How long reaching the peer may take, the proxy and TLS included."""
PAUSE_MAX_S = 60
"""The longest wait between two attempts; it doubles from one second up to this."""
REFUSALS_MAX = 5
"""Connections without a logon, one after the other, before a person is asked."""
BODY_MAX, FIELDS_MAX = 16 << 20, 1 << 20
"""Bytes and fields of a message of a peer that we chose ourselves: it may list all it trades."""
LOOK_S = 30
"""How often the clock is looked at while the session's hours have not begun."""

_PROXY_TYPES = {"socks5": ProxyType.SOCKS5, "socks4": ProxyType.SOCKS4, "http": ProxyType.HTTP}


class Proxy(Struct, frozen=True, kw_only=True):
    """A proxy that the connection goes through; the peer's name is resolved there."""

    kind: Literal["socks5", "socks4", "http"]
    host: str
    port: int
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.kind} {self.host}:{self.port})"


class Address(Struct, frozen=True, kw_only=True):
    """Where the acceptor is, and how it is reached. ``tls`` None: in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None


class Initiator:
    """Connects a link again and again until ``stop``.

    Attempts are apart by a random part of 1 s, then 2 s, up to 60 s. It stops and asks, which
    ``Application.halted`` tells, when the session itself says so, or after five connections in a
    row that were made and brought no logon; ``go_on`` is a person's answer.

    Args:
        link: the session, in the initiator's role.
        address: where to.
        log: takes what went wrong.
        now: the clock.
        chance: for the pauses.
    """

    def __init__(
        self,
        link: Link,
        address: Address,
        *,
        log: Log,
        now: Now = time.time_ns,
        chance: random.Random | None = None,
    ) -> None:
        self._link = link
        self._address = address
        self._log = log
        self._now = now
        self._chance = chance or random.Random(secrets.randbits(64))
        self._name = link.session.config.name
        self._stopping = asyncio.Event()
        self._answered = asyncio.Event()

    def go_on(self) -> None:
        """Connect again after a person was asked."""
        self._answered.set()

    def stop(self) -> None:
        """Log out and end ``run``."""
        self._stopping.set()
        self._answered.set()
        if self._link.peer is not None:
            self._link.logout()

    async def run(self) -> None:
        """Keep the session connected; returns after ``stop``."""
        attempts = refusals = 0
        while not self._stopping.is_set():
            await self._within_hours()
            before = self._link.logons
            reached = await self._connection()
            attempts += 1
            if self._link.logons > before:
                attempts = refusals = 0
            elif reached:
                refusals += 1
            if refusals >= REFUSALS_MAX and self._link.halted is None:
                text = f"{refusals} connections in a row brought no logon"
                self._link.halt("fix_logon_refused", f"{text}. Ask the counterparty, then go on.")
            if self._link.halted is not None:
                await self._ask()
                attempts = refusals = 0
            elif self._link.failed:
                return
            pause = self._chance.uniform(0, min(PAUSE_MAX_S, 1 << min(attempts, 6)))
            await self._sleep(pause)

    async def _ask(self) -> None:
        self._answered.clear()
        if not self._stopping.is_set():
            await self._answered.wait()
        self._link.halted = None

    async def _within_hours(self) -> None:
        session = self._link.session
        while not self._stopping.is_set() and not session.may_connect(Instant(self._now())):
            assert session.config.schedule is not None
            now = Instant(self._now())
            left = (session.config.schedule.next_begin(now) - now) / SECOND
            await self._sleep(min(LOOK_S, left))

    async def _connection(self) -> bool:
        """Connect once and stay to the end; give whether the peer was reached."""
        if self._stopping.is_set():
            return False
        wire = Wire(lambda first: self._link, Decoder(BODY_MAX, FIELDS_MAX))
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(wire)
        except (OSError, TimeoutError, ProxyError, ProxyTimeoutError, ValueError) as error:
            where = f"{self._address.host}:{self._address.port}"
            why = str(error) or "it did not answer in time"
            self._log(self._name, "fix_unreachable", f"{where} cannot be reached: {why}")
            return False
        try:
            await wire.lost.wait()
        finally:
            wire.hang_up()
        return True

    async def _connect(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        to, name = self._address, self._address.host
        if to.proxy is None:
            await loop.create_connection(lambda: wire, to.host, to.port, ssl=to.tls)
            return
        proxy = ProxyClient(
            proxy_type=_PROXY_TYPES[to.proxy.kind],
            host=to.proxy.host,
            port=to.proxy.port,
            username=to.proxy.username or None,
            password=to.proxy.password or None,
            rdns=True,
        )
        sock = await proxy.connect(dest_host=to.host, dest_port=to.port, timeout=CONNECT_S)
        await loop.create_connection(
            lambda: wire, sock=sock, ssl=to.tls, server_hostname=name if to.tls else None
        )

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
