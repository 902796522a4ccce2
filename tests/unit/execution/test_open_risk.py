"""What is lost if every open stop is hit, where one book holds positions on both sides."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution.open_risk import idea_of, open_risk
from bascule.execution.turn import Turn
from bascule.model.enums import PositionMode, Side
from bascule.model.event import OrderRefused
from bascule.model.values import Instant
from tests.unit.execution.harness import Bench, only
from tests.unit.execution.test_loss_watch import RULES, bench, buy


def two_sided(long: Any, short: Any) -> Bench:
    """Hold a strategy's lots on both sides of a hedging account, each ten pips from its stop."""
    made = bench(held=0, position_mode=PositionMode.HEDGING, reduce_only=False)
    made.say(buy(long, "1.0990"), buy(short, "1.1010", side=Side.SELL))
    made.settle()
    assert made.book().quantity == D(str(long)) - D(str(short))
    return made


@pytest.mark.parametrize(("long", "short", "loss"), [(10, 10, 2000), (10, 4, 1400), (3, 8, 1100)])
def test_a_book_on_both_sides_loses_at_the_stops_of_both(long: int, short: int, loss: int) -> None:
    """A price that swings hits one after the other; that they add up to little helps nothing.

    Before, the book counted with its sum, at the stops of one side: 0, 600 and 500.
    """
    made = two_sided(long, short)
    turn = Turn(made.state, made.settings, made.market, Instant(made.at))
    spec = made.settings.accounts["a"]
    assert open_risk(turn, made.state.accounts["a"], spec).amount == loss


def test_no_entry_passes_beside_stops_that_use_up_the_room() -> None:
    """Twenty-two lots either way, ten pips from their stops, leave 100 of 5,000 less a tenth."""
    made = two_sided(22, 22)
    assert only(made.say(buy("1.5", "1.0990")), OrderRefused).code == "worst_loss"


@pytest.mark.parametrize(("side", "loss"), [(Side.BUY, 1000), (Side.SELL, 400)])
def test_an_idea_counts_its_own_side_of_such_a_book(side: Side, loss: int) -> None:
    """Each part is measured from its own entry, since the book's price is nobody's."""
    made = two_sided(10, 4)
    turn = Turn(made.state, made.settings, made.market, Instant(made.at))
    listing = made.settings.listings["a"]["EURUSD"]
    spec = replace(made.settings.accounts["a"], programme=RULES)
    idea = idea_of(turn, made.state.accounts["a"], spec, listing, side, 0)
    assert idea.amount == loss
