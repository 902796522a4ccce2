"""The kill switch on a FIX venue: it takes the one session over, and closes everything."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bascule.config.clock import SystemClock
from bascule.guardian.service import Guardian
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.guardian.words import Command
from bascule.model.enums import AccountMode, ExecType, Side
from bascule.model.ids import AccountId, VenueId
from bascule.model.order import Accepted, Refused
from bascule.model.values import MILLISECOND
from bascule.venues.fix import create
from bascule.venues.fix.emulator_exchange import Exchange
from bascule.venues.kit.contract import VenueContext
from bascule.venues.kit.faults import Fault
from tests.venues.client import GOLD, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import HASTY, PASSWORD, Trader, context, held, spec
from tests.waiting import PATIENCE_S, until


def guardian_of(directory: Path, store: Path, port: int, **more: Any) -> Guardian:
    """Make a guardian of the account; it logs on only once it has to act."""
    settings: dict[str, Any] = context(store, port)["settings"]
    settings["override"] = HASTY | more
    return guardian_on(directory, settings, {"password": PASSWORD})


def guardian_on(directory: Path, settings: dict[str, Any], secrets: dict[str, str]) -> Guardian:
    """Make a guardian of the account on a venue with these settings."""
    venue = GuardedVenue(
        id=VenueId("fx"),
        kind="fix",
        settings=settings,
        secrets=secrets,
        one_session=True,
    )
    quick = Options(sweep_ns=20 * MILLISECOND, watch_ns=50 * MILLISECOND, money_ns=50 * MILLISECOND)
    setup = GuardianSetup(
        mode_dir=directory,
        mode=AccountMode.PAPER,
        accounts=(spec(),),
        venues=(venue,),
        options=quick,
    )
    return Guardian(setup, SystemClock())


async def stand(trader: Trader) -> None:
    """Hold a position, and two orders that work."""
    assert isinstance(await trader.venue.submit(trader.order(size=5)), Accepted)
    changed = trader.order(price=80, size=3)
    for order in (changed, trader.order(Side.SELL, 5, stop_price=90)):
        assert isinstance(await trader.venue.submit(order), Accepted)
    # An order under its second id is taken back under that.
    assert isinstance(await trader.venue.replace(trader.replace_of(changed, price=81)), Accepted)


async def flatten(house: Exchange, guardian: Guardian, *, word: bool = True) -> None:
    """Press the key, and wait until the exchange has nothing open and the guardian says so.

    The word comes a send's longest time after that; where that is long, it is not waited for.
    """
    task = asyncio.ensure_future(guardian.run())
    try:
        asked = {"action": "flatten", "scope": "all", "by": "me", "reason": "drill", "via": "cli"}
        result = await guardian.command(msgspec.convert(asked, type=Command))
        assert result.status == "done", result
        await until(lambda: held(house) == 0, "closed")
        await until(lambda: not house.broker.floor.orders.working(login="A1"), "taken back")
        if word:
            await until(lambda: guardian.view().accounts[0].sweep == "flat", "the word flat")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await guardian.close()


async def test_drill(floor: Floor, house: Exchange) -> None:
    """The client dies with a position and orders; the guardian logs on and leaves nothing."""
    store = floor.directory / "shared"
    trader = await floor.trader(house.port, store=str(store))
    await stand(trader)
    assert held(house) == 5
    assert len(house.broker.floor.orders.working(login="A1")) == 2
    await trader.venue.disconnect()

    await flatten(house, guardian_of(floor.directory / "guardian", store, house.port))

    again = await floor.trader(house.port, store=str(store))
    fills = await again.asked_fills()
    assert sum(fill.last_qty * fill.side.sign for fill in fills) == 0
    assert len(fills) == 2


@pytest.mark.parametrize(
    ("fault", "single"), [("", 0), ("mass_cancel_partial", 1), ("mass_cancel_reject", 4)]
)
async def test_mass_cancel(floor: Floor, house: Exchange, fault: str, single: int) -> None:
    """One message takes all orders back; what it leaves, or refuses, goes by name."""
    store = floor.directory / "shared"
    trader = await floor.trader(house.port, store=str(store))
    for order in [trader.order(price=80 + number) for number in range(4)]:
        assert isinstance(await trader.venue.submit(order), Accepted)
    await trader.venue.disconnect()
    if fault:
        house.faults.arm(Fault(name=fault))
    guardian = guardian_of(
        floor.directory / "guardian", store, house.port,
        mass_cancel="all", submit_timeout_s=PATIENCE_S,
    )  # fmt: skip
    await flatten(house, guardian, word=False)
    house.commit()
    asked = [row["op"] for row in house.ledger.rows("requests", 0, 100)]
    assert asked.count("cancel") == single


async def test_mass_cancel_of_a_venue(floor: Floor, house: Exchange) -> None:
    """It is done where the profile says so and as it says; each order's own report tells."""
    trader = await floor.trader(house.port, override={"mass_cancel": "all"})
    orders = [trader.order(price=80 + number) for number in range(3)]
    await trader.venue.submit_many(orders)
    assert isinstance(await trader.venue.mass_cancel(MAIN, GOLD, "mass-0"), Refused)
    assert isinstance(await trader.venue.mass_cancel(MAIN, None, "mass-1"), Accepted)
    for order in orders:
        await trader.told(order, ExecType.NEW, ExecType.CANCELED)
    assert (await trader.venue.open_orders(MAIN)).orders == ()
    house.faults.arm(Fault(name="mass_cancel_reject"))
    assert isinstance(await trader.venue.mass_cancel(MAIN, None, "mass-2"), Refused)


def test_a_session_of_several_accounts_has_none(tmp_path: Path) -> None:
    """The message names no account, so it would take back what is another's."""
    given = context(tmp_path, 1, override={"mass_cancel": "all"})
    two = (spec(), spec(id=AccountId("other"), login="A2"))
    words = {"sink": print, "wire_log": lambda *_: None, "clock": lambda: 0}
    made = create(VenueContext(**{**given, "accounts": two}, **words))
    assert made.capabilities.mass_cancel == "none"
