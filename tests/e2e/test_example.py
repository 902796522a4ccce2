"""Strategies in code, as docs/client.md and examples/ show them, against a real engine."""

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule import Client
from tests.ports import free_port
from tools.system_packages import needed

from .commands import WAIT_S, Demo, bascule, environ_of, until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ma_cross.py"


def _block(language: str) -> str:
    text = (ROOT / "docs/client.md").read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/client.md has no {language} block"
    return found[1]


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the environment of a script beside a demonstration that sizes by the signal."""
    ports = (free_port(), free_port())
    with Demo(tmp_path, *ports) as first:
        first.interrupt()
    file = tmp_path / "demo" / "bascule.toml"
    text = file.read_text(encoding="utf-8")
    by_route = '{ method = "risk_percent", percent = 0.5 }'
    assert by_route in text
    file.write_text(text.replace(by_route, '{ method = "signal" }'), encoding="utf-8")
    with Demo(tmp_path, *ports) as demo:
        token = bascule(tmp_path, "secrets", "get", "scripts_token", "--reveal").out.strip()
        own = {"BASCULE_URL": f"http://127.0.0.1:{ports[0]}", "BASCULE_TOKEN": token}
        yield environ_of(tmp_path) | own
        assert demo.interrupt() == 0


def test_strategies_in_code_trade_the_paper_venue(scripted: dict[str, str], tmp_path: Path) -> None:
    """The example enters with stop and target; curl's and Node's lines work; the client closes."""
    words = ("--fast", "2", "--slow", "4", "--every", "0.1", "--entries", "1")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *words],
        env=scripted, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "evaluation: " in done.stdout
    assert "accepted" in done.stdout
    url, token = scripted["BASCULE_URL"], scripted["BASCULE_TOKEN"]
    with Client(url, strategy="fx", token=token) as client:
        asked = until(lambda: client.orders(which="all"), "the orders of the example")
        assert {one.symbol for one in asked if one.role == "entry"} == {"EURUSD"}
        until(lambda: client.orders(which="all") and client.positions(), "its position")
        assert client.account("fx_pro").equity > Decimal(0)

        needed("curl")
        curled = subprocess.run(
            ["sh", "-e", "-c", _block("sh")],
            env=scripted, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert curled.returncode == 0, curled.stderr
        assert '"accepted"' in curled.stdout

        script = tmp_path / "example.mjs"
        script.write_text(_block("js"), encoding="utf-8")
        noded = subprocess.run(
            [needed("node"), str(script)],
            env=scripted, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert noded.returncode == 0, noded.stderr
        assert noded.stdout.startswith("accepted ")

        events = client.events(after=0, kinds="signal_accepted")
        seqs = [next(events).seq for _ in range(2)]
        events.close()
        assert seqs == sorted(seqs)
        client.flatten()
        until(lambda: not client.positions(), "every position to be closed")


def test_the_example_crosses_and_halves_its_risk() -> None:
    """A turn of the averages gives one side once; a target that filled halves the risk."""
    example: dict[str, Any] = runpy.run_path(str(EXAMPLE))
    cross = example["Cross"](2, 4)
    sides = [cross.feed(Decimal(price)) for price in (5, 4, 3, 2, 3, 5, 7, 9, 6, 3)]
    assert [side for side in sides if side] == ["buy", "sell"]
    assert cross.atr == Decimal(8) / 3

    class Filled:
        role, filled = "take_profit", Decimal(1)

    assert example["phase"]([]) == ("evaluation", Decimal("0.5"))
    assert example["phase"]([Filled]) == ("reached", Decimal("0.25"))
