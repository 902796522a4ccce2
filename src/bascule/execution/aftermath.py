"""What an order's news asks for: its guard is tended, and what waited for it goes or ends."""

from decimal import Decimal

from bascule.execution.fold_guards import guards_of
from bascule.execution.guards import lacks_its_stop, tend
from bascule.execution.learning import learn
from bascule.execution.order_table import Fact
from bascule.execution.plan_exit import stops_may_race
from bascule.execution.positions import book_of
from bascule.execution.state import AccountState, Book, Guard, Order
from bascule.execution.turn import Turn
from bascule.model.enums import OrdStatus, PositionMode
from bascule.model.event import OrderReleased


def aftermath(turn: Turn, account: AccountState, order: Order) -> None:
    """Do what an order's news asks for: tend its guard, and let waiting orders go."""
    guard = account.guards.get(order.parent or order.cl_ord_id)
    if guard is not None:
        tend(turn, account, guard)
        ended = order.native_child and not order.live
        if ended and guard.bracket.native and lacks_its_stop(account, guard):
            turn.market.looks.setdefault(account.id, "the bracket of a position has ended")
    if order.leg == "e" and order.cum_qty:
        # It may have turned the net against what others hold, and ended a bracket that was not
        # told of yet.
        guards = (one for one in account.guards.values() if one.symbol == order.symbol)
        if any(_may_have_none(turn, account, one) for one in guards):
            turn.market.looks.setdefault(account.id, "the venue may have made no bracket")
    if order.leg == "x" or (order.leg == "e" and order.cum_qty):
        # Whatever trades against the other side of its book leaves less of it to guard.
        for other in guards_of(account, order.strategy, order.symbol, order.side.opposite):
            if other is not guard:
                tend(turn, account, other)
    if order.cum_qty and not turn.settings.capabilities[account.id].replace:
        # A bracket that is too large may close no more than there is, and of this there is more.
        for other in guards_of(account, None, order.symbol, order.side):
            if other is not guard and other.bracket.native:
                tend(turn, account, other)
    if account.waiters:
        release_waiting(turn, account)


def _may_have_none(turn: Turn, account: AccountState, guard: Guard) -> bool:
    """Whether a venue that nets was to make a bracket, and others stood against what it is of."""
    spec = turn.settings.accounts.get(account.id)
    if spec is None or not guard.bracket.native or guard.held <= 0 or guard.children:
        return False
    return guard.opposed and spec.position_mode is PositionMode.NETTING


def release_waiting(turn: Turn, account: AccountState) -> None:
    """Let each order go whose wait is over, for what is still to be done, or end it unsent."""
    for names in list(account.waiters.values()):
        for name in list(names):
            waiting = account.orders.get(name)
            if waiting is None or not waiting.waiting:
                continue  # the end of one before it in this very loop has let it go
            book = book_of(account, waiting.strategy, waiting.symbol, waiting.venue_symbol)
            if waiting.leg == "e":
                _entry_turn(turn, account, waiting, book)
            elif not stops_may_race(account, book, waiting.side):
                _exit_turn(turn, account, waiting, book)


def _entry_turn(turn: Turn, account: AccountState, entry: Order, book: Book) -> None:
    """An entry waits for the part before it to fill, or for the other side to be closed."""
    before = account.order(entry.after) if entry.after is not None else None
    if before is not None and before.live:
        return
    if before is not None and before.leg == "e":
        filled = before.status is OrdStatus.FILLED
        why = "" if filled else f"the part before it ended {before.status.value}"
    else:
        standing = book.quantity * entry.side.sign
        against = standing < 0
        if against and book.leaving(entry.side.opposite):
            return
        if standing > 0 and before is not None and before.leg == "x":
            why = "the close went too far, and what it opened is being closed first"
            _go_or_end(turn, account, entry, entry.quantity, why)
            return
        why = "the position that was to be closed first is still held" if against else ""
    _go_or_end(turn, account, entry, entry.quantity, why)


def _exit_turn(turn: Turn, account: AccountState, waiting: Order, book: Book) -> None:
    held = -book.quantity * waiting.side.sign
    others = book.leaving(waiting.side.opposite) - waiting.leaves
    quantity = min(waiting.quantity, held - others)
    _go_or_end(turn, account, waiting, quantity, "" if quantity > 0 else "nothing is left to close")


def _go_or_end(
    turn: Turn, account: AccountState, waiting: Order, quantity: Decimal, why: str
) -> None:
    if why:
        learn(turn, account, waiting, Fact.UNSENT, reason="not_needed", text=why)
        aftermath(turn, account, waiting)
        return
    turn.emit(
        OrderReleased(
            at=turn.at, account=account.id, cl_ord_id=waiting.cl_ord_id, quantity=quantity
        )
    )
