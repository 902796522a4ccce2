"""What the API shows of a running engine. Plain structs, made in one pass over the state.

Times are UTC nanoseconds, numbers decimal strings, quantities signed where they are positions.
Every function reads the state as it stands and keeps nothing of it.
"""

import heapq
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Literal

from msgspec import Struct

from bascule.api.pricing import Pricing
from bascule.execution.state import AccountState, Book, Guard, Order, State
from bascule.model.enums import OrdStatus
from bascule.model.event import ForeignOrderSeen
from bascule.model.ids import ClOrdID
from bascule.model.instrument import Listing
from bascule.model.values import ZERO, Instant, text

ROLES = {"e": "entry", "x": "exit", "s": "stop_loss", "t": "take_profit"}
SCAN_MAX = 20_000
"""Orders that one request looks at, so that no request holds the loop up."""


class OrderView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order. ``remaining`` is what may still fill at the worst."""

    cl_ord_id: str
    account: str
    strategy: str
    role: str
    symbol: str
    venue_symbol: str
    side: str
    quantity: Decimal
    filled: Decimal
    remaining: Decimal
    ord_type: str
    status: str
    signal: str
    requested_at: Instant
    avg_price: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = ""
    pending: str = ""
    doubt: str = ""
    ended: str = ""
    waits_for: str = ""
    venue_order_id: str = ""
    parent: str = ""
    label: str = ""


class ForeignOrderView(Struct, frozen=True, omit_defaults=True):
    """A working order at a venue that Bascule did not send, as the venue last showed it."""

    account: str
    venue_order_id: str
    venue_symbol: str
    side: str
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    filled: Decimal | None = None


class OrdersPage(Struct, frozen=True, omit_defaults=True):
    """Orders: live ones first; ``more`` says that there are others which were not looked at.

    ``foreign`` are working orders that are no strategy's: there where none is asked for by name.
    """

    orders: list[OrderView]
    more: bool
    foreign: list[ForeignOrderView] = []


class GuardView(Struct, frozen=True, omit_defaults=True):
    """What protects one entry; ``by`` is ``venue`` or ``bascule``."""

    entry: str
    held: Decimal
    by: str
    stop_loss: Decimal | None = None
    take_profits: tuple[Decimal, ...] = ()
    trail_distance: Decimal | None = None
    orders: tuple[str, ...] = ()


class BookView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A strategy's share of an account's position.

    ``open_pnl`` and ``realized`` are in ``currency``, the contract's; ``open_pnl_account`` is in
    the account's. None means that no quote, or no exchange rate, is known.
    """

    account: str
    strategy: str
    symbol: str
    quantity: Decimal
    avg_price: Decimal
    mark: Decimal | None = None
    currency: str = ""
    open_pnl: Decimal | None = None
    open_pnl_account: Decimal | None = None
    realized: Decimal | None = None
    commission: Decimal = ZERO
    exiting: Decimal = ZERO
    guards: tuple[GuardView, ...] = ()


class NetView(Struct, frozen=True):
    """An account's whole position in a contract, and what open entries may still add."""

    account: str
    symbol: str
    net: Decimal
    open_buy: Decimal
    open_sell: Decimal


class PositionsView(Struct, frozen=True):
    """Books by strategy, and the nets that are held against the venue."""

    books: list[BookView]
    nets: list[NetView]


class QuoteView(Struct, frozen=True):
    """The last quote that an account's venue gave; ``age`` is in nanoseconds."""

    account: str
    symbol: str
    venue_symbol: str
    bid: Decimal
    ask: Decimal
    at: Instant
    age: int


class ListedView(Struct, frozen=True):
    """One contract as an account's venue lists it, figures and all."""

    account: str
    listing: Listing


def order_view(order: Order) -> OrderView:
    """Show one order."""
    return OrderView(
        cl_ord_id=order.cl_ord_id,
        account=order.account,
        strategy=order.strategy,
        role=ROLES[order.leg],
        symbol=order.symbol,
        venue_symbol=order.venue_symbol,
        side=order.side.value,
        quantity=order.quantity,
        filled=order.cum_qty,
        remaining=order.leaves,
        ord_type=order.ord_type.value,
        status=order.status.value,
        signal=order.signal,
        requested_at=order.requested_at,
        avg_price=shown(order.avg_price),
        price=order.price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force.value,
        pending=order.pending,
        doubt=order.doubt if order.status is OrdStatus.IN_DOUBT else "",
        ended="" if order.live else order.end_reason,
        waits_for=(order.after or "") if order.waiting else "",
        venue_order_id=order.venue_order_id or "",
        parent=order.parent or "",
        label=order.label,
    )


def foreign_orders(account: AccountState) -> list[ForeignOrderView]:
    """Show what works at the venue and is none of ours."""
    return [
        ForeignOrderView(
            account.id, name, one.venue_symbol, one.side.value, one.quantity, one.price,
            one.stop_price, one.filled or None,
        )
        for name, one in account.foreign_orders.items()
    ]  # fmt: skip


def foreign_words(one: ForeignOrderView | ForeignOrderSeen) -> str:
    """Say in words what works at a venue and is none of ours."""
    terms = ((" at ", one.price), (", stop ", one.stop_price))
    prices = "".join(f"{word}{text(price)}" for word, price in terms if price is not None)
    done = f", {text(one.filled)} of it filled" if one.filled else ""
    return (
        f"{one.side} {text(one.quantity)} {one.venue_symbol}{prices}{done} ({one.venue_order_id})"
    )


def orders_page(
    state: State,
    *,
    account: str = "",
    strategy: str = "",
    which: Literal["live", "all"] = "live",
    limit: int = 200,
) -> OrdersPage:
    """Show the orders that may still trade, the newest first; with ``all`` then the ended ones."""
    accounts = [one for one in state.accounts.values() if not account or one.id == account]
    walk = _newest_first(one.orders for one in accounts)
    if which == "all":
        walk = chain(walk, _newest_first(one.ended for one in accounts))
    foreign: list[ForeignOrderView] = []
    for one in accounts if not strategy else ():
        foreign += foreign_orders(one)
    found: list[OrderView] = []
    for seen, order in enumerate(walk):
        if len(found) >= limit or seen >= SCAN_MAX:
            return OrdersPage(found, True, foreign[:limit])
        if not strategy or order.strategy == strategy:
            found.append(order_view(order))
    return OrdersPage(found, False, foreign[:limit])


def _newest_first(kept: Iterable[dict[ClOrdID, Order]]) -> Iterator[Order]:
    """Merge the orders of many accounts, each dict from its end; nothing is sorted or copied.

    Ended orders stand in the order of their ending, so there the merge is near enough.
    """
    return heapq.merge(*(reversed(one.values()) for one in kept), key=lambda one: -one.number)


def positions_view(
    state: State, pricing: Pricing | None, *, account: str = "", strategy: str = ""
) -> PositionsView:
    """Show every book and net that is not flat."""
    books: list[BookView] = []
    nets: list[NetView] = []
    for one in state.accounts.values():
        if account and one.id != account:
            continue
        books += [
            book_view(one, book, pricing)
            for book in one.books.values()
            if book.quantity and (not strategy or book.strategy == strategy)
        ]
        if not strategy:
            nets += [
                NetView(one.id, symbol, exposure.net, exposure.open_buy, exposure.open_sell)
                for symbol, exposure in one.exposure.items()
                if exposure.net or exposure.open_buy or exposure.open_sell
            ]
    return PositionsView(books, nets)


def book_view(account: AccountState, book: Book, pricing: Pricing | None) -> BookView:
    """Show one book, valued where a quote is known."""
    value = pricing.value(account.id, book) if pricing is not None else None
    return BookView(
        account=account.id,
        strategy=book.strategy,
        symbol=book.symbol,
        quantity=book.quantity,
        avg_price=shown(book.avg_price) or ZERO,
        mark=value.mark if value is not None else None,
        currency=value.currency if value is not None else "",
        open_pnl=value.open_pnl if value is not None else None,
        open_pnl_account=value.open_pnl_account if value is not None else None,
        realized=value.realized if value is not None else None,
        commission=book.commission,
        exiting=book.exiting,
        guards=tuple(
            _guard_view(guard)
            for guard in account.guards.values()
            if guard.strategy == book.strategy and guard.symbol == book.symbol and guard.held
        ),
    )


def _guard_view(guard: Guard) -> GuardView:
    return GuardView(
        guard.cl_ord_id,
        guard.held,
        "venue" if guard.bracket.native else "bascule",
        guard.bracket.stop_loss,
        tuple(price for price, _portion in guard.bracket.take_profits),
        guard.bracket.trail_distance,
        tuple(guard.children),
    )


def in_doubt(state: State) -> list[Order]:
    """Give every order whose outcome nobody knows."""
    live = chain.from_iterable(one.orders.values() for one in state.accounts.values())
    return [order for order in live if order.status is OrdStatus.IN_DOUBT]


def shown(value: Decimal | None) -> Decimal | None:
    """Cut a quotient to eight places: averages are for reading and never counted with."""
    return None if value is None else round(value, 8).normalize() + 0
