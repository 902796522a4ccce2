"""Bugs that the simulator found, each in its smallest form."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.enums import Direction, ExecType, OrdStatus, OrdType, PositionMode, Side
from bascule.model.event import (
    DriftFound,
    FillCorrected,
    ForeignFill,
    ForeignOrderSeen,
    OrderFilled,
    OrderRefused,
    OrderRequested,
    PositionAdopted,
    ReportIgnored,
)
from bascule.model.ids import ExecID
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Flatten,
    ModifyProtection,
    PlaceOrder,
)
from bascule.model.order import Refused
from bascule.model.values import MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only, protection


def buy(quantity: Any = 1, side: Side = Side.BUY, **more: Any) -> PlaceOrder:
    """A market entry."""
    return PlaceOrder(symbol=EURUSD, side=side, quantity=Amount(D(str(quantity))), **more)


def entered(bench: Bench, quantity: Any = 5, **more: Any) -> str:
    """Have an entry filled."""
    name = only(bench.say(buy(quantity, **more)), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


def test_fills_without_an_id_count_once_each() -> None:
    """Their venue names none: order, time and running total do, the same on every way.

    Before, every such fill but the first was taken for the first told again.
    """
    bench = Bench()
    bench.venue.fills_markets = False
    name = entered(bench, 5)
    words: list[dict[str, Any]] = [{"cum_qty": D(2)}, {"cum_qty": D(4)}]
    for more in words:
        assert every(bench.traded(name, 2, exec_id=ExecID(""), **more), OrderFilled)
    assert not every(bench.traded(name, 2, exec_id=ExecID(""), **words[1]), OrderFilled)
    assert bench.order(name).cum_qty == 4


def test_a_number_given_out_again_is_not_ours() -> None:
    """A hand's order bears the number of one of ours that has ended.

    Before, its fill was one more of ours, on the wrong side of the wrong book.
    """
    bench = Bench()
    name = entered(bench, 5)
    number = bench.order(name).venue_order_id
    more = {"cl_ord_id": None, "venue_order_id": number, "side": Side.SELL}
    assert only(bench.report(name, ExecType.NEW, **more), ForeignOrderSeen)
    assert only(bench.traded(name, 1, **more), ForeignFill).side is Side.SELL
    assert bench.order(name).cum_qty == 5


def test_a_late_word_does_not_end_another_order_with_the_number() -> None:
    """The venue's stop is gone, and a new entry of ours has its number by now."""
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    first = entered(bench, 1, protection=protection("1.08"), reference_price=D("1.1"))
    bench.venue.fills_markets = False
    second = entered(bench, 2)
    number = bench.order(second).venue_order_id
    child = {"cl_ord_id": None, "venue_order_id": number, "parent": first, "leg": "s"}
    bench.report(first, ExecType.CANCELED, side=Side.BUY, **child)
    assert bench.order(second).status is OrdStatus.WORKING


def test_two_closes_at_once_do_not_leave_the_other_side_open() -> None:
    """Stop and target both filled, since nothing at the venue ties them.

    Before, the book stood on the other side, unguarded, and nobody closed it.
    """
    bench = Bench(reduce_only=False)
    entered(bench, 2, protection=protection("1.08", "1.2"), reference_price=D("1.1"))
    stop, target = bench.orders("s")[0].cl_ord_id, bench.orders("t")[0].cl_ord_id
    bench.venue.fill(target)
    bench.venue.fill(stop)
    bench.settle()
    assert bench.venue.net["a", "EURUSD.x"] == 0
    assert bench.book().quantity == 0


def test_a_fill_taken_back_leaves_no_guard_behind() -> None:
    """Two entries of 2 and 1; the first is taken back: what is guarded is what is held.

    Before, its guard still held, and the exit of the rest waited behind it for ever.
    """
    bench = Bench(reduce_only=False, route={"pyramiding": 9})
    more = {"protection": protection("1.08"), "reference_price": D("1.1")}
    first = entered(bench, 2, **more)
    entered(bench, 1, **more)
    fill = next(iter(bench.order(first).fills))
    bench.venue.net["a", "EURUSD.x"] -= 2
    bench.report(first, ExecType.TRADE_CANCEL, ref_exec_id=fill, last_qty=D(2))
    bench.settle()
    held = sum(guard.held for guard in bench.state.accounts["a"].guards.values())
    assert held == bench.book().quantity == 1
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert bench.venue.net["a", "EURUSD.x"] == 0


def test_a_hand_opens_its_own_position_where_the_venue_hedges() -> None:
    """It is on the other side of a strategy's, and another position all the same."""
    bench = Bench(position_mode=PositionMode.HEDGING)
    entered(bench, 2)
    bench.venue.by_hand("a", Side.SELL, 1)
    bench.settle()
    assert bench.book().quantity == 2
    assert bench.book("manual").quantity == -1


def test_positions_on_both_sides_count_gross_and_are_all_closed() -> None:
    """Two entries crossed on their way; the book nets to nothing and holds two positions."""
    bench = Bench(
        position_mode=PositionMode.HEDGING,
        limits=replace(ROOMY, self_match="allow"),
        reduce_only=False,
        route={"pyramiding": 9},
    )
    bench.say(buy(2), buy(2, Side.SELL))
    bench.settle()
    exposure = bench.state.accounts["a"].exposure[EURUSD]
    assert (exposure.long, exposure.short, bench.book().quantity) == (2, 2, 0)
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert not bench.book().lots
    assert not any(bench.venue.lots.values())


@pytest.mark.parametrize(("bought", "sold"), [(2, 2), (3, 1), (1, 3)])
def test_a_close_of_one_side_leaves_the_other_where_a_book_is_on_both(
    bought: int, sold: int
) -> None:
    """Whatever the two add up to; before, both were closed, or neither."""
    bench = Bench(
        position_mode=PositionMode.HEDGING,
        limits=replace(ROOMY, self_match="allow"),
        reduce_only=False,
        route={"pyramiding": 9},
    )
    bench.say(buy(bought), buy(sold, Side.SELL))
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD, held=Direction.LONG))
    bench.settle()
    assert list(bench.book().lots.values()) == [-sold]


def test_stops_that_the_venue_refuses_are_not_asked_for_without_end() -> None:
    """Two of them cover the position, since this venue cannot resize: the rest is closed.

    Before, each refusal led to the next order, as fast as the venue answered.
    """
    bench = Bench(replace=False, reduce_only=False)
    bench.venue.fills_markets = False
    name = entered(bench, 4, protection=protection("1.08"), reference_price=D("1.1"))
    bench.venue.refuses = lambda order: "no_stops" if order.stop_price else ""
    for _ in range(2):
        bench.venue.fill(name, 2)
    for _ in range(40):
        bench.settle()
        bench.wait(SECOND)
    assert len([one for one in bench.venue.submits if "s" in one.rsplit("-", 1)[1]]) < 8


def test_a_correction_that_was_lost_is_read_off_the_history() -> None:
    """A look shows the fill as it now stands, and the second has no more to say."""
    bench = Bench()
    name = entered(bench, 5)
    old = bench.venue.fills[-1]
    words = {field: getattr(old, field) for field in old.__struct_fields__}
    bench.venue.fills[-1] = type(old)(**{**words, "last_qty": D(4)})
    bench.venue.net["a", "EURUSD.x"] = D(4)
    assert only(bench.look(), FillCorrected).quantity == 4
    assert bench.order(name).cum_qty == bench.book().quantity == 4
    assert not every(bench.look(), FillCorrected)


def test_a_fill_that_a_look_has_corrected_can_be_taken_back() -> None:
    """The venue names it as it always did; before, it corrected no fill that was counted."""
    bench = Bench()
    name = entered(bench, 5)
    old = bench.venue.fills[-1]
    bench.venue.fills[-1] = replace(old, last_qty=D(4))
    bench.venue.net["a", "EURUSD.x"] = D(4)
    bench.look()
    assert bench.book().quantity == 4
    bench.report(name, ExecType.TRADE_CANCEL, ref_exec_id=old.exec_id, last_qty=D(4))
    assert bench.order(name).cum_qty == bench.book().quantity == 0


def test_a_late_correction_wakes_no_order_that_has_filled() -> None:
    """It changes the price, and its status is of before."""
    bench = Bench()
    name = entered(bench, 5)
    fill = next(iter(bench.order(name).fills))
    more = {"ref_exec_id": fill, "last_qty": D(5), "last_price": D("1.2")}
    bench.report(name, ExecType.TRADE_CORRECT, ord_status=OrdStatus.PARTIALLY_FILLED, **more)
    assert bench.order(name).status is OrdStatus.FILLED


def test_an_end_that_tells_of_unknown_fills_waits_for_them() -> None:
    """The fill's report was lost: what waits for the order must know what is still held."""
    bench = Bench()
    bench.venue.fills_markets = False
    name = entered(bench, 5)
    events = bench.report(name, ExecType.CANCELED, cum_qty=D(2))
    assert "not known yet" in only(events, ReportIgnored).why
    assert bench.order(name).live
    assert bench.market.looks["a"] == "a fill is missing"


def test_a_person_takes_over_a_difference() -> None:
    """What a lost bust took from a strategy is taken from its book, not set against it."""
    bench = Bench()
    entered(bench, 5)
    bench.venue.net["a", "EURUSD.x"] = D(2)
    for _ in range(2):
        bench.look()
    assert bench.state.accounts["a"].drift
    adopted = only(bench.look(adopt="ada: as the screen has it"), PositionAdopted)
    assert (adopted.quantity, adopted.reason) == (-3, "ada: as the screen has it")
    assert bench.book().quantity == bench.net() == 2
    assert not bench.state.accounts["a"].drift


def test_what_a_person_takes_over_is_looked_at_for_its_firm_at_once() -> None:
    """All must be flat by now. Before, up to half a minute passed until it was closed."""
    bench = Bench()
    bench.venue.net["a", "EURUSD.x"] = D(2)
    for _ in range(2):
        bench.look()
    bench.market.duties["a"] = Instant(bench.at + MINUTE)
    assert every(bench.look(adopt="ada: as the screen has it"), PositionAdopted)
    assert "a" not in bench.market.duties


def test_a_fill_that_may_be_ours_waits_for_the_look_that_tells() -> None:
    """It bears no name, and an order of ours has no number yet: nobody's book has it till then."""
    bench = Bench()
    bench.venue.times_out = lambda order: "after"
    name = only(bench.say(buy(3)), OrderRequested).cl_ord_id
    bench.carry()
    bench.post.clear()
    assert not bench.traded(name, 3, cl_ord_id=None, venue_order_id="v?", exec_id=ExecID("q"))
    bench.at += MINUTE
    assert [event.quantity for event in every(bench.look(), OrderFilled)] == [3]


def test_a_fill_from_before_an_order_was_asked_for_is_not_its() -> None:
    """It bears no name, and the order on its way was asked for long after it had traded.

    Before, it was nobody's as long as any order was on its way, on a busy account for ever.
    """
    bench = Bench()
    told = bench.venue.by_hand("a", Side.BUY, 1, told=False)
    bench.at += MINUTE
    bench.say(buy(3))
    assert only(bench.feed(inp.ReportReceived(Instant(bench.at), told)), ForeignFill)


def test_what_a_person_takes_over_counts_an_open_fill_once() -> None:
    """A fill that bears no name is left open for an order in doubt as a person takes over.

    Before, the difference was taken over with it, and it counted once more when it was explained.
    """
    bench = Bench()
    bench.venue.times_out = lambda order: "before"
    bench.say(buy(3))
    bench.carry()
    bench.venue.by_hand("a", Side.BUY, 1, told=False)
    for _ in range(2):
        bench.look()
    events = bench.look(adopt="ada: as the screen has it")
    assert only(events, ForeignFill).quantity == 1
    assert not every(events, PositionAdopted)
    assert bench.net() == 1


def test_a_target_whose_level_is_taken_away_goes() -> None:
    """Two targets become one: the second's order is asked back.

    Before, it worked on, and could close what nobody meant to close there.
    """
    bench = Bench()
    more = protection("1.08", ("1.2", "0.5"), ("1.3", "0.5"))
    entered(bench, 2, protection=more, reference_price=D("1.1"))
    assert len(bench.orders("t")) == 2
    bench.wait(SECOND)
    bench.say(ModifyProtection(symbol=EURUSD, protection=protection("1.08", "1.2")))
    bench.settle()
    assert [order.quantity for order in bench.orders("t")] == [2]


def test_a_hedge_that_nets_to_nothing_is_taken_over_too() -> None:
    """Both positions of it, at the first look at an account that hedges."""
    bench = Bench(ready=False, position_mode=PositionMode.HEDGING)
    bench.venue.by_hand("a", Side.BUY, 1, told=False)
    bench.venue.by_hand("a", Side.SELL, 1, told=False)
    adopted = every(bench.look(), PositionAdopted)
    assert sorted(event.quantity for event in adopted) == [-1, 1]
    assert len(bench.book("manual").lots) == 2


def test_a_lost_fill_of_a_full_exit_is_no_position_to_protect() -> None:
    """The venue says that the exit is full, and one of its fills was not told.

    Before, what it had closed was protected anew, and a target opened the other side.
    """
    bench = Bench()
    entered(bench, 5, protection=protection("1.0900"))
    bench.venue.fills_markets = False
    name = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).cl_ord_id
    bench.settle()
    said = bench.traded(name, 3, cum_qty=D(5), ord_status=OrdStatus.FILLED)
    assert not every(said, OrderRequested)
    assert (bench.order(name).live, bench.order(name).leaves) == (True, 2)
    assert "a" in bench.market.looks
    bench.traded(name, 2, cum_qty=D(3), ord_status=OrdStatus.PARTIALLY_FILLED)
    assert bench.order(name).status is OrdStatus.FILLED
    assert bench.net() == 0


def test_an_order_that_a_hand_made_larger_works_on() -> None:
    """It filled at the size that we knew, and the venue shows it working at a larger one.

    Before, it was full for ever: no limit counted the rest, and no sweep asked it back.
    """
    bench = Bench()
    name = only(
        bench.say(buy(2, ord_type=OrdType.LIMIT, price=D("1.0900"))), OrderRequested
    ).cl_ord_id
    bench.settle()
    bench.traded(name, 2, "1.09", cum_qty=D(2), ord_status=OrdStatus.PARTIALLY_FILLED)
    assert bench.order(name).status is OrdStatus.FILLED
    there = bench.venue.orders[name]
    there.quantity, there.cum, there.status = D(5), D(2), OrdStatus.PARTIALLY_FILLED
    bench.at += MINUTE
    bench.look(positions=(), fills=())
    order = bench.order(name)
    assert (order.status, order.leaves) == (OrdStatus.PARTIALLY_FILLED, 3)
    assert bench.replay() == dump(bench.state)


def test_a_full_order_of_which_a_fill_was_taken_for_a_hands_has_ended() -> None:
    """The venue refused it by its word, took it all the same, and told a fill without its name.

    Nothing more of it will be told, so what the venue shows of it is the end.
    """
    bench = Bench()
    bench.venue.fills_markets = False
    name = only(bench.say(buy(5)), OrderRequested).cl_ord_id
    bench.carry()
    bench.post.clear()
    there = bench.venue.orders[name]
    bench.answered(name, Refused("broker_refused", "", "no", Instant(bench.at)))
    assert bench.order(name).status is OrdStatus.REJECTED
    unnamed = bench.venue.trade(there.new, there.venue_id, D(2), D("1.1"), None)
    unnamed = replace(unnamed, cl_ord_id=None, cum_qty=D(2))
    named = bench.venue.trade(there.new, there.venue_id, D(3), D("1.1"), None)
    named = replace(named, cum_qty=D(5), ord_status=OrdStatus.FILLED)
    there.cum, there.status = D(5), OrdStatus.FILLED
    assert every(bench.feed(inp.ReportReceived(Instant(bench.at), unnamed)), ForeignFill)
    bench.feed(inp.ReportReceived(Instant(bench.at), named))
    assert bench.order(name).live
    bench.at += SECOND
    bench.look(fills=(unnamed, named))
    assert bench.order(name).status is OrdStatus.FILLED
    assert bench.net() == 5


def test_two_books_that_share_a_position_are_both_closed() -> None:
    """A fill of an entry was told without its name, so a part of its position is a hand's.

    Before, the exit of the one was taken for that of the other too, which stayed open for ever.
    """
    bench = Bench(position_mode=PositionMode.HEDGING)
    entered(bench, 3)
    ((position, _),) = bench.state.accounts["a"].books[f"s|{EURUSD}"].lots.items()
    there = next(iter(bench.venue.orders.values()))
    more = bench.venue.trade(there.new, there.venue_id, D(1), D("1.1"), position)
    bench.feed(inp.ReportReceived(Instant(bench.at), replace(more, cl_ord_id=None)))
    bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "ada", "out"))
    asked = every(bench.events, OrderRequested)
    closes = [(one.strategy, one.quantity) for one in asked if one.leg == "x"]
    assert closes == [("s", 3), ("manual", 1)]


def test_a_position_is_not_open_on_both_sides_in_two_books() -> None:
    """A fill of an entry was told without its name, and a stop of the whole closed that part too.

    Before, the strategy and the hand held a part each that no order could close.
    """
    bench = Bench(position_mode=PositionMode.HEDGING, native_bracket=True)
    name = entered(bench, 3, protection=protection("1.08"), reference_price=D("1.1"))
    ((position, _),) = bench.book().lots.items()
    there = bench.venue.orders[name]
    more = bench.venue.trade(there.new, there.venue_id, D(1), D("1.1"), position)
    bench.feed(inp.ReportReceived(Instant(bench.at), replace(more, cl_ord_id=None)))
    assert (bench.book().quantity, bench.book("manual").quantity) == (3, 1)
    child = {"cl_ord_id": None, "venue_order_id": "c1", "parent": name, "leg": "s"}
    bench.traded(name, 4, "1.08", side=Side.SELL, position_id=position, **child)
    assert (bench.book().quantity, bench.book("manual").quantity) == (0, 0)
    assert bench.replay() == dump(bench.state)


def test_an_exit_that_may_have_filled_already_counts_in_a_limit() -> None:
    """It is reduce-only, and what it was to close is closed: it opens nothing, or it was first.

    Before, it counted nothing, and an entry passed that could come to 11 of 10.
    """
    bench = Bench(limits=replace(ROOMY, max_position_qty=D(10)))
    entered(bench, 2, side=Side.SELL)
    bench.venue.fills_markets = False
    exit_ = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    assert exit_.reduce_only
    bench.settle()
    bench.venue.by_hand("a", Side.BUY, 2)
    bench.settle()
    assert bench.net() == 0
    assert only(bench.say(buy(9)), OrderRefused).code == "position_limit"
    assert every(bench.say(buy(8)), OrderRequested)


def test_a_stop_whose_number_is_anothers_by_now_has_ended() -> None:
    """The venue shows the number, for the stop of another entry.

    Before, a cancel of the old stop hung for ever.
    """
    bench = Bench(native_bracket=True, position_mode=PositionMode.HEDGING, route={"pyramiding": 9})
    more = {"protection": protection("1.08"), "reference_price": D("1.1")}
    first, second = entered(bench, 1, **more), entered(bench, 1, **more)
    words = {"cl_ord_id": None, "venue_order_id": "7", "leg": "s", "order_qty": D(1)}
    bench.report(first, ExecType.NEW, parent=first, side=Side.SELL, **words)
    bench.at += MINUTE
    there = replace(
        bench.venue.shown(bench.venue.orders[second]),
        cl_ord_id=None,
        venue_order_id="7",
        side=Side.SELL,
        ord_type=OrdType.STOP,
        ord_status=OrdStatus.WORKING,
        parent=second,
        leg="s",
    )
    bench.look(orders=(there,), began=Instant(bench.at - SECOND))
    assert bench.order(f"{first}:s").status is OrdStatus.CANCELED
    assert bench.order(f"{second}:s").live


def test_other_positions_with_the_same_sum_are_drift() -> None:
    """Two fills of a hedging account were taken back while the engine was down.

    Before, the sums agreed, so a position that was gone was kept, and one that was there unseen.
    """
    bench = Bench(position_mode=PositionMode.HEDGING)
    entered(bench, 3)
    ((gone, _),) = bench.book().lots.items()
    bench.venue.lots.clear()
    bench.venue.lots["a", "EURUSD.x", "other"] = D(3)
    assert not every(bench.look(), DriftFound)
    told = only(bench.look(), DriftFound)
    assert (told.ours, told.theirs) == (3, 3)
    assert "other by 3" in told.text
    assert len(every(bench.look(adopt="ada: as the screen has it"), PositionAdopted)) == 2
    assert not bench.state.accounts["a"].drift
    assert gone not in bench.book().lots
    assert bench.book("manual").lots == {"other": 3}


def test_a_target_that_was_first_told_by_a_part_of_it_works_on() -> None:
    """The word that the venue had made it was lost; a look tells its size.

    Before, it was full at that part, and then there was a second one with nothing filled.
    """
    bench = Bench(native_bracket=True)
    name = entered(bench, 3, protection=protection("1.08", "1.2"), reference_price=D("1.1"))
    child = {"cl_ord_id": None, "venue_order_id": "c1", "parent": name, "leg": "t"}
    part = {"ord_status": OrdStatus.PARTIALLY_FILLED, "cum_qty": D(1), "side": Side.SELL}
    bench.traded(name, 1, "1.2", **child, **part)
    target = bench.order(f"{name}:t")
    assert (target.status, target.cum_qty) == (OrdStatus.PARTIALLY_FILLED, 1)
    bench.at += MINUTE
    there = replace(
        bench.venue.shown(bench.venue.orders[name]),
        ord_type=OrdType.LIMIT,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        quantity=D(2),
        side=Side.SELL,
        cum_qty=D(1),
        **child,
    )
    bench.look(orders=(there,), positions=(), fills=(), began=Instant(bench.at - SECOND))
    assert (target.leaves, bench.state.accounts["a"].order(f"{name}:t.1")) == (1, None)


def test_an_order_whose_first_fill_was_taken_for_a_hands_ends_all_the_same() -> None:
    """The venue had refused it, and worked it: a fill of then counted as a hand's.

    Before, it was full at the venue and hung for ever, once looks asked for no fills so old.
    """
    bench = Bench()
    bench.venue.fills_markets = False
    name = entered(bench, 5)
    other = bench.venue.fill(name, 2, told=False)
    assert other is not None
    alias = replace(other, cl_ord_id=None, venue_order_id="v?")
    bench.feed(inp.ReportReceived(Instant(bench.at), alias))
    bench.venue.fill(name, 3, told=False)
    bench.traded(name, 3, cum_qty=D(5))
    bench.look(fills=())
    assert bench.order(name).live
    bench.at += 2 * MINUTE
    bench.look(fills=())
    assert bench.order(name).status is OrdStatus.FILLED


def test_an_end_is_believed_with_its_fills_in_a_look_too() -> None:
    """The look lacks the page with a fill of an order that it shows canceled.

    Before, the order ended without it, and an exit that had waited closed what it had closed.
    """
    bench = Bench()
    bench.venue.fills_markets = False
    name = entered(bench, 5)
    bench.venue.fill(name, 2, told=False)
    bench.venue.orders[name].status = OrdStatus.CANCELED
    bench.look(fills=(), complete=False)
    assert bench.order(name).live
    bench.look()
    assert (bench.order(name).status, bench.order(name).cum_qty) == (OrdStatus.CANCELED, 2)


def test_a_hedge_that_is_gone_is_drift() -> None:
    """Both of its openings were taken back unheard, and the venue shows nothing at all.

    Before, what nets to nothing was not even compared, and stayed in the books for ever.
    """
    bench = Bench(position_mode=PositionMode.HEDGING)
    for side in (Side.BUY, Side.SELL):
        bench.venue.by_hand("a", side, 1)
    bench.settle()
    assert len(bench.book("manual").lots) == 2
    bench.venue.lots.clear()
    bench.venue.net.clear()
    bench.look(fills=())
    assert only(bench.look(fills=()), DriftFound).theirs == 0
    assert len(every(bench.look(fills=(), adopt="ada: as it is"), PositionAdopted)) == 2
    assert not bench.book("manual").lots


def test_a_target_that_has_the_number_of_an_ended_stop_is_no_stop() -> None:
    """The venue gives numbers out again, here to the other leg of the same entry.

    Before, the stop worked again, at a target's price, and the target was nowhere.
    """
    bench = Bench(native_bracket=True)
    name = entered(bench, 2, protection=protection("1.08", "1.2"), reference_price=D("1.1"))
    child = {"cl_ord_id": None, "venue_order_id": "c1", "parent": name, "side": Side.SELL}
    bench.report(name, ExecType.NEW, leg="s", stop_price=D("1.08"), order_qty=D(2), **child)
    bench.report(name, ExecType.CANCELED, leg="s", **child)
    bench.report(name, ExecType.NEW, leg="t", price=D("1.2"), order_qty=D(2), **child)
    account = bench.state.accounts["a"]
    assert not bench.order(f"{name}:s").live
    target = account.order(f"{name}:t")
    assert target is not None and (target.live, target.price) == (True, D("1.2"))


@pytest.mark.parametrize("seconds", [16, 0])
@pytest.mark.parametrize(
    ("terms", "ours"),
    [
        ({"order_qty": D(3)}, False),
        ({"order_qty": D(2), "price": D("1.02")}, False),
        ({"order_qty": D(2), "price": D("1.05")}, True),
        ({}, True),
    ],
)
def test_a_number_that_bears_other_terms_seconds_later_is_another_orders(
    terms: dict[str, Any], ours: bool, seconds: int
) -> None:
    """A canceled entry's number is a hand's order soon after; only what it asks for tells.

    Before, its fill was booked to the strategy, and closed as one that had come late. Where the
    terms are the same it cannot be told from our order, which may work again; nor before the end.
    """
    bench = Bench()
    asked = PlaceOrder(symbol=EURUSD, side=Side.BUY, ord_type=OrdType.LIMIT, price=D("1.05"),
                       quantity=Amount(D(2)))  # fmt: skip
    name = only(bench.say(asked), OrderRequested).cl_ord_id
    bench.settle()
    bench.say(CancelOrders(symbol=EURUSD))
    bench.settle()
    assert not bench.order(name).live
    bench.at = Instant(bench.at + seconds * SECOND)
    bench.report(name, ExecType.NEW, cl_ord_id=None, **terms)
    events = bench.traded(name, 1, cl_ord_id=None)
    kind = OrderFilled if ours or not seconds else ForeignFill
    assert only(events, kind).quantity == 1


def test_an_old_fill_of_another_with_the_number_is_not_our_stops() -> None:
    """A hand's order traded unheard, and its number is that of a stop of ours by now.

    Before, its fill was the stop's, which counted as full and worked on at the venue unseen.
    """
    bench = Bench()
    entered(bench, 1, protection=protection("1.08"), reference_price=D("1.1"))
    stop = bench.orders("s")[0]
    told = bench.venue.by_hand("a", Side.SELL, 2, told=False)
    bench.at += MINUTE
    fill = replace(told, venue_order_id=bench.order(stop.cl_ord_id).venue_order_id)
    events = bench.look(fills=(fill,), began=Instant(bench.at - SECOND))
    assert only(events, ForeignFill).quantity == 2
    assert bench.order(stop.cl_ord_id).cum_qty == 0


def test_an_opening_that_is_taken_back_leaves_no_position_with_two_sides() -> None:
    """A hand closed half, then the short that the venue had made of the rest by taking it back.

    Before, the strategy was short of what the manual book was long of, and nobody could close it.
    """
    bench = Bench(position_mode=PositionMode.HEDGING)
    name = entered(bench, 2)
    ((position, _),) = bench.book().lots.items()
    for side in (Side.SELL, Side.BUY):
        told = bench.venue.by_hand("a", side, 1, told=False)
        bench.feed(inp.ReportReceived(Instant(bench.at), replace(told, position_id=position)))
    assert bench.book("manual").quantity == 1
    fill = next(iter(bench.order(name).fills))
    bench.report(name, ExecType.TRADE_CANCEL, ref_exec_id=fill, last_qty=D(2))
    assert bench.book().quantity == bench.book("manual").quantity == 0
    assert bench.replay() == dump(bench.state)


def test_a_position_that_a_fill_taken_back_turned_is_closed_at_once() -> None:
    """Of 2 a close has sold 1; then the buy is taken back, and its venue is short of 1.

    Before, the rest of the sale counted as closing that, and a flatten neither acted nor answered.
    """
    bench = Bench(position_mode=PositionMode.HEDGING)
    name = entered(bench, 2)
    ((position, _),) = bench.book().lots.items()
    bench.venue.fills_markets = False
    sale = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    bench.carry()
    bench.traded(sale.cl_ord_id, 1, side=Side.SELL, position_id=position)
    fill = next(iter(bench.order(name).fills))
    bench.report(name, ExecType.TRADE_CANCEL, ref_exec_id=fill, last_qty=D(2))
    assert bench.book().lots == {position: -1}
    close = only(bench.say(Flatten()), OrderRequested)
    assert (close.side, close.quantity, close.position_id) == (Side.BUY, 1, position)
