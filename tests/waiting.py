"""Waiting in a test for what another task or process does: in small steps, and never for ever."""

import asyncio
from collections.abc import Callable

STEP_S = 0.005


async def until(condition: Callable[[], object], what: str, patience_s: float = 10.0) -> None:
    """Wait for a condition, and say what was waited for when it never comes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not condition():
        assert loop.time() < deadline, f"waited for: {what}"
        await asyncio.sleep(STEP_S)
