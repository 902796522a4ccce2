"""Limits on loss that change while a reset passes: the new day begins all the same."""

from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.limits import next_reset
from bascule.execution.state import dump
from bascule.execution.turn import Turn
from bascule.model.event import LedgerMoved, OrderRequested, ScaleRecorded
from bascule.model.intent import Amount, ClosePosition
from bascule.model.programme import Clock, Limit, MaxLoss, Programme, Trail
from bascule.model.values import HOUR, MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only
from tests.unit.execution.test_loss_watch import DAILY, MIDNIGHT, RULES, bench, buy, ledger, loss

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


EOD = MaxLoss(
    Limit(amount=D(4000)), "trailing", Trail("equity", "eod", Clock("00:00", "UTC")), None,
    "equity", "below", "fail",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "floor"),
    [
        (Programme(id="firm", daily_loss=replace(DAILY, reference="equity")), 97_690),
        (Programme(id="firm", max_loss=EOD), 98_690),
    ],
)
def test_a_reset_that_nobody_saw_is_measured_by_what_is_known_first(
    rules: Programme, floor: int
) -> None:
    """The engine died at 102,690 and came back after midnight; the last that it wrote was 99,900.

    Before, both lines were drawn from that: 7,790 could be lost where the firm allows 5,000.
    """
    made = bench(rules)
    made.wait(HOUR)
    made.quote("1.1040")
    made.wait(2 * SECOND)
    made.venue.price = D("1.0999")
    made.quote("1.0999")
    made.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(1))))
    made.settle()
    made.at = Instant(MIDNIGHT - 20 * SECOND)
    made.quote("1.1030")
    assert (loss(made).equity, ledger(made).equity) == (102_690, 99_900)
    made.at = Instant(MIDNIGHT + 20 * SECOND)
    made.venue.at = made.at
    made.begin()
    made.look()
    made.quote("1.1030")
    made.money(99_990, equity=102_690)
    assert loss(made).rooms[0].floor == floor
    assert made.replay() == dump(made.state)


def test_a_reset_that_was_seen_is_measured_by_what_was_just_before_it() -> None:
    """What moves with the first price of the new day belongs to that day."""
    made = bench(replace(RULES, daily_loss=replace(DAILY, reference="equity")))
    made.at = Instant(MIDNIGHT - SECOND)
    made.quote("1.1000")
    made.at = Instant(MIDNIGHT + SECOND)
    made.quote("1.1010")
    assert loss(made).rooms[0].floor == 95_000


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


def test_where_nobody_says_when_a_day_ends_sizes_and_limits_grow_with_the_last_of_all() -> None:
    """Half an hour before midnight in UTC each usual day but that one has just begun."""
    made = bench(replace(RULES, daily_loss=replace(DAILY, reset=None)), held=0)
    made.at = Instant(MIDNIGHT - 30 * MINUTE)
    last = MIDNIGHT + 23 * HOUR  # in Prague, in winter
    events = made.feed(inp.ScaleTold(Instant(made.at), "a", D("1.5"), "me"))
    assert only(events, ScaleRecorded).effective_at == last
    turn = Turn(made.state, made.settings, made.market, Instant(made.at))
    assert next_reset(turn, "account:a") == last
