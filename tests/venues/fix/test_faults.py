"""Each fault of the exchange does what its line says, and every fill is counted once."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import pytest

from bascule.model.enums import ExecType, OrdStatus, Side
from bascule.model.errors import VenueTransient
from bascule.model.order import Accepted, Refused, Unknown
from bascule.venues.fix import client
from bascule.venues.fix.emulator_exchange import FAULTS, Exchange, hang_up
from bascule.venues.kit.faults import Fault
from tests.venues.client import GOLD, MAIN
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import LOGIN, Trader

NEW, TRADE, CANCELED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED
TESTED: set[str] = set()

_Test = TypeVar("_Test", bound=Callable[..., object])


def of(name: str) -> Callable[[_Test], _Test]:
    """Say which fault a test is about."""
    TESTED.add(name)
    return lambda test: test


async def again(trader: Trader) -> None:
    """Wait until the link was lost and is back."""
    await trader.until(lambda: trader.links()[-2:] == [False, True])


def once(trader: Trader) -> bool:
    """Tell whether no fill was told twice."""
    names = [fill.exec_id for fill in trader.fills()]
    return len(names) == len(set(names))


@of("drop_request")
async def test_drop_request(hasty: Trader, house: Exchange) -> None:
    """An order that was never read is unknown, and the exchange shows none when asked."""
    house.faults.arm(Fault(name="drop_request", times=1))
    order = hasty.order()
    assert isinstance(await hasty.venue.submit(order), Unknown)
    assert await hasty.venue.order_status(MAIN, order.cl_ord_id) is None
    assert len(hasty.sent("D")) == 1


@of("disconnect_before_submit")
async def test_disconnect_before_submit(trader: Trader, house: Exchange) -> None:
    """The session took the order's number and nothing more: it is never given out again."""
    house.faults.arm(Fault(name="disconnect_before_submit", times=1))
    order = trader.order()
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Unknown)
    await again(trader)
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert (await trader.venue.positions(MAIN)).positions == ()
    assert len(trader.sent("D")) == 1


@of("disconnect_after_submit")
async def test_disconnect_after_submit(trader: Trader, house: Exchange) -> None:
    """The order lives; its reports come by resend after the next logon, each once."""
    house.faults.arm(Fault(name="disconnect_after_submit", times=1))
    order = trader.order(size=2)
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "disconnected"
    await again(trader)
    (_, fill) = await trader.told(order, NEW, TRADE)
    assert fill.last_qty == 2
    assert [one.exec_id for one in await trader.asked_fills()] == [fill.exec_id]
    assert len(trader.sent("D")) == 1


@of("lose_report")
async def test_lose_report(hasty: Trader, house: Exchange) -> None:
    """A report that was lost on the wire is asked for when the next one shows the gap."""
    resting = hasty.order(price=102, size=2)
    house.faults.arm(Fault(name="lose_report", nth=2))
    await hasty.venue.submit(resting)
    other = hasty.order(price=90)
    await hasty.venue.submit(other)
    (_, fill) = await hasty.told(resting, NEW, TRADE)
    assert fill.last_qty == 2
    assert once(hasty)


@of("drop_report")
async def test_drop_report(trader: Trader, house: Exchange) -> None:
    """A fill that is never told is noticed by the order's total, and fills are not whole."""
    house.faults.arm(Fault(name="drop_report", nth=2, times=1))
    order = trader.order(size=2)
    await trader.venue.submit(order)
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert shown.ord_status is OrdStatus.FILLED
    assert not (await trader.venue.fills_since(MAIN, shown.at)).complete
    assert [code for _, code, _ in trader.venue.notes] == ["fix_fills_missing"] * 2
    assert trader.kinds(order) == [NEW]


@of("duplicate_report")
async def test_duplicate_report(trader: Trader, house: Exchange) -> None:
    """The same fill under a new number is not told on a second time."""
    house.faults.arm(Fault(name="duplicate_report"))
    order = trader.order(size=2)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    await trader.venue.open_orders(MAIN)
    assert trader.kinds(order) == [NEW, TRADE]
    twice = [line for way, _, line in trader.wire if way == "<" and b"|97=Y" in line]
    assert len(twice) == 2


@of("late_report")
async def test_late_report(trader: Trader, house: Exchange) -> None:
    """A report that comes after what followed it still counts."""
    house.faults.arm(Fault(name="late_report", nth=1, seconds=0.1))
    order = trader.order()
    assert isinstance(await trader.venue.submit(order), Accepted)
    await trader.told(order, TRADE, NEW)


@of("session_reject")
async def test_session_reject(trader: Trader, house: Exchange) -> None:
    """An order that the session rejects is refused with proof."""
    house.faults.arm(Fault(name="session_reject", times=1))
    outcome = await trader.venue.submit(trader.order())
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.venue_code) == ("bad_request", "3 99")
    assert isinstance(await trader.venue.submit(trader.order()), Accepted)


@of("business_reject")
async def test_business_reject(trader: Trader, house: Exchange) -> None:
    """An order over the limit is refused with proof and never sent again by itself."""
    house.faults.arm(Fault(name="business_reject", times=1))
    outcome = await trader.venue.submit(trader.order())
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.venue_code) == ("throttled", "j 8")
    assert len(trader.sent("D")) == 1


@of("reject_submit")
async def test_reject_submit(trader: Trader, house: Exchange) -> None:
    """A refusal carries the exchange's words."""
    house.faults.arm(Fault(name="reject_submit", times=1))
    outcome = await trader.venue.submit(trader.order())
    assert isinstance(outcome, Refused)
    assert "broker_refused" in outcome.text


@of("late_reject")
async def test_late_reject(trader: Trader, house: Exchange) -> None:
    """An order that is rejected instead of worked ends with a refusal or a report of it."""
    house.faults.arm(Fault(name="late_reject", times=1))
    order = trader.order()
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Refused)
    assert not trader.fills(order)


@of("reject_cancel")
async def test_reject_cancel(trader: Trader, house: Exchange) -> None:
    """A refused cancel leaves the order as it was, and a second one may be asked for."""
    house.faults.arm(Fault(name="reject_cancel", times=1))
    order = trader.order(price=90)
    await trader.venue.submit(order)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order, 1)), Refused)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order, 2)), Accepted)
    await trader.told(order, NEW, CANCELED)


@of("fill_during_cancel")
async def test_fill_during_cancel(trader: Trader, house: Exchange) -> None:
    """A fill that beats its cancel counts, and the cancel is refused."""
    house.faults.arm(Fault(name="fill_during_cancel", times=1))
    order = trader.order(price=90, size=2)
    await trader.venue.submit(order)
    outcome = await trader.venue.cancel(trader.cancel_of(order))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "order_ended"
    assert [fill.last_qty for fill in trader.fills(order)] == [2]


@of("partial_fills")
async def test_partial_fills(trader: Trader, house: Exchange) -> None:
    """An order that is given a share at a time adds up."""
    house.faults.arm(Fault(name="partial_fills", share=0.5))
    order = trader.order(price=102, size=4)
    await trader.venue.submit(order)
    for ask in (101, 102, 101, 102):
        house.quote("GOLD", 100, ask)
    await trader.until(lambda: sum(fill.last_qty for fill in trader.fills(order)) == 4)
    assert once(trader)


@of("overfill")
async def test_overfill(trader: Trader, house: Exchange) -> None:
    """More than was asked for is told as it is."""
    house.faults.arm(Fault(name="overfill", times=1))
    order = trader.order(size=2)
    await trader.venue.submit(order)
    await trader.until(lambda: sum(fill.last_qty for fill in trader.fills(order)) == 3)


@of("throttle")
async def test_throttle(trader: Trader, house: Exchange) -> None:
    """A command over the rate limit is refused, and its order never lived."""
    house.faults.arm(Fault(name="throttle", times=1))
    assert isinstance(await trader.venue.submit(trader.order()), Refused)
    assert (await trader.venue.open_orders(MAIN)).orders == ()


@of("reject_close")
async def test_reject_close(trader: Trader, house: Exchange) -> None:
    """The first close is refused, the second goes through."""
    house.faults.arm(Fault(name="reject_close", times=1))
    await trader.venue.submit(trader.order())
    assert isinstance(await trader.venue.submit(trader.order(Side.SELL)), Refused)
    assert isinstance(await trader.venue.submit(trader.order(Side.SELL)), Accepted)
    assert (await trader.venue.positions(MAIN)).positions == ()


@of("slow_status")
async def test_slow_status(trader: Trader, house: Exchange) -> None:
    """An order may be shown to nobody for a while, and is later."""
    house.faults.arm(Fault(name="slow_status", times=1, seconds=3600))
    hidden = trader.order(price=90)
    await trader.venue.submit(hidden)
    assert await trader.venue.order_status(MAIN, hidden.cl_ord_id) is None
    house.faults.arm(Fault(name="slow_status", times=1, seconds=0.1))
    order = trader.order(price=90)
    await trader.venue.submit(order)
    await asyncio.sleep(0.12)
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is not None


@of("stale_positions_snapshot")
async def test_stale_positions_snapshot(trader: Trader, house: Exchange) -> None:
    """Positions may be those of the time before."""
    await trader.venue.positions(MAIN)
    house.faults.arm(Fault(name="stale_positions_snapshot", times=1))
    await trader.venue.submit(trader.order())
    assert (await trader.venue.positions(MAIN)).positions == ()
    assert len((await trader.venue.positions(MAIN)).positions) == 1


@of("incomplete_orders_page")
async def test_incomplete_orders_page(house: Exchange, floor: Floor) -> None:
    """An answer that lacks some of the orders it counts is no answer."""
    trader = await floor.trader(house.port, answer_timeout_s=0.5)
    for price in (90, 91, 92):
        await trader.venue.submit(trader.order(price=price))
    house.faults.arm(Fault(name="incomplete_orders_page", times=1))
    shown = await trader.venue.open_orders(MAIN)
    assert not shown.complete
    assert len(shown.orders) == 2
    assert (await trader.venue.open_orders(MAIN)).complete


@of("silent_status")
async def test_silent_status(house: Exchange, floor: Floor) -> None:
    """A question that is not answered proves nothing."""
    trader = await floor.trader(house.port, answer_timeout_s=0.3)
    order = trader.order(price=90)
    await trader.venue.submit(order)
    house.faults.arm(Fault(name="silent_status", times=1))
    with pytest.raises(VenueTransient, match="no answer in time"):
        await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is not None


# --- drop copy ----------------------------------------------------------------------------------


async def with_copy(floor: Floor, house: Exchange) -> Trader:
    """Connect a client with a drop copy session."""
    copy = {"sender_comp_id": "US-DC", "port": house.port}
    trader = await floor.trader(house.port, drop_copy=copy)
    await trader.until(lambda: house.desks[1].link.session.logged_on)
    return trader


async def test_drop_copy_counts_once(house: Exchange, floor: Floor) -> None:
    """With both sessions up every report is told on once."""
    trader = await with_copy(floor, house)
    order = trader.order(size=2)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    await asyncio.sleep(0.1)
    assert trader.kinds(order) == [NEW, TRADE]
    heard = [line for way, _, line in trader.wire if way == "<" and b"|150=F|" in line]
    assert len(heard) == 2


@of("drop_copy_late")
async def test_drop_copy_late(house: Exchange, floor: Floor) -> None:
    """A copy that comes later changes nothing."""
    trader = await with_copy(floor, house)
    house.faults.arm(Fault(name="drop_copy_late", seconds=0.05))
    order = trader.order()
    await trader.venue.submit(order)
    await asyncio.sleep(0.15)
    assert trader.kinds(order) == [NEW, TRADE]


async def test_positions_stay_right_with_the_primary_down(house: Exchange, floor: Floor) -> None:
    """With the order session killed in mid-fill, the rest comes by drop copy; each fill once."""
    trader = await with_copy(floor, house)
    house.quote("GOLD", 100, 102, 2)
    order = trader.order(size=5, price=102)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE)
    address = trader.venue.plan.sessions["trade"][1]
    line = trader.venue._lines["trade"]
    line._initiator._address = type(address)(host="127.0.0.1", port=1)  # type: ignore[union-attr]
    house.cut("trade")
    await trader.until(lambda: trader.links()[-1] is False)
    house.quote("GOLD", 100, 101, 3)
    await trader.until(lambda: sum(fill.last_qty for fill in trader.fills(order)) == 5)
    assert trader.links()[-1] is False
    assert [fill.last_qty for fill in trader.fills(order)] == [2, 3]
    line._initiator._address = address  # type: ignore[union-attr]
    await again(trader)
    assert (await trader.venue.positions(MAIN)).positions[0].quantity == 5
    assert sum(fill.last_qty for fill in await trader.asked_fills()) == 5
    assert once(trader)


# --- what an exchange does by itself ------------------------------------------------------------


async def test_unasked_restatement(trader: Trader, house: Exchange) -> None:
    """An order that is made smaller unasked is told as replaced, not as an answer of ours."""
    order = trader.order(size=5, price=90)
    await trader.venue.submit(order)
    house.restate(LOGIN, order.cl_ord_id, 3)
    report = (await trader.told(order, NEW, ExecType.REPLACED))[1]
    assert (report.order_qty, report.request_id) == (3, "")


async def test_trades_by_hand_are_foreign(trader: Trader, house: Exchange) -> None:
    """What was not sent from here is told without a name of ours."""
    house.broker.hand.trade(LOGIN, "GOLD", Side.BUY, Decimal(4), house.now())
    house.tell()
    await trader.until(trader.fills)
    assert trader.fills()[0].last_qty == 4
    assert (await trader.venue.positions(MAIN)).positions[0].quantity == 4


async def test_reset_with_orders_working(floor: Floor) -> None:
    """After a reset of the numbers working orders go on, under the ids they had."""
    house = await floor.house({"target": "US", "reset_on_logon": True})
    override = {"reset_on_logon": True}
    trader = await floor.trader(house.port, override=override)
    order = trader.order(price=90, size=2)
    await trader.venue.submit(order)
    await trader.venue.replace(trader.replace_of(order, price=95))
    house.cut()
    await again(trader)
    (shown,) = (await trader.venue.open_orders(MAIN)).orders
    assert (shown.cl_ord_id, shown.price) == (order.cl_ord_id, 95)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order, 2)), Accepted)
    assert f"41={order.cl_ord_id}.r1" in trader.sent("F")[0].decode()


async def test_fills_of_a_reset_are_missed_and_said(floor: Floor) -> None:
    """A fill that a reset swallowed is noticed before fills count as whole again."""
    house = await floor.house({"target": "US", "reset_on_logon": True})
    override = {"reset_on_logon": True}
    trader = await floor.trader(house.port, override=override)
    order = trader.order(price=99, size=2)
    await trader.venue.submit(order)
    house.cut()
    house.quote("GOLD", 97, 99)
    await again(trader)
    found = await trader.venue.fills_since(MAIN, 0)  # type: ignore[arg-type]
    assert not found.complete
    assert "fix_fills_missing" in [code for _, code, _ in trader.venue.notes]


async def test_fills_without_ids_are_reconstructed(floor: Floor) -> None:
    """Where reports carry no ExecID and resets swallow them, totals and averages make the fill."""
    session = {"target": "US", "reset_on_logon": True, "exec_ids": False}
    house = await floor.house(session)
    override = {"reset_on_logon": True, "exec_key": [], "lost_fills": "reconstruct"}
    trader = await floor.trader(house.port, override=override)
    house.quote("GOLD", 100, 102, 1)
    order = trader.order(price=103, size=3)
    await trader.venue.submit(order)
    await trader.told(order, NEW, TRADE, TRADE)
    house.cut()
    house.quote("GOLD", 97, 99, 10)
    await again(trader)
    found = await trader.venue.fills_since(MAIN, 0)  # type: ignore[arg-type]
    assert found.complete
    assert [(one.last_qty, one.last_price) for one in found.fills] == [(1, 102), (1, 103), (1, 103)]
    assert [fill.exec_id for fill in trader.fills()] == [one.exec_id for one in found.fills]


async def test_a_new_start_counts_no_fill_twice(floor: Floor, house: Exchange) -> None:
    """A client that starts again knows its fills, and is told of none a second time."""
    store = str(floor.directory / "kept")
    first = await floor.trader(house.port, store=store)
    order = first.order(size=2)
    await first.venue.submit(order)
    await first.told(order, NEW, TRADE)
    await first.venue.disconnect()
    second = await floor.trader(house.port, store=store)
    assert [fill.last_qty for fill in await second.asked_fills()] == [2]
    shown = await second.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert shown.cum_qty == 2
    assert second.fills() == []


async def test_a_late_fill_that_was_worked_out_counts_once(floor: Floor) -> None:
    """A fill made up from an order's total is not counted again when its report comes after all."""
    house = await floor.house()
    trader = await floor.trader(house.port, override={"lost_fills": "reconstruct"})
    house.faults.arm(Fault(name="late_report", nth=2, seconds=0.3))
    order = trader.order(size=3)
    await trader.venue.submit(order)
    await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert [fill.last_qty for fill in trader.fills(order)] == [3]
    await trader.until(lambda: any(b"|150=F|" in line for _, _, line in trader.wire))
    assert [fill.last_qty for fill in await trader.asked_fills()] == [3]


async def test_a_crash_before_the_record_is_written(
    floor: Floor, house: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that dies with a fill told and not yet on its record is given it again."""
    monkeypatch.setattr(client, "COMMIT_S", 600)
    store = str(floor.directory / "kept")
    first = await floor.trader(house.port, store=store)
    order = first.order(size=2)
    await first.venue.submit(order)
    await first.told(order, NEW, TRADE)
    await die(first)
    second = await floor.trader(house.port, store=store)
    await second.until(lambda: second.fills(order))
    assert [fill.exec_id for fill in second.fills()] == [fill.exec_id for fill in first.fills()]
    assert [fill.last_qty for fill in await second.asked_fills()] == [2]


async def test_a_record_that_cannot_be_written(floor: Floor, house: Exchange) -> None:
    """With the record's disk gone nothing more is sent or taken; a new start gets it all again."""
    store = str(floor.directory / "kept")
    first = await floor.trader(house.port, store=store)
    order = first.order(price=90, size=2)
    await first.venue.submit(order)
    await asyncio.sleep(0.1)
    first.venue.blotter._db.close()
    house.quote("GOLD", 88, 90)
    await first.until(lambda: first.links()[-1] is False)
    assert first.fills() == []
    refused = await first.venue.submit(first.order())
    assert isinstance(refused, Refused)
    await first.venue.disconnect()
    second = await floor.trader(house.port, store=store)
    await second.until(lambda: second.fills(order))
    assert [fill.last_qty for fill in await second.asked_fills()] == [2]


async def die(trader: Trader) -> None:
    """End a client as a crash would: no logout, and nothing more is written."""
    venue = trader.venue
    venue._open = False
    for line in venue._lines.values():
        assert line._task is not None and line._link is not None
        line._task.cancel()
        if line._link.peer is not None:
            hang_up(line._link)
        await asyncio.sleep(0)
        await line._link.close()
    venue._lines.clear()
    venue.blotter._db.close()


async def test_money_follows_the_fills(trader: Trader, house: Exchange) -> None:
    """Where nobody tells the money, it is what was stated, and what the fills made of it."""
    await trader.venue.instruments(MAIN)
    await trader.venue.subscribe(MAIN, [GOLD])
    await trader.venue.submit(trader.order(size=4))
    house.quote("GOLD", 110, 112)
    await trader.until(lambda: trader.quotes() and trader.quotes()[-1].bid == 110)
    money = await trader.venue.account(MAIN)
    assert (money.balance, money.equity) == (1_000_000, 1_000_032)
    await trader.venue.submit(trader.order(Side.SELL, size=6))
    money = await trader.venue.account(MAIN)
    assert (money.balance, money.equity) == (1_000_032, 1_000_028)


@of("mass_cancel_partial")
@of("mass_cancel_reject")
async def test_a_mass_cancel_is_no_proof(floor: Floor, house: Exchange) -> None:
    """Taken, it may leave an order working, which the next look shows; or it is refused."""
    trader = await floor.trader(house.port, override={"mass_cancel": "all"})
    await trader.venue.submit_many([trader.order(price=80 + number) for number in range(3)])
    house.faults.arm(Fault(name="mass_cancel_partial", times=1))
    assert isinstance(await trader.venue.mass_cancel(MAIN, None, "m-1"), Accepted)
    assert len((await trader.venue.open_orders(MAIN)).orders) == 1
    house.faults.arm(Fault(name="mass_cancel_reject"))
    assert isinstance(await trader.venue.mass_cancel(MAIN, None, "m-2"), Refused)
    assert len((await trader.venue.open_orders(MAIN)).orders) == 1


def test_every_fault_has_a_test() -> None:
    """No fault of the exchange is without a test here, but for the crashes of its process."""
    assert set(FAULTS) - TESTED == {"crash_before_commit", "crash_after_commit"}
