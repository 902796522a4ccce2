from datetime import time
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.model.enums import Side
from bascule.model.errors import UsageError
from bascule.sizing import calculators as calc

D = Decimal


def near(value: Decimal, text: str) -> bool:
    """Whether a value has these digits when rounded to as many places."""
    return value.quantize(D(text)) == D(text)


RUIN = [
    ("0.55", "1", "0.818182", "0.0181"),
    ("0.45", "1.5", "0.847920", "0.0369"),
    ("0.40", "2", "0.822876", "0.0203"),
    ("0.35", "2.5", "0.840617", "0.0310"),
]


@pytest.mark.parametrize(("p", "w", "root", "chance"), RUIN)
def test_ruin_of_twenty_units(p: str, w: str, root: str, chance: str) -> None:
    """The chance to lose twenty units is the published one, not that of the common shortcut."""
    assert near(calc.ruin_root(D(p), D(w)), root)
    assert near(calc.ruin(D(p), D(w), D(20)), chance)


CHANCES = st.decimals("0.01", "0.99", places=3)


@given(p=CHANCES, w=st.decimals("0.1", "20", places=2))
def test_the_root_solves_its_equation(p: Decimal, w: Decimal) -> None:
    """Where there is an edge the root lies in (0, 1) and solves the equation to 25 digits."""
    root = calc.ruin_root(p, w)
    if p * w <= 1 - p:
        assert root == 1
        return
    assert 0 < root < 1
    with localcontext() as context:
        context.prec = 60
        # Near no edge at all the two roots fall together, and the residue stays tiny there too.
        assert abs(p * root ** (w + 1) - root + 1 - p) < D("1e-25")


@given(p=CHANCES, n=st.integers(0, 40))
def test_ruin_at_even_payoff_is_the_gamblers(p: Decimal, n: int) -> None:
    """At payoff 1 the chance is ((1-p)/p)^n, or 1 without an edge."""
    expected = min(((1 - p) / p) ** n, D(1))
    assert abs(calc.ruin(p, D(1), D(n)) - expected) < D("1e-20")


def test_ruin_at_the_edges() -> None:
    """A sure winner is never ruined, a sure loser always, and without room one already is."""
    assert calc.ruin(D(1), D(1), D(5)) == 0
    assert calc.ruin(D(0), D(1), D(5)) == 1
    assert calc.ruin(D(1), D(1), D(0)) == 1


def test_chance_of_a_streak() -> None:
    """Six losses in a row within 200 trades, by the exact table."""
    assert near(calc.streak_chance(D("0.5"), 6, 200), "0.801")
    assert near(calc.streak_chance(D("0.45"), 6, 200), "0.602")


@given(trades=st.integers(0, 12), run=st.integers(1, 5), q=CHANCES)
def test_chance_of_a_streak_equals_counting(trades: int, run: int, q: Decimal) -> None:
    """For short horizons the table equals the sum over every sequence of wins and losses."""
    total = D(0)
    for sequence in range(1 << trades):
        marks = f"{sequence:0{trades}b}" if trades else ""
        if "1" * run in marks:
            losses = marks.count("1")
            total += q**losses * (1 - q) ** (trades - losses)
    assert abs(calc.streak_chance(q, run, trades) - total) < D("1e-20")


def test_challenge_odds() -> None:
    """Pass chance at even payoff, with an edge and without."""
    assert near(calc.challenge_odds(D("0.55"), D(10), D(8)), "0.8896")
    assert near(calc.challenge_odds(D("0.5"), D(10), D(8)), "0.5556")
    assert calc.challenge_odds(D(1), D(10), D(8)) == 1
    assert calc.challenge_odds(D(0), D(10), D(8)) == 0
    assert calc.challenge_odds(D(0), D(10), D(0)) == 1


@given(p=CHANCES, room=st.integers(1, 40), target=st.integers(1, 40))
def test_odds_of_both_sides_sum_to_one(p: Decimal, room: int, target: int) -> None:
    """Either the target or the floor is reached: the mirrored game has the other chance."""
    one = calc.challenge_odds(p, D(room), D(target))
    other = calc.challenge_odds(1 - p, D(target), D(room))
    assert abs(one + other - 1) < D("1e-20")


@pytest.mark.parametrize(
    ("drawdown", "gain"), [("5", "5.26"), ("10", "11.11"), ("20", "25.00"), ("50", "100.00")]
)
def test_recovery(drawdown: str, gain: str) -> None:
    """The gain that makes good a loss is larger than the loss."""
    assert near(calc.recovery(D(drawdown)), gain)


@pytest.mark.parametrize(("risk", "loss"), [("0.5", "9.54"), ("1", "18.21"), ("2", "33.24")])
def test_twenty_losses_compounding(risk: str, loss: str) -> None:
    """Twenty losses in a row, each of what is left."""
    assert near(calc.streak_drawdown(D(risk), 20), loss)


def test_r_expectancy_and_targets() -> None:
    """R of longs and shorts, mean R of a trade, trades to a target, losses that fit."""
    assert calc.r_multiple(D("1.0850"), D("1.0825"), D("1.0920"), Side.BUY) == D("2.8")
    assert calc.r_multiple(D("1.0850"), D("1.0875"), D("1.0900"), Side.SELL) == D("-2")
    assert calc.result_in_r(D("-50"), D(100)) == D("-0.5")
    assert calc.expectancy(D("0.45"), D("2.1")) == D("0.395")
    assert calc.trades_to_target(D(8000), D(500), D("0.25")) == 64
    assert calc.trades_to_target(D(8001), D(500), D("0.25")) == 65
    assert calc.losses_that_fit(D(1800), D(500), D(14)) == 3
    assert calc.losses_that_fit(D(-5), D(500)) == 0


def test_returns_and_buffers() -> None:
    """Return of a challenge, its expected value, and own limits inside the firm's."""
    result = calc.challenge_return(
        D(500),
        [D(2000), D(1500)],
        split=D(80),
        running_per_month=D(50),
        months=D(3),
        refund=D(500),
    )
    assert (result.cost, result.received) == (D(650), D(3300))
    assert near(result.percent, "407.69")
    assert calc.expected_value(D("0.2"), D(4000), D(500)) == D(300)
    assert calc.inside(D(5), D(75)) == D("3.75")
    assert calc.earlier(time(15, 10), 30) == time(14, 40)


IMPOSSIBLE = [
    lambda: calc.r_multiple(D(1), D(1), D(2), Side.BUY),
    lambda: calc.result_in_r(D(1), D(0)),
    lambda: calc.expectancy(D("1.1"), D(1)),
    lambda: calc.recovery(D(100)),
    lambda: calc.streak_drawdown(D(101), 1),
    lambda: calc.streak_drawdown(D(1), -1),
    lambda: calc.losses_that_fit(D(1), D(0)),
    lambda: calc.streak_chance(D("0.5"), 0, 10),
    lambda: calc.streak_chance(D("0.5"), 1, calc.TRADES_MAX + 1),
    lambda: calc.ruin(D("0.5"), D(0), D(1)),
    lambda: calc.ruin(D("0.5"), D(1), D(-1)),
    lambda: calc.challenge_odds(D("0.5"), D(0), D(0)),
    lambda: calc.challenge_return(D(0), []),
    lambda: calc.trades_to_target(D(1), D(1), D(0)),
]


@pytest.mark.parametrize("question", IMPOSSIBLE)
def test_impossible_questions_are_refused(question: object) -> None:
    """Values that make no sense are an error that says so, never a number."""
    assert callable(question)
    with pytest.raises(UsageError):
        question()
