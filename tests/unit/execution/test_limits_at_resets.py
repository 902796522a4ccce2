"""Limits on loss that change while a reset passes: the new day begins all the same."""

from decimal import Decimal as D

from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.model.event import LedgerMoved, OrderRequested
from bascule.model.intent import ClosePosition
from bascule.model.values import HOUR, MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every
from tests.unit.execution.test_loss_watch import MIDNIGHT, bench, buy, ledger, loss

OWN = replace(ROOMY, max_daily_loss=D(1000))


def configure(made: Bench, amount: int) -> None:
    """Write another limit of the day into the file; it is read at the next start."""
    spec = made.settings.accounts["a"]
    limits = replace(OWN, max_daily_loss=D(amount))
    made.settings.accounts["a"] = replace(spec, limits=limits)


def start(made: Bench, balance: int) -> None:
    """Start the engine anew, and let the venue say what there is."""
    made.begin()
    made.look()
    made.money(balance)
    made.wait(SECOND)
    made.quote("1.1500")


def test_a_looser_limit_begins_with_the_day_that_it_was_accepted_for() -> None:
    """It is measured from what the new day began with, 150,000, and not from yesterday's 100,000.

    Before, the reset that put the limit in force was itself left out: 51,500 could be lost in a
    day that allows 1,500.
    """
    made = bench(None, limits=OWN)
    made.venue.price = D("1.1500")
    made.quote("1.1500")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    made.wait(SECOND)
    made.look()
    made.money(150_000)
    configure(made, 1500)
    start(made, 150_000)
    made.feed(inp.LimitsAccepted(Instant(made.at), "ada", "more"))
    while made.at < MIDNIGHT + MINUTE:
        made.wait(30 * MINUTE)
    assert [room.floor for room in loss(made).rooms] == [148_500]
    assert "reset" in every(made.events, LedgerMoved)[-1].cause


def test_a_pause_ends_with_its_day_though_the_limit_was_changed_over_night() -> None:
    """Stopped out on Monday, a tighter limit in the file, started again on Tuesday: it trades.

    Before, Monday's pause and Monday's reference were carried into Tuesday.
    """
    made = bench(None, limits=OWN)
    made.quote("1.0980")
    made.settle()
    assert loss(made).paused
    made.money(98_000)
    made.at = MIDNIGHT + HOUR
    made.venue.at = Instant(made.at)
    configure(made, 900)
    start(made, 98_000)
    assert not loss(made).paused
    assert [room.floor for room in loss(made).rooms] == [97_100]
    assert ledger(made).days[0].since == MIDNIGHT
    made.feed(inp.ArmAsked(Instant(made.at), "account:a", "ada", "a new day", "a"))
    assert every(made.say(buy(1)), OrderRequested)
