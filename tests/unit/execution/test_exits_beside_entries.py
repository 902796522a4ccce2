"""Exits beside entries: those that still rest, those that fill too late, those of others."""

from decimal import Decimal as D

import pytest

from bascule.execution import fold_orders
from bascule.model.enums import OrdStatus, OrdType, PositionMode, Side
from bascule.model.event import CancelRequested, IntentRefused, OrderRequested
from bascule.model.intent import Amount, ClosePosition, Flatten, PlaceOrder
from bascule.model.order import NewOrder
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only, protection

GBPUSD = "GBPUSD"


def buy(bench: Bench, quantity: int = 10, symbol: str = EURUSD, strategy: str = "s") -> str:
    """Have a limit entry with a stop working."""
    order = PlaceOrder(
        symbol=symbol,
        side=Side.BUY,
        quantity=Amount(D(quantity)),
        ord_type=OrdType.LIMIT,
        price=D("1.1"),
        protection=protection("1.08"),
    )
    name = only(bench.say(order, strategy=strategy), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


def fill(bench: Bench, name: str, quantity: int | None = None) -> None:
    """Have it filled, all or so much."""
    bench.venue.fill(name, quantity)
    bench.settle()


def test_a_part_is_closed_without_taking_entries_back() -> None:
    """Only what closes all says that nothing more is wanted."""
    bench = Bench(route={"pyramiding": 9})
    fill(bench, buy(bench))
    rests = buy(bench)
    for close, gone in ((ClosePosition(symbol=EURUSD, fraction=D("0.5")), []),
                        (ClosePosition(symbol=EURUSD), [rests])):  # fmt: skip
        asked = every(bench.say(close), CancelRequested)
        assert [event.cl_ord_id for event in asked] == gone
        bench.settle()


def test_flatten_of_one_contract_leaves_the_entries_of_another() -> None:
    """And one that is not known touches nothing at all."""
    bench = Bench(symbols=(EURUSD, GBPUSD), route={"pyramiding": 9})
    names = {symbol: buy(bench, symbol=symbol) for symbol in (EURUSD, GBPUSD)}
    assert only(bench.say(Flatten(symbol="XYZ")), IntentRefused).code == "unknown_symbol"
    asked = every(bench.say(Flatten(symbol=GBPUSD)), CancelRequested)
    assert [event.cl_ord_id for event in asked] == [names[GBPUSD]]


def test_flatten_closes_what_nets_to_nothing() -> None:
    """A position on each side, of the same size: both are closed, by their ids."""
    bench = Bench(position_mode=PositionMode.HEDGING, reduce_only=False, route={"pyramiding": 9})
    sell = PlaceOrder(
        symbol=EURUSD, side=Side.SELL, quantity=Amount(D(10)), ord_type=OrdType.LIMIT, price=D(1)
    )
    names = [buy(bench), str(only(bench.say(sell), OrderRequested).cl_ord_id)]
    bench.settle()
    for name in names:
        fill(bench, name)
    assert (bench.book().quantity, len(bench.book().lots)) == (0, 2)
    bench.say(Flatten())
    bench.settle()
    assert not bench.book().lots


def test_an_exit_waits_for_its_stop_where_another_strategy_may_come_to_hold_the_contract() -> None:
    """It is flat and has an entry working: then reduce-only is room enough for stop and exit."""
    bench = Bench(route={"pyramiding": 9})
    fill(bench, buy(bench))
    buy(bench, strategy="other")
    bench.say(ClosePosition(symbol=EURUSD))
    assert bench.orders("x")[0].waiting


def test_a_late_close_has_an_id_that_its_signal_never_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal's own exit is forgotten here, and known to the venue, which takes no id twice."""
    bench = Bench()
    name = buy(bench)
    fill(bench, name, 4)
    bench.venue.refuses_change = lambda order, kind: "busy"
    monkeypatch.setattr(fold_orders, "ENDED_ORDERS_MAX", 0)
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert bench.book().quantity == 0
    fill(bench, name, 3)
    assert bench.book().quantity == 0
    assert bench.venue.net["a", f"{EURUSD}.x"] == 0


def test_a_late_fill_whose_close_was_refused_is_closed_at_the_next_look() -> None:
    """Nobody wants what it opened: it is tried until it is gone."""
    bench = Bench()
    name = buy(bench)
    bench.say(ClosePosition(symbol=EURUSD))
    bench.wire.clear()

    def no_exits(order: NewOrder) -> str:
        return "broker_refused" if order.ord_type is OrdType.MARKET else ""

    bench.venue.refuses = no_exits
    fill(bench, name, 10)
    assert bench.book().quantity == 10
    bench.venue.refuses = lambda order: ""
    bench.wait(SECOND)
    again = only(bench.look(began=Instant(bench.at)), OrderRequested)
    assert (again.leg, again.side, again.quantity) == ("x", Side.SELL, 10)
    bench.settle()
    assert bench.book().quantity == 0
    assert bench.order(name).status is OrdStatus.FILLED
