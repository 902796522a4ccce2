"""Orders that others have working at a venue: what they may still do to an account's positions.

They count in its limits as if Bascule had sent them for no strategy. Those that can only close
what is held are open orders like our own stops, and may lead to no larger position.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.state import FOREIGN_ORDERS_MAX, AccountState, Exposure, ForeignOrder
from bascule.model.enums import Side
from bascule.model.ids import Symbol, VenueOrderId, VenueSymbol
from bascule.model.values import ZERO


class Outstanding(Struct):
    """What may still fill in one contract, unsigned, and the highest price that any of it names."""

    buy: Decimal = ZERO
    sell: Decimal = ZERO
    price: Decimal | None = None


class Foreign(Struct):
    """The orders of others on one account: how many work, and what they may still fill."""

    orders: int = 0
    by_symbol: dict[Symbol, Outstanding] = field(default_factory=dict)


NOBODY = Foreign()
NOTHING = Outstanding()


def working(
    account: AccountState,
    shown: Mapping[VenueOrderId, ForeignOrder],
    names: Mapping[VenueSymbol, Symbol],
) -> Foreign:
    """Sum what others have working on an account.

    Args:
        account: with the orders that are remembered.
        shown: those that its last look showed, which may be more than are remembered.
        names: from the venue's names to ours.
    """
    known = account.foreign_orders
    orders = list(known.values())
    if len(known) >= FOREIGN_ORDERS_MAX:
        orders += [one for name, one in shown.items() if name not in known]
    found = Foreign(len(orders))
    for one in orders:
        if one.reduces:
            continue
        symbol = one.symbol or names.get(one.venue_symbol, Symbol(one.venue_symbol))
        open_now = found.by_symbol.setdefault(symbol, Outstanding())
        left = max(one.quantity - one.filled, ZERO)
        if one.side is Side.BUY:
            open_now.buy += left
        else:
            open_now.sell += left
        prices = (open_now.price, one.price, one.stop_price)
        open_now.price = max((price for price in prices if price is not None), default=None)
    return found


def exposures(account: AccountState, foreign: Foreign) -> Mapping[Symbol, Exposure]:
    """Give an account's exposure by contract, the open orders of others included."""
    if not foreign.by_symbol:
        return account.exposure
    found = dict(account.exposure)
    for symbol, more in foreign.by_symbol.items():
        own = found.get(symbol) or Exposure()
        found[symbol] = Exposure(
            own.long, own.short, own.open_buy + more.buy, own.open_sell + more.sell
        )
    return found
