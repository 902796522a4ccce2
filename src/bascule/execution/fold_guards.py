"""How fills and ends of orders change what guards them: made, filled, released, forgotten."""

from decimal import Decimal

from bascule.execution.state import AccountState, Book, Guard, Order
from bascule.model.enums import ENDED, Side
from bascule.model.event import Bracket
from bascule.model.ids import ClOrdID, PositionId, StrategyId, Symbol, VenueSymbol, base36
from bascule.model.values import ZERO

LATE = "xz"
"""How an exit begins that closes what came too late, or what went too far."""


def slot_of(order: Order) -> str:
    """Name a guard's order by leg and label: ``s``, ``ta``, ``tb``, ``x``."""
    return f"{order.leg}{order.label}" if order.leg in "st" else order.leg


def leg_of(account: AccountState, order: Order) -> str:
    """Give an order's own part of its id: its leg and slot, without account and attempt."""
    own_part = order.cl_ord_id.rsplit("-", 1)[1][len(base36(account.number)) :]
    return own_part.split(".")[0]


def make_guard(account: AccountState, entry: Order, bracket: Bracket) -> Guard:
    """Guard an entry from now on; what it filled before is counted as filled and not as held."""
    guard = Guard(
        entry.cl_ord_id,
        entry.signal,
        entry.strategy,
        entry.symbol,
        entry.venue_symbol,
        entry.side,
        bracket,
        entry.intent,
        leg_of(account, entry)[1:],
        entry_price=entry.avg_price or ZERO,
        filled=entry.cum_qty,
        position_id=entry.position_id,
        entry_done=entry.status in ENDED,
    )
    account.guards[entry.cl_ord_id] = guard
    if bracket.follows_price:
        watch(account, entry.venue_symbol, entry.cl_ord_id)
    return guard


def guard_again(account: AccountState, entry: ClOrdID | None) -> Guard | None:
    """Find an entry's guard, or make one anew for an entry that has a bracket."""
    if entry is None:
        return None
    guard = account.guards.get(entry)
    order = account.order(entry) if guard is None else None
    if order is not None and order.bracket is not None:
        return make_guard(account, order, order.bracket)
    return guard


def entry_filled(
    account: AccountState,
    entry: Order,
    quantity: Decimal,
    closed: Decimal,
    position_id: PositionId | None,
) -> None:
    """Hold what an entry filled, less what of it closed the other side of its own book.

    A fill may come after the guard was forgotten (it won the race with a cancel): it is guarded
    all the same. It may also be told after its stop's or target's: what those closed of others
    meanwhile, who stand beside it in one position, is theirs again.
    """
    guard = account.guards.get(entry.cl_ord_id)
    if guard is None and entry.bracket is not None and quantity > 0:
        guard = make_guard(account, entry, entry.bracket)
        guard.filled -= quantity
    if guard is None:
        return
    early = max(sum(guard.taken.values(), ZERO) - guard.filled, ZERO)
    early = min(early, quantity - closed) if position_id is None else ZERO
    guard.filled += quantity
    guard.held += quantity - closed - early
    if early:
        hold_again(account, entry.strategy, entry.symbol, entry.side.opposite, early)
    guard.position_id = position_id or guard.position_id
    if entry.avg_price is not None:
        guard.entry_price = entry.avg_price


def entry_undone(account: AccountState, entry: Order, quantity: Decimal) -> None:
    """An entry's fill was taken back: so much less is held, and what it had closed stands again.

    What its own guard holds no more was closed since, and is taken from the others of its side.
    """
    guard = account.guards.get(entry.cl_ord_id)
    if guard is not None:
        own = min(max(guard.held, ZERO), quantity)
        guard.filled -= quantity
        guard.held -= own
        quantity -= own
    beside = guards_of(account, entry.strategy, entry.symbol, entry.side)
    taken = min(quantity, sum((other.held for other in beside), ZERO))
    release_guards(account, entry.strategy, entry.symbol, entry.side.opposite, taken)
    if quantity > taken:
        hold_again(account, entry.strategy, entry.symbol, entry.side, quantity - taken)


def release_guards(
    account: AccountState,
    strategy: StrategyId,
    symbol: Symbol,
    closing_side: Side,
    quantity: Decimal,
) -> None:
    """Take a closed quantity off the guards of a book, the oldest first."""
    _release(account, guards_of(account, strategy, symbol, closing_side.opposite), quantity)


def _release(account: AccountState, guards: list[Guard], quantity: Decimal) -> None:
    for guard in guards:
        taken = min(guard.held, quantity)
        if taken > 0:
            guard.held -= taken
            quantity -= taken
            drop_idle(account, guard)


def trim_guards(account: AccountState, book: Book) -> None:
    """Let a book's guards hold no more than the book does, whatever closed, undid or overtook what.

    Nor those of one position more than that holds.
    """
    for side in (Side.BUY, Side.SELL):
        guards = guards_of(account, book.strategy, book.symbol, side)
        if not guards:
            continue
        positions = dict.fromkeys(g.position_id for g in guards if g.position_id is not None)
        for position_id in positions if book.lots else ():
            own = [guard for guard in guards if guard.position_id == position_id]
            _trim(account, own, max(book.lots.get(position_id, ZERO) * side.sign, ZERO))
        whole = book.quantity - sum(book.lots.values(), ZERO)
        most = max(whole * side.sign, ZERO)
        most += sum((abs(lot) for lot in book.lots.values() if lot * side.sign > 0), ZERO)
        _trim(account, guards, most)


def _trim(account: AccountState, guards: list[Guard], most: Decimal) -> None:
    excess = sum((max(guard.held, ZERO) for guard in guards), ZERO) - most
    if excess > 0:
        _release(account, guards, excess)


def hold_again(
    account: AccountState,
    strategy: StrategyId,
    symbol: Symbol,
    closing_side: Side,
    quantity: Decimal,
) -> None:
    """What an exit had closed stands again and is guarded again, newest first."""
    entries = [
        order
        for order in (*account.ended.values(), *account.orders.values())
        if order.leg == "e"
        and order.strategy == strategy
        and order.symbol == symbol
        and order.side is not closing_side
    ]
    for entry in reversed(entries):
        guard = account.guards.get(entry.cl_ord_id)
        room = entry.cum_qty
        if guard is not None:
            room -= guard.held + max(sum(guard.taken.values(), ZERO), ZERO)
        again = min(room, quantity)
        if again <= 0:
            continue
        guard = guard_again(account, entry.cl_ord_id)
        if guard is not None:
            guard.held += again
        quantity -= again


def guards_of(
    account: AccountState, strategy: StrategyId | None, symbol: Symbol, side: Side
) -> list[Guard]:
    """List what guards one side of a book, or of a contract for all strategies, oldest first."""
    return [
        guard
        for guard in account.guards.values()
        if guard.strategy == (strategy or guard.strategy)
        and guard.symbol == symbol
        and guard.side is side
    ]


def drop_idle(account: AccountState, guard: Guard) -> None:
    """Forget a guard whose entry has ended, that holds nothing and has no child left."""
    if guard.entry_done and guard.held <= 0 and not guard.children:
        account.guards.pop(guard.cl_ord_id, None)
        unwatch(account, guard.venue_symbol, guard.cl_ord_id)


def watch(account: AccountState, venue_symbol: VenueSymbol, cl_ord_id: ClOrdID) -> None:
    """Follow the price for an order or guard."""
    ids = account.watched.setdefault(venue_symbol, [])
    if cl_ord_id not in ids:
        ids.append(cl_ord_id)


def unwatch(account: AccountState, venue_symbol: VenueSymbol, cl_ord_id: ClOrdID) -> None:
    """Stop following the price for an order or guard that is gone."""
    ids = account.watched.get(venue_symbol)
    if ids is not None and cl_ord_id in ids and cl_ord_id not in account.guards:
        ids.remove(cl_ord_id)
        if not ids:
            del account.watched[venue_symbol]
