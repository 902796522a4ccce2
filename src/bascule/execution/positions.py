"""Books and net positions, as fills change them."""

from decimal import Decimal

from bascule.execution.fold_guards import (
    entry_filled,
    entry_undone,
    guard_again,
    hold_again,
    slot_of,
    trim_guards,
)
from bascule.execution.fold_ideas import earned
from bascule.execution.state import AccountState, Book, Exposure, Order
from bascule.model.account import AccountSpec
from bascule.model.enums import PositionMode, Side
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
        book.target = None


def move(
    account: AccountState,
    book: Book,
    signed: Decimal,
    price: Decimal,
    position_id: PositionId | None = None,
) -> None:
    """Move a book, and the account's exposure with it."""
    exposure = exposure_of(account, book.symbol)
    realized = book.realized
    _weigh_book(exposure, book, -1)
    move_book(book, signed, price, position_id)
    _weigh_book(exposure, book, 1)
    if book.realized != realized:
        side = Side.BUY if signed < 0 else Side.SELL
        earned(account, book.symbol, side, book.realized - realized)
    if not book.quantity:
        book.entries = open_entries(account, book)
    book.astray = min(book.astray, abs(book.quantity))


def sides_of(book: Book) -> tuple[Decimal, Decimal]:
    """Give what a book holds long and short, both unsigned: it may be both where the venue hedges.

    Each position counts by itself, and what belongs to none of them with the rest of the book.
    """
    long = sum((lot for lot in book.lots.values() if lot > 0), ZERO)
    short = sum((-lot for lot in book.lots.values() if lot < 0), ZERO)
    whole = book.quantity - long + short
    return (long + whole, short) if whole > 0 else (long, short - whole)


def _weigh_book(exposure: Exposure, book: Book, sign: int) -> None:
    """Add (+1) or take (-1) what a book holds."""
    long, short = sides_of(book)
    exposure.long += long * sign
    exposure.short += short * sign


def open_entries(account: AccountState, book: Book) -> int:
    """Count the entries of a book that may still fill; the parts of a split are one."""
    if not book.open_buy and not book.open_sell:
        return 0
    return len(
        {
            (order.signal, order.intent)
            for order in account.orders.values()
            if order.leg == "e"
            and order.strategy == book.strategy
            and order.symbol == book.symbol
            and order.leaves
        }
    )


def stood_against(
    account: AccountState, spec: AccountSpec, strategy: StrategyId, symbol: Symbol, side: Side
) -> bool:
    """Whether the venue nets a strategy's position on ``side`` with others that stand against it.

    Then it makes no bracket for an entry that only reduces the net, and ends one as the net turns.
    """
    others = (
        book.quantity
        for book in account.books.values()
        if book.symbol == symbol and book.strategy != strategy
    )
    return spec.position_mode is PositionMode.NETTING and sum(others, ZERO) * side.sign < 0


def apply_fill(
    account: AccountState,
    order: Order,
    signed: Decimal,
    price: Decimal,
    position_id: PositionId | None,
) -> None:
    """Move the order's book, the account's net and the guards by one fill (or its undoing)."""
    book = book_of(account, order.strategy, order.symbol, order.venue_symbol)
    before = book.quantity
    position_id = position_id or order.position_id
    quantity = signed * order.side.sign
    nets = position_id is None and quantity > 0
    spare = _spare(account, book, order, signed) if nets and before * signed < 0 else ZERO
    move(account, book, signed, price, position_id)
    if order.leg != "e":
        if nets:
            book.astray += min(max(book.quantity * order.side.sign, ZERO), quantity)
        _exit_filled(account, order, quantity)
    elif quantity < 0:
        entry_undone(account, order, -quantity)
    else:
        # On a hedging account the other side is another position, and keeps its guard.
        crosses = nets and before * signed < 0
        closed = min(abs(before), quantity) - spare if crosses else ZERO
        entry_filled(account, order, quantity, closed + spare, position_id)
    if position_id is not None:
        _settle_with_hand(account, book, position_id, price)
    trim_guards(account, book)
    _note_opposed(account, book.symbol)


def _note_opposed(account: AccountState, symbol: Symbol) -> None:
    """Note of which guards other strategies stand on the other side, if only for a moment.

    What that has cost them at a venue that nets stays, also when the others have closed.
    """
    books = [book for book in account.books.values() if book.symbol == symbol and book.quantity]
    if not books[1:]:
        return
    net = sum((book.quantity for book in books), ZERO)
    own = {book.strategy: book.quantity for book in books}
    for guard in account.guards.values():
        if guard.symbol == symbol and guard.held > 0 and not guard.opposed:
            guard.opposed = (net - own.get(guard.strategy, ZERO)) * guard.side.sign < 0


def _spare(account: AccountState, book: Book, order: Order, signed: Decimal) -> Decimal:
    """Take off what is astray how much of it a fill closes, and say how much that was.

    That comes first, but for a stop or target, which closes what it guards.
    """
    quantity = abs(signed)
    guard = account.guards.get(order.parent) if order.parent is not None else None
    if guard is not None:
        quantity -= min(max(guard.held, ZERO), quantity)
    spare = min(book.astray, quantity)
    book.astray -= spare
    return spare


def _exit_filled(account: AccountState, order: Order, quantity: Decimal) -> None:
    """Take what a stop or target closed off its own guard; give back what was undone.

    Of what else was closed the guards lose what the book no longer holds (``trim_guards``): what
    no guard has is closed first.
    """
    guard = account.guards.get(order.parent) if order.parent is not None else None
    if guard is None and quantity < 0:
        guard = guard_again(account, order.parent)
    if guard is not None:
        guard.held -= min(max(guard.held, ZERO), quantity) if quantity > 0 else quantity
        slot = slot_of(order)
        guard.taken[slot] = guard.taken.get(slot, ZERO) + quantity
    elif quantity < 0:
        hold_again(account, order.strategy, order.symbol, order.side, -quantity)


def _settle_with_hand(
    account: AccountState, book: Book, position_id: PositionId, price: Decimal
) -> None:
    """Set two books against each other that hold one position from both sides: it has only one.

    A hand closed it before its opening was told, or an exit closed what a hand was taken to hold,
    or an opening was taken back that a hand has closed.
    """
    manual = account.book(MANUAL_BOOK, book.symbol)
    theirs = manual.lots.get(position_id, ZERO) if manual is not None else ZERO
    mine = book.lots.get(position_id, ZERO)
    if manual is None or manual is book or theirs * mine >= 0:
        return
    side = Side.BUY if theirs > 0 else Side.SELL
    both = min(abs(theirs), abs(mine))
    move(account, manual, -both * side.sign, price, position_id)
    move(account, book, both * side.sign, price, position_id)


def foreign_fill(account: AccountState, event: ForeignFill) -> None:
    """Book a fill of no order of ours.

    It takes from what it closes first (the position it names, the manual book, then the oldest
    strategy book that holds the other side), since a position closed by hand stays closed; only
    the rest opens in the manual book.
    """
    signed = event.quantity * event.side.sign
    _take_over(account, event.symbol, signed, event.price, event.position_id)


def adopt(account: AccountState, event: PositionAdopted) -> None:
    """Book a difference that a person or a first start explains, as a hand's trade would be."""
    _take_over(account, event.symbol, event.quantity, event.price, event.position_id)
    account.drift.pop(event.symbol, None)


def _take_over(
    account: AccountState,
    symbol: Symbol,
    signed: Decimal,
    price: Decimal,
    position_id: PositionId | None,
) -> None:
    side = Side.BUY if signed > 0 else Side.SELL
    left = abs(signed)
    for book, share in _closed_by(account, symbol, side, position_id):
        taken = min(left, share)
        if taken <= 0:
            break
        named = position_id if position_id in book.lots else None
        book.astray = max(book.astray - taken, ZERO)
        move(account, book, taken * side.sign, price, named)
        trim_guards(account, book)
        left -= taken
    if left > 0:
        manual = book_of(account, MANUAL_BOOK, symbol, VenueSymbol(symbol))
        move(account, manual, left * side.sign, price, position_id)
    _note_opposed(account, symbol)


def _closed_by(
    account: AccountState, symbol: Symbol, side: Side, position_id: PositionId | None
) -> list[tuple[Book, Decimal]]:
    """List what a trade of no order of ours can close, and how much of it, in their order.

    Where each entry is a position of its own, a trade closes the position that it names alone.
    """
    books = [book for book in account.books.values() if book.symbol == symbol]
    if position_id is not None:
        lots = ((book, book.lots.get(position_id, ZERO)) for book in books)
        return [(book, abs(lot)) for book, lot in lots if lot * side.sign < 0]
    against = [(book, abs(book.quantity)) for book in books if book.quantity * side.sign < 0]
    return sorted(against, key=lambda found: found[0].strategy != MANUAL_BOOK)
