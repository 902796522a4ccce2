"""The owner's own limit on the drawdown: it pauses an account, and ends none."""

from decimal import Decimal as D

from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.event import GuardTripped, LedgerBreached, OrderRefused, OrderRequested
from bascule.model.values import DAY, SECOND, Instant
from tests.unit.execution.harness import ROOMY, Bench, every, only
from tests.unit.execution.test_loss_watch import DAILY, RULES, bench, buy, ledger, loss

OWN = replace(ROOMY, max_daily_loss=D(1000), max_drawdown=D(3000))


def crossed(rules: object = None) -> Bench:
    """Gap through both limits: 5,000 are lost, the account is closed, and a day passes."""
    made = bench(rules, limits=OWN)  # type: ignore[arg-type]
    at_price(made, "1.0950")
    assert made.net() == 0
    another_day(made)
    made.feed(inp.ArmAsked(Instant(made.at), "account:a", "ada", "go on", "a"))
    assert not made.state.stops
    return made


def at_price(made: Bench, price: str) -> None:
    """Let the market stand elsewhere."""
    made.wait(SECOND)
    made.venue.price = D(price)
    made.quote(price)
    made.settle()


def another_day(made: Bench, balance: int = 95_000) -> None:
    """Let two days pass, with the venue's word at their end."""
    made.wait(2 * DAY)
    made.quote(made.venue.price)
    made.money(balance)
    made.look()


def test_it_is_crossed_once_and_said_to_pause() -> None:
    """Nothing is said of a firm that may end the account, since there is none."""
    made = crossed()
    (told,) = [one for one in every(made.events, LedgerBreached) if one.rules == ("max_loss",)]
    assert told.soft
    assert "the account pauses" in told.text
    assert not ledger(made).failed
    assert only(made.say(buy(1, "1.0900")), OrderRefused).code == "max_drawdown"
    assert made.replay() == dump(made.state)


def test_once_there_is_room_again_the_watch_acts_again() -> None:
    """A hand made the loss good: what a day loses after that closes the account as before.

    Before, an account that had once crossed its owner's line was never closed again.
    """
    made = crossed()
    another_day(made, 110_000)
    another_day(made, 110_000)
    made.say(buy(10, "1.0800"))
    made.settle()
    assert made.net() == 10
    at_price(made, "1.0940")
    assert every(made.events, GuardTripped)[-1].rule == "daily_loss"
    assert made.net() == 0


def test_a_looser_one_that_was_accepted_is_in_force() -> None:
    """From 100,000 the floor is 80,000. Before, it stayed at 97,000, whatever was accepted."""
    made = crossed()
    spec = made.settings.accounts["a"]
    looser = replace(OWN, max_drawdown=D(20_000))
    made.settings.accounts["a"] = replace(spec, limits=looser)
    made.begin()
    made.look()
    made.money(95_000)
    made.feed(inp.LimitsAccepted(Instant(made.at), "ada", "more"))
    another_day(made)
    assert [(room.rule, room.floor) for room in loss(made).rooms] == [
        ("daily_loss", 94_000), ("max_loss", 80_000),
    ]  # fmt: skip
    assert every(made.say(buy(1, "1.0940")), OrderRequested)


def test_beside_a_firm_that_limits_the_day_alone_it_is_the_owners_still() -> None:
    """The firm's own line, crossed in the same gap, ends the account; the owner's does not."""
    made = bench(replace(RULES, max_loss=None), limits=replace(OWN, max_daily_loss=None))
    at_price(made, "1.0960")
    assert [(one.rules, one.soft) for one in every(made.events, LedgerBreached)] == [
        (("max_loss",), True)
    ]
    assert not ledger(made).failed
    hard = bench(
        replace(RULES, daily_loss=replace(DAILY, on_breach="fail")),
        limits=replace(OWN, max_daily_loss=None),
    )
    at_price(hard, "1.0890")
    assert ledger(hard).failed == ("daily_loss", "max_loss")
