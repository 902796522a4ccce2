"""From what a caller writes to the model's own words. A float is refused: it is not exact."""

from decimal import Decimal, InvalidOperation

from bascule.client.told import ClientError
from bascule.model.enums import LevelUnit, QtyUnit
from bascule.model.intent import Amount, Level, Protection, TakeProfit, Trail

Number = Decimal | str | int
"""An exact number."""
Measure = Number | tuple[Number, str]
"""A number, or a number and its unit: ``"0.5"``, ``("20", "pips")``."""


def exact(value: Number) -> Decimal:
    """Read a number.

    Raises:
        ClientError: it is a float, or no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise _bad(f"{value!r} is not an exact number", "Write it as a Decimal, a str or an int.")
    try:
        read = Decimal(value)
    except InvalidOperation:
        raise _bad(f"{value!r} is not a number", "Write it as in '0.5'.") from None
    if not read.is_finite():
        raise _bad(f"{value!r} is not a finite number", "Write it as in '0.5'.")
    return read


def maybe(value: Number | None) -> Decimal | None:
    """Read a number that may be missing."""
    return None if value is None else exact(value)


def amount(value: Measure | None) -> Amount | None:
    """Read a quantity; without a unit it is in the venue's units."""
    if value is None:
        return None
    number, unit = value if isinstance(value, tuple) else (value, QtyUnit.UNITS)
    try:
        return Amount(exact(number), QtyUnit(unit))
    except ValueError:
        raise _bad(f"{unit!r} is no unit of a quantity", _one_of(QtyUnit)) from None


def level(value: Measure | None) -> Level | None:
    """Read a level; without a unit it is a price."""
    if value is None:
        return None
    number, unit = value if isinstance(value, tuple) else (value, LevelUnit.PRICE)
    try:
        return Level(exact(number), LevelUnit(unit))
    except ValueError:
        raise _bad(f"{unit!r} is no unit of a level", _one_of(LevelUnit)) from None


def protection(
    stop_loss: Measure | None, take_profit: Measure | None, trail: Measure | None
) -> Protection | None:
    """Put stop, target and trail together; None when there is none of them."""
    target, distance = level(take_profit), level(trail)
    made = Protection(
        stop_loss=level(stop_loss),
        take_profits=(TakeProfit(target),) if target is not None else (),
        trail=Trail(distance) if distance is not None else None,
    )
    return None if made == Protection() else made


def _bad(what: str, then: str) -> ClientError:
    return ClientError(f"{what}. Nothing was sent.", code="bad_argument", hint=then)


def _one_of(words: type[QtyUnit] | type[LevelUnit]) -> str:
    return f"One of: {', '.join(words)}."
