"""The live orders of a broker, found by each of their names."""

from bascule.venues.kit.matching import Order


class Orders:
    """Live orders, and those that ended since the ledger was last told.

    Iteration is always in the order in which the orders came.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Order] = {}
        self._by_client: dict[tuple[str, str], Order] = {}
        self._by_symbol: dict[str, dict[str, Order]] = {}
        self._guards: dict[tuple[str, str], dict[str, Order]] = {}
        self._legs: dict[tuple[str, str], Order] = {}

    def keep(self, order: Order) -> None:
        """Know an order by its ids only: one that is refused, or is being looked at again."""
        self._by_id[order.venue_order_id] = order
        if order.cl_ord_id:
            self._by_client[order.login, order.cl_ord_id] = order

    def add(self, order: Order) -> None:
        """Know an order as working."""
        self.keep(order)
        number, symbol = order.venue_order_id, order.venue_symbol
        self._by_symbol.setdefault(symbol, {})[number] = order
        if order.guards:
            self._guards.setdefault((order.login, symbol), {})[number] = order
        if order.leg:
            self._legs[order.parent_order, order.leg] = order

    def ended(self, order: Order) -> None:
        """Know an order as working no more; it is still found by its ids."""
        number, symbol = order.venue_order_id, order.venue_symbol
        self._by_symbol.get(symbol, {}).pop(number, None)
        if order.guards:
            self._guards.get((order.login, symbol), {}).pop(number, None)
        if order.leg:
            self._legs.pop((order.parent_order, order.leg), None)

    def drop(self, order: Order) -> None:
        """Know an ended order no longer; the ledger does."""
        self._by_id.pop(order.venue_order_id, None)
        if order.cl_ord_id:
            self._by_client.pop((order.login, order.cl_ord_id), None)

    def by_id(self, venue_order_id: str) -> Order | None:
        """Find an order by the broker's id."""
        return self._by_id.get(venue_order_id)

    def by_client(self, login: str, cl_ord_id: str) -> Order | None:
        """Find an order by the client's id."""
        return self._by_client.get((login, cl_ord_id))

    def working(self, symbol: str = "", login: str = "") -> list[Order]:
        """Give the working orders, of a symbol or a login when one is named."""
        place = self._by_symbol.get(symbol, {}) if symbol else self._by_id
        return [
            order
            for order in place.values()
            if not order.ended and (not login or order.login == login)
        ]

    def guards(self, login: str, symbol: str, key: str) -> list[Order]:
        """Give the working orders that may only close this position."""
        place = self._guards.get((login, symbol))
        return [order for order in place.values() if order.position_key == key] if place else []

    def leg(self, parent_order: str, leg: str) -> Order | None:
        """Give the working stop (``s``) or target (``t``) of an entry."""
        return self._legs.get((parent_order, leg))
