"""A venue that tells an equity of 0, as some do in maintenance: a question, and no loss yet."""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.execution import inputs as inp
from bascule.model.event import Event, GuardTripped, LedgerBreached, OrderRefused, StopSet
from bascule.model.order import AccountSnapshot
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import Bench, every, only
from tests.unit.execution.test_loss_watch import bench, buy, ledger, loss


def purse(made: Bench, equity: Any, balance: Any = None) -> AccountSnapshot:
    """Give a venue's word of this moment."""
    return AccountSnapshot(
        account="a",
        currency="USD",
        balance=D(equity if balance is None else balance),
        equity=D(equity),
        margin_used=D(0),
        free_margin=D(equity),
        at=Instant(made.at),
    )


def looked(made: Bench, equity: Any, *, ago: int = 0, **more: Any) -> list[Event]:
    """Look at the venue, which tells of its money; the look began ``ago`` nanoseconds before."""
    began = Instant(made.at - ago)
    return made.look(money=purse(made, equity), began=began, **more)


def acted(events: list[Event]) -> list[Event]:
    """Give what the watch did."""
    return every(events, GuardTripped) + every(events, LedgerBreached) + every(events, StopSet)


@pytest.mark.parametrize("held", [10, 0])
@pytest.mark.parametrize("balance", [0, 100_000])
def test_told_once_it_closes_nothing_and_holds_entries_back(held: int, balance: int) -> None:
    """The venue is asked again at once; its next word ends the question, and nothing was lost."""
    made = bench(held=held)
    made.at = Instant(made.at + SECOND)
    assert acted(made.money(balance, equity=0)) == []
    assert made.net() == held
    assert made.market.looks["a"] == "the venue told an equity of 0"
    assert "an equity of 0" in loss(made).unknown
    assert only(made.say(buy()), OrderRefused).code == "daily_loss"
    made.at = Instant(made.at + SECOND)
    assert acted(looked(made, 100_000)) == []
    assert loss(made).unknown == ""
    assert ledger(made).failed == ()
    assert not every(made.say(buy()), OrderRefused)


def test_prices_are_acted_on_meanwhile() -> None:
    """A loss that prices show is one, whatever the venue says of its money."""
    made = bench()
    made.at = Instant(made.at + SECOND)
    made.money(0)
    assert [e.action for e in every(made.quote("1.0954"), GuardTripped)] == ["block", "flatten"]


def test_only_a_look_that_began_seconds_later_confirms_it() -> None:
    """Then it is acted on as any loss: neither a pushed word nor a look of that moment does."""
    made = bench()
    made.at = Instant(made.at + SECOND)
    made.money(0)
    assert acted(looked(made, 0)) == []
    made.at = Instant(made.at + 3 * SECOND)
    assert acted(made.money(0)) == []
    assert acted(looked(made, 0, ago=2 * SECOND)) == []
    assert acted(looked(made, 0, complete=False)) == []
    assert made.net() == 10
    assert acted(looked(made, 0)) != []
    assert ledger(made).failed != ()
    made.settle()
    assert made.net() == 0


def test_it_is_asked_after_every_two_seconds() -> None:
    """As long as no look has said more, since a failed one proves nothing."""
    made = bench()
    made.at = Instant(made.at + SECOND)
    made.money(0)
    asked = 0
    for _ in range(20):
        asked += made.market.looks.pop("a", "") == "the venue told an equity of 0"
        made.at = Instant(made.at + SECOND // 2)
        made.feed(inp.Ticked(Instant(made.at)))
    assert 5 <= asked <= 6


def test_a_first_word_of_0_opens_no_ledger_before_it_is_confirmed() -> None:
    """At a start too: the line stands where the journal has it, and no entry passes."""
    made = bench(held=0)
    made.market.watches.clear()
    made.at = Instant(made.at + SECOND)
    assert acted(made.money(0)) == []
    assert loss(made).unknown
    made.at = Instant(made.at + 3 * SECOND)
    assert acted(looked(made, 100_000)) == []
    assert loss(made).unknown == ""
