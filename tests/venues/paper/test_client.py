"""The link to a paper broker: what it sends, what it tells, and what it never does."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.model.enums import ExecType, InstrumentKind, OrdStatus, PositionMode, Side
from bascule.model.errors import ConfigError, SecretError, VenueTerminal, VenueTransient
from bascule.model.ids import VenueSymbol
from bascule.model.order import Accepted, AccountSnapshot, Refused
from bascule.model.values import Instant
from bascule.venues.kit.contract import Venue, VenueAccount, VenueContext
from bascule.venues.kit.registry import factory
from bascule.venues.paper import create
from bascule.venues.paper.control import Control, PaperProcess
from bascule.venues.paper.protocol import FILLS_MAX
from tests.venues.client import GOLD, INSTRUMENT, MAIN
from tests.venues.paper.desk import HEDGED, SETTINGS, Trader, rows

NEW, TRADE, REPLACED, CANCELED = (
    ExecType.NEW, ExecType.TRADE, ExecType.REPLACED, ExecType.CANCELED
)  # fmt: skip


async def test_market_order_is_acknowledged_filled_and_found(trader: Trader) -> None:
    """Reply, reports, position, fills and status tell the same story."""
    order = trader.order(size=3)
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Accepted)
    new, fill = await trader.told(order, NEW, TRADE)
    assert new.venue_order_id == outcome.venue_order_id
    assert (fill.account, fill.last_qty, fill.last_price) == (MAIN, 3, 102)
    positions = await trader.venue.positions(MAIN)
    assert [(held.account, held.quantity) for held in positions.positions] == [(MAIN, 3)]
    found = [f for f in await trader.asked_fills() if f.cl_ord_id == order.cl_ord_id]
    assert [f.exec_id for f in found] == [fill.exec_id]
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert (shown.account, shown.ord_status, shown.cum_qty) == (MAIN, OrdStatus.FILLED, 3)


async def test_fills_since_an_instant(trader: Trader) -> None:
    """The instant itself counts, what was before does not come."""
    first, second = trader.order(), trader.order()
    await trader.venue.submit(first)
    await trader.venue.submit(second)
    await trader.told(second, NEW, TRADE)
    at = trader.reports(second)[-1].at
    fills = (await trader.venue.fills_since(MAIN, at)).fills
    assert [fill.cl_ord_id for fill in fills] == [second.cl_ord_id]
    assert (await trader.venue.fills_since(MAIN, Instant(at + 1))).fills == ()


async def test_more_fills_than_a_page_are_all_found(own: PaperProcess) -> None:
    """A long history is read page by page, each fill once."""
    trader = Trader(own)
    await trader.venue.connect()
    orders = [trader.order() for _ in range(FILLS_MAX + 500)]
    for start in range(0, len(orders), 500):
        await trader.venue.submit_many(orders[start : start + 500])
    snapshot = await trader.venue.fills_since(MAIN, Instant(0))
    assert snapshot.complete
    assert [fill.cl_ord_id for fill in snapshot.fills] == [order.cl_ord_id for order in orders]
    await trader.venue.disconnect()


async def test_resting_order_is_shown_replaced_and_canceled(trader: Trader) -> None:
    """A limit waits, takes new terms, and goes on request, each told by a report."""
    order = trader.order(price=90)
    await trader.venue.submit(order)
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert (shown.cl_ord_id, shown.price) == (order.cl_ord_id, 90)
    assert isinstance(await trader.venue.replace(trader.replace_of(order, price=91)), Accepted)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order)), Accepted)
    reports = await trader.told(order, NEW, REPLACED, CANCELED)
    assert reports[1].request_id == f"{order.cl_ord_id}.r1"
    assert (reports[1].price, reports[2].request_id) == (91, f"{order.cl_ord_id}.c1")
    assert (await trader.venue.open_orders(MAIN)).orders == ()


async def test_submit_many_keeps_its_order_and_its_outcomes(trader: Trader) -> None:
    """One write, one outcome each; a refused one does not harm its neighbours."""
    orders = [trader.order(price=90), trader.order(price=Decimal("90.5")), trader.order()]
    first, second, third = await trader.venue.submit_many(orders)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.reason == "off_tick"
    assert isinstance(third, Accepted)
    sent = [subject for way, subject, _ in trader.wire if way == ">"][-3:]
    assert sent == [order.cl_ord_id for order in orders]
    assert await trader.venue.submit_many([]) == []


async def test_native_bracket_over_the_wire(trader: Trader, control: Control) -> None:
    """Children come as reports with their parent, and the stop closes the position."""
    order = trader.order(size=2, stop_loss=90, take_profit=120)
    await trader.venue.submit(order)
    reports = await trader.told(order, NEW, TRADE, NEW, NEW)
    assert [(report.leg, report.cl_ord_id) for report in reports[2:]] == [("s", None), ("t", None)]
    control.quote("GOLD", "89", "91")
    await trader.until(lambda: CANCELED in trader.kinds(order))
    assert (await trader.venue.positions(MAIN)).positions == ()


async def test_two_accounts_share_a_link(trader: Trader) -> None:
    """Reports and answers carry our own name of the account they are about."""
    mine, theirs = trader.order(), trader.order(account=HEDGED)
    await trader.venue.submit_many([mine, theirs])
    await trader.told(theirs, NEW, TRADE)
    assert {report.account for report in trader.reports(theirs)} == {HEDGED}
    assert {report.account for report in trader.reports(mine)} == {MAIN}
    (held,) = (await trader.venue.positions(HEDGED)).positions
    assert held.position_id is not None
    close = trader.order(Side.SELL, account=HEDGED, position_id=held.position_id)
    assert isinstance(await trader.venue.submit(close), Accepted)
    assert (await trader.venue.positions(HEDGED)).positions == ()


async def test_identity_instruments_money_and_scope(trader: Trader) -> None:
    """The broker says who it serves, what it lists, and that nobody can withdraw."""
    assert await trader.venue.identity(HEDGED) == VenueAccount(
        "H1", "USD", PositionMode.HEDGING, False
    )
    (listing,) = await trader.venue.instruments(MAIN)
    assert (listing.venue_symbol, listing.kind, listing.tick_size) == (
        GOLD, InstrumentKind.CFD, 1
    )  # fmt: skip
    money = await trader.venue.account(MAIN)
    assert (money.account, money.currency) == (MAIN, "USD")
    assert money.free_margin == money.equity - money.margin_used
    scope = await trader.venue.key_scope()
    assert scope.trade
    assert not scope.withdraw


async def test_quotes_come_after_a_subscription_and_a_reconnect(
    trader: Trader, control: Control
) -> None:
    """The newest price comes at once, each new one as it is made, also on the next link."""
    await trader.venue.subscribe(MAIN, [GOLD])
    await trader.until(lambda: trader.quotes()[-1:] and trader.quotes()[-1].bid == 100)
    control.quote("GOLD", "101", "103")
    await trader.until(lambda: trader.quotes()[-1].bid == 101)
    control.disconnect("P1")
    await trader.until(lambda: trader.links() == [True, False, True])
    control.quote("GOLD", "104", "106")
    await trader.until(lambda: trader.quotes()[-1].bid == 104)
    with pytest.raises(VenueTransient, match="not listed"):
        await trader.venue.subscribe(MAIN, [VenueSymbol("LEAD")])


async def test_a_broker_that_lists_less_than_before_is_reconnected_to(tmp_path: Path) -> None:
    """A symbol that is listed no more costs its quotes, and not the link."""
    silver = {**INSTRUMENT, "venue_symbol": "SILVER"}
    with PaperProcess({**SETTINGS, "instruments": [INSTRUMENT, silver]}, tmp_path) as broker:
        trader = Trader(broker)
        await trader.venue.connect()
        await trader.venue.subscribe(MAIN, (GOLD, VenueSymbol("SILVER")))
        broker.kill()
        await trader.until(lambda: not trader.links()[-1])
        fewer = PaperProcess(SETTINGS, tmp_path)
        fewer.port, fewer.token = broker.port, broker.token
        with fewer:
            await trader.until(lambda: trader.links()[-1])
            await trader.venue.subscribe(MAIN, (GOLD,))
            await trader.venue.disconnect()


async def test_money_is_pushed_when_it_changes(trader: Trader, control: Control) -> None:
    """A deposit shows without being asked for."""
    balance = control.deposit("P1", "5")
    await trader.until(
        lambda: any(
            isinstance(m, AccountSnapshot) and m.account == MAIN and m.balance == balance
            for m in trader.messages
        )
    )


async def test_what_is_done_by_hand_is_told(trader: Trader, control: Control) -> None:
    """A foreign trade and a close by hand come as reports without a client id."""
    number = control.trade("P1", "GOLD", Side.SELL, "2")
    await trader.until(lambda: len(trader.reports()) == 2)
    assert {(r.cl_ord_id, r.venue_order_id) for r in trader.reports()} == {(None, number)}
    control.close_position("P1", "GOLD")
    await trader.until(lambda: len(trader.reports()) == 4)
    assert (await trader.venue.positions(MAIN)).positions == ()


async def test_busts_and_corrections_are_told(trader: Trader, control: Control) -> None:
    """A corrected fill shows its new numbers, a busted one is gone from fills_since."""
    order = trader.order(size=4)
    await trader.venue.submit(order)
    fill = (await trader.told(order, NEW, TRADE))[1]
    control.correct("P1", fill.exec_id, "3", "101")
    await trader.told(order, NEW, TRADE, ExecType.TRADE_CORRECT)
    seen = {f.exec_id: f for f in await trader.asked_fills()}
    assert (seen[fill.exec_id].last_qty, seen[fill.exec_id].last_price) == (3, 101)
    control.bust("P1", fill.exec_id)
    reports = await trader.told(order, NEW, TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)
    assert reports[-1].ref_exec_id == fill.exec_id
    assert fill.exec_id not in {f.exec_id for f in await trader.asked_fills()}


async def test_duplicates_are_refused_and_counted(trader: Trader, broker: PaperProcess) -> None:
    """The ledger holds every request, so that a test can count the duplicates."""
    order = trader.order()
    outcomes = await trader.venue.submit_many([order, order, order])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Refused]
    found = rows(
        broker.ledger,
        "SELECT outcome, reason FROM requests WHERE cl_ord_id = ? ORDER BY seq",
        order.cl_ord_id,
    )
    assert found == [("accepted", ""), *[("refused", "duplicate_cl_ord_id")] * 2]
    assert rows(
        broker.ledger, "SELECT count(*) FROM orders WHERE cl_ord_id = ?", order.cl_ord_id
    ) == [(1,)]


async def test_an_answer_is_on_the_disk_before_it_is_given(
    trader: Trader, broker: PaperProcess
) -> None:
    """At the moment of the reply, order, fill and request can be read by anybody."""
    order = trader.order()
    await trader.venue.submit(order)
    for table in ("orders", "fills", "requests"):
        query = f"SELECT count(*) FROM {table} WHERE cl_ord_id = ?"
        assert rows(broker.ledger, query, order.cl_ord_id) == [(1,)]


async def test_no_token_is_in_the_wire_log(trader: Trader, broker: PaperProcess) -> None:
    """Every frame is logged but heartbeats, and none with the secret."""
    await trader.venue.submit(trader.order())
    whole = b"".join(line for _, _, line in trader.wire)
    assert b'"logon"' in whole
    assert broker.token.encode() not in whole
    assert b'"heartbeat"' not in whole


async def test_disconnect_is_silent_and_final(broker: PaperProcess, control: Control) -> None:
    """After disconnect nothing reaches the sink and nothing is sent."""
    trader = Trader(broker)
    await trader.venue.connect()
    await trader.venue.subscribe(MAIN, [GOLD])
    await trader.venue.disconnect()
    told = len(trader.messages)
    control.quote("GOLD", "105", "107")
    await asyncio.sleep(0.05)
    assert len(trader.messages) == told
    refused = await trader.venue.submit(trader.order())
    assert isinstance(refused, Refused)
    assert refused.reason == "not_connected"


async def test_wrong_token_is_terminal(broker: PaperProcess) -> None:
    """A broker that knows us not is not asked again."""
    trader = Trader(broker)
    trader.venue = create(context(broker.port, secrets={"P1": "wrong"}))
    with pytest.raises(VenueTerminal) as caught:
        await trader.venue.connect()
    assert caught.value.code == "bad_credentials"
    assert "wrong" not in caught.value.message.replace("is wrong", "")


async def test_no_broker_is_transient() -> None:
    """Nobody listens: an error at once, and nothing goes on in the background."""
    venue = create(context(1))
    with pytest.raises(VenueTransient, match="cannot be reached"):
        await venue.connect()


def context(port: object, **changes: Any) -> VenueContext:
    """A context for one account."""
    from tests.venues.paper.desk import AccountMode, AccountSpec, Currency, VenueId

    settings = {"port": port, **changes.pop("settings", {})}
    words: dict[str, Any] = {
        "venue_id": "paper",
        "settings": settings,
        "accounts": (
            AccountSpec(
                id=MAIN,
                venue=VenueId("paper"),
                login="P1",
                mode=AccountMode.PAPER,
                currency=Currency("USD"),
            ),
        ),
        "secrets": {"P1": "token"},
        "sink": lambda message: None,
        "wire_log": lambda way, subject, line: None,
        "clock": time.time_ns,
    }
    return VenueContext(**{**words, **changes})


def test_capabilities_follow_the_settings() -> None:
    """What the broker has switched off, the planner is not offered."""
    whole: Venue = factory("paper")(context(5000))
    assert whole.capabilities.native_bracket
    assert whole.capabilities.absence_proof == "snapshots"
    assert whole.capabilities.absence_after_ns == 1_000_000_000
    bare = create(
        context(
            5000,
            settings={
                "native_bracket": False, "native_trailing": False, "reduce_only": False,
                "timeout_s": 2,
            },
        )
    )  # fmt: skip
    assert not bare.capabilities.native_bracket
    assert not bare.capabilities.native_trailing
    assert not bare.capabilities.reduce_only
    assert bare.capabilities.submit_timeout_ns == 2_000_000_000


@pytest.mark.parametrize(
    "settings", [{"port": 0}, {"port": "x"}, {"timeout_s": 0}, {"colour": "blue"}]
)
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    """The message names the venue."""
    with pytest.raises(ConfigError, match="venue paper"):
        create(context(5000, settings=settings))


def test_missing_token_is_refused() -> None:
    """Every account needs its secret."""
    with pytest.raises(SecretError, match="login P1"):
        create(context(5000, secrets={}))
