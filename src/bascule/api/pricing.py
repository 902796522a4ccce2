"""What open positions are worth at the last quotes, where quotes and rates are known."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from bascule.execution.state import Book
from bascule.model.ids import AccountId
from bascule.model.instrument import Quote
from bascule.model.values import MINUTE, Instant
from bascule.reference.currency import NoRate, rate

if TYPE_CHECKING:
    from bascule.execution.turn import Market, Settings

RATE_MAX_AGE = 10 * MINUTE
CENT = Decimal("0.01")


class Value(Struct, frozen=True):
    """A book at the last quote: what closing it now would bring, before commission.

    ``mark`` is the side that a close would trade at. ``open_pnl`` and ``realized`` are in
    ``currency``, the contract's own; ``open_pnl_account`` in the account's, None without a rate.
    """

    currency: str
    mark: Decimal | None
    open_pnl: Decimal | None
    open_pnl_account: Decimal | None
    realized: Decimal


class Pricing:
    """Values the books of one moment; exchange rates are looked up once an account."""

    def __init__(self, settings: "Settings", market: "Market", now: Instant) -> None:
        self._settings = settings
        self._market = market
        self._now = now
        self._quotes: dict[AccountId, Mapping[str, Quote]] = {}

    def value(self, account: AccountId, book: Book) -> Value | None:
        """Value a book; None where the contract is not listed, so nothing can be said."""
        listing = self._settings.listings.get(account, {}).get(book.symbol)
        if listing is None:
            return None
        realized = _cents(book.realized * listing.multiplier)
        quote = self._market.quote(account, listing.venue_symbol)
        if quote is None:
            return Value(listing.quote, None, None, None, realized)
        mark = quote.bid if book.quantity > 0 else quote.ask
        gain = (mark - book.avg_price) * book.quantity * listing.multiplier
        factor = self._rate(account, listing.quote)
        converted = None if factor is None else _cents(gain * factor)
        return Value(listing.quote, mark, _cents(gain), converted, realized)

    def _rate(self, account: AccountId, currency: str) -> Decimal | None:
        own = self._settings.accounts[account].currency
        found = rate(currency, own, self._by_symbol(account), self._now, RATE_MAX_AGE)
        return None if isinstance(found, NoRate) else found.value

    def _by_symbol(self, account: AccountId) -> Mapping[str, Quote]:
        known = self._quotes.get(account)
        if known is None:
            names = self._settings.symbols.get(account, {})
            quotes = self._market.quotes.get(account, {})
            known = {names[venue]: quote for venue, quote in quotes.items() if venue in names}
            self._quotes[account] = known
        return known


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)
