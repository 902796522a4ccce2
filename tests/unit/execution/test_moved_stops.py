"""A stop that is moved away meets the checks on loss, as an entry with that stop would."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution.open_risk import loses_more
from bascule.execution.state import Guard
from bascule.model.account import RiskLimits
from bascule.model.enums import OrdType, Side
from bascule.model.event import (
    Bracket,
    Event,
    IntentRefused,
    OrderRefused,
    OrderRequested,
    ProtectionChanged,
    ReplaceRequested,
)
from bascule.model.intent import ClosePosition, ModifyOrder, ModifyProtection
from bascule.model.programme import IdeaRule, Programme, StopLossRule
from bascule.model.values import SECOND
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only, protection
from tests.unit.execution.test_loss_watch import RULES, bench, buy

FIFTEEN = replace(ROOMY, max_order_loss=D(1500))
"""What ten lots lose within fifteen pips."""


def moved(made: Bench, stop: str, *targets: Any, **more: Any) -> list[Event]:
    """Ask for another stop, and let the venue have it."""
    asked = ModifyProtection(symbol=EURUSD, protection=protection(stop, *targets))
    return [*made.say(asked, **more), *made.settle()]


def stays(made: Bench, stop: str, code: str, *, old: str = "1.099") -> IntentRefused:
    """Hold that a stop is refused, and that nothing else happens."""
    before = [(one.stop_price, one.quantity) for one in made.working("s")]
    levels = [guard.bracket for guard in guards(made)]
    events = moved(made, stop)
    said = only(events, IntentRefused)
    assert said.code == code
    assert said.text.startswith(f"nothing was changed, and the old stop at {old} stays in force: ")
    assert said.text.endswith("Would pass: a stop there or nearer")
    assert not every(events, ProtectionChanged) and not every(events, ReplaceRequested)
    assert [(one.stop_price, one.quantity) for one in made.working("s")] == before
    assert [guard.bracket for guard in guards(made)] == levels
    return said


def goes(made: Bench, stop: str) -> None:
    """Hold that a stop is moved."""
    events = moved(made, stop)
    assert every(events, ProtectionChanged) and not every(events, IntentRefused)
    assert {guard.bracket.stop_loss for guard in guards(made)} == {D(stop)}


def guards(made: Bench) -> list[Guard]:
    """Give what is guarded."""
    return list(made.state.accounts["a"].guards.values())


def test_a_stop_moves_no_further_than_an_entry_could_have_it() -> None:
    """Ten lots may lose 1,500, which is fifteen pips; they were entered with ten.

    Before, the stop could be moved anywhere: no check met a change of protection.
    """
    made = bench(None, limits=FIFTEEN)
    said = stays(made, "1.0984", "fat_finger")
    assert "would lose 1600 USD" in said.text
    made.wait(SECOND)
    goes(made, "1.0985")
    assert [one.stop_price for one in made.working("s")] == [D("1.0985")]


def test_a_stop_moves_nearer_whatever_room_is_left() -> None:
    """The limit has come down below what is lost already at the old stop."""
    made = bench(None, limits=FIFTEEN)
    made.limit("a", replace(FIFTEEN, max_order_loss=D(10)))
    goes(made, "1.0991")
    stays(made, "1.0990", "fat_finger", old="1.0991")


def test_a_short_position_is_measured_the_other_way() -> None:
    """Its stop is above."""
    made = bench(None, limits=FIFTEEN, held=0)
    made.say(buy(10, "1.1010", side=Side.SELL))
    made.settle()
    stays(made, "1.1016", "fat_finger", old="1.101")
    goes(made, "1.1015")
    goes(made, "1.1005")


def test_a_gain_that_is_given_back_is_no_loss_of_the_order() -> None:
    """A stop beyond the entry may come back to it, and behind it as far as an entry's."""
    made = bench(None, limits=FIFTEEN)
    made.quote("1.1050")
    made.venue.price = D("1.1050")
    for stop in ("1.1040", "1.1010", "1.0985"):
        goes(made, stop)
    stays(made, "1.0984", "fat_finger", old="1.0985")


def test_only_checks_on_loss_are_met() -> None:
    """A limit on size that has come down since is nothing that a stop could keep."""
    made = bench(None)
    made.limit("a", replace(ROOMY, max_position_qty=D(1), max_order_qty=D(1), max_open_orders=1))
    goes(made, "1.0900")


def test_what_may_be_lost_is_held_to_the_room_from_here() -> None:
    """The firm's day leaves 5,000 less a tenth; with the price, the room moves and the distance."""
    made = bench(RULES)
    stays(made, "1.0954", "worst_loss")
    goes(made, "1.0956")
    made.venue.price = D("1.1040")
    made.quote("1.1040")
    goes(made, "1.1000")
    stays(made, "1.0958", "worst_loss", old="1.1")
    goes(made, "1.0960")


def test_all_that_is_open_counts_beside_it() -> None:
    """Another strategy's ten lots lose a thousand at their stop."""
    made = bench(RULES)
    made.say(buy(10), strategy="other")
    made.settle()
    assert only(moved(made, "1.0964"), IntentRefused).code == "worst_loss"
    assert every(moved(made, "1.0966"), ProtectionChanged)


def test_the_idea_may_lose_no_more_than_its_firm_permits() -> None:
    """Three per cent of 100,000 are thirty pips on ten lots; a second entry takes of them."""
    rules = Programme(id="p", firm="Firm", idea=IdeaRule(D(3), 300))
    made = bench(rules)
    stays(made, "1.0969", "risk_per_idea")
    goes(made, "1.0970")
    goes(made, "1.0990")
    made.say(buy(5), strategy="other")
    made.settle()
    assert only(moved(made, "1.0974"), IntentRefused).code == "risk_per_idea"
    assert every(moved(made, "1.0975"), ProtectionChanged)


def test_a_firms_limit_on_an_orders_risk_is_met() -> None:
    """Two per cent of 100,000 are twenty pips."""
    rules = Programme(id="p", firm="Firm", stop_loss=StopLossRule(max_risk_pct=D(2)))
    made = bench(rules)
    stays(made, "1.0979", "stop_attached")
    goes(made, "1.0980")


def test_no_stop_is_moved_away_once_the_days_loss_blocks_entries() -> None:
    """Of 4,000 three quarters are used: what may be lost more is new risk."""
    limits: RiskLimits = replace(ROOMY, max_daily_loss=D(4000))
    made = bench(None, limits=limits, held=0)
    made.say(buy(10, "1.0900"))
    made.settle()
    made.wait(SECOND)
    made.quote("1.0969")
    stays(made, "1.0890", "daily_loss", old="1.09")
    goes(made, "1.0950")


def test_the_stop_of_an_entry_that_waits_meets_them_too() -> None:
    """It is measured from the order's own price, and so is a change of that price."""
    made = bench(None, limits=FIFTEEN, held=0)
    made.say(buy(10, "1.0940", ord_type=OrdType.LIMIT, price=D("1.0950")))
    made.settle()
    stays(made, "1.0934", "fat_finger", old="1.094")
    further = only(made.say(ModifyOrder(symbol=EURUSD, price=D("1.0956"))), IntentRefused)
    assert further.code == "fat_finger"
    goes(made, "1.0935")
    assert only(made.say(ModifyOrder(symbol=EURUSD, price=D("1.0951"))), IntentRefused)


def test_what_is_held_and_what_still_waits_count_together() -> None:
    """Four lots of ten have filled."""
    made = bench(None, limits=FIFTEEN, held=0)
    made.say(buy(10, "1.0940", ord_type=OrdType.LIMIT, price=D("1.0950")))
    made.settle()
    (entry,) = made.orders("e")
    made.venue.fill(entry.cl_ord_id, 4, "1.0950")
    made.settle()
    assert made.net() == 4
    stays(made, "1.0934", "fat_finger", old="1.094")
    goes(made, "1.0935")


def test_what_was_closed_since_counts_no_more() -> None:
    """Five lots are left, and have twice the way."""
    made = bench(None, limits=FIFTEEN)
    made.say(ClosePosition(symbol=EURUSD, fraction=D("0.5")))
    made.settle()
    assert made.net() == 5
    stays(made, "1.0969", "fat_finger")
    goes(made, "1.0970")


def test_a_split_entry_counts_as_a_whole() -> None:
    """Ten lots went as four, four and two; none of the parts may lose what the whole may not."""
    made = bench(None, limits=replace(FIFTEEN, max_order_qty=D(4), on_oversize="split"), held=10)
    assert len(guards(made)) == 3
    said = [one.code for one in every(moved(made, "1.0984"), IntentRefused)]
    assert said == ["fat_finger"] * 3
    goes(made, "1.0985")


def test_a_refused_stop_takes_the_rest_of_the_change_with_it() -> None:
    """The target of the same message is not set: the answer says that nothing was changed."""
    made = bench(None, limits=FIFTEEN)
    events = moved(made, "1.0900", "1.1100")
    assert only(events, IntentRefused).code == "fat_finger"
    assert not made.working("t")
    assert not every(events, OrderRequested) and not every(events, OrderRefused)


STOP, NEAR, FAR = (Bracket(stop_loss=D(level)) for level in ("1.0990", "1.0995", "1.0980"))
TRAIL = Bracket(trail_distance=D("0.0010"))
WAITS = Bracket(trail_distance=D("0.0010"), trail_trigger=D("0.0020"))
TARGET = Bracket(take_profits=((D("1.2"), D(1)),))


@pytest.mark.parametrize(
    ("old", "new", "price", "more"),
    [
        (STOP, FAR, D("1.1"), True),
        (STOP, NEAR, D("1.1"), False),
        (STOP, STOP, None, False),
        (STOP, FAR, None, True),
        (STOP, TARGET, D("1.1"), True),
        (TARGET, FAR, D("1.1"), False),
        (TRAIL, FAR, D("1.1"), True),
        (TRAIL, NEAR, D("1.1"), False),
        (TRAIL, NEAR, None, True),
        (TRAIL, WAITS, D("1.1"), True),
        (TRAIL, replace(TRAIL, trail_distance=D("0.0011")), None, True),
        (WAITS, TRAIL, D("1.1"), False),
    ],
)
def test_which_change_loses_more(old: Bracket, new: Bracket, price: D | None, more: bool) -> None:
    """A stop that is further, or gone; a wider trail, or one that waits for a gain."""
    assert loses_more(old, new, price, Side.BUY) is more
