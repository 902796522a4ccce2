"""Books, net positions and guards, as fills change them."""

from decimal import Decimal

from bascule.execution.state import AccountState, Book, Exposure, Guard, Order
from bascule.model.enums import Side
from bascule.model.event import ForeignFill, PositionAdopted
from bascule.model.ids import MANUAL_BOOK, PositionId, StrategyId, Symbol, VenueSymbol
from bascule.model.values import ZERO


def exposure_of(account: AccountState, symbol: Symbol) -> Exposure:
    """Give the account's exposure in a contract, made on first use."""
    found = account.exposure.get(symbol)
    if found is None:
        found = account.exposure[symbol] = Exposure()
    return found


def book_of(
    account: AccountState, strategy: StrategyId, symbol: Symbol, venue_symbol: VenueSymbol
) -> Book:
    """Give a strategy's book of a contract, made on first use."""
    key = f"{strategy}|{symbol}"
    found = account.books.get(key)
    if found is None:
        found = account.books[key] = Book(strategy, symbol, venue_symbol)
    return found


def move_book(
    book: Book, signed: Decimal, price: Decimal, position_id: PositionId | None = None
) -> None:
    """Add a signed quantity at a price: average in, realise out, start anew through zero.

    ``realized`` is in price units times quantity; the contract's multiplier turns it into money.
    """
    held = book.quantity
    after = held + signed
    if not held or (held > 0) == (signed > 0):
        book.avg_price = (book.avg_price * abs(held) + price * abs(signed)) / abs(after)
    else:
        closed = min(abs(held), abs(signed))
        gain = price - book.avg_price
        book.realized += closed * (gain if held > 0 else -gain)
        if abs(signed) > abs(held):
            book.avg_price = price
    book.quantity = after
    if position_id is not None:
        lot = book.lots.get(position_id, ZERO) + signed
        if lot:
            book.lots[position_id] = lot
        else:
            book.lots.pop(position_id, None)
    if not after:
        book.avg_price = ZERO
        book.entries = 0


def apply_fill(
    account: AccountState,
    order: Order,
    signed: Decimal,
    price: Decimal,
    position_id: PositionId | None,
) -> None:
    """Move the order's book, the account's net and the guards by one fill (or its undoing)."""
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    move_book(book, signed, price, position_id)
    exposure_of(account, order.symbol).net += signed
    quantity = signed * order.side.sign
    if order.leg == "e":
        guard = account.guards.get(order.cl_ord_id)
        if guard is not None:
            guard.filled += quantity
            guard.held += quantity
            guard.position_id = position_id or guard.position_id
            if order.cum_qty:
                guard.entry_price = order.notional / order.cum_qty
    elif order.parent is not None and order.parent in account.guards:
        guard = account.guards[order.parent]
        guard.held -= quantity
        slot = f"{order.leg}{order.label}"
        guard.taken[slot] = guard.taken.get(slot, ZERO) + quantity
    else:
        release_guards(account, order.strategy, order.symbol, order.side, quantity, position_id)


def release_guards(
    account: AccountState,
    strategy: StrategyId,
    symbol: Symbol,
    closing_side: Side,
    quantity: Decimal,
    position_id: PositionId | None = None,
) -> None:
    """Take a closed quantity off the guards of a book, its own position first, then the oldest."""
    guards = [
        guard
        for guard in account.guards.values()
        if guard.strategy == strategy
        and guard.symbol == symbol
        and guard.side is not closing_side
        and guard.held > 0
    ]
    if position_id is not None:
        guards.sort(key=lambda guard: guard.position_id != position_id)
    for guard in guards:
        if quantity <= 0:
            return
        taken = min(guard.held, quantity)
        guard.held -= taken
        quantity -= taken


def drop_idle_guard(account: AccountState, guard: Guard) -> bool:
    """Forget a guard whose entry has ended, that holds nothing and has no child left."""
    if not guard.entry_done or guard.held > 0 or guard.children:
        return False
    account.guards.pop(guard.cl_ord_id, None)
    return True


def foreign_fill(account: AccountState, event: ForeignFill) -> None:
    """Book a fill of no order of ours.

    It takes from what it closes first (the position it names, the manual book, then the oldest
    strategy book that holds the other side), since a position closed by hand stays closed; only
    the rest opens in the manual book.
    """
    sign = event.side.sign
    exposure_of(account, event.symbol).net += event.quantity * sign
    left = event.quantity
    books = [
        book
        for book in account.books.values()
        if book.symbol == event.symbol and book.quantity * sign < 0
    ]
    books.sort(
        key=lambda book: (
            event.position_id is None or event.position_id not in book.lots,
            book.strategy != MANUAL_BOOK,
        )
    )
    for book in books:
        if left <= 0:
            return
        taken = min(left, abs(book.quantity))
        named = event.position_id if event.position_id in book.lots else None
        move_book(book, taken * sign, event.price, named)
        release_guards(account, book.strategy, book.symbol, event.side, taken, named)
        left -= taken
    if left > 0:
        manual = book_of(account, MANUAL_BOOK, event.symbol, VenueSymbol(event.symbol))
        move_book(manual, left * sign, event.price, event.position_id)


def adopt(account: AccountState, event: PositionAdopted) -> None:
    """Put a difference that a person or a first start explains into the manual book."""
    exposure_of(account, event.symbol).net += event.quantity
    manual = book_of(account, MANUAL_BOOK, event.symbol, VenueSymbol(event.symbol))
    move_book(manual, event.quantity, event.price, event.position_id)
    account.drift.pop(event.symbol, None)
