"""Where a double's prices come from: a seeded random walk, a replayed file, or whoever pushes.

A feed says when it has its next price and gives what is due; the owner's clock decides.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import sqrt
from typing import Protocol

from msgspec import Struct

from bascule.model.errors import ConfigError
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import SECOND, ZERO, Duration, Instant
from bascule.venues.kit.faults import Rng
from bascule.venues.kit.terms import InstrumentTerms

ROWS_MAX = 2_000_000
"""Rows of the longest file that is replayed; it is held in memory."""


class Bar(Struct, frozen=True):
    """One bar of bids; ``at`` is when it is known, its end."""

    venue_symbol: VenueSymbol
    at: Instant
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Feed(Protocol):
    """A source of prices on the owner's clock."""

    def next_at(self) -> Instant | None:
        """Give when the next price is due, or None when there will be none."""

    def due(self, now: Instant) -> Sequence[Quote | Bar]:
        """Give the prices that are due now, once."""


class Pushed:
    """No prices of its own: all are pushed from outside."""

    def next_at(self) -> Instant | None:
        """Give None, always."""
        return None

    def due(self, now: Instant) -> Sequence[Quote | Bar]:
        """Give nothing, always."""
        return ()


class RandomWalk:
    """Moves every bid by a normal step at a fixed interval from its ``first`` quote, on its ticks.

    A step's standard deviation is ``volatility_ticks`` times the square root of the interval in
    seconds. The spread is constant. A pause is not caught up: time that has passed gives one
    step. A bid never falls below one tick, and an instrument without a first quote does not move.
    """

    def __init__(
        self,
        instruments: Iterable[InstrumentTerms],
        rng: Rng,
        interval: Duration,
        now: Instant,
        first: Mapping[str, Quote],
    ) -> None:
        self._rng = rng
        self._interval = interval
        self._next = Instant(now + interval)
        self._root = sqrt(interval / SECOND)
        self._bids: dict[VenueSymbol, int] = {}
        self._terms: list[InstrumentTerms] = []
        for item in instruments:
            quote = first.get(item.venue_symbol)
            if quote is not None:
                self._terms.append(item)
                self._bids[item.venue_symbol] = int(quote.bid / item.tick_size)

    def next_at(self) -> Instant | None:
        """Give when the next step is due."""
        return self._next if self._terms else None

    def due(self, now: Instant) -> Sequence[Quote | Bar]:
        """Give one step of each instrument if it is due."""
        if now < self._next:
            return ()
        self._next = Instant(now + self._interval)
        return [self._step(item, now) for item in self._terms]

    def _step(self, item: InstrumentTerms, now: Instant) -> Quote:
        move = round(self._rng.gauss(0.0, item.volatility_ticks * self._root))
        bid = max(self._bids[item.venue_symbol] + move, 1)
        self._bids[item.venue_symbol] = bid
        return Quote(
            item.venue_symbol,
            bid * item.tick_size,
            (bid + item.spread_ticks) * item.tick_size,
            now,
            item.touch_size,
            item.touch_size,
        )


class Replay:
    """Plays rows back from ``start`` on, at their own distances divided by ``speed``."""

    def __init__(self, rows: Sequence[Quote | Bar], start: Instant, speed: float = 1.0) -> None:
        self._rows = sorted(rows, key=lambda row: row.at)
        self._start = start
        self._speed = Decimal(str(speed))
        self._done = 0

    def next_at(self) -> Instant | None:
        """Give when the next row is due, None after the last."""
        if self._done >= len(self._rows):
            return None
        since = self._rows[self._done].at - self._rows[0].at
        return Instant(self._start + int(since / self._speed))

    def due(self, now: Instant) -> Sequence[Quote | Bar]:
        """Give the rows that are due and were not given before."""
        first = self._done
        while (due := self.next_at()) is not None and due <= now:
            self._done += 1
        return self._rows[first : self._done]


def read_rows(lines: Iterable[str]) -> list[Quote | Bar]:
    """Read ticks or bars from CSV with a header line.

    Ticks: ``time,symbol,bid,ask`` and optionally ``bid_size,ask_size``. Bars:
    ``time,symbol,open,high,low,close``, bids, ``time`` the bar's end. Time is ISO 8601 with a
    zone, or UTC nanoseconds.

    Raises:
        ConfigError: a column is missing or a row cannot be read; the message has its number.
    """
    table = csv.DictReader(lines)
    names = set(table.fieldnames or ())
    if {"time", "symbol", "bid", "ask"} <= names:
        read = _tick
    elif {"time", "symbol", "open", "high", "low", "close"} <= names:
        read = _bar
    else:
        raise ConfigError(
            "a price file begins with a header: time,symbol,bid,ask for ticks or "
            "time,symbol,open,high,low,close for bars"
        )
    rows: list[Quote | Bar] = []
    for number, row in enumerate(table, 2):
        if len(rows) >= ROWS_MAX:
            raise ConfigError(f"a price file has at most {ROWS_MAX} rows; cut it")
        try:
            rows.append(read(row))
        except (ValueError, InvalidOperation, TypeError, KeyError):
            raise ConfigError(f"line {number} of the price file cannot be read: {row}") from None
    return rows


def _tick(row: Mapping[str, str]) -> Quote | Bar:
    bid, ask = Decimal(row["bid"]), Decimal(row["ask"])
    if not 0 < bid <= ask:
        raise ValueError("crossed")
    return Quote(
        VenueSymbol(row["symbol"]),
        bid,
        ask,
        _instant(row["time"]),
        Decimal(row.get("bid_size") or ZERO),
        Decimal(row.get("ask_size") or ZERO),
    )


def _bar(row: Mapping[str, str]) -> Quote | Bar:
    first, high, low, last = (Decimal(row[name]) for name in ("open", "high", "low", "close"))
    if not 0 < low <= min(first, last) <= max(first, last) <= high:
        raise ValueError("not a bar")
    return Bar(VenueSymbol(row["symbol"]), _instant(row["time"]), first, high, low, last)


def _instant(text: str) -> Instant:
    if text.isdigit():
        return Instant(int(text))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return Instant(micros * 1000)
