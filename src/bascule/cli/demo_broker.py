"""A broker of ours as a child: a process of its own that ends when this one ends in good order.

Where this one is killed the broker goes on, as a real one would, so that the guardian can still
flatten. It ends when nobody is connected any more, or when the next start takes its place.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bascule.config.demo import BrokerLaunch
from bascule.config.private import make_private_directory, write_private
from bascule.model.errors import VenueTransient

START_S = 60.0
STOP_S = 10.0
TRIES = 3
"""The broker of a demonstration that was killed needs a moment to let go of its port."""

_OWN_GROUP = 0
if sys.platform == "win32":
    _OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP


class Broker:
    """Starts on entering, ends in good order on leaving.

    Raises:
        VenueTransient: it did not start; its own words are in the message.
    """

    def __init__(self, launch: BrokerLaunch, directory: Path) -> None:
        self._launch = launch
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def words(self) -> str:
        """The end of what it said when something went wrong."""
        said = (self._directory / "broker.log").read_text(encoding="utf-8", errors="replace")
        return said.strip()[-500:] or "it said nothing"

    def __enter__(self) -> Self:
        make_private_directory(self._directory)
        config = self._directory / "settings.json"
        write_private(config, self._launch.settings.encode())
        for left in reversed(range(TRIES)):
            words = self._start(config)
            if not words:
                return self
            if left:
                time.sleep(0.5)
        raise VenueTransient(
            f"The broker did not start: {words}",
            code="paper_broker",
            hint="If its port is taken, choose another: the venue's `port`, or --broker-port for"
            " the demonstration.",
        )

    def _start(self, config: Path) -> str:
        """Start it; give what it said when it did not come up, else ''."""
        ready = self._directory / "ready"
        ready.unlink(missing_ok=True)  # by which one that was left behind knows that it is to end
        command = [
            sys.executable, "-m", self._launch.module, "--config", str(config), "--ready-file",
            str(ready), "--with-parent",
        ]  # fmt: skip
        with (self._directory / "broker.log").open("wb") as log:
            self._process = process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **self._launch.environ},
                # Ctrl-C is for the engine, which ends before its broker does.
                creationflags=_OWN_GROUP,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                self._end()
                return self.words
            time.sleep(0.02)
        found = json.loads(ready.read_text(encoding="ascii"))
        self.port = found["port"] if isinstance(found, dict) else found
        return ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with suppress(OSError):  # it may have ended by itself
                process.stdin.write(b"end\n")
                process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
