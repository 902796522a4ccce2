"""Stops that a venue runs for an entry: one order each, whatever of it was heard."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.enums import AccountMode, ExecType, LevelUnit, OrdStatus, OrdType, Side
from bascule.model.event import CancelRequested, IntentRefused, OrderRequested, ReplaceRequested
from bascule.model.ids import ExecID
from bascule.model.intent import Amount, BreakEven, Level, ModifyProtection, PlaceOrder
from bascule.model.order import VenueOrder
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only, protection
from tests.unit.execution.test_opposed_found_by_simulation import entered, shown


def child(bench: Bench, parent: str, quantity: int, filled: int) -> VenueOrder:
    """Show the stop that a venue runs for an entry."""
    shown = bench.venue.shown(bench.venue.orders[parent])
    return replace(
        shown,
        venue_order_id="c1",
        cl_ord_id=None,
        side=Side.SELL,
        quantity=D(quantity),
        cum_qty=D(filled),
        ord_status=OrdStatus.PARTIALLY_FILLED if filled else OrdStatus.WORKING,
        price=None,
        stop_price=D("1.08"),
        parent=parent,
        leg="s",
    )


def test_a_native_stop_that_a_look_shows_half_filled_is_one_order_and_not_whole() -> None:
    """All that it did while the link was down comes at once: its rest is what works."""
    bench = Bench(native_bracket=True)
    parent = entered(bench, 5, guarded=True)
    words = {"parent": parent, "leg": "s", "cl_ord_id": None, "venue_order_id": "c1"}
    sold = [
        replace(
            bench.venue.fills[0],
            exec_id=ExecID(f"f{part}"),
            side=Side.SELL,
            last_qty=D(part),
            cum_qty=None,
            **words,
        )
        for part in (1, 2)
    ]
    bench.look(
        orders=(child(bench, parent, 5, 3),),
        fills=(*bench.venue.fills, *sold),
        positions=(replace(bench.venue.positions("a")[0], quantity=D(2)),),
    )
    [stop] = bench.orders("s")
    assert (stop.quantity, stop.cum_qty, stop.leaves) == (5, 3, 2)
    assert bench.book().quantity == 2


def test_a_native_stop_that_was_made_larger_unheard_goes_on() -> None:
    """It grew with its entry, and the word of it was lost: it filled as large as it was known."""
    bench = Bench(native_bracket=True)
    parent = entered(bench, 5, guarded=True)
    words: dict[str, Any] = {"parent": parent, "leg": "s", "cl_ord_id": None}
    words |= {"venue_order_id": "c1"}
    words |= {"side": Side.SELL, "stop_price": D("1.08")}
    bench.report(parent, ExecType.NEW, order_qty=D(2), **words)
    bench.report(parent, ExecType.TRADE, last_qty=D(2), last_price=D("1.08"), cum_qty=D(2), **words)
    bench.report(parent, ExecType.REPLACED, order_qty=D(5), cum_qty=D(2), **words)
    [stop] = bench.orders("s")
    assert (stop.cl_ord_id, stop.quantity, stop.leaves) == (f"{parent}:s", 5, 3)
    assert bench.book().quantity == 3


def test_a_native_stop_that_its_venue_cannot_move_gives_way_to_one_of_ours() -> None:
    """Before, the venue was asked again and again for a change that it does not know."""
    bench = Bench(native_bracket=True, replace=False)
    parent = entered(bench, 5, guarded=True)
    shown(bench, parent, 5)
    moved = bench.say(ModifyProtection(symbol=EURUSD, protection=protection("1.09")))
    assert not every(moved, ReplaceRequested)
    assert only(moved, CancelRequested).cl_ord_id == f"{parent}:s"
    bench.report(f"{parent}:s", ExecType.CANCELED, cl_ord_id=None, parent=parent, leg="s")
    bench.settle()
    [stop] = bench.working("s")
    assert (stop.stop_price, stop.new.quantity) == (D("1.09"), 5)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"ord_types": (OrdType.MARKET, OrdType.LIMIT)}, "capability_absent"),
        ({"mode": AccountMode.LIVE}, "stop_only_in_engine"),
    ],
)
def test_a_native_stop_that_nothing_may_replace_stays_where_it_is(
    words: dict[str, Any], code: str
) -> None:
    """The sender is told, and nothing is asked of the venue."""
    bench = Bench(native_bracket=True, replace=False, **words)
    parent = entered(bench, 5, guarded=True)
    shown(bench, parent, 5)
    said = bench.say(ModifyProtection(symbol=EURUSD, protection=protection("1.09")))
    assert only(said, IntentRefused).code == code
    assert not every(said, CancelRequested)
    assert bench.guard(parent).bracket.stop_loss == D("1.08")


@pytest.mark.parametrize("replace", [True, False])
def test_a_stop_that_is_to_follow_is_the_venues_only_where_it_can_be_moved(replace: bool) -> None:
    """A break-even would never come about."""
    bench = Bench(native_bracket=True, replace=replace)
    even = BreakEven(trigger=Level(D("0.0010"), LevelUnit.DISTANCE))
    asked = msgspec.structs.replace(protection("1.08"), break_even=even)
    order = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(5)),
        protection=asked,
        reference_price=D("1.1"),
    )
    bracket = only(bench.say(order), OrderRequested).bracket
    assert bracket.native is replace


def test_what_a_target_closed_before_its_entrys_fill_was_told_is_no_other_entrys() -> None:
    """One of four was known to have filled as the target closed four: three were of another.

    Before, the three that were told late had a stop from then on, and of the other three had none.
    """
    bench = Bench(native_bracket=True, route={"pyramiding": 9})
    other = entered(bench, 5, guarded=True)
    bench.venue.fills_markets = False
    parent = entered(bench, 4, guarded=True)
    bench.venue.fill(parent, 1)
    bench.settle()
    late = bench.venue.fill(parent, 3, told=False)
    assert late is not None
    words: dict[str, Any] = {"parent": parent, "leg": "t", "cl_ord_id": None, "side": Side.SELL}
    words |= {"venue_order_id": "c2", "price": D("1.15"), "order_qty": D(4)}
    bench.report(parent, ExecType.TRADE, last_qty=D(4), last_price=D("1.15"), cum_qty=D(4), **words)
    assert (bench.guard(other).held, bench.guard(parent).held) == (2, 0)
    bench.feed(inp.ReportReceived(Instant(bench.at), late))
    assert (bench.guard(other).held, bench.book().quantity) == (5, 5)
    assert parent not in bench.state.accounts["a"].guards
    assert bench.replay() == dump(bench.state)
