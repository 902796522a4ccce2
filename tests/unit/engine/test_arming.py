"""Arming and the latch: what was held back leaves at once, and no newer stop is lost."""

import asyncio
from decimal import Decimal
from pathlib import Path

from bascule.config.latch import Entry
from bascule.model.enums import OrdType, Side, StopMode
from bascule.model.intent import Level, PlaceOrder, Protection
from bascule.model.values import HOUR, Instant
from tests.unit.engine.fakes import Installation
from tests.waiting import until


async def test_what_filled_under_a_freeze_is_protected_by_its_first_stop(tmp_path: Path) -> None:
    """The gate is open when the arming lets the stops out: none of them ends unsent for it."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        entry = PlaceOrder(
            symbol="BTCUSD",
            side=Side.BUY,
            reference_price=Decimal(100),
            protection=Protection(stop_loss=Level(Decimal(90))),
        )
        await runtime.submit(place.signal(runtime, entry))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        await runtime.halt("all", by="t", reason="broker trouble", mode=StopMode.FREEZE)
        for order in list(place.venue.seen):
            place.venue.fill(order, f"x-{order.account}")
        assert await runtime.arm("all", by="t", reason="over", typed="all") is None
        stops = [order for order in place.venue.seen if order.ord_type is OrdType.STOP]
        assert len(stops) == 2


async def test_a_stop_that_comes_while_an_arming_is_written_keeps_its_latch(tmp_path: Path) -> None:
    """Each clears and sets what it means in one step with its decision."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.halt("all", by="t", reason="news", mode=StopMode.HALT)
        arming = asyncio.create_task(runtime.arm("all", by="t", reason="over", typed="all"))
        await asyncio.sleep(0)
        await runtime.halt("all", by="t", reason="more news", mode=StopMode.HALT)
        assert await arming is None
        assert runtime.state.stops["all"].reason == "more news"
        assert runtime.latch.entries() == (Entry("halt", "engine", "all"),)


async def test_the_lock_under_a_freeze_that_is_lifted_keeps_its_latch(tmp_path: Path) -> None:
    """The freeze was a person's, and the lock has its hour."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        until_then = Instant(runtime.clock.now() + HOUR)
        await runtime.halt("all", by="t", reason="loss", mode=StopMode.LOCK, until=until_then)
        await runtime.halt("all", by="t", reason="trouble", mode=StopMode.FREEZE)
        assert await runtime.arm("all", by="t", reason="over", typed="all") is None
        assert runtime.state.stops["all"].mode is StopMode.LOCK
        assert runtime.latch.entries() == (Entry("halt", "engine", "all"),)
