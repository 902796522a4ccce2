"""Stops that a venue runs for an entry: one order each, whatever of it was heard."""

from decimal import Decimal as D
from typing import Any

from msgspec.structs import replace

from bascule.model.enums import ExecType, OrdStatus, Side
from bascule.model.event import OrderRequested
from bascule.model.ids import ExecID
from bascule.model.intent import Amount, PlaceOrder
from bascule.model.order import VenueOrder
from tests.unit.execution.harness import EURUSD, Bench, only, protection


def bracketed(bench: Bench, quantity: int) -> str:
    """Open a position whose stop its venue is to run; gives the entry's name."""
    entry = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(quantity)),
        protection=protection("1.08"),
        reference_price=D("1.1"),
    )
    name = str(only(bench.say(entry), OrderRequested).cl_ord_id)
    bench.settle()
    return name


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
    parent = bracketed(bench, 5)
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
    parent = bracketed(bench, 5)
    words: dict[str, Any] = {"parent": parent, "leg": "s", "cl_ord_id": None}
    words |= {"venue_order_id": "c1"}
    words |= {"side": Side.SELL, "stop_price": D("1.08")}
    bench.report(parent, ExecType.NEW, order_qty=D(2), **words)
    bench.report(parent, ExecType.TRADE, last_qty=D(2), last_price=D("1.08"), cum_qty=D(2), **words)
    bench.report(parent, ExecType.REPLACED, order_qty=D(5), cum_qty=D(2), **words)
    [stop] = bench.orders("s")
    assert (stop.cl_ord_id, stop.quantity, stop.leaves) == (f"{parent}:s", 5, 3)
    assert bench.book().quantity == 3
