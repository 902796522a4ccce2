"""The kill switch on a FIX venue: it takes the one session over, and closes everything."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from bascule.config.clock import SystemClock
from bascule.guardian.service import Guardian
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.guardian.words import Alert, Command
from bascule.model.enums import AccountMode, Side
from bascule.model.ids import VenueId
from bascule.model.order import Accepted
from bascule.model.values import MILLISECOND
from bascule.venues.fix.emulator_exchange import Exchange
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import PASSWORD, Trader, context, held, spec, until


def guardian_of(directory: Path, store: Path, port: int) -> Guardian:
    """Make a guardian of the account; it logs on only once it has to act."""
    settings: dict[str, Any] = context(store, port)["settings"]
    venue = GuardedVenue(
        id=VenueId("fx"),
        kind="fix",
        settings=settings,
        secrets={"password": PASSWORD},
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


async def test_drill(floor: Floor, house: Exchange) -> None:
    """The client dies with a position and orders; the guardian logs on and leaves nothing."""
    store = floor.directory / "shared"
    trader = await floor.trader(house.port, store=str(store))
    await stand(trader)
    assert held(house) == 5
    assert len(house.broker.floor.orders.working(login="A1")) == 2
    await trader.venue.disconnect()

    alerts: list[Alert] = []
    guardian = guardian_of(floor.directory / "guardian", store, house.port)
    guardian.events.append(alerts.append)
    task = asyncio.ensure_future(guardian.run())
    try:
        asked = {"action": "flatten", "scope": "all", "by": "me", "reason": "drill", "via": "cli"}
        result = await guardian.command(msgspec.convert(asked, type=Command))
        assert result.status == "done", result
        await until(lambda: held(house) == 0, "closed", 20)
        await until(lambda: not house.broker.floor.orders.working(login="A1"), "taken back", 20)
        await until(lambda: guardian.view().accounts[0].sweep == "flat", "the word flat", 40)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await guardian.close()

    again = await floor.trader(house.port, store=str(store))
    fills = await again.asked_fills()
    assert sum(fill.last_qty * fill.side.sign for fill in fills) == 0
    assert len(fills) == 2
