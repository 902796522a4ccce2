"""Each fault does what its line in the docs says, over a real process."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bascule.model.enums import ExecType, OrdStatus, Side
from bascule.model.errors import VenueTransient
from bascule.model.order import Accepted, Refused, Unknown
from bascule.venues.paper.control import Control, PaperProcess
from bascule.venues.paper.emulator_outbox import CRASHED
from bascule.venues.paper.emulator_server import FAULTS
from tests.venues.client import MAIN
from tests.venues.paper.desk import HEDGED, SETTINGS, Trader, rows
from tests.waiting import PATIENCE_S

NEW, TRADE, CANCELED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED
TESTED: set[str] = set()

_Test = TypeVar("_Test", bound=Callable[..., object])


def of(name: str) -> Callable[[_Test], _Test]:
    """Say which fault a test is about."""
    TESTED.add(name)
    return lambda test: test


def request_row(broker: PaperProcess, cl_ord_id: str) -> tuple[str, ...]:
    """Give (outcome, reason, fault) of the only request with this id."""
    (row,) = rows(
        broker.ledger,
        "SELECT outcome, reason, fault FROM requests WHERE cl_ord_id = ?",
        cl_ord_id,
    )
    return row


def heard(trader: Trader) -> list[str]:
    """Say what came over the wire so far, but for the money: reports, and replies."""
    lines = [line for way, _, line in trader.wire if way == "<" and b'"snapshot"' not in line]
    return ["report" if b'"type":"report"' in line else "reply" for line in lines]


@of("drop_reply")
async def test_drop_reply(trader: Trader, control: Control, broker: PaperProcess) -> None:
    """The order lives and is reported; its sender never gets an answer."""
    control.arm("drop_reply", times=1)
    trader.wait_for_answers(1.0)
    order = trader.order()
    outcome = await trader.venue.submit(order)
    trader.wait_for_answers(PATIENCE_S)
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "timeout"
    await trader.told(order, NEW, TRADE)
    assert request_row(broker, order.cl_ord_id) == ("accepted", "", "drop_reply")


@of("drop_request")
async def test_drop_request(trader: Trader, control: Control, broker: PaperProcess) -> None:
    """The order never lived; the ledger knows that it was sent, the broker's answers do not."""
    control.arm("drop_request", times=1)
    trader.wait_for_answers(1.0)
    order = trader.order()
    outcome = await trader.venue.submit(order)
    trader.wait_for_answers(PATIENCE_S)
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "timeout"
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert request_row(broker, order.cl_ord_id) == ("lost", "", "drop_request")
    assert isinstance(await trader.venue.submit(order), Accepted)


@of("delay_reply")
async def test_delay_reply(trader: Trader, control: Control) -> None:
    """The reply comes late, the reports do not wait for it."""
    control.arm("delay_reply", times=1, seconds=0.2)
    order, begun = trader.order(), time.monotonic()
    assert isinstance(await trader.venue.submit(order), Accepted)
    assert time.monotonic() - begun >= 0.2
    assert heard(trader)[-3:] == ["report", "report", "reply"]
    await trader.told(order, NEW, TRADE)


@of("garbled_reply")
async def test_garbled_reply(trader: Trader, control: Control) -> None:
    """An unreadable reply leaves the outcome unknown and the link is made anew."""
    control.arm("garbled_reply", times=1)
    order = trader.order()
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "unreadable"
    await trader.until(lambda: trader.links() == [True, False, True])
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert shown.ord_status is OrdStatus.FILLED


@of("disconnect_before_submit")
async def test_disconnect_before_submit(
    trader: Trader, control: Control, broker: PaperProcess
) -> None:
    """The link goes down and the order never lived; only asking can tell."""
    control.arm("disconnect_before_submit", times=1)
    order = trader.order()
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Unknown)
    assert outcome.cause == "disconnected"
    await trader.until(lambda: trader.links() == [True, False, True])
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert request_row(broker, order.cl_ord_id) == ("lost", "", "disconnect_before_submit")


@of("disconnect_after_submit")
async def test_disconnect_after_submit(trader: Trader, control: Control) -> None:
    """The link goes down, the order lives, and its fill is found by asking."""
    control.arm("disconnect_after_submit", times=1)
    order = trader.order()
    assert isinstance(await trader.venue.submit(order), Unknown)
    await trader.until(lambda: trader.links() == [True, False, True])
    assert trader.reports(order) == []
    assert order.cl_ord_id in [fill.cl_ord_id for fill in await trader.asked_fills()]


@of("reports_before_reply")
async def test_reports_before_reply(trader: Trader, control: Control) -> None:
    """A fill can be known before the order's own acceptance."""
    control.arm("reports_before_reply", times=1)
    order = trader.order()
    assert isinstance(await trader.venue.submit(order), Accepted)
    assert heard(trader)[-3:] == ["report", "report", "reply"]


@of("drop_report")
async def test_drop_report(trader: Trader, control: Control) -> None:
    """A fill that was never pushed is found by fills_since."""
    control.arm("drop_report", nth=2)
    order = trader.order()
    await trader.venue.submit(order)
    assert order.cl_ord_id in [fill.cl_ord_id for fill in await trader.asked_fills()]
    assert trader.kinds(order) == [NEW]


@of("duplicate_report")
async def test_duplicate_report(trader: Trader, control: Control) -> None:
    """The same fill comes twice under the same exec id."""
    control.arm("duplicate_report", nth=2)
    order = trader.order()
    await trader.venue.submit(order)
    reports = await trader.told(order, NEW, TRADE, TRADE)
    assert reports[1] == reports[2]


@of("late_report")
async def test_late_report(trader: Trader, control: Control) -> None:
    """A report comes after everything that followed it."""
    control.arm("late_report", nth=1, seconds=0.1)
    order = trader.order()
    await trader.venue.submit(order)
    await trader.told(order, TRADE, NEW)


@of("out_of_order_reports")
async def test_out_of_order_reports(trader: Trader, control: Control) -> None:
    """Two reports change places; one without a follower comes by itself."""
    control.arm("out_of_order_reports", nth=1)
    order = trader.order()
    await trader.venue.submit(order)
    await trader.told(order, TRADE, NEW)
    control.arm("out_of_order_reports", nth=1, seconds=0.05)
    waiting = trader.order(price=90)
    await trader.venue.submit(waiting)
    await trader.told(waiting, NEW)


@of("reject_submit")
async def test_reject_submit(trader: Trader, control: Control) -> None:
    """A proven refusal, and the id is used."""
    control.arm("reject_submit", times=1)
    order = trader.order()
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Refused)
    assert outcome.venue_code == "broker_refused"
    again = await trader.venue.submit(order)
    assert isinstance(again, Refused)
    assert again.reason == "duplicate_cl_ord_id"
    shown = await trader.venue.order_status(MAIN, order.cl_ord_id)
    assert shown is not None
    assert shown.ord_status is OrdStatus.REJECTED


@of("late_reject")
async def test_late_reject(trader: Trader, control: Control) -> None:
    """An accepted order is rejected by a report."""
    control.arm("late_reject", times=1)
    order = trader.order()
    assert isinstance(await trader.venue.submit(order), Accepted)
    (report,) = await trader.told(order, ExecType.REJECTED)
    assert report.reason == "broker_refused"


@of("reject_close")
async def test_reject_close(trader: Trader, control: Control) -> None:
    """The first close is refused, the second goes through; entries are not touched."""
    control.arm("reject_close", times=1)
    await trader.venue.submit(trader.order())
    first = await trader.venue.submit(trader.order(Side.SELL, reduce_only=True))
    assert isinstance(first, Refused)
    second = await trader.venue.submit(trader.order(Side.SELL, reduce_only=True))
    assert isinstance(second, Accepted)
    assert (await trader.venue.positions(MAIN)).positions == ()


@of("reject_cancel")
async def test_reject_cancel(trader: Trader, control: Control) -> None:
    """A refused cancel leaves the order working."""
    control.arm("reject_cancel", times=1)
    order = trader.order(price=90)
    await trader.venue.submit(order)
    refused = await trader.venue.cancel(trader.cancel_of(order))
    assert isinstance(refused, Refused)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order)), Accepted)


@of("fill_during_cancel")
async def test_fill_during_cancel(trader: Trader, control: Control) -> None:
    """The cancel is taken, the fill wins, and the cancel is rejected by its request id."""
    control.arm("fill_during_cancel", times=1)
    order = trader.order(price=90)
    await trader.venue.submit(order)
    assert isinstance(await trader.venue.cancel(trader.cancel_of(order)), Accepted)
    reports = await trader.told(order, NEW, TRADE, ExecType.CANCEL_REJECTED)
    assert reports[2].request_id == f"{order.cl_ord_id}.c1"
    assert reports[1].last_price == 90


@of("partial_fills")
async def test_partial_fills(trader: Trader, control: Control) -> None:
    """Each price gives a part."""
    control.arm("partial_fills", share=0.4)
    order = trader.order(size=10, stop_loss=90)
    await trader.venue.submit(order)
    for _ in range(2):
        control.quote("GOLD", "100", "102")
    await trader.until(lambda: trader.kinds(order).count(TRADE) == 3)
    fills = [report for report in trader.reports(order) if report.exec_type is TRADE]
    assert [fill.last_qty for fill in fills] == [4, 4, 2]
    assert [fill.leaves_qty for fill in fills] == [6, 2, 0]


@of("overfill")
async def test_overfill(trader: Trader, control: Control) -> None:
    """More is filled than was asked for, and the position says so too."""
    control.arm("overfill", times=1)
    order = trader.order(size=3)
    await trader.venue.submit(order)
    reports = await trader.told(order, NEW, TRADE)
    assert (reports[1].last_qty, reports[1].order_qty, reports[1].leaves_qty) == (4, 3, 0)
    (held,) = (await trader.venue.positions(MAIN)).positions
    assert held.quantity == 4


@of("throttle")
async def test_throttle(trader: Trader, control: Control) -> None:
    """A throttled order leaves nothing behind; the same id may be sent again."""
    control.arm("throttle", times=1)
    order = trader.order(price=90)
    refused = await trader.venue.submit(order)
    assert isinstance(refused, Refused)
    assert refused.reason == "throttled"
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert isinstance(await trader.venue.submit(order), Accepted)


@of("slow_status")
async def test_slow_status(trader: Trader, control: Control) -> None:
    """A taken order is not shown for a while, then it is."""
    control.arm("slow_status", times=1, seconds=3600)
    hidden = trader.order(price=90)
    assert isinstance(await trader.venue.submit(hidden), Accepted)
    assert await trader.venue.order_status(MAIN, hidden.cl_ord_id) is None
    assert (await trader.venue.open_orders(MAIN)).orders == ()
    assert isinstance(await trader.venue.cancel(trader.cancel_of(hidden)), Accepted)
    control.arm("slow_status", times=1, seconds=0.2)
    order = trader.order(price=90)
    assert isinstance(await trader.venue.submit(order), Accepted)
    await asyncio.sleep(0.2)
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is not None
    assert len((await trader.venue.open_orders(MAIN)).orders) == 1


@of("stale_positions_snapshot")
async def test_stale_positions_snapshot(trader: Trader, control: Control) -> None:
    """One answer is that of the time before."""
    before = (await trader.venue.positions(MAIN)).positions
    await trader.venue.submit(trader.order())
    control.arm("stale_positions_snapshot", times=1)
    assert (await trader.venue.positions(MAIN)).positions == before
    assert len((await trader.venue.positions(MAIN)).positions) == 1


@of("incomplete_orders_page")
async def test_incomplete_orders_page(trader: Trader, control: Control) -> None:
    """A page is missing, and the answer says so."""
    await trader.venue.submit_many([trader.order(price=90) for _ in range(4)])
    control.arm("incomplete_orders_page", times=1)
    snapshot = await trader.venue.open_orders(MAIN)
    assert (len(snapshot.orders), snapshot.complete) == (2, False)
    snapshot = await trader.venue.open_orders(MAIN)
    assert (len(snapshot.orders), snapshot.complete) == (4, True)


@of("stall")
async def test_stall(tmp_path: Path) -> None:
    """A frozen broker leaves orders unknown and the link is dropped as silent, then restored."""
    with PaperProcess({**SETTINGS, "heartbeat_s": 1}, tmp_path) as broker:
        trader = Trader(broker)
        await trader.venue.connect()
        control = broker.control()
        control.arm("stall", times=1, seconds=6)
        control.close()
        trader.wait_for_answers(0.5)
        order = trader.order(price=90)
        outcome = await trader.venue.submit(order)
        assert isinstance(outcome, Unknown)
        assert outcome.cause == "timeout"
        await trader.until(lambda: trader.links()[:3] == [True, False, True])
        fresh = Trader(broker)
        await fresh.venue.connect()
        assert await fresh.venue.order_status(MAIN, order.cl_ord_id) is not None
        await fresh.venue.disconnect()
        await trader.venue.disconnect()


@of("refuse_logon")
async def test_refuse_logon(trader: Trader, control: Control) -> None:
    """A reconnect goes on trying while the broker takes no logons."""
    control.arm("refuse_logon", times=2)
    control.disconnect("P1")
    await trader.until(lambda: trader.links() == [True, False, True])
    assert control.faults()["refuse_logon"].fired == 2


@of("crash_after_commit")
async def test_crash_after_commit(own: PaperProcess) -> None:
    """The broker dies with the order on disk and no answer given; it comes back with the order."""
    trader = Trader(own)
    await trader.venue.connect()
    control = own.control()
    control.arm("crash_after_commit", times=1)
    control.close()
    order = trader.order(stop_loss=90)
    outcome = await trader.venue.submit(order)
    assert isinstance(outcome, Unknown)
    assert own.wait() == CRASHED
    assert trader.reports(order) == []
    assert request_row(own, order.cl_ord_id) == ("accepted", "", "crash_after_commit")
    own.start()
    await trader.until(lambda: trader.links() == [True, False, True])
    assert [fill.cl_ord_id for fill in await trader.asked_fills()] == [order.cl_ord_id]
    assert [order.leg for order in (await trader.venue.open_orders(MAIN)).orders] == ["s"]
    again = await trader.venue.submit(order)
    assert isinstance(again, Refused)
    assert again.reason == "duplicate_cl_ord_id"
    await trader.venue.disconnect()


@of("crash_before_commit")
async def test_crash_before_commit(own: PaperProcess) -> None:
    """The broker dies before the disk has the order: it never lived, and its id is free."""
    trader = Trader(own)
    await trader.venue.connect()
    control = own.control()
    control.arm("crash_before_commit", times=1)
    control.close()
    order = trader.order()
    assert isinstance(await trader.venue.submit(order), Unknown)
    assert own.wait() == CRASHED
    own.start()
    await trader.until(lambda: trader.links() == [True, False, True])
    assert await trader.venue.order_status(MAIN, order.cl_ord_id) is None
    assert isinstance(await trader.venue.submit(order), Accepted)
    await trader.venue.disconnect()


async def test_a_fault_of_one_login_leaves_the_other_alone(
    trader: Trader, control: Control
) -> None:
    """Faults can be narrowed to an account."""
    control.arm("reject_submit", login="H1")
    assert isinstance(await trader.venue.submit(trader.order()), Accepted)
    refused = await trader.venue.submit(trader.order(account=HEDGED))
    assert isinstance(refused, Refused)


async def test_a_read_without_an_answer_is_an_error(
    broker: PaperProcess, own: PaperProcess
) -> None:
    """A question to a dead broker raises; a command to it is refused as never sent."""
    trader = Trader(own)
    await trader.venue.connect()
    own.kill()
    await trader.until(lambda: trader.links() == [True, False])
    try:
        await trader.venue.positions(MAIN)
    except VenueTransient as error:
        assert "down" in error.message
    else:
        raise AssertionError("a dead broker answered")
    refused = await trader.venue.submit(trader.order())
    assert isinstance(refused, Refused)
    assert refused.reason == "not_connected"
    await trader.venue.disconnect()


def test_every_fault_has_a_test() -> None:
    """A fault that no test uses is a claim that nobody checked."""
    assert set(FAULTS) == TESTED
