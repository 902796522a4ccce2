"""How fast a start is: events replayed a second, and the time to ready with a snapshot.

    python bench/recovery.py [EVENTS]

The journal is a trader's: signals, orders with their verdicts, acknowledgements, fills and exits
on three accounts. The reference is decoding the same rows with msgspec and doing nothing.
"""

import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from common import table

from bascule import __version__
from bascule.engine.clock import SystemClock
from bascule.engine.recovery import recover
from bascule.execution.decide import decide
from bascule.execution.inputs import EngineBegan, Input, Looked, ReportReceived, SignalReceived
from bascule.execution.inputs import SubmitAnswered as Answered
from bascule.execution.state import State, dump
from bascule.execution.turn import Market, Settings
from bascule.journal.chain import decode
from bascule.journal.journal import Journal
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
)
from bascule.model.enums import AccountMode, ExecType, InstrumentKind, Side
from bascule.model.errors import JournalError
from bascule.model.event import Event, OrderRequested
from bascule.model.ids import (
    AccountId,
    ExecID,
    RouteId,
    StrategyId,
    Symbol,
    VenueId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.instrument import Listing
from bascule.model.intent import ClosePosition, PlaceOrder, Signal
from bascule.model.order import Accepted, ExecutionReport
from bascule.model.values import SECOND, Currency, Instant

ACCOUNTS = [AccountId(f"acct-{number}") for number in range(3)]
_LISTING = Listing(
    Symbol("BTCUSDT"), VenueSymbol("BTCUSDT"), InstrumentKind.CRYPTO_SPOT, Currency("USDT"),
    Decimal("0.1"), Decimal(1), Decimal("0.0001"), Decimal("0.0001"), Decimal(1000),
)  # fmt: skip


def settings() -> Settings:
    """Three accounts that follow one strategy."""
    many = 10**9
    limits = RiskLimits(
        max_position_qty=Decimal(many),
        max_open_orders=many,
        orders_per_second=many,
        orders_per_minute=many,
        orders_per_hour=many,
        orders_per_day=many,
        runaway_per_minute=many,
    )
    sizing = SizingRule(method="fixed", quantity=Decimal("0.5"))
    return Settings(
        accounts={
            name: AccountSpec(
                id=name,
                venue=VenueId("v"),
                login=name,
                mode=AccountMode.PAPER,
                currency=Currency("USDT"),
                limits=limits,
            )
            for name in ACCOUNTS
        },
        routes=(
            Route(
                id=RouteId("r"),
                strategy=StrategyId("*"),
                legs=tuple(RouteLeg(account=name, sizing=sizing) for name in ACCOUNTS),
            ),
        ),
        capabilities={name: Capabilities(reduce_only=True) for name in ACCOUNTS},
        listings={name: {_LISTING.symbol: _LISTING} for name in ACCOUNTS},
        symbols={name: {_LISTING.venue_symbol: _LISTING.symbol} for name in ACCOUNTS},
    )


class Trader:
    """Makes the events of a day's trading by deciding them."""

    def __init__(self) -> None:
        self.state, self.settings, self.market = State(), settings(), Market()
        self.at = 1_780_000_000 * SECOND
        self.count = 0

    def give(self, make: type[Input], **named: object) -> list[Event]:
        """Decide one input a second later than the last."""
        self.at += SECOND
        return decide(self.state, self.settings, self.market, make(at=self.at, **named))

    def start(self) -> list[Event]:
        """Take the journal and reconcile."""
        events = self.give(
            EngineBegan,
            pid=1,
            version=__version__,
            config_hash="h",
            config="c",
            new_epoch="bnch",
            epoch_reason="first start",
        )
        for name in ACCOUNTS:
            events += self.give(
                Looked, account=name, cause="start", orders=(), positions=(), fills=()
            )
        return events

    def round_trip(self) -> list[Event]:
        """Enter and exit on every account."""
        events: list[Event] = []
        for intent in (
            PlaceOrder(symbol="BTCUSDT", side=Side.BUY),
            ClosePosition(symbol="BTCUSDT"),
        ):
            self.count += 1
            made = self.give(
                SignalReceived,
                signal=Signal(
                    source="bench",
                    dialect="native",
                    received_at=Instant(self.at),
                    body_hash="b" * 64,
                    raw='{"action":"buy","ticker":"BTCUSDT","contracts":"1"}',
                    key=str(self.count),
                    strategy="ma",
                    intents=(intent,),
                ),
            )
            events += made
            for order in made:
                if isinstance(order, OrderRequested):
                    events += self.fill(order)
        return events

    def fill(self, order: OrderRequested) -> list[Event]:
        """Have the venue take an order and fill it."""
        venue_id = VenueOrderId(f"v{order.cl_ord_id}")
        events = self.give(
            Answered,
            account=order.account,
            cl_ord_id=order.cl_ord_id,
            outcome=Accepted(venue_id, Instant(self.at)),
        )
        return events + self.give(
            ReportReceived,
            report=ExecutionReport(
                account=order.account,
                exec_id=ExecID(f"x{order.cl_ord_id}"),
                exec_type=ExecType.TRADE,
                venue_order_id=venue_id,
                venue_symbol=order.venue_symbol,
                side=order.side,
                at=Instant(self.at),
                cl_ord_id=order.cl_ord_id,
                last_qty=order.quantity,
                last_price=Decimal("64250.5"),
            ),
        )


def open_journal(path: Path) -> Journal:
    """Open a journal that says nothing when durable."""
    return Journal.open(
        path,
        clock=SystemClock().now,
        call_soon=lambda callback, *arguments: callback(*arguments),
        on_durable=lambda seq: None,
        on_fatal=_fail,
    )


def _fail(error: JournalError) -> None:
    raise error


def main() -> None:
    """Write a journal, read it back three ways, and print the table."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as directory:
        path = Path(directory) / "journal.db"
        journal, trader = open_journal(path), Trader()
        journal.append(trader.start())
        while journal.head.seq < wanted:
            journal.append([event for _ in range(200) for event in trader.round_trip()])
            while journal.backlog > 50_000:
                time.sleep(0.01)
        journal.close()

        journal = open_journal(path)
        rows = [(row.seq, row.data) for row in journal._store.rows(0)]
        began = time.perf_counter()
        for seq, data in rows:
            decode(seq, data)
        decoding = len(rows) / (time.perf_counter() - began)
        del rows
        began = time.perf_counter()
        found = recover(journal, SystemClock())
        whole = time.perf_counter() - began
        same = dump(found.state) == dump(trader.state)
        journal.write_snapshot(journal.head.seq, dump(found.state))
        journal.close()

        began = time.perf_counter()
        journal = open_journal(path)
        recover(journal, SystemClock())
        snapshot = time.perf_counter() - began
        journal.close()
    replayed = found.replayed / whole
    table(
        f"Recovery of {found.replayed:,} events",
        ("what", "value", "target"),
        (
            ("msgspec decode alone, events/s", f"{decoding:,.0f}", "reference"),
            ("replay (chain checked, folded), events/s", f"{replayed:,.0f}", ">= 60,000"),
            ("replay to decode alone", f"{replayed / decoding:.2f}", "printed"),
            ("start without a snapshot", f"{whole:.2f} s", "printed"),
            ("start with a snapshot", f"{snapshot:.3f} s", "<= 1 s"),
            ("replayed state equals the lived one", str(same), "True"),
        ),
    )


if __name__ == "__main__":
    main()
