"""Keeps watchers running beside what they watch."""

import asyncio
from collections.abc import Callable, Coroutine

import structlog

log = structlog.get_logger("bascule.alerts")

RESTART_S = 5.0


async def kept_up(what: str, run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run something that never ends by itself, again and again: its faults end nothing else."""
    while True:
        try:
            await run()
        except Exception as error:  # a boundary: whoever watches must not end what it watches
            log.error("watcher_failed", what=what, error=type(error).__name__)
        await asyncio.sleep(RESTART_S)
