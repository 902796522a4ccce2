"""Positions held against the venue's: what is drift, what only lags, and when it is told."""

from decimal import Decimal as D
from typing import Any

from bascule.engine.look_rules import DUE_NS, patience
from bascule.execution.comparing import LAG, MOVING_LOOKS
from bascule.model.account import Capabilities
from bascule.model.enums import Side
from bascule.model.event import (
    DriftFound,
    Event,
    OrderRefused,
    OrderRequested,
    ReconcilePassed,
)
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.order import VenuePosition
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """A market entry."""
    return PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(str(quantity))), **more)


def position(quantity: Any, symbol: str = "EURUSD.x") -> VenuePosition:
    """What a venue shows to be held."""
    return VenuePosition(
        account="a", venue_symbol=symbol, quantity=D(str(quantity)), avg_price=D("1.1")
    )


def test_drift_needs_two_looks_that_show_the_same() -> None:
    """Once may be a fill on its way; twice the same is drift, with both numbers in words."""
    bench = Bench()
    assert kinds(bench.look(positions=(position(4),))) == []
    assert bench.market.looks["a"] == "positions differ"
    drift = only(bench.look(positions=(position(4),)), DriftFound)
    assert (drift.ours, drift.theirs) == (0, 4)
    assert "the venue holds 4" in drift.text
    assert "the journal 0" in drift.text
    assert kinds(bench.look(positions=(position(4),))) == []


def test_a_drift_that_grows_is_told_anew() -> None:
    """Entries are refused with the numbers of now, and a third look has nothing new to say."""
    bench = Bench()
    for held in (4, 6):
        bench.look(positions=(position(held),))
        told = only(bench.look(positions=(position(held),)), DriftFound)
        assert told.theirs == held
        assert bench.state.accounts["a"].drift == {EURUSD: told.text}
    assert not every(bench.look(positions=(position(6),)), DriftFound)


def test_a_difference_that_stays_while_the_position_moves_is_drift() -> None:
    """No two looks find the same position, and each finds as much too much; it is told once."""
    bench = Bench()
    for number in range(1, 2 * MOVING_LOOKS):
        bench.venue.by_hand("a", Side.BUY, 1)
        bench.settle()
        drifts = every(bench.look(positions=(position(number + 4),)), DriftFound)
        assert len(drifts) == (number == MOVING_LOOKS)


def test_a_difference_that_goes_away_is_no_drift() -> None:
    """Two looks that differ in different ways, and a third that agrees."""
    bench = Bench()
    for shown in ((position(4),), (position(3),), ()):
        assert not every(bench.look(positions=shown), DriftFound)


def lagging(bench: Bench, shown: Any, seconds: int) -> list[Event]:
    """Look so many seconds after the look before, at positions of that moment."""
    later(bench, seconds)
    return bench.look(positions=(position(shown),), positions_at=Instant(bench.at))


def later(bench: Bench, seconds: int) -> None:
    """Let time go by, for the engine and the venue."""
    bench.at = bench.venue.at = Instant(bench.at + seconds * SECOND)


def test_positions_that_lag_behind_their_fills_are_no_drift() -> None:
    """The venue shows what was held before the last two fills; the next due look finds them.

    Before, the second look, a third of a second later, told it as drift, for up to a minute.
    """
    bench = Bench(route={"pyramiding": 9})
    for quantity in (1, 2, 4):
        bench.say(buy(quantity))
        bench.settle()
        later(bench, 1)
    for _ in range(6):
        assert not every(lagging(bench, 1, 0), DriftFound)
        assert "a" not in bench.market.looks, "it is not asked again at once"
    assert (
        patience(bench.state.accounts["a"], Capabilities(), bench.market.suspects["a"])
        == DUE_NS
        > LAG
    )
    assert every(bench.say(buy()), OrderRequested)


def test_what_the_last_fills_do_not_explain_is_told_at_the_second_look() -> None:
    """However young they are: what is shown was held at no moment of the last seconds."""
    bench = Bench(route={"pyramiding": 9})
    for quantity in (1, 2, 4):
        bench.say(buy(quantity))
        bench.settle()
    lagging(bench, 5, 0)
    assert bench.market.looks["a"] == "positions differ"
    assert only(lagging(bench, 5, 0), DriftFound).theirs == 5


def test_drift_that_young_fills_might_explain_is_told_once_they_are_older() -> None:
    """At the next look that is due: a position that was closed by hand, and whose fill is lost."""
    bench = Bench()
    bench.say(buy(2))
    bench.settle()
    assert not every(lagging(bench, 0, 1), DriftFound)
    due = DUE_NS // SECOND
    assert only(lagging(bench, 0, due), DriftFound).theirs == 0


def test_trade_that_goes_on_hides_no_drift_for_long() -> None:
    """A lot is bought each second, and one is missing: ten seconds later it is told."""
    bench = Bench(route={"pyramiding": 99})
    told = list[int]()
    for second in range(1, 15):
        bench.say(buy(1))
        bench.settle()
        if every(lagging(bench, second - 1, 1), DriftFound):
            told.append(second)
    assert told == [11]


def test_drift_halts_entries_on_the_account_and_lets_exits_pass() -> None:
    """In every contract of it: if one position is not what we think, the account is not.

    Before, entries in other contracts went on.
    """
    bench = Bench(symbols=("EURUSD", "GBPUSD"), route={"pyramiding": 9})
    bench.say(buy(2))
    bench.settle()
    for _ in range(2):
        bench.look(positions=(position(5),))
    other = PlaceOrder(symbol="GBPUSD", side=Side.BUY, quantity=Amount(D(1)))
    for intent in (buy(), other):
        refused = only(bench.say(intent), OrderRefused)
        assert refused.code == "account_not_ready"
        assert "the venue holds 5" in refused.text
    assert only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested).leg == "x"


def test_drift_is_over_when_a_look_agrees() -> None:
    """The position is as the journal has it again: entries go."""
    bench = Bench()
    for _ in range(2):
        bench.look(positions=(position(5),))
    assert only(bench.look(), ReconcilePassed)
    assert not bench.state.accounts["a"].drift
    assert every(bench.say(buy()), OrderRequested)
