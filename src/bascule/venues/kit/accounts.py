"""Positions and money of the accounts that a double keeps. Pure; every sum is exact.

A posting is rounded once, to the account's digits, when it is made; the balance is the sum of
the postings and nothing else.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from bascule.model.enums import PositionMode
from bascule.model.errors import InvariantBroken
from bascule.model.ids import AccountId, PositionId, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import AccountSnapshot, VenuePosition
from bascule.model.values import ONE, ZERO, Currency, Instant
from bascule.venues.kit.terms import AccountTerms, InstrumentTerms


class Position(Struct, kw_only=True):
    """One open position. ``quantity`` is signed, long positive; ``swap`` account currency.

    ``key`` is the position id on a hedging account, the symbol on a netting one.
    """

    login: str
    key: str
    venue_symbol: VenueSymbol
    quantity: Decimal
    avg_price: Decimal
    opened_at: Instant
    swap: Decimal = ZERO


class Posting(Struct, frozen=True, kw_only=True):
    """One change of a balance, in account currency, a cost negative.

    ``kind``: ``deposit``, ``withdrawal``, ``realized``, ``commission`` or ``swap``. ``ref`` names
    the fill, the position or the request behind it.
    """

    login: str
    kind: str
    amount: Decimal
    at: Instant
    ref: str = ""


class Traded(Struct, frozen=True):
    """What one trade did to a position: quantities unsigned, ``realized`` in account currency."""

    opened: Decimal
    closed: Decimal
    realized: Decimal


class Account:
    """One account's terms, balance and positions by key."""

    __slots__ = ("balance", "positions", "terms")

    def __init__(self, terms: AccountTerms, balance: Decimal = ZERO) -> None:
        self.terms = terms
        self.balance = balance
        self.positions: dict[str, Position] = {}

    @property
    def hedging(self) -> bool:
        """Whether each entry is a position of its own."""
        return self.terms.mode is PositionMode.HEDGING

    def key(self, symbol: str, position_id: str) -> str:
        """Give the key of the position that an order of this symbol and id speaks of."""
        return position_id if self.hedging else symbol


class Rates:
    """Conversion between currencies, from static pairs and from the quotes of listed pairs."""

    def __init__(
        self,
        instruments: Iterable[InstrumentTerms],
        static: Mapping[str, Decimal],
        quotes: Mapping[str, Quote],
    ) -> None:
        self._static = dict(static)
        self._quotes = quotes
        self._pairs = {
            (str(item.base), str(item.quote)): item.venue_symbol
            for item in instruments
            if item.base
        }
        codes = {code for pair in self._pairs for code in pair}
        codes |= {pair[:3] for pair in static} | {pair[3:] for pair in static}
        self._codes = sorted(codes)

    def rate(self, source: str, target: str) -> Decimal | None:
        """Give how many of ``target`` one ``source`` is, or None when nothing says so.

        A listed pair's mid comes first, then the static table, each either way round; then a
        cross over one other currency.
        """
        if source == target:
            return ONE
        direct = self._direct(source, target)
        if direct is not None:
            return direct
        for middle in self._codes:
            first = self._direct(source, middle)
            second = self._direct(middle, target) if first is not None else None
            if first is not None and second is not None:
                return first * second
        return None

    def _direct(self, source: str, target: str) -> Decimal | None:
        for base, quote, inverse in ((source, target, False), (target, source, True)):
            symbol = self._pairs.get((base, quote))
            price = self._quotes.get(symbol) if symbol else None
            found = price.mid if price else self._static.get(base + quote)
            if found:
                return ONE / found if inverse else found
        return None


class Accounts:
    """All accounts of one broker, marked at the newest quotes.

    ``postings`` holds what was posted since it was last taken away by its owner.
    """

    def __init__(
        self, instruments: Mapping[str, InstrumentTerms], rates: Rates, quotes: Mapping[str, Quote]
    ) -> None:
        self._instruments = instruments
        self._quotes = quotes
        self._rates = rates
        self.by_login: dict[str, Account] = {}
        self.postings: list[Posting] = []

    def rate(self, currency: Currency, account: Account) -> Decimal | None:
        """Give the rate from a currency to the account's, or None when it is not known."""
        return self._rates.rate(currency, account.terms.currency)

    def post(self, account: Account, kind: str, amount: Decimal, at: Instant, ref: str) -> Decimal:
        """Change a balance by an amount, rounded to the account's digits; give what was posted."""
        rounded = _rounded(account, amount)
        if rounded:
            account.balance += rounded
            login = account.terms.login
            self.postings.append(Posting(login=login, kind=kind, amount=rounded, at=at, ref=ref))
        return rounded

    def trade(
        self, account: Account, symbol: VenueSymbol, key: str, signed: Decimal, price: Decimal,
        at: Instant, ref: str,
    ) -> Traded:  # fmt: skip
        """Apply a trade of ``signed`` quantity to the position with this key."""
        held = account.positions.get(key)
        if held is None:
            account.positions[key] = Position(
                login=account.terms.login, key=key, venue_symbol=symbol, quantity=signed,
                avg_price=price, opened_at=at,
            )  # fmt: skip
            return Traded(abs(signed), ZERO, ZERO)
        if (held.quantity > 0) == (signed > 0):
            total = held.quantity + signed
            held.avg_price = (held.avg_price * held.quantity + price * signed) / total
            held.quantity = total
            return Traded(abs(signed), ZERO, ZERO)
        closed = min(abs(held.quantity), abs(signed))
        gain = (price - held.avg_price) * (closed if held.quantity > 0 else -closed)
        realized = self.post(account, "realized", self._cash(account, symbol, gain), at, ref)
        held.quantity += signed
        opened = abs(signed) - closed
        if not held.quantity:
            del account.positions[key]
        elif opened:
            held.avg_price, held.opened_at, held.swap = price, at, ZERO
        return Traded(opened, closed, realized)

    def unrealized(self, account: Account, position: Position) -> Decimal:
        """Give a position's open profit at the side it would close on, in account currency."""
        quote = self._quotes.get(position.venue_symbol)
        if quote is None:
            return ZERO
        mark = quote.bid if position.quantity > 0 else quote.ask
        gain = (mark - position.avg_price) * position.quantity
        return _rounded(account, self._cash(account, position.venue_symbol, gain))

    def equity(self, account: Account) -> Decimal:
        """Give balance and open profit, in account currency."""
        return account.balance + sum(
            (self.unrealized(account, held) for held in account.positions.values()), ZERO
        )

    def margin_for(
        self, account: Account, terms: InstrumentTerms, quantity: Decimal, price: Decimal
    ) -> Decimal:
        """Give the margin of an unsigned quantity at a price, in account currency."""
        per_unit = terms.margin_per_unit
        if per_unit is None:
            per_unit = price * terms.multiplier / account.terms.leverage
        return quantity * per_unit * self._known_rate(account, terms.quote)

    def margin_used(self, account: Account) -> Decimal:
        """Give the margin of all positions at their opening prices, in account currency.

        On a hedging account the larger side of each symbol counts.
        """
        longs: dict[str, Decimal] = {}
        shorts: dict[str, Decimal] = {}
        for held in account.positions.values():
            terms = self._instruments[held.venue_symbol]
            need = self.margin_for(account, terms, abs(held.quantity), held.avg_price)
            side = longs if held.quantity > 0 else shorts
            side[held.venue_symbol] = side.get(held.venue_symbol, ZERO) + need
        return sum(
            (max(longs.get(name, ZERO), shorts.get(name, ZERO)) for name in {**longs, **shorts}),
            ZERO,
        )

    def snapshot(self, account: Account, now: Instant) -> AccountSnapshot:
        """Give the account's money as the broker would tell it."""
        equity, used = self.equity(account), _rounded(account, self.margin_used(account))
        return AccountSnapshot(
            account=AccountId(account.terms.login),
            currency=account.terms.currency,
            balance=account.balance,
            equity=equity,
            margin_used=used,
            free_margin=equity - used,
            at=now,
        )

    def shown(
        self,
        account: Account,
        held: Position,
        stop_loss: Decimal | None,
        take_profit: Decimal | None,
    ) -> VenuePosition:
        """Give a position as the broker would show it, with the levels that guard it."""
        return VenuePosition(
            account=AccountId(account.terms.login),
            venue_symbol=held.venue_symbol,
            quantity=held.quantity,
            avg_price=held.avg_price,
            position_id=PositionId(held.key) if account.hedging else None,
            stop_loss=stop_loss,
            take_profit=take_profit,
            unrealized=self.unrealized(account, held),
            swap=held.swap,
        )

    def charge_swap(self, account: Account, held: Position, at: Instant) -> Decimal:
        """Post one night's swap of a position; give what was posted."""
        terms = self._instruments[held.venue_symbol]
        per_unit = terms.swap_long if held.quantity > 0 else terms.swap_short
        amount = per_unit * abs(held.quantity) * self._known_rate(account, terms.quote)
        posted = self.post(account, "swap", amount, at, held.key)
        held.swap += posted
        return posted

    def _cash(self, account: Account, symbol: VenueSymbol, gain: Decimal) -> Decimal:
        terms = self._instruments[symbol]
        return gain * terms.multiplier * self._known_rate(account, terms.quote)

    def _known_rate(self, account: Account, currency: Currency) -> Decimal:
        rate = self.rate(currency, account)
        if rate is None:
            # Admission refuses an order whose money could not be converted, and quotes are never
            # taken back: a position without a rate is a bug of the broker's.
            raise InvariantBroken(f"no rate from {currency} to {account.terms.currency}")
        return rate


def _rounded(account: Account, amount: Decimal) -> Decimal:
    return amount.quantize(ONE.scaleb(-account.terms.digits), ROUND_HALF_EVEN)
