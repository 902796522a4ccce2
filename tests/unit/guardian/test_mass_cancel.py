"""A sweep of a venue that takes many orders back by one request."""

from typing import Any

import pytest
from msgspec.structs import replace

from bascule.config.guardian_log import Fact
from bascule.guardian.rules import Owned
from bascule.guardian.sweep import CANCEL_AGAIN_NS, Ids, Sweeper
from bascule.model.account import Capabilities
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.ids import AccountId, VenueSymbol
from bascule.model.order import Accepted, Outcome, Refused, Unknown
from tests.unit.guardian.house import GOLD, NETTING, OIL, START, FakeVenue, HandClock, spec

ALL = replace(NETTING, mass_cancel="all")
SYMBOL = replace(NETTING, mass_cancel="symbol")


class MassVenue(FakeVenue):
    """Takes mass cancels as ``says`` tells: all, all but one, none, or without a word."""

    def __init__(self, clock: HandClock, capabilities: Capabilities) -> None:
        super().__init__(clock.now, capabilities)
        self.masses: list[VenueSymbol | None] = []
        self.says = "all"

    async def mass_cancel(
        self, account: AccountId, symbol: VenueSymbol | None, request_id: str
    ) -> Outcome:
        """Take orders back."""
        self.masses.append(symbol)
        if self.says == "refuse":
            return Refused("unsupported", "", "no such thing", self.now())
        mine = [o for o in self.orders.values() if symbol in (None, o.venue_symbol)]
        for order in mine[self.says == "part" :]:
            self.orders[order.venue_order_id] = replace(order, ord_status=OrdStatus.CANCELED)
        if self.says == "mute":
            return Unknown("timeout", self.now())
        return Accepted(None, self.now())


class Bench:
    """A sweeper, its venue and its time."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.clock = HandClock()
        self.venue = MassVenue(self.clock, capabilities)
        self.log: list[tuple[str, dict[str, Fact]]] = []

        def record(lines: object) -> None:
            self.log += [(kind, dict(facts)) for kind, facts in lines]  # type: ignore[attr-defined]

        venue: Any = self.venue
        self.sweeper = Sweeper(spec(), venue, self.clock, Ids(START), record)

    def rest(self, count: int, symbol: VenueSymbol = GOLD) -> None:
        """Have entries working."""
        for _ in range(count):
            self.venue.rest("alpha", Side.BUY, 1, symbol=symbol)

    async def steps(self, count: int, *, close: bool = True) -> None:
        """Make passes, each later than a cancel is asked again."""
        for _ in range(count):
            await self.sweeper.step(close=close)
            self.clock.move(CANCEL_AGAIN_NS)


async def test_one_request_takes_everything_back() -> None:
    """Each order is in the log before the request leaves, and a look says that all are gone."""
    bench = Bench(ALL)
    bench.rest(3)
    await bench.steps(1)
    assert (bench.venue.masses, bench.venue.canceled) == ([None], [])
    assert [kind for kind, _ in bench.log] == ["cancel_sent"] * 3
    assert (await bench.sweeper.look()).clean


@pytest.mark.parametrize("says", ["part", "mute"])
async def test_what_it_leaves_goes_one_by_one(says: str) -> None:
    """The venue's word for the request proves nothing: what still works is asked back by name."""
    bench = Bench(ALL)
    bench.rest(3)
    bench.venue.says = says
    await bench.steps(3)
    assert bench.venue.masses == [None]
    assert bench.venue.canceled == (["v1"] if says == "part" else [])
    assert (await bench.sweeper.look()).clean


async def test_a_refusal_costs_no_pass() -> None:
    """The venue will not: the same pass asks for each order."""
    bench = Bench(ALL)
    bench.rest(2)
    bench.venue.says = "refuse"
    await bench.steps(1)
    assert bench.venue.canceled == ["v1", "v2"]


async def test_a_stop_that_guards_is_never_in_the_bloc() -> None:
    """While a position is held its stop stays: only symbols where everything is to go go whole."""
    bench = Bench(SYMBOL)
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "rest"
    bench.rest(2)
    bench.venue.rest("alpha", Side.SELL, 2, OrdType.STOP)
    bench.rest(2, OIL)
    await bench.steps(1)
    assert bench.venue.masses == [OIL]
    assert bench.venue.canceled == ["v1", "v2"]
    assert "v3" in bench.venue.working

    whole = Bench(ALL)
    whole.venue.hold("alpha", GOLD, 2)
    whole.rest(2, OIL)
    await whole.steps(1, close=False)
    assert whole.venue.masses == [], "a stop that comes meanwhile would go with it"


async def test_one_order_is_asked_back_by_its_name() -> None:
    """A request for all is for more than one."""
    bench = Bench(ALL)
    bench.rest(1)
    await bench.steps(1)
    assert (bench.venue.masses, bench.venue.canceled) == ([], ["v1"])


async def test_one_strategys_sweep_leaves_the_others_alone() -> None:
    """Where not every order that works is to go, each goes by its name."""
    bench = Bench(ALL)
    bench.rest(2)
    named = bench.venue.rest("alpha", Side.BUY, 1, cl_ord_id="mine")
    await bench.sweeper.step(close=True, only=Owned(frozenset({"mine"}), {}))
    assert (bench.venue.masses, bench.venue.canceled) == ([], [named.venue_order_id])
