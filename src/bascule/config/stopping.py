"""How a process is told to end, on every system."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Turn Ctrl-C, SIGTERM and Ctrl-Break into an event; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if ended.is_set():
            os._exit(128 + number)
        loop.call_soon_threadsafe(ended.set)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield ended
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
