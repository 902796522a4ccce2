"""Fills, overfills, duplicates, late words, busts and corrections."""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.execution import inputs as inp
from bascule.execution.reports import REUSE_AFTER
from bascule.execution.state import EXEC_IDS_MIN, dump
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side
from bascule.model.event import (
    ForeignFill,
    ForeignOrderSeen,
    OrderFilled,
    OrderRequested,
    ReplaceRequested,
    ReportIgnored,
)
from bascule.model.intent import Amount, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.order import Accepted, NewOrder, Unknown
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only, protection

S, X = OrdStatus, ExecType


def entry(bench: Bench, quantity: Any = 10, side: Side = Side.BUY, **more: Any) -> str:
    """Request an entry and give its name; limit at 1.1 unless told otherwise."""
    words: dict[str, Any] = {"ord_type": OrdType.LIMIT, "price": D("1.1"), **more}
    events = bench.say(
        PlaceOrder(symbol=EURUSD, side=side, quantity=Amount(D(str(quantity))), **words)
    )
    return str(only(events, OrderRequested).cl_ord_id)


def working(bench: Bench, quantity: Any = 10, **more: Any) -> str:
    """Request an entry that its venue shows working."""
    name = entry(bench, quantity, **more)
    bench.feed(inp.OrdersWritten(Instant(bench.at), ("a",), (name,)))
    bench.answered(name, Accepted(f"v-{name}", Instant(bench.at)))
    bench.report(name, X.NEW)
    return name


def test_partial_fills_keep_every_fill_and_the_average() -> None:
    """Remaining quantity and average price follow the fills; each is kept with its own price."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4, "1.10", exec_id="f1", commission=D(2))
    bench.traded(name, 1, "1.20", exec_id="f2", commission=D(1))
    order = bench.order(name)
    assert (order.cum_qty, order.leaves, order.avg_price) == (5, 5, D("1.12"))
    assert {k: (f.quantity, f.price) for k, f in order.fills.items()} == {
        "f1": (4, D("1.10")),
        "f2": (1, D("1.20")),
    }
    assert (bench.book().quantity, bench.book().avg_price) == (5, D("1.12"))
    assert bench.book().commission == 3
    assert bench.net() == 5


def test_a_fill_told_twice_counts_once() -> None:
    """The venue's exec id is the fill's identity, whatever else the second telling says."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4, exec_id="f1")
    events = bench.traded(name, 6, exec_id="f1")
    assert kinds(events) == ["report_ignored"]
    assert bench.order(name).cum_qty == 4


def test_a_fill_is_not_counted_again_when_its_id_is_long_forgotten_but_its_order_is_not() -> None:
    """A look that shows an old fill of an order still known adds nothing."""
    bench = Bench()
    name = working(bench, 100)
    bench.traded(name, 1, exec_id="first")
    known = bench.state.accounts["a"].exec_ids
    for number in range(EXEC_IDS_MIN):
        known[f"other{number}"] = ""
    del known["first"]
    assert kinds(bench.traded(name, 1, exec_id="first")) == ["report_ignored"]
    assert bench.book().quantity == 1


def test_an_overfill_counts_in_full() -> None:
    """What the venue traded beyond the order is a position; the note says by how much."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 8)
    event = only(bench.traded(name, 5), OrderFilled)
    assert event.status is S.FILLED
    assert "3 more" in event.note
    assert (bench.book().quantity, bench.book().open_buy) == (13, 0)


def test_a_fill_after_a_cancel_counts() -> None:
    """The cancel was confirmed and a fill that won the race came later: the position is real."""
    bench = Bench()
    name = working(bench)
    bench.report(name, X.CANCELED)
    event = only(bench.traded(name, 4), OrderFilled)
    assert event.status is S.CANCELED
    assert event.note == "came after the order was canceled"
    assert (bench.book().quantity, bench.net()) == (4, 4)


def test_a_late_fill_of_a_canceled_entry_gets_its_stop() -> None:
    """The guard was forgotten with the cancel; a fill that won the race is protected all the same.

    Before, the position stood without a stop for as long as the trader did not look.
    """
    bench = Bench()
    name = working(bench, protection=protection("1.08", "1.15"))
    bench.report(name, X.CANCELED)
    assert not bench.state.accounts["a"].guards
    stop, target = every(bench.traded(name, 4), OrderRequested)
    assert (stop.leg, stop.quantity, stop.stop_price) == ("s", 4, D("1.08"))
    assert (target.leg, target.quantity, target.price) == ("t", 4, D("1.15"))


def test_a_guard_made_anew_never_uses_an_id_again() -> None:
    """The orders of the guard that was forgotten keep their ids; the new ones have others."""
    bench = Bench()
    name = working(bench, protection=protection("1.08"))
    stop = only(bench.traded(name, 4), OrderRequested).cl_ord_id
    bench.settle()
    bench.report(name, X.CANCELED)
    bench.traded(stop, 4)
    assert not bench.state.accounts["a"].guards
    again = only(bench.traded(name, 2), OrderRequested)
    assert again.leg == "s"
    assert again.cl_ord_id != stop


def test_a_fill_disproves_a_rejection() -> None:
    """An order that was rejected and trades is alive: it counts again, in full."""
    bench = Bench()
    name = working(bench)
    bench.report(name, X.REJECTED)
    assert bench.book().open_buy == 0
    bench.traded(name, 4)
    assert bench.order(name).status is S.PARTIALLY_FILLED
    assert bench.book().open_buy == 6


def test_a_fill_of_nothing_is_kept_and_counts_for_nothing() -> None:
    """A trade report without a quantity is no fill."""
    bench = Bench()
    name = working(bench)
    assert kinds(bench.traded(name, 0)) == ["report_ignored"]
    assert bench.order(name).status is S.WORKING


def test_a_fill_before_the_acknowledgement_binds_the_venues_id() -> None:
    """A cancel that follows must name the order as its venue does, so the id is learnt at once."""
    bench = Bench()
    name = entry(bench)
    bench.feed(inp.OrdersWritten(Instant(bench.at), ("a",), (name,)))
    bench.traded(name, 4, venue_order_id="v77")
    assert bench.order(name).venue_order_id == "v77"
    found = bench.traded(name, 2, cl_ord_id=None, venue_order_id="v77")
    assert only(found, OrderFilled).cl_ord_id == name


def test_a_fill_by_the_venues_id_alone_is_ours() -> None:
    """Venues that do not echo our id are known by the id that they gave when they took it."""
    bench = Bench()
    name = working(bench)
    events = bench.traded(name, 4, cl_ord_id=None)
    assert only(events, OrderFilled).cl_ord_id == name


def test_a_fill_settles_doubt() -> None:
    """A fill is the venue's word that it has the order."""
    bench = Bench()
    name = entry(bench)
    bench.answered(name, Unknown("timeout", Instant(bench.at)))
    assert bench.order(name).status is S.IN_DOUBT
    bench.traded(name, 4)
    assert (bench.order(name).status, bench.order(name).doubt) == (S.PARTIALLY_FILLED, "")


@pytest.mark.parametrize("told", [True, False])
def test_a_bust_takes_a_fill_back(told: bool) -> None:
    """Position and order are as if the fill had never been, whether or not the venue says how.

    FIX 4.4 J.1.a: a filled order whose fill is canceled is open for that much again.
    """
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4, "1.10", exec_id="f1")
    bench.traded(name, 6, "1.20", exec_id="f2")
    status = {"ord_status": S.PARTIALLY_FILLED} if told else {}
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="f2", exec_id="b1", **status)
    order = bench.order(name)
    assert (order.status, order.cum_qty, order.leaves) == (S.PARTIALLY_FILLED, 4, 6)
    assert (bench.book().quantity, bench.net(), bench.book().open_buy) == (4, 4, 6)
    assert order.avg_price == D("1.10")


def test_a_bust_told_twice_takes_one_fill_back() -> None:
    """The second telling of a bust finds nothing to take back."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4, exec_id="f1")
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="f1", exec_id="b1")
    events = bench.report(name, X.TRADE_CANCEL, ref_exec_id="f1", exec_id="b1")
    assert kinds(events) == ["report_ignored"]
    assert kinds(bench.traded(name, 4, exec_id="f1")) == ["report_ignored"]
    assert bench.book().quantity == 0


def test_a_bust_that_overtakes_its_fill() -> None:
    """The fill that comes after its own bust never was.

    Before, it was counted: the trader saw a position that the venue had taken back.
    """
    bench = Bench()
    name = working(bench)
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="f1", exec_id="b1")
    assert kinds(bench.traded(name, 4, exec_id="f1")) == ["report_ignored"]
    assert bench.book().quantity == 0


def test_a_bust_of_a_canceled_orders_fill_leaves_it_canceled() -> None:
    """FIX 4.4 J.1.b: the order is not open again, since its rest was canceled."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4, exec_id="f1")
    bench.report(name, X.CANCELED)
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="f1", exec_id="b1")
    assert (bench.order(name).status, bench.book().quantity) == (S.CANCELED, 0)


def test_a_correction_replaces_a_fill() -> None:
    """FIX 4.4 J.1.a: quantity and price of the corrected fill count, those of the old do not."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 10, "1.10", exec_id="f1")
    bench.report(
        name,
        X.TRADE_CORRECT,
        ref_exec_id="f1",
        exec_id="c1",
        last_qty=D(9),
        last_price=D("1.12"),
    )
    order = bench.order(name)
    assert (order.status, order.cum_qty, order.avg_price) == (S.PARTIALLY_FILLED, 9, D("1.12"))
    assert (bench.book().quantity, bench.book().avg_price) == (9, D("1.12"))
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="c1", exec_id="b1")
    assert (bench.order(name).cum_qty, bench.book().quantity) == (0, 0)


def test_a_correction_after_the_position_was_closed_moves_the_result_only() -> None:
    """Bought at 1.10, sold at 1.20; the buy is corrected to 1.11: a tenth less was made."""
    bench = Bench()
    name = working(bench, 1)
    bench.traded(name, 1, "1.10", exec_id="f1")
    exit_ = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).cl_ord_id
    bench.traded(exit_, 1, "1.20")
    assert bench.book().realized == D("0.10")
    bench.report(
        name, X.TRADE_CORRECT, ref_exec_id="f1", exec_id="c1", last_qty=D(1), last_price=D("1.11")
    )
    assert (bench.book().quantity, bench.book().realized) == (0, D("0.09"))
    assert bench.net() == 0


def test_the_bust_of_a_stop_guards_the_position_again() -> None:
    """The stop filled, the guard was done; its fill is taken back, and a stop is placed anew.

    Before, the position stood open and bare.
    """
    bench = Bench()
    name = working(bench, protection=protection("1.08"))
    bench.traded(name, 10)
    bench.settle()
    stop = bench.working("s")[0].new.cl_ord_id
    bench.venue.fill(stop, told=False)
    bench.traded(stop, 10, exec_id="f9")
    assert bench.book().quantity == 0
    assert not bench.state.accounts["a"].guards
    events = bench.report(
        stop, X.TRADE_CANCEL, ref_exec_id="f9", exec_id="b1", ord_status=S.CANCELED
    )
    assert bench.book().quantity == 10
    assert bench.guard(name).held == 10
    again = only(events, OrderRequested)
    assert (again.leg, again.quantity, again.stop_price) == ("s", 10, D("1.08"))
    assert again.cl_ord_id != stop


def test_the_bust_of_an_exit_guards_the_position_again() -> None:
    """The same for a market exit that the venue took back."""
    bench = Bench()
    name = working(bench, protection=protection("1.08"))
    bench.traded(name, 10)
    bench.settle()
    exit_ = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).cl_ord_id
    bench.traded(exit_, 10, exec_id="f9")
    assert (bench.book().quantity, bench.book().exiting) == (0, 0)
    bench.settle()
    events = bench.report(
        exit_, X.TRADE_CANCEL, ref_exec_id="f9", exec_id="b1", ord_status=S.CANCELED
    )
    assert bench.guard(name).held == 10
    assert only(events, OrderRequested).leg == "s"


def test_a_hand_trade_goes_to_the_manual_book() -> None:
    """A fill of no order of ours is nobody's but the person's."""
    bench = Bench()
    bench.venue.by_hand("a", Side.BUY, 3)
    event = only(bench.settle(), ForeignFill)
    assert event.quantity == 3
    assert bench.book("manual").quantity == 3
    assert bench.book().quantity == 0
    assert bench.net() == 3


def test_reports_of_unknown_accounts_and_orders_are_harmless() -> None:
    """What names nothing of ours changes nothing, and an order of a hand is flagged once."""
    bench = Bench()
    name = working(bench)
    before = dump(bench.state)
    foreign = bench.report(name, X.NEW, cl_ord_id="theirs", venue_order_id="v-theirs")
    assert kinds(foreign) == ["foreign_order_seen"]
    assert not bench.report(name, X.NEW, cl_ord_id="theirs", venue_order_id="v-theirs")
    for kind in (X.CANCELED, X.REPLACED, X.CANCEL_REJECTED, X.TRADE_CANCEL, X.EXPIRED):
        assert not bench.report(name, kind, cl_ord_id="nobody", venue_order_id="v-nobody")
    assert not bench.report(name, X.CANCELED, account="elsewhere")
    assert dump(bench.state) != before
    assert bench.order(name).status is S.WORKING


def test_answers_for_what_is_not_known_are_harmless() -> None:
    """Of an account or an order that there is not: nothing happens."""
    bench = Bench()
    name, at = working(bench), Instant(bench.at)
    before = dump(bench.state)
    for account, order in (("elsewhere", name), ("a", "nobody")):
        lost = Unknown("timeout", at)
        assert not bench.feed(inp.SubmitAnswered(at, account, order, lost))
        assert not bench.feed(inp.ChangeAnswered(at, account, order, "", lost))
    assert dump(bench.state) == before


def test_an_order_of_a_hand_is_told_with_its_terms() -> None:
    """By whichever comes first, its report or a look; the other has nothing to add."""
    bench = Bench()
    hand = NewOrder(
        account="a",
        cl_ord_id="",
        venue_symbol="EURUSD.x",
        side=Side.SELL,
        quantity=D(7),
        ord_type=OrdType.STOP_LIMIT,
        price=D("1.2"),
        stop_price=D("1.1"),
    )
    bench.venue.submit(hand)
    seen = only(bench.settle(), ForeignOrderSeen)
    assert (seen.quantity, seen.price, seen.stop_price) == (7, D("1.2"), D("1.1"))
    assert kinds(bench.look()) == []


@pytest.mark.parametrize(("after", "ours"), [(REUSE_AFTER, True), (REUSE_AFTER + SECOND, False)])
def test_a_number_means_the_order_that_has_ended_for_a_minute(after: int, ours: bool) -> None:
    """A fill may come late; of much later facts the number is another order's."""
    bench = Bench()
    name = working(bench)
    bench.report(name, X.CANCELED)
    bench.wait(after)
    counted = only(bench.traded(name, 4, cl_ord_id=None), OrderFilled if ours else ForeignFill)
    assert counted.quantity == 4


def test_the_bust_of_a_native_stop_opens_the_position_that_it_closed() -> None:
    """On a hedging account, by the position's own id."""
    bench = Bench(native_bracket=True, position_mode=PositionMode.HEDGING)
    name = working(bench, protection=protection("1.08"))
    bench.traded(name, 10, position_id="p1")
    words = {"parent": name, "leg": "s", "cl_ord_id": None, "venue_order_id": "c1"}
    child = {**words, "side": Side.SELL, "position_id": "p1"}
    bench.report(name, X.NEW, order_qty=D(10), **child)
    bench.traded(name, 10, exec_id="f9", **child)
    assert not bench.book().lots
    bench.report(name, X.TRADE_CANCEL, ref_exec_id="f9", exec_id="b1", **child)
    assert bench.book().lots == {"p1": 10}


@pytest.mark.parametrize("filled", [0, 4])
def test_an_entry_that_ended_with_fills_counts_as_an_entry(filled: int) -> None:
    """No other is let in beside what it holds; one that ended without any makes room."""
    bench = Bench(route={"pyramiding": 1})
    name = working(bench)
    if filled:
        bench.traded(name, filled)
    bench.report(name, X.CANCELED)
    more = PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(1)))
    assert bool(every(bench.say(more), OrderRequested)) is not bool(filled)


def test_the_bust_of_an_exit_guards_each_entry_again() -> None:
    """By its own stop, for as much as it had filled, also one whose guard was forgotten."""
    bench = Bench(route={"pyramiding": 9})
    levels = {3: "1.07", 5: "1.08"}
    for quantity, level in levels.items():
        bench.traded(working(bench, quantity, protection=protection(level)), quantity)
        bench.settle()
    exit_ = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).cl_ord_id
    bench.traded(exit_, 8, exec_id="f9")
    bench.settle()
    assert not bench.state.accounts["a"].guards
    word = {"ref_exec_id": "f9", "exec_id": "b1", "ord_status": S.CANCELED}
    stops = every(bench.report(exit_, X.TRADE_CANCEL, **word), OrderRequested)
    assert {stop.quantity: str(stop.stop_price) for stop in stops} == levels


def test_an_entry_is_guarded_whose_fill_was_taken_back_and_came_again() -> None:
    """What was closed meanwhile counts against the other entry, and not against the next fill."""
    bench = Bench(route={"pyramiding": 9})
    names = [working(bench, 5, protection=protection("1.08")) for _ in range(2)]
    for name in names:
        bench.traded(name, 5, exec_id=f"f-{name}")
    only_half = ClosePosition(symbol=EURUSD, quantity=Amount(D(5)))
    bench.traded(only(bench.say(only_half), OrderRequested).cl_ord_id, 5)
    bench.report(names[0], X.TRADE_CANCEL, ref_exec_id=f"f-{names[0]}", exec_id="b1")
    assert (bench.book().quantity, bench.guard(names[1]).held) == (0, 0)
    bench.traded(names[0], 5, exec_id="again")
    assert (bench.book().quantity, bench.guard(names[0]).held) == (5, 5)


def test_a_late_word_is_kept_as_it_came() -> None:
    """What is not applied is journaled whole, with why, so that nothing the venue said is lost."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 4)
    event = only(bench.report(name, X.NEW, text="hello"), ReportIgnored)
    assert event.why == "it would move the order backwards"
    assert event.report.text == "hello"
    assert event.cl_ord_id == name


def grown(bench: Bench) -> tuple[str, dict[str, Any]]:
    """Have an entry of 1 grown to 5, of which 3 have filled; give it with the first word of 1."""
    name = working(bench, 1)
    request = only(
        bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(5)))), ReplaceRequested
    ).request_id
    bench.report(name, X.REPLACED, order_qty=D(5), cum_qty=D(0), request_id=request)
    bench.traded(name, 3, cum_qty=D(3))
    return name, {"order_qty": D(1), "cum_qty": D(0), "price": D("1.1")}


@pytest.mark.parametrize("request_id", ["", "r0"])
def test_terms_from_before_a_fill_that_is_counted_are_asked_after(request_id: str) -> None:
    """A late word of a size that has been outgrown ends nothing; a look tells what is in force.

    Before, the order counted as filled, and worked on at the venue.
    """
    bench = Bench()
    name, old = grown(bench)
    bench.market.looks.clear()
    assert only(bench.report(name, X.REPLACED, request_id=request_id, **old), ReportIgnored)
    order = bench.order(name)
    assert (order.status, order.quantity, order.leaves) == (S.PARTIALLY_FILLED, 5, 2)
    assert bench.market.looks


@pytest.mark.parametrize("named", [True, False])
def test_an_answer_that_a_fill_has_overtaken_is_taken(named: bool) -> None:
    """The change in flight is answered, though a fill that came after it was told first."""
    bench = Bench()
    name, _ = grown(bench)
    request = only(
        bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(9)))), ReplaceRequested
    ).request_id
    bench.traded(name, 1, cum_qty=D(4))
    more = {"request_id": request} if named else {}
    bench.report(name, X.REPLACED, order_qty=D(9), cum_qty=D(3), **more)
    order = bench.order(name)
    assert (order.quantity, order.cum_qty, order.pending) == (9, 4, "")
