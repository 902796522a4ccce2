"""Starts the paper broker: ``python -m bascule.venues.paper.emulator --config FILE``.

Prints one line when it listens, ends in good order on Ctrl-C or SIGTERM, and leaves a ledger
that the next start goes on from. Tokens come from the environment or from files, never from here.
"""

import argparse
import asyncio
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from bascule.model.errors import BasculeError
from bascule.venues.kit.emulating import announce, told_to_end
from bascule.venues.paper.emulator_link import Link
from bascule.venues.paper.emulator_server import Server
from bascule.venues.paper.emulator_settings import PaperSettings, read_file, read_json

BROKEN = 71
"""Exit code when the broker met its own bug, or its ledger could not be written."""
LINGER_S, LINGER_ALONE_S = 600.0, 10.0
"""How long a broker whose parent died stays, and without anybody connected."""
LOOK_S = 0.1


def main(argv: list[str] | None = None) -> int:
    """Run the broker until it is told to end; give the exit code, 2 for wrong settings."""
    parser = argparse.ArgumentParser(prog="bascule.venues.paper.emulator", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, help="settings as a TOML or JSON file")
    source.add_argument("--settings", help="settings as JSON text")
    parser.add_argument("--port", type=int, help="instead of the settings' port; 0 for any free")
    parser.add_argument("--ready-file", type=Path, help="gets the port once the broker listens")
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="end at a word on standard input; where that closes without one, end once nobody is"
        " connected, or once the ready file is taken away",
    )
    given = parser.parse_args(argv)
    try:
        settings = read_file(given.config) if given.config else read_json(given.settings)
        server = Server(settings)
    except BasculeError as error:
        sys.stderr.write(f"paper broker: {error.message}\n")
        return 2
    port = settings.port if given.port is None else given.port
    return asyncio.run(_serve(server, settings, port, given.ready_file, given.with_parent))


async def _serve(
    server: Server,
    settings: PaperSettings,
    port: int,
    ready_file: Path | None,
    with_parent: bool,
) -> int:
    loop = asyncio.get_running_loop()
    ended = told_to_end()
    loop.set_exception_handler(_fail)

    def follow_parent() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            _linger(server, ready_file)
        loop.call_soon_threadsafe(ended.set)

    try:
        listener = await loop.create_server(
            lambda: Link(server.links, server.receive), settings.host, port
        )
    except (OSError, OverflowError) as error:
        why = f"port {port}: {getattr(error, 'strerror', '') or error}; free it or name another"
        sys.stderr.write(f"paper broker: {why}\n")
        server.stop()
        return 2
    server.start()
    if with_parent:
        # The pipe closes however the parent ends. A parent that was killed leaves its guardian,
        # and that one still needs the broker, as it would a real one.
        threading.Thread(target=follow_parent, name="parent", daemon=True).start()
    bound = listener.sockets[0].getsockname()[1]
    announce(ready_file, str(bound))
    sys.stdout.write(f"paper broker ready on {settings.host}:{bound}\n")
    sys.stdout.flush()
    await ended.wait()
    listener.close()
    server.stop()
    return 0


def _linger(server: Server, ready_file: Path | None) -> None:
    """Wait a while for who is connected, until another broker is to take this one's place."""
    ends = time.monotonic() + LINGER_S
    leaves = 0.0
    while ready_file is None or ready_file.exists():
        now = time.monotonic()
        if server.links or not leaves:
            leaves = now + LINGER_ALONE_S
        if now >= min(ends, leaves):
            return
        time.sleep(LOOK_S)


def _fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End at once on anything unforeseen: what is not committed was never answered."""
    error = context.get("exception")
    if isinstance(error, ConnectionError):
        return
    if error is not None:
        traceback.print_exception(error)
    sys.stderr.write(f"paper broker: ended by its own fault: {context.get('message')}\n")
    sys.stderr.flush()
    os._exit(BROKEN)


if __name__ == "__main__":
    sys.exit(main())
