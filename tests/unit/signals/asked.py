"""What an intent asks for, and what its sender wrote: the second must hold the first."""

import re
from collections.abc import Iterator
from decimal import Decimal

from bascule.model.intent import Intent, Signal


def numbers(intent: Intent) -> Iterator[Decimal]:
    """Give every quantity that an intent asks for, and nothing else of it."""
    for name in ("quantity", "order_quantity"):
        amount = getattr(intent, name, None)
        if amount is not None:
            yield amount.value
    if getattr(intent, "fraction", None) is not None:
        yield intent.fraction  # type: ignore[union-attr]


def written(raw: str) -> set[Decimal]:
    """Give every number that a body holds, and what simple arithmetic of two of them could be."""
    found = {
        Decimal(one) for one in re.findall(r"\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", raw, re.ASCII)
    }
    told = {one.normalize() for one in found}
    told |= {(one / 100).normalize() for one in found} | {(one * 100).normalize() for one in found}
    return told | {abs(a - b).normalize() for a in found for b in found}


def hold(signal: Signal) -> None:
    """A signal is read or refused, and each quantity is a number that its sender wrote."""
    assert bool(signal.refused_code) is not bool(signal.intents), signal
    said = written(signal.raw)
    for intent in signal.intents:
        for number in numbers(intent):
            assert number.is_finite() and number > 0, (signal.raw, intent)
            assert number.normalize() in said, (signal.raw, intent)
