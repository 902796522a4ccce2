"""From a venue's symbol records to listings by our own names."""

import msgspec

from bascule.model.account import AccountSpec
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import Instant
from bascule.reference import Resolution, own_name, resolve, session_names
from bascule.reference.refusal import Refusal


def by_our_name(
    spec: AccountSpec, records: tuple[Listing, ...], now: Instant
) -> tuple[dict[Symbol, Listing], dict[VenueSymbol, Symbol]]:
    """Name a venue's records as we do, and complete them from the reference table.

    Every figure that the venue states is the venue's; session, pip and expiry come from the
    reference where the venue is silent. A record that stands for nothing we know is kept under
    the venue's own name, so that a position in it can be seen, but no signal resolves to it. So
    is the weaker of two that stand for one instrument, such as a stock called GOLD beside XAUUSD;
    where that name is taken as well, it is left out.
    """
    listings: dict[Symbol, Listing] = {}
    names: dict[VenueSymbol, Symbol] = {}
    read = [_named(spec, record, now) for record in records]
    for _, listing in sorted(read, key=lambda one: one[0]):
        if listing.symbol in listings:
            listing = msgspec.structs.replace(listing, symbol=Symbol(listing.venue_symbol))
        if listing.symbol not in listings:
            listings[listing.symbol] = listing
            names[listing.venue_symbol] = listing.symbol
    return listings, names


def _named(spec: AccountSpec, record: Listing, now: Instant) -> tuple[int, Listing]:
    """Give a record under our name, and how loosely it bears it: 0 is as the map writes it."""
    wanted = own_name(record.venue_symbol, spec.symbols)
    found = resolve(wanted, now)
    if isinstance(found, Refusal):
        symbol, session = Symbol(wanted), _session(record, "always")
        listing = msgspec.structs.replace(record, symbol=symbol, session=session)
    else:
        known = found.instrument
        symbol = Symbol(wanted) if wanted in spec.symbols.overrides else known.symbol
        listing = msgspec.structs.replace(
            record,
            symbol=symbol,
            session=_session(record, known.session),
            pip_size=record.pip_size or known.pip_size,
            expiry=record.expiry or known.expiry,
            base=record.base or known.base,
        )
    if record.venue_symbol == spec.symbols.venue_symbol(symbol):
        return 0, listing
    continuous = isinstance(found, Resolution) and found.continuous
    return (2 if continuous else 1), listing


def _session(record: Listing, otherwise: str) -> str:
    """The venue's calendar where we have a table of that name, else the reference's."""
    return record.session if record.session in session_names() else otherwise
