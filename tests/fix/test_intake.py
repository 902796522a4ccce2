"""Bascule as the broker of QuickFIX clients: orders in, reports of all accounts out, each once."""

import asyncio
import json
import os
import random
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bascule.fix.codec import encode
from bascule.fix.message import Message
from bascule.fix.schedule import Schedule
from bascule.signals.intake.fix import BAD_LOGONS_MAX
from bascule.signals.intake.fix_book import FixBook
from bascule.signals.intake.source import Source
from tests.fix.desk import PASSWORD, client, desk, session
from tests.fix.relay import Relay
from tests.integration.proxied import certificates
from tests.ports import free_port
from tests.waiting import PATIENCE_S


async def test_an_order_fills_on_every_account_and_the_drop_copy_sees_it(tmp_path: Path) -> None:
    """The client hears of its order with both children summed; the risk desk of each by itself."""
    port = free_port()
    sources = session("orders", port), session("risk", port, role="drop_copy")
    async with (
        desk(tmp_path / "engine", *sources),
        client("orders", port, tmp_path / "orders") as orders,
        client("risk", port, tmp_path / "risk") as risk,
    ):
        await orders.hears(event="logon")
        await risk.hears(event="logon")
        orders.say("buy EURUSD 0.1")
        done = await orders.hears(event="8", order="a1", kind="F", status="2")
        assert orders.heard(event="8")[0]["kind"] == "A"
        fills = orders.heard(kind="F")
        assert {(one["account"], one["quantity"]) for one in fills} == {
            ("one", "0.1"),
            ("two", "0.2"),
        }
        assert (done["filled"], done["leaves"], done["average"]) == ("0.3", "0", "1.16")
        await risk.until(lambda: len(risk.heard(kind="F")) == 2)
        assert {(one["account"], one["filled"], one["status"]) for one in risk.heard(kind="F")} == {
            ("one", "0.1", "2"), ("two", "0.2", "2"),
        }  # fmt: skip
        assert {one["exec_id"] for one in risk.heard(kind="F")} == {one["exec_id"] for one in fills}


async def test_a_listener_may_not_trade(tmp_path: Path) -> None:
    """An order on a drop copy's session is refused before the engine hears of it."""
    port = free_port()
    async with (
        desk(tmp_path / "engine", session("risk", port, role="drop_copy")) as house,
        client("risk", port, tmp_path / "risk") as risk,
    ):
        await risk.hears(event="logon")
        risk.say("buy EURUSD 0.1")
        assert "only listens" in (await risk.hears(event="j"))["text"]
        assert house.runtime.state.accounts["one"].orders == {}  # type: ignore[index]


async def test_replace_and_cancel_follow_the_chain_of_names(tmp_path: Path) -> None:
    """A replace renames the order, and a cancel of the new name takes every child back."""
    port = free_port()
    async with (
        desk(tmp_path / "engine", session("orders", port)),
        client("orders", port, tmp_path / "orders") as orders,
    ):
        await orders.hears(event="logon")
        orders.say("buy EURUSD 0.1 1.1000")
        await orders.hears(order="a1", kind="0")
        orders.say("replace a1 0.2 1.1100")
        await orders.hears(order="a2", original="a1", kind="5")
        orders.say("status a2")
        now = await orders.hears(order="a2", kind="I")
        assert (now["status"], now["leaves"]) == ("0", "0.6")
        orders.say("cancel a2")
        end = await orders.hears(order="a3", original="a2", kind="4")
        assert (end["status"], end["leaves"], end["filled"]) == ("4", "0", "0")
        orders.say("cancel a2")
        assert (await orders.hears(event="9", order="a4"))["reason"] == "0"


async def test_what_risk_refuses_is_rejected_with_its_sentence(tmp_path: Path) -> None:
    """An account that refuses is named; an order that all refuse is rejected with the check."""
    port = free_port()
    async with (
        desk(tmp_path / "engine", session("orders", port), most="0.1"),
        client("orders", port, tmp_path / "orders") as orders,
    ):
        await orders.hears(event="logon")
        orders.say("buy EURUSD 5")
        refused = await orders.hears(order="a1", kind="8", status="8")
        assert "max_order" in refused["text"] and "one" in refused["text"]
        orders.say("buy EURUSD 0.1")
        half = await orders.hears(order="a2", kind="F", status="2")
        assert half["filled"] == "0.1"
        assert "two" in (await orders.hears(order="a2", kind="I"))["text"]


async def test_a_break_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What fills while the line is cut, or while Bascule is down, arrives once after it."""
    port = free_port()
    relay = Relay(port, random.Random(7))
    there = await relay.start()
    try:
        await _break_twice(tmp_path, session("orders", port), there, relay)
    finally:
        await relay.stop()


async def _break_twice(tmp_path: Path, source: Source, there: int, relay: Relay) -> None:
    async with client("orders", there, tmp_path / "orders") as orders:
        async with desk(tmp_path / "engine", source) as first:
            await orders.hears(event="logon")
            orders.say("buy EURUSD 0.1 1.1000")
            await orders.hears(order="a1", kind="0")
            relay.cut()
            first.floor.fill()
            await orders.hears(order="a1", kind="F", status="2")
            orders.say("buy EURUSD 0.2 1.1000")
            await orders.hears(order="a2", kind="0")
            relay.cut()
            first.floor.fill()
        async with desk(tmp_path / "engine", source, before=first.floor):
            await orders.hears(order="a2", kind="F", status="2")
            orders.say("buy EURUSD 0.3")
            await orders.hears(order="a3", kind="F", status="2")
    ids = Counter(one["exec_id"] for one in orders.heard(event="8"))
    assert set(ids.values()) == {1}
    total = sum(Decimal(one["quantity"]) for one in orders.heard(kind="F"))
    assert total == Decimal("1.8")


async def test_a_reset_loses_nothing(tmp_path: Path) -> None:
    """A client that resets with each Logon is told what filled while it was away, marked, once."""
    port = free_port()
    relay = Relay(port, random.Random(7))
    there = await relay.start()
    source = session("orders", port)
    try:
        async with client("orders", there, tmp_path / "orders", "--reset") as orders:
            async with desk(tmp_path / "engine", source) as first:
                await orders.hears(event="logon")
                orders.say("buy EURUSD 0.1 1.1000")
                await orders.hears(order="a1", kind="0")
                relay.cut()
                first.floor.fill()
                done = await orders.hears(order="a1", kind="F", status="2")
                assert done["again"]
                orders.say("buy EURUSD 0.2 1.1000")
                await orders.hears(order="a2", kind="0")
                relay.cut()
                first.floor.fill()
            async with desk(tmp_path / "engine", source, before=first.floor):
                await orders.hears(order="a2", kind="F", status="2")
                orders.say("buy EURUSD 0.3")
                await orders.hears(order="a3", kind="F", status="2")
    finally:
        await relay.stop()
    fills = orders.heard(kind="F")
    assert len({one["exec_id"] for one in fills}) == len(fills) == 6
    assert sum(Decimal(one["quantity"]) for one in fills) == Decimal("1.8")


async def test_a_session_has_its_hours(tmp_path: Path) -> None:
    """Outside of them nobody is let in, and that is no guess at a password."""
    port = free_port()
    over = time.gmtime(time.time() - 7_200), time.gmtime(time.time() - 3_600)
    hours = Schedule.stated("UTC", *(time.strftime("%H:%M", one) for one in over))
    source = session("orders", port, terms={"schedule": hours})
    async with desk(tmp_path / "engine", source) as house:
        for _ in range(BAD_LOGONS_MAX + 1):
            assert await _logon(port, None, PASSWORD) == b""
        assert not house.intake.closed("FIX.4.4-BASCULE-ORDERS")


async def test_many_orders_at_once_keep_their_order(tmp_path: Path) -> None:
    """They do not wait for each other's disk write, and are answered as they came."""
    port = free_port()
    async with (
        desk(tmp_path / "engine", session("orders", port)),
        client("orders", port, tmp_path / "orders") as orders,
    ):
        await orders.hears(event="logon")
        orders.say("buy EURUSD 0.1 1.1000\ncancel a1\nbuy EURUSD 0.1 1.2000\nstatus a3")
        await orders.hears(order="a3", kind="I")
        await orders.hears(order="a2", original="a1", kind="4")
        told = [one["order"] for one in orders.heard(event="8") if one["kind"] in "A6I"]
        assert told.index("a1") < told.index("a2") < told.index("a3")


async def test_who_guesses_passwords_is_locked_out(tmp_path: Path) -> None:
    """A wrong password logs nobody on, and after five the right one does not either for a while."""
    port = free_port()
    async with desk(tmp_path / "engine", session("orders", port)) as house:
        async with client("orders", port, tmp_path / "bad", password="guess-guess") as bad:
            async with asyncio.timeout(PATIENCE_S):
                while not house.intake.closed("FIX.4.4-BASCULE-ORDERS"):
                    await asyncio.sleep(0.1)
            assert bad.heard(event="logon") == []
        async with client("orders", port, tmp_path / "good") as good:
            await asyncio.sleep(2.5)  # two tries of the client, which come a second apart
            assert good.heard(event="logon") == []


async def test_fix_4_2_says_the_same_in_its_own_words(tmp_path: Path) -> None:
    """Fills are ExecType 1 and 2 there, and the password is in RawData."""
    port = free_port()
    async with (
        desk(tmp_path / "engine", session("orders", port, version="FIX.4.2")),
        client("orders", port, tmp_path / "orders", "--begin-string", "FIX.4.2") as orders,
    ):
        await orders.hears(event="logon")
        orders.say("buy EURUSD 0.1")
        await orders.hears(order="a1", kind="1", status="1")
        done = await orders.hears(order="a1", kind="2", status="2")
        assert done["filled"] == "0.3"


async def test_a_log_is_replayed_to_loopback(tmp_path: Path) -> None:
    """`bascule fix replay --to-port` logs on as the log's side and shows what is answered."""
    port = free_port()
    body = "35=D|34=7|49=ORDERS|52=20261121-10:00:00|56=BASCULE|11=z1|38=0.1|40=1|54=1|55=EURUSD|"
    at = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    body += f"60={at}|"
    wire = f"8=FIX.4.4|9={len(body)}|{body}"
    total = sum(wire.replace("|", chr(1)).encode()) % 256
    log = tmp_path / "client.log"
    log.write_text(f"{wire}10={total:03}|\n")
    async with desk(tmp_path / "engine", session("orders", port)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bascule", "fix", "replay", str(log), "--side", "ORDERS",
            "--to-port", str(port), "--json",
            stdout=asyncio.subprocess.PIPE, env={**os.environ, "BASCULE_FIX_PASSWORD": PASSWORD},
        )  # fmt: skip
        out, _ = await process.communicate()
    told = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert [one["kind"] for one in told if one["order"] == "z1"] == ["A", "0", "F", "F"]


async def test_a_session_over_tls_takes_the_password_and_no_other(tmp_path: Path) -> None:
    """The listener speaks TLS with the source's certificate, and a Logon proves itself inside."""
    certificates(tmp_path)
    port = free_port()
    source = session("orders", port)
    assert source.fix is not None
    keys = {"certificate": tmp_path / "server.pem", "key": tmp_path / "server.key"}
    source = replace(source, fix=replace(source.fix, **keys))
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    async with desk(tmp_path / "engine", source):
        assert await _logon(port, trusting, "wrong-password") == b""
        assert b"\x0135=A\x01" in await _logon(port, trusting, PASSWORD)


async def _logon(port: int, trusting: ssl.SSLContext | None, password: str) -> bytes:
    """Send a Logon; gives what comes back first, nothing where the door is shut."""
    at = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode()
    fields = [(34, b"1"), (49, b"ORDERS"), (52, at), (56, b"BASCULE"), (98, b"0"), (108, b"30")]
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    writer.write(encode(b"FIX.4.4", Message(b"A", [*fields, (554, password.encode())])))
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read(4_096)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_a_fault_in_one_session_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drop copy's book breaks; the client of orders is served on, and so is the engine."""
    settle = FixBook.settle

    def broken(book: FixBook) -> None:
        if book._accounts is not None and book._lines:
            raise RuntimeError("a fault of ours")
        settle(book)

    monkeypatch.setattr(FixBook, "settle", broken)
    port = free_port()
    sources = session("orders", port), session("risk", port, role="drop_copy")
    async with (
        desk(tmp_path / "engine", *sources),
        client("orders", port, tmp_path / "orders") as orders,
        client("risk", port, tmp_path / "risk") as risk,
    ):
        await orders.hears(event="logon")
        await risk.hears(event="logon")
        orders.say("buy EURUSD 0.1")
        await orders.hears(order="a1", kind="F", status="2")
        await risk.hears(event="session", text="Bascule cannot serve this session now")
        orders.say("buy EURUSD 0.2")
        await orders.hears(order="a2", kind="F", status="2")
        assert len(risk.heard(event="logon")) == 1
