"""Starts the guardian beside an engine: a process of its own that outlives whoever started it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from bascule.cli.guardian_remote import GuardianClient, guardian_client
from bascule.config import process
from bascule.config.handover import GuardianFiles, Heartbeat, read_file
from bascule.config.lockfile import LockFile
from bascule.config.private import make_private_directory
from bascule.config.second_factor import SECRET
from bascule.config.secrets import Secrets, variable_of
from bascule.model.errors import BasculeError

if TYPE_CHECKING:
    from bascule.config.build import Config

log = structlog.get_logger("bascule.cli")

LOOK_S = 5.0
"""How often it is looked whether the guardian still runs."""
START_S = 60.0
DEMO = "--demo"
END_S = 10.0

_DETACHED = 0
if sys.platform == "win32":
    _DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS


class GuardianNotStarted(BasculeError):
    """The guardian did not come up; its own words are in the message."""

    code = "guardian_not_started"


def is_running(files: GuardianFiles) -> bool:
    """Whether a guardian serves this data directory."""
    lock = LockFile(files.lock)
    if not lock.take():
        return True
    lock.release()
    return False


def end_hung_guardian(files: GuardianFiles) -> None:
    """End a guardian that runs and answers nobody, by its recorded id and start."""
    beat = read_file(files.progress, Heartbeat)
    if beat is None or not is_running(files) or not process.kill(beat.pid, beat.started):
        return
    deadline = time.monotonic() + START_S
    # Its lock too: a process can be gone a moment before the system lets go of what it held.
    while time.monotonic() < deadline:
        if not process.runs(beat.pid, beat.started) and not is_running(files):
            break
        time.sleep(0.02)
    files.endpoint.unlink(missing_ok=True)


def start_guardian(
    config: "Config", secrets: Secrets, words: Sequence[str] = ()
) -> GuardianClient | None:
    """Start a guardian unless one runs already, and wait until it answers.

    Args:
        config: what it guards.
        secrets: where its secrets are; it gets those that it needs in its environment, so that it
            can be started where nobody can be asked for a passphrase.
        words: more words of its command line.

    Returns:
        a way to ask the one that was started; None when one ran already.

    Raises:
        GuardianNotStarted: it did not come up.
    """
    files = GuardianFiles(config.data.path)
    child = spawn(config, secrets, words)
    if child is None:
        return None
    client = _awaited(files, child)
    if client is not None:
        return client
    said = files.output.read_text(encoding="utf-8", errors="replace").strip()[-500:]
    raise GuardianNotStarted(
        f"The guardian did not start: {said or 'it said nothing'}",
        hint=f"What it wrote is in {files.output}. Without it no entry leaves on a live account.",
    )


def spawn(
    config: "Config", secrets: Secrets, words: Sequence[str] = ()
) -> "subprocess.Popen[bytes] | None":
    """Start a guardian's process and wait for nothing; None when one runs already."""
    files = GuardianFiles(config.data.path)
    if is_running(files):
        return None
    make_private_directory(files.path)
    files.endpoint.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bascule", "guardian", "run", *words]
    if config.file is not None and DEMO not in words:
        command += ["--config", str(config.file)]
    with files.output.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **_environment(config, secrets)},
            creationflags=_DETACHED,
            start_new_session=True,
        )


def _awaited(files: GuardianFiles, child: "subprocess.Popen[bytes]") -> GuardianClient | None:
    deadline = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < deadline:
        client = guardian_client(files)
        if client is not None and client.answers():
            return client
        time.sleep(0.05)
    return None


KEPT = (
    "a guardian of an earlier start runs on, with another configuration than this: it holds a stop,"
    " or did not end when it was asked to. Once nothing is stopped, `bascule guardian end`: it is"
    " started anew with this one"
)
REPLACED = (
    "a guardian of an earlier start knew another configuration; it ended in good order, and one"
    " that knows this is started"
)


class GuardianBeside:
    """The guardian of an engine that is being run: started with it, ended with it in good order.

    An engine that does not end in good order leaves it behind, which is what it is for; and so does
    one that is ended while something is stopped, unless it is a demonstration.
    """

    def __init__(self, config: "Config", secrets: Secrets, words: Sequence[str] = ()) -> None:
        self._files = GuardianFiles(config.data.path)
        self._config = config.hash
        self._demo = DEMO in words
        self._wanted = config.guardian.enabled and config.file is not None
        self._spawn = lambda: spawn(config, secrets, words)
        self._child = self._spawn() if self._wanted else None

    async def keep(self) -> None:
        """Start it again when it has died; engine and guardian miss each other."""
        if self._wanted and self._child is None:
            await asyncio.to_thread(self._tried, self._renew)
        while self._wanted:
            await asyncio.sleep(LOOK_S)
            gone = self._child is None or self._child.poll() is not None
            if gone and not await asyncio.to_thread(is_running, self._files):
                log.error("guardian_died", text="the guardian has ended; it is started again")
                await asyncio.to_thread(self._tried, self._start)

    def _tried(self, start: Callable[[], None]) -> None:
        """Start one; a machine that cannot now, or secrets that are locked, end no engine."""
        try:
            start()
        except (OSError, BasculeError) as error:
            log.error("guardian_not_started", text=f"it is tried again: {error}")

    def _start(self) -> None:
        self._child = self._spawn()

    def _renew(self) -> None:
        """Have a guardian that knows another configuration end, and start one that knows this.

        Only while nothing is stopped, and the new one once the old has ended. A stop that comes in
        between is not lost: stops and latch are files, which the new one takes up as it starts.
        """
        client = guardian_client(self._files)
        with suppress(BasculeError):
            known = client.view() if client is not None else None
            if known is not None and known.config == self._config:
                return
            if client is not None and known is not None and not known.stops:
                client.end()
                deadline = time.monotonic() + END_S
                while is_running(self._files) and time.monotonic() < deadline:
                    time.sleep(0.05)
        self._child = self._spawn()
        if self._child is None:
            log.warning("guardian_kept", text=KEPT)
        else:
            log.info("guardian_replaced", text=REPLACED)

    def end(self) -> None:
        """End it if nothing is stopped; also one of an earlier engine, which knows old settings."""
        child = self._child
        if child is None:
            self._end_earlier()
            return
        if child.poll() is not None:
            return
        client = _awaited(self._files, child)
        with suppress(BasculeError):
            if client is not None and client.view().stops and not self._demo:
                return
            if client is not None:
                client.end()
        try:
            child.wait(END_S if client is not None else 0)
        except subprocess.TimeoutExpired:
            child.terminate()
            child.wait(END_S)

    def _end_earlier(self) -> None:
        client = guardian_client(self._files) if self._wanted else None
        with suppress(BasculeError):
            if client is not None and (self._demo or not client.view().stops):
                client.end()


def _environment(config: "Config", secrets: Secrets) -> dict[str, str]:
    names = {name for venue in config.venues for name in venue.secrets.values()}
    names |= {name for own in config.guardian.secrets.values() for name in own.values()}
    names |= {*config.alerts.channels, config.heartbeat.guardian_secret}
    names |= {config.guardian.telegram.token_secret, SECRET}
    found = {name: secrets.find(name) for name in sorted(names - {""})}
    return {variable_of(config.mode, name): one.value for name, one in found.items() if one}
