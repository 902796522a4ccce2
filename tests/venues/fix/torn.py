"""A line to an exchange that tears in the middle of a message."""

import asyncio
from contextlib import suppress


class Torn:
    """Forwards connections to a port. With ``tear`` set, the next message to it that holds these
    bytes goes on in part, and then the line is dead; connections after that are whole again.
    """

    def __init__(self, target: int) -> None:
        self.tear = b""
        self._target = target
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; give the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        ways = (self._there(reader, back), self._back(there, writer))
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
        for end in (writer, back):
            end.transport.abort()
        for task in tasks:
            task.cancel()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                torn = self.tear and self.tear in data
                writer.write(data[: data.index(self.tear) + len(self.tear)] if torn else data)
                await writer.drain()
                if torn:
                    self.tear = b""
                    await asyncio.sleep(0.05)  # the part must have arrived before the line is cut
                    return

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
