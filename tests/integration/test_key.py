"""A real key, under a real X server: the kill switch from the keyboard to the broker's ledger."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bascule.cli.guardian_remote import GuardianClient, guardian_client
from bascule.config.handover import GuardianFiles
from bascule.model.enums import Side
from bascule.venues.paper.control import Control, PaperProcess
from tests.crash.engine_main import LOGINS
from tests.crash.storm import broker_settings
from tests.waiting import PATIENCE_S
from tools.system_packages import needed

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "ctrl+alt+k"


@contextmanager
def process(*words: str, **how: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program, and end it."""
    running = subprocess.Popen(words, **how)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def display() -> Iterator[str]:
    """Run an X server without a screen; it chooses its own number."""
    read, write = os.pipe()
    with process(
        needed("Xvfb"), "-displayfd", str(write), "-screen", "0", "320x200x24", "-nolisten", "tcp",
        pass_fds=(write,), stderr=subprocess.DEVNULL,
    ):  # fmt: skip
        os.close(write)
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"


def wait(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something to come true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def settings(directory: Path) -> dict[str, Any]:
    """Describe a broker as the drills have it, with tokens of its own making."""
    found = broker_settings(directory / "broker.db", [])
    accounts = [{k: v for k, v in one.items() if k != "token_env"} for one in found["accounts"]]
    return {**found, "accounts": accounts}


def standing(control: Control) -> list[Any]:
    """Give what the ledger holds open."""
    return [row for row in control.rows("positions") if float(row["quantity"] or 0)]


def guardian(data: Path, broker: PaperProcess, stack: ExitStack) -> GuardianClient:
    """Run a guardian of the broker's accounts."""
    stack.enter_context(
        process(
            sys.executable, "-m", "tests.crash.guardian_main", str(data), str(broker.port),
            cwd=ROOT,
            env={**os.environ, **{f"STORM_{login.upper()}": broker.token for login in LOGINS}},
        )
    )  # fmt: skip
    found: list[GuardianClient] = []

    def connected() -> bool:
        client = guardian_client(GuardianFiles(data))
        if client is None or not client.answers():
            return False
        found.append(client)
        return all(account.link_up for account in client.view().accounts)

    wait(connected, "the guardian")
    return found[-1]


def test_one_key_closes_everything(tmp_path: Path) -> None:
    """The key daemon runs ``bascule-kill``: every position is gone from the broker's ledger."""
    data = tmp_path / "data"
    data.mkdir()
    kill = Path(sys.executable).with_name("bascule-kill")
    keys = tmp_path / "sxhkdrc"
    keys.write_text(f"ctrl + alt + k\n    {kill} --data {data}\n")
    with ExitStack() as stack:
        broker = stack.enter_context(PaperProcess(settings(tmp_path), tmp_path))
        client = guardian(data, broker, stack)
        control = broker.control()
        stack.callback(control.close)
        for login in LOGINS:
            control.trade(login, "EURUSD.x", Side.BUY, "0.2")
        assert len(standing(control)) == 3
        screen = {**os.environ, "DISPLAY": stack.enter_context(display()), "SHELL": "/bin/sh"}
        stack.enter_context(process(needed("sxhkd"), "-c", str(keys), env=screen))

        def pressed() -> bool:
            subprocess.run(
                [needed("xdotool"), "key", KEY], env=screen, timeout=PATIENCE_S, check=True,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(0.3)  # the daemon may not have taken the key yet: then it is pressed again
            return (data / "latch" / "freeze.key.all").exists()

        wait(pressed, "the latch")
        wait(lambda: not standing(control), "an empty ledger")
        wait(
            lambda: all(one.sweep == "flat" for one in client.view().accounts),
            "the guardian's word",
        )
        (stop,) = client.view().stops
        assert (stop.action, stop.by) == ("flatten", "key")
