"""A venue's symbol records under our own names: which record a name of ours stands for."""

from decimal import Decimal
from itertools import permutations

import pytest

from bascule.engine.listings import by_our_name
from bascule.model.account import AccountSpec, SymbolMap
from bascule.model.enums import AccountMode, InstrumentKind
from bascule.model.ids import AccountId, Symbol, VenueId, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import SECOND, Currency, Instant

NOW = Instant(1_795_262_400 * SECOND)
"""2026-11-21, when ESZ2026 is the front month."""


def record(name: str) -> Listing:
    """A record as a venue tells it, under its own name."""
    return Listing(
        symbol=Symbol(name),
        venue_symbol=VenueSymbol(name),
        kind=InstrumentKind.CFD,
        quote=Currency("USD"),
        tick_size=Decimal("0.01"),
        multiplier=Decimal(1),
        lot_step=Decimal("0.01"),
        min_qty=Decimal("0.01"),
        max_qty=Decimal(50),
    )


@pytest.mark.parametrize(
    ("symbols", "listed", "expected"),
    [
        (SymbolMap(), ("XAUUSD", "GOLD"), {"XAUUSD": "XAUUSD", "GOLD": "GOLD"}),
        (SymbolMap(), ("ESZ6", "ES"), {"ESZ2026": "ESZ6", "ES": "ES"}),
        (SymbolMap(suffix=".pro"), ("EURUSD.pro", "EURUSD"), {"EURUSD": "EURUSD.pro"}),
        (
            SymbolMap(overrides={"XAUUSD": "GOLDm"}),
            ("XAUUSD", "GOLDm", "GOLD"),
            {"XAUUSD": "GOLDm", "GOLD": "GOLD"},
        ),
        (SymbolMap(), ("GOLD",), {"XAUUSD": "GOLD"}),
        (SymbolMap(suffix=".x"), ("ODD", "ODD.x"), {"ODD": "ODD.x"}),
    ],
)
def test_a_name_stands_for_the_record_that_the_map_writes(
    symbols: SymbolMap, listed: tuple[str, ...], expected: dict[str, str]
) -> None:
    """Of two records for one instrument the map's own wins, whatever their order at the venue.

    An alias is good enough while nothing else claims the name; a record that lost its name keeps
    the venue's, so that a position in it is still seen as another.
    """
    spec = AccountSpec(
        id=AccountId("a"),
        venue=VenueId("v"),
        login="1",
        mode=AccountMode.LIVE,
        currency=Currency("USD"),
        symbols=symbols,
    )
    for order in permutations(listed):
        listings, names = by_our_name(spec, tuple(record(name) for name in order), NOW)
        assert {name: one.venue_symbol for name, one in listings.items()} == expected
        assert names == {venue: ours for ours, venue in expected.items()}
        assert all(one.symbol == name for name, one in listings.items())
