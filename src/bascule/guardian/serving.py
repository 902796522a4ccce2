"""The guardian as a process, from its lock to its last line."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from bascule.config.clock import SystemClock
from bascule.config.handover import GuardianEndpoint, GuardianFiles
from bascule.config.lockfile import LockFile
from bascule.config.stopping import stop_signals
from bascule.guardian.server import Extra, Server, bind, own_token
from bascule.guardian.service import Guardian
from bascule.guardian.setup import GuardianSetup
from bascule.model.errors import ConfigError

ALONE_LOOK_S = 2.0
Beside = Callable[[Guardian], Coroutine[None, None, None]]
"""Runs beside the guardian for as long as it runs: alerts, a bot, presence."""


def run_guardian(
    setup: GuardianSetup,
    port: int,
    *,
    extra: Sequence[Extra] = (),
    beside: Sequence[Beside] = (),
    ready: Callable[[GuardianEndpoint], None] | None = None,
    alone_s: float = 0.0,
) -> None:
    """Serve until told to end, or until the data directory is gone.

    Args:
        setup: what to guard.
        port: where to listen on loopback; any free port where it is taken.
        extra: more routes for its port.
        beside: what runs beside it; a fault there is told and ends nothing.
        ready: told once where it listens.
        alone_s: end by itself when for so long neither engine nor any venue was there; 0 never.

    Raises:
        BasculeError: it could not be started; `guardian_running` when one runs already.
    """
    files = GuardianFiles(setup.mode_dir)
    lock = LockFile(files.lock)
    if not lock.take():
        raise ConfigError(
            f"A guardian runs already on {setup.mode_dir}, process {lock.holder or 'unknown'}.",
            code="guardian_running",
            hint="`bascule guardian status` shows it; one guardian serves a data directory.",
        )
    try:
        asyncio.run(_serve(setup, port, extra, beside, ready, alone_s))
    finally:
        lock.release()


async def _serve(
    setup: GuardianSetup,
    port: int,
    extra: Sequence[Extra],
    beside: Sequence[Beside],
    ready: Callable[[GuardianEndpoint], None] | None,
    alone_s: float,
) -> None:
    listener = bind(port)
    try:
        guardian = Guardian(setup, SystemClock())
        server = Server(guardian, own_token(guardian.files.token), extra)
        with stop_signals() as ended:
            endpoint = await server.start(listener)
            try:
                if ready is not None:
                    ready(endpoint)
                await _until_ended(guardian, server, (*beside, _Alone(ended, alone_s)), ended)
            finally:
                await server.stop()
                await guardian.close()
    finally:
        listener.close()


async def _until_ended(
    guardian: Guardian, server: Server, beside: Sequence[Beside], ended: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(guardian.run())]
        running += [group.create_task(_beside(guardian, one)) for one in beside]
        waits = [group.create_task(one.wait()) for one in (ended, server.ended)]
        await asyncio.wait(waits, return_when="FIRST_COMPLETED")
        for task in (*running, *waits):
            task.cancel()


class _Alone:
    """Ends a guardian that has nothing to guard: its data is gone, or its demonstration is over."""

    def __init__(self, ended: asyncio.Event, alone_s: float) -> None:
        self._ended = ended
        self._alone_s = alone_s

    async def __call__(self, guardian: Guardian) -> None:
        """Look every other second."""
        alone = 0.0
        while guardian.setup.mode_dir.is_dir():
            view = guardian.view()
            linked = view.engine in ("alive", "stalled") or any(a.link_up for a in view.accounts)
            alone = 0.0 if linked else alone + ALONE_LOOK_S
            if 0 < self._alone_s <= alone:
                break
            await asyncio.sleep(ALONE_LOOK_S)
        self._ended.set()


async def _beside(guardian: Guardian, beside: Beside) -> None:
    """Run something that the guardian can do without."""
    try:
        await beside(guardian)
    except Exception as error:  # the process boundary: no bot's fault may end the kill switch
        words = f"{getattr(beside, '__qualname__', 'a helper')} failed: {error}. It stays off."
        guardian.log("fault", text=words)
        guardian.tell("warning", "guardian_helper", words)
