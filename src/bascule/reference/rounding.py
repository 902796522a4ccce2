"""Ticks and lots: what is on the grid, and which way a price or quantity goes onto it."""

from decimal import Decimal
from typing import Literal

from bascule.model.enums import Side
from bascule.model.values import ceil_to, floor_to

Purpose = Literal["limit", "stop"]
"""``limit`` for limit prices and take profits, ``stop`` for stop entries and stop losses."""


def on_tick(price: Decimal, tick: Decimal) -> bool:
    """Tell whether a price is a whole number of ticks."""
    return not price % tick


def round_price(price: Decimal, tick: Decimal, *, side: Side, purpose: Purpose) -> Decimal:
    """Put a price on the tick in the direction that never worsens what was asked.

    A limit goes to its passive side: a buy down, a sell up. A stop goes away from the market it
    waits behind: a sell (the stop of a long) down, a buy up, so that the stop distance grows and
    a size measured from it shrinks.

    Args:
        price: as asked, in quote currency.
        tick: the venue's tick, positive.
        side: the side of the order that carries this price; a long's stop loss is a sell.
        purpose: what the price is for.
    """
    if not price % tick:
        return price
    downward = (side is Side.BUY) is (purpose == "limit")
    return floor_to(price, tick) if downward else ceil_to(price, tick)


def round_lot(quantity: Decimal, step: Decimal) -> Decimal:
    """Put an unsigned quantity on the lot step: down only, so that it never grows."""
    return floor_to(quantity, step)
