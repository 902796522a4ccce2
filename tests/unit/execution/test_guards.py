"""Brackets that the engine runs: placed with the fill, resized with it, taken back with the last.

Throughout: the sum of what protects is what is held, and no id is forgotten before its end.
"""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.execution import inputs as inp
from bascule.execution.decide import awaits_time
from bascule.execution.state import dump
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side, StopMode
from bascule.model.event import (
    CancelRequested,
    OrderRefused,
    OrderRequested,
    ProtectionChanged,
    ReplaceRequested,
)
from bascule.model.ids import AccountId, ClOrdID, VenueOrderId
from bascule.model.intent import Amount, ClosePosition, ModifyProtection, PlaceOrder
from bascule.model.order import NewOrder, VenueOrder
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only, protection

S = OrdStatus


def entry(bench: Bench, *targets: Any, quantity: Any = 10, side: Side = Side.BUY) -> str:
    """Have a limit entry at 1.1 working, with a stop at 1.08 (1.12 for a sell)."""
    stop = "1.08" if side is Side.BUY else "1.12"
    order = PlaceOrder(
        symbol=EURUSD,
        side=side,
        quantity=Amount(D(str(quantity))),
        ord_type=OrdType.LIMIT,
        price=D("1.1"),
        protection=protection(stop, *targets),
    )
    name = str(only(bench.say(order), OrderRequested).cl_ord_id)
    bench.settle()
    return name


def filled(bench: Bench, *targets: Any, quantity: Any = 10) -> str:
    """Have it filled too."""
    name = entry(bench, *targets, quantity=quantity)
    bench.venue.fill(name)
    bench.settle()
    return name


def sizes(bench: Bench, leg: str) -> list[D]:
    """Give what works at the venue, by leg."""
    return [order.leaves for order in bench.working(leg)]


def test_each_partial_fill_is_protected_at_once() -> None:
    """The first part gets its stop and target in the same decision; each further part resizes."""
    bench = Bench()
    name = entry(bench, "1.15")
    bench.venue.fill(name, 3)
    stop, target = every(bench.deliver(), OrderRequested)
    assert (stop.leg, stop.quantity, target.leg, target.quantity) == ("s", 3, "t", 3)
    assert stop.side is target.side is Side.SELL
    bench.settle()
    for part, held in ((4, 7), (3, 10)):
        bench.venue.fill(name, part)
        bench.settle()
        assert (sizes(bench, "s"), sizes(bench, "t")) == ([held], [held])


def test_a_fill_that_comes_before_the_stop_is_acknowledged_resizes_it_afterwards() -> None:
    """Nothing is asked of an order that its venue has not shown; the resize follows at once."""
    bench = Bench()
    name = entry(bench)
    bench.venue.fill(name, 3)
    bench.deliver()
    bench.venue.fill(name, 7)
    assert kinds(bench.deliver()) == ["order_filled"]
    bench.settle()
    assert sizes(bench, "s") == [10]


def test_a_short_is_guarded_on_its_own_side() -> None:
    """Stop above, target below, both buys."""
    bench = Bench()
    bench.venue.fill(entry(bench, "1.05", side=Side.SELL))
    bench.settle()
    assert [(o.new.side, o.stop_price) for o in bench.working("s")] == [(Side.BUY, D("1.12"))]
    assert [(o.new.side, o.price) for o in bench.working("t")] == [(Side.BUY, D("1.05"))]


def test_one_cancels_the_other() -> None:
    """The target fills: the stop is taken back, and its id is kept until that is confirmed."""
    bench = Bench()
    name = filled(bench, "1.15")
    stop = bench.working("s")[0].new.cl_ord_id
    bench.venue.fill(bench.working("t")[0].new.cl_ord_id)
    assert only(bench.deliver(), CancelRequested).cl_ord_id == stop
    assert bench.guard(name).children == [stop]
    bench.settle()
    assert bench.order(stop).status is S.CANCELED
    assert not bench.state.accounts["a"].guards


def test_a_partly_filled_target_shrinks_the_stop_and_the_other_way_round() -> None:
    """Both protect what is left."""
    bench = Bench()
    filled(bench, "1.15")
    bench.venue.fill(bench.working("t")[0].new.cl_ord_id, 4)
    bench.settle()
    assert (sizes(bench, "s"), sizes(bench, "t"), bench.book().quantity) == ([6], [6], 6)
    bench.venue.fill(bench.working("s")[0].new.cl_ord_id, 5)
    bench.settle()
    assert (sizes(bench, "s"), sizes(bench, "t"), bench.book().quantity) == ([1], [1], 1)


def test_targets_share_what_was_filled() -> None:
    """A half, a third and the rest, in whole lots; the stop covers all of it."""
    bench = Bench()
    name = entry(bench, ("1.12", "0.5"), ("1.13", "0.3333"), ("1.14", "0.1667"))
    bench.venue.fill(name, 1)
    bench.settle()
    assert sizes(bench, "t") == [D("0.50"), D("0.33"), D("0.17")]
    bench.venue.fill(name, 9)
    bench.settle()
    assert sizes(bench, "t") == [D("5.00"), D("3.33"), D("1.67")]
    assert sizes(bench, "s") == [10]


def test_a_target_that_filled_is_not_placed_again() -> None:
    """Half is taken at the first target: the stop guards the other half, and so does the second."""
    bench = Bench()
    filled(bench, ("1.12", "0.5"), ("1.14", "0.5"))
    bench.venue.fill(bench.working("t")[0].new.cl_ord_id)
    bench.settle()
    assert (sizes(bench, "s"), sizes(bench, "t"), bench.book().quantity) == ([5], [5], 5)
    assert bench.working("t")[0].price == D("1.14")


def test_a_share_below_a_lot_goes_with_the_last_target() -> None:
    """A hundredth cannot be halved: the last target takes it."""
    bench = Bench()
    filled(bench, ("1.12", "0.5"), ("1.14", "0.5"), quantity="0.01")
    assert [(o.price, o.leaves) for o in bench.working("t")] == [(D("1.14"), D("0.01"))]


def test_targets_for_less_than_all_leave_a_runner() -> None:
    """Half at a target: the other half has the stop alone."""
    bench = Bench()
    filled(bench, ("1.12", "0.5"))
    assert (sizes(bench, "s"), sizes(bench, "t")) == ([10], [5])


@pytest.mark.parametrize("third", [D(1) / 3, "0.3333333333333333"])
@pytest.mark.parametrize(("quantity", "expected"), [(3, [1, 1, 1]), (7, [2, 2, 3])])
def test_three_thirds_are_all_of_it(third: Any, quantity: int, expected: list[int]) -> None:
    """A third has no last digit: three contracts with a target for each third have three.

    Before, a third of three was a hair less than one, and none of them had a target.
    """
    bench = Bench(contract={"lot_step": D(1), "min_qty": D(1)})
    filled(bench, *((level, third) for level in ("1.12", "1.13", "1.14")), quantity=quantity)
    assert sizes(bench, "t") == expected


def test_a_partial_exit_shrinks_stop_and_targets() -> None:
    """What a close takes away is not protected any more; targets never sum to more than is held."""
    bench = Bench()
    filled(bench, ("1.12", "0.5"), ("1.14", "0.5"))
    bench.venue.by_hand("a", Side.SELL, 6)
    bench.settle()
    assert (sizes(bench, "s"), sum(sizes(bench, "t"))) == ([4], 4)


def test_the_unfilled_rest_of_an_entry_is_protected_when_it_fills_after_the_stop() -> None:
    """The first part is stopped out; the rest fills later and gets a stop under a new id."""
    bench = Bench()
    name = entry(bench)
    bench.venue.fill(name, 4)
    bench.settle()
    first = bench.working("s")[0].new.cl_ord_id
    bench.venue.fill(first)
    bench.settle()
    assert bench.book().quantity == 0
    bench.venue.fill(name, 6)
    bench.settle()
    assert sizes(bench, "s") == [6]
    assert bench.working("s")[0].new.cl_ord_id != first


def test_opposite_entries_of_one_book_release_each_others_guards() -> None:
    """A straddle whose two sides both fill is flat, and nothing guards the nothing that is held.

    Before, a stop stood on either side of a flat position, and whichever was hit opened one.
    """
    bench = Bench(route={"pyramiding": 9})
    buy, sell = entry(bench), entry(bench, side=Side.SELL, quantity=15)
    bench.venue.fill(buy)
    bench.settle()
    assert sizes(bench, "s") == [10]
    bench.venue.fill(sell)
    bench.settle()
    assert bench.book().quantity == -5
    assert [(o.new.side, o.leaves) for o in bench.working("s")] == [(Side.BUY, 5)]


# --- refusals -------------------------------------------------------------------------------------


def refusing(*legs: str) -> Any:
    """Refuse stops, targets or exits."""
    kinds_ = {
        "s": lambda order: order.ord_type is OrdType.STOP,
        "t": lambda order: order.ord_type is OrdType.LIMIT,
        "x": lambda order: order.ord_type is OrdType.MARKET,
    }

    def refuse(order: NewOrder) -> str:
        return "no" if any(kinds_[leg](order) for leg in legs) else ""

    return refuse


def test_a_stop_refused_once_is_sent_again_under_a_new_id() -> None:
    """The second attempt stands."""
    bench = Bench()
    name = entry(bench)
    seen: list[str] = []

    def once(order: NewOrder) -> str:
        seen.append(order.cl_ord_id)
        return "no" if len(seen) == 1 else ""

    bench.venue.refuses = once
    bench.venue.fill(name)
    bench.settle()
    assert (sizes(bench, "s"), len(set(seen))) == ([10], 2)
    assert bench.book().quantity == 10


def test_a_stop_refused_twice_closes_the_position() -> None:
    """It must not stand unprotected, and the words of the exit say why it was sold."""
    bench = Bench()
    name = entry(bench)
    bench.venue.refuses = refusing("s")
    bench.venue.fill(name)
    events = bench.settle()
    exit_ = next(e for e in every(events, OrderRequested) if e.leg == "x")
    assert "refused its stop" in exit_.sizing
    assert (bench.book().quantity, bench.orders()) == (0, [])
    assert len([e for e in every(events, OrderRequested) if e.leg == "s"]) == 2


def test_the_close_of_a_part_that_no_stop_is_had_for_leaves_the_stop_of_the_rest() -> None:
    """Both together close what is held and no more, so that the one need not wait for the other.

    Before, the stop was asked back, and made no more since others had been refused.
    """
    bench = Bench(replace=False, reduce_only=False)
    name = entry(bench)
    bench.venue.fill(name, 3)
    bench.settle()
    bench.venue.refuses = refusing("s")
    bench.venue.fill(name, 7)
    bench.settle()
    assert (sizes(bench, "s"), bench.book().quantity) == ([3], 3)
    assert not every(bench.events, CancelRequested)


def test_a_close_that_is_refused_too_is_tried_again_at_a_slowing_pace() -> None:
    """The market is shut: no storm of exits, and the position is closed when it opens.

    Before, stop and exit were refused and sent again as fast as the venue answered.
    """
    bench = Bench()
    name = entry(bench)
    bench.venue.refuses = refusing("s", "x")
    bench.venue.fill(name)
    bench.settle()
    for _ in range(600):
        bench.wait(SECOND)
        bench.settle()
    tries = [e for e in every(bench.events, OrderRequested) if e.leg == "x"]
    assert 3 <= len(tries) <= 9
    assert len({e.cl_ord_id for e in tries}) == len(tries)
    bench.venue.refuses = lambda order: ""
    for _ in range(200):
        bench.wait(SECOND)
        bench.settle()
    assert bench.book().quantity == 0


def test_a_refused_close_is_reason_enough_to_watch_the_clock() -> None:
    """Its next try is due by time alone, on an account without limits on loss, trails or hours.

    Before, nothing looked at the clock there, and the try came with the next look, a minute later.
    """
    bench = Bench()
    name = entry(bench)
    assert not awaits_time(bench.state, bench.market)
    bench.venue.refuses = refusing("s", "x")
    bench.venue.fill(name)
    bench.settle()
    assert awaits_time(bench.state, bench.market)
    bench.venue.refuses = lambda order: ""
    bench.wait(10 * SECOND)
    bench.settle()
    assert bench.book().quantity == 0
    bench.wait(SECOND)
    assert not awaits_time(bench.state, bench.market)


def test_a_target_that_is_refused_is_given_up_and_the_stop_stays() -> None:
    """A position without its target is not in danger.

    Before, the target was sent again as fast as the venue refused it, until the account's message
    budget was gone.
    """
    bench = Bench()
    name = entry(bench, "1.15")
    bench.venue.refuses = refusing("t")
    bench.venue.fill(name)
    bench.settle()
    for _ in range(20):
        bench.wait(SECOND)
        bench.look()
        bench.settle()
    tries = [e for e in every(bench.events, OrderRequested) if e.leg == "t"]
    assert len(tries) == 2
    assert (sizes(bench, "s"), bench.book().quantity) == ([10], 10)


def test_a_further_target_that_is_refused_is_given_up_too() -> None:
    """The venue cannot resize an order, so what fills later has targets of its own.

    Before, such a one was sent again as fast as the venue refused it, since the first one worked.
    """
    bench = Bench(replace=False)
    name = entry(bench, "1.15")
    bench.venue.fill(name, 4)
    bench.settle()
    bench.venue.refuses = refusing("t")
    bench.venue.fill(name, 6)
    bench.settle()
    tries = [e for e in every(bench.events, OrderRequested) if e.leg == "t"]
    assert len(tries) == 3
    assert (sizes(bench, "s"), sizes(bench, "t")) == ([4, 6], [4])


def test_a_stop_that_the_venue_takes_and_ends_at_once_counts_as_refused() -> None:
    """Accepted and canceled, twice: the position is closed instead of the two going on for ever."""
    bench = Bench()
    name = entry(bench)
    bench.venue.fill(name)
    for _ in range(2):
        while not bench.working("s"):
            bench.deliver() if bench.post else bench.carry()
        bench.venue.end(bench.working("s")[0], S.CANCELED, "unsolicited")
        bench.settle()
    assert bench.book().quantity == 0


def test_a_stop_that_lived_long_and_ended_is_simply_placed_again() -> None:
    """The venue's end of day is no refusal, however many days there are."""
    bench = Bench()
    filled(bench)
    for _ in range(5):
        bench.wait(3_600 * SECOND)
        bench.venue.end(bench.working("s")[0], S.EXPIRED, "end of day")
        bench.settle()
        assert sizes(bench, "s") == [10]
    assert bench.book().quantity == 10


def test_what_filled_under_a_freeze_is_protected_when_it_is_lifted() -> None:
    """Nothing at all leaves under a freeze; arming places the stop at once."""
    bench = Bench()
    name = entry(bench)
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.FREEZE, "ada", "test"))
    bench.venue.fill(name)
    assert kinds(bench.settle()) == ["order_filled"]
    events = bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "go", "all"))
    assert only(events, OrderRequested).leg == "s"
    bench.settle()
    assert sizes(bench, "s") == [10]


def test_what_our_own_checks_refuse_is_said_once_and_placed_when_they_allow() -> None:
    """Less than a lot can have no stop: one event says so, and the next fill mends it.

    Before, each quote and each look wrote the same refusal into the journal.
    """
    bench = Bench(contract={"min_qty": D(2)})
    name = entry(bench)
    bench.venue.fill(name, 1)
    events = bench.settle()
    for _ in range(50):
        bench.quote("1.1")
        events += bench.wait(SECOND) + bench.look()
    refused = only(events, OrderRefused)
    assert refused.code == "tick_or_lot"
    assert "1 is below the smallest order 2" in refused.text
    bench.venue.fill(name, 5)
    bench.settle()
    assert sizes(bench, "s") == [6]


def test_a_refused_resize_is_asked_again_at_a_slowing_pace() -> None:
    """The venue refuses to grow the stop: no storm, and it grows once the venue is willing."""
    bench = Bench()
    name = entry(bench)
    bench.venue.fill(name, 4)
    bench.settle()
    bench.venue.refuses_change = lambda order, kind: "busy"
    bench.venue.fill(name, 6)
    bench.settle()
    for _ in range(100):
        bench.wait(10**8)
        bench.look()
        bench.settle()
    asked = len(every(bench.events, ReplaceRequested))
    assert 3 <= asked <= 7
    bench.venue.refuses_change = lambda order, kind: ""
    for _ in range(60):
        bench.wait(SECOND)
        bench.settle()
    assert sizes(bench, "s") == [10]


def test_a_refused_cancel_of_what_is_left_over_is_no_storm() -> None:
    """The position is closed and its stop will not go: it is asked back at a slowing pace."""
    bench = Bench()
    filled(bench)
    bench.venue.refuses_change = lambda order, kind: "busy"
    bench.venue.by_hand("a", Side.SELL, 10)
    bench.settle()
    for _ in range(100):
        bench.wait(10**8)
        bench.look()
        bench.settle()
    assert 3 <= len(every(bench.events, CancelRequested)) <= 8


# --- venues that cannot change an order -----------------------------------------------------------


def test_where_nothing_can_be_changed_more_is_covered_by_one_more_stop() -> None:
    """Each part is protected at once, and never more than is held."""
    bench = Bench(replace=False)
    name = entry(bench, "1.15")
    for part, covered in ((3, [3]), (4, [3, 4]), (3, [3, 4, 3])):
        bench.venue.fill(name, part)
        bench.settle()
        assert (sizes(bench, "s"), sizes(bench, "t")) == (covered, covered)
    bench.venue.by_hand("a", Side.SELL, 5)
    bench.settle()
    assert (sum(sizes(bench, "s")), sum(sizes(bench, "t"))) == (5, 5)
    assert not every(bench.events, ReplaceRequested)


def test_where_nothing_can_be_changed_a_move_is_a_cancel_and_a_new_stop() -> None:
    """The new stop is placed when the old one's end is confirmed, under another id."""
    bench = Bench(replace=False)
    filled(bench)
    old = bench.working("s")[0].new.cl_ord_id
    bench.wait(SECOND)
    bench.say(ModifyProtection(symbol=EURUSD, protection=protection("1.09")))
    bench.settle()
    assert [(o.stop_price, o.leaves) for o in bench.working("s")] == [(D("1.09"), 10)]
    assert bench.order(old).status is S.CANCELED


# --- natively run ---------------------------------------------------------------------------------


def test_a_native_child_is_known_by_its_parent_and_its_fill_closes_the_book() -> None:
    """The venue's own stop is shown, fills, and the book, the guard and the net know of it."""
    bench = Bench(native_bracket=True)
    name = filled(bench)
    child = {"parent": name, "leg": "s", "cl_ord_id": None, "venue_order_id": "c1"}
    bench.report(name, ExecType.NEW, side=Side.SELL, order_qty=D(10), **child)
    assert bench.guard(name).children == [f"{name}:s"]
    bench.traded(name, 10, exec_id="f1", **{**child, "side": Side.SELL})
    assert (bench.book().quantity, bench.net(), bench.orders()) == (0, 0, [])
    assert not bench.state.accounts["a"].guards


def test_a_native_child_first_seen_by_its_fill_counts() -> None:
    """No word of it before: the fill alone is enough."""
    bench = Bench(native_bracket=True)
    name = filled(bench)
    bench.traded(
        name, 10, parent=name, leg="t", cl_ord_id=None, venue_order_id="c9", side=Side.SELL
    )
    assert (bench.book().quantity, bench.net()) == (0, 0)


def test_an_exit_leaves_a_natively_run_bracket_to_its_venue() -> None:
    """The venue resizes and ends its own; it is not asked for them, with reduce-only or without."""
    bench = Bench(native_bracket=True, reduce_only=False)
    name = filled(bench)
    bench.report(
        name,
        ExecType.NEW,
        parent=name,
        leg="s",
        cl_ord_id=None,
        venue_order_id="c1",
        side=Side.SELL,
        order_qty=D(10),
    )
    exit_ = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    assert exit_.after is None


def _shown(bench: Bench, name: str, kind: ExecType = ExecType.NEW) -> None:
    """Let the venue tell of its own stop of an entry."""
    child = {"parent": name, "leg": "s", "cl_ord_id": None, "venue_order_id": f"c-{name}"}
    bench.report(
        name, kind, side=Side.SELL, order_qty=D(10), stop_price=D("1.08"), exec_id=f"{kind}{name}",
        **child,
    )  # fmt: skip


def test_a_bracket_that_the_venue_ended_is_run_by_the_engine_while_its_position_is_held() -> None:
    """A venue that nets ends it as another strategy trades the contract through zero.

    Before, the position stood without a stop for good, and nobody was told.
    """
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    name = filled(bench)
    _shown(bench, name)
    against = PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(25)))
    bench.say(against, strategy="other")
    bench.settle()
    _shown(bench, name, ExecType.CANCELED)
    assert "a" in bench.market.looks
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()
    assert [(o.new.quantity, o.stop_price) for o in bench.working("s")] == [(10, D("1.08"))]
    assert not only(bench.events, ProtectionChanged).bracket.native


def test_a_bracket_that_lost_its_stop_alone_is_run_by_the_engine() -> None:
    """A hand took the stop away and left the target: the target goes, and both are made anew.

    Before, the position stood without a stop for good, and was told to be guarded by its venue.
    """
    bench = Bench(native_bracket=True)
    name = filled(bench, "1.12")
    target: dict[str, Any] = {"parent": ClOrdID(name), "leg": "t", "side": Side.SELL}
    target |= {"cl_ord_id": None, "venue_order_id": VenueOrderId("t-1"), "price": D("1.12")}
    bench.report(name, ExecType.NEW, order_qty=D(10), exec_id="t-new", **target)
    _shown(bench, name)
    assert "a" not in bench.market.looks
    _shown(bench, name, ExecType.CANCELED)
    assert "a" in bench.market.looks
    bench.wait(SECOND)
    works = VenueOrder(
        account=AccountId("a"),
        venue_symbol=bench.order(name).venue_symbol,
        ord_type=OrdType.LIMIT,
        ord_status=S.WORKING,
        quantity=D(10),
        cum_qty=D(0),
        at=Instant(bench.at),
        **target,
    )
    events = bench.look(began=Instant(bench.at), orders=(works,))
    assert only(events, CancelRequested).cl_ord_id == f"{name}:t"
    bench.report(name, ExecType.CANCELED, exec_id="t-gone", **target)
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()
    assert [(o.new.quantity, o.stop_price) for o in bench.working("s")] == [(10, D("1.08"))]
    assert len(bench.working("t")) == 1


def test_a_bracket_that_a_look_finds_ended_is_asked_after_once_more() -> None:
    """The first answer may be stale; the second one proves it."""
    bench = Bench(native_bracket=True)
    name = filled(bench)
    _shown(bench, name)
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    assert not every(bench.events, ProtectionChanged)
    assert "a" in bench.market.looks
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    assert only(bench.events, ProtectionChanged)


def test_a_bracket_whose_news_came_after_a_look_began_is_waited_for() -> None:
    """What closed the position may be younger than the look; and one never shown proves nothing."""
    bench = Bench(native_bracket=True)
    name = filled(bench)
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    _shown(bench, name)
    began = Instant(bench.at)
    _shown(bench, name, ExecType.CANCELED)
    bench.look(began=began)
    assert not every(bench.events, ProtectionChanged)
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    assert only(bench.events, ProtectionChanged)


@pytest.mark.parametrize(("side", "native"), [(Side.BUY, True), (Side.SELL, False)])
@pytest.mark.parametrize("mode", list(PositionMode))
def test_an_entry_against_another_strategy_is_not_left_to_a_venue_that_nets(
    side: Side, native: bool, mode: PositionMode
) -> None:
    """It only reduces the net there, and the venue makes no bracket for that."""
    bench = Bench(native_bracket=True, position_mode=mode, route={"pyramiding": 9})
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(5))), strategy="other")
    bench.settle()
    stop = protection("1.08" if side is Side.BUY else "1.12")
    order = PlaceOrder(
        symbol=EURUSD, side=side, quantity=Amount(D(1)), protection=stop,
        reference_price=D("1.1"),
    )  # fmt: skip
    bracket = only(bench.say(order), OrderRequested).bracket
    assert bracket is not None
    assert bracket.native is (native or mode is PositionMode.HEDGING)


def test_a_target_for_a_part_is_not_left_to_the_venue() -> None:
    """The venue would close all of the position there; before, it did."""
    bench = Bench(native_bracket=True)
    order = PlaceOrder(
        symbol=EURUSD, side=Side.BUY, quantity=Amount(D(10)),
        protection=protection("1.08", ("1.12", "0.5")), reference_price=D("1.1"),
    )  # fmt: skip
    bench.say(order)
    bench.settle()
    assert [(o.new.quantity, o.price) for o in bench.working("t")] == [(5, D("1.12"))]
    assert [o.new.quantity for o in bench.working("s")] == [10]


def test_every_state_on_the_way_is_a_fold() -> None:
    """A busy bracket, replayed from its events, is the same state byte for byte."""
    bench = Bench(reduce_only=False)
    name = entry(bench, ("1.12", "0.5"), ("1.14", "0.5"))
    for part in (1, 4, 5):
        bench.venue.fill(name, part)
        bench.settle()
        assert bench.replay() == dump(bench.state)
    bench.venue.fill(bench.working("t")[0].new.cl_ord_id, 2)
    bench.settle()
    assert bench.replay() == dump(bench.state)


@pytest.mark.parametrize("reduce_only", [True, False])
def test_an_entry_canceled_in_part_keeps_its_guard(reduce_only: bool) -> None:
    """Four of ten filled, the rest canceled: the four stay protected."""
    bench = Bench(reduce_only=reduce_only)
    name = entry(bench)
    bench.venue.fill(name, 4)
    bench.settle()
    bench.venue.end(bench.venue.orders[name], S.CANCELED)
    bench.settle()
    assert (sizes(bench, "s"), bench.guard(name).entry_done) == ([4], True)
