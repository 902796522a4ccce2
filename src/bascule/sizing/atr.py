"""Average true range after Wilder, and stops set from it. Closed bars only."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.errors import UsageError
from bascule.model.values import ceil_to, floor_to


class Bar(Struct, frozen=True):
    """One closed bar."""

    high: Decimal
    low: Decimal
    close: Decimal


def true_range(bar: Bar, previous_close: Decimal | None) -> Decimal:
    """Give the largest of the bar's own range and its reach from the previous close.

    Without a previous close it is the bar's own range.
    """
    own = bar.high - bar.low
    if previous_close is None:
        return own
    return max(own, abs(bar.high - previous_close), abs(bar.low - previous_close))


def next_atr(previous: Decimal, latest: Decimal, n: int) -> Decimal:
    """Carry an ATR one bar on: ``(previous x (n - 1) + latest true range) / n``."""
    return (previous * (n - 1) + latest) / n


def average_true_range(bars: Sequence[Bar], n: int) -> Decimal:
    """Give the ATR after the last bar: the mean of the first n true ranges, then Wilder's mean.

    Args:
        bars: closed bars, oldest first; at least ``n``. The first one's true range is its own.
        n: the period, at least 1.

    Raises:
        UsageError: fewer than ``n`` bars.
    """
    if n < 1 or len(bars) < n:
        raise UsageError(f"ATR({n}) needs at least {max(n, 1)} closed bars; there are {len(bars)}.")
    closes = [None, *(bar.close for bar in bars)]
    ranges = [true_range(bar, close) for bar, close in zip(bars, closes, strict=False)]
    atr = sum(ranges[:n], Decimal(0)) / n
    for latest in ranges[n:]:
        atr = next_atr(atr, latest, n)
    return atr


def atr_stop(entry: Decimal, side: Side, atr: Decimal, k: Decimal, tick: Decimal) -> Decimal:
    """Give the stop k ATRs behind an entry of ``side``, on the tick away from the entry."""
    if side is Side.BUY:
        return floor_to(entry - k * atr, tick)
    return ceil_to(entry + k * atr, tick)
