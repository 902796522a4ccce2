"""What fills add up to, where a counterparty tells neither positions nor money. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.model.account import AccountSpec
from bascule.model.ids import AccountId, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.order import AccountSnapshot, VenuePosition
from bascule.model.values import ZERO, Currency, Instant


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


def positions(account: AccountId, sums: Mapping[VenueSymbol, Net]) -> tuple[VenuePosition, ...]:
    """Give what is open."""
    return tuple(
        VenuePosition(
            account=account, venue_symbol=name, quantity=net.quantity, avg_price=net.average
        )
        for name, net in sums.items()
        if net.quantity
    )


def money(
    spec: AccountSpec, stated: Decimal, realized: Decimal, unrealized: Decimal, now: Instant
) -> AccountSnapshot:
    """Give the money in an account: what the settings say, and what its fills made of it."""
    equity = stated + realized + unrealized
    return AccountSnapshot(
        account=spec.id,
        currency=spec.currency,
        balance=stated + realized,
        equity=equity,
        margin_used=ZERO,
        free_margin=equity,
        at=now,
    )


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
