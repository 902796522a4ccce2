"""Our sessions against QuickFIX: real processes, real sockets, and a relay that breaks them.

The full count is run by hand: ``FIX_INTEROP_ORDERS=10000``.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bascule.fix.actions import Refused
from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message
from bascule.fix.session import Session
from bascule.fix.timestamp import write_time
from bascule.fix.validator import validator
from bascule.fixwire.initiator import Address, Initiator
from bascule.fixwire.link import Application, Link
from bascule.fixwire.server import Server
from bascule.fixwire.store import FileStore
from bascule.model.values import Instant
from tests.fix.quickfix_process import QuickFix
from tests.fix.relay import Relay
from tests.ports import free_port
from tests.waiting import PATIENCE_S

ORDERS = int(os.environ.get("FIX_INTEROP_ORDERS", "1000"))
CUTS = 5


class Desk(Application):
    """Fills orders, sends some, and counts."""

    def __init__(self) -> None:
        self.orders: Counter[str] = Counter()
        self.fills: Counter[str] = Counter()
        self.refusals: list[str] = []
        self.logons: list[bool] = []
        self.up = asyncio.Event()
        self.codes: Counter[str] = Counter()
        self.sent = 0

    def log(self, session: str, code: str, text: str) -> None:
        self.codes[code] += 1

    def logged_on(self, link: Link, reset: bool) -> None:
        self.logons.append(reset)
        self.up.set()

    def logged_out(self, link: Link, text: str) -> None:
        self.up.clear()

    def refused(self, link: Link, refused: Refused) -> None:
        self.refusals.append(f"{refused.reject} of {refused.original}")

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        name = message.get_text(11) or ""
        if message.msg_type == b"8":
            self.fills[name] += 1
            return
        self.orders[name] += 1
        one, price = b"1", b"10.5"
        fields = [(6, price), (11, name.encode()), (14, one), (17, b"e-" + name.encode())]
        fields += [(31, price), (32, one), (37, b"o-" + name.encode()), (39, b"2"), (54, one)]
        link.send(Message(b"8", [*fields, (55, b"ES"), (150, b"F"), (151, b"0")]), hold=True)

    def order(self, link: Link) -> None:
        self.sent += 1
        now = write_time(Instant(time.time_ns()), 3)
        fields = [(11, b"u%d" % self.sent), (21, b"1"), (38, b"1"), (40, b"1"), (54, b"1")]
        link.send(Message(b"D", [*fields, (55, b"ES"), (60, now)]), hold=True)


def make_link(
    role: str, directory: Path, desk: Desk, worker: ThreadPoolExecutor, **options: Any
) -> Link:
    """Make our side."""
    version = version_named(options.pop("version", "FIX.4.4"))
    config = SessionConfig(version=version, sender="US", target="QF", role=role, **options)
    store = FileStore(directory / f"{config.name}.fix")
    session = Session(config, store, validator(version))
    return Link(session, store, desk, worker, log=desk.log)


async def until(done: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_S) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not await done():
            await asyncio.sleep(0.05)


class Pair:
    """Our link and QuickFIX with a relay between them."""

    def __init__(self, link: Link, desk: Desk, other: QuickFix, relay: Relay) -> None:
        self.link, self.desk, self.other, self.relay = link, desk, other, relay

    async def exchange(self, count: int, cuts: int) -> None:
        """Have each side send orders while the connection is cut again and again."""
        chance = random.Random(count)
        self.other.tell(f"send {count}")
        left = cuts
        for number in range(1, count + 1):
            self.desk.order(self.link)
            if number % 20 == 0:
                await asyncio.sleep(0.02)
            if left and number % max(1, count // (cuts + 1)) == 0:
                await until(self._is_up)
                await asyncio.sleep(chance.uniform(0.05, 0.3))
                self.relay.cut()
                left -= 1
        await until(self.both_have(count), PATIENCE_S + count / 200)

    async def other_is_up(self) -> bool:
        """Whether QuickFIX has seen our Logon too."""
        return bool((await self.other.state())["up"])

    async def _is_up(self) -> bool:
        return self.link.session.logged_on

    def both_have(self, count: int) -> Callable[[], Awaitable[bool]]:
        """Say whether both sides have so many orders and fills."""

        async def check() -> bool:
            state = await self.other.state()
            ours = len(self.desk.orders) >= count and len(self.desk.fills) >= count
            return ours and state["orders"] >= count and state["fills"] >= count

        return check

    async def hold_equal(self, count: int) -> None:
        """Every order and fill came once on both sides, and the numbers agree."""
        state = await self.other.state()
        desk, store = self.desk, self.link.session.store
        assert (count, count) == (len(desk.orders), len(desk.fills))
        assert (count, count) == (state["orders"], state["fills"])
        assert not [name for name, times in (desk.orders + desk.fills).items() if times > 1]
        assert (state["orders_twice"], state["fills_twice"]) == (0, 0)
        assert (state["rejects"], desk.refusals) == (0, [])
        await until(self._numbers_agree)
        assert store.next_in == (await self.other.state())["out"]

    async def _numbers_agree(self) -> bool:
        state, store = await self.other.state(), self.link.session.store
        return (store.next_in, store.next_out) == (state["out"], state["in"])


@asynccontextmanager
async def we_accept(directory: Path, *further: str, **options: Any) -> AsyncIterator[Pair]:
    """Our acceptor, QuickFIX's initiator."""
    desk = Desk()
    with ThreadPoolExecutor(1) as worker:
        link = make_link("acceptor", directory, desk, worker, **options)
        server = Server([link], log=desk.log)
        relay = Relay(await server.start("127.0.0.1", 0), random.Random(1))
        port = await relay.start()
        try:
            async with QuickFix.run("initiator", port, directory / "qf", *further) as other:
                await asyncio.wait_for(desk.up.wait(), PATIENCE_S)
                yield Pair(link, desk, other, relay)
        finally:
            await relay.stop()
            await server.stop()
            await link.close()


@asynccontextmanager
async def we_initiate(directory: Path, *further: str, **options: Any) -> AsyncIterator[Pair]:
    """Our initiator, QuickFIX's acceptor."""
    desk = Desk()
    port = free_port()
    with ThreadPoolExecutor(1) as worker:
        async with QuickFix.run("acceptor", port, directory / "qf", *further) as other:
            relay = Relay(port, random.Random(2), garble_answers=True)
            link = make_link("initiator", directory, desk, worker, **options)
            address = Address(host="127.0.0.1", port=await relay.start())
            chance = random.Random(3)
            initiator = Initiator(link, address, log=desk.log, chance=chance)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(initiator.run())
                try:
                    await asyncio.wait_for(desk.up.wait(), PATIENCE_S)
                    yield Pair(link, desk, other, relay)
                finally:
                    initiator.stop()
                    await relay.stop()
            await link.close()


SIDES = pytest.mark.parametrize("side", [we_accept, we_initiate])


@SIDES
async def test_orders_through_cuts(side, tmp_path):
    """Orders both ways, with the connection cut in mid-message, arrive once each on both sides."""
    async with side(tmp_path) as pair:
        await pair.exchange(ORDERS, CUTS)
        await pair.hold_equal(ORDERS)
        assert pair.relay.cuts >= CUTS
        assert len(pair.desk.logons) > CUTS


@SIDES
async def test_garbled_messages_come_again(side, tmp_path):
    """What reaches us garbled is asked for, and comes once in the end."""
    async with side(tmp_path, "HeartBtInt=1", heartbeat_s=1) as pair:
        await until(pair.other_is_up)
        pair.relay.garble = 3
        await pair.exchange(60, 0)
        await pair.hold_equal(60)
        assert pair.relay.garble == 0
        assert pair.desk.codes["fix_garbled"]


@SIDES
async def test_lost_messages_are_served(side, tmp_path):
    """Messages of ours that never arrive are served when QuickFIX asks for them."""
    async with side(tmp_path, "HeartBtInt=1", heartbeat_s=1) as pair:
        await until(pair.other_is_up)
        wire, lost = pair.link.peer, []
        write, wire.write = wire.write, lost.append
        for _ in range(10):
            pair.desk.order(pair.link)
        await until(lambda: _is(b"\x0111=u10\x01" in b"".join(lost)))
        wire.write = write
        pair.other.tell("send 60")
        for _ in range(50):
            pair.desk.order(pair.link)
        await until(pair.both_have(60))
        await pair.hold_equal(60)


@SIDES
async def test_reset_at_logon(side, tmp_path):
    """A session that resets at logon begins at 1 on both sides with each connection."""
    further = ("ResetOnLogon=Y",)
    async with side(tmp_path, *further, reset_on_logon=True) as pair:
        await pair.exchange(20, 0)
        pair.relay.cut()
        pair.desk.up.clear()
        await asyncio.wait_for(pair.desk.up.wait(), PATIENCE_S)
        assert pair.desk.logons == [True, True]
        await until(pair._numbers_agree)
        assert pair.link.session.store.next_in == 2


@SIDES
async def test_reset_inside_the_session(side, tmp_path):
    """Our reset inside a session is followed by QuickFIX, and orders go on."""
    async with side(tmp_path) as pair:
        await pair.exchange(20, 0)
        pair.link.reset()
        await until(pair._numbers_agree)
        assert pair.desk.logons == [False, True]
        await pair.exchange(0, 0)
        pair.desk.order(pair.link)
        await until(lambda: _has(pair.desk.fills, 21))


async def _has(counted: Counter[str], count: int) -> bool:
    return len(counted) >= count


@SIDES
@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.2", "FIX.5.0SP2"])
async def test_other_versions(side, version, tmp_path):
    """Other versions log on, exchange orders and recover as well."""
    begin = "FIXT.1.1" if version.startswith("FIX.5") else version
    further = [f"BeginString={begin}"]
    if begin == "FIXT.1.1":
        further += ["DefaultApplVerID=FIX.5.0SP2"]
    async with side(tmp_path, *further, version=version) as pair:
        pair.other.tell("logout")
        await until(lambda: _is(not pair.link.session.logged_on))


async def _is(fact: bool) -> bool:
    return fact
