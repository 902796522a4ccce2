"""Orders above what the user or the venue lets be sent at once: refused, or split, never cut."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.model.enums import Direction, OrdStatus, QtyUnit
from bascule.model.event import OrderRefused, OrderRequested
from bascule.model.intent import Amount, TargetPosition
from tests.unit.execution.harness import ROOMY, Bench, every, only, protection
from tests.unit.execution.test_entries import place

SPLIT = replace(ROOMY, max_order_qty=D(2), on_oversize="split")


def test_a_large_order_becomes_sequential_children() -> None:
    """Each within the limit, each sent only when the one before has filled; one guard each."""
    bench = Bench(limits=SPLIT)
    events = bench.say(place(quantity=5, protection=protection("1.08"), reference_price=D("1.1")))
    parts = every(events, OrderRequested)
    assert [part.quantity for part in parts] == [2, 2, 1]
    assert [part.after for part in parts] == [None, parts[0].cl_ord_id, parts[1].cl_ord_id]
    bench.venue.fills_markets = False
    bench.settle()
    assert bench.venue.submits == [parts[0].cl_ord_id]
    bench.venue.fill(parts[0].cl_ord_id, 1)
    bench.settle()
    assert parts[1].cl_ord_id not in bench.venue.submits
    bench.venue.fills_markets = True
    bench.venue.fill(parts[0].cl_ord_id, 1)
    bench.settle()
    assert bench.book().quantity == 5
    assert sorted(stop.quantity for stop in bench.working("s")) == [1, 2, 2]
    assert bench.book().entries == 1


def test_a_split_stops_when_a_part_does_not_fill() -> None:
    """The second part is canceled: the third never leaves."""
    bench = Bench(limits=SPLIT)
    parts = [e.cl_ord_id for e in every(bench.say(place(quantity=5)), OrderRequested)]
    bench.venue.refuses = lambda order: "no" if order.cl_ord_id == parts[1] else ""
    bench.settle()
    assert bench.book().quantity == 2
    assert bench.order(parts[2]).status is OrdStatus.EXPIRED_UNSENT
    assert parts[2] not in bench.venue.submits


def test_without_a_split_a_large_order_is_refused_with_the_numbers() -> None:
    """The refusal names the size, the limit, and what would pass."""
    bench = Bench(limits=replace(ROOMY, max_order_qty=D(2)))
    event = only(bench.say(place(quantity=5)), OrderRefused)
    assert event.code == "max_order_size"
    assert "5 is more than the largest order of 2" in event.text
    assert 'on_oversize = "split"' in event.text


@pytest.mark.parametrize(
    "ask",
    [
        lambda: place(quantity=9),
        lambda: TargetPosition(
            symbol="EURUSD", direction=Direction.LONG, quantity=Amount(D(9), QtyUnit.UNITS)
        ),
    ],
)
def test_more_than_the_venue_takes_in_one_order_is_never_cut_in_silence(ask: Any) -> None:
    """It is refused with the numbers, or split where the account says so."""
    bench = Bench(contract={"max_qty": D(4)})
    event = only(bench.say(ask()), OrderRefused)
    assert event.code == "tick_or_lot"
    assert "9 is above the venue's largest order 4" in event.text
    assert 'on_oversize = "split"' in event.text
    assert bench.venue.submits == []
    split = Bench(contract={"max_qty": D(4)}, limits=replace(ROOMY, on_oversize="split"))
    assert [e.quantity for e in every(split.say(ask()), OrderRequested)] == [4, 4, 1]
    split.settle()
    assert split.book().quantity == 9


def test_a_split_keeps_to_the_smaller_of_the_users_limit_and_the_venues() -> None:
    """Each part passes both."""
    bench = Bench(
        contract={"max_qty": D(2)}, limits=replace(ROOMY, max_order_qty=D(3), on_oversize="split")
    )
    parts = every(bench.say(place(quantity=5)), OrderRequested)
    assert [part.quantity for part in parts] == [2, 2, 1]
