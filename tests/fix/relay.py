"""A relay of bytes between two parties, that can cut, tear and garble."""

import asyncio
import random
from contextlib import suppress


class Relay:
    """Forwards every connection to a port, in pieces of random size.

    ``cut`` drops all connections, in the middle of whatever is on its way; ``garble`` spoils the
    next so many pieces, one byte each, of those that go to the target or of those that come back.
    """

    def __init__(self, target: int, chance: random.Random, *, garble_answers: bool = False) -> None:
        self.cuts = 0
        self.garble = 0
        self._garble_answers = garble_answers
        self.forwarded = 0
        self._target = target
        self._chance = chance
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen; give the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    def cut(self) -> None:
        """Drop what is connected."""
        self.cuts += bool(self._writers)
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        """Stop listening and drop what is connected."""
        if self._server:
            self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        pair = {writer, back}
        self._writers |= pair
        with suppress(OSError):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, back, not self._garble_answers))
                tasks.create_task(self._pump(there, writer, self._garble_answers))
        self._writers -= pair
        for end in pair:
            end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_garble: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(self._chance.randint(1, 3000)):
                self.forwarded += len(data)
                if may_garble and self.garble and len(data) > 40:
                    self.garble -= 1
                    at = self._chance.randrange(len(data))
                    data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
                writer.write(data)
                await writer.drain()
        writer.close()
