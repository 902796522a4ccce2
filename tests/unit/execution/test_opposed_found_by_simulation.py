"""Bugs that stories in the simulator found: several strategies, brackets, and closes too many."""

from decimal import Decimal as D

import pytest

from bascule.execution.positions import apply_fill
from bascule.execution.state import AccountState, Book, Guard, Order
from bascule.model.enums import Direction, ExecType, OrdStatus, OrdType, PositionMode, Side
from bascule.model.event import Bracket, CancelRequested, OrderRequested, ReplaceRequested
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    SignalId,
    StrategyId,
    Symbol,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.intent import Amount, ClosePosition, PlaceOrder, TargetPosition
from bascule.model.order import ExecutionReport, NewOrder, Refused, VenueOrder, VenuePosition
from bascule.model.values import SECOND, ZERO, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only, protection

SYMBOL, LISTED, STRATEGY = Symbol("EURUSD"), VenueSymbol("EURUSD"), StrategyId("s")


def entered(bench: Bench, quantity: int, *, guarded: bool, strategy: str = "s") -> str:
    """Have a buy filled, with a stop at 1.08 or without."""
    order = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(quantity)),
        protection=protection("1.08") if guarded else None,
        reference_price=D("1.1"),
    )
    name = only(bench.say(order, strategy=strategy), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


def shown(
    bench: Bench, name: str, quantity: int, number: str = "", kind: ExecType = ExecType.NEW
) -> None:
    """Let the venue tell of its own stop of an entry: that it works, or else has ended."""
    bench.report(
        name,
        kind,
        side=Side.SELL,
        order_qty=D(quantity),
        stop_price=D("1.08"),
        exec_id=f"{kind.value} {name}{number}",
        parent=name,
        leg="s",
        cl_ord_id=None,
        venue_order_id=f"c-{name}{number}",
        reason="" if kind is ExecType.NEW else "position_closed",
    )


def test_a_target_does_not_make_up_for_what_rests_on_the_other_side() -> None:
    """Buys of 5 that rest may never fill. Before, a target of short 2 sold 7 at the market."""
    bench = Bench(route={"pyramiding": 9})
    for side, quantity, level in ((Side.BUY, 5, "1.2"), (Side.SELL, 1, "1.0")):
        bench.say(
            PlaceOrder(
                symbol=EURUSD,
                side=side,
                quantity=Amount(D(quantity)),
                ord_type=OrdType.STOP,
                stop_price=D(level),
            )
        )
        bench.settle()
    target = TargetPosition(symbol=EURUSD, direction=Direction.SHORT, quantity=Amount(D(2)))
    assert only(bench.say(target), OrderRequested).quantity == 1


def test_a_bracket_at_a_venue_that_nets_follows_a_part_that_is_closed() -> None:
    """It stays as large as it was there, and would close what another strategy holds."""
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    name = entered(bench, 10, guarded=True)
    shown(bench, name, 10)
    bench.say(ClosePosition(symbol=EURUSD, fraction=D("0.5")))
    bench.settle()
    assert only(bench.events, ReplaceRequested).quantity == 5


@pytest.mark.parametrize("strategy", ("s", "t"))
def test_a_bracket_that_cannot_be_resized_gives_way_to_a_stop_of_ours(strategy: str) -> None:
    """Alone it closes no more than there is; of what is opened beside it, it would close 5."""
    bench = Bench(native_bracket=True, replace=False, route={"pyramiding": 9})
    name = entered(bench, 10, guarded=True)
    shown(bench, name, 10)
    bench.say(ClosePosition(symbol=EURUSD, fraction=D("0.5")))
    bench.settle()
    assert bench.guard(name).bracket.native
    entered(bench, 3, guarded=False, strategy=strategy)
    assert not bench.guard(name).bracket.native
    assert only(bench.events, CancelRequested).cl_ord_id == f"{name}:s"
    assert not bench.working("s"), "the two never work beside each other"
    bench.report(
        name,
        ExecType.CANCELED,
        side=Side.SELL,
        exec_id="gone",
        parent=name,
        leg="s",
        cl_ord_id=None,
        venue_order_id=f"c-{name}",
    )
    bench.settle()
    stop = only([order.new for order in bench.working("s")], NewOrder)
    assert (stop.quantity, stop.stop_price) == (5, D("1.08"))


def test_a_bracket_that_its_venue_made_too_small_is_run_by_the_engine() -> None:
    """Of an entry that turned the net the venue guards only what it opened."""
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    name = entered(bench, 10, guarded=True)
    shown(bench, name, 4)
    bench.wait(SECOND)
    child = VenueOrder(
        account=AccountId("a"),
        venue_order_id=VenueOrderId(f"c-{name}"),
        venue_symbol=bench.order(name).venue_symbol,
        side=Side.SELL,
        ord_type=OrdType.STOP,
        ord_status=OrdStatus.WORKING,
        quantity=D(4),
        cum_qty=ZERO,
        at=bench.at,
        stop_price=D("1.08"),
        parent=ClOrdID(name),
        leg="s",
    )
    bench.look(began=Instant(bench.at), orders=(child,))
    assert not bench.guard(name).bracket.native
    assert bench.order(f"{name}:s").pending == "cancel"


def test_a_part_whose_bracket_has_ended_does_not_wait_for_its_entry() -> None:
    """An entry that filled in part may rest for days. Before, the part had no stop till then."""
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    order = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(10)),
        ord_type=OrdType.LIMIT,
        price=D("1.09"),
        protection=protection("1.08"),
    )
    name = str(only(bench.say(order), OrderRequested).cl_ord_id)
    bench.settle()
    bench.venue.fill(name, 3)
    bench.settle()
    shown(bench, name, 3)
    shown(bench, name, 3, kind=ExecType.CANCELED)
    assert bench.market.looks
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()
    assert bench.is_live(name)
    assert [stop.leaves for stop in bench.working("s")] == [3]


def test_what_others_stood_against_is_bare_though_they_have_closed() -> None:
    """A bracket that its venue had ended while nobody heard was nobody's once the others left."""
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    name = entered(bench, 3, guarded=True)
    against = PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(5)))
    bench.say(against, strategy="other")
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD), strategy="other")
    bench.settle()
    assert bench.net() == 3
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()
    assert [stop.leaves for stop in bench.working("s")] == [3]
    assert not bench.guard(name).bracket.native


def test_the_close_of_one_position_bares_no_other() -> None:
    """Where the venue hedges, a close takes from the guard of its own position alone."""
    bench = Bench(position_mode=PositionMode.HEDGING, route={"pyramiding": 9})
    entered(bench, 1, guarded=False)
    name = entered(bench, 5, guarded=True)
    bench.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(1))))
    bench.settle()
    assert bench.book().quantity == 5
    assert bench.guard(name).held == 5
    assert [order.leaves for order in bench.working("s")] == [5]


def test_what_no_guard_has_is_closed_first() -> None:
    """Of 1 without and 3 with a stop, the close of 1 leaves 3 behind a stop for 3, not for 2."""
    bench = Bench(route={"pyramiding": 9})
    name = entered(bench, 3, guarded=True)
    entered(bench, 1, guarded=False)
    bench.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(1))))
    bench.settle()
    assert bench.guard(name).held == 3 == bench.book().quantity


def test_a_fill_told_after_its_own_stop_bares_no_other_entry() -> None:
    """A stop had closed 5 before their opening was told; that closed no guard of the other side."""
    account = AccountState(id=AccountId("a"), number=1, venue="v", login="a", mode="paper")
    book = account.books[f"{STRATEGY}|{SYMBOL}"] = Book(STRATEGY, SYMBOL, LISTED, D(-2))
    bracket = Bracket(stop_loss=D("1.05"))
    late = Guard(ClOrdID("e-1-1e"), SignalId("e-1"), STRATEGY, SYMBOL, LISTED, Side.BUY, bracket)
    other = Guard(ClOrdID("e-2-1e"), SignalId("e-2"), STRATEGY, SYMBOL, LISTED, Side.SELL, bracket)
    other.filled = other.held = D(2)
    account.guards = {late.cl_ord_id: late, other.cl_ord_id: other}

    def told(name: str, leg: str, side: Side) -> None:
        order = Order(
            cl_ord_id=ClOrdID(name), signal=late.signal, intent=0, account=account.id,
            strategy=STRATEGY, leg=leg, symbol=SYMBOL, venue_symbol=LISTED, side=side,
            quantity=D(5), ord_type=OrdType.STOP, requested_at=Instant(1), bracket=bracket,
            parent=late.cl_ord_id if leg == "s" else None,
        )  # fmt: skip
        apply_fill(account, order, D(5) * side.sign, D("1.05"), None)

    told("e-1-1s", "s", Side.SELL)
    assert (book.quantity, book.astray) == (-7, 5)
    told("e-1-1e", "e", Side.BUY)
    assert (book.quantity, book.astray) == (-2, ZERO)
    assert (late.held, other.held) == (ZERO, 2)


def test_what_closes_opened_is_closed_again_where_the_first_try_was_refused() -> None:
    """The next whole look that agrees tries again; before, it stood without a stop for good."""
    bench = Bench()
    name = entered(bench, 5, guarded=True)
    stop = bench.working("s")[0].new.cl_ord_id
    bench.venue.fills_markets = False
    bench.traded(stop, 5, side=Side.SELL)
    first = only(bench.traded(stop, 5, side=Side.SELL, exec_id="again"), OrderRequested)
    assert (first.leg, first.side, first.quantity) == ("x", Side.BUY, 5)
    assert bench.book().astray == 5
    bench.answered(first.cl_ord_id, Refused("broker_refused", "", "no", bench.at))
    bench.wait(SECOND)
    held = VenuePosition(
        account=AccountId("a"),
        venue_symbol=bench.order(name).venue_symbol,
        quantity=D(-5),
        avg_price=D("1.1"),
    )
    events = bench.look(began=Instant(bench.at), positions=(held,))
    again = only(events, OrderRequested)
    assert (again.leg, again.side, again.quantity) == ("x", Side.BUY, 5)
    assert again.cl_ord_id != first.cl_ord_id


def crossed_over(bench: Bench, sold: int) -> None:
    """Have 3 bought behind a stop while a close of what was sold before works on.

    A hand had closed that. It closes nothing now.
    """
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(sold))))
    bench.settle()
    bench.venue.fills_markets = False
    close = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    bench.settle()
    assert (close.side, close.quantity) == (Side.BUY, sold)
    bench.venue.by_hand("a", Side.BUY, sold)
    bench.settle()
    bench.venue.fills_markets = True
    entered(bench, 3, guarded=True)


def test_a_stop_is_as_large_as_what_is_held_where_a_close_was_meant_for_the_other_side() -> None:
    """That close takes nothing of it. Before, what was held had no stop."""
    bench = Bench(reduce_only=False)
    crossed_over(bench, 5)
    assert [order.leaves for order in bench.working("s")] == [3]


def test_a_close_that_waited_for_its_stop_closes_all_of_it_beside_one_for_the_other_side() -> None:
    """Before, it closed so much less, though the other takes nothing of what is held."""
    bench = Bench(reduce_only=False)
    crossed_over(bench, 1)
    asked = only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    assert asked.after is not None
    bench.settle()
    assert (asked.side, bench.order(asked.cl_ord_id).cum_qty) == (Side.SELL, 3)
    assert bench.book().quantity == 0


def test_a_close_that_has_nothing_left_to_close_is_asked_back() -> None:
    """A look that agrees asks; before, each of its fills opened the other side, for good."""
    bench = Bench(reduce_only=False)
    crossed_over(bench, 5)
    bench.wait(SECOND)
    (asked,) = every(bench.look(began=Instant(bench.at)), CancelRequested)
    assert (bench.order(asked.cl_ord_id).leg, asked.reason) == (
        "x",
        "what it was to close is closed",
    )
    bench.settle()
    assert bench.orders("x") == []
    assert [order.leaves for order in bench.working("s")] == [3]


def test_a_bracket_that_a_look_lacks_has_ended_though_the_look_brings_a_fill_of_it() -> None:
    """The fill is no younger than the look; before, what was left had no stop for a minute more."""
    bench = Bench(native_bracket=True)
    name = entered(bench, 3, guarded=True)
    shown(bench, name, 3)
    bench.wait(SECOND)
    fill = ExecutionReport(
        account=AccountId("a"),
        exec_id=ExecID("part"),
        exec_type=ExecType.TRADE,
        venue_order_id=VenueOrderId(f"c-{name}"),
        venue_symbol=bench.order(name).venue_symbol,
        side=Side.SELL,
        at=Instant(bench.at),
        last_qty=D(1),
        last_price=D("1.08"),
        parent=ClOrdID(name),
        leg="s",
    )
    bench.venue.net["a", f"{EURUSD}.x"] = D(2)
    bench.venue.fills.append(fill)
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    assert bench.order(f"{name}:s").status is OrdStatus.CANCELED
    assert bench.guard(name).held == 2
    assert bench.market.looks["a"] == "the bracket of a position has ended"
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()
    assert [order.leaves for order in bench.working("s")] == [2]


def looked(bench: Bench) -> None:
    """Let a look that began after the last news show what is there, and carry what it asks for."""
    bench.wait(SECOND)
    bench.look(began=Instant(bench.at))
    bench.settle()


def test_a_bracket_is_taken_over_while_a_close_is_under_way() -> None:
    """Before, a close of a part that hung left what remains without a stop for as long."""
    bench = Bench(native_bracket=True)
    name = entered(bench, 3, guarded=True)
    shown(bench, name, 3)
    bench.venue.fills_markets = False
    bench.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(1))))
    bench.settle()
    bench.report(f"{name}:s", ExecType.CANCELED, cl_ord_id=None)
    looked(bench)
    assert bench.book().leaving(Side.BUY) == 1
    assert [order.leaves for order in bench.working("s")] == [3]


def test_brackets_that_the_venue_ended_are_no_stops_that_it_refused() -> None:
    """It ends them as the net turns. Before, the second one had the position closed for that."""
    bench = Bench(native_bracket=True)
    name = entered(bench, 3, guarded=True)
    for number, child in (("", f"{name}:s"), ("again", f"{name}:s.1")):
        shown(bench, name, 3, number)
        bench.report(child, ExecType.CANCELED, cl_ord_id=None)
    looked(bench)
    assert [order.leaves for order in bench.working("s")] == [3]
    assert bench.book().quantity == 3


def test_a_bracket_that_was_never_told_is_missed_as_another_strategy_turns_the_net() -> None:
    """Its venue ends it then. Before, nobody looked, and once the other was out nothing told."""
    bench = Bench(native_bracket=True)
    name = entered(bench, 3, guarded=True)
    assert "a" not in bench.market.looks
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(3))), strategy="other")
    bench.settle()
    assert bench.market.looks["a"] == "the venue may have made no bracket"
    looked(bench)
    assert not bench.guard(name).bracket.native
    assert [order.leaves for order in bench.working("s")] == [3]
