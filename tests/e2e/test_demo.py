"""The whole of it, as its first user meets it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from .commands import Demo, bascule, free_port, post, until

ACCOUNTS = ["futures", "fx_pro", "fx_raw"]
ALERT = {"strategy": "index", "ticker": "US500", "action": "buy", "stop_loss_percent": 0.3}


def held(home: Path) -> dict[str, str]:
    """Give what each account holds, by the engine or by its journal."""
    books = bascule(home, "positions", "--json").json()["books"]
    return {book["account"]: f"{book['quantity']} {book['symbol']}" for book in books}


def accounts_of(page: Any) -> list[str]:
    """Name the accounts of a page of orders."""
    return sorted({one["account"] for one in page["orders"]})


def test_an_alert_reaches_three_accounts_and_survives_every_end(tmp_path: Path) -> None:
    """Alert, orders, story, Ctrl-C, restart, power cut, restart: nothing is lost, nothing doubled.

    The power cut also ends the paper broker, which goes on from its own ledger.
    """
    home, port = tmp_path, free_port()
    with Demo(home, port, free_port()) as demo:
        demo.start()
        status, answer = post(demo.webhook, ALERT)
        assert (status, answer["status"]) == (200, "accepted")
        until(lambda: sorted(held(home)) == ACCOUNTS, "a position on each account")
        every = bascule(home, "orders", "--all", "--json").json()
        assert accounts_of(every) == ACCOUNTS

        told = bascule(home, "explain", answer["signal"])
        assert told.code == 0
        for words in ("received", "sent", "filled", "sizing", "max_order_size", "stop loss"):
            assert words in told.out
        assert told.out.rstrip().endswith("there is nothing to do.")
        wire = bascule(home, "explain", answer["signal"], "--wire").out
        assert '"type":"submit"' in wire.replace(" ", "")

        again = post(demo.webhook, {**ALERT, "action": "{{typo}}"})[1]
        assert again["status"] == "refused"
        listed = bascule(home, "signals", "--json").json()
        assert [one["status"] for one in listed] == ["refused", "accepted"]

        before = held(home)
        assert demo.interrupt() == 0
        assert "Ended in good order" in demo.said
        offline = bascule(home, "positions", "--json")
        assert "not running" in offline.err
        assert held(home) == before
        assert bascule(home, "status").code == 4

        demo.start()
        assert held(home) == before
        status, answer = post(demo.webhook, {**ALERT, "strategy": "futures", "ticker": "MNQ1!"})
        until(lambda: "MNQ" in str(held(home)) or len(books(home)) == 4, "a fourth position")
        before_kill = books(home)
        demo.kill()
        assert books(home) == before_kill

        demo.start()
        assert books(home) == before_kill
        assert bascule(home, "journal", "verify").code == 0
        flat = bascule(home, "flatten", "--reason", "end of the test", "--yes", "--json").json()
        assert len(flat["closed"]) == 4
        until(lambda: not books(home), "every position to be closed")
        assert demo.interrupt() == 0


def books(home: Path) -> list[tuple[str, str, str, str]]:
    """Give every book."""
    found = bascule(home, "positions", "--json").json()["books"]
    return sorted((b["account"], b["strategy"], b["symbol"], b["quantity"]) for b in found)


def test_an_operator_stops_and_arms_by_hand(tmp_path: Path) -> None:
    """Halt, a held-back alert, arming with the name typed; each command says what it did."""
    home = tmp_path
    with Demo(home, free_port(), free_port()) as demo:
        demo.start()
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

        intent = '{"strategy":"fx","intent":"place_order","symbol":"EURUSD","side":"buy",' \
            '"protection":{"stop_loss":{"value":"1","unit":"percent"}}}'  # fmt: skip
        sent = bascule(home, "send", "--key", "a", "-", given=intent)
        assert (sent.code, "Accepted" in sent.out) == (0, True)
        resent = bascule(home, "send", "--key", "a", intent)
        assert (resent.code, "Duplicate" in resent.out) == (0, True)
        until(lambda: len(held(home)) == 2, "a position on both forex accounts")
        assert bascule(home, "reconcile", "fx_pro").code == 0
        second = bascule(home, "demo")
        assert (second.code, "journal_locked" in second.err) == (5, True)
        assert "Traceback" not in second.err
        assert demo.interrupt() == 0


def test_the_sender_keeps_the_table_busy(tmp_path: Path) -> None:
    """With its sender the demonstration shows signals, orders and fills by itself."""
    home = tmp_path
    with Demo(home, free_port(), free_port()) as demo:
        demo.start("--sender", "--every", "0.2")
        for word in ("signal", "order", "fill", "refused", "duplicate"):
            until(lambda word=word: f"  {word} " in demo.said, f"a line that begins with {word}")  # type: ignore[misc]
        assert demo.interrupt() == 0
        assert "Traceback" not in demo.said


def test_the_paper_broker_ends_with_the_demonstration(tmp_path: Path) -> None:
    """A killed demonstration leaves no broker behind: its port is free again."""
    home, broker_port = tmp_path, free_port()
    with Demo(home, free_port(), broker_port) as demo:
        demo.start()
        demo.kill()
        probe = f"import socket; socket.create_connection(('127.0.0.1', {broker_port}), 1)"

        def gone() -> bool:
            return subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode > 0

        until(gone, "the broker to end")
