"""Closing what a strategy's book holds. No close can open the other side."""

from decimal import Decimal

from bascule.execution.placing import Draft, judge_draft, place
from bascule.execution.planning import Plan, cancel_entries, held_side, request_cancel
from bascule.execution.state import AccountState, Book, Order
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, Capabilities
from bascule.model.enums import Direction, PositionMode, QtyUnit, Side
from bascule.model.event import BookClosing
from bascule.model.ids import ClOrdID, PositionId, SignalId, base36, cl_ord_id
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, ClosePosition, Flatten
from bascule.model.values import ZERO, Instant, floor_to, text


def plan_close(plan: Plan, intent: ClosePosition) -> None:
    """Close all, a quantity or a fraction of the book named by the intent's symbol."""
    listing = plan.find(intent.symbol, entry=False)
    if listing is None:
        return
    book = plan.account.book(plan.strategy, listing.symbol)
    standing = held_side(book)
    whole = intent.quantity is None and intent.fraction is None
    if whole and plan.route.flat_cancels:
        side = _entry_side(intent.held)
        cancel_entries(
            plan.turn,
            plan.account,
            "close",
            strategy=plan.strategy,
            symbol=listing.symbol,
            side=side,
            signal=plan.signal,
        )
    if book is None or standing is Direction.FLAT:
        if whole:
            _mark_closing(plan, book)
        plan.idle(f"nothing of {listing.symbol} is held for {plan.strategy}", listing.symbol)
        return
    if intent.held is not None and intent.held is not standing:
        plan.idle(
            f"the book of {plan.strategy} is {standing.value} {listing.symbol}, "
            f"the signal closes a {intent.held.value}",
            listing.symbol,
        )
        return
    quantity = _asked(plan, intent, book, listing)
    if quantity is not None:
        exit_book(plan, book, listing, quantity, whole=whole, label=intent.label)


def plan_flatten(plan: Plan, intent: Flatten) -> None:
    """Cancel entries and close every book of the strategy (of one contract, or all)."""
    only = None
    if intent.symbol:
        found = plan.find(intent.symbol, entry=False)
        if found is None:
            return
        only = found.symbol
    cancel_entries(
        plan.turn,
        plan.account,
        "flatten",
        strategy=plan.strategy,
        symbol=only,
        signal=plan.signal,
    )
    closed = False
    for book in plan.account.books_of(plan.strategy):
        if only is not None and book.symbol != only:
            continue
        listing = plan.turn.listing(plan.account.id, book.symbol)
        if listing is None:
            continue
        if not book.quantity:
            _mark_closing(plan, book)
            continue
        closed = True
        exit_book(plan, book, listing, abs(book.quantity), whole=True, label=intent.label)
    if not closed:
        plan.idle(f"{plan.strategy} holds nothing here")


def exit_book(
    plan: Plan,
    book: Book,
    listing: Listing,
    quantity: Decimal,
    *,
    whole: bool,
    label: str = "",
    sizing: str = "",
) -> None:
    """Place the exits of a book for up to ``quantity``, less what exits in flight already take."""
    free = abs(book.quantity) - book.exiting
    quantity = min(quantity, free)
    if not whole:
        quantity = floor_to(quantity, listing.lot_step)
    if quantity <= 0:
        plan.idle("exits in flight already cover it", listing.symbol)
        return
    if whole:
        _mark_closing(plan, book)
    words = sizing or (f"closes {'all' if whole else 'part'} of {text(abs(book.quantity))} held")
    close_quantity(
        plan.turn,
        plan.account,
        plan.spec,
        plan.capabilities,
        book,
        listing,
        quantity,
        signal=plan.signal,
        intent=plan.intent,
        sizing=words,
        label=label,
        not_before=plan.not_before,
    )


def close_quantity(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    capabilities: Capabilities,
    book: Book,
    listing: Listing,
    quantity: Decimal,
    *,
    signal: SignalId,
    sizing: str,
    intent: int = 0,
    label: str = "",
    not_before: Instant | None = None,
    late: bool = False,
) -> None:
    """Place market exits for a quantity of a book: one, or one a position where the venue hedges.

    Where the venue knows no reduce-only, an exit waits until the stop it would race is taken
    back, and is then made for what is still held.
    """
    side = Side.SELL if book.quantity > 0 else Side.BUY
    drafts: list[Draft] = []
    # A late exit is numbered by the count of all requests: its signal may be so old that an exit
    # of it is forgotten here, and the venue would know the id.
    mark = f"z{base36(turn.state.requests)}" if late else ""
    first = _free_slot(account, signal, intent, mark)
    for index, (position_id, part) in enumerate(_parts(spec, book, quantity), first):
        drafts.append(
            Draft(
                account=account,
                spec=spec,
                listing=listing,
                signal=signal,
                intent=intent,
                strategy=book.strategy,
                leg="x",
                slot=f"{mark}{index if index else ''}",
                side=side,
                quantity=part,
                reducing=True,
                position_id=position_id,
                label=label,
                sizing=sizing,
                not_before=not_before,
            )
        )
    after: ClOrdID | None = None
    if not capabilities.reduce_only and any(judge_draft(turn, d)[-1].ok for d in drafts):
        # Only for an exit that will go: a refused one must not cost the position its stop.
        after = _take_back_stops(turn, account, book)
    for draft in drafts:
        draft.after = after
        place(turn, draft)


def _parts(
    spec: AccountSpec, book: Book, quantity: Decimal
) -> list[tuple[PositionId | None, Decimal]]:
    if spec.position_mode is not PositionMode.HEDGING or not book.lots:
        return [(None, quantity)]
    parts: list[tuple[PositionId | None, Decimal]] = []
    for position_id, lot in book.lots.items():
        if quantity <= 0:
            break
        part = min(abs(lot), quantity)
        parts.append((position_id, part))
        quantity -= part
    return parts


def _free_slot(account: AccountState, signal: SignalId, intent: int, mark: str) -> int:
    """Number the exits of one signal on one account, so that each has an id of its own."""
    index = 0
    while True:
        slot = f"{mark}{index if index else ''}"
        if account.order(cl_ord_id(signal, intent, account.number, f"x{slot}")) is None:
            return index
        index += 1


def _take_back_stops(turn: Turn, account: AccountState, book: Book) -> ClOrdID | None:
    """Ask for the book's stops and targets back; the exit waits for the last of them."""
    last: ClOrdID | None = None
    for order in list(account.orders.values()):
        if order.leg in "st" and order.strategy == book.strategy and order.symbol == book.symbol:
            request_cancel(turn, account, order.cl_ord_id, "exit without reduce-only")
            last = order.cl_ord_id
    return last


def _asked(plan: Plan, intent: ClosePosition, book: Book, listing: Listing) -> Decimal | None:
    """Turn the asked part into a quantity; None after a refusal."""
    held = abs(book.quantity)
    if intent.fraction is not None:
        if not 0 < intent.fraction <= 1:
            plan.refuse(
                "bad_fraction",
                f"a fraction of {text(intent.fraction)} cannot be closed",
                listing.symbol,
            )
            return None
        if intent.fraction == 1:
            return held
        return _at_least_a_lot(plan, held * intent.fraction, listing)
    if intent.quantity is None:
        return held
    found = exit_quantity(plan, intent.quantity, held)
    if found is None:
        plan.refuse(
            "quantity_unit_unsupported",
            f"an exit cannot be sized in {intent.quantity.unit.value}; give units or a percent "
            "of the position",
            listing.symbol,
        )
        return None
    return found if found >= held else _at_least_a_lot(plan, found, listing)


def exit_quantity(plan: Plan, amount: Amount, held: Decimal) -> Decimal | None:
    """Give the quantity an exit's amount asks of this account; None for a unit it cannot have.

    The sender's units are the sender's own position, so an account that multiplies the signal
    multiplies its exits too; one that sizes by itself cannot read them and closes all.
    """
    if amount.unit is QtyUnit.POSITION_PERCENT:
        return held * amount.value / 100
    if amount.unit in (QtyUnit.UNITS, QtyUnit.LOTS):
        if plan.leg.sizing.method == "multiplier":
            return amount.value * plan.leg.sizing.factor
        return amount.value if plan.leg.sizing.method == "signal" else held
    return None


def _at_least_a_lot(plan: Plan, quantity: Decimal, listing: Listing) -> Decimal | None:
    floored = floor_to(quantity, listing.lot_step)
    if floored < listing.min_qty:
        plan.refuse(
            "below_min_lot",
            f"a part of {text(quantity)} is below the smallest order {text(listing.min_qty)}; "
            "nothing was closed",
            listing.symbol,
        )
        return None
    return floored


def _entry_side(held: Direction | None) -> Side | None:
    if held is Direction.LONG:
        return Side.BUY
    return Side.SELL if held is Direction.SHORT else None


def _mark_closing(plan: Plan, book: Book | None) -> None:
    """Remember the close, so that an entry in flight that fills later is closed at once."""
    if book is None or not (book.quantity or book.open_buy or book.open_sell):
        return
    plan.turn.emit(
        BookClosing(
            at=plan.turn.at,
            account=plan.account.id,
            strategy=book.strategy,
            symbol=book.symbol,
            signal=plan.signal,
        )
    )


def close_late_fill(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    capabilities: Capabilities,
    listing: Listing,
    entry: Order,
    filled: Decimal,
) -> None:
    """Close what an entry filled after its book was told to be flat."""
    book = account.book(entry.strategy, entry.symbol)
    if book is None or book.closing is None or entry.number > book.closed_to:
        return
    if book.quantity * entry.side.sign <= 0:
        return
    quantity = min(filled, abs(book.quantity) - book.exiting)
    if quantity <= ZERO:
        return
    close_quantity(
        turn,
        account,
        spec,
        capabilities,
        book,
        listing,
        quantity,
        signal=book.closing,
        sizing="closes an entry that filled after the close was asked for",
        late=True,
    )
