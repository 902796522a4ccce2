"""Runs the command line as a user does: real processes, a directory of their own, free ports."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

WAIT_S = 120.0
"""Only keeps a broken test from hanging: whole processes start and end within it, on a machine that
may be busy with others."""
STEP_S = 0.05


_OWN_GROUP: dict[str, Any] = {}
if sys.platform == "win32":
    _OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


class Done(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Read what was printed as JSON."""
        return json.loads(self.out)


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until something is so, and give it.

    Raises:
        AssertionError: it did not become so in time.
    """
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(STEP_S)
    raise AssertionError(f"waited {WAIT_S:.0f} s for {what}")


def environ_of(home: Path) -> dict[str, str]:
    """Give the environment of a user whose data lies in ``home``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BASCULE_")}
    return own | {"BASCULE_HOME": str(home), "PYTHONIOENCODING": "utf-8"}


def bascule(home: Path, *words: str, given: str = "") -> Done:
    """Run one command to its end, in the directory ``home``."""
    ended = subprocess.run(
        [sys.executable, "-m", "bascule", *words],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=home,
        env=environ_of(home),
        timeout=WAIT_S,
        check=False,
    )
    return Done(ended.returncode, ended.stdout, ended.stderr)


class Started:
    """A command that runs until it is ended; as a context manager it is gone afterwards."""

    def __init__(self, home: Path, *words: str) -> None:
        self._home = home
        self._out = home / f"{words[0]}.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bascule", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=environ_of(home),
                **_OWN_GROUP,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_S)

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._out.read_text(encoding="utf-8")

    def interrupt(self) -> int:
        """End it as Ctrl-C does; give its exit code."""
        ctrl_c = signal.SIGINT if sys.platform != "win32" else signal.CTRL_BREAK_EVENT
        self.process.send_signal(ctrl_c)
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(WAIT_S)


class Demo(Started):
    """`bascule demo`, ready: every account may take entries."""

    def __init__(self, home: Path, port: int, broker_port: int, *words: str) -> None:
        ports = ("--port", str(port), "--broker-port", str(broker_port))
        super().__init__(home, "demo", *(words or ("--no-sender",)), *ports)
        until(lambda: "Try it" in self.said or self.process.poll() is not None, "the demo to start")
        assert self.process.poll() is None, self.said
        until(lambda: bascule(home, "status").code == 0, "the engine to be ready")

    @property
    def webhook(self) -> str:
        """The URL that it printed for alerts."""
        return next(
            word for line in self.said.splitlines() if "webhook" in line for word in line.split()
            if word.startswith("http")
        )  # fmt: skip


def post(url: str, body: object) -> tuple[int, Any]:
    """Post JSON as a webhook's sender does; give status and answer."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=WAIT_S)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", at.path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
