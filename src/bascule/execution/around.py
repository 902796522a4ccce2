"""What stands around an order, found when a check first asks: see ``Around`` in the risk layer."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from bascule.execution.firm import FirmSurroundings, opposed, sums_of
from bascule.execution.fold_counts import repeat_key
from bascule.execution.foreign import NOTHING, Foreign, exposures
from bascule.execution.limits import ALL, account_limits, in_force
from bascule.execution.loss import limits_loss, loss_of, rate_to
from bascule.execution.open_risk import open_risk, to_stop
from bascule.execution.state import AccountState, Exposure, Guard, Order
from bascule.execution.totals import Resting, Share, Sum
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import OrdType, Side
from bascule.model.ids import Symbol
from bascule.model.instrument import Listing, Quote
from bascule.model.order import AccountSnapshot
from bascule.model.values import MINUTE, ZERO, Currency, text
from bascule.reference import sessions
from bascule.risk.limits import LOOSEST
from bascule.risk.loss import Loss, OpenRisk
from bascule.risk.proposal import Messages, Reference
from bascule.risk.rates import Tally

if TYPE_CHECKING:
    from bascule.execution.placing import Draft

REFERENCE_MAX_AGE = MINUTE
"""An entry is not held against an older quote or fill."""

T = TypeVar("T")
_NO_EXPOSURE = Exposure()
_EMPTY = Tally()


class lazy(Generic[T]):
    """A property that is found once: like ``cached_property``, without its lock."""

    def __init__(self, find: Callable[["Surroundings"], T]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    @overload
    def __get__(self, of: None, owner: type) -> "lazy[T]": ...
    @overload
    def __get__(self, of: "Surroundings", owner: type) -> T: ...
    def __get__(self, of: "Surroundings | None", owner: type) -> "lazy[T] | T":
        """Find the value, and leave it where the next look finds it first."""
        if of is None:
            return self
        found = of.__dict__[self._find.__name__] = self._find(of)
        return found


def worst_side(exposure: Exposure) -> Decimal:
    """Give the larger side of an exposure once its open entries fill."""
    return max(exposure.long + exposure.open_buy, exposure.short + exposure.open_sell)


class Surroundings:
    """One order's surroundings: ``Around``, read off the state as it stands in this decision.

    ``limits`` are those of its account as tightened by its strategy; ``counted`` is what open
    entries hold of the order that it replaces, ``replacing``. ``guard`` is there where the draft
    stands for what it guards, with a stop that is moved.
    """

    def __init__(
        self,
        turn: Turn,
        draft: "Draft",
        limits: RiskLimits,
        counted: Decimal = ZERO,
        replacing: Order | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._turn = turn
        self._draft = draft
        self._limits = limits
        self._counted = counted
        self._replacing = replacing
        self._guard = guard
        self._account: AccountState = draft.account
        self._spec: AccountSpec = draft.spec
        self._listing: Listing = draft.listing

    # --- prices and values ----------------------------------------------------------------------

    @lazy
    def session(self) -> str:
        """The contract's session now."""
        return sessions.state(self._listing.session or "always", self._turn.at).phase

    @lazy
    def quote(self) -> Quote | None:
        """The account's last quote."""
        return self._turn.market.quote(self._account.id, self._listing.venue_symbol)

    @lazy
    def reference(self) -> Reference | None:
        """A fresh quote, else a fresh fill, else the signal's own price where it is another."""
        oldest = self._turn.at - REFERENCE_MAX_AGE
        quote = self.quote
        if quote is not None and quote.at >= oldest:
            price = quote.ask if self._draft.side is Side.BUY else quote.bid
            return Reference(price, "the venue's quote")
        last = self._account.prices.get(self._listing.symbol)
        if last is not None and last.at >= oldest:
            return Reference(last.price, "the last fill")
        told = self.signal_price
        if told is not None and told != self._own_price:
            return Reference(told, "the price in the signal")
        return None

    @lazy
    def _own_price(self) -> Decimal | None:
        draft = self._draft
        return draft.price if draft.price is not None else draft.stop_price

    @lazy
    def price(self) -> Decimal | None:
        """The higher of the order's own price and the reference."""
        own, reference = self._own_price, self.reference
        if own is None or reference is None:
            return own if reference is None else reference.price
        return max(own, reference.price)

    @lazy
    def rate(self) -> Decimal | None:
        """Account currency per unit of quote currency."""
        return rate_to(self._turn, self._listing.quote, self._spec.currency)

    @lazy
    def unit_value(self) -> Decimal | None:
        """The notional of one unit of quantity in account currency."""
        if self.price is None or self.rate is None:
            return None
        return self.price * self._listing.multiplier * self.rate

    @lazy
    def value(self) -> Decimal | None:
        """The order's notional."""
        unit = self.unit_value
        return None if unit is None else unit * self._draft.quantity

    @lazy
    def loss_per_unit(self) -> Decimal | None:
        """The distance from the entry to its stop; a trail that waits for a gain is none yet."""
        bracket = self._draft.bracket
        if bracket is None:
            return None
        entry = self._own_price
        if entry is None and self.reference is not None:
            entry = self.reference.price
        if self._guard is not None and entry is not None:
            return to_stop(bracket, entry, self._draft.side)
        if bracket.stop_loss is not None and entry is not None:
            return abs(entry - bracket.stop_loss)
        waits = bracket.stop_loss is not None or bracket.trail_trigger is not None
        return None if waits else bracket.trail_distance

    @lazy
    def loss_from_here(self) -> Decimal | None:
        """What is held is measured from where it could be closed, what waits from its entry."""
        guard, bracket, entry = self._guard, self._draft.bracket, self.loss_per_unit
        if guard is None or bracket is None or guard.held <= 0:
            return entry
        quote, whole = self.quote, self._draft.quantity
        if quote is None or entry is None:
            return None
        price = quote.bid if guard.side is Side.BUY else quote.ask
        now = to_stop(bracket, price, guard.side)
        return None if now is None else (now * guard.held + entry * (whole - guard.held)) / whole

    @property
    def money(self) -> AccountSnapshot | None:
        """The venue's last word on the account's money."""
        return self._account.money

    @property
    def signal_price(self) -> Decimal | None:
        """The price that the sender saw."""
        return self._draft.signal_price

    @property
    def unpriced_max_qty(self) -> Decimal | None:
        """The largest entry without a price to hold it against."""
        return self._draft.unpriced_max_qty

    @lazy
    def firm(self) -> FirmSurroundings:
        """What the rules of the account's firm ask for."""
        programme = self._spec.programme
        if programme is None:
            raise LookupError(f"account {self._spec.id} has no programme")
        return FirmSurroundings(self._turn, self._draft, programme, self._replacing, self._guard)

    @lazy
    def loss(self) -> Loss | None:
        """How the account stands to its loss limits."""
        if self._spec.programme is None and not limits_loss(self._limits):
            return None
        return loss_of(self._turn, self._account, self._spec)

    @lazy
    def open_risk(self) -> OpenRisk:
        """What is lost from here if every open stop is hit."""
        return open_risk(self._turn, self._account, self._spec, self._replacing, self._guard)

    @lazy
    def opposed_firm(self) -> str:
        """Another account, under a firm that forbids hedges, that stands on the other side."""
        against = {
            name
            for name, spec in self._turn.settings.accounts.items()
            if spec.programme is not None
            and spec.programme.conduct.cross_account_hedge != "allowed"
        }
        return opposed(self._draft, self._sums, against.__contains__) if against else ""

    # --- the account ----------------------------------------------------------------------------

    @lazy
    def _foreign(self) -> Foreign:
        """What others have working on the account."""
        return self._turn.foreign(self._account)

    @lazy
    def _exposures(self) -> Mapping[Symbol, Exposure]:
        """The account's contracts, what others have working included."""
        return exposures(self._account, self._foreign)

    @lazy
    def others_quantity(self) -> Decimal:
        """The worst quantity of the account's other contracts."""
        own = self._listing.symbol
        return sum(
            (worst_side(exposure) for symbol, exposure in self._exposures.items() if symbol != own),
            ZERO,
        )

    @lazy
    def others_value(self) -> Decimal | None:
        """The worst notional of the account's other contracts."""
        own = self._listing.symbol
        total = ZERO
        for symbol, exposure in self._exposures.items():
            worst = worst_side(exposure)
            if symbol == own or not worst:
                continue
            unit = self._unit_value_of(symbol)
            if unit is None:
                return None
            total += worst * unit
        return total

    @lazy
    def waiting_value(self) -> Decimal | None:
        """The notional of all of the account's open entries but this order."""
        own = self._listing.symbol
        total = ZERO
        for symbol, exposure in self._exposures.items():
            waiting = exposure.open_buy + exposure.open_sell
            if not waiting:
                continue
            unit = self.unit_value if symbol == own else self._unit_value_of(symbol)
            if unit is None:
                return None
            total += (waiting - self._counted if symbol == own else waiting) * unit
        return total

    def _unit_value_of(self, symbol: Symbol) -> Decimal | None:
        """The notional of one unit of another contract, at its last price however old."""
        listing = self._turn.listing(self._account.id, symbol)
        if listing is None:
            return None
        quote = self._turn.market.quote(self._account.id, listing.venue_symbol)
        last = self._account.prices.get(symbol)
        if quote is not None:
            price = quote.ask
        elif last is not None:
            price = last.price
        else:
            books = self._account.books.values()
            prices = [book.avg_price for book in books if book.symbol == symbol]
            named = self._foreign.by_symbol.get(symbol, NOTHING).price
            price = max([*prices, named or ZERO])
        converted = rate_to(self._turn, listing.quote, self._spec.currency)
        if not price or converted is None:
            return None
        return price * listing.multiplier * converted

    @lazy
    def book_open(self) -> Decimal:
        """What the strategy's own open entries may still add on the order's side."""
        book = self._account.book(self._draft.strategy, self._listing.symbol)
        if book is None:
            return ZERO
        waiting = book.open_buy if self._draft.side is Side.BUY else book.open_sell
        return waiting - self._counted

    @lazy
    def value_lately(self) -> Decimal:
        """The notional of the entries within the short interval."""
        return self._account.values.within(self._turn.at, self._limits.short_interval_ns)

    @property
    def sent_per_fill(self) -> tuple[int, int]:
        """Messages and fills within 24 hours."""
        at = self._turn.at
        return self._account.messages.of_day(at), self._account.fills.of_day(at)

    @lazy
    def messages(self) -> tuple[Messages, ...]:
        """The budgets of account, strategy and venue."""
        of_venue = in_force(self._turn, f"venue:{self._spec.venue}")
        if self._limits.messages_per_day is None and of_venue is None:
            return ()
        state, draft = self._turn.state, self._draft
        of_strategy = state.strategies.get(draft.strategy)
        budgets = (
            (
                f"account {self._account.id}",
                self._account.messages,
                account_limits(self._turn, self._spec),
            ),
            (
                f"strategy {draft.strategy}",
                of_strategy.messages if of_strategy is not None else _EMPTY,
                in_force(self._turn, f"strategy:{draft.strategy}"),
            ),
            (
                f"venue {self._spec.venue}",
                state.venues.get(self._spec.venue, _EMPTY),
                of_venue,
            ),
        )
        return tuple(
            Messages(
                scope, tally.of_day(self._turn.at), limits.messages_per_day, limits.message_reserve
            )
            for scope, tally, limits in budgets
            if limits is not None and limits.messages_per_day is not None
        )

    # --- the strategy ---------------------------------------------------------------------------

    @lazy
    def repeats(self) -> int:
        """How often the strategy has done this within its window, earlier signals only."""
        draft = self._draft
        known = self._account.repeats.get(
            repeat_key(draft.strategy, self._listing.symbol, draft.side)
        )
        if known is None:
            return 0
        since = self._turn.at - self._limits.repeated_window_ns
        within = sum(1 for at in reversed(known.times) if at > since)
        return within - (within > 0 and known.signal == draft.signal)

    @property
    def strategy_signals(self) -> int:
        """How many signals of the strategy have become entries, this one not counted."""
        known = self._turn.state.strategies.get(self._draft.strategy)
        return 0 if known is None else known.signals - (known.last == self._draft.signal)

    @property
    def approved(self) -> bool:
        """Whether a person has approved the strategy."""
        known = self._turn.state.strategies.get(self._draft.strategy)
        return known is not None and known.approved

    # --- all accounts ---------------------------------------------------------------------------

    @property
    def foreign_everywhere(self) -> int:
        """How many orders others have working on all accounts."""
        turn = self._turn
        return sum(turn.foreign(account).orders for account in turn.accounts())

    @lazy
    def portfolio(self) -> RiskLimits:
        """The limits over all accounts."""
        return in_force(self._turn, ALL) or LOOSEST

    @lazy
    def _sums(self) -> dict[Symbol, Sum]:
        return sums_of(self._turn)

    @lazy
    def _share(self) -> Share | None:
        found = self._sums.get(self._listing.symbol)
        if found is None:
            return None
        return self._turn.market.totals.share(self._account.id, self._listing.symbol)

    @lazy
    def elsewhere_quantity(self) -> Decimal | None:
        """What all other accounts have on the order's side, in this account's unit."""
        total, share = self._sums.get(self._listing.symbol), self._share
        if total is None:
            return ZERO
        if total.unlisted:
            return None
        if self._draft.side is Side.BUY:
            units = total.buy - (share.buy if share is not None else ZERO)
        else:
            units = total.sell - (share.sell if share is not None else ZERO)
        return units / self._listing.multiplier

    @lazy
    def portfolio_rate(self) -> Decimal | None:
        """Portfolio currency per unit of quote currency."""
        return rate_to(self._turn, self._listing.quote, self._turn.settings.portfolio_currency)

    @lazy
    def elsewhere_value(self) -> Decimal | None:
        """The worst notional of all accounts without this account's share in this contract."""
        own, share = self._listing.symbol, self._share
        total = ZERO
        for symbol, one in self._sums.items():
            units = one.worst - (share.worst if share is not None and symbol == own else ZERO)
            if one.unlisted:
                return None
            if units:
                unit = self._portfolio_value(symbol, one)
                if unit is None:
                    return None
                total += units * unit
        return total

    @lazy
    def portfolio_margin(self) -> Decimal | None:
        """What venues say is used, and open entries at the portfolio's own percentage."""
        turn = self._turn
        used = waiting = worst = ZERO
        percent = self.portfolio.margin_percent or Decimal(100)
        for currency, amount in self._margins().items():
            converted = rate_to(turn, currency, turn.settings.portfolio_currency)
            if converted is None:
                return None
            used += amount * converted
        for symbol, one in self._sums.items():
            if one.unlisted:
                return None
            if one.worst or one.waiting:
                unit = self._portfolio_value(symbol, one)
                if unit is None:
                    return None
                gone, lower = self._replaced if symbol == self._listing.symbol else (ZERO, ZERO)
                waiting += (one.waiting - gone) * unit
                worst += (one.worst - lower) * unit
        return max(used + waiting * percent / 100, worst * percent / 100)

    @lazy
    def _replaced(self) -> tuple[Decimal, Decimal]:
        """How much less waits, and is the worst, without the order that is replaced, in units."""
        gone, share = self._counted * self._listing.multiplier, self._share
        if not gone or share is None:
            return ZERO, ZERO
        buys = self._draft.side is Side.BUY
        left = max(share.buy - gone, share.sell) if buys else max(share.buy, share.sell - gone)
        return gone, share.worst - left

    def _margins(self) -> dict[Currency, Decimal]:
        return self._turn.market.totals.margins if self._sums is not None else {}

    def _portfolio_value(self, symbol: Symbol, one: Sum) -> Decimal | None:
        """Portfolio currency for one unit of a contract at its last price, however old."""
        quote = self._turn.market.pool.get(symbol)
        price = quote.ask if quote is not None else one.mark
        converted = rate_to(self._turn, one.quote, self._turn.settings.portfolio_currency)
        return None if price is None or converted is None else price * converted

    @lazy
    def crosses(self) -> str:
        """A resting order of another account that this one could trade with."""
        if len(self._turn.settings.accounts) == 1:
            return ""
        total = self._sums.get(self._listing.symbol)
        if total is None:
            return ""
        buys = self._draft.side is Side.BUY
        resting = (total.asks if buys else total.bids).get(self._spec.venue)
        if resting is None or not resting.orders or not self._reaches(_best(resting, lowest=buys)):
            return ""
        for account, price in resting.orders.values():
            if account != self._account.id and self._reaches(price):
                side = "sell" if buys else "buy"
                return f"a {side} limit order at {text(price)} rests on account {account}"
        return ""

    def _reaches(self, price: Decimal) -> bool:
        """Whether the order could trade at a price."""
        reach = self._reach
        if reach is None:
            return True
        return reach >= price if self._draft.side is Side.BUY else reach <= price

    @lazy
    def _reach(self) -> Decimal | None:
        """The worst price that the order could trade at; None for any."""
        draft = self._draft
        if draft.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT):
            return draft.price
        if draft.stop_price is not None:
            return draft.stop_price
        quote = self.quote
        if quote is None or quote.at < self._turn.at - REFERENCE_MAX_AGE:
            return None
        return quote.ask if draft.side is Side.BUY else quote.bid

    @lazy
    def opposes(self) -> str:
        """Another account of this venue that stands, or may come to stand, on the other side."""
        total = self._sums.get(self._listing.symbol)
        if total is None:
            return ""
        buys = self._draft.side is Side.BUY
        others = (total.sellers if buys else total.buyers).get(self._spec.venue, {})
        found = next((name for name in others if name != self._account.id), None)
        if found is None:
            return ""
        return f"account {found} is {'short' if buys else 'long'} or has orders that may make it so"


def _best(resting: Resting, *, lowest: bool) -> Decimal:
    if resting.best is None:
        prices = [price for _, price in resting.orders.values()]
        resting.best = min(prices) if lowest else max(prices)
    return resting.best
