"""What planning an intent for one account starts from, and the answers it can give."""

from collections.abc import Container
from decimal import Decimal

from msgspec import Struct

from bascule.execution.loss import rate_to
from bascule.execution.state import AccountState, Book, Order
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, Capabilities, Route, RouteLeg
from bascule.model.enums import Direction, InstrumentKind, OrdStatus, QtyUnit, Side
from bascule.model.event import CancelRequested, IntentIdle, IntentRefused, OrderEnded
from bascule.model.ids import SignalId, StrategyId, Symbol
from bascule.model.instrument import Listing
from bascule.model.intent import Amount
from bascule.model.values import MINUTE, ONE, ZERO, Instant, text
from bascule.reference.refusal import Refusal
from bascule.reference.resolver import Resolution, resolve
from bascule.sizing.order import FX_LOT

_QUOTE_MAX_AGE = MINUTE
"""An entry is not measured from an older quote."""
_BACKOFF_DOUBLINGS = 7
_HAS_LOTS = (InstrumentKind.CFD, InstrumentKind.FUTURE, InstrumentKind.OPTION)


class Plan(Struct, kw_only=True):
    """One intent of one signal, on one account of one route."""

    turn: Turn
    signal: SignalId
    intent: int
    strategy: StrategyId
    route: Route
    leg: RouteLeg
    account: AccountState
    spec: AccountSpec
    capabilities: Capabilities
    not_before: Instant | None
    expires_unsent: Instant | None

    def refuse(self, code: str, sentence: str, symbol: str = "") -> None:
        """Say why this account does not act on the intent."""
        self.turn.emit(
            IntentRefused(
                at=self.turn.at,
                signal=self.signal,
                intent=self.intent,
                code=code,
                text=sentence,
                account=self.account.id,
                symbol=symbol,
            )
        )

    def idle(self, sentence: str, symbol: str = "") -> None:
        """Say that there is nothing to do on this account."""
        self.turn.emit(
            IntentIdle(
                at=self.turn.at,
                signal=self.signal,
                intent=self.intent,
                account=self.account.id,
                text=sentence,
                symbol=symbol,
            )
        )

    def find(self, name: str, *, entry: bool, held: bool = False) -> Listing | None:
        """Resolve a name to the account's contract; an exit prefers the contract held.

        So does whatever says ``held``. Refuses the intent and returns None when there is no single
        answer.
        """
        held = held or not entry
        ours: set[Symbol] = set()
        if held:
            books = self.account.books_of(self.strategy)
            ours = {b.symbol for b in books if b.quantity or b.open_buy or b.open_sell}
        theirs = self.spec.symbols.overrides.get(name)
        if theirs is not None:
            listing = self.turn.listing(self.account.id, Symbol(name))
            if listing is not None:
                return listing if self._allowed(listing.symbol, name, ours) else None
        found = self._meant(name, held=held)
        if entry and isinstance(found, Refusal) and found.code == "expired_contract":
            # What is still held of it is the venue's to settle, and is in nobody's way.
            found = self._meant(name, held=False)
        if isinstance(found, Refusal):
            self.refuse(found.code, found.text, name)
            return None
        symbol = found.instrument.symbol
        if not self._allowed(symbol, name, ours):
            return None
        listing = self.turn.listing(self.account.id, symbol)
        if listing is None and self.account.id not in self.turn.settings.listings:
            self.refuse(
                "account_not_ready",
                f"account {self.account.id} has not been connected yet, so nobody knows what its "
                "venue lists",
                symbol,
            )
        elif listing is None:
            venue_symbol = self.spec.symbols.venue_symbol(symbol)
            self.refuse(
                "unknown_symbol",
                f"{name} is {symbol}, which account {self.account.id} would trade as "
                f"{venue_symbol}, and its venue lists no such symbol; check the account's "
                "symbol map",
                symbol,
            )
        return listing

    def month_held(self, name: str, front: Listing) -> Listing | None:
        """Give the contract of a continuous name that the strategy holds still, else the front.

        Refuses the intent and returns None when there is no single answer.
        """
        if name in self.spec.symbols.overrides and front.symbol == name:
            return front
        found = self._meant(name, held=True)
        if isinstance(found, Refusal) and found.code == "ambiguous_symbol":
            self.refuse(found.code, found.text, name)
            return None
        # An expired one, as in ``find``, is in nobody's way.
        if isinstance(found, Refusal) or found.instrument.symbol == front.symbol:
            return front
        listing = self.turn.listing(self.account.id, found.instrument.symbol)
        if listing is None:
            said = f"{found.why}, and the venue of account {self.account.id} lists it no more"
            self.refuse("unknown_symbol", said, found.instrument.symbol)
        return listing

    def _meant(self, name: str, *, held: bool) -> Resolution | Refusal:
        """Resolve a name; ``held``: a continuous one to what is held of it, or else works."""
        theirs = self.spec.symbols.overrides.get(name)
        # An override to a continuous name, such as US500 to MES1!, rolls as that name does.
        symbols = None if theirs is not None else self.spec.symbols
        books = self.account.books_of(self.strategy) if held else ()
        has = [book.symbol for book in books if book.quantity]
        found = resolve(theirs or name, self.turn.at, held=has, symbols=symbols)
        if (
            isinstance(found, Resolution)
            and found.continuous
            and found.instrument.symbol not in has
        ):
            may = [book.symbol for book in books if book.open_buy or book.open_sell]
            rests = resolve(theirs or name, self.turn.at, held=may, symbols=symbols)
            return rests if isinstance(rests, Resolution) else found
        return found

    def _allowed(self, symbol: Symbol, name: str, ours: Container[Symbol]) -> bool:
        """Whether the route trades a contract; what it has there already it may always end."""
        allowed = self.route.symbols
        if not allowed or symbol in allowed or name in allowed or symbol in ours:
            return True
        self.refuse(
            "symbol_not_allowed",
            f"route {self.route.id} trades {', '.join(allowed)}, not {symbol}",
            symbol,
        )
        return False

    def entry_reference(
        self,
        listing: Listing,
        side: Side,
        price: Decimal | None,
        signal_price: Decimal | None,
    ) -> tuple[Decimal | None, str]:
        """Give the price an entry is measured from, and in words where it came from."""
        if price is not None:
            return price, "the order's own price"
        quote = self.turn.market.quote(self.account.id, listing.venue_symbol)
        if quote is not None and self.turn.at - quote.at <= _QUOTE_MAX_AGE:
            return (quote.ask if side is Side.BUY else quote.bid), "the venue's quote"
        if signal_price is not None:
            return signal_price, "the price in the signal"
        return None, ""

    def scale(self) -> Decimal:
        """Give by how much the firm lets this account size more than its route says."""
        known = self.account.scale
        return known.at(self.turn.at) if known is not None else ONE

    def multiple(self) -> Decimal | None:
        """Give by how much the sender's own quantities are multiplied here.

        None for an account that sizes by itself, and cannot read them.
        """
        rule = self.leg.sizing
        if rule.method not in ("multiplier", "signal"):
            return None
        return self.scale() * (rule.factor if rule.method == "multiplier" else ONE)

    def to_account(self, listing: Listing) -> Decimal | None:
        """Give account currency per unit of the contract's quote currency; None when unknown."""
        return rate_to(self.turn, listing.quote, self.spec.currency)


def not_listed(turn: Turn, account: AccountState, book: Book) -> tuple[str, str]:
    """Say why a book was not closed whose contract the venue has not listed: code and sentence."""
    held = f"{text(abs(book.quantity))} {book.symbol} of {book.strategy} was not closed"
    if account.id not in turn.settings.listings:
        return (
            "account_not_ready",
            f"{held}: account {account.id} has not been connected yet, so nobody knows what its "
            "venue lists",
        )
    return "unknown_symbol", f"{held}: the venue of account {account.id} lists no such symbol"


def held_side(book: Book | None) -> Direction:
    """Say which way a book stands."""
    if book is None or not book.quantity:
        return Direction.FLAT
    return Direction.LONG if book.quantity > 0 else Direction.SHORT


def remaining(book: Book | None) -> Decimal:
    """Give the signed quantity that exits in flight will leave of what a book holds."""
    if book is None or not book.exiting:
        return book.quantity if book is not None else ZERO
    if book.quantity > 0:
        return max(book.quantity - book.leaving(Side.BUY), ZERO)
    return min(book.quantity + book.leaving(Side.SELL), ZERO)


def heading(book: Book | None) -> Direction:
    """Say where a book is heading: by what exits will leave of it, else by its open entries."""
    left = remaining(book)
    if book is not None and not left:
        left = ZERO if book.open_buy and book.open_sell else book.open_buy - book.open_sell
    if not left:
        return Direction.FLAT
    return Direction.LONG if left > 0 else Direction.SHORT


def cancel_entries(
    turn: Turn,
    account: AccountState,
    reason: str,
    *,
    strategy: StrategyId | None = None,
    symbol: Symbol | None = None,
    side: Side | None = None,
    label: str = "",
    exits: bool = False,
    signal: SignalId | None = None,
) -> int:
    """Ask for working entries back; None or empty means any. Returns how many were asked for.

    ``exits``: and for exits that were asked for under the label.
    """
    count = 0
    legs = ("e", "x") if exits and label else ("e",)
    for order in list(account.orders.values()):
        if order.leg not in legs or (strategy is not None and order.strategy != strategy):
            continue
        if (symbol is not None and order.symbol != symbol) or (side and order.side is not side):
            continue
        if label and order.label != label:
            continue
        count += request_cancel(turn, account, order.cl_ord_id, reason, signal)
    return count


def request_cancel(
    turn: Turn, account: AccountState, cl_ord_id: str, reason: str, signal: SignalId | None = None
) -> int:
    """Ask for one order back unless that is already under way. Returns 1 when asked.

    One that is still held back here has not left, and ends at once.
    """
    order = account.orders.get(cl_ord_id)  # type: ignore[call-overload]
    if order is None or order.pending == "cancel":
        return 0
    if order.waiting:
        turn.emit(
            OrderEnded(
                at=turn.at,
                account=account.id,
                cl_ord_id=order.cl_ord_id,
                status=OrdStatus.EXPIRED_UNSENT,
                reason="taken_back",
                text=f"it was held back and never left: {reason}",
                evidence="never sent",
                signal=signal,
            )
        )
        return 1
    turn.emit(
        CancelRequested(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=f"{order.cl_ord_id}.c{order.changes + 1}",
            reason=reason,
            signal=signal,
        )
    )
    return 1


def expected(book: Book | None) -> Decimal:
    """Give the signed quantity a book is heading for: held, less exits in flight, plus entries."""
    if book is None:
        return ZERO
    return remaining(book) + book.open_buy - book.open_sell


def heading_on(book: Book | None, side: Side) -> Decimal:
    """Give what a book comes to on a side at the most: held, less exits, plus entries there."""
    if book is None:
        return ZERO
    return remaining(book) * side.sign + (book.open_buy if side is Side.BUY else book.open_sell)


def may_change(turn: Turn, order: Order) -> bool:
    """Whether another change of an order may go: one interval apart, more after refusals."""
    pause = turn.settings.change_interval_ns << min(order.refusals, _BACKOFF_DOUBLINGS)
    return turn.at >= max(order.changed_at, order.requested_at) + pause


def in_units(amount: Amount, listing: Listing) -> Decimal | None:
    """Give an amount in what the venue counts; None for a unit that is no such quantity."""
    if amount.unit is QtyUnit.UNITS:
        return amount.value
    if amount.unit is QtyUnit.LOTS:
        if listing.kind is InstrumentKind.FX:
            return amount.value * FX_LOT / listing.multiplier
        if listing.kind in _HAS_LOTS:
            return amount.value
    return None
