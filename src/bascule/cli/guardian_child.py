"""Starts the guardian beside an engine: a process of its own that outlives whoever started it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

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

START_S = 15.0

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
    while process.runs(beat.pid, beat.started) and time.monotonic() < deadline:
        time.sleep(0.02)


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
    if is_running(files):
        return None
    make_private_directory(files.path)
    files.endpoint.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bascule", "guardian", "run", *words]
    if config.file is not None and "--demo" not in words:
        command += ["--config", str(config.file)]
    with files.output.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **_environment(config, secrets)},
            creationflags=_DETACHED,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < deadline:
        client = guardian_client(files)
        if client is not None and client.answers():
            return client
        time.sleep(0.05)
    said = files.output.read_text(encoding="utf-8", errors="replace").strip()[-500:]
    raise GuardianNotStarted(
        f"The guardian did not start: {said or 'it said nothing'}",
        hint=f"What it wrote is in {files.output}. Without it no entry leaves on a live account.",
    )


def _environment(config: "Config", secrets: Secrets) -> dict[str, str]:
    names = {name for venue in config.venues for name in venue.secrets.values()}
    names |= {name for own in config.guardian.secrets.values() for name in own.values()}
    found = {name: secrets.find(name) for name in (*sorted(names), SECRET)}
    return {variable_of(config.mode, name): one.value for name, one in found.items() if one}
