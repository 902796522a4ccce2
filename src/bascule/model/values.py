"""Numbers with units, and exact rounding.

Scalars are ``NewType``s over ``Decimal`` or ``int``: mixing a price with a quantity is a type
error, and a fan-out to a hundred accounts pays nothing for it. Rounding is always an explicit
call that names its direction.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NewType

from msgspec import Struct

Price = NewType("Price", Decimal)
"""In quote currency per one unit of the instrument."""
Quantity = NewType("Quantity", Decimal)
"""What the venue counts: lots on FX and CFD venues, contracts, shares or coins elsewhere."""
Ratio = NewType("Ratio", Decimal)
"""1 is the whole."""
Percent = NewType("Percent", Decimal)
"""100 is the whole."""
Instant = NewType("Instant", int)
"""UTC, nanoseconds since 1970."""
Duration = NewType("Duration", int)
"""Nanoseconds."""
Currency = NewType("Currency", str)
"""ISO 4217 or the asset's usual code: ``USD``, ``JPY``, ``USDT``."""

ZERO = Decimal(0)
ONE = Decimal(1)
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Money(Struct, frozen=True):
    """An amount that knows its currency. Sums across currencies are never taken."""

    amount: Decimal
    currency: Currency


def seconds(value: float | Decimal) -> Duration:
    """Give a duration in nanoseconds from seconds."""
    return Duration(int(Decimal(str(value)) * SECOND))


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of ``step`` (toward minus infinity).

    The division is made in decimals and last, so 0.3 / 0.1 is 3 and never 2.
    """
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of ``step`` (toward plus infinity)."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """Round to the nearest multiple of ``step``, ties to even."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether ``value`` is a whole number of ``step``."""
    return not value % step


def text(value: Decimal) -> str:
    """Give the canonical text of a number: no exponent, no trailing zeros, no minus zero."""
    if not value:
        return "0"
    out = format(value, "f")
    return out.rstrip("0").rstrip(".") if "." in out else out
