"""Waiting in a test for what another task or process does: in small steps, and never for ever."""

import asyncio
from collections.abc import Callable

STEP_S = 0.005
PATIENCE_S = 60.0
"""How long a test waits for what must come. It only keeps a broken test from hanging, so it is far
more than a machine that is busy with something else may need; no test measures time by it."""


async def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition, and say what was waited for when it never comes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not condition():
        assert loop.time() < deadline, f"waited for: {what}"
        await asyncio.sleep(STEP_S)
