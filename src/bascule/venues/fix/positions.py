"""What fills add up to, where a counterparty tells neither positions nor money. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.values import ZERO, Currency
from bascule.venues.fix.blotter import FillRow


class Net(Struct):
    """One symbol's sum: signed quantity, average price of what is open, and what was realized.

    ``realized`` is price times quantity, not yet times the multiplier.
    """

    quantity: Decimal = ZERO
    average: Decimal = ZERO
    realized: Decimal = ZERO

    def add(self, signed: Decimal, price: Decimal) -> None:
        """Add a fill; what it closes is realized against the average."""
        total = self.quantity + signed
        if self.quantity * signed >= 0:
            if total:
                self.average = (self.average * self.quantity + price * signed) / total
        else:
            side = 1 if self.quantity > 0 else -1
            closed = min(abs(self.quantity), abs(signed))
            self.realized += (price - self.average) * closed * side
            if total * self.quantity < 0:
                self.average = price
        self.quantity = total


def add_up(fills: Iterable[FillRow]) -> dict[VenueSymbol, Net]:
    """Add fills up, by symbol; they must come oldest first."""
    sums: dict[VenueSymbol, Net] = {}
    for fill in fills:
        sums.setdefault(fill.venue_symbol, Net()).add(fill.quantity * fill.side.sign, fill.price)
    return sums


def profit(
    sums: Mapping[VenueSymbol, Net],
    listings: Mapping[VenueSymbol, Listing],
    quotes: Mapping[VenueSymbol, Quote],
    currency: Currency,
) -> tuple[Decimal, Decimal]:
    """Give what was realized and what is open, in the account's currency.

    What is quoted in another currency is left out, since nobody tells its rate here; so is what is
    open in something that has no price yet. Commissions are not known.
    """
    realized = unrealized = ZERO
    for name, net in sums.items():
        listing = listings.get(name)
        if listing is None or listing.quote != currency:
            continue
        realized += net.realized * listing.multiplier
        quote = quotes.get(name)
        if quote is not None and net.quantity:
            mark = quote.bid if net.quantity > 0 else quote.ask
            unrealized += (mark - net.average) * net.quantity * listing.multiplier
    return realized, unrealized
