"""The whole engine on a FIX venue: brackets, cuts in mid-order, drop copy, restarts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.model.account import RiskLimits, Route, RouteLeg, SizingRule
from bascule.model.enums import AccountMode, LevelUnit, OrdStatus, OrdType, Side
from bascule.model.ids import RouteId, StrategyId, Symbol, VenueId
from bascule.model.intent import Flatten, Intent, Level, PlaceOrder, Protection, Signal, TakeProfit
from bascule.model.values import SECOND, Instant
from bascule.venues.fix.client import FixVenue
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.kit.faults import Fault
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import (
    COPY,
    HASTY,
    INSTRUMENT,
    MAIN,
    PASSWORD,
    TRADE,
    context,
    held,
    spec,
)
from tests.venues.fix.torn import Torn
from tests.waiting import until

FX = VenueId("fx")


class Place:
    """An installation with one account on a FIX venue."""

    def __init__(self, directory: Path, port: int, **settings: Any) -> None:
        self.directory = directory
        self._settings = context(directory / "fix", port, **settings)["settings"]
        self._number = 0
        self.commands: list[str] = []
        """The types of the messages that were sent, as ``35=D``."""

    def setup(self) -> Setup:
        """Describe it."""
        limits = RiskLimits(duplicate_window_ns=0, orders_per_second=1000, orders_per_minute=10_000)
        leg = RouteLeg(account=MAIN, sizing=SizingRule(method="fixed", quantity=Decimal(4)))
        return Setup(
            data_dir=self.directory / "data",
            mode=AccountMode.PAPER,
            accounts=(spec(limits=limits),),
            routes=(Route(id=RouteId("r"), strategy=StrategyId("*"), legs=(leg,), pyramiding=9),),
            venues=(
                VenueSetup(
                    id=FX, kind="fix", settings=self._settings, secrets={"password": PASSWORD}
                ),
            ),
            config_text="test",
            config_hash="test",
            wire_log=self._heard,
        )

    def _heard(self, way: str, subject: str, line: bytes) -> None:
        if way == ">":
            self.commands.append(line.partition(b"|")[0].decode())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """Run an engine on it, once it has reconciled."""
        runtime = await Runtime.start(self.setup())
        try:
            await until(lambda: account(runtime).reconciled, "reconciled")
            yield runtime
        finally:
            await runtime.stop("test ended")

    def signal(self, runtime: Runtime, intent: Intent) -> Signal:
        """Make a fresh signal, as a webhook would."""
        self._number += 1
        return Signal(
            source="test",
            dialect="native",
            received_at=runtime.clock.now(),
            body_hash=str(self._number),
            raw="{}",
            key=f"test/{self._number}",
            strategy="s",
            intents=(intent,),
        )


async def crypto(floor: Floor, *sessions: dict[str, Any]) -> Exchange:
    """Start an exchange for something that trades at any hour."""
    return await floor.house(*sessions, instruments=[{**INSTRUMENT, "venue_symbol": "BTCUSD"}])


def bracket(side: Side = Side.BUY) -> PlaceOrder:
    """A market entry with a stop and a target, ten away."""
    ten = Level(value=Decimal(10), unit=LevelUnit.DISTANCE)
    protection = Protection(stop_loss=ten, take_profits=(TakeProfit(level=ten),))
    return PlaceOrder(symbol="BTCUSD", side=side, protection=protection)


def account(runtime: Runtime):  # type: ignore[no-untyped-def]
    """Give the account's state."""
    return runtime.state.accounts[MAIN]


def net(runtime: Runtime) -> Decimal:
    """Give the account's net position by its own books."""
    found = account(runtime).exposure.get(Symbol("BTCUSD"))
    return found.net if found is not None else Decimal(0)


def legs(runtime: Runtime) -> dict[str, OrdStatus]:
    """Give the live orders by leg."""
    return {order.leg: order.status for order in account(runtime).orders.values()}


def counted(house: Exchange) -> Decimal:
    """Give the net of every fill in the exchange's own ledger."""
    house.commit()
    fills = house.ledger.fills_since("A1", 0)  # type: ignore[arg-type]
    return sum((fill.quantity * fill.side.sign for fill in fills), Decimal(0))


async def test_bracket_from_signal_to_target(floor: Floor) -> None:
    """An entry with a bracket: both legs rest at the exchange, and the target ends the stop."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        receipt = await runtime.submit(place.signal(runtime, bracket()))
        assert receipt.status == "accepted"
        await until(lambda: legs(runtime) == _PROTECTED, "stop and target working")
        assert (net(runtime), held(house)) == (4, 4)
        house.quote("BTCUSD", 111, 113)
        house.quote("BTCUSD", 112, 114)
        await until(lambda: not account(runtime).orders, "the target filled, the stop gone")
        assert (net(runtime), held(house), counted(house)) == (0, 0, 0)
        assert not house.broker.floor.orders.working(login="A1")


_PROTECTED = {"s": OrdStatus.WORKING, "t": OrdStatus.WORKING}


async def test_cable_pulled_in_mid_order(floor: Floor) -> None:
    """The order was taken when the connection went: in doubt, then found, and filled once."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        house.faults.arm(Fault(name="disconnect_after_submit", nth=1))
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == _PROTECTED, "found, and protected")
        await runtime.reconcile(MAIN)
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)
        assert not account(runtime).drift
    assert [kind for kind in place.commands if kind == "35=D"] == ["35=D"] * 3, "nothing twice"


@pytest.mark.parametrize("positions", ["fills", "request"])
async def test_a_counterparty_whose_clock_is_ahead(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, positions: str
) -> None:
    """A fill from what is the future here is in the positions already, and no drift.

    Before, looks within that future counted it twice at the venue, and entries were refused.
    """
    house = await crypto(floor)
    place = Place(
        floor.directory, house.port, override={"absence_proof": "snapshots", "positions": positions}
    )
    here = house.now
    monkeypatch.setattr(house, "now", lambda: Instant(here() + 20 * SECOND))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == _PROTECTED, "stop and target working")
        for _ in range(2):
            assert await runtime.reconcile(MAIN)
            assert not runtime.market.suspects.get(MAIN)
        assert not account(runtime).drift
        assert (net(runtime), held(house)) == (4, 4)


async def test_doubt_is_ended_by_an_order_status_request(floor: Floor) -> None:
    """Filled, and not a word told: the answer to OrderStatusRequest settles it, fill and all."""
    house = await crypto(floor)
    quick = {"lost_fills": "reconstruct", "submit_timeout_s": 1.0}
    place = Place(floor.directory, house.port, override=quick)
    async with place.running() as runtime:
        house.faults.arm(Fault(name="drop_report", times=2))
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == {"e": OrdStatus.IN_DOUBT}, "in doubt")
        await until(lambda: legs(runtime) == _PROTECTED, "found filled, and protected")
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)
        assert "35=H" in place.commands
        assert place.commands.count("35=D") == 3, "entry, stop, target: nothing twice"


async def test_order_that_never_arrived(floor: Floor) -> None:
    """The connection went before the order was read: status requests prove that it never lived."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port, override=HASTY)
    async with place.running() as runtime:
        house.faults.arm(Fault(name="disconnect_before_submit", nth=1))
        await runtime.submit(place.signal(runtime, bracket()))
        ended = account(runtime).ended
        await until(lambda: ended, "the absence proof")
        (order,) = ended.values()
        assert order.status is OrdStatus.REJECTED
        assert (net(runtime), held(house)) == (0, 0)


async def test_order_whose_message_is_asked_for_again(floor: Floor) -> None:
    """No status proves anything here, but the counterparty misses the order's own message: it ends.

    The line is torn in the middle of the order, so that the number which it had is a gap there.
    """
    house = await crypto(floor)
    line = Torn(house.port)
    port = await line.start()
    place = Place(floor.directory, port, override={"absence_proof": "resend"})
    async with place.running() as runtime:
        line.tear = b"35=D"
        await runtime.submit(place.signal(runtime, bracket()))
        ended = account(runtime).ended
        await until(lambda: ended, "the proof")
        (order,) = ended.values()
        assert order.status is OrdStatus.REJECTED
        assert (net(runtime), held(house)) == (0, 0)
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == _PROTECTED, "the next one, protected")
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)
    line.stop()


async def test_primary_killed_in_mid_fill(floor: Floor) -> None:
    """The rest of a fill comes by drop copy while the order session is down; then all agrees."""
    house = await crypto(floor)
    copy = {"sender_comp_id": "US-DC", "port": house.port}
    place = Place(floor.directory, house.port, drop_copy=copy)
    async with place.running() as runtime:
        await until(lambda: house.desks[1].link.session.logged_on, "the drop copy")
        house.quote("BTCUSD", 100, 102, 1)
        entry = PlaceOrder(
            symbol="BTCUSD", side=Side.BUY, ord_type=OrdType.LIMIT, price=Decimal(102)
        )
        await runtime.submit(place.signal(runtime, entry))
        await until(lambda: net(runtime) == 1, "the first part")
        line = _line(runtime)
        address = line._initiator._address
        line._initiator._address = type(address)(host="127.0.0.1", port=1)
        house.cut("trade")
        await until(lambda: not line.up, "the order session down")
        house.quote("BTCUSD", 100, 101, 50)
        await until(lambda: net(runtime) == 4, "the rest by drop copy")
        assert not line.up
        line._initiator._address = address
        await until(lambda: line.up, "the order session back")
        await runtime.reconcile(MAIN)
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)
        assert not account(runtime).drift


async def test_drop_copy_under_other_names(floor: Floor) -> None:
    """Cut before a word was told, the drop copy names the order otherwise: it is still filled once.

    The fill is known before anybody knows whose it is; the look after the next logon tells.
    """
    house = await crypto(floor, TRADE, {**COPY, "id_prefix": "DC:"})
    copy = {"sender_comp_id": "US-DC", "port": house.port}
    place = Place(floor.directory, house.port, drop_copy=copy)
    async with place.running() as runtime:
        await until(lambda: house.desks[1].link.session.logged_on, "the drop copy")
        house.faults.arm(Fault(name="disconnect_after_submit", nth=1))
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == _PROTECTED, "filled, and protected")
        await runtime.reconcile(MAIN)
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)
        (entry,) = [order for order in account(runtime).ended.values() if order.leg == "e"]
        assert entry.cum_qty == 4
        assert not account(runtime).drift


def _line(runtime: Runtime):  # type: ignore[no-untyped-def]
    venue = runtime.links[FX]
    assert isinstance(venue, FixVenue)
    return venue._lines["trade"]


async def test_restart_between_order_and_fill(floor: Floor) -> None:
    """What filled while no engine ran is told to the next one, once, and then protected."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        entry = PlaceOrder(
            symbol="BTCUSD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            price=Decimal(95),
            protection=bracket().protection,
        )
        await runtime.submit(place.signal(runtime, entry))
        await until(lambda: legs(runtime) == {"e": OrdStatus.WORKING}, "the entry working")
    house.quote("BTCUSD", 93, 95)
    async with place.running() as runtime:
        await until(lambda: legs(runtime) == _PROTECTED, "stop and target working")
        assert (net(runtime), held(house), counted(house)) == (4, 4, 4)


async def test_flatten_through_fix(floor: Floor) -> None:
    """A flatten takes every order back and closes everything."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime, bracket()))
        await until(lambda: legs(runtime) == _PROTECTED, "stop and target working")
        await runtime.submit(place.signal(runtime, Flatten()))
        await until(lambda: not account(runtime).orders and not net(runtime), "flat")
        assert held(house) == 0
        assert not house.broker.floor.orders.working(login="A1")
