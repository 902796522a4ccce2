"""Guards beside what gets in their way: refused stops, two for one, exits in flight, both sides."""

from decimal import Decimal as D

import pytest

from bascule.execution import fold_orders
from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side, StopMode
from bascule.model.event import CancelRequested, OrderRequested, ProtectionChanged
from bascule.model.ids import AccountId, ClOrdID, VenueOrderId
from bascule.model.intent import Amount, ClosePosition, ModifyProtection, PlaceOrder
from bascule.model.order import NewOrder, VenueOrder
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only, protection
from tests.unit.execution.test_guards import entry, filled, sizes


def _no_stops(order: NewOrder) -> str:
    return "stop_distance" if order.ord_type is OrdType.STOP else ""


def _sell(quantity: int) -> PlaceOrder:
    return PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(quantity)))


def _native_stop(bench: Bench, name: str, quantity: int) -> VenueOrder:
    """Give a venue's own stop of an entry, as a look shows it."""
    return VenueOrder(
        account=AccountId("a"),
        venue_order_id=VenueOrderId(f"c-{name}"),
        venue_symbol=bench.order(name).venue_symbol,
        side=Side.SELL,
        ord_type=OrdType.STOP,
        ord_status=OrdStatus.WORKING,
        quantity=D(quantity),
        cum_qty=D(0),
        at=Instant(bench.at),
        stop_price=D("1.08"),
        parent=ClOrdID(name),
        leg="s",
    )


def test_a_reversal_leaves_the_stop_until_the_position_is_closed() -> None:
    """What waits to be opened on the other side takes nothing of what is held on this one."""
    bench = Bench()
    name = filled(bench)
    bench.venue.fills_markets = False
    bench.say(_sell(5))
    bench.settle()
    assert [order.leg for order in bench.orders() if order.waiting] == ["e"]
    bench.report(name, ExecType.NEW)
    bench.settle()
    assert sizes(bench, "s") == [10]


def test_while_a_part_is_on_its_way_out_the_younger_entry_has_a_stop() -> None:
    """Without reduce-only: five of ten are leaving, the oldest first, and five are protected."""
    bench = Bench(reduce_only=False, route={"pyramiding": 9})
    for _ in range(2):
        filled(bench, quantity=5)
    bench.venue.fills_markets = False
    bench.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(5))))
    bench.settle()
    assert (bench.book().exiting, sizes(bench, "s")) == (5, [5])


def test_a_venues_stop_that_is_shown_before_its_entry_has_filled_asks_for_a_look() -> None:
    """The news of the fill that it protects was lost; nothing is asked of the stop."""
    bench = Bench(native_bracket=True)
    name = entry(bench)
    words = {"parent": name, "leg": "s", "cl_ord_id": None, "venue_order_id": "c1"}
    events = bench.report(name, ExecType.NEW, side=Side.SELL, order_qty=D(10), **words)
    assert "a" in bench.market.looks
    assert not every(events, CancelRequested)


def test_a_stop_that_is_made_again_has_another_id_than_one_that_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The venue would know the id: it names an order by what it was made for, and how often."""
    bench = Bench(reduce_only=False)
    filled(bench)
    (stop,) = bench.working("s")
    monkeypatch.setattr(fold_orders, "ENDED_ORDERS_MAX", 0)
    bench.venue.fills_markets = False
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert not bench.working("s")
    bench.venue.end(bench.venue.orders[bench.orders("x")[0].cl_ord_id], OrdStatus.CANCELED)
    bench.settle()
    assert [order.cl_ord_id for order in bench.orders("s")] == [f"{stop.new.cl_ord_id}.1"]


def test_of_two_stops_for_one_position_one_is_taken_back() -> None:
    """The venue refused the first, or so it said, and shows it working beside the second."""
    bench = Bench()
    name = entry(bench)
    bench.venue.fill(name)
    bench.deliver()
    first = bench.orders("s")[0].cl_ord_id
    bench.carry()
    bench.post.clear()
    bench.report(first, ExecType.REJECTED)
    bench.settle()
    assert len(bench.orders("s")) == 1
    bench.wait(SECOND)
    bench.look()
    bench.settle()
    assert sizes(bench, "s") == [10]
    assert len(bench.orders("s")) == 1


def test_at_a_venue_without_changes_a_stop_is_moved_whole() -> None:
    """What fills while the old stop is taken back is in the new one, not in one beside it."""
    bench = Bench(replace=False)
    name = entry(bench)
    bench.venue.fill(name, 4)
    bench.settle()
    bench.wait(SECOND)
    bench.say(ModifyProtection(symbol=EURUSD, protection=protection("1.09")))
    bench.traded(name, 6, exec_id="late")
    assert len(bench.orders("s")) == 1
    bench.settle()
    (stop,) = bench.working("s")
    assert (stop.quantity, stop.stop_price) == (10, D("1.09"))


def test_what_has_no_stop_is_closed_by_its_id_where_others_stand_against_it() -> None:
    """The book holds positions on both sides, so that its sum says nothing of either."""
    bench = Bench(position_mode=PositionMode.HEDGING, reduce_only=False, route={"pyramiding": 9})
    rests = [entry(bench, quantity=5), entry(bench, quantity=7, side=Side.SELL)]
    bench.venue.fill(rests[1])
    bench.settle()
    bench.venue.refuses = _no_stops
    bench.venue.fill(rests[0])
    bench.settle()
    (close,) = (one for one in every(bench.events, OrderRequested) if one.leg == "x")
    assert (close.side, close.quantity, close.position_id) == (Side.SELL, 5, f"p-{rests[0]}")
    assert list(bench.book().lots.values()) == [-7]
    assert sizes(bench, "s") == [7]


def test_a_guard_that_never_had_an_order_is_forgotten_with_its_position() -> None:
    """A hand closes what only the venue was to protect: nothing is left to tend."""
    bench = Bench(native_bracket=True)
    filled(bench)
    bench.venue.by_hand("a", Side.SELL, 10)
    bench.settle()
    assert not bench.state.accounts["a"].guards


def test_a_bracket_that_the_very_look_shows_is_left_to_its_venue() -> None:
    """Its stop had ended and was shown no more; the look has another in its place."""
    bench = Bench(native_bracket=True)
    name = filled(bench)
    stop = _native_stop(bench, name, 10)
    bench.look(orders=(stop,))
    bench.look()
    assert not bench.orders("s")
    bench.look(orders=(stop,))
    assert bench.guard(name).bracket.native
    assert not every(bench.events, ProtectionChanged)


def test_the_bust_of_an_exit_guards_what_it_had_closed_and_nothing_else() -> None:
    """Younger entries of another strategy, contract or side have closed by themselves."""
    bench = Bench(symbols=(EURUSD, "GBPUSD"), route={"pyramiding": 9})

    def opened(side: Side, strategy: str, symbol: str) -> str:
        order = PlaceOrder(
            symbol=symbol,
            side=side,
            quantity=Amount(D(5)),
            protection=protection("1.08" if side is Side.BUY else "1.12"),
            reference_price=D("1.1"),
        )
        name = only(bench.say(order, strategy=strategy), OrderRequested).cl_ord_id
        bench.settle()
        return str(name)

    def closed(strategy: str = "s", symbol: str = EURUSD) -> str:
        asked = bench.say(ClosePosition(symbol=symbol), strategy=strategy)
        bench.settle()
        return str(only(asked, OrderRequested).cl_ord_id)

    name = opened(Side.BUY, "s", EURUSD)
    for other in (("t", EURUSD), ("s", "GBPUSD")):
        opened(Side.BUY, *other)
        closed(*other)
    exit_ = closed()
    fill = bench.venue.fills[-1]
    opened(Side.SELL, "s", EURUSD)
    closed()
    assert not bench.state.accounts["a"].guards
    bench.report(exit_, ExecType.TRADE_CANCEL, ref_exec_id=fill.exec_id)
    assert {key: guard.held for key, guard in bench.state.accounts["a"].guards.items()} == {name: 5}


def test_a_late_fill_is_shared_among_its_targets_as_if_nothing_had_been_closed() -> None:
    """Each target has its portion of all that was filled, also by a guard that is made anew."""
    bench = Bench()
    name = entry(bench, ("1.12", "0.25"), ("1.14", "0.75"), quantity=20)
    bench.venue.fill(name, 4)
    bench.settle()
    bench.venue.end(bench.venue.orders[name], OrdStatus.CANCELED)
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert not bench.state.accounts["a"].guards
    bench.state.accounts["a"].books[f"s|{EURUSD}"].closing = None
    bench.traded(name, 4, exec_id="late")
    assert [order.quantity for order in bench.orders("t")] == [2, 2]


@pytest.mark.parametrize("armed", [True, False])
def test_what_a_latch_held_back_is_no_refusal_and_goes_once_it_may(armed: bool) -> None:
    """Someone froze everything by the latch as an entry filled: its stop follows, and no close.

    It is tried again after 1, 2, 4 ... 32 seconds, and at once when somebody arms.
    """
    bench = Bench()
    name = entry(bench)
    bench.latched = True
    bench.venue.fill(name)
    bench.settle()
    for _ in range(100):
        bench.wait(SECOND)
        bench.settle()
    stops = [one for one in every(bench.events, OrderRequested) if one.leg == "s"]
    assert [(one.at - stops[0].at) // SECOND for one in stops] == [0, 1, 3, 7, 15, 31, 63, 95]
    bench.latched = False
    if armed:
        bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.HALT, "ada", "a test"))
        bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "all is well", "all"))
    else:
        bench.wait(27 * SECOND)
    bench.settle()
    assert sizes(bench, "s") == [10]
    assert bench.net() == 10
    assert bench.guard(name).unsent == 0
    assert bench.replay() == dump(bench.state)
