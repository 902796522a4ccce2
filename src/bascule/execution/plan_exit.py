"""Closing what a strategy's book holds. No close can open the other side."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from bascule.execution.placing import Draft, judge_draft, place
from bascule.execution.planning import (
    Plan,
    cancel_entries,
    held_side,
    in_units,
    may_change,
    not_listed,
    remaining,
    request_cancel,
)
from bascule.execution.state import KNOWN, AccountState, Book, Guard, Order
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, Capabilities
from bascule.model.enums import (
    Direction,
    OrdType,
    PositionMode,
    QtyUnit,
    Side,
    TimeInForce,
)
from bascule.model.event import BookClosing
from bascule.model.ids import MANUAL_BOOK, ClOrdID, PositionId, SignalId, base36, cl_ord_id
from bascule.model.instrument import Listing
from bascule.model.intent import Amount, ClosePosition, Flatten
from bascule.model.values import ZERO, floor_to, text

_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def plan_close(plan: Plan, intent: ClosePosition) -> None:
    """Close all, a quantity or a fraction of the book named by the intent's symbol."""
    listing = plan.find(intent.symbol, entry=False)
    if listing is None:
        return
    book = plan.account.book(plan.strategy, listing.symbol)
    standing = held_side(book)
    whole = intent.quantity is None and intent.fraction is None
    side = _entry_side(intent.held)
    if whole and plan.route.flat_cancels:
        cancel_entries(
            plan.turn,
            plan.account,
            "close",
            strategy=plan.strategy,
            symbol=listing.symbol,
            side=side,
            signal=plan.signal,
        )
    if book is None or (standing is Direction.FLAT and not (whole and book.lots)):
        if whole and book is not None:
            _mark_closing(plan, book, side)
        plan.idle(f"nothing of {listing.symbol} is held for {plan.strategy}", listing.symbol)
        return
    apart = whole and on_both_sides(book)
    if intent.held is not None and intent.held is not standing and not apart:
        plan.idle(
            f"the book of {plan.strategy} is {standing.value} {listing.symbol}, "
            f"the signal closes a {intent.held.value}",
            listing.symbol,
        )
        return
    quantity = _asked(plan, intent, book, listing)
    if quantity is not None:
        exit_book(plan, book, listing, quantity, whole=whole, side=side, label=intent.label)


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
        if not book.quantity and not book.lots:
            _mark_closing(plan, book, None)
            continue
        closed = True
        listing = plan.turn.listing(plan.account.id, book.symbol)
        if listing is None:
            plan.refuse(*not_listed(plan.turn, plan.account, book), book.symbol)
            continue
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
    side: Side | None = None,
    label: str = "",
    sizing: str = "",
    target: Decimal | None = None,
) -> list[ClOrdID]:
    """Place the exits of a book for up to ``quantity``, less what exits in flight already take.

    Returns:
        The exits that were requested; none when there is nothing left to close, or all were
        refused (the events say which).
    """
    if whole:
        _mark_closing(plan, book, side)
    if whole and on_both_sides(book):
        return _exit_positions(plan, book, listing, side)
    quantity = min(quantity, abs(remaining(book)))
    if quantity <= 0:
        said = f"nothing of {listing.symbol} is held yet, and its open entry is left as it is"
        plan.idle("exits in flight already cover it" if book.exiting else said, listing.symbol)
        return []
    lots = floor_to(quantity, listing.lot_step)
    if lots < listing.min_qty:
        plan.refuse(
            "below_min_lot",
            f"{text(quantity)} is below the smallest order {text(listing.min_qty)}; nothing was "
            "closed",
            listing.symbol,
        )
        return []
    words = sizing or (f"closes {'all' if whole else 'part'} of {text(abs(book.quantity))} held")
    return close_quantity(
        plan.turn,
        plan.account,
        plan.spec,
        plan.capabilities,
        book,
        listing,
        lots,
        signal=plan.signal,
        intent=plan.intent,
        sizing=words,
        label=label,
        target=target,
    )


def _exit_positions(plan: Plan, book: Book, listing: Listing, side: Side | None) -> list[ClOrdID]:
    exits = close_positions(
        plan.turn,
        plan.account,
        plan.spec,
        book,
        listing,
        signal=plan.signal,
        intent=plan.intent,
        side=side,
    )
    if not exits:
        plan.idle("exits in flight already cover it", listing.symbol)
    return exits


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
    parent: ClOrdID | None = None,
    target: Decimal | None = None,
    late: bool = False,
    first: PositionId | None = None,
) -> list[ClOrdID]:
    """Place market exits for a quantity of a book, and name those that were requested.

    One, or one a position where the venue hedges, that of ``first`` before the others and then the
    oldest, each within the venue's largest order. Where an exit and a stop could both fill, the
    exits wait until the stops are taken back, and are then made for what is still held.
    """
    draft = Draft(
        account=account,
        spec=spec,
        listing=listing,
        signal=signal,
        intent=intent,
        strategy=book.strategy,
        leg="x",
        side=Side.SELL if book.quantity > 0 else Side.BUY,
        quantity=quantity,
        reducing=True,
        parent=parent,
        label=label,
        sizing=sizing,
        target=target,
    )
    # A late exit is numbered by the count of all requests: its signal may be so old that an exit
    # of it is forgotten here, and the venue would know the id.
    mark = f"z{base36(turn.state.requests)}" if late else ""
    drafts = [
        replace(draft, slot=_slot(mark, index), position_id=position_id, quantity=part)
        for index, (position_id, part) in enumerate(
            _parts(account, spec, book, listing, quantity, first),
            _free_slot(account, signal, intent, mark),
        )
    ]
    after: ClOrdID | None = None
    if (
        not exits_are_safe(account, spec, capabilities, book)
        and stops_may_race(account, book, draft.side, quantity)
        and any(judge_draft(turn, draft)[-1].ok for draft in drafts)
    ):
        # Only for an exit that will go: a refused one must not cost the position its stop.
        after = _take_back_stops(turn, account, book)
    placed = [place(turn, replace(draft, after=after)) for draft in drafts]
    return [name for name in placed if name is not None]


def on_both_sides(book: Book) -> bool:
    """Whether a book holds positions on both sides, as entries that crossed each other leave."""
    return len({lot > 0 for lot in book.lots.values()}) > 1


def close_positions(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    book: Book,
    listing: Listing,
    *,
    signal: SignalId,
    intent: int = 0,
    side: Side | None = None,
) -> list[ClOrdID]:
    """Close every position of a book by its id, or only what was bought, or sold."""
    largest = floor_to(listing.max_qty, listing.lot_step)
    placed: list[ClOrdID | None] = []
    for position_id, lot in list(book.lots.items()):
        if side is not None and lot * side.sign < 0:
            continue
        left = abs(lot) - _leaving(account, book, position_id)
        while left > 0:
            part = min(left, largest) if largest > 0 else left
            left -= part
            draft = Draft(
                account=account,
                spec=spec,
                listing=listing,
                signal=signal,
                intent=intent,
                strategy=book.strategy,
                leg="x",
                slot=_slot("", _free_slot(account, signal, intent, "")),
                side=Side.SELL if lot > 0 else Side.BUY,
                quantity=part,
                reducing=True,
                position_id=position_id,
                sizing="closes each position, since there are some on both sides",
            )
            placed.append(place(turn, draft))
    return [name for name in placed if name is not None]


def close_lot(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    book: Book,
    listing: Listing,
    guard: Guard,
    quantity: Decimal,
    *,
    sizing: str,
) -> None:
    """Close of one guarded position by its id, while its book holds some on the other side too."""
    if guard.position_id is None:
        return
    held = book.lots.get(guard.position_id, ZERO) * guard.side.sign
    left = min(held - _leaving(account, book, guard.position_id), quantity)
    if left <= 0:
        return
    largest = floor_to(listing.max_qty, listing.lot_step)
    draft = Draft(
        account=account,
        spec=spec,
        listing=listing,
        signal=guard.signal,
        intent=guard.intent,
        strategy=book.strategy,
        leg="x",
        slot=_slot(f"z{base36(turn.state.requests)}", 0),
        side=guard.side.opposite,
        quantity=min(left, largest) if largest > 0 else left,
        reducing=True,
        parent=guard.cl_ord_id,
        position_id=guard.position_id,
        sizing=sizing,
    )
    place(turn, draft)


def _leaving(account: AccountState, book: Book, position_id: PositionId) -> Decimal:
    """How much of a position exits in flight take away already.

    One that was meant for its other side, before a fill was taken back, takes nothing of it.
    """
    lot = book.lots.get(position_id, ZERO)
    return sum(
        (
            order.leaves
            for order in account.orders.values()
            if order.leg == "x"
            and order.position_id == position_id
            and order.strategy == book.strategy
            and order.side.sign * lot < 0
        ),
        ZERO,
    )


def exits_are_safe(
    account: AccountState, spec: AccountSpec, capabilities: Capabilities, book: Book
) -> bool:
    """Whether an exit and a stop of a book cannot both fill and so open the other side.

    On a hedging account each addresses its position. Else the venue must know reduce-only, which
    looks at the account's net: so the contract must be this book's alone.
    """
    if spec.position_mode is PositionMode.HEDGING and book.lots:
        return True
    return capabilities.reduce_only and not any(
        other.symbol == book.symbol
        and other is not book
        and (other.strategy != MANUAL_BOOK or other.quantity)
        for other in account.books.values()
    )


def stops_may_race(account: AccountState, book: Book, side: Side, more: Decimal = ZERO) -> bool:
    """Whether stops or targets work that could close what exits on a side close, and ``more``."""
    works = {"s": ZERO, "t": ZERO}
    for order in account.orders.values():
        ours = order.leg in works and order.side is side and is_of(order, book)
        if ours and not order.native_child:
            works[order.leg] += order.leaves
    most = max(works.values())
    return most > 0 and most + book.leaving(side.opposite) + more > abs(book.quantity)


def _parts(
    account: AccountState,
    spec: AccountSpec,
    book: Book,
    listing: Listing,
    quantity: Decimal,
    first: PositionId | None,
) -> Iterator[tuple[PositionId | None, Decimal]]:
    """Share an exit among the positions it closes, none larger than the venue's largest order."""
    if spec.position_mode is PositionMode.HEDGING and book.lots:
        shares = _by_position(account, book, quantity, first)
    else:
        shares = [(None, quantity)]
    largest = floor_to(listing.max_qty, listing.lot_step)
    for position_id, share in shares:
        left = share
        while left > 0:
            part = min(left, largest) if largest > 0 else left
            yield position_id, part
            left -= part


def _by_position(
    account: AccountState, book: Book, quantity: Decimal, first: PositionId | None
) -> list[tuple[PositionId | None, Decimal]]:
    """Take from each position of the book's side what no exit in flight takes already."""
    shares: list[tuple[PositionId | None, Decimal]] = []
    for position_id, lot in sorted(book.lots.items(), key=lambda held: held[0] != first):
        if (lot > 0) is not (book.quantity > 0):
            continue
        share = min(abs(lot) - _leaving(account, book, position_id), quantity)
        if share > 0:
            shares.append((position_id, share))
            quantity -= share
    return shares


def _slot(mark: str, index: int) -> str:
    return f"{mark}{index if index else ''}"


def _free_slot(account: AccountState, signal: SignalId, intent: int, mark: str) -> int:
    """Number the exits of one signal on one account, so that each has an id of its own."""
    index = 0
    while True:
        leg = f"x{_slot(mark, index)}"
        if account.order(cl_ord_id(signal, intent, account.number, leg)) is None:
            return index
        index += 1


def _take_back_stops(turn: Turn, account: AccountState, book: Book) -> ClOrdID | None:
    """Ask for the stops and targets that we run for a book back; a venue's own end by themselves.

    Returns:
        The last of them; the exit goes when none is left that it could race.
    """
    last: ClOrdID | None = None
    for order in list(account.orders.values()):
        if order.leg in "st" and is_of(order, book) and not order.native_child:
            request_cancel(turn, account, order.cl_ord_id, "an exit waits for it")
            last = order.cl_ord_id
    return last


def is_of(order: Order, book: Book) -> bool:
    """Whether an order acts on a book."""
    return order.strategy == book.strategy and order.symbol == book.symbol


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
    found = exit_quantity(plan, intent.quantity, held, listing)
    if found is None:
        plan.refuse(
            "quantity_unit_unsupported",
            f"an exit cannot be sized in {intent.quantity.unit.value}; give units or a percent "
            "of the position",
            listing.symbol,
        )
        return None
    return found if found >= held else _at_least_a_lot(plan, found, listing)


def exit_quantity(plan: Plan, amount: Amount, held: Decimal, listing: Listing) -> Decimal | None:
    """Give the quantity an exit's amount asks of this account; None for a unit it cannot have.

    The sender's units are the sender's own position, so an account that multiplies the signal
    multiplies its exits too; one that sizes by itself cannot read them and closes all.
    """
    if amount.unit is QtyUnit.POSITION_PERCENT:
        return held * amount.value / 100
    units = in_units(amount, listing)
    if units is None:
        return None
    multiple = plan.multiple()
    return held if multiple is None else units * multiple


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


def _mark_closing(plan: Plan, book: Book, side: Side | None) -> None:
    """Remember the close, so that an entry in flight that fills later is closed at once."""
    if not (book.quantity or book.lots or book.open_buy or book.open_sell):
        return
    plan.turn.emit(
        BookClosing(
            at=plan.turn.at,
            account=plan.account.id,
            strategy=book.strategy,
            symbol=book.symbol,
            signal=plan.signal,
            side=side,
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
    """Close what an entry filled after its book was told to be flat.

    A resting entry that nobody asked back was meant to stay (a route may keep those).
    """
    book = account.book(entry.strategy, entry.symbol)
    if book is None or book.closing is None or entry.number > book.closed_to:
        return
    if book.closing_side not in (None, entry.side):
        return
    rests = entry.ord_type is not OrdType.MARKET and entry.time_in_force not in _AT_ONCE
    if rests and not entry.asked_back:
        return
    if book.quantity * entry.side.sign <= 0:
        return
    quantity = min(filled, abs(book.quantity) - book.leaving(entry.side))
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


def close_overshoot(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    capabilities: Capabilities,
    listing: Listing,
    closing: Order,
    filled: Decimal,
) -> None:
    """Close what a close, a stop or a target has opened: no close may open the other side.

    Two of them can fill at once where nothing at the venue ties them to each other.
    """
    book = account.book(closing.strategy, closing.symbol)
    if book is None or closing.position_id is not None or book.quantity * closing.side.sign <= 0:
        return
    quantity = min(filled, abs(book.quantity) - book.leaving(closing.side))
    if quantity <= ZERO:
        return
    if book.open_buy or book.open_sell:
        # The fill of an open entry may only be told late, and then nothing went too far.
        turn.market.looks.setdefault(account.id, "a close may have gone too far")
        return
    _close_too_far(turn, account, spec, book, listing, quantity, closing)


def _close_too_far(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    book: Book,
    listing: Listing,
    quantity: Decimal,
    closing: Order,
) -> None:
    """Close what an exit, or the last of a book's, has opened on the other side."""
    close_quantity(
        turn,
        account,
        spec,
        turn.settings.capabilities[account.id],
        book,
        listing,
        quantity,
        signal=closing.signal,
        intent=closing.intent,
        sizing="closes what two closes at once have opened",
        late=True,
    )


def close_astray(turn: Turn, account: AccountState) -> None:
    """Close again what closes have opened: every fill is known now, so nothing explains it.

    Its first close was not tried, since an entry was open, or was refused, or never came there.
    """
    spec = turn.settings.accounts.get(account.id)
    for book in list(account.books.values()):
        quantity = book.astray - book.leaving(Side.BUY if book.quantity > 0 else Side.SELL)
        if quantity <= 0 or spec is None:
            continue
        listing = turn.listing(account.id, book.symbol)
        orders = (*account.ended.values(), *account.orders.values())
        closing = next(
            (order for order in reversed(orders) if order.leg != "e" and is_of(order, book)), None
        )
        if listing is None or closing is None:
            continue
        _close_too_far(turn, account, spec, book, listing, quantity, closing)


def take_back_spent(turn: Turn, account: AccountState) -> None:
    """Ask closes back that have nothing left to close: every fill is known now.

    Something else has closed it, and whatever they fill yet would open the other side.
    """
    for order in list(account.orders.values()):
        if order.leg != "x" or order.waiting or order.pending or order.status not in KNOWN:
            continue
        book = account.book(order.strategy, order.symbol)
        if book is None or not may_change(turn, order):
            continue
        position = order.position_id
        held = book.quantity if position is None else book.lots.get(position, ZERO)
        if held * order.side.sign >= 0:
            request_cancel(turn, account, order.cl_ord_id, "what it was to close is closed")
