"""A firm's days as the loss watch keeps them: when they begin, and which were traded on."""

from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from bascule.model.event import LedgerMoved
from bascule.model.intent import ClosePosition
from bascule.model.programme import Clock, Limit, Programme
from bascule.model.values import HOUR, MINUTE, SECOND
from tests.unit.execution.harness import EURUSD, every, only
from tests.unit.execution.test_loss_watch import DAILY, MIDNIGHT, RULES, bench, ledger


def test_what_a_firms_rules_begin_with_is_journaled() -> None:
    """When they are first held against an account, and when they have become others."""
    made = bench(held=0)
    assert every(made.events, LedgerMoved)[0].cause == "opened"
    spec = made.settings.accounts["a"]
    less = replace(DAILY, limit=Limit(pct=D(4), of="initial"))
    made.settings.accounts["a"] = replace(spec, programme=replace(RULES, daily_loss=less))
    assert only(made.wait(SECOND), LedgerMoved).cause == "rules"


@pytest.mark.parametrize("falls", [False, True])
def test_a_day_goes_on_when_it_is_told_when_days_begin(falls: bool) -> None:
    """Of four possible clocks one is left: the floor is that of the highest, and so is a pause."""
    unknown = replace(DAILY, reference="equity", reset=Clock("00:00", "unknown"), on_breach="pause")
    made = bench(Programme(id="firm", daily_loss=unknown))
    while made.at < MIDNIGHT - 2 * HOUR + MINUTE:
        made.wait(30 * MINUTE)
        made.quote("1.1100")
    made.quote("1.1040" if falls else "1.1090")
    made.settle()
    told = Programme(id="firm", daily_loss=replace(unknown, reset=Clock("00:00", "UTC")))
    spec = made.settings.accounts["a"]
    made.settings.accounts["a"] = replace(spec, programme=told)
    made.wait(SECOND)
    (day,) = ledger(made).days
    assert (day.reference, day.paused) == (110_000, falls)


def test_an_exit_makes_no_day_one_on_which_was_traded() -> None:
    """A firm counts the days on which something was opened."""
    made = bench()
    assert ledger(made).traded
    made.at = MIDNIGHT
    made.wait(SECOND)
    made.venue.price = D("1.1010")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    known = ledger(made)
    assert (known.day, known.profit, known.traded) == ("2026-01-06", 1_000, False)
