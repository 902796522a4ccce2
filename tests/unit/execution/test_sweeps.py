"""What a sweep cannot close is said."""

from decimal import Decimal as D

from bascule.execution import inputs as inp
from bascule.model.enums import Side
from bascule.model.event import IntentRefused
from bascule.model.intent import Amount, PlaceOrder
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, only


def test_a_sweep_says_what_is_too_little_to_be_closed() -> None:
    """The venue filled less than a lot step; before, nothing at all was said of it."""
    bench = Bench()
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D("0.01"))))
    bench.settle()
    bench.venue.by_hand("a", Side.SELL, "0.004")
    bench.settle()
    events = bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "ada", "news"))
    refusal = only(events, IntentRefused)
    assert (refusal.code, "0.006 EURUSD of s" in refusal.text) == ("below_min_lot", True)
