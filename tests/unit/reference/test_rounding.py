from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.model.enums import Side
from bascule.reference import on_tick, round_lot, round_price
from bascule.reference.rounding import Purpose

CASES: list[tuple[str, str, Side, Purpose, str]] = [
    ("5286.875", "0.25", Side.SELL, "stop", "5286.75"),
    ("5286.875", "0.25", Side.BUY, "stop", "5287.00"),
    ("5286.875", "0.25", Side.BUY, "limit", "5286.75"),
    ("5286.875", "0.25", Side.SELL, "limit", "5287.00"),
    ("5286.75", "0.25", Side.BUY, "stop", "5286.75"),
    ("0.0093407", "0.0000005", Side.BUY, "limit", "0.0093405"),
]


@pytest.mark.parametrize(("price", "tick", "side", "purpose", "rounded"), CASES)
def test_price_goes_to_the_side_that_costs_nothing(
    price: str, tick: str, side: Side, purpose: Purpose, rounded: str
) -> None:
    """A stop moves away from the entry, a limit to its passive side, a price on tick stays."""
    result = round_price(Decimal(price), Decimal(tick), side=side, purpose=purpose)
    assert result == Decimal(rounded)


PRICES = st.decimals("0.0001", "100000", places=6)
TICKS = st.sampled_from(
    [Decimal(t) for t in ("0.25", "0.1", "0.00001", "0.015625", "5", "0.03125")]
)


@given(
    price=PRICES, tick=TICKS, side=st.sampled_from(Side), purpose=st.sampled_from(["limit", "stop"])
)
def test_a_rounded_price_is_on_tick_and_less_than_one_away(
    price: Decimal, tick: Decimal, side: Side, purpose: Purpose
) -> None:
    """Rounding lands on the grid, moves less than a tick, and does nothing the second time."""
    rounded = round_price(price, tick, side=side, purpose=purpose)
    assert on_tick(rounded, tick)
    assert abs(rounded - price) < tick
    assert round_price(rounded, tick, side=side, purpose=purpose) == rounded


@given(quantity=st.decimals("0", "100000", places=8), step=TICKS)
def test_a_lot_is_never_rounded_up(quantity: Decimal, step: Decimal) -> None:
    """A quantity on the step is at most what was asked and less than a step smaller."""
    rounded = round_lot(quantity, step)
    assert rounded <= quantity < rounded + step
    assert on_tick(rounded, step)


def test_decimal_steps_divide_exactly() -> None:
    """0.3 on a step of 0.1 is three steps, where binary floats would give two."""
    assert round_lot(Decimal("0.3"), Decimal("0.1")) == Decimal("0.3")
    assert round_lot(Decimal("4.9999"), Decimal("0.01")) == Decimal("4.99")
