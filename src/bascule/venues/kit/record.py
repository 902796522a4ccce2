"""What changed on a broker's floor and who is told: reports for clients, rows for the ledger."""

from bascule.model.enums import ExecType
from bascule.model.order import ExecutionReport
from bascule.model.values import Instant
from bascule.venues.kit.accounts import Account, Accounts
from bascule.venues.kit.ledger import Changes, Fill, Ledger, Marks
from bascule.venues.kit.matching import Order
from bascule.venues.kit.orders import Orders
from bascule.venues.kit.reports import order_report


class Record:
    """Live orders, the numbers that name things, and everything that is yet to be told."""

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self.orders = Orders()
        self.marks = Marks()
        self.reports: list[ExecutionReport] = []
        self._ledger = ledger
        self._accounts = accounts
        self._changed: dict[str, Order] = {}
        self._fills: dict[str, Fill] = {}
        self._moved: dict[tuple[str, str], Account] = {}

    def new_order_id(self) -> str:
        """Give the next venue order id."""
        self.marks.order += 1
        return str(self.marks.order)

    def new_exec_id(self) -> str:
        """Give the next exec id."""
        self.marks.report += 1
        return str(self.marks.report)

    def changed(self, order: Order) -> None:
        """Have the ledger told of an order's state."""
        self.orders.keep(order)
        self._changed[order.venue_order_id] = order

    def moved(self, account: Account, key: str) -> None:
        """Have the ledger told of a position, there or gone."""
        self._moved[account.terms.login, key] = account

    def tell(
        self,
        order: Order,
        exec_type: ExecType,
        now: Instant,
        *,
        request_id: str = "",
        reason: str = "",
    ) -> None:
        """Report a change of an order that is no trade."""
        order.updated_at = now
        self.changed(order)
        exec_id = self.new_exec_id()
        self.reports.append(
            order_report(order, exec_type, exec_id, now, request_id=request_id, reason=reason)
        )

    def tell_fill(self, fill: Fill, report: ExecutionReport) -> None:
        """Report a fill, or what became of one, and have the ledger told of it."""
        self._fills[fill.exec_id] = fill
        self.reports.append(report)

    def find(self, login: str, *, cl_ord_id: str = "", venue_order_id: str = "") -> Order | None:
        """Find an order, live or ended, by the broker's id, else by the client's."""
        if venue_order_id:
            live = self.orders.by_id(venue_order_id)
        else:
            live = self.orders.by_client(login, cl_ord_id)
        if live is not None:
            return live if live.login == login else None
        # Whatever left the floor was told to the ledger when it left.
        return self._ledger.order(login, cl_ord_id=cl_ord_id, venue_order_id=venue_order_id)

    def find_fill(self, login: str, exec_id: str) -> Fill | None:
        """Find a fill by its exec id."""
        fill = self._fills.get(exec_id) or self._ledger.fill(login, exec_id)
        return fill if fill is not None and fill.login == login else None

    def flush(self) -> None:
        """Tell the ledger everything, and let go of the orders that have ended."""
        postings = self._accounts.postings
        if not (self._changed or self._fills or self._moved or postings):
            return
        moved = {key: account.positions.get(key[1]) for key, account in self._moved.items()}
        self._ledger.record(
            Changes(
                orders=list(self._changed.values()),
                fills=list(self._fills.values()),
                postings=postings,
                positions=[held for held in moved.values() if held is not None],
                closed=[key for key, held in moved.items() if held is None],
                marks=self.marks,
            )
        )
        for order in self._changed.values():
            if order.ended:
                self.orders.drop(order)
        self._changed, self._fills, self._moved = {}, {}, {}
        self._accounts.postings = []
