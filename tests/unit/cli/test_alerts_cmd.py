"""``bascule alerts``, and what a running engine tells through the channels that are set up."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bascule.cli.common import configured, secrets_of
from bascule.cli.serving import Running, run_engine
from bascule.model.enums import StopMode
from tests.outside import Outside
from tests.ports import free_port
from tests.waiting import PATIENCE_S

from .conftest import Bascule

TOKEN = "tokeninthepath"


@pytest.fixture
def outside() -> Iterator[Outside]:
    """Serve in a thread."""
    with Outside() as server:
        yield server


@pytest.fixture
def with_alerts(bascule: Bascule, outside: Outside) -> Bascule:
    """Give a paper configuration with two channels, of which the first fails."""
    bascule("init", "--yes")
    file = Path("bascule.toml")
    text = file.read_text().replace("port = 8420", "port = 1")
    file.write_text(
        f'{text}\n[alerts]\nurl_secrets = ["bad", "good"]\nmute = ["engine_started"]\n'
        '[heartbeat]\nengine_secret = "monitor"\nevery = "1s"\n'
    )
    bascule("secrets", "set", "bad", stdin=f"json://{outside.host}/bad/{TOKEN}\n")
    bascule("secrets", "set", "good", stdin=f"json://{outside.host}/good/{TOKEN}\n")
    bascule("secrets", "set", "monitor", stdin=f"http://{outside.host}/beat/{TOKEN}\n")
    return bascule


def test_a_test_goes_through_every_channel_and_says_which_failed(
    with_alerts: Bascule, outside: Outside
) -> None:
    """Each channel is tried by itself; the answer is no while one does not work."""
    done = with_alerts("alerts", "test")
    assert done.code == 1
    assert "bad: NOT sent: it was not taken within 10 s" in done.out and "good: sent" in done.out
    assert [one["title"] for one in outside.got] == ["Bascule: test"]
    assert TOKEN not in done.out + done.err


def test_a_mistyped_address_is_told_by_name(with_alerts: Bascule) -> None:
    """The value is not shown; the way to mend it is."""
    with_alerts("secrets", "set", "bad", stdin=f"nosuch:{TOKEN}\n")
    done = with_alerts("alerts", "test")
    assert "'bad' holds no address" in done.out and TOKEN not in done.out


def test_a_test_without_channels_is_refused(bascule: Bascule) -> None:
    """There is nothing to send to, and the hint says how to have something."""
    bascule("init", "--yes")
    done = bascule("alerts", "test")
    assert done.code == 3 and "Code:  no_channels" in done.err


def test_the_list_says_what_is_told_here(with_alerts: Bascule) -> None:
    """Every kind, its severity, and whether it is muted."""
    shown = json.loads(with_alerts("alerts", "list", "--json").out)
    by_name = {one["name"]: one for one in shown["alerts"]}
    assert shown["channels"] == ["bad", "good"]
    assert by_name["engine_started"]["told"] == "muted"
    assert by_name["halted"] | {"when": ""} == {
        "name": "halted", "severity": "critical", "told": "yes", "when": "",
    }  # fmt: skip
    assert "bad, then good" in with_alerts("alerts", "list").out


def test_a_missing_channel_secret_starts_nothing(with_alerts: Bascule) -> None:
    """An engine whose alerts cannot work is told so before it trades."""
    with_alerts("secrets", "delete", "good")
    done = with_alerts("run")
    assert done.code == 3 and "'good' was not found" in done.err


def test_a_running_engine_tells_of_a_halt_and_of_its_end_and_beats(
    with_alerts: Bascule, outside: Outside
) -> None:
    """The first channel fails, the second gets the halt; the monitor hears the engine."""
    file = Path("bascule.toml")
    file.write_text(file.read_text().replace("port = 1\n", f"port = {free_port()}\n"))
    config = configured(None)

    async def play(running: Running) -> None:
        await running.runtime.halt("account:fx_pro", by="anna", reason="a test", mode=StopMode.HALT)
        async with asyncio.timeout(PATIENCE_S):
            while not (outside.got and outside.beats):
                await asyncio.sleep(0.02)
        running.ended.set()

    run_engine(config, secrets_of(config), play)
    assert [one["title"] for one in outside.got] == ["fx_pro: halted", "Bascule: engine stopped"]
    assert "By anna: a test." in outside.got[0]["message"]
    assert outside.beats[0] == f"/beat/{TOKEN}"
