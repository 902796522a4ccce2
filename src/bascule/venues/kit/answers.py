"""What a broker answers when it is asked: orders, positions, fills, money, listings."""

from decimal import Decimal

from bascule.model.instrument import Listing
from bascule.model.order import AccountSnapshot, ExecutionReport, VenueOrder, VenuePosition
from bascule.model.values import Instant
from bascule.venues.kit.contract import OrdersSnapshot, PositionsSnapshot
from bascule.venues.kit.floor import Floor
from bascule.venues.kit.ledger import ALL, Ledger
from bascule.venues.kit.matching import Order
from bascule.venues.kit.reports import fill_report, shown_order


class Answers:
    """The floor as an account sees it, with the faults that a read can have."""

    def __init__(self, floor: Floor, ledger: Ledger) -> None:
        self._floor = floor
        self._ledger = ledger
        self._hidden: dict[str, Instant] = {}
        self._before: dict[str, tuple[VenuePosition, ...]] = {}

    def hide(self, order: Order, until: Instant) -> None:
        """Show an order to nobody before an instant."""
        self._hidden[order.venue_order_id] = until

    def order_status(self, login: str, cl_ord_id: str, now: Instant) -> VenueOrder | None:
        """Show one order, open or ended, by the client's id; None when there is none."""
        order = self._floor.record.find(login, cl_ord_id=cl_ord_id)
        return None if order is None or self._is_hidden(order, now) else shown_order(order)

    def open_orders(self, login: str, now: Instant) -> OrdersSnapshot:
        """Show the working orders of an account, oldest first."""
        shown = tuple(
            shown_order(order)
            for order in self._floor.orders.working(login=login)
            if not self._is_hidden(order, now)
        )
        if self._floor.faults.fires("incomplete_orders_page", login):
            return OrdersSnapshot(shown[::2], False, now)
        return OrdersSnapshot(shown, True, now)

    def positions(self, login: str, now: Instant) -> PositionsSnapshot:
        """Show the open positions of an account with the levels that guard them."""
        floor = self._floor
        if floor.faults.fires("stale_positions_snapshot", login):
            return PositionsSnapshot(self._before.get(login, ()), True, now)
        account = floor.accounts.by_login[login]
        shown = []
        for held in account.positions.values():
            levels: dict[str, Decimal | None] = {"s": None, "t": None}
            for guard in floor.orders.guards(login, held.venue_symbol, held.key):
                if guard.leg:
                    levels[guard.leg] = guard.stop_price if guard.leg == "s" else guard.price
            shown.append(floor.accounts.shown(account, held, levels["s"], levels["t"]))
        self._before[login] = tuple(shown)
        return PositionsSnapshot(tuple(shown), True, now)

    def fills_since(
        self, login: str, since: Instant, *, after: int = -1, limit: int = ALL
    ) -> tuple[ExecutionReport, ...]:
        """Show the fills of an account at or after an instant, oldest first, busted ones not.

        To go on behind a page of ``limit``: ``since`` its last fill's time, ``after`` its exec id.
        """
        self._floor.record.flush()
        fills = self._ledger.fills_since(login, since, after=after, limit=limit)
        return tuple(fill_report(fill) for fill in fills)

    def account(self, login: str, now: Instant) -> AccountSnapshot:
        """Show the money of an account."""
        accounts = self._floor.accounts
        return accounts.snapshot(accounts.by_login[login], now)

    def listings(self) -> tuple[Listing, ...]:
        """Show what is traded here."""
        return tuple(item.listing() for item in self._floor.terms.instruments)

    def _is_hidden(self, order: Order, now: Instant) -> bool:
        until = self._hidden.get(order.venue_order_id)
        if until is None:
            return False
        if now >= until:
            del self._hidden[order.venue_order_id]
            return False
        return True
