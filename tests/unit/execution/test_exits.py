"""ClosePosition, Flatten, CancelOrders and sweeps: what is closed, and never more than that."""

from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.model.account import SizingRule
from bascule.model.enums import Direction, OrdStatus, OrdType, PositionMode, QtyUnit, Side, StopMode
from bascule.model.event import (
    BookClosing,
    CancelRequested,
    Event,
    IntentIdle,
    IntentRefused,
    OrderEnded,
    OrderRefused,
    OrderReleased,
    OrderRequested,
)
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Flatten,
    PlaceOrder,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only, protection


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """A market entry."""
    return PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(str(quantity))), **more)


def sell(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """A market entry on the other side."""
    return PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(str(quantity))), **more)


def close(**more: Any) -> ClosePosition:
    """Close some or all of it."""
    return ClosePosition(symbol=EURUSD, **more)


def held(bench: Bench, quantity: Any = 10, strategy: str = "s", **more: Any) -> Bench:
    """Have a strategy hold some."""
    bench.say(buy(quantity, **more), strategy=strategy)
    bench.settle()
    return bench


def guarded(bench: Bench, quantity: Any = 10, strategy: str = "s") -> Bench:
    """Have a strategy hold some, with a stop and a target."""
    return held(
        bench, quantity, strategy, protection=protection("1.08", "1.15"), reference_price=D("1.1")
    )


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, 0),
        ({"quantity": Amount(D(4))}, 6),
        ({"quantity": Amount(D(40))}, 0),
        ({"quantity": Amount(D(25), QtyUnit.POSITION_PERCENT)}, D("7.5")),
        ({"fraction": D("0.5")}, 5),
        ({"fraction": D(1)}, 0),
        ({"fraction": D("0.3333")}, D("6.67")),
        ({"held": Direction.LONG}, 0),
        ({"held": Direction.SHORT}, 10),
    ],
)
def test_a_close_takes_what_was_asked(asked: dict[str, Any], left: Any) -> None:
    """All, a quantity, a share; more than is held closes what is held; the other side is idle."""
    bench = held(Bench())
    bench.say(close(**asked))
    bench.settle()
    assert bench.book().quantity == left
    assert bench.venue.net["a", "EURUSD.x"] == left


@pytest.mark.parametrize("fraction", [D(0), D("-0.5"), D("1.01")])
def test_a_share_that_is_none_is_refused(fraction: D) -> None:
    """Nothing is closed on a number that makes no sense."""
    bench = held(Bench())
    assert only(bench.say(close(fraction=fraction)), IntentRefused).code == "bad_fraction"


def test_a_part_below_a_lot_is_refused_and_closes_nothing() -> None:
    """It is not lifted to a lot, which would close more than was asked."""
    bench = held(Bench(), "0.02")
    refusal = only(bench.say(close(fraction=D("0.25"))), IntentRefused)
    assert refusal.code == "below_min_lot"
    assert "0.005" in refusal.text


def test_a_quantity_in_money_is_refused_for_an_exit() -> None:
    """A risk percent is no share of a position."""
    bench = held(Bench())
    asked = close(quantity=Amount(D(1), QtyUnit.RISK_PERCENT))
    assert only(bench.say(asked), IntentRefused).code == "quantity_unit_unsupported"


@pytest.mark.parametrize(
    ("sizing", "left"),
    [
        (SizingRule(method="multiplier", factor=D("0.5")), 3),
        (SizingRule(quantity=D(5)), 0),
    ],
)
def test_the_senders_quantity_on_an_account_of_another_size(sizing: SizingRule, left: int) -> None:
    """A multiplier multiplies exits too; an account of its own size cannot read it: closes all."""
    bench = held(Bench(sizing=sizing))
    assert bench.book().quantity == 5
    bench.say(close(quantity=Amount(D(4))))
    bench.settle()
    assert bench.book().quantity == left


def test_nothing_held_is_idle() -> None:
    """A close of nothing says so."""
    assert "nothing of EURUSD" in only(Bench().say(close()), IntentIdle).text


def test_two_closes_in_flight_never_close_more_than_is_held() -> None:
    """The second finds all of it on its way out already."""
    bench = held(Bench())
    bench.say(close(quantity=Amount(D(7))))
    second = only(bench.say(close(quantity=Amount(D(7)))), OrderRequested)
    assert second.quantity == 3
    assert only(bench.say(close()), IntentIdle).text == "exits in flight already cover it"
    bench.settle()
    assert bench.book().quantity == 0


def test_a_close_acts_on_its_strategys_own_book() -> None:
    """Two strategies in one account: the close of one leaves the other as it was."""
    bench = held(held(Bench(), 10, "s"), 4, "t")
    bench.say(close(), strategy="s")
    bench.settle()
    assert (bench.book("s").quantity, bench.book("t").quantity, bench.net()) == (0, 4, 4)


def test_the_close_of_one_book_is_no_reduction_where_another_stands_against_it() -> None:
    """Long 10 and short 10 net to nothing: the close is sent plain, and both books stay exact.

    Before, it went as reduce-only, the venue refused it, and the strategy could not get out.
    """
    bench = held(Bench())
    bench.say(sell(10), strategy="t")
    bench.settle()
    exit_ = only(bench.say(close()), OrderRequested)
    assert not exit_.reduce_only
    bench.settle()
    assert (bench.book().quantity, bench.book("t").quantity, bench.net()) == (0, -10, -10)
    assert bench.venue.net["a", "EURUSD.x"] == -10


def test_the_close_of_one_book_meets_no_limit_on_new_risk() -> None:
    """It cannot be proven to reduce the account, and yet no entry limit keeps a trader in."""
    limits = replace(ROOMY, max_position_qty=D(10), max_order_qty=D(10), require_stop=True)
    bench = Bench(limits=limits, reduce_only=False)
    guarded(bench)
    bench.say(sell(10, protection=protection("1.2"), reference_price=D("1.1")), strategy="t")
    bench.settle()
    assert bench.net() == 0
    assert every(bench.say(close()), OrderRequested)
    bench.settle()
    assert (bench.book().quantity, bench.book("t").quantity) == (0, -10)


def test_an_unproven_close_is_refused_under_a_halt() -> None:
    """Only what provably reduces passes a halt; closing one of two opposite books adds."""
    bench = held(Bench())
    bench.say(sell(10), strategy="t")
    bench.settle()
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.HALT, "ada", "test"))
    assert only(bench.say(close()), OrderRefused).code == "halted"


@pytest.mark.parametrize("mode", [StopMode.HALT, StopMode.LOCK])
def test_a_proven_close_passes_a_halt(mode: StopMode) -> None:
    """Exits and flatten pass; entries do not; freeze stops both."""
    bench = held(Bench())
    bench.feed(inp.StopAsked(Instant(bench.at), "account:a", mode, "ada", "test"))
    assert only(bench.say(buy(), strategy="t"), OrderRefused).code == "halted"
    bench.say(Flatten())
    bench.settle()
    assert bench.book().quantity == 0


def test_nothing_passes_a_freeze() -> None:
    """Not even an exit."""
    bench = held(Bench())
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.FREEZE, "ada", "test"))
    assert only(bench.say(close()), OrderRefused).code == "halted"


def test_an_exit_larger_than_the_venues_largest_order_goes_in_parts() -> None:
    """A position built by several entries can be closed.

    Before, the exit was refused as a whole, and the trader could not get out.
    """
    bench = Bench(contract={"max_qty": D(4)}, route={"pyramiding": 9})
    for _ in range(3):
        held(bench, 4)
    assert [event.quantity for event in every(bench.say(close()), OrderRequested)] == [4, 4, 4]
    bench.settle()
    assert bench.book().quantity == 0


def test_dust_does_not_keep_a_position_open() -> None:
    """What is no whole lot stays, and the whole lots are closed."""
    bench = Bench()
    bench.venue.by_hand("a", Side.BUY, "0.015")
    bench.settle()
    bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "ada", "test"))
    bench.settle()
    assert bench.book("manual").quantity == D("0.005")


# --- stops and exits ------------------------------------------------------------------------------


def test_with_reduce_only_an_exit_goes_at_once_and_its_stop_stays_until_flat() -> None:
    """The position is never bare: the stop is taken back when the exit has filled."""
    bench = guarded(Bench())
    assert only(bench.say(close()), OrderRequested).after is None
    bench.venue.fills_markets = False
    bench.settle()
    assert len(bench.working("s")) == 1
    bench.venue.fill(bench.orders("x")[0].cl_ord_id)
    bench.settle()
    assert (bench.book().quantity, bench.working("s"), bench.working("t")) == (0, [], [])


def test_without_reduce_only_an_exit_waits_for_every_stop_to_be_taken_back() -> None:
    """Two entries, two stops, two targets: the exit leaves when all four are gone.

    Before, it waited for one of them, and another could still fill and open the other side.
    """
    bench = Bench(reduce_only=False, route={"pyramiding": 9})
    guarded(guarded(bench, 10), 10)
    events = bench.say(close())
    assert len(every(events, CancelRequested)) == 4
    exit_ = only(events, OrderRequested).cl_ord_id
    bench.carry()
    for _ in range(3):
        while not isinstance(bench.post[0], inp.ReportReceived):
            bench.deliver()
        assert not every(bench.deliver(), OrderReleased)
        assert bench.order(exit_).waiting
    bench.settle()
    assert (bench.book().quantity, bench.net()) == (0, 0)
    assert bench.venue.net["a", "EURUSD.x"] == 0


def test_no_stop_is_placed_again_while_an_exit_is_on_its_way() -> None:
    """The canceled stop is not renewed beside the exit that waited for it.

    Before, it was: the exit closed the position and the new stop opened the other side.
    """
    bench = guarded(Bench(reduce_only=False))
    bench.venue.fills_markets = False
    bench.say(close())
    bench.settle()
    assert [order.leg for order in bench.orders()] == ["x"]
    assert bench.working("s") == []


def test_what_a_partial_exit_leaves_keeps_a_stop() -> None:
    """Without reduce-only: four of ten on their way out, six are protected meanwhile."""
    bench = guarded(Bench(reduce_only=False))
    bench.venue.fills_markets = False
    bench.say(close(quantity=Amount(D(4))))
    bench.settle()
    assert [stop.leaves for stop in bench.working("s")] == [6]
    assert [exit_.leaves for exit_ in bench.working("x")] == [4]
    bench.venue.fill(bench.orders("x")[0].cl_ord_id)
    bench.settle()
    assert bench.book().quantity == 6
    assert [stop.leaves for stop in bench.working("s")] == [6]


def test_a_refused_cancel_of_the_stop_is_asked_again_and_the_exit_goes_in_the_end() -> None:
    """The venue is asked at a slowing pace, and the exit leaves once the stop is gone."""
    bench = guarded(Bench(reduce_only=False))
    bench.venue.refuses_change = lambda order, kind: "busy"
    bench.say(close())
    bench.settle()
    asked = len(every(bench.events, CancelRequested))
    for _ in range(100):
        bench.wait(10**8)
        bench.settle()
    repeats = len(every(bench.events, CancelRequested)) - asked
    assert 2 <= repeats <= 2 * 5
    bench.venue.refuses_change = lambda order, kind: ""
    for _ in range(200):
        bench.wait(10**9)
        bench.settle()
    assert bench.book().quantity == 0


def test_the_stop_fills_while_it_is_taken_back() -> None:
    """The exit that waited finds nothing left and ends unsent; nothing is opened."""
    bench = guarded(Bench(reduce_only=False))
    exit_ = only(bench.say(close()), OrderRequested).cl_ord_id
    bench.venue.fill(bench.working("s")[0].new.cl_ord_id)
    bench.settle()
    assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0)
    assert bench.order(exit_).status is OrdStatus.EXPIRED_UNSENT


def test_the_stop_fills_in_part_while_it_is_taken_back() -> None:
    """The exit goes for what the stop has left."""
    bench = guarded(Bench(reduce_only=False))
    bench.say(close())
    bench.venue.fill(bench.working("s")[0].new.cl_ord_id, 3)
    released = only(bench.settle(), OrderReleased)
    assert released.quantity == 7
    assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0)


@pytest.mark.parametrize("fraction", ["0.5", "1"])
@pytest.mark.parametrize("mode", [None, StopMode.HALT])
def test_stop_and_target_fill_while_an_exit_waits_for_both(
    fraction: str, mode: StopMode | None
) -> None:
    """All that they opened is closed, though the exit of the other side still counts as in flight.

    Before, the exit that was about to end unsent was taken for one that closes the short: a half
    of it, or all, stayed open and unguarded for good.
    """
    bench = guarded(Bench(reduce_only=False))
    bench.say(close(fraction=D(fraction)))
    if mode is not None:
        bench.feed(inp.StopAsked(Instant(bench.at), "all", mode, "ada", "test"))
    for leg in "st":
        bench.venue.fill(bench.working(leg)[0].new.cl_ord_id)
    bench.settle()
    assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0)


def test_a_shared_contract_waits_for_its_stops_even_with_reduce_only() -> None:
    """Reduce-only looks at the account's net, where another strategy's position is room enough.

    Before, the exit and the stop of one strategy could both fill out of the other's position.
    """
    bench = Bench(route={"pyramiding": 9})
    guarded(guarded(bench, 10, "s"), 10, "t")
    exit_ = only(bench.say(close(), strategy="s"), OrderRequested)
    assert exit_.after is not None
    bench.settle()
    assert (bench.book("s").quantity, bench.book("t").quantity) == (0, 10)
    assert [stop.new.quantity for stop in bench.working("s")] == [10]


def test_an_exit_that_our_own_checks_refuse_costs_no_stop() -> None:
    """Under a freeze the stop stays where it is."""
    bench = guarded(Bench(reduce_only=False))
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.FREEZE, "ada", "test"))
    events = bench.say(close())
    assert not every(events, CancelRequested)
    assert len(bench.working("s")) == 1


# --- hedging --------------------------------------------------------------------------------------


def test_on_a_hedging_account_each_position_is_closed_by_its_id() -> None:
    """One exit a position, each naming it; a second close does not name one twice.

    Before, an exit in flight was forgotten: the next close named the same position again and
    left the other open.
    """
    bench = Bench(position_mode=PositionMode.HEDGING, route={"pyramiding": 9}, reduce_only=False)
    held(held(bench, 5), 5)
    first, second = bench.book().lots
    bench.venue.fills_markets = False
    part = only(bench.say(close(quantity=Amount(D(5)))), OrderRequested)
    rest = only(bench.say(close()), OrderRequested)
    assert (part.position_id, rest.position_id) == (first, second)
    bench.settle()
    for order in bench.orders("x"):
        bench.venue.fill(order.cl_ord_id)
    bench.settle()
    assert (bench.book().quantity, bench.book().lots) == (0, {})


def test_on_a_hedging_account_a_hand_closes_the_position_it_names() -> None:
    """The book loses that position and its guard, and keeps the other."""
    bench = Bench(position_mode=PositionMode.HEDGING, route={"pyramiding": 9})
    guarded(guarded(bench, 5), 5)
    second = list(bench.book().lots)[1]
    name = bench.orders("s")[1].parent
    trade = bench.venue.by_hand("a", Side.SELL, 5, told=False)
    bench.feed(inp.ReportReceived(Instant(bench.at), replace(trade, position_id=second)))
    assert list(bench.book().lots) == [next(iter(bench.book().lots))]
    assert second not in bench.book().lots
    assert bench.guard(str(name)).held == 0


# --- cancels --------------------------------------------------------------------------------------


def resting(bench: Bench, side: Side = Side.BUY, label: str = "", strategy: str = "s") -> str:
    """Have a limit entry working."""
    order = PlaceOrder(
        symbol=EURUSD,
        side=side,
        quantity=Amount(D(1)),
        ord_type=OrdType.LIMIT,
        price=D(1),
        label=label,
    )
    name = only(bench.say(order, strategy=strategy), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


@pytest.mark.parametrize(
    ("intent", "gone"),
    [
        (CancelOrders(), {"b1", "b2", "s1"}),
        (CancelOrders(symbol=EURUSD), {"b1", "b2", "s1"}),
        (CancelOrders(side=Side.BUY), {"b1", "b2"}),
        (CancelOrders(label="b2"), {"b2"}),
    ],
)
def test_a_cancel_takes_back_the_strategys_entries(intent: CancelOrders, gone: set[str]) -> None:
    """By symbol, side or label; never another strategy's, and never a stop or target."""
    bench = Bench(route={"pyramiding": 9})
    guarded(bench, 1, "t")
    names = {
        label: resting(bench, side, label)
        for label, side in (("b1", Side.BUY), ("b2", Side.BUY), ("s1", Side.SELL))
    }
    other = resting(bench, strategy="u")
    bench.say(intent)
    bench.settle()
    assert {label for label, name in names.items() if not bench.is_live(name)} == gone
    assert bench.is_live(other)
    assert len(bench.working("s")) == 1


@pytest.mark.parametrize("sent", [False, True])
def test_an_exit_is_taken_back_by_its_label_where_that_is_asked(sent: bool) -> None:
    """Held back for its stop, or working at the venue: it ends, and the stop guards all again."""
    bench = Bench(reduce_only=False)
    guarded(bench, 5)
    bench.venue.fills_markets = False
    leave = ClosePosition(symbol=EURUSD, label="out", quantity=Amount(D(2)))
    name = only(bench.say(leave), OrderRequested).cl_ord_id
    if sent:
        bench.settle()
        assert not bench.order(name).waiting
    assert only(bench.say(CancelOrders(label="out")), IntentIdle), "entries only"
    assert only(bench.say(CancelOrders(exits=True)), IntentIdle), "not without a label"
    bench.say(CancelOrders(label="out", exits=True))
    bench.settle()
    assert bench.orders("x") == []
    assert name in bench.venue.orders or not sent
    assert bench.book().quantity == 5
    assert [order.leaves for order in bench.working("s")] == [5]


def test_a_cancel_of_nothing_is_idle() -> None:
    """And one already under way is not asked for twice."""
    bench = Bench()
    assert only(bench.say(CancelOrders(symbol=EURUSD)), IntentIdle)
    resting(bench)
    assert only(bench.say(CancelOrders()), CancelRequested)
    assert only(bench.say(CancelOrders()), IntentIdle)


def test_what_is_still_held_back_is_taken_back_without_asking_the_venue() -> None:
    """Later parts of a split never left; they end at once."""
    bench = Bench(limits=replace(ROOMY, max_order_qty=D(1), on_oversize="split"))
    bench.venue.fills_markets = False
    names = [event.cl_ord_id for event in every(bench.say(buy(3)), OrderRequested)]
    bench.settle()
    events = bench.say(CancelOrders())
    assert only(events, CancelRequested).cl_ord_id == names[0]
    assert [event.cl_ord_id for event in every(events, OrderEnded)] == names[1:]
    bench.settle()
    assert bench.orders() == []


def test_flatten_cancels_entries_and_closes_every_book_of_the_strategy() -> None:
    """Of all contracts, or of one; what others hold stays."""
    bench = Bench(symbols=("EURUSD", "GBPUSD"), route={"pyramiding": 9})
    held(held(bench, 5), 2, "t")
    bench.say(PlaceOrder(symbol="GBPUSD", side=Side.SELL, quantity=Amount(D(3))))
    resting(bench)
    bench.settle()
    bench.say(Flatten(symbol="GBPUSD"))
    bench.settle()
    assert (bench.book().quantity, bench.book(symbol="GBPUSD").quantity) == (5, 0)
    bench.say(Flatten())
    bench.settle()
    assert (bench.book().quantity, bench.book("t").quantity, bench.working("e")) == (0, 2, [])
    assert only(bench.say(Flatten()), IntentIdle)


# --- signals out of order -------------------------------------------------------------------------


def test_close_long_that_comes_after_the_reversal_does_not_close_the_short() -> None:
    """Alerts may arrive in either order; "close long" says nothing of a short on its way.

    Before, the short was closed as soon as it filled.
    """
    bench = held(Bench())
    bench.say(TargetPosition(symbol=EURUSD, direction=Direction.SHORT, quantity=Amount(D(10))))
    bench.say(close(held=Direction.LONG))
    bench.settle()
    assert bench.book().quantity == -10


def test_flat_that_comes_while_a_reversal_is_in_flight_ends_flat() -> None:
    """Whatever of the reversal has left already, the last word was flat."""
    for steps in range(6):
        bench = held(Bench())
        bench.say(TargetPosition(symbol=EURUSD, direction=Direction.SHORT, quantity=Amount(D(10))))
        bench.carry()
        for _ in range(min(steps, len(bench.post))):
            bench.deliver()
        bench.carry()
        bench.say(TargetPosition(symbol=EURUSD, direction=Direction.FLAT))
        bench.settle()
        assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0), steps


def test_flat_marks_the_book_even_when_exits_in_flight_cover_it() -> None:
    """An entry in flight beside the exit is closed too when it fills.

    Before, a second flat found the exit and forgot the entry, which stayed open.
    """
    bench = Bench(route={"pyramiding": 9})
    held(bench)
    bench.venue.fills_markets = False
    bench.say(close(quantity=Amount(D(10))))
    entry = only(bench.say(buy(5)), OrderRequested).cl_ord_id
    bench.carry()
    events = bench.say(close())
    assert only(events, BookClosing)
    bench.settle()
    for name in [order.cl_ord_id for order in bench.orders()]:
        if bench.is_live(name):
            bench.venue.fill(name)
    bench.venue.fills_markets = True
    bench.settle()
    assert bench.order(entry).status in (OrdStatus.FILLED, OrdStatus.EXPIRED_UNSENT)
    assert bench.book().quantity == 0


# --- a hand at the venue --------------------------------------------------------------------------


def test_a_position_closed_by_hand_stays_closed() -> None:
    """The book is emptied, its stop and target are taken back, and nothing is opened again."""
    bench = guarded(Bench())
    bench.venue.by_hand("a", Side.SELL, 10)
    bench.settle()
    assert (bench.book().quantity, bench.net(), bench.orders()) == (0, 0, [])
    assert not bench.state.accounts["a"].guards
    for _ in range(5):
        bench.wait(10**9)
        bench.look()
        bench.settle()
    assert bench.orders() == []


def test_a_hand_that_closes_part_shrinks_the_stop() -> None:
    """Three of ten sold by hand: the stop protects seven."""
    bench = guarded(Bench())
    bench.venue.by_hand("a", Side.SELL, 3)
    bench.settle()
    assert [stop.leaves for stop in bench.working("s")] == [7]


def test_a_hand_takes_from_its_own_book_first() -> None:
    """What was bought by hand is sold by hand; the rest comes off the oldest strategy."""
    bench = Bench()
    bench.venue.by_hand("a", Side.BUY, 2)
    bench.settle()
    held(bench, 10)
    bench.venue.by_hand("a", Side.SELL, 5)
    bench.settle()
    assert (bench.book("manual").quantity, bench.book().quantity, bench.net()) == (0, 7, 7)


def test_a_hand_that_sells_more_than_all_opens_its_own_short() -> None:
    """The strategy is flat, never short; the rest is the hand's."""
    bench = guarded(Bench())
    bench.venue.by_hand("a", Side.SELL, 15)
    bench.settle()
    assert (bench.book().quantity, bench.book("manual").quantity, bench.net()) == (0, -5, -5)


# --- operators ------------------------------------------------------------------------------------


def test_a_sweep_cancels_entries_and_closes_every_book_in_scope() -> None:
    """By account or all; what it causes is a signal like any other."""
    bench = held(Bench("a", "b", route={"pyramiding": 9}), 5)
    bench.say(buy(ord_type=OrdType.LIMIT, price=D(1)))
    bench.settle()
    bench.feed(inp.SweepAsked(Instant(bench.at), "account:a", True, "ada", "news"))
    bench.settle()
    assert (bench.book().quantity, bench.book(account="b").quantity) == (0, 5)
    assert (bench.working("e", "a"), len(bench.working("e", "b"))) == ([], 1)
    bench.feed(inp.SweepAsked(Instant(bench.at), "strategy:s", True, "ada", "news"))
    bench.settle()
    assert bench.book(account="b").quantity == 0


def test_a_sweep_without_close_leaves_positions() -> None:
    """Cancel is not flatten."""
    bench = held(Bench(route={"pyramiding": 9}), 5)
    resting(bench)
    bench.feed(inp.SweepAsked(Instant(bench.at), "venue:v", False, "ada", "news"))
    bench.settle()
    assert (bench.book().quantity, bench.working("e")) == (5, [])


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        (StopMode.LOCK, StopMode.HALT, StopMode.LOCK),
        (StopMode.FREEZE, StopMode.HALT, StopMode.FREEZE),
        (StopMode.FREEZE, StopMode.LOCK, StopMode.FREEZE),
        (StopMode.HALT, StopMode.LOCK, StopMode.LOCK),
    ],
)
def test_a_stop_never_loosens_another(first: StopMode, then: StopMode, stands: StopMode) -> None:
    """The stricter mode and the later hour stand.

    Before, a halt replaced a freeze, and exits that the user had frozen went out.
    """
    bench = Bench()
    until = Instant(bench.at + 10**12)
    bench.feed(inp.StopAsked(Instant(bench.at), "all", first, "ada", "one", until))
    bench.feed(inp.StopAsked(Instant(bench.at), "all", then, "bob", "two"))
    stop = bench.state.stops["all"]
    assert (stop.mode, stop.until) == (stands, until)


def test_a_signals_halt_does_not_open_a_lock() -> None:
    """A lock holds until its hour, whatever a webhook sends.

    Before, "halt" from a signal replaced the lock, which could then be armed at once.
    """
    bench = Bench()
    until = Instant(bench.at + 10**12)
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.LOCK, "ada", "loss", until))
    bench.say(StopTrading(scope="all"))
    refused = bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "again", "all"))
    assert [event.code for event in refused] == ["locked"]  # type: ignore[union-attr]
    bench.at += 10**12
    bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "again", "all"))
    assert not bench.state.stops


@pytest.mark.parametrize(
    ("typed", "code"), [("", "arm_not_confirmed"), ("al", "arm_not_confirmed"), ("all", "")]
)
def test_arming_needs_its_scope_typed_out(typed: str, code: str) -> None:
    """A stop is lifted by its own name only."""
    bench = Bench()
    bench.say(StopTrading(scope="all"))
    events: list[Event] = bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "again", typed))
    assert [getattr(event, "code", "") for event in events] == [code]
    assert bool(bench.state.stops) is bool(code)


def test_thirds_are_closed_without_losing_a_lot() -> None:
    """A third, a half of the rest, and all: exactly what was bought is sold."""
    bench = held(Bench(), "0.1")
    for share in (Fraction(1, 3), Fraction(1, 2), Fraction(1)):
        part = D(share.numerator) / D(share.denominator)
        bench.say(close(fraction=part))
        bench.settle()
    assert (bench.book().quantity, bench.venue.net["a", "EURUSD.x"]) == (0, 0)
