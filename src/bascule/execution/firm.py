"""What the checks of a firm's rules ask about one order: see ``FirmAround`` in the risk layer."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from bascule.execution.foreign import exposures
from bascule.execution.open_risk import idea_of
from bascule.execution.state import AccountState, Exposure, Guard, Order
from bascule.execution.totals import Sum
from bascule.execution.turn import Turn
from bascule.model.enums import InstrumentKind, Side
from bascule.model.event import SignalAccepted
from bascule.model.ids import AccountId, Symbol
from bascule.model.programme import Clock, NewsRule, Programme
from bascule.model.values import DAY, HOUR, ONE, ZERO, Instant, text
from bascule.risk.firm import FlatSpan, Holding, Idea, NewsStanding, Profits, Size
from bascule.risk.programmes.clock import candidates, day_of, next_instant
from bascule.risk.programmes.ledger import day_clock
from bascule.risk.programmes.spans import flat_span
from bascule.risk.programmes.standing import standing
from bascule.risk.programmes.underlying import is_micro, signs, underlying

if TYPE_CHECKING:
    from bascule.execution.placing import Draft

STRADDLE = NewsRule(300, 300, scope="open", assumed=True)
"""The windows in which two sides of one release are looked for where a firm states none."""
_NONE = Exposure()


class FirmSurroundings:
    """One order's surroundings by its firm's rules, read off the state as it stands.

    ``replacing`` is the order whose new terms these would be, ``guard`` the one whose stop moves.
    """

    def __init__(
        self,
        turn: Turn,
        draft: "Draft",
        programme: Programme,
        replacing: Order | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._turn = turn
        self._draft = draft
        self._programme = programme
        self._replacing = replacing
        self._guard = guard
        self._news: NewsStanding | None = None

    def news(self) -> NewsStanding:
        """How the order's contract stands to releases."""
        if self._news is None:
            rule = self._programme.news or STRADDLE
            symbol, at = self._draft.listing.symbol, self._turn.at
            self._news = standing(self._turn.settings.news, rule, symbol, at)
        return self._news

    def straddles(self, currencies: tuple[str, ...]) -> str:
        """An own account that bets against the order on what a release moves."""
        own = underlying(self._draft.listing.symbol)
        mine = signs(self._draft.listing.symbol, self._draft.side)
        moved = {own, *currencies} & set(mine)
        for symbol, total in sums_of(self._turn).items():
            for side, accounts in ((Side.BUY, total.buyers), (Side.SELL, total.sellers)):
                bets = signs(symbol, side)
                name = next((one for names in accounts.values() for one in names), None)
                if name is not None and any(bets.get(one) == -mine[one] for one in moved):
                    return f"account {name} has or may come to have a {side.value} of {symbol}"
        return ""

    def flat(self) -> FlatSpan | None:
        """The span that holds now."""
        rule = self._programme.flat
        if rule is None:
            return None
        return flat_span(rule, self._draft.listing.session or "always", self._turn.at)

    def opposite(self) -> str:
        """Another own account that stands on the other side of the same thing."""
        return opposed(self._draft, sums_of(self._turn), lambda name: True)

    def opposite_here(self) -> str:
        """What the account holds on the other side of the same contract."""
        listing = self._draft.listing
        exposure = self._exposures().get(listing.symbol, _NONE)
        buys = self._draft.side is Side.BUY
        held = exposure.short + exposure.open_sell if buys else exposure.long + exposure.open_buy
        own = self._draft.account.book(self._draft.strategy, listing.symbol)
        if self._draft.after is not None and own is not None:
            held -= own.leaving(self._draft.side.opposite)  # it is sent only once that is closed
        if held <= 0:
            return ""
        word = "short" if buys else "long"
        return f"{text(held)} {listing.symbol} is {word} here, or may come to be"

    def requests(self) -> int:
        """What was asked of the venue since the firm's day began."""
        return requested_today(self._draft.account, self._programme, self._turn.at)

    def fills(self) -> int:
        """What has filled since the firm's day began."""
        began = day_began(self._programme, self._turn.at)
        return self._draft.account.fills.since(began)

    def fills_ahead(self) -> int:
        """One for each position that is held, and two for each entry that may still fill."""
        account = self._draft.account
        held = sum(max(len(book.lots), bool(book.quantity)) for book in account.books.values())
        entries = sum(
            order.leg == "e" and bool(order.leaves) and order is not self._replacing
            for order in account.orders.values()
        )
        return held + 2 * entries

    def size(self) -> Size:
        """What counts against the firm's largest size, each contract at its worst."""
        future = self._draft.listing.kind is InstrumentKind.FUTURE
        held = ZERO
        for symbol, exposure in self._exposures().items():
            listing = self._turn.listing(self._draft.account.id, symbol)
            if listing is not None and (listing.kind is InstrumentKind.FUTURE) is not future:
                continue
            long = exposure.long + exposure.open_buy
            short = exposure.short + exposure.open_sell
            if symbol == self._draft.listing.symbol:
                worst = long if self._draft.side is Side.BUY else short
                if self._replacing is not None:
                    worst -= self._replacing.quantity
            else:
                worst = max(long, short)
            held += worst * self._counts(symbol)
        return Size(held, self._counts(self._draft.listing.symbol), future)

    def profits(self) -> Profits | None:
        """The firm's days as the ledger counts them."""
        ledger, results = self._draft.account.ledger, self._draft.account.results
        if ledger is None:
            return None
        day = day_of(self._turn.at, day_clock(self._programme)).isoformat()
        today = results[day].profit if day in results else ZERO
        whole = sum((one.profit for one in results.values()), ZERO)
        return Profits(today, whole - today, ledger.eod, ledger.eod - ledger.initial)

    def holding(self) -> Holding:
        """How long the order's strategy holds; what protects a position leaves at its own hour."""
        held = self._draft.account.holds.get(self._draft.strategy)
        if held is None:
            return Holding(None, ())
        symbol = self._draft.listing.symbol
        entered = held.entered.get(symbol) if self._draft.leg == "x" else None
        return Holding(entered, held.durations)

    def idea(self) -> Idea:
        """What is lost of the idea, and what its open parts lose at their stops."""
        draft, rule = self._draft, self._programme.idea
        merge_s = rule.merge_s if rule is not None else 0
        return idea_of(
            self._turn,
            draft.account,
            draft.spec,
            draft.listing,
            draft.side,
            merge_s,
            self._replacing,
            self._guard,
        )

    def copied_from(self) -> str:
        """The owner of the signal's source, where it is another than the account's."""
        others = self._draft.spec.others
        if not others:
            return ""
        # A change is judged under the signal of its order; who asks for it is in this decision.
        for event in self._turn.events:
            if isinstance(event, SignalAccepted) and (owner := others.get(event.source)):
                return f"source {event.source}, whose signals are {owner}'s"
        return ""

    def allocated(self) -> Decimal:
        """The initial balances of the accounts of the firm that follow the strategy."""
        accounts = self._turn.settings.accounts
        following = {
            leg.account
            for route in self._turn.settings.routes
            if route.strategy in ("*", self._draft.strategy)
            for leg in route.legs
        }
        firm = self._draft.spec.firm
        return sum(
            (
                spec.initial_balance or ZERO
                for name, spec in accounts.items()
                if name in following and spec.firm == firm
            ),
            ZERO,
        )

    def _exposures(self) -> Mapping[Symbol, Exposure]:
        account = self._draft.account
        return exposures(account, self._turn.foreign(account))

    def _counts(self, symbol: str) -> Decimal:
        """Give what one of a contract counts: a micro its part of one, where that is known."""
        rule = self._programme.max_size
        if rule is None or not rule.micros_per_mini or not is_micro(symbol):
            return ONE
        return ONE / rule.micros_per_mini


def requested_today(account: AccountState, programme: Programme, at: Instant) -> int:
    """Count what was asked of the venue since the firm's day began."""
    return account.messages.since(day_began(programme, at))


def day_began(programme: Programme, at: Instant) -> Instant:
    """Give when the day began by which the firm counts requests and fills."""
    daily = programme.daily_loss
    clock = programme.conduct.reset or (daily.reset if daily is not None else None)
    return last_reset(clock, at)


def sums_of(turn: Turn) -> dict[Symbol, Sum]:
    """Give every contract over all accounts, as the state stands."""
    totals, settings = turn.market.totals, turn.settings
    totals.refresh(turn.state, settings.accounts, settings.listings, turn.foreign)
    return totals.sums


def opposed(draft: "Draft", sums: Mapping[Symbol, Sum], counts: Callable[[AccountId], bool]) -> str:
    """Find another own account that stands, or may come to stand, against an order.

    Args:
        draft: the order.
        sums: every contract over all accounts.
        counts: which accounts are looked at.

    Returns:
        Which, in words; '' for none.
    """
    own = underlying(draft.listing.symbol)
    buys = draft.side is Side.BUY
    for symbol, total in sums.items():
        if underlying(symbol) != own:
            continue
        for names in (total.sellers if buys else total.buyers).values():
            for name in names:
                if name != draft.account.id and counts(name):
                    word = "short" if buys else "long"
                    return f"account {name} is {word} {symbol}, or has orders that may make it so"
    return ""


def last_reset(clock: Clock | None, at: Instant) -> Instant:
    """Give when the firm's day began, at the earliest; 24 hours ago where nobody says when."""
    if clock is None:
        return Instant(at - DAY)
    known = _days.get(clock)
    if known is None or not known[0] <= at < known[1]:
        clocks = candidates(clock)
        began = min(_last(one, at) for one in clocks)
        ends = min(next_instant(one, at) for one in clocks)
        # Of several candidates each may end the span in which the earliest beginning holds.
        known = _days[clock] = (max(_last(one, at) for one in clocks), ends, began)
    return known[2]


_days: dict[Clock, tuple[Instant, Instant, Instant]] = {}
"""By clock: from when until when an answer holds, and the answer."""


def _last(clock: Clock, at: Instant) -> Instant:
    """Give the last strike at or before an instant; a day may have 25 hours."""
    found = next_instant(clock, Instant((at - 26 * HOUR) // HOUR * HOUR))
    while (later := next_instant(clock, found)) <= at:
        found = later
    return found
