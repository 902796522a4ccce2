"""Written cases: typed reading with a list of what was not read, and numbers as text."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

import msgspec
from msgspec import Struct

from bascule.model.errors import UsageError

T = TypeVar("T", bound=Struct)


def read(
    data: object,
    form: type[T],
    where: str,
    unread: list[str],
    spellings: Mapping[str, str] | None = None,
) -> T:
    """Read a JSON object as a struct; unknown keys go to ``unread`` as ``where.key``.

    Raises:
        UsageError: a field is missing or holds something else than the form says.
    """
    if not isinstance(data, Mapping):
        raise UsageError(f"{where or 'The case'} must be an object with named fields.")
    named = {(spellings or {}).get(key, key): value for key, value in data.items()}
    known = form.__struct_fields__
    unread.extend(f"{where}.{key}" if where else key for key in named if key not in known)
    try:
        made = msgspec.convert(named, form, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where or 'The case'}: {error}") from error
    for key in known:
        value = getattr(made, key)
        if isinstance(value, Decimal) and not value.is_finite():
            raise UsageError(f"{where or 'The case'}: {key} is {value}, and that is no number.")
    return made


def money(value: Decimal) -> str:
    """Write an amount, a percent or an R to two places, half up."""
    return _places(value, "0.01")


def six_places(value: Decimal) -> str:
    """Write a chance, or a quantity before rounding, to six places, half up."""
    return _places(value, "0.000001")


def three_places(value: Decimal) -> str:
    """Write an expectancy to three places, half up."""
    return _places(value, "0.001")


def lots_text(lots: Decimal, step: Decimal) -> str:
    """Write a quantity with the places of its lot step."""
    return format(lots.quantize(step), "f")


def _places(value: Decimal, places: str) -> str:
    return format(value.quantize(Decimal(places), ROUND_HALF_UP), "f")
