"""The whole of it, as its first user meets it."""

import subprocess
import sys
from pathlib import Path

from tests.ports import free_port

from .commands import Demo, Started, bascule, post, until

ALERT = {"strategy": "index", "ticker": "US500", "action": "buy", "stop_loss_percent": 0.3}
Book = tuple[str, str, str, str]


def _books(home: Path) -> list[Book]:
    """Give every book, by the engine or by its journal."""
    found = bascule(home, "positions", "--json").json()["books"]
    return sorted((b["account"], b["strategy"], b["symbol"], b["quantity"]) for b in found)


def test_an_alert_reaches_three_accounts_and_survives_every_end(tmp_path: Path) -> None:
    """Alert, orders, story, Ctrl-C, restart, power cut, restart: nothing is lost, nothing doubled.

    The power cut also ends the paper broker, which goes on from its own ledger.
    """
    home, ports = tmp_path, (free_port(), free_port())
    with Demo(home, *ports) as demo:
        status, answer = post(demo.webhook, ALERT)
        assert (status, answer["status"]) == (200, "accepted")
        until(lambda: len(_books(home)) == 3, "a position on each account")
        page = bascule(home, "orders", "--all", "--json").json()
        assert {one["account"] for one in page["orders"]} == {"futures", "fx_pro", "fx_raw"}

        told = bascule(home, "explain", answer["signal"], "--wire")
        assert told.code == 0
        for words in ("received", "sent", "filled", "sizing", "max_order_size", "stop loss"):
            assert words in told.out
        assert "there is nothing to do." in told.out
        assert '"type":"submit"' in told.out

        shown = bascule(home, "symbols", "check", "--json", "US500").json()
        assert {one["source"] for one in shown["symbols"]} == {"venue"}

        again = post(demo.webhook, {**ALERT, "action": "{{typo}}"})[1]
        assert again["status"] == "refused"
        listed = bascule(home, "signals", "--json").json()
        assert [one["status"] for one in listed] == ["refused", "accepted"]

        before = _books(home)
        assert demo.interrupt() == 0
        assert "Ended in good order" in demo.said
        offline = bascule(home, "orders")
        assert (offline.code, "not running" in offline.err) == (0, True)
        assert bascule(home, "status").code == 4

    with Demo(home, *ports) as demo:
        assert _books(home) == before
        post(demo.webhook, {**ALERT, "strategy": "futures", "ticker": "MNQ1!"})
        until(lambda: len(_books(home)) == 4, "a fourth position")
        before = _books(home)
        demo.kill()
        assert _books(home) == before

    with Demo(home, *ports) as demo:
        assert _books(home) == before
        assert bascule(home, "journal", "verify").code == 0
        flat = bascule(home, "flatten", "--reason", "end of the test", "--yes", "--json").json()
        assert len(flat["closed"]) == 4
        until(lambda: not _books(home), "every position to be closed")
        assert demo.interrupt() == 0


def test_an_operator_stops_and_arms_by_hand(tmp_path: Path) -> None:
    """Halt, a held-back alert, arming with the name typed; each command says what it did."""
    home = tmp_path
    with Demo(home, free_port(), free_port()) as demo:
        halted = bascule(home, "halt", "--scope", "strategy:index", "--reason", "news")
        assert (halted.code, "halt on strategy:index is in force" in halted.out) == (0, True)
        assert post(demo.webhook, ALERT)[1]["status"] == "accepted"
        found = bascule(home, "signals", "--refused", "--json").json()
        assert found[0]["status"] == "held_back"
        assert "news" in found[0]["held_back"][0]

        nobody = bascule(home, "arm", "--scope", "strategy:index")
        assert (nobody.code, "nobody_to_ask" in nobody.err) == (2, True)
        wrong = bascule(home, "arm", "--scope", "strategy:index", "--typed", "all")
        assert (wrong.code, "arm_not_confirmed" in wrong.err) == (1, True)
        armed = bascule(home, "arm", "--scope", "strategy:index", "--typed", "index")
        assert armed.code == 0

        stop = '"protection":{"stop_loss":{"value":"1","unit":"percent"}}'
        words = '"strategy":"fx","intent":"place_order","symbol":"EURUSD","side":"buy"'
        sent = bascule(home, "send", "--key", "a", "-", given=f"{{{words},{stop}}}")
        assert (sent.code, "Accepted" in sent.out) == (0, True)
        resent = bascule(home, "send", "--key", "a", f"{{{words},{stop}}}")
        assert (resent.code, "Duplicate" in resent.out) == (0, True)
        until(lambda: len(_books(home)) == 2, "a position on both forex accounts")
        assert bascule(home, "reconcile", "fx_pro").code == 0
        second = bascule(home, "demo")
        assert (second.code, "journal_locked" in second.err) == (5, True)
        assert "Traceback" not in second.err
        assert demo.interrupt() == 0


def test_the_sender_keeps_the_table_busy(tmp_path: Path) -> None:
    """With its sender the demonstration shows signals, orders and fills by itself."""
    with Demo(tmp_path, free_port(), free_port(), "--every", "0.2") as demo:
        words = {"signal", "order", "fill", "refused", "duplicate"}
        until(lambda: words <= set(demo.said.split()), "a line of each kind")
        assert demo.interrupt() == 0
        assert "Traceback" not in demo.said


def test_a_written_configuration_runs_at_a_broker_of_its_own(tmp_path: Path) -> None:
    """`init`, `paper-broker` and `run` together are an engine that is ready; each ends calmly."""
    home = tmp_path
    assert bascule(home, "init", "--yes").code == 0
    file = home / "bascule.toml"
    text = file.read_text(encoding="utf-8")
    for default in ("8420", "8421"):
        text = text.replace(f"port = {default}", f"port = {free_port()}")
    file.write_text(text, encoding="utf-8")
    with Started(home, "paper-broker") as broker:
        until(lambda: "Paper broker ready" in broker.said, "the broker")
        checked = bascule(home, "check", "--latency")
        assert (checked.code, "a sample entry" in checked.out) == (0, True)
        with Started(home, "run") as engine:
            until(lambda: "Serving" in engine.said, "the engine")
            until(lambda: bascule(home, "status").code == 0, "every account")
            assert "/hooks/tradingview/<the secret>" in engine.said
            assert engine.interrupt() == 0
        assert broker.interrupt() == 0


def test_a_killed_demonstration_can_still_be_flattened(tmp_path: Path) -> None:
    """Its broker stays for the guardian, as a real one would, and makes room for the next start."""
    ports = free_port(), free_port()
    with Demo(tmp_path, *ports) as demo:
        body = {"strategy": "index", "ticker": "US500", "action": "buy", "stop_loss_percent": 0.3}
        assert post(demo.webhook, body)[0] == 200
        until(lambda: bascule(tmp_path, "positions", "--json").json()["nets"], "a position")
        demo.kill()
    killed = bascule(tmp_path, "kill")
    assert killed.code == 0 and killed.out.count("is flat by its venue's word") == 3
    with Demo(tmp_path, *ports) as again:
        assert bascule(tmp_path, "arm", "--typed", "all").code == 0
        assert bascule(tmp_path, "positions", "--json").json()["nets"] == []
        assert again.interrupt() == 0
    probe = f"import socket; socket.create_connection(('127.0.0.1', {ports[1]}), 1)"

    def gone() -> bool:
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False)
        return done.returncode > 0

    until(gone, "the broker to end")
