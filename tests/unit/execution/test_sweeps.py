"""What a sweep cannot close is said."""

from decimal import Decimal as D

from bascule.execution import inputs as inp
from bascule.model.enums import Side
from bascule.model.event import IntentIdle, IntentRefused
from bascule.model.intent import Amount, Flatten, PlaceOrder
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only


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


def test_what_the_venue_has_not_listed_is_not_said_to_be_flat() -> None:
    """Before the first connection nothing can be closed, and a flatten says so, whoever asks.

    Before, a signal was told that nothing is held, and a person nothing at all.
    """
    bench = Bench()
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(5))))
    bench.settle()
    listings = dict(bench.settings.listings)
    bench.settings.listings.clear()
    for events in (
        bench.say(Flatten()),
        bench.feed(inp.SweepAsked(Instant(bench.at), "all", True, "ada", "news")),
    ):
        refusal = only(events, IntentRefused)
        assert (refusal.code, refusal.account) == ("account_not_ready", "a")
        assert "5 EURUSD of s was not closed" in refusal.text
        assert not every(events, IntentIdle)
    bench.settings.listings.update(listings, a={})
    assert only(bench.say(Flatten()), IntentRefused).code == "unknown_symbol"
