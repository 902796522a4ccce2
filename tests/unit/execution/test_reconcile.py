"""Looks at the venue: the first adopts, the second of two alike says nothing, drift needs two."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import fold_orders
from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side
from bascule.model.event import (
    AccountMarked,
    FillCorrected,
    ForeignFill,
    ForeignOrderSeen,
    OrderFilled,
    OrderRefused,
    OrderReplaced,
    OrderRequested,
    PositionAdopted,
    ReconcilePassed,
)
from bascule.model.intent import Amount, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.order import AccountSnapshot, NewOrder, VenuePosition
from bascule.model.values import HOUR, SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, Resting, every, kinds, only, protection

HAND = NewOrder(
    account="a",
    cl_ord_id="",
    venue_symbol="EURUSD.x",
    side=Side.BUY,
    quantity=D(1),
    ord_type=OrdType.LIMIT,
    price=D(1),
)
"""An order that a person has placed."""


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """A market entry."""
    return PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(str(quantity))), **more)


def resting(bench: Bench, quantity: Any = 5) -> str:
    """Have a limit entry working."""
    order = buy(quantity, ord_type=OrdType.LIMIT, price=D(1))
    name = only(bench.say(order), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


def position(quantity: Any, symbol: str = "EURUSD.x") -> VenuePosition:
    """What a venue shows to be held."""
    return VenuePosition(
        account="a", venue_symbol=symbol, quantity=D(str(quantity)), avg_price=D("1.1")
    )


def test_no_entry_leaves_before_the_first_look() -> None:
    """And none after the link was lost, until the next."""
    bench = Bench(ready=False)
    assert only(bench.say(buy()), OrderRefused).code == "account_not_ready"
    bench.look()
    assert every(bench.say(buy(), strategy="t"), OrderRequested)
    bench.feed(inp.LinkReported(Instant(bench.at), "a", False, "reset"))
    assert only(bench.say(buy(), strategy="u"), OrderRefused).code == "account_not_ready"


def test_an_exit_leaves_before_the_first_look() -> None:
    """What provably reduces is not held up by a look that has not come yet."""
    bench = Bench()
    bench.say(buy())
    bench.settle()
    bench.begin()
    assert only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).leg == "x"


def test_the_first_look_takes_over_what_is_held() -> None:
    """It goes to the manual book, at the venue's price, and is nobody's strategy."""
    bench = Bench(ready=False)
    bench.venue.by_hand("a", Side.BUY, 3, told=False)
    adopted = only(bench.look(), PositionAdopted)
    assert (adopted.quantity, adopted.price) == (3, D("1.1000"))
    assert (bench.book("manual").quantity, bench.net()) == (3, 3)
    assert kinds(bench.look()) == []


def test_fills_from_before_the_first_look_are_never_counted() -> None:
    """They are in the position that was taken over, however often later looks show them.

    Before, the second look booked them again: the account halted on a drift of its own making.
    """
    bench = Bench(ready=False)
    bench.venue.by_hand("a", Side.BUY, 5, told=False)
    bench.venue.by_hand("a", Side.SELL, 2, told=False)
    first = bench.look()
    assert kinds(first).count("report_ignored") == 2
    for _ in range(3):
        bench.wait(SECOND)
        assert kinds(bench.look()) == []
    bench.begin()
    assert kinds(bench.look()) == ["reconcile_passed"]
    assert (bench.net(), bench.book("manual").quantity) == (3, 3)


def test_a_hand_trade_told_before_the_first_look_is_counted_once() -> None:
    """The stream was faster than the look: the rest of the position is taken over.

    Before, the account held twice what the hand had traded.
    """
    bench = Bench(ready=False)
    bench.venue.by_hand("a", Side.BUY, 5, told=False)
    bench.venue.by_hand("a", Side.BUY, 2)
    bench.settle()
    assert bench.net() == 2
    assert only(bench.look(), PositionAdopted).quantity == 5
    assert bench.net() == 7
    assert kinds(bench.look()) == []


def test_a_fill_younger_than_the_positions_of_the_first_look_is_counted() -> None:
    """Positions are of an instant; what traded after it is not in them."""
    bench = Bench(ready=False)
    bench.venue.by_hand("a", Side.BUY, 5, told=False)
    shown = bench.venue.positions("a")
    asked = Instant(bench.at)
    bench.wait(SECOND)
    bench.venue.by_hand("a", Side.BUY, 2, told=False)
    bench.look(positions=shown, positions_at=asked)
    assert bench.net() == 7
    assert kinds(bench.look()) == []


def test_a_person_takes_over_no_position_that_a_report_has_overtaken() -> None:
    """The fill came while the venue was being asked, and is in neither of its answers.

    Before, it was taken back by that: the book was flat and its stop gone, the venue was not.
    """
    bench = Bench()
    shown, asked = bench.venue.positions("a"), Instant(bench.at)
    bench.wait(SECOND)
    bench.say(buy())
    bench.settle()
    old = bench.look(positions=shown, positions_at=asked, began=asked, fills=(), adopt="me: so")
    assert not every(old, PositionAdopted)
    assert bench.market.looks
    assert kinds(bench.look(positions_at=Instant(bench.at), adopt="me: so")) == []
    assert (bench.net(), bench.book().quantity) == (1, 1)


def test_on_a_hedging_account_each_position_is_taken_over() -> None:
    """By its id, so that a hand may close one of them."""
    bench = Bench(ready=False, position_mode=PositionMode.HEDGING)
    bench.venue.by_hand("a", Side.BUY, 5, told=False)
    bench.venue.by_hand("a", Side.BUY, 2, told=False)
    assert [event.quantity for event in every(bench.look(), PositionAdopted)] == [5, 2]
    assert len(bench.book("manual").lots) == 2


def test_a_second_look_alike_says_nothing() -> None:
    """Whatever is going on: orders, brackets, positions, hand trades and foreign orders."""
    bench = Bench(route={"pyramiding": 9})
    bench.say(buy(3, protection=protection("1.08", "1.2"), reference_price=D("1.1")))
    resting(bench)
    bench.venue.by_hand("a", Side.BUY, 1, told=False)
    bench.venue.submit(HAND)
    bench.post.clear()
    bench.look()
    before = dump(bench.state)
    for _ in range(3):
        bench.wait(10 * SECOND)
        assert kinds(bench.look()) == []
    assert dump(bench.state) == before


def test_more_orders_of_others_than_are_remembered_are_told_once() -> None:
    """Those that are gone take no memory.

    Before, each look told them all again, a thousand events a minute.
    """
    bench = Bench()
    hand = bench.venue.shown(Resting(HAND, "h"))
    shown = tuple(replace(hand, venue_order_id=f"h{number}") for number in range(1_005))
    assert len(every(bench.look(orders=shown), ForeignOrderSeen)) == 1_005
    assert kinds(bench.look(orders=shown)) == []
    bench.look()
    assert bench.market.others == {"a": {}}


def test_an_order_that_filled_in_part_without_an_acknowledgement_is_bound_once() -> None:
    """The look that shows it brings its venue's id; the next has nothing to add.

    Before, each look wrote the same ignored report into the journal.
    """
    bench = Bench()
    bench.venue.times_out = lambda order: "after"
    name = str(
        only(bench.say(buy(5, ord_type=OrdType.LIMIT, price=D(1))), OrderRequested).cl_ord_id
    )
    bench.carry()
    bench.post.clear()
    bench.traded(name, 2, venue_order_id="")
    bench.venue.fill(name, 2, told=False)
    bench.venue.fills.clear()
    bench.look()
    assert bench.order(name).venue_order_id == bench.venue.orders[name].venue_id
    assert kinds(bench.look()) == []


def test_missed_fills_are_applied_once() -> None:
    """Reports that never came are made up for by a look; late ones then add nothing."""
    bench = Bench()
    name = resting(bench)
    for part in (2, 3):
        bench.venue.fill(name, part)
    late = list(bench.post)
    bench.post.clear()
    events = bench.look()
    assert [event.quantity for event in every(events, OrderFilled)] == [2, 3]
    assert only(events, ReconcilePassed).applied == 2
    assert bench.order(name).status is OrdStatus.FILLED
    bench.post.extend(late)
    assert set(kinds(bench.settle())) == {"report_ignored"}
    assert bench.book().quantity == 5


def test_a_missed_hand_trade_is_applied_once() -> None:
    """A hand closed the position while nobody listened: it stays closed."""
    bench = Bench()
    bench.say(buy(5, protection=protection("1.08"), reference_price=D("1.1")))
    bench.settle()
    bench.venue.by_hand("a", Side.SELL, 5, told=False)
    events = bench.look()
    assert only(events, ForeignFill).quantity == 5
    bench.settle()
    assert (bench.book().quantity, bench.orders()) == (0, [])
    assert kinds(bench.look()) == []


@pytest.mark.parametrize("swept", [False, True])
def test_what_a_look_shows_as_closed_is_neither_guarded_nor_closed(swept: bool) -> None:
    """An entry filled while the engine was down, and a hand closed it: nothing is sent.

    Before, its stop was sent, and asked back at once, and after a sweep a close, which no venue
    that nets takes for one: either could open the other side.
    """
    bench = Bench(reduce_only=False)
    entry = buy(ord_type=OrdType.LIMIT, price=D("1.09"), protection=protection("1.08"))
    name = str(only(bench.say(entry), OrderRequested).cl_ord_id)
    bench.settle()
    if swept:
        bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "me", "enough"))
    bench.venue.fill(name, 1, told=False)
    bench.venue.by_hand("a", Side.SELL, 1, told=False)
    bench.begin()
    bench.post.clear()
    events = bench.look()
    assert [only(events, kind).quantity for kind in (OrderFilled, ForeignFill)] == [1, 1]
    assert not every(events, OrderRequested)
    assert (bench.wire, bench.net(), bench.orders()) == ([], 0, [])


def test_a_missed_end_is_found_by_asking_for_the_order() -> None:
    """It is not among the open ones; its own record says what became of it."""
    for status in (OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED):
        bench = Bench()
        name = resting(bench)
        bench.venue.end(bench.venue.orders[name], status)
        bench.post.clear()
        bench.look()
        assert bench.order(name).status is status
        assert bench.book().open_buy == 0


def test_terms_changed_by_hand_are_taken_over() -> None:
    """Somebody dragged the order on a chart."""
    bench = Bench()
    name = resting(bench)
    bench.venue.orders[name].price = D("0.9")
    event = only(bench.look(), OrderReplaced)
    assert (event.price, bench.order(name).price) == (D("0.9"), D("0.9"))
    assert kinds(bench.look()) == []


def test_terms_changed_by_hand_are_taken_over_with_a_fill_of_the_same_look() -> None:
    """Both came while the link was down: the look that tells of the fill is not older than it."""
    bench = Bench()
    name = resting(bench)
    bench.venue.fill(name, 2)
    bench.venue.orders[name].price = D("0.9")
    bench.post.clear()
    bench.wait(SECOND)
    events = bench.look(began=Instant(bench.at))
    assert only(events, OrderFilled).quantity == 2
    assert only(events, OrderReplaced).price == D("0.9")
    assert bench.order(name).price == D("0.9")


@pytest.mark.parametrize(
    ("status", "settled"), [(OrdStatus.WORKING, True), (OrdStatus.IN_DOUBT, False)]
)
def test_what_a_venue_only_remembers_is_no_evidence(status: OrdStatus, settled: bool) -> None:
    """Shown as in doubt, by a venue that cannot be asked, an order's change stays in flight."""
    bench = Bench()
    name = resting(bench)
    bench.say(ModifyOrder(symbol=EURUSD, price=D("0.9")))
    there = bench.venue.shown(bench.venue.orders[name])
    shown = replace(there, ord_status=status, price=D("0.9"))
    bench.at += 10 * SECOND
    bench.look(orders=(shown,), complete=False, lookups={})
    assert bench.order(name).pending == ("" if settled else "replace")


def test_an_order_that_its_venue_only_remembers_stays_in_doubt() -> None:
    """Shown as in doubt, it is not thereby found.

    Before, its number was taken from there, and the order for working.
    """
    bench = Bench()
    bench.venue.times_out = lambda order: "after"
    name = str(only(bench.say(buy(ord_type=OrdType.LIMIT, price=D(1))), OrderRequested).cl_ord_id)
    bench.settle()
    bench.post.clear()
    before = dump(bench.state)
    shown = replace(bench.venue.shown(bench.venue.orders[name]), ord_status=OrdStatus.IN_DOUBT)
    assert kinds(bench.look(orders=(shown,), complete=False, lookups={})) == []
    assert dump(bench.state) == before


def test_a_fill_that_is_corrected_again_and_again_is_what_the_history_says() -> None:
    """Back to what it once was, too; and a second look adds nothing.

    Before, only the first correction was read there, and the next was a drift.
    """
    bench = Bench()
    name = resting(bench)
    bench.venue.fill(name, 2)
    bench.settle()
    fill, order = bench.venue.fills[-1], bench.venue.orders[name]
    for quantity in (3, 4, 3, 2):
        order.cum = bench.venue.net["a", "EURUSD.x"] = D(quantity)
        told = (replace(fill, last_qty=D(quantity)),)
        assert only(bench.look(fills=told), FillCorrected).quantity == quantity
        assert (bench.net(), bench.order(name).cum_qty) == (quantity, quantity)
        assert kinds(bench.look(fills=told)) == []


def test_a_number_that_was_given_out_again_stays_with_the_order_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first bearer is forgotten one day, and takes nothing with it.

    Before, fills that bore only the number were a hand's from then on.
    """
    monkeypatch.setattr(fold_orders, "ENDED_ORDERS_MAX", 2)
    bench = Bench(route={"pyramiding": 9})
    old, new = (resting(bench, size) for size in (1, 2))
    number = bench.order(old).venue_order_id
    bench.report(old, ExecType.CANCELED)
    bench.report(new, ExecType.REPLACED, venue_order_id=number)
    for size in (3, 4, 5):
        bench.report(resting(bench, size), ExecType.CANCELED)
    assert bench.state.accounts["a"].order(old) is None
    bench.traded(new, 1, cl_ord_id=None)
    assert bench.order(new).cum_qty == 1


def test_a_clock_that_was_set_back_between_two_runs_makes_no_look_old() -> None:
    """What was heard before the restart is older than a look after it, whatever the hour.

    Before, nothing was learnt of a change in flight until the clock had caught up.
    """
    bench = Bench()
    name = resting(bench)
    bench.say(ModifyOrder(symbol=EURUSD, price=D("0.9")))
    assert bench.order(name).pending == "replace"
    bench.at -= HOUR
    bench.begin()
    bench.at += 10 * SECOND
    bench.look(began=Instant(bench.at - SECOND))
    assert bench.order(name).pending == ""


def test_a_look_older_than_a_change_does_not_undo_it() -> None:
    """The change was confirmed while the venue was being asked: the answer is of before."""
    bench = Bench()
    name = resting(bench)
    shown = (bench.venue.shown(bench.venue.orders[name]),)
    began = Instant(bench.at)
    bench.wait(SECOND)
    bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(9))))
    bench.settle()
    assert bench.order(name).quantity == 9
    assert kinds(bench.look(orders=shown, lookups={}, began=began)) == []
    assert bench.book().open_buy == 9


def test_an_unknown_order_is_flagged_once_and_never_touched() -> None:
    """It is counted; nothing cancels it."""
    bench = Bench()
    hand = NewOrder(
        account="a",
        cl_ord_id="",
        venue_symbol="EURUSD.x",
        side=Side.SELL,
        quantity=D(7),
        ord_type=OrdType.LIMIT,
        price=D(2),
    )
    bench.venue.submit(hand)
    bench.post.clear()
    seen = only(bench.look(), ForeignOrderSeen)
    assert (seen.quantity, seen.side, seen.price) == (7, Side.SELL, 2)
    assert kinds(bench.look()) == []
    bench.venue.orders[""].price = D(3)
    assert only(bench.look(), ForeignOrderSeen).price == 3
    bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "ada", "test"))
    assert bench.wire == []


def test_what_a_hand_opened_on_both_sides_is_taken_over_when_a_person_says_so() -> None:
    """Its sum is what the journal has; each position is named, and what was known is left out."""
    bench = Bench(position_mode=PositionMode.HEDGING)
    bench.say(buy(2))
    bench.settle()
    for side in (Side.BUY, Side.SELL):
        bench.venue.by_hand("a", side, 1, told=False)
    bench.venue.fills.clear()
    adopted = every(bench.look(adopt="me: mine"), PositionAdopted)
    assert sorted(event.quantity for event in adopted) == [-1, 1]
    assert (bench.book().quantity, len(bench.book("manual").lots)) == (2, 2)


def test_a_fill_of_a_doubtful_order_is_known_by_the_number_that_the_look_shows() -> None:
    """The order has filled and is gone; its fill bears nothing but its venue's number."""
    bench = Bench()
    bench.venue.times_out = lambda order: "after"
    name = str(only(bench.say(buy(5)), OrderRequested).cl_ord_id)
    bench.carry()
    bench.post.clear()
    fill = replace(bench.venue.fills[-1], cl_ord_id=None)
    assert only(bench.look(fills=(fill,)), OrderFilled).cl_ord_id == name
    assert (bench.order(name).status, bench.book().quantity) == (OrdStatus.FILLED, 5)


def test_an_entry_that_a_look_shows_filled_after_its_close_is_closed() -> None:
    """As it is when a report tells the same: the book was told to be flat."""
    bench = Bench(reduce_only=False)
    bench.venue.fills_markets = False
    name = str(only(bench.say(buy(5)), OrderRequested).cl_ord_id)
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD))
    bench.wire.clear()
    bench.venue.fill(name, 5, told=False)
    closes = every(bench.look(), OrderRequested)
    assert [(order.leg, order.side, order.quantity) for order in closes] == [("x", Side.SELL, 5)]


def test_a_look_older_than_what_reopened_an_order_does_not_end_it() -> None:
    """It filled, and a larger quantity was granted while the venue was being asked."""
    bench = Bench()
    name = resting(bench)
    bench.venue.fill(name, 5)
    bench.settle()
    found = {name: bench.venue.shown(bench.venue.orders[name])}
    began = Instant(bench.at)
    bench.wait(SECOND)
    bench.report(name, ExecType.REPLACED, order_qty=D(9))
    assert kinds(bench.look(lookups=found, began=began)) == []
    assert (bench.order(name).status, bench.book().open_buy) == (OrdStatus.PARTIALLY_FILLED, 4)


def test_a_fill_is_corrected_by_its_id_although_its_number_is_another_orders() -> None:
    """The history bears no name of ours, and the venue has given the order's number out again."""
    bench = Bench(route={"pyramiding": 9})
    old, new = (resting(bench, size) for size in (5, 7))
    number = bench.order(old).venue_order_id
    bench.venue.fill(old, 5)
    bench.settle()
    bench.report(new, ExecType.REPLACED, venue_order_id=number)
    fill = replace(bench.venue.fills[-1], cl_ord_id=None, last_qty=D(4))
    assert only(bench.look(fills=(fill,)), FillCorrected).cl_ord_id == old
    assert (bench.order(old).cum_qty, bench.order(new).cum_qty, bench.net()) == (4, 0, 4)


def test_a_history_without_a_quantity_corrects_no_fill() -> None:
    """What a venue leaves out is not what it says."""
    bench = Bench()
    bench.say(buy(5))
    bench.settle()
    fill = replace(bench.venue.fills[-1], last_qty=D(0))
    assert not every(bench.look(fills=(fill,)), FillCorrected)
    assert bench.net() == 5


def test_a_look_that_found_something_out_is_noted() -> None:
    """An order ended unseen: what the look says of the account is news, and the next is none."""
    bench = Bench()
    name = resting(bench)
    bench.venue.end(bench.venue.orders[name], OrdStatus.CANCELED)
    bench.post.clear()
    assert only(bench.look(), ReconcilePassed).applied == 0
    assert kinds(bench.look()) == []


def test_money_that_stays_as_it_is_is_noted_once_a_minute() -> None:
    """What changed is noted at once."""
    bench = Bench()
    for after, balance, noted in ((0, 100, 1), (50, 100, 0), (11, 100, 1), (1, 101, 1)):
        bench.at += after * SECOND
        money = AccountSnapshot(
            account="a",
            currency="USD",
            balance=D(balance),
            equity=D(balance),
            margin_used=D(0),
            free_margin=D(balance),
            at=Instant(bench.at),
        )
        assert len(every(bench.look(money=money), AccountMarked)) == noted


def test_an_entry_against_another_strategy_that_a_look_shows_filled_asks_for_a_look() -> None:
    """Its venue nets and may have made no bracket for it; whether it has is asked at once."""
    bench = Bench(native_bracket=True)
    sell = PlaceOrder(
        symbol=EURUSD,
        side=Side.SELL,
        quantity=Amount(D(2)),
        ord_type=OrdType.LIMIT,
        price=D("1.2"),
        protection=protection("1.3"),
    )
    name = str(only(bench.say(sell), OrderRequested).cl_ord_id)
    bench.say(buy(5), strategy="other")
    bench.settle()
    bench.venue.fill(name, 2, told=False)
    assert only(bench.look(), OrderFilled).cl_ord_id == name
    assert "a" in bench.market.looks


# --- drift ----------------------------------------------------------------------------------------


def test_an_incomplete_look_proves_nothing_missing() -> None:
    """What it shows is applied; what it does not show is not believed to be gone."""
    bench = Bench()
    bench.say(buy(2))
    bench.settle()
    for _ in range(3):
        assert kinds(bench.look(positions=(), complete=False)) == []
    assert bench.net() == 2


@pytest.mark.parametrize("heard", [False, True])
def test_a_native_stop_that_a_whole_look_lacks_has_ended(heard: bool) -> None:
    """Unless it was heard of after the look began."""
    bench = Bench(native_bracket=True)
    name = str(
        only(
            bench.say(buy(5, protection=protection("1.08"), reference_price=D("1.1"))),
            OrderRequested,
        ).cl_ord_id
    )
    bench.settle()
    began = Instant(bench.at)
    bench.wait(SECOND)
    child = {"parent": name, "leg": "s", "cl_ord_id": None, "venue_order_id": "c1"}
    bench.report(name, ExecType.NEW, side=Side.SELL, order_qty=D(5), **child)
    bench.look(began=began if heard else Instant(bench.at + 1))
    assert bool(bench.orders("s")) is heard


def test_an_answer_that_waits_for_a_stop_is_released_by_a_look() -> None:
    """The report of the canceled stop was lost: the look finds its end, and the exit goes."""
    bench = Bench(reduce_only=False)
    bench.say(buy(5, protection=protection("1.08"), reference_price=D("1.1")))
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD))
    bench.carry()
    bench.post.clear()
    assert bench.orders("x")[0].waiting
    bench.look()
    bench.settle()
    assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0)
