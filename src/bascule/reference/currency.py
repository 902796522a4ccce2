"""Account units per unit of another currency, from quotes: direct, inverse, or one cross.

The larger rate is taken at every step, so that a loss counts at its worst. A rate that is missing
or stale is a value that says so, never 1.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.model.instrument import Quote
from bascule.model.values import ONE, SECOND, Instant

PIVOTS = ("USD", "EUR", "GBP", "JPY", "USDT", "USDC")
"""Currencies through which a cross is tried, in this order."""


class Rate(Struct, frozen=True):
    """``value`` units of the target for one unit of the source. ``at`` is the oldest quote used.

    ``via`` names the pairs used, ``USDJPY inverse`` for instance.
    """

    value: Decimal
    via: str
    at: Instant


class NoRate(Struct, frozen=True):
    """There is no fresh rate; ``code`` is ``missing_fx_rate``."""

    code: str
    text: str


def rate(
    source: str, target: str, quotes: Mapping[str, Quote], now: Instant, max_age: int
) -> Rate | NoRate:
    """Give the worst-side rate from one currency to another.

    Args:
        source: the currency that an amount is in, such as an instrument's quote currency.
        target: the currency wanted, such as the account's.
        quotes: latest quotes by our pair symbol, ``EURUSD``.
        now: the time to judge age by.
        max_age: nanoseconds; a quote older than this, or without a positive price, is not used.
    """
    if source == target:
        return Rate(ONE, "same currency", now)
    stale: list[str] = []
    found = _pair(source, target, quotes, now - max_age, stale)
    if found is not None:
        return found
    for pivot in PIVOTS:
        if pivot in (source, target):
            continue
        first = _pair(source, pivot, quotes, now - max_age, stale)
        second = _pair(pivot, target, quotes, now - max_age, stale) if first else None
        if first is not None and second is not None:
            via = f"{first.via}, {second.via}"
            return Rate(first.value * second.value, via, min(first.at, second.at))
    if stale:
        known = f"; older than {max_age // SECOND} s: {', '.join(dict.fromkeys(stale))}"
    else:
        known = "; no quote of either pair or of a cross"
    return NoRate("missing_fx_rate", f"There is no fresh rate from {source} to {target}{known}.")


def _pair(
    source: str, target: str, quotes: Mapping[str, Quote], oldest: int, stale: list[str]
) -> Rate | None:
    direct = quotes.get(source + target)
    if direct is not None and direct.ask > 0:
        if direct.at >= oldest:
            return Rate(direct.ask, source + target, direct.at)
        stale.append(source + target)
    inverse = quotes.get(target + source)
    if inverse is not None and inverse.bid > 0:
        if inverse.at >= oldest:
            return Rate(ONE / inverse.bid, f"{target}{source} inverse", inverse.at)
        stale.append(target + source)
    return None
