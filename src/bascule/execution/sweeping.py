"""Sweeps: entries are asked back, and books closed, with a signal that tells why.

A person's sweep, and what a firm's rules make the engine close by itself, go the same way.
"""

from collections.abc import Callable

from bascule.execution.plan_exit import close_positions, close_quantity, on_both_sides
from bascule.execution.planning import cancel_entries, not_listed, remaining
from bascule.execution.state import AccountState, Book
from bascule.execution.turn import Turn
from bascule.model.event import BookClosing, IntentRefused, SignalAccepted
from bascule.model.ids import SignalId, StrategyId, Symbol, signal_id
from bascule.model.intent import Flatten
from bascule.model.values import floor_to, text


def announce(turn: Turn, source: str, why: str) -> SignalId:
    """Make a sweep a signal of its own, so that what it causes can be explained like any."""
    name = signal_id(turn.state.epoch, turn.state.signals + 1)
    turn.emit(
        SignalAccepted(
            at=turn.at,
            signal=name,
            source=source,
            dialect=source,
            strategy=StrategyId(source),
            key="",
            body_hash="",
            received_at=turn.at,
            raw=why,
            intents=(Flatten(),),
        )
    )
    return name


def clear(
    turn: Turn,
    account: AccountState,
    signal: SignalId,
    reason: str,
    *,
    close: bool,
    sizing: str,
    strategy: StrategyId | None = None,
    symbols: Callable[[Symbol], bool] | None = None,
) -> None:
    """Ask an account's entries back and, with ``close``, close its books.

    Args:
        turn: the decision that this is part of.
        account: whose entries and books they are.
        signal: the sweep's own.
        reason: why an entry is asked back, in words.
        close: whether what is held is closed too.
        sizing: how a close's quantity came about, in words.
        strategy: only of this one; None for all, the manual book included.
        symbols: only contracts of which this is true; None for all.
    """
    if symbols is None:
        cancel_entries(turn, account, reason, strategy=strategy, signal=signal)
    else:
        for symbol in {order.symbol: None for order in account.orders.values()}:
            if symbols(symbol):
                cancel_entries(
                    turn, account, reason, strategy=strategy, symbol=symbol, signal=signal
                )
    if not close:
        return
    closing = [
        book
        for book in account.books.values()
        if (strategy is None or book.strategy == strategy)
        and (symbols is None or symbols(book.symbol))
        and (book.quantity or book.lots or book.open_buy or book.open_sell)
    ]
    # All are marked before any is closed: books that stand against each other go together.
    for book in closing:
        turn.emit(
            BookClosing(
                at=turn.at,
                account=account.id,
                strategy=book.strategy,
                symbol=book.symbol,
                signal=signal,
            )
        )
    for book in closing:
        _close(turn, account, book, signal, sizing)


def _close(turn: Turn, account: AccountState, book: Book, signal: SignalId, sizing: str) -> None:
    listing = turn.listing(account.id, book.symbol)
    if listing is None:
        if book.quantity or book.lots:
            _refuse(turn, account, book, signal, *not_listed(turn, account, book))
        return
    spec = turn.settings.accounts[account.id]
    if on_both_sides(book):
        close_positions(turn, account, spec, book, listing, signal=signal)
        return
    left = abs(remaining(book))
    quantity = floor_to(left, listing.lot_step)
    if left and not quantity:
        why = f"{text(left)} {book.symbol} of {book.strategy} is less than can be traded"
        _refuse(turn, account, book, signal, "below_min_lot", f"{why}; it was not closed")
    elif quantity:
        close_quantity(
            turn,
            account,
            spec,
            turn.settings.capabilities[account.id],
            book,
            listing,
            quantity,
            signal=signal,
            sizing=sizing,
        )


def _refuse(
    turn: Turn, account: AccountState, book: Book, signal: SignalId, code: str, why: str
) -> None:
    """Say that a book was not closed."""
    turn.emit(
        IntentRefused(
            at=turn.at,
            signal=signal,
            intent=0,
            code=code,
            text=why,
            account=account.id,
            symbol=book.symbol,
        )
    )
