"""Sums over all accounts by contract, kept up as accounts change.

What an order needs to know of all accounts together is read off these sums, so that it costs the
same with one account as with a hundred: only accounts that events touched are summed anew. The
state implies all of it, so a fresh one (after a restart) sums every account once.

Amounts are in units of the contract: quantity times multiplier, so that accounts whose venues
count differently add up.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.foreign import NOTHING, Foreign, exposures
from bascule.execution.state import AccountState, Order, State
from bascule.model.account import AccountSpec
from bascule.model.enums import OrdType, Side
from bascule.model.ids import AccountId, ClOrdID, Symbol, VenueId
from bascule.model.instrument import Listing
from bascule.model.values import ONE, ZERO, Currency

TOUCHED_MAX = 10_000
"""Orders touched since they were last summed, beyond which all are summed anew."""


class Share(Struct, frozen=True):
    """What one account has in one contract, open entries at their worst; all unsigned.

    ``worst`` is the larger side, ``waiting`` what open entries may still fill. Until the venue has
    said what a lot of it is (``listed``), lots stand for units.
    """

    buy: Decimal
    sell: Decimal
    waiting: Decimal
    listed: bool = True

    @property
    def worst(self) -> Decimal:
        """The larger of both sides."""
        return max(self.buy, self.sell)


class Resting(Struct):
    """The limit orders that rest on one side of a contract at one venue: account and price.

    ``best`` is the price that the other side would meet first; None where it is to be found anew.
    """

    orders: dict[ClOrdID, tuple[AccountId, Decimal]] = field(default_factory=dict)
    best: Decimal | None = None


class Sum(Struct):
    """One contract over all accounts. ``mark`` is the last price that any of them knows.

    ``unlisted`` counts the accounts that have it and whose venue has not listed it since the start:
    while there are any the sums are not known. ``buyers`` and ``sellers`` are the accounts on
    either side, by venue; ``bids`` and ``asks`` their resting orders.
    """

    quote: Currency = Currency("")
    buy: Decimal = ZERO
    sell: Decimal = ZERO
    worst: Decimal = ZERO
    waiting: Decimal = ZERO
    unlisted: int = 0
    mark: Decimal | None = None
    buyers: dict[VenueId, dict[AccountId, None]] = field(default_factory=dict)
    sellers: dict[VenueId, dict[AccountId, None]] = field(default_factory=dict)
    bids: dict[VenueId, Resting] = field(default_factory=dict)
    asks: dict[VenueId, Resting] = field(default_factory=dict)


class Totals(Struct):
    """Every contract over all accounts, and the margin that accounts use, by their currency.

    ``accounts`` and ``orders`` are to be looked at again; without ``whole`` all are.
    """

    sums: dict[Symbol, Sum] = field(default_factory=dict)
    margins: dict[Currency, Decimal] = field(default_factory=dict)
    shares: dict[AccountId, dict[Symbol, Share]] = field(default_factory=dict)
    margin_of: dict[AccountId, tuple[Currency, Decimal]] = field(default_factory=dict)
    accounts: dict[AccountId, None] = field(default_factory=dict)
    orders: dict[ClOrdID, AccountId] = field(default_factory=dict)
    whole: bool = False

    def touch(self, account: AccountId, order: ClOrdID | None) -> None:
        """Remember that an event was about an account, and about an order of it."""
        self.accounts[account] = None
        if order is not None:
            self.orders[order] = account
            if len(self.orders) > TOUCHED_MAX:
                self.forget()

    def forget(self) -> None:
        """Sum every account anew: what its venue lists may have changed."""
        self.whole = False
        self.accounts.clear()
        self.orders.clear()

    def refresh(
        self,
        state: State,
        specs: Mapping[AccountId, AccountSpec],
        listings: Mapping[AccountId, Mapping[Symbol, Listing]],
        foreign: Callable[[AccountState], Foreign],
    ) -> None:
        """Sum what was touched anew; ``foreign`` gives what others have working on an account."""
        if not self.whole:
            self._begin(state)
        for name in self.accounts:
            account, spec = state.accounts.get(name), specs.get(name)
            if account is not None and spec is not None:
                self._margin(account)
                self._account(account, spec.venue, listings.get(name, {}), foreign(account))
        for order_name, name in self.orders.items():
            account, spec = state.accounts.get(name), specs.get(name)
            order = account.order(order_name) if account is not None else None
            if spec is not None and order is not None and order.price is not None:
                self._order(order, spec.venue, listings.get(name, {}))
        self.accounts.clear()
        self.orders.clear()

    def share(self, account: AccountId, symbol: Symbol) -> Share | None:
        """Give what one account has in one contract."""
        return self.shares.get(account, {}).get(symbol)

    def _begin(self, state: State) -> None:
        self.whole = True
        for kept in (self.sums, self.margins, self.shares, self.margin_of):
            kept.clear()
        for account in state.accounts.values():
            self.accounts[account.id] = None
            for name in account.orders:
                self.orders[name] = account.id

    def _margin(self, account: AccountState) -> None:
        known = self.margin_of.pop(account.id, None)
        if known is not None:
            self.margins[known[0]] -= known[1]
        if account.money is not None:
            told = account.money.currency, account.money.margin_used
            self.margin_of[account.id] = told
            self.margins[told[0]] = self.margins.get(told[0], ZERO) + told[1]

    def _account(
        self,
        account: AccountState,
        venue: VenueId,
        listings: Mapping[Symbol, Listing],
        foreign: Foreign,
    ) -> None:
        before = self.shares.get(account.id, {})
        after = _shares(account, listings, foreign)
        for symbol in {**before, **after}:
            old, new = before.get(symbol), after.get(symbol)
            if old == new:
                continue
            found = self._sum(symbol, listings.get(symbol))
            _weigh(found, old, -1)
            _weigh(found, new, 1)
            _stand(found.buyers, venue, account.id, new is not None and new.buy > 0)
            _stand(found.sellers, venue, account.id, new is not None and new.sell > 0)
            last = account.prices.get(symbol)
            if last is not None:
                found.mark = last.price
            elif found.mark is None:
                found.mark = foreign.by_symbol.get(symbol, NOTHING).price
        self.shares[account.id] = after

    def _sum(self, symbol: Symbol, listing: Listing | None) -> Sum:
        found = self.sums.get(symbol)
        if found is None:
            found = self.sums[symbol] = Sum()
        if listing is not None and not found.quote:
            found.quote = listing.quote
        return found

    def _order(self, order: Order, venue: VenueId, listings: Mapping[Symbol, Listing]) -> None:
        found = self._sum(order.symbol, listings.get(order.symbol))
        if found.mark is None:
            found.mark = order.price
        if order.ord_type is not OrdType.LIMIT or order.price is None:
            return
        side = found.bids if order.side is Side.BUY else found.asks
        resting = side.get(venue)
        if resting is None:
            resting = side[venue] = Resting()
        resting.best = None
        if order.live:
            resting.orders[order.cl_ord_id] = (order.account, order.price)
        else:
            resting.orders.pop(order.cl_ord_id, None)


def _shares(
    account: AccountState, listings: Mapping[Symbol, Listing], foreign: Foreign
) -> dict[Symbol, Share]:
    shares: dict[Symbol, Share] = {}
    for symbol, exposure in exposures(account, foreign).items():
        buy, sell = exposure.long + exposure.open_buy, exposure.short + exposure.open_sell
        if not buy and not sell:
            continue
        listing = listings.get(symbol)
        multiplier = listing.multiplier if listing is not None else ONE
        waiting = exposure.open_buy + exposure.open_sell
        shares[symbol] = Share(
            buy * multiplier, sell * multiplier, waiting * multiplier, listing is not None
        )
    return shares


def _weigh(total: Sum, share: Share | None, sign: int) -> None:
    if share is not None:
        total.buy += share.buy * sign
        total.sell += share.sell * sign
        total.worst += share.worst * sign
        total.waiting += share.waiting * sign
        total.unlisted += (not share.listed) * sign


def _stand(
    side: dict[VenueId, dict[AccountId, None]], venue: VenueId, account: AccountId, there: bool
) -> None:
    if there:
        side.setdefault(venue, {})[account] = None
    elif venue in side:
        side[venue].pop(account, None)
