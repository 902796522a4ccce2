"""Quotes as they come: bars built of them, and samples for a stream. None of it is journaled."""

import asyncio
from collections import deque
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from bascule.api.views import QuoteView
from bascule.engine.runtime import Runtime
from bascule.model.ids import AccountId, Symbol, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import MINUTE, Instant

BARS_MAX = 1_440
"""One-minute bars that are kept of each contract: a day of an open market."""
SAMPLE_S = 0.25
"""A stream tells each contract's quote four times a second at most."""
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
Interval = Literal["1m", "5m", "15m", "1h"]


class Bar(Struct, frozen=True):
    """Bids of one interval; ``start`` is its beginning, ``quotes`` how many there were."""

    account: str
    symbol: str
    start: Instant
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    quotes: int


class Bars:
    """One-minute bars since the start, by account and contract."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._kept: dict[tuple[AccountId, Symbol], deque[Bar]] = {}
        runtime.follow_quotes(self.add)

    def add(self, account: AccountId, quote: Quote) -> None:
        """Take a quote; one of a minute that is over already is left out."""
        symbol = self._runtime.settings.symbols[account][quote.venue_symbol]
        bars = self._kept.setdefault((account, symbol), deque(maxlen=BARS_MAX))
        start = Instant(quote.at - quote.at % MINUTE)
        bid = quote.bid
        one = Bar(account, symbol, start, bid, bid, bid, bid, 1)
        if bars and start == bars[-1].start:
            bars[-1] = _joined(bars[-1], one)
        elif not bars or start > bars[-1].start:
            bars.append(one)

    def last(self, symbol: str, account: str, interval: Interval, limit: int) -> list[Bar]:
        """Give the last bars of a contract, the oldest first, account by account."""
        found: list[Bar] = []
        for (name, known), bars in self._kept.items():
            if known == symbol and (not account or name == account):
                found += _widened(bars, INTERVALS[interval])[-limit:]
        return found


def _joined(bar: Bar, later: Bar) -> Bar:
    return msgspec.structs.replace(
        bar,
        high=max(bar.high, later.high),
        low=min(bar.low, later.low),
        close=later.close,
        quotes=bar.quotes + later.quotes,
    )


def _widened(bars: deque[Bar], minutes: int) -> list[Bar]:
    wide: list[Bar] = []
    for bar in bars:
        start = Instant(bar.start - bar.start % (minutes * MINUTE))
        if wide and wide[-1].start == start:
            wide[-1] = _joined(wide[-1], bar)
        else:
            wide.append(msgspec.structs.replace(bar, start=start))
    return wide


class Samples:
    """The newest quote of each contract that a stream has not told yet. Close it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._fresh: dict[tuple[AccountId, VenueSymbol], Quote] = {}
        self._due = 0.0
        self._leave = runtime.follow_quotes(self._keep)

    def _keep(self, account: AccountId, quote: Quote) -> None:
        self._fresh[account, quote.venue_symbol] = quote

    def take(self) -> list[QuoteView]:
        """Give what is fresh; nothing when that was asked for too short a while ago."""
        now = asyncio.get_running_loop().time()
        if now < self._due:
            return []
        self._due = now + SAMPLE_S
        fresh, self._fresh = self._fresh, {}
        at = self._runtime.clock.now()
        return [
            QuoteView(account, symbols[venue], venue, quote.bid, quote.ask, quote.at, at - quote.at)
            for (account, venue), quote in fresh.items()
            if venue in (symbols := self._runtime.settings.symbols[account])
        ]

    def close(self) -> None:
        """Hear no more quotes."""
        self._leave()
