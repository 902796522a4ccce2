"""The venue against QuickFIX's acceptor: a real counterpart in a process of its own."""

import asyncio
import random

from bascule.model.enums import ExecType, OrdStatus
from bascule.model.order import Accepted, Unknown
from tests.fix.quickfix_process import QuickFix
from tests.fix.relay import Relay
from tests.ports import free_port
from tests.venues.client import MAIN
from tests.venues.fix.conftest import Floor

NEW, TRADE = ExecType.NEW, ExecType.TRADE
EXCHANGE = "tests.venues.fix.quickfix_exchange"


async def test_order_across_lost_connections(floor: Floor) -> None:
    """Logon, order, partial fill, a cut, the rest by resend, and an order cut in mid-air.

    Every fill is told once, and no order reaches QuickFIX a second time.
    """
    port = free_port()
    store = floor.directory / "qf"
    async with QuickFix.run("acceptor", port, store, module=EXCHANGE) as other:
        relay = Relay(port, random.Random(1))
        try:
            override = {"password_in": "none", "mass_status": "each", "positions": "fills"}
            trader = await floor.trader(await relay.start(), target_comp_id="QF", override=override)
            order = trader.order(size=5, price=11)
            assert isinstance(await trader.venue.submit(order), Accepted)
            await trader.told(order, NEW, TRADE)

            relay.cut()
            await trader.until(lambda: trader.links()[-1] is False)
            other.tell("fill")
            fills = (await trader.told(order, NEW, TRADE, TRADE))[1:]
            assert [fill.last_qty for fill in fills] == [2, 3]
            assert fills[-1].ord_status is OrdStatus.FILLED

            other.tell("quiet")
            doubtful = trader.order(size=3, price=11)
            waiting = trader.venue.submit(doubtful)
            while doubtful.cl_ord_id not in (await other.state())["orders"]:
                await asyncio.sleep(0.01)
            relay.cut()
            assert isinstance(await waiting, Unknown)
            other.tell("tell")
            await trader.told(doubtful, NEW, TRADE)
            shown = await trader.venue.order_status(MAIN, doubtful.cl_ord_id)
            assert shown is not None
            assert shown.cum_qty == 2
            other.tell("fill")
            await trader.told(doubtful, NEW, TRADE, TRADE)

            state = await other.state()
            assert set(state["orders"].values()) == {1}
            assert state["filled"] == {order.cl_ord_id: 5, doubtful.cl_ord_id: 3}
            assert sum(fill.last_qty for fill in await trader.asked_fills()) == 8
            (held,) = (await trader.venue.positions(MAIN)).positions
            assert held.quantity == 8
        finally:
            await relay.stop()
