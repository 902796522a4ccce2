"""What a broker of our own trades, for whom, and on what terms. Every number says its unit."""

from decimal import Decimal

from msgspec import Struct, field

from bascule.model.enums import InstrumentKind, PositionMode
from bascule.model.errors import ConfigError
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import DAY, MINUTE, ZERO, Currency, Duration, Instant

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""


class InstrumentTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument as the broker lists and simulates it.

    Quantities are in the unit of ``lot_step``. ``start_price`` is the first bid, in quote
    currency; None means no price until one is pushed. ``volatility_ticks`` is the standard
    deviation of the bid's move over one second, in ticks. ``touch_size`` is the quantity offered
    at each price level, zero for no limit; ``levels`` is how many levels the book has and
    ``level_ticks`` how far apart they are. ``slippage_ticks`` is the worst adverse slippage of a
    market or stop fill. ``margin_per_unit`` is quote currency for one unit; None means notional
    over the account's leverage. ``swap_long`` and ``swap_short`` are quote currency for one unit
    and night, a cost is negative. ``session`` is the calendar name told to clients, ``hours`` the
    broker's own trading hours (see ``TradingHours``).
    """

    venue_symbol: VenueSymbol
    kind: InstrumentKind
    quote: Currency
    tick_size: Decimal
    multiplier: Decimal
    lot_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    base: Currency = Currency("")
    min_stop_distance: Decimal = ZERO
    pip_size: Decimal = ZERO
    session: str = "always"
    hours: str = "always"
    tradable: bool = True
    expiry: Instant | None = None
    start_price: Decimal | None = None
    volatility_ticks: float = 0.0
    spread_ticks: int = 1
    touch_size: Decimal = ZERO
    levels: int = 5
    level_ticks: int = 1
    slippage_ticks: int = 0
    margin_per_unit: Decimal | None = None
    swap_long: Decimal = ZERO
    swap_short: Decimal = ZERO

    def listing(self) -> Listing:
        """Give the symbol record that a client is told."""
        return Listing(
            symbol=Symbol(self.venue_symbol),
            venue_symbol=self.venue_symbol,
            kind=self.kind,
            quote=self.quote,
            tick_size=self.tick_size,
            multiplier=self.multiplier,
            lot_step=self.lot_step,
            min_qty=self.min_qty,
            max_qty=self.max_qty,
            min_stop_distance=self.min_stop_distance,
            pip_size=self.pip_size,
            session=self.session,
            tradable=self.tradable,
            expiry=self.expiry,
            base=self.base,
        )


class AccountTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account as the broker keeps it.

    ``balance`` is the first deposit, in ``currency``. ``leverage`` 30 means a margin of a
    thirtieth of the notional. ``commission_per_lot`` is account currency for one unit of
    quantity, each side. ``stop_out_percent`` is the equity, in percent of the margin used, at or
    below which the broker closes positions. ``digits`` are the decimals of a posting.
    """

    login: str
    currency: Currency
    balance: Decimal
    mode: PositionMode = PositionMode.NETTING
    leverage: Decimal = Decimal(30)
    commission_per_lot: Decimal = ZERO
    stop_out_percent: Decimal = Decimal(50)
    digits: int = 2
    native_bracket: bool = True
    native_trailing: bool = True
    reduce_only: bool = True


class BrokerTerms(Struct, frozen=True, kw_only=True):
    """The house: accounts, instruments, and what holds for all of them.

    ``rates`` are static conversion rates by pair, ``{"EURUSD": 1.10}``: one EUR is 1.10 USD.
    ``rollover`` is when a trading day ends, ``HH:MM`` UTC. ``fill_delay_ns`` is the time from
    acceptance to the first match, ``cancel_delay_ns`` from the acceptance of a cancel to its
    effect: a fill may win in between.
    """

    accounts: tuple[AccountTerms, ...]
    instruments: tuple[InstrumentTerms, ...]
    rates: dict[str, Decimal] = field(default_factory=dict)
    rollover: str = "22:00"
    fill_delay_ns: Duration = Duration(0)
    cancel_delay_ns: Duration = Duration(0)


class TradingHours(Struct, frozen=True):
    """When an instrument trades, as (first, end) nanoseconds of a UTC week that begins Monday."""

    windows: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> "TradingHours":
        """Read ``always``, ``never``, or windows such as ``mon-fri 08:00-16:30, sun 22:00-24:00``.

        Raises:
            ConfigError: the text is none of these.
        """
        if text == "always":
            return cls(((0, 7 * DAY),))
        if text == "never":
            return cls(())
        windows: list[tuple[int, int]] = []
        for part in text.lower().split(","):
            try:
                days, span = part.split()
                first, _, last = days.partition("-")
                start, end = (minutes(clock) * MINUTE for clock in span.split("-"))
                begin, finish = _DAYS.index(first), _DAYS.index(last or first)
                if end <= start or finish < begin:
                    raise ValueError(part)
            except ValueError:
                raise ConfigError(
                    f"trading hours {text!r} cannot be read; write 'always', 'never' or windows "
                    "such as 'mon-fri 08:00-16:30' (UTC, comma between windows)"
                ) from None
            windows += [(day * DAY + start, day * DAY + end) for day in range(begin, finish + 1)]
        return cls(tuple(windows))

    def open_at(self, now: Instant) -> bool:
        """Tell whether ``now`` lies within a window; a window's end is outside it."""
        moment = (now + _EPOCH_WEEKDAY * DAY) % (7 * DAY)
        return any(start <= moment < end for start, end in self.windows)


def minutes(clock: str) -> int:
    """Give the minutes after midnight of ``HH:MM``, 00:00 to 24:00.

    Raises:
        ValueError: the text is no such time.
    """
    hour, _, minute = clock.strip().partition(":")
    total = int(hour) * 60 + int(minute)
    if not (0 <= total <= 24 * 60 and 0 <= int(minute) < 60):
        raise ValueError(f"{clock!r} is no time of day; write HH:MM")
    return total


def next_time_of_day(clock: str, now: Instant) -> Instant:
    """Give the first instant after ``now`` at which a UTC clock shows ``HH:MM``."""
    today = now - now % DAY + minutes(clock) * MINUTE
    return Instant(today if today > now else today + DAY)
