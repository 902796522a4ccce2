"""What one idea may lose: parts, waiting orders and quick re-entries of one side are one."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution.fold_ideas import lost
from bascule.execution.state import RUNS_MAX, Run, dump
from bascule.execution.story import tell
from bascule.model.enums import OrdType, Side
from bascule.model.event import OrderRefused, OrderRequested
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.programme import Guard, IdeaRule, Programme
from bascule.model.values import DAY, SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only, protection

FIVE_MINUTES = 300 * SECOND


def bench(**rules: Any) -> Bench:
    """An account of 100,000 whose firm permits 3 % of it an idea; ten pips on a lot are 100."""
    made = Bench(route={"pyramiding": 50})
    programme = Programme(id="p", firm="Firm", idea=IdeaRule(D(3), 300), **rules)
    made.settings.accounts["a"] = replace(
        made.settings.accounts["a"], programme=programme, firm="Firm", initial_balance=D(100_000)
    )
    made.venue.price = D("1.1000")
    made.quote("1.1000")
    made.money(100_000)
    return made


def entry(quantity: Any, stop: str | None = "1.0990", **more: Any) -> PlaceOrder:
    """A market buy with a stop ten pips away."""
    guard = protection(stop) if stop is not None else None
    words = {"symbol": EURUSD, "side": Side.BUY, "quantity": Amount(D(str(quantity)))}
    return PlaceOrder(**{**words, "protection": guard, **more})


def enter(made: Bench, quantity: Any, stop: str | None = "1.0990", **more: Any) -> list[Any]:
    """Send an entry and let everything settle."""
    found = made.say(entry(quantity, stop, **more))
    return found + made.settle()


def at_price(made: Bench, price: str) -> None:
    """Let the market stand elsewhere."""
    made.venue.price = D(price)
    made.quote(price)


def passed(made: Bench, ns: int) -> None:
    """Let time pass, with a quote at its end."""
    made.wait(ns)
    made.quote(made.venue.price)


def test_parts_of_one_idea_are_summed_at_their_stops() -> None:
    """2,000 at risk and 2,000 more pass 3,000; ten lots would fit, and they do."""
    made = bench()
    enter(made, 20)
    found = only(enter(made, 20), OrderRefused)
    verdict = found.verdicts[-1]
    assert (found.code, verdict.used, verdict.limit, verdict.room) == (
        "risk_per_idea", 4_000, 3_000, 1_000,
    )  # fmt: skip
    assert found.text == (
        "the idea of a buy in EURUSD could lose 4000 USD on account a, and Firm permits 3 % of "
        "100000, 3000. Would pass: a quantity of 10 or less, or a nearer stop"
    )
    assert every(enter(made, 10), OrderRequested)
    assert made.net() == 30


def test_the_story_of_the_signal_tells_the_line_and_what_would_pass() -> None:
    """What `bascule explain` shows: the check, its numbers and its room."""
    made = bench()
    enter(made, 20)
    refused = only(enter(made, 20), OrderRefused)
    story = tell(refused.signal, enumerate(made.events))
    assert story is not None
    line = next(c for o in story.orders for c in o.checks if c.check == "risk_per_idea")
    assert (line.passed, line.used, line.limit, line.room) == (False, D(4_000), D(3_000), D(1_000))
    assert line.would_pass == "a quantity of 10 or less, or a nearer stop"


def test_an_entry_that_waits_counts_and_one_on_the_other_side_does_not() -> None:
    """A limit order may fill at any time; a sell is another idea."""
    made = bench()
    enter(made, 20, ord_type=OrdType.LIMIT, price=D("1.0995"), stop="1.0985")
    assert only(enter(made, 20), OrderRefused).code == "risk_per_idea"
    sold = enter(made, 20, "1.1010", side=Side.SELL)
    assert not every(sold, OrderRefused)


def test_a_reduction_is_never_refused() -> None:
    """Whatever the idea has lost, it can be closed."""
    made = bench()
    enter(made, 30)
    at_price(made, "1.0900")
    assert not every(made.say(ClosePosition(symbol=EURUSD)) + made.settle(), OrderRefused)
    assert made.net() == 0


def closed_at_a_loss() -> Bench:
    """Twenty lots that lost nine pips, 1,800."""
    made = bench()
    enter(made, 20)
    at_price(made, "1.0991")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    assert made.net() == 0
    return made


def test_a_quick_re_entry_belongs_to_the_idea_that_lost() -> None:
    """1,800 are gone: 1,200 are left, until five minutes have passed and more."""
    made = closed_at_a_loss()
    passed(made, FIVE_MINUTES)
    found = only(enter(made, 20, "1.0981"), OrderRefused)
    assert (found.verdicts[-1].used, found.verdicts[-1].room) == (3_800, 1_200)
    assert "1800 of it lost already" in found.text
    passed(made, SECOND)
    assert every(enter(made, 20, "1.0981"), OrderRequested)


def test_a_loss_that_leaves_no_room_says_when_there_is_some() -> None:
    """More was lost than the firm permits: nothing fits before the idea is over."""
    made = bench()
    enter(made, 30)
    at_price(made, "1.0985")
    made.settle()
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    found = only(enter(made, "0.01", "1.0975"), OrderRefused)
    assert found.verdicts[-1].passes == "the same order more than 300 s after the idea is closed"


def test_what_an_idea_has_won_makes_no_room() -> None:
    """A firm looks at what is at risk; a gain is kept."""
    made = bench()
    enter(made, 20)
    at_price(made, "1.1050")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    found = only(enter(made, 31, "1.1040"), OrderRefused)
    assert (found.verdicts[-1].used, found.verdicts[-1].room) == (3_100, 3_000)


def test_a_part_without_a_stop_has_no_bound() -> None:
    """Nothing is added to it, and an entry without a stop is no idea that can be measured."""
    made = bench()
    assert "cannot be measured" in only(enter(made, 1, None), OrderRefused).text
    made.venue.by_hand("a", Side.BUY, D(1))
    made.settle()
    assert "has no bound" in only(enter(made, 1), OrderRefused).text


def test_the_owners_slippage_makes_the_risk_larger() -> None:
    """By the same factor as every other loss at a stop."""
    made = bench(guard=Guard(slippage_factor=D("1.5")))
    assert only(enter(made, 21), OrderRefused).verdicts[-1].used == 3_150
    assert every(enter(made, 20), OrderRequested)


def test_ideas_outlive_a_restart() -> None:
    """They are folded from the journal, and what was lost still counts."""
    made = closed_at_a_loss()
    assert made.replay() == dump(made.state)
    assert made.state.accounts["a"].ideas["EURUSD|buy"][-1].made * 100_000 == -1_800


def run(opened: int, closed: int | None, made: Any, paid: Any = 0) -> Run:
    """One stretch, in seconds."""
    ends = None if closed is None else Instant(closed * SECOND)
    return Run(Instant(opened * SECOND), ends, D(made), D(paid))


LOSSES = [
    ([], 0),
    ([run(0, 100, -5)], 5),
    ([run(0, 100, -5), run(401, None, -1)], 1),
    ([run(0, 100, -5), run(400, None, -1)], 6),
    ([run(0, 100, -5), run(400, 450, 9), run(700, None, -1, 2)], 0),
    ([run(0, 100, -5, 3), run(400, 450, 1, 2)], 9),
]


@pytest.mark.parametrize(("runs", "gone"), LOSSES)
def test_stretches_chain_while_each_follows_soon(runs: list[Run], gone: int) -> None:
    """Up to and including the firm's seconds; commission is a loss, a gain is never room."""
    now = Instant((runs[-1].opened // SECOND + 50 if runs else 0) * SECOND)
    if runs and runs[-1].closed is not None:
        now = Instant(runs[-1].closed + FIVE_MINUTES)
    assert lost(runs, now, FIVE_MINUTES, D(1)) == gone


def test_many_re_entries_are_joined_and_old_ones_forgotten() -> None:
    """No list grows without end, and no loss of a running idea is lost from it."""
    made = bench()
    for number in range(RUNS_MAX + 5):
        enter(made, 1, "1.0900")
        at_price(made, "1.0999")
        made.say(ClosePosition(symbol=EURUSD))
        made.settle()
        at_price(made, "1.1000")
        passed(made, 61 * SECOND)
        runs = made.state.accounts["a"].ideas["EURUSD|buy"]
        assert len(runs) <= RUNS_MAX
        assert lost(runs, Instant(made.at), FIVE_MINUTES, D(100_000)) == 10 * (number + 1)
    passed(made, DAY + 61 * SECOND)
    enter(made, 1)
    assert len(made.state.accounts["a"].ideas["EURUSD|buy"]) == 1
