"""A network of one machine's ports: bytes in order, with delay, cuts, silence and partitions.

A stream never loses or reorders bytes within a connection, as TCP does not. What it does instead:
it delays, it is cut (both ends are told), it goes silent (nobody is told), and no new connection
comes through a partition.
"""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from bascule.sim.shell.loop import ACTOR, VirtualLoop


class Network:
    """Listeners by port, and the pipes between them. ``jitter_s`` bounds a byte's way."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, *, jitter_s: float) -> None:
        self._loop = loop
        self._dice = dice
        self._jitter_s = jitter_s
        self._listeners: dict[int, tuple[Callable[[], asyncio.Protocol], Context]] = {}
        self.pipes: list[Pipe] = []
        self.partitioned = False
        self.parted: set[str] = set()
        """Actors that nothing reaches, and that reach nobody."""
        self.on_write: Callable[[str, bytes], None] | None = None
        """Called with the actor and the bytes of each write that left."""
        loop.net = self

    def listen(self, port: int, factory: Callable[[], asyncio.Protocol], context: Context) -> None:
        """Take connections on a port; the protocol's callbacks run in ``context``."""
        self._listeners[port] = (factory, context)

    def close(self, port: int) -> None:
        """Take no more connections on a port."""
        self._listeners.pop(port, None)

    async def connect(
        self, factory: Callable[[], asyncio.Protocol], port: int
    ) -> tuple["End", asyncio.Protocol]:
        """Open a connection, as ``loop.create_connection`` does.

        Raises:
            ConnectionRefusedError: nobody listens there.
        """
        await asyncio.sleep(self.delay())
        while self.partitioned or ACTOR.get() in self.parted:
            await asyncio.sleep(0.05)
        if port not in self._listeners:
            raise ConnectionRefusedError(111, "Connection refused")
        theirs, context = self._listeners[port]
        mine = factory()
        pipe = Pipe(self, self._loop)
        here = pipe.end(mine, copy_context())
        there = pipe.end(theirs(), context)
        here.peer, there.peer = there, here
        self.pipes.append(pipe)
        there.started()
        mine.connection_made(here)
        return here, mine

    def delay(self) -> float:
        """Draw how long bytes are under way, in seconds."""
        return self._dice.uniform(0.00005, self._jitter_s)

    def cut(self, actor: str, *, silently: bool = False) -> None:
        """End an actor's connections: its peers are told, or (a power cut) hear nothing more."""
        for pipe in list(self.pipes):
            if any(end.actor == actor for end in pipe.ends):
                if silently:
                    pipe.mute()
                else:
                    pipe.cut()

    def die(self, actor: str, *, silently: bool = False) -> None:
        """End a dead actor's connections as its system does: what it wrote still arrives.

        Its peers are told after that, or (a power cut) never.
        """
        for pipe in list(self.pipes):
            for end in pipe.ends:
                if end.actor == actor:
                    end.die(silently)


class Pipe:
    """One connection. It ends for both sides at once, or goes silent."""

    def __init__(self, net: Network, loop: VirtualLoop) -> None:
        self.net = net
        self.loop = loop
        self.ends: list[End] = []
        self.silent = False

    def end(self, protocol: asyncio.Protocol, context: Context) -> "End":
        """Make one side."""
        made = End(self, protocol, context)
        self.ends.append(made)
        return made

    def mute(self) -> None:
        """From now on nothing arrives, and nobody is told (a half-open connection)."""
        self.silent = True

    def cut(self) -> None:
        """Tell both sides that it is gone."""
        for end in self.ends:
            end.lose(ConnectionResetError(104, "Connection reset by peer"))
        if self in self.net.pipes:
            self.net.pipes.remove(self)


class End(asyncio.Transport):
    """One side of a connection, as its protocol sees it."""

    peer: "End"

    def __init__(self, pipe: Pipe, protocol: asyncio.Protocol, context: Context) -> None:
        super().__init__()
        self._pipe = pipe
        self._protocol = protocol
        self._context = context
        self._closed = False
        self._arrives = 0.0
        self.actor = context.get(ACTOR, "")

    def started(self) -> None:
        """Tell the listening side of the connection."""
        self._pipe.loop.call_soon(self._protocol.connection_made, self, context=self._context)

    def write(self, data: Any) -> None:
        """Send bytes; they arrive in order, a moment later."""
        pipe, loop = self._pipe, self._pipe.loop
        if self._closed or not data:
            return
        if loop.is_frozen(self.actor):
            # It was stopped on its way to this very write, which comes when it is let go on.
            loop.call_soon(self.write, bytes(data), context=self._context)
            return
        peer = self.peer
        self._arrives = max(self._arrives, loop.time() + pipe.net.delay())
        loop.call_at(self._arrives, peer._deliver, bytes(data), context=peer._context)
        if pipe.net.on_write is not None:
            pipe.net.on_write(self.actor, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        """Send several pieces as one."""
        self.write(b"".join(list_of_data))

    def _deliver(self, data: bytes) -> None:
        if self._closed or self._pipe.silent:
            return
        net = self._pipe.net
        if net.partitioned or (net.parted and any(e.actor in net.parted for e in self._pipe.ends)):
            loop = self._pipe.loop
            loop.call_later(0.05, self._deliver, data, context=self._context)
            return
        self._protocol.data_received(data)

    def lose(self, error: Exception | None) -> None:
        """End this side."""
        if not self._closed and not self._pipe.loop.is_closed():
            self._closed = True
            self._pipe.loop.call_soon(self._protocol.connection_lost, error, context=self._context)

    def die(self, silently: bool) -> None:
        """Take and tell nothing more on this side; what was written is under way."""
        loop = self._pipe.loop
        if not self._closed and not silently:
            at = max(self._arrives, loop.time()) + 0.0001
            reset = ConnectionResetError(104, "Connection reset by peer")
            loop.call_at(at, self.peer.lose, reset, context=self.peer._context)
        self._closed = True

    def close(self) -> None:
        """Close in good order: what was written still arrives, then the other side is told."""
        loop = self._pipe.loop
        if not self._closed and not self._pipe.silent:
            at = max(self._arrives, loop.time()) + 0.0001
            loop.call_at(at, self.peer.lose, None, context=self.peer._context)
        self.lose(None)

    def abort(self) -> None:
        """Close at once."""
        self.close()

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self._closed

    def get_write_buffer_size(self) -> int:
        """Everything written is under way at once."""
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket to tell of."""
        return default

    def pause_reading(self) -> None:
        """Nothing is read ahead here."""

    def resume_reading(self) -> None:
        """Nothing was paused."""
