"""From a venue's symbol records to listings by our own names."""

import msgspec

from bascule.model.account import AccountSpec
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import Instant
from bascule.reference import own_name, resolve, session_names
from bascule.reference.refusal import Refusal


def by_our_name(
    spec: AccountSpec, records: tuple[Listing, ...], now: Instant
) -> tuple[dict[Symbol, Listing], dict[VenueSymbol, Symbol]]:
    """Name a venue's records as we do, and complete them from the reference table.

    Every figure that the venue states is the venue's; session, pip and expiry come from the
    reference where the venue is silent. A record that stands for nothing we know is kept under
    the venue's own name, so that a position in it can be seen, but no signal resolves to it.
    """
    listings: dict[Symbol, Listing] = {}
    names: dict[VenueSymbol, Symbol] = {}
    for record in records:
        wanted = own_name(record.venue_symbol, spec.symbols)
        found = resolve(wanted, now)
        if isinstance(found, Refusal):
            symbol = Symbol(wanted)
            listing = msgspec.structs.replace(record, session=_session(record, "always"))
        else:
            known = found.instrument
            symbol = Symbol(wanted) if wanted in spec.symbols.overrides else known.symbol
            listing = msgspec.structs.replace(
                record,
                session=_session(record, known.session),
                pip_size=record.pip_size or known.pip_size,
                expiry=record.expiry or known.expiry,
                base=record.base or known.base,
            )
        listing = msgspec.structs.replace(listing, symbol=symbol)
        listings[symbol] = listing
        names[record.venue_symbol] = symbol
    return listings, names


def _session(record: Listing, otherwise: str) -> str:
    """The venue's calendar where we have a table of that name, else the reference's."""
    return record.session if record.session in session_names() else otherwise
