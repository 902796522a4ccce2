"""Sums over all accounts by contract, kept up as accounts change.

What an order needs to know of all accounts together is read off these sums, so that it costs the
same with one account as with a hundred: only accounts that events touched are summed anew. The
state implies all of it, so a fresh one (after a restart) sums every account once.

Amounts are in units of the contract: quantity times multiplier, so that accounts whose venues
count differently add up.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.state import AccountState, State
from bascule.model.account import AccountSpec
from bascule.model.enums import OrdType, Side
from bascule.model.ids import AccountId, Symbol, VenueId
from bascule.model.instrument import Listing
from bascule.model.values import ZERO, Currency


class Share(Struct, frozen=True):
    """What one account has in one contract, open entries at their worst; all unsigned.

    ``worst`` is the larger side, ``waiting`` what open entries may still fill. ``bid`` and ``ask``
    are its best resting limit prices. ``mark`` is the last price that it knows.
    """

    buy: Decimal
    sell: Decimal
    waiting: Decimal
    bid: Decimal | None
    ask: Decimal | None
    mark: Decimal | None

    @property
    def worst(self) -> Decimal:
        """The larger of both sides."""
        return max(self.buy, self.sell)


class Resting(Struct):
    """The accounts of one venue that rest limit orders on one side, and the best price of them."""

    prices: dict[AccountId, Decimal] = field(default_factory=dict)
    best: Decimal | None = None


class Sum(Struct):
    """One contract over all accounts. ``sellers`` and ``buyers`` are the accounts, by venue."""

    quote: Currency
    buy: Decimal = ZERO
    sell: Decimal = ZERO
    worst: Decimal = ZERO
    waiting: Decimal = ZERO
    mark: Decimal | None = None
    buyers: dict[VenueId, dict[AccountId, None]] = field(default_factory=dict)
    sellers: dict[VenueId, dict[AccountId, None]] = field(default_factory=dict)
    bids: dict[VenueId, Resting] = field(default_factory=dict)
    asks: dict[VenueId, Resting] = field(default_factory=dict)


class Totals(Struct):
    """Every contract over all accounts, and the margin that accounts use, by their currency.

    ``touched`` names the accounts to be summed anew; None is all of them.
    """

    sums: dict[Symbol, Sum] = field(default_factory=dict)
    margins: dict[Currency, Decimal] = field(default_factory=dict)
    shares: dict[AccountId, dict[Symbol, Share]] = field(default_factory=dict)
    margin_of: dict[AccountId, tuple[Currency, Decimal]] = field(default_factory=dict)
    touched: dict[AccountId, None] = field(default_factory=dict)
    whole: bool = False

    def forget(self) -> None:
        """Sum every account anew: what its venue lists may have changed."""
        self.whole = False

    def refresh(
        self,
        state: State,
        specs: Mapping[AccountId, AccountSpec],
        listings: Mapping[AccountId, Mapping[Symbol, Listing]],
    ) -> None:
        """Sum what was touched anew."""
        names = self.touched if self.whole else dict.fromkeys(state.accounts)
        if not names:
            return
        if not self.whole:
            self.sums.clear()
            self.margins.clear()
            self.shares.clear()
            self.margin_of.clear()
        self.touched = {}
        self.whole = True
        for name in names:
            account, spec = state.accounts.get(name), specs.get(name)
            if account is not None and spec is not None:
                self._margin(account)
                self._account(account, spec.venue, listings.get(name, {}))

    def share(self, account: AccountId, symbol: Symbol) -> Share | None:
        """Give what one account has in one contract."""
        return self.shares.get(account, {}).get(symbol)

    def _margin(self, account: AccountState) -> None:
        known = self.margin_of.pop(account.id, None)
        if known is not None:
            self.margins[known[0]] -= known[1]
        if account.money is not None:
            told = account.money.currency, account.money.margin_used
            self.margin_of[account.id] = told
            self.margins[told[0]] = self.margins.get(told[0], ZERO) + told[1]

    def _account(
        self, account: AccountState, venue: VenueId, listings: Mapping[Symbol, Listing]
    ) -> None:
        before = self.shares.get(account.id, {})
        after = _shares(account, listings)
        for symbol in {**before, **after}:
            old, new = before.get(symbol), after.get(symbol)
            if old == new:
                continue
            found = self.sums.get(symbol)
            if found is None:
                found = self.sums[symbol] = Sum(listings[symbol].quote)
            _weigh(found, old, -1)
            _weigh(found, new, 1)
            _stand(found.buyers, venue, account.id, new is not None and new.buy > 0)
            _stand(found.sellers, venue, account.id, new is not None and new.sell > 0)
            _rest(found.bids, venue, account.id, new.bid if new is not None else None)
            _rest(found.asks, venue, account.id, new.ask if new is not None else None)
            if new is not None and new.mark is not None:
                found.mark = new.mark
        self.shares[account.id] = after


def _shares(account: AccountState, listings: Mapping[Symbol, Listing]) -> dict[Symbol, Share]:
    bids: dict[Symbol, Decimal] = {}
    asks: dict[Symbol, Decimal] = {}
    marks: dict[Symbol, Decimal] = {}
    for order in account.orders.values():
        if order.price is None:
            continue
        marks[order.symbol] = order.price
        if order.ord_type is not OrdType.LIMIT:
            continue
        if order.side is Side.BUY:
            bids[order.symbol] = max(order.price, bids.get(order.symbol, order.price))
        else:
            asks[order.symbol] = min(order.price, asks.get(order.symbol, order.price))
    shares: dict[Symbol, Share] = {}
    for symbol, exposure in account.exposure.items():
        listing = listings.get(symbol)
        buy, sell = exposure.long + exposure.open_buy, exposure.short + exposure.open_sell
        if listing is None or not (buy or sell or symbol in bids or symbol in asks):
            continue
        last = account.prices.get(symbol)
        shares[symbol] = Share(
            buy * listing.multiplier,
            sell * listing.multiplier,
            (exposure.open_buy + exposure.open_sell) * listing.multiplier,
            bids.get(symbol),
            asks.get(symbol),
            last.price if last is not None else marks.get(symbol),
        )
    return shares


def _weigh(total: Sum, share: Share | None, sign: int) -> None:
    if share is not None:
        total.buy += share.buy * sign
        total.sell += share.sell * sign
        total.worst += share.worst * sign
        total.waiting += share.waiting * sign


def _stand(
    side: dict[VenueId, dict[AccountId, None]], venue: VenueId, account: AccountId, there: bool
) -> None:
    if there:
        side.setdefault(venue, {})[account] = None
    elif venue in side:
        side[venue].pop(account, None)


def _rest(
    side: dict[VenueId, Resting], venue: VenueId, account: AccountId, price: Decimal | None
) -> None:
    resting = side.get(venue)
    if resting is None:
        if price is None:
            return
        resting = side[venue] = Resting()
    if resting.prices.get(account) == price:
        return
    if price is None:
        del resting.prices[account]
    else:
        resting.prices[account] = price
    resting.best = None
