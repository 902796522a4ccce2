"""Profiles at work: an exchange that behaves as each says, and everything that a trader does."""

from typing import Any

from bascule.model.enums import ExecType, OrdStatus, Side
from bascule.model.ids import VenueSymbol
from bascule.model.order import Accepted, NewOrder
from bascule.model.values import Instant
from bascule.venues.fix.emulator_exchange import Exchange
from tests.venues.client import INSTRUMENT, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import LOGIN, Trader

NEW, TRADE, REPLACED, CANCELED = (
    ExecType.NEW,
    ExecType.TRADE,
    ExecType.REPLACED,
    ExecType.CANCELED,
)
EURUSD = VenueSymbol("EURUSD")


async def trade_all(trader: Trader, house: Exchange, symbol: VenueSymbol) -> None:
    """Fill, rest, change and take back; then every question agrees."""
    market = trader.order(size=3, venue_symbol=symbol)
    assert isinstance(await trader.venue.submit(market), Accepted), trader.venue.notes
    await trader.told(market, NEW, TRADE)
    resting = trader.order(Side.SELL, 2, price=120, venue_symbol=symbol)
    assert isinstance(await trader.venue.submit(resting), Accepted)
    assert isinstance(await trader.venue.replace(trader.replace_of(resting, price=119)), Accepted)
    shown = await trader.venue.open_orders(MAIN)
    assert shown.complete
    assert [(one.cl_ord_id, one.price) for one in shown.orders] == [(resting.cl_ord_id, 119)]
    (held,) = (await trader.venue.positions(MAIN)).positions
    assert (held.venue_symbol, held.quantity) == (symbol, 3)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(resting, 2)), Accepted)
    await trader.told(resting, NEW, REPLACED, CANCELED)
    assert (await trader.venue.open_orders(MAIN)).orders == ()
    found = await trader.venue.fills_since(MAIN, Instant(0))
    assert (found.complete, [fill.last_qty for fill in found.fills]) == (True, [3])
    status = await trader.venue.order_status(MAIN, market.cl_ord_id)
    assert status is not None
    assert status.ord_status is OrdStatus.FILLED


def ctrader_house() -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the two sessions that cTrader has, with one pair of names."""
    name = "demo.broker.1234567"
    both = {"target": name, "sender": "cServer", "reset_on_logon": True, "strict": False}
    orders = {
        **both,
        "sub_id": "TRADE",
        "accounts": [LOGIN],
        "account_tag": False,
        "exec_ids": False,
        "empty_is_rejected": True,
    }
    return orders, {**both, "sub_id": "QUOTE", "role": "quotes"}


async def ctrader(floor: Floor) -> tuple[Exchange, Trader]:
    """Start an exchange in cTrader's ways, and a client by its profile."""
    terms = {**INSTRUMENT, "venue_symbol": "EURUSD", "kind": "fx"}
    house = await floor.house(
        *ctrader_house(), instruments=[terms], symbols={"EURUSD": {"55": "1"}}
    )
    trader = await floor.trader(
        house.port,
        profile="ctrader",
        override={},
        sender_comp_id="demo.broker.1234567",
        target_comp_id="",
        quote={"port": house.quote_port},
        instruments=[{"name": "EURUSD", "quote": "USD"}],
    )
    return house, trader


async def test_ctrader(floor: Floor) -> None:
    """No ExecID, numbers for symbols, no account on orders, an empty book that is rejected."""
    house, trader = await ctrader(floor)
    (listing,) = await trader.venue.instruments(MAIN)
    assert (listing.venue_symbol, listing.quote) == (EURUSD, "USD")
    assert (await trader.venue.open_orders(MAIN)).complete
    await trade_all(trader, house, EURUSD)
    (sent, *_) = trader.sent("D")
    assert b"|55=1|" in sent
    assert b"|1=" not in sent


async def test_ctrader_prices_come_over_their_own_session(floor: Floor) -> None:
    """With the order session down prices go on, and the other way round."""
    house, trader = await ctrader(floor)
    await trader.venue.instruments(MAIN)
    await trader.until(lambda: house.desks[1].link.session.logged_on)
    await trader.venue.subscribe(MAIN, [EURUSD])
    await trader.until(trader.quotes)
    house.cut("trade")
    house.quote("EURUSD", 105, 107)
    await trader.until(lambda: trader.quotes()[-1].bid == 105)
    house.cut("quotes")
    await trader.until(lambda: trader.links()[-2:] == [False, True])
    assert isinstance(await trader.venue.submit(_at_market(trader)), Accepted)
    house.quote("EURUSD", 106, 108)
    await trader.until(lambda: trader.quotes()[-1].bid == 106)


def _at_market(trader: Trader) -> NewOrder:
    return trader.order(venue_symbol=EURUSD)


async def test_tt(floor: Floor) -> None:
    """Password in 96, orders after the News, all orders by a status request that names none."""
    session = {"target": "US", "password_in": "96", "news": True, "strict": False}
    house = await floor.house(session, cl_ord_id_max=20)
    named = [{"name": "GOLD", "quote": "USD", "tick_size": "1"}]
    trader = await floor.trader(house.port, profile="tt", override={}, instruments=named)
    await trader.until(lambda: trader.links() == [True])
    await trade_all(trader, house, VenueSymbol("GOLD"))
    assert b"|1028=N" in trader.sent("D")[0]
    assert trader.sent("AF") == trader.sent("AN") == []
    assert len(await trader.venue.instruments(MAIN)) == 1


async def test_cqg(floor: Floor) -> None:
    """4.2, a reset at each logon, and open orders asked for one by one."""
    session = {
        "target": "US",
        "sender": "CQG_Gateway",
        "version": "FIX.4.2",
        "password_in": "96",
        "reset_on_logon": True,
        "strict": False,
    }
    house = await floor.house(session)
    header = {"50": "trader"}
    trader = await floor.trader(
        house.port, profile="cqg", override={}, target_comp_id="", header=header
    )
    await trade_all(trader, house, VenueSymbol("GOLD"))


async def test_money_is_asked_for(floor: Floor, house: Exchange) -> None:
    """Where the counterparty tells the money, its word is taken."""
    trader = await floor.trader(house.port, override={"money": "collateral"})
    await trader.venue.submit(trader.order(size=10))
    money = await trader.venue.account(MAIN)
    assert (money.balance, money.equity, money.currency) == (1_000_000, 999_980, "USD")
    assert money.free_margin + money.margin_used == money.equity
