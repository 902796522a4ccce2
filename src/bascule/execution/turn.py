"""One decision in the making: the state, the settings, the market, and the events so far.

An event is folded the moment it is emitted, through the same ``evolve`` that replay uses, so what
a later part of the decision sees is exactly what recovery will see.
"""

from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.evolve import evolve
from bascule.execution.foreign import NOBODY, Foreign, working
from bascule.execution.loss_state import Watch
from bascule.execution.state import AccountState, ForeignOrder, State
from bascule.execution.totals import Totals
from bascule.model.account import AccountSpec, Capabilities, RiskLimits, Route
from bascule.model.event import Event, ForeignFill, ForeignOrderSeen, ForeignOrdersGone
from bascule.model.ids import AccountId, ClOrdID, PositionId, Symbol, VenueOrderId, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.values import Currency, Instant
from bascule.reference.releases import News

_FOREIGN = (ForeignOrderSeen, ForeignOrdersGone, ForeignFill)
"""What changes the sums of what others have working."""


class Settings(Struct, kw_only=True):
    """What the user set up and what the venues list: the unjournaled half of a decision's input.

    Its text and hash are journaled at each start. ``listings`` are by our symbol,
    ``symbols`` from the venue's name back to ours. ``limits`` are what the configuration proposes
    beyond those of the accounts, by scope: ``strategy:x``, ``venue:x`` and ``all``; the values in
    those of ``all`` are in ``portfolio_currency``. ``news`` is the calendar of releases, read anew
    while the engine runs.
    """

    accounts: dict[AccountId, AccountSpec] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    capabilities: dict[AccountId, Capabilities] = field(default_factory=dict)
    listings: dict[AccountId, dict[Symbol, Listing]] = field(default_factory=dict)
    symbols: dict[AccountId, dict[VenueSymbol, Symbol]] = field(default_factory=dict)
    max_signal_age_ns: int = 60_000_000_000
    change_interval_ns: int = 500_000_000
    max_intents: int = 50
    limits: dict[str, RiskLimits] = field(default_factory=dict)
    portfolio_currency: Currency = Currency("")
    news: News | None = None


class Suspect(Struct, frozen=True):
    """A difference in positions: what we and the venue had, and in how many looks in a row.

    ``lots`` are what the venue has more of, position by position, where the sums agree. ``since``
    is when it was seen first, ``lags`` whether the venue may just not have counted its last fills.
    """

    ours: Decimal
    theirs: Decimal
    looks: int
    lots: tuple[tuple[PositionId, Decimal], ...] = ()
    since: Instant = Instant(0)
    lags: bool = False


class Tried(Struct, frozen=True):
    """When a contract was last cleared for a firm's rule, and how often in a row before that."""

    at: Instant
    times: int


class Merged(Struct):
    """An account's limits as tightened by a strategy's, and how long that holds."""

    limits: RiskLimits
    changes: int
    until: Instant | None
    spec: RiskLimits


class Market(Struct):
    """What is known but not journaled: latest quotes, peaks of trailing orders, looks wanted.

    ``looks`` names accounts whose venue should be asked soon, and why; ``suspects`` holds
    differences in positions that are not yet drift. ``pool`` has the latest quote of each contract
    whichever account it came from: rates between currencies are taken from it, and ``rates`` keeps
    those of one instant. ``totals`` and ``merged`` are sums and limits that the state implies,
    kept so that an order costs the same however many accounts there are. ``duties`` says when the
    rules of an account's firm are looked at again, ``tried`` what they had done by contract.
    ``others`` has the orders that Bascule did not send and that the last look at their account
    showed, since more may work than the state remembers; ``foreign`` sums both where they were last
    asked for. ``put_off`` names guards of which something was refused, or came too soon.

    After a restart a peak starts again from the level that was last asked of the venue, which
    only ever ratchets, so nothing that was gained is given back.
    """

    quotes: dict[AccountId, dict[VenueSymbol, Quote]] = field(default_factory=dict)
    peaks: dict[ClOrdID, Decimal] = field(default_factory=dict)
    looks: dict[AccountId, str] = field(default_factory=dict)
    suspects: dict[AccountId, dict[Symbol, Suspect]] = field(default_factory=dict)
    pool: dict[str, Quote] = field(default_factory=dict)
    rates: dict[tuple[str, str], tuple[Instant, Decimal | None]] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    merged: dict[tuple[AccountId, str], Merged] = field(default_factory=dict)
    watches: dict[AccountId, Watch] = field(default_factory=dict)
    watched_at: Instant = Instant(0)
    duties: dict[AccountId, Instant] = field(default_factory=dict)
    tried: dict[AccountId, dict[Symbol, Tried]] = field(default_factory=dict)
    others: dict[AccountId, dict[VenueOrderId, ForeignOrder]] = field(default_factory=dict)
    foreign: dict[AccountId, Foreign] = field(default_factory=dict)
    put_off: dict[tuple[AccountId, ClOrdID], None] = field(default_factory=dict)

    def keep(self, account: AccountId, quote: Quote, symbol: Symbol | None) -> None:
        """Keep a quote as the account's latest and, where its name is known, as anybody's."""
        self.quotes.setdefault(account, {})[quote.venue_symbol] = quote
        if symbol is not None:
            self.pool[symbol] = quote
            self.rates.clear()

    def quote(self, account: AccountId, venue_symbol: VenueSymbol) -> Quote | None:
        """Give the latest quote, if there is one."""
        by_symbol = self.quotes.get(account)
        return by_symbol.get(venue_symbol) if by_symbol is not None else None


class Turn(Struct, eq=False):
    """Collects the events of one decision, folding each as it comes."""

    state: State
    settings: Settings
    market: Market
    at: Instant
    events: list[Event] = []
    _accounts: list[AccountState] = []

    def emit(self, event: Event) -> None:
        """Let a fact be known: fold it, and keep it for the journal."""
        evolve(self.state, event)
        account: AccountId | None = getattr(event, "account", None)
        if account:
            self.market.totals.touch(account, getattr(event, "cl_ord_id", None))
            if isinstance(event, _FOREIGN):
                self.market.foreign.pop(account, None)
        self.events.append(event)

    def listing(self, account: AccountId, symbol: Symbol) -> Listing | None:
        """Give the account's record of a contract."""
        return self.settings.listings.get(account, {}).get(symbol)

    def foreign(self, account: AccountState) -> Foreign:
        """Give what others have working on an account."""
        if not account.foreign_orders:
            return NOBODY
        name, market = account.id, self.market
        found = market.foreign.get(name)
        if found is None:
            shown, names = market.others.get(name, {}), self.settings.symbols.get(name, {})
            found = market.foreign[name] = working(account, shown, names)
        return found

    def accounts(self) -> list[AccountState]:
        """List the accounts that are both known and configured; only a start opens more."""
        if not self._accounts:
            known = self.state.accounts
            self._accounts = [known[name] for name in self.settings.accounts if name in known]
        return self._accounts
