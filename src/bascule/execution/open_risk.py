"""What an account loses if its stops are hit: all of them, or those of one idea.

What stands or waits without a stop has no bound. A price or rate that is missing is never made up.
"""

from decimal import Decimal

from bascule.execution.fold_ideas import idea_key, lost
from bascule.execution.loss import rate_to, unit_of
from bascule.execution.positions import sides_of
from bascule.execution.state import AccountState, Book, Guard, Order
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.enums import Side
from bascule.model.event import Bracket
from bascule.model.instrument import Listing
from bascule.model.values import SECOND, ZERO
from bascule.risk.firm import Idea
from bascule.risk.loss import OpenRisk


def open_risk(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    replacing: Order | None = None,
    guard: Guard | None = None,
) -> OpenRisk:
    """Give what is lost from the present prices if every open stop is hit.

    A stop on the winning side of the price loses nothing. What stands or waits without a stop has
    no bound; an entry in doubt counts in full. One that is being replaced counts no more, nor does
    what a ``guard`` holds whose stop is being moved.
    """
    total = ZERO
    for book in account.books.values():
        if not book.quantity and not book.lots:
            continue
        found = _book_risk(turn, account, spec, book, guard)
        if isinstance(found, str):
            return OpenRisk(None, found)
        total += found
    for order in account.orders.values():
        if order.leg != "e" or not order.leaves or order is replacing:
            continue
        waiting = _entry_risk(turn, spec, order)
        if isinstance(waiting, str):
            return OpenRisk(None, waiting)
        total += waiting
    return OpenRisk(total)


def idea_of(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    listing: Listing,
    side: Side,
    merge_s: int,
    replacing: Order | None = None,
    guard: Guard | None = None,
) -> Idea:
    """Give what the idea that an entry would belong to may lose: gone already, and at its stops.

    Held positions count from their average price; what a stop has locked in makes up for nothing.
    """
    unit = unit_of(turn, spec, listing)
    if unit is None:
        return Idea(None, why=f"{listing.symbol} cannot be valued")
    runs = account.ideas.get(idea_key(listing.symbol, side), [])
    gone = total = lost(runs, turn.at, merge_s * SECOND, unit)
    for book in account.books.values():
        sides = dict(_sides(book)) if book.symbol == listing.symbol else {}
        if side not in sides:
            continue
        # A book that stands on both sides has no price of its own for either.
        price = book.avg_price if len(sides) == 1 else None
        found = _to_stops(account, book, side, sides[side], price, guard)
        if isinstance(found, str):
            return Idea(None, gone, found)
        total += found * unit
    for order in account.orders.values():
        if order.leg != "e" or not order.leaves or order is replacing:
            continue
        if (order.symbol, order.side) != (listing.symbol, side):
            continue
        waiting = _entry_risk(turn, spec, order)
        if isinstance(waiting, str):
            return Idea(None, gone, waiting)
        total += waiting
    return Idea(total, gone)


def _book_risk(
    turn: Turn, account: AccountState, spec: AccountSpec, book: Book, moved: Guard | None
) -> Decimal | str:
    listing = turn.listing(account.id, book.symbol)
    quote = turn.market.quote(account.id, listing.venue_symbol) if listing is not None else None
    factor = rate_to(turn, listing.quote, spec.currency) if listing is not None else None
    if listing is None or quote is None or factor is None:
        return f"the position in {book.symbol} cannot be valued"
    total = ZERO
    for side, held in _sides(book):
        price = quote.bid if side is Side.BUY else quote.ask
        found = _to_stops(account, book, side, held, price, moved)
        if isinstance(found, str):
            return found
        total += found
    return total * listing.multiplier * factor


def _sides(book: Book) -> list[tuple[Side, Decimal]]:
    """Give the sides that a book stands on, and how much it holds there."""
    long, short = sides_of(book)
    return [(side, held) for side, held in ((Side.BUY, long), (Side.SELL, short)) if held]


def _to_stops(
    account: AccountState,
    book: Book,
    side: Side,
    held: Decimal,
    price: Decimal | None,
    moved: Guard | None,
) -> Decimal | str:
    """Give how far a price is from the stops of one side of a book, times what each covers.

    Without a ``price`` each part is measured from its own entry. What is behind the stop that is
    ``moved`` adds nothing.
    """
    left, total = held, ZERO
    for guard in account.guards.values():
        if (guard.strategy, guard.symbol, guard.side) != (book.strategy, book.symbol, side):
            continue
        since = guard.entry_price if price is None else price
        distance = ZERO if guard is moved else to_stop(guard.bracket, since, side)
        if distance is None or guard.held <= 0:
            continue
        covered = min(guard.held, left)
        left -= covered
        total += distance * covered
    if left > 0:
        return f"{left} {book.symbol} of {book.strategy} are held without a stop"
    return total


def _entry_risk(turn: Turn, spec: AccountSpec, order: Order) -> Decimal | str:
    listing = turn.listing(order.account, order.symbol)
    factor = rate_to(turn, listing.quote, spec.currency) if listing is not None else None
    entry = order.price if order.price is not None else order.stop_price
    if entry is None and listing is not None:
        quote = turn.market.quote(order.account, listing.venue_symbol)
        if quote is not None:
            entry = quote.ask if order.side is Side.BUY else quote.bid
    if listing is None or factor is None or entry is None:
        return f"the open entry {order.cl_ord_id} cannot be valued"
    bracket = order.bracket
    distance = None if bracket is None else to_stop(bracket, entry, order.side)
    if distance is None:
        return f"the open entry {order.cl_ord_id} has no stop"
    return distance * order.leaves * listing.multiplier * factor


def loses_more(old: Bracket, new: Bracket, price: Decimal | None, side: Side) -> bool:
    """Whether more may be lost at the stop of one bracket than at that of another.

    ``price`` is that of the entry. Where a stop and a bare trail cannot be compared without one,
    more may be.
    """
    if old.stop_loss is not None and new.stop_loss is not None:
        return (old.stop_loss - new.stop_loss) * side.sign > 0
    if price is None and (old.stop_loss is None) is not (new.stop_loss is None):
        return True
    since = price if price is not None else ZERO
    before, after = to_stop(old, since, side), to_stop(new, since, side)
    return before is not None and (after is None or after > before)


def to_stop(bracket: Bracket, price: Decimal, side: Side) -> Decimal | None:
    """Give how far a price is from the stop; for a bare trail its distance, None without either."""
    if bracket.stop_loss is not None:
        return max((price - bracket.stop_loss) * side.sign, ZERO)
    return bracket.trail_distance if bracket.trail_trigger is None else None
