"""The kill switch as a user throws it: from the command line, with no engine to help."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bascule.model.enums import Side
from bascule.venues.paper.control import Control, PaperProcess
from tests.crash.storm import broker_settings
from tests.e2e.commands import WAIT_S, Demo, bascule, environ_of, until
from tests.ports import free_port

CONFIG = """
mode = "paper"

[guardian]
stalled_after = "1s"

[venues.broker]
kind = "paper"
port = {port}
timeout_s = 1

[accounts.alpha]
venue = "broker"
login = "alpha"
currency = "USD"
secret = "broker_token"

[accounts.beta]
venue = "broker"
login = "beta"
currency = "USD"
position_mode = "hedging"
secret = "broker_token"
"""


class House:
    """A broker, a configuration, and nobody who runs."""

    def __init__(self, home: Path, broker: PaperProcess, control: Control) -> None:
        self.home = home
        self.control = control
        self.environ = {**environ_of(home), "BASCULE_SECRET_PAPER_BROKER_TOKEN": broker.token}
        (home / "bascule.toml").write_text(CONFIG.format(port=broker.port))

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command that must end with ``code``; gives what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bascule", *words],
            capture_output=True, text=True, cwd=self.home, env=self.environ, timeout=2 * WAIT_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def open(self) -> None:
        """Trade by hand, so that there is something to close."""
        self.control.trade("alpha", "EURUSD.x", Side.BUY, "0.2")
        self.control.trade("beta", "EURUSD.x", Side.SELL, "0.3")
        assert len(self.standing()) == 2

    def standing(self) -> list[Any]:
        """Give what the broker's ledger holds open."""
        return [row for row in self.control.rows("positions") if float(row["quantity"] or 0)]

    def guardian(self) -> int:
        """Give the guardian's process."""
        noted = json.loads((self.home / "paper/guardian/progress.json").read_text())
        return int(noted["pid"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a broker of its own; whatever guards it at the end is ended."""
    found = broker_settings(tmp_path / "broker.db", [])
    accounts = [{k: v for k, v in one.items() if k != "token_env"} for one in found["accounts"]]
    with PaperProcess({**found, "accounts": accounts}, tmp_path) as broker:
        control = broker.control()
        made = House(tmp_path, broker, control)
        yield made
        control.close()
        made("guardian", "end")


def test_without_engine_and_guardian_one_command_closes_everything(house: House) -> None:
    """It starts a guardian, waits for the venue's word, reports each order, and stays shut."""
    house.open()
    said = house("kill", "--reason", "enough")
    assert house.standing() == []
    assert said.count("is flat by its venue's word") == 2
    assert "No guardian answers; one is being started." in said
    assert {entry.name for entry in (house.home / "paper/latch").iterdir()} == {
        "freeze.guardian.all",
        "freeze.key.all",
    }
    assert "flatten on all" in house("guardian", "status")
    assert "arm_not_confirmed" in house("kill", "arm", "--typed", "everything", code=1)
    house("kill", "arm", "--typed", "all")
    assert not (house.home / "paper/latch").exists()


def test_a_guardian_that_hangs_is_replaced(house: House) -> None:
    """The gate is shut before anybody is asked; who does not answer is ended, by id and start."""
    house("kill", "halt", "--scope", "account:alpha")
    hung = house.guardian()
    os.kill(hung, signal.SIGSTOP)
    house.open()
    began = time.monotonic()
    house("kill", "--scope", "account:beta")
    assert time.monotonic() - began < WAIT_S
    assert house.guardian() != hung
    assert [row["login"] for row in house.standing()] == ["alpha"]
    shown = json.loads(house("guardian", "status", "--json"))
    assert {(stop["scope"], stop["action"]) for stop in shown["stops"]} == {
        ("account:alpha", "halt"),
        ("account:beta", "flatten"),
    }


def test_one_command_arms_whoever_holds_the_stop(tmp_path: Path) -> None:
    """Beside a running engine `bascule arm` lifts what the guardian holds, once it is confirmed."""
    with Demo(tmp_path, free_port(), free_port()) as demo:
        assert bascule(tmp_path, "kill", "halt").code == 0
        until(lambda: _stops(tmp_path), "the engine to take the stop over")
        refused = bascule(tmp_path, "arm", "--typed", "everything")
        assert refused.code == 1 and "arm_not_confirmed" in refused.err
        assert bascule(tmp_path, "arm", "--typed", "all").code == 0
        assert _stops(tmp_path) == [], "it ends once the engine has heard of it"
        assert demo.interrupt() == 0


def _stops(home: Path) -> list[str]:
    return [stop["scope"] for stop in bascule(home, "status", "--json").json()["stops"]]


def test_a_scope_that_does_not_exist_shuts_nothing(house: House) -> None:
    """A misspelt name is said, before anything is written or started."""
    said = house("kill", "--scope", "account:gamma", code=2)
    assert "there is no account:gamma".casefold() in said.casefold()
    assert not (house.home / "paper").exists()
    house("kill", "halt")


def test_the_drill_is_passed_and_shown(tmp_path: Path) -> None:
    """With an engine that is frozen and one that is killed; the record says when and how fast."""
    words = [sys.executable, "-m", "bascule", "drill", "--json"]
    (tmp_path / "bascule.toml").write_text(CONFIG.format(port=1))
    environ = environ_of(tmp_path)
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environ,
        timeout=4 * WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert found["passed"]
    assert 0 < found["frozen_ns"] < 60e9
    assert 0 < found["killed_ns"] < 60e9
    kept = (tmp_path / "paper/guardian/drills.jsonl").read_text().splitlines()
    assert json.loads(kept[-1])["at"] == found["at"]
