"""The paper broker as a process: start, end, restart, settings, clock and feeds."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bascule.model.enums import ExecType, OrdStatus, Side
from bascule.model.errors import UsageError, VenueTransient
from bascule.model.order import Accepted
from bascule.venues.paper.control import Control, PaperProcess
from tests.venues.client import GOLD, MAIN
from tests.venues.paper.desk import SETTINGS, Trader, process_of, rows
from tests.waiting import PATIENCE_S

NEW, TRADE = ExecType.NEW, ExecType.TRADE


async def test_killed_broker_keeps_everything(own: PaperProcess) -> None:
    """After kill -9 orders, brackets, positions and money are as they were, and work goes on."""
    trader = Trader(own)
    await trader.venue.connect()
    entry, waiting = trader.order(size=3, stop_loss=90, take_profit=120), trader.order(price=95)
    await trader.venue.submit_many([entry, waiting])
    before = [
        (await trader.venue.open_orders(MAIN)).orders,
        (await trader.venue.positions(MAIN)).positions,
        (await trader.venue.account(MAIN)).balance,
        await trader.asked_fills(),
    ]
    own.kill()
    own.start()
    await trader.until(lambda: trader.links() == [True, False, True])
    after = [
        (await trader.venue.open_orders(MAIN)).orders,
        (await trader.venue.positions(MAIN)).positions,
        (await trader.venue.account(MAIN)).balance,
        await trader.asked_fills(),
    ]
    assert after == before
    control = own.control()
    control.quote("GOLD", "89", "91")
    control.close()
    await trader.until(lambda: TRADE in trader.kinds(waiting))
    assert (await trader.venue.open_orders(MAIN)).orders == ()
    numbers = [report.exec_id for report in trader.reports()]
    assert len(set(numbers)) == len(numbers)
    await trader.venue.disconnect()


async def test_fills_while_the_client_was_away_are_found_by_asking(
    trader: Trader, broker: PaperProcess, control: Control
) -> None:
    """Nothing is pushed again at a reconnect."""
    order = trader.order(price=95)
    await trader.venue.submit(order)
    await trader.venue.disconnect()
    control.quote("GOLD", "90", "92")
    back = Trader(broker)
    await back.venue.connect()
    assert order.cl_ord_id in [fill.cl_ord_id for fill in await back.asked_fills()]
    assert back.reports() == []
    await back.venue.disconnect()
    await trader.venue.connect()


def start(settings: dict[str, Any], *more: str, **env: str) -> subprocess.Popen[str]:
    """Start a broker by its command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "bascule.venues.paper.emulator", *more,
         "--settings", json.dumps(settings)],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def settings(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Settings with a token in the environment."""
    accounts = [{**account, "token_env": "T"} for account in SETTINGS["accounts"]]
    return {
        **SETTINGS, "accounts": accounts, "ledger": str(tmp_path / "l.sqlite"), **changes
    }  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_listens_and_ends_in_good_order(tmp_path: Path, how: int) -> None:
    """One line on the way in, exit code 0 on the way out."""
    process = start(settings(tmp_path), T="secret")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("paper broker ready on 127.0.0.1:")
    process.send_signal(how)
    said, complained = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said, complained) == (0, "", "")


@pytest.mark.parametrize(
    ("changes", "env", "says"),
    [
        ({"host": "0.0.0.0"}, {"T": "x"}, "loopback only"),
        ({"rollover": "25:00"}, {"T": "x"}, "HH:MM"),
        ({"colour": "blue"}, {"T": "x"}, "colour"),
        ({"accounts": []}, {"T": "x"}, "at least one account"),
        ({"feed": {"kind": "csv", "path": "/nowhere.csv"}}, {"T": "x"}, "nowhere.csv"),
        ({"faults": [{"name": "gremlins"}]}, {"T": "x"}, "gremlins"),
        ({}, {"T": ""}, "no token in the environment variable T"),
    ],
)
def test_wrong_settings_end_with_2_and_a_sentence(
    tmp_path: Path, changes: dict[str, Any], env: dict[str, str], says: str
) -> None:
    """Nothing was started, and the message names what to mend."""
    process = start(settings(tmp_path, **changes), **env)
    _, complained = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert complained.startswith("paper broker: ")
    assert says in complained
    assert "Traceback" not in complained


def test_a_price_file_is_of_what_is_listed(tmp_path: Path) -> None:
    """Prices of what nobody can trade here end the start, not the broker when they are due."""
    prices = tmp_path / "ticks.csv"
    prices.write_text("time,symbol,bid,ask\n1,GOLD,4,5\n2,TIN,4,5\n", encoding="utf-8-sig")
    feed = {"kind": "csv", "path": str(prices)}
    process = start(settings(tmp_path, feed=feed), T="x")
    _, complained = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "ticks.csv has prices of TIN, which" in complained


def test_a_taken_port_and_a_taken_ledger_are_told(own: PaperProcess, tmp_path: Path) -> None:
    """A second broker neither takes the port nor shares the file."""
    (tmp_path / "other").mkdir()
    port = start(settings(tmp_path / "other", port=own.port), T="x")
    file = start({**settings(tmp_path), "ledger": str(own.ledger)}, T="x")
    for process, says in ((port, f"port {own.port}"), (file, "in use by another broker")):
        _, complained = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 2
        assert says in complained


def test_settings_from_toml_and_a_token_from_a_file(tmp_path: Path) -> None:
    """The example of the docs, in TOML, with decimals as they are written."""
    token = tmp_path / "token"
    token.write_text("secret\n", encoding="utf-8")
    config = tmp_path / "paper.toml"
    config.write_text(
        f"""
ledger = '{tmp_path / "toml.sqlite"}'
admin_token_file = '{token}'
[feed]
kind = "walk"
ticks_per_second = 50
[[accounts]]
login = "P1"
token_file = '{token}'
currency = "USD"
balance = 50000.10
[[instruments]]
venue_symbol = "EURUSD"
kind = "fx"
base = "EUR"
quote = "USD"
tick_size = 0.00001
multiplier = 100000
lot_step = 0.01
min_qty = 0.01
max_qty = 50
start_price = 1.10000
volatility_ticks = 4.0
""",
        encoding="utf-8",
    )
    ready = tmp_path / "port"
    process = subprocess.Popen(
        [sys.executable, "-m", "bascule.venues.paper.emulator", "--config", str(config),
         "--ready-file", str(ready)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        process.stdout.readline()
        control = Control(int(ready.read_text(encoding="ascii")), "secret")
        order = control.trade("P1", "EURUSD", Side.BUY, "0.01")
        (fill,) = control.rows("fills")
        assert fill["venue_order_id"] == order
        assert control.deposit("P1", "0") == rows_balance(control)
        control.close()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def rows_balance(control: Control) -> Any:
    """Give the balance that the ledger holds."""
    from decimal import Decimal

    ((balance),) = [row["amount"] for row in control.rows("balances")]
    return Decimal(str(balance))


def test_garbage_and_strangers_get_nothing(broker: PaperProcess) -> None:
    """Unreadable lines are answered, commands without logon refused, long lines end the link."""
    with socket.create_connection(("127.0.0.1", broker.port), PATIENCE_S) as link:
        lines = link.makefile("rb")
        link.sendall(b"hello\n")
        assert json.loads(lines.readline())["code"] == "unreadable"
        link.sendall(b'{"type":"positions","id":4,"login":"P1"}\n')
        said = json.loads(lines.readline())
        assert (said["id"], said["code"]) == (4, "not_logged_on")
        link.sendall(b'{"type":"deposit","id":5,"login":"P1","amount":"5"}\n')
        assert json.loads(lines.readline())["code"] == "admin_only"
        link.sendall(b'{"type":"logon","id":6,"login":"P1","token":"x","version":9}\n')
        assert json.loads(lines.readline())["code"] == "version"
        try:
            link.sendall(b"x" * (3 << 20))
            rest = lines.read()
        except ConnectionError:
            rest = b""
        assert b"accepted" not in rest
        lines.close()


def test_a_field_that_nobody_reads_may_hold_anything(broker: PaperProcess) -> None:
    """Bytes that are no text, under a name that the broker does not know, do not end it."""
    with (
        socket.create_connection(("127.0.0.1", broker.port), 5) as link,
        link.makefile("rb") as lines,
    ):
        logon = {"type": "logon", "id": 1, "login": "P1", "token": broker.token}
        link.sendall(json.dumps(logon).encode() + b"\n")
        assert json.loads(lines.readline())["type"] == "logged_on"
        request = {
            "account": "P1", "cl_ord_id": "none", "venue_order_id": None, "venue_symbol": "X",
            "request_id": "r",
        }  # fmt: skip
        cancel = {"type": "cancel", "id": 2, "request": request, "note": "?"}
        link.sendall(json.dumps(cancel).encode().replace(b'"?"', b'"\xff"') + b"\n")
        assert json.loads(lines.readline())["code"] == "unknown_order"


def test_admin_needs_its_token(broker: PaperProcess) -> None:
    """A wrong token is refused, and nothing can be done with it."""
    with pytest.raises(UsageError, match="admin token"):
        Control(broker.port, "guess")
    with pytest.raises(VenueTransient, match="no paper broker"):
        Control(1, "guess")


def test_what_an_administrator_cannot_do_is_refused_by_name(control: Control) -> None:
    """Each refusal has its code, and the broker goes on."""
    for code, act in {
        "unknown_fault": lambda: control.arm("gremlins"),
        "real_clock": lambda: control.advance(1),
        "unknown_symbol": lambda: control.quote("LEAD", "1", "2"),
        "bad_quote": lambda: control.quote("GOLD", "2", "1"),
        "unknown_account": lambda: control.deposit("nobody", "1"),
        "not_enough_margin": lambda: control.deposit("P1", "-99999999"),
        "unknown_position": lambda: control.close_position("P1", "GOLD", "77"),
        "unknown_fill": lambda: control.bust("P1", "99999999"),
        "unknown_table": lambda: control.rows("sqlite_master"),
        "off_lot": lambda: control.trade("P1", "GOLD", Side.BUY, "1.5"),
        "config_invalid": lambda: control.hours("GOLD", "whenever"),
    }.items():
        with pytest.raises(UsageError) as caught:
            act()
        assert caught.value.code == code


async def test_hours_are_switched_by_the_administrator(trader: Trader, control: Control) -> None:
    """A closed market refuses market orders."""
    control.hours("GOLD", "never")
    refused = await trader.venue.submit(trader.order())
    assert refused.reason == "market_closed"


async def test_manual_clock_moves_only_by_hand(tmp_path: Path) -> None:
    """Delays, expiries and rollovers happen at their own times, and the clock is kept."""
    delays = {"fill_delay_ms": 500, "cancel_delay_ms": 2000}
    with process_of(tmp_path, clock="manual", **delays) as process:
        trader = Trader(process)
        await trader.venue.connect()
        control = process.control()
        order = trader.order(price=105)
        await trader.venue.submit(order)
        (new,) = await trader.told(order, NEW)
        control.advance(0.4)
        assert trader.kinds(order) == [NEW]
        control.advance(0.1)
        fill = (await trader.told(order, NEW, TRADE))[1]
        assert fill.at == new.at + 500_000_000
        waiting = trader.order(price=90)
        await trader.venue.submit(waiting)
        assert isinstance(await trader.venue.cancel(trader.cancel_of(waiting)), Accepted)
        control.advance(1)
        shown = await trader.venue.order_status(MAIN, waiting.cl_ord_id)
        assert shown is not None
        assert shown.ord_status is OrdStatus.WORKING
        now = control.advance(0)
        control.close()
        process.kill()
        process.start()
        control = process.control()
        assert control.advance(0) >= now
        control.advance(1)
        await trader.until(lambda: trader.links()[-1] and len(trader.links()) == 3)
        shown = await trader.venue.order_status(MAIN, waiting.cl_ord_id)
        assert shown is not None
        assert shown.ord_status is OrdStatus.CANCELED
        control.close()
        await trader.venue.disconnect()


async def test_a_file_of_bars_is_replayed(tmp_path: Path) -> None:
    """Bars trade through their path on the broker's clock."""
    prices = tmp_path / "bars.csv"
    prices.write_text(
        "time,symbol,open,high,low,close\n"
        "2026-01-05T08:00:00Z,GOLD,100,101,99,100\n"
        "2026-01-05T08:01:00Z,GOLD,100,112,90,105\n",
        encoding="utf-8",
    )
    config = {
        **SETTINGS, "clock": "manual", "feed": {"kind": "csv", "path": str(prices), "speed": 2}
    }  # fmt: skip
    with PaperProcess(config, tmp_path) as process:
        trader = Trader(process)
        await trader.venue.connect()
        await trader.venue.subscribe(MAIN, [GOLD])
        order = trader.order(stop_loss=95, take_profit=110)
        await trader.venue.submit(order)
        control = process.control()
        control.advance(30)
        control.close()
        await trader.until(lambda: trader.kinds(order).count(TRADE) == 2)
        assert trader.reports(order)[-2].last_price == 95
        await trader.until(lambda: trader.quotes()[-1].bid == 105)
        await trader.venue.disconnect()


async def test_random_walk_ticks_and_is_repeatable(tmp_path: Path) -> None:
    """The same seed gives the same prices."""
    seen = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        instrument = {**SETTINGS["instruments"][0], "volatility_ticks": 3.0}
        config = {
            **SETTINGS, "clock": "manual", "seed": 5, "instruments": [instrument],
            "feed": {"kind": "walk", "ticks_per_second": 4},
        }  # fmt: skip
        with PaperProcess(config, tmp_path / name) as process:
            trader = Trader(process)
            await trader.venue.connect()
            await trader.venue.subscribe(MAIN, [GOLD])
            control = process.control()
            control.advance(5)
            control.close()
            await trader.until(lambda told=trader: len(told.quotes()) == 21)
            seen.append([quote.bid for quote in trader.quotes()])
            await trader.venue.disconnect()
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 3


def test_ledger_can_be_read_while_the_broker_runs(broker: PaperProcess, control: Control) -> None:
    """Plain SQL sees what was committed."""
    number = control.trade("P1", "GOLD", Side.BUY, "1")
    assert rows(
        broker.ledger, "SELECT side, status, origin FROM orders WHERE venue_order_id = ?", number
    ) == [("buy", "filled", "hand")]
    control.close_position("P1", "GOLD")
