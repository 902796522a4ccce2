"""A broker without a process, for tests: one clock that is moved by hand, short words."""

import random
from decimal import Decimal
from typing import Any

from bascule.model.enums import ExecType, InstrumentKind, OrdType, PositionMode, Side
from bascule.model.ids import AccountId, ClOrdID, VenueOrderId, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import (
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
)
from bascule.model.values import SECOND, Currency, Instant
from bascule.venues.kit.broker import FAULTS, Broker
from bascule.venues.kit.faults import Fault, Faults
from bascule.venues.kit.ledger import Ledger, MemoryLedger
from bascule.venues.kit.terms import AccountTerms, BrokerTerms, InstrumentTerms

START = Instant(1_767_600_000 * SECOND)
"""Monday, 2026-01-05, 08:00 UTC."""
LOGIN = "P1"
GOLD = VenueSymbol("GOLD")


def gold(**changes: Any) -> InstrumentTerms:
    """An instrument with round numbers: tick 1, one unit of quantity moves 1 USD a point."""
    words: dict[str, Any] = {
        "venue_symbol": GOLD,
        "kind": InstrumentKind.CFD,
        "quote": "USD",
        "tick_size": Decimal(1),
        "multiplier": Decimal(1),
        "lot_step": Decimal(1),
        "min_qty": Decimal(1),
        "max_qty": Decimal(1000),
        "spread_ticks": 2,
    }
    return InstrumentTerms(**{**words, **changes})


def account(**changes: Any) -> AccountTerms:
    """A USD account with a million, netting unless told otherwise."""
    words: dict[str, Any] = {
        "login": LOGIN,
        "currency": Currency("USD"),
        "balance": Decimal(1_000_000),
    }
    return AccountTerms(**{**words, **changes})


class House:
    """One broker, its ledger and its time."""

    def __init__(
        self,
        *instruments: InstrumentTerms,
        account_terms: AccountTerms | None = None,
        ledger: Ledger | None = None,
        **terms: Any,
    ) -> None:
        self.now = START
        self.ledger = ledger or MemoryLedger()
        self.faults = Faults(FAULTS, random.Random(1))
        self.terms = BrokerTerms(
            accounts=(account_terms or account(),), instruments=instruments or (gold(),), **terms
        )
        self.reports: list[ExecutionReport] = []
        self._orders = 0
        self.open()

    def open(self) -> None:
        """Start the broker on its ledger, as after a crash when there was one before."""
        self.broker = Broker(
            self.terms,
            faults=self.faults,
            rng=random.Random(1),
            ledger=self.ledger,
            now=self.now,
        )

    def quote(
        self, bid: int | str, ask: int | str, *, symbol: str = GOLD, size: int = 0
    ) -> list[ExecutionReport]:
        """Push a price; gives the reports that it made."""
        price = Quote(
            VenueSymbol(symbol), Decimal(bid), Decimal(ask), self.now, Decimal(size), Decimal(size)
        )
        self.broker.quote(price, self.now)
        return self.told()

    def told(self) -> list[ExecutionReport]:
        """Take the reports since the last call away, and let the ledger have everything."""
        self.broker.flush()
        reports = self.broker.take_reports()
        self.reports += reports
        return reports

    def wait(self, seconds: float) -> list[ExecutionReport]:
        """Let time pass; gives the reports that it made."""
        self.now = Instant(self.now + int(seconds * SECOND))
        self.broker.advance(self.now)
        return self.told()

    def order(self, side: Side, size: int | str, /, **words: Any) -> NewOrder:
        """Make an order, a market order unless a price or a stop says otherwise."""
        self._orders += 1
        for name in (
            "quantity",
            "price",
            "stop_price",
            "trail_distance",
            "stop_loss",
            "take_profit",
        ):
            if words.get(name) is not None:
                words[name] = Decimal(words[name])
        kind = OrdType.MARKET
        if words.get("trail_distance") is not None:
            kind = OrdType.TRAILING_STOP
        elif words.get("stop_price") is not None:
            kind = OrdType.STOP if words.get("price") is None else OrdType.STOP_LIMIT
        elif words.get("price") is not None:
            kind = OrdType.LIMIT
        given: dict[str, Any] = {
            "account": AccountId(LOGIN),
            "cl_ord_id": ClOrdID(f"c{self._orders}"),
            "venue_symbol": GOLD,
            "side": side,
            "quantity": Decimal(size),
            "ord_type": kind,
        }
        return NewOrder(**{**given, **words})

    def send(self, order: NewOrder) -> Outcome:
        """Submit an order."""
        return self.broker.submit(order, self.now)

    def buy(self, quantity: int | str, **words: Any) -> list[ExecutionReport]:
        """Submit a buy that must be accepted; gives the reports that it made."""
        return self._go(self.order(Side.BUY, quantity, **words))

    def sell(self, quantity: int | str, **words: Any) -> list[ExecutionReport]:
        """Submit a sell that must be accepted; gives the reports that it made."""
        return self._go(self.order(Side.SELL, quantity, **words))

    def _go(self, order: NewOrder) -> list[ExecutionReport]:
        outcome = self.send(order)
        assert not isinstance(outcome, Refused), outcome
        return self.told()

    def cancel(self, cl_ord_id: str = "", *, venue_order_id: str | None = None) -> Outcome:
        """Ask for an order back."""
        return self.broker.cancel(
            CancelOrder(
                account=AccountId(LOGIN),
                cl_ord_id=ClOrdID(cl_ord_id),
                venue_order_id=VenueOrderId(venue_order_id) if venue_order_id else None,
                venue_symbol=GOLD,
                request_id="cancel-1",
            ),
            self.now,
        )

    def replace(self, cl_ord_id: str, **words: Any) -> Outcome:
        """Ask for new terms."""
        for name, value in words.items():
            if isinstance(value, int) and not isinstance(value, bool):
                words[name] = Decimal(value)
        given: dict[str, Any] = {
            "account": AccountId(LOGIN),
            "cl_ord_id": ClOrdID(cl_ord_id),
            "venue_order_id": None,
            "venue_symbol": GOLD,
            "request_id": "replace-1",
        }
        return self.broker.replace(ReplaceOrder(**{**given, **words}), self.now)

    def arm(self, name: str, **how: Any) -> None:
        """Arm a fault."""
        self.faults.arm(Fault(name=name, **how))

    def held(self, key: str = GOLD) -> Decimal:
        """Give the signed quantity of a position."""
        position = self.books.positions.get(key)
        return position.quantity if position else Decimal(0)

    @property
    def books(self) -> Any:
        """The account as the broker keeps it."""
        return self.broker.floor.accounts.by_login[LOGIN]

    @property
    def working(self) -> list[Any]:
        """The working orders as the broker shows them."""
        return list(self.broker.answers.open_orders(LOGIN, self.now).orders)


def hedging(**changes: Any) -> AccountTerms:
    """The account in hedging mode."""
    return account(mode=PositionMode.HEDGING, **changes)


def kinds(reports: list[ExecutionReport]) -> list[ExecType]:
    """Give the types of reports, in order."""
    return [report.exec_type for report in reports]


def trades(reports: list[ExecutionReport]) -> list[tuple[str, str]]:
    """Give (quantity, price) of the trades among reports, in order."""
    return [
        (f"{report.last_qty:f}", f"{report.last_price:f}")
        for report in reports
        if report.exec_type is ExecType.TRADE
    ]


def reason(outcome: Outcome) -> str:
    """Give why an outcome is a refusal, empty when it is none."""
    return outcome.reason if isinstance(outcome, Refused) else ""
