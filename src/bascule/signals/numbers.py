"""Strict numbers: JSON's own grammar, taken as `Decimal` from the text and never through a float.

Refused, since readers disagree on them: decimal commas, thousands separators, underscores,
booleans, ``inf`` and ``nan``, signs other than a leading minus, leading zeros. Exponents are
accepted as long as the plain form has at most 18 digits before the point, 24 after it and 28 in
all, so that sums stay exact.
"""

import re
from decimal import Decimal

from bascule.signals.instruction import Refuse

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_UNREADABLE = frozenset({"", "nan", "na", "n/a", "null", "none", "inf", "infinity"})
_DIGITS_BEFORE = 18
_DIGITS_AFTER = 24
_DIGITS = 28
_SHOWN = 40


def has_placeholder(value: object) -> bool:
    """Tell whether an alert placeholder was left in place, such as ``{{close}}``."""
    return isinstance(value, str) and "{{" in value and _PLACEHOLDER.search(value) is not None


def is_unreadable(value: object) -> bool:
    """Tell whether a value is one of the ways to say "no number": ``NaN``, ``na``, empty..."""
    if isinstance(value, Decimal):
        return not value.is_finite()
    return isinstance(value, str) and value.strip().lower().lstrip("+-") in _UNREADABLE


def number(value: object, name: str) -> Decimal:
    """Read one number.

    Args:
        value: a JSON value, numbers already as `Decimal`; or text that holds one number.
        name: the field, for the message.

    Raises:
        Refuse: ``unresolved_placeholder`` or ``bad_number``.
    """
    if isinstance(value, str):
        stripped = value.strip()
        if not _NUMBER.fullmatch(stripped):
            if has_placeholder(value):
                raise Refuse("unresolved_placeholder", f"{name} holds {shown(value)}")
            raise Refuse("bad_number", f"{name}: {shown(value)} is not a plain number")
        value = Decimal(stripped)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise Refuse("bad_number", f"{name}: {shown(value)} is not a plain number")
    written = str(value)
    if len(written) > _DIGITS_BEFORE or "E" in written:
        _check_digits(value, name)
    return value


def _check_digits(value: Decimal, name: str) -> None:
    _, digits, exponent = value.as_tuple()
    if (
        len(digits) > _DIGITS
        or not isinstance(exponent, int)
        or exponent < -_DIGITS_AFTER
        or value.adjusted() >= _DIGITS_BEFORE
    ):
        raise Refuse("bad_number", f"{name}: more digits than Bascule keeps exactly")


def positive(value: object, name: str) -> Decimal:
    """Read a number that must be above zero.

    Raises:
        Refuse: as `number`, and ``bad_number`` at or below zero.
    """
    read = number(value, name)
    if read <= 0:
        raise Refuse("bad_number", f"{name}: {read} is not above zero")
    return read


def shown(value: object) -> str:
    """Give a short quotation of a value for a message."""
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
