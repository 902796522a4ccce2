"""The FIX intake as it is run: real processes, the paper broker, and an engine that is killed."""

import re
from collections import Counter
from pathlib import Path

from tests.e2e.commands import Demo, bascule, until
from tests.fix.desk import PASSWORD, client
from tests.ports import free_port

SOURCE = """
[sources.desk]
kind = "fix"
strategy = "fx"
allow_from = ["127.0.0.1"]
max_age = "60s"

[sources.desk.fix]
begin_string = "FIX.4.4"
port = {port}
sender = "BASCULE"
target = "DESK"
password_secret = "desk_password"
"""
BY_ROUTE = '{ method = "risk_percent", percent = 0.5 }'


async def test_an_engine_that_is_killed_tells_each_report_once(tmp_path: Path) -> None:
    """Orders before and after kill -9 are filled on paper, and no exec id comes twice."""
    ports, fix_port = (free_port(), free_port()), free_port()
    with Demo(tmp_path, *ports) as first:
        first.interrupt()
    file = tmp_path / "demo" / "bascule.toml"
    text = file.read_text(encoding="utf-8").replace(BY_ROUTE, '{ method = "signal" }')
    assert "sources = [" in text
    text = re.sub("^sources = .*$", 'sources = ["*"]', text, flags=re.MULTILINE)
    file.write_text(text + SOURCE.format(port=fix_port), encoding="utf-8")
    bascule(tmp_path, "secrets", "set", "desk_password", given=PASSWORD + "\n")
    async with client("desk", fix_port, tmp_path / "client") as orders:
        with Demo(tmp_path, *ports) as running:
            await orders.hears(event="logon")
            orders.say("buy EURUSD 0.1")
            await orders.hears(order="a1", kind="F")
            await orders.until(lambda: orders.heard(order="a1")[-1]["status"] in "248")
            running.kill()
        with Demo(tmp_path, *ports) as running:
            await orders.hears(2, event="logon")
            orders.say("sell EURUSD 0.1")
            await orders.hears(order="a2", event="8")
            await orders.until(lambda: orders.heard(order="a2")[-1]["status"] in "248")
            shown = bascule(tmp_path, "fix", "session", "desk", "--json").json()
            assert shown[0]["state"].startswith("in use")
            tailed = bascule(tmp_path, "fix", "tail", "desk", "--no-follow")
            assert "ExecutionReport" in tailed.out
            assert running.interrupt() == 0
    assert orders.heard(order="a1", kind="F")
    ids = Counter(one["exec_id"] for one in orders.heard(event="8"))
    assert set(ids.values()) == {1}
    until(lambda: "fix" in running.said, "the source to have been shown")
