"""What `run` tells of the first look at each account after a start."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.cli import first_looks
from bascule.cli.first_looks import tell_first_looks
from bascule.engine.runtime import Runtime
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.errors import VenueTransient
from bascule.model.ids import AccountId, VenueOrderId, VenueSymbol
from bascule.model.order import AccountSnapshot, VenueOrder
from tests.unit.engine.fakes import FakeVenue, Installation
from tests.waiting import until

ONE, TWO = AccountId("one"), AccountId("two")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for the next reading."""
    monkeypatch.setattr(first_looks, "PAUSE_S", 0.01)


async def told(runtime: Runtime) -> list[str]:
    """Give the lines of a start."""
    lines: list[str] = []
    async with asyncio.timeout(10):
        await tell_first_looks(runtime, lines.append)
    return lines


async def test_a_start_that_finds_nothing_says_so(tmp_path: Path) -> None:
    """One line an account, also where the looks were over before anybody listened."""
    async with Installation(tmp_path).running() as runtime:
        nothing = "agrees with its venue (working orders: 0, positions: 0); nothing had happened"
        assert sorted(await told(runtime)) == [
            f"{name} {nothing} there meanwhile" for name in ("one", "two")
        ]


async def test_what_happened_while_the_engine_was_away_is_told(tmp_path: Path) -> None:
    """A fill that nobody heard of, and an order that Bascule did not send, with what to do."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "orders")
    place.venue.fill(place.venue.seen[0], "x-1", tell=False)
    hand = VenueOrder(
        account=ONE,
        venue_order_id=VenueOrderId("V9"),
        venue_symbol=VenueSymbol("BTCUSD"),
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        ord_status=OrdStatus.WORKING,
        quantity=Decimal(3),
        cum_qty=Decimal(0),
        at=place.venue.now(),
        price=Decimal(120),
    )
    book: Any = place.venue.book
    book["by hand"] = hand
    name = place.venue.seen[0].cl_ord_id
    async with place.running() as runtime:
        lines = await told(runtime)
    first = lines.index("one agrees with its venue (working orders: 1, positions: 1)")
    assert f"  found: {name} filled 1 at 100 and nobody heard of it" in lines[first:]
    assert "  not sent by Bascule: sell 3 BTCUSD at 120 (V9)" in lines[first:]
    assert any("cancel them on the venue's own platform" in line for line in lines)
    async with place.running() as runtime:
        again = await told(runtime)
    assert "  not sent by Bascule: sell 3 BTCUSD at 120 (V9)" in again
    assert not any("found" in line for line in again)


async def test_a_position_that_differs_is_told_with_what_to_do(tmp_path: Path) -> None:
    """The account stays held back, and the line says so."""

    def hold(venue: FakeVenue) -> None:
        venue.held[ONE] = Decimal(4)

    place = Installation(tmp_path)
    async with place.running():
        pass
    place.tune, place.settle = hold, False
    async with place.running() as runtime:
        lines = await told(runtime)
    (line,) = [line for line in lines if "DIFFERS" in line]
    assert line.startswith("one DIFFERS from its venue, so no entry leaves:")
    assert any("bascule reconcile one --adopt" in line for line in lines)


async def test_an_account_that_cannot_be_looked_at_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, once, with the reason; what it finds later is told then."""
    monkeypatch.setattr(first_looks, "PATIENCE_S", 0.05)
    silent = True

    async def silent_for_a_while(account: AccountId) -> AccountSnapshot:
        if silent:
            raise VenueTransient("it does not answer")
        return await FakeVenue.account(place.venue, account)

    place = Installation(
        tmp_path, tune=lambda venue: setattr(venue, "account", silent_for_a_while), settle=False
    )
    lines: list[str] = []
    async with place.running() as runtime:
        telling = asyncio.create_task(tell_first_looks(runtime, lines.append))
        await until(lambda: len(lines) == 2, "two lines")
        assert all("not looked at yet, so no entry leaves" in line for line in lines)
        silent = False
        await until(telling.done, "both looks", patience_s=8)
    assert sum("agrees with its venue" in line for line in lines) == 2
