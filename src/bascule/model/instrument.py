"""What is traded, and how one account's venue lists it."""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import InstrumentKind
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.values import ONE, ZERO, Currency, Instant


class Instrument(Struct, frozen=True):
    """A tradable thing by our own name, as the world knows it.

    ``multiplier`` is quote-currency value of a move of 1.0 in price, for one unit of quantity:
    100,000 for an FX lot, 50 for ES, 1 for a coin. ``root`` and ``months`` are for futures.
    """

    symbol: Symbol
    kind: InstrumentKind
    quote: Currency
    tick_size: Decimal
    multiplier: Decimal
    base: Currency = Currency("")
    lot_step: Decimal = ONE
    min_qty: Decimal = ONE
    pip_size: Decimal = ZERO
    session: str = "always"
    root: str = ""
    expiry: Instant | None = None
    description: str = ""


class Listing(Struct, frozen=True):
    """An instrument as one account's venue lists it; every figure is read from the venue.

    Quantities of orders are in the unit of ``lot_step``. ``min_stop_distance`` is in price units.
    ``session`` empty means that the venue does not say; the reference table's is taken then.
    """

    symbol: Symbol
    venue_symbol: VenueSymbol
    kind: InstrumentKind
    quote: Currency
    tick_size: Decimal
    multiplier: Decimal
    lot_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_stop_distance: Decimal = ZERO
    pip_size: Decimal = ZERO
    session: str = ""
    tradable: bool = True
    expiry: Instant | None = None
    base: Currency = Currency("")

    @property
    def tick_value(self) -> Decimal:
        """Quote-currency value of one tick, for one unit of quantity."""
        return self.tick_size * self.multiplier


class Quote(Struct, frozen=True):
    """A two-sided price with what is available there. Sizes of zero mean "not stated"."""

    venue_symbol: VenueSymbol
    bid: Decimal
    ask: Decimal
    at: Instant
    bid_size: Decimal = ZERO
    ask_size: Decimal = ZERO

    @property
    def mid(self) -> Decimal:
        """Half-way between bid and ask."""
        return (self.bid + self.ask) / 2
