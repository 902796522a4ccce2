"""A bare recording sink: takes orders as lines, notes when each arrived, answers each id.

    python bench/sink.py        prints "ready PORT"

A connection whose first line is ``control`` may ``take`` what was noted. One that begins with
``POST`` is a REST client: each request's body is one order. Every other connection is a venue
link: one JSON object a line with a ``cl_ord_id``, answered with the id and a line feed.
"""

import asyncio
import json

from common import now

NOTED: list[tuple[str, int]] = []
_MARK = b'"cl_ord_id":"'


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._control = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Note every whole line with the instant at which its bytes were here."""
        at = now()
        if data.startswith(b"POST ") or self._rest.startswith(b"POST "):
            self._rest += data
            if b"\r\n\r\n{" in self._rest and self._rest.endswith(b"}"):
                self._rest_order(self._rest, at)
                self._rest = b""
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        answers = []
        for line in lines:
            if line == b"control":
                self._control = True
            elif self._control and line == b"take":
                self._transport.write(json.dumps(NOTED).encode() + b"\n")
                NOTED.clear()
            else:
                start = line.index(_MARK) + len(_MARK)
                name = line[start : line.index(b'"', start)]
                NOTED.append((name.decode(), at))
                answers.append(name)
        if answers:
            self._transport.write(b"\n".join(answers) + b"\n")

    def _rest_order(self, data: bytes, at: int) -> None:
        """Take one order from a REST client."""
        start = data.index(_MARK) + len(_MARK)
        name = data[start : data.index(b'"', start)]
        NOTED.append((name.decode(), at))
        body = b'{"orderId":"%b","status":"NEW"}' % name
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(body), body)
        )


async def main() -> None:
    """Serve until ended."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
