"""What an administrator may do to the paper broker: prices, faults, time, hands, and the ledger."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bascule.model.errors import UsageError
from bascule.model.ids import VenueSymbol
from bascule.model.values import Instant, seconds, text
from bascule.venues.kit.terms import TradingHours
from bascule.venues.paper import protocol as wire

if TYPE_CHECKING:
    from bascule.venues.paper.emulator_link import Link
    from bascule.venues.paper.emulator_server import Server

ROWS_MAX = 10_000
"""Ledger rows of one answer."""
ADVANCE_MAX_S = 366 * 86_400
"""The furthest that a manual clock is moved at once."""

Handlers = dict[type, Callable[["Link", Any], None]]


def admin_handlers(server: Server) -> Handlers:
    """Give the handler of each admin message. They raise UsageError for what cannot be done."""
    desk = _Admin(server)
    return {
        wire.AdminLogon: desk.logon,
        wire.PushQuotes: desk.push_quotes,
        wire.ArmFault: desk.arm_fault,
        wire.DisarmFaults: desk.disarm_faults,
        wire.ListFaults: desk.list_faults,
        wire.AdvanceClock: desk.advance_clock,
        wire.Deposit: desk.deposit,
        wire.HandTrade: desk.hand_trade,
        wire.HandClose: desk.hand_close,
        wire.Bust: desk.bust,
        wire.Correct: desk.correct,
        wire.SetHours: desk.set_hours,
        wire.LedgerRows: desk.ledger_rows,
        wire.Disconnect: desk.disconnect,
    }


class _Admin:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._broker = server.broker

    def logon(self, link: Link, message: wire.AdminLogon) -> None:
        known = self._server.admin_token
        if not known or not hmac.compare_digest(known.encode(), message.token.encode()):
            raise UsageError("the admin token is wrong, or none is set", code="bad_credentials")
        link.admin = True
        self._done(link, message.id)

    def push_quotes(self, link: Link, message: wire.PushQuotes) -> None:
        now = self._server.clock.now()
        for quote in message.quotes:
            self._server.price(quote, now)
        self._server.keep_marks()
        self._done(link, message.id)

    def arm_fault(self, link: Link, message: wire.ArmFault) -> None:
        self._server.faults.arm(message.fault)
        self._done(link, message.id)

    def disarm_faults(self, link: Link, message: wire.DisarmFaults) -> None:
        self._server.faults.disarm(message.name)
        self._done(link, message.id)

    def list_faults(self, link: Link, message: wire.ListFaults) -> None:
        self._server.out.send(link, wire.FaultsShown(message.id, self._server.faults.armed()))

    def advance_clock(self, link: Link, message: wire.AdvanceClock) -> None:
        server = self._server
        if not server.clock.manual:
            raise UsageError("the clock is the machine's; set clock = 'manual'", code="real_clock")
        if not 0 <= message.seconds <= ADVANCE_MAX_S:
            raise UsageError(f"seconds lie in 0 to {ADVANCE_MAX_S}", code="usage")
        target = Instant(server.clock.now() + seconds(message.seconds))
        while (due := server.next_due()) is not None and due <= target:
            server.clock.move(due)
            server.run_due()
        server.clock.move(target)
        server.keep_marks()
        self._done(link, message.id, str(target))

    def deposit(self, link: Link, message: wire.Deposit) -> None:
        now = self._server.clock.now()
        balance = self._broker.hand.deposit(message.login, message.amount, now)
        self._done(link, message.id, text(balance))

    def hand_trade(self, link: Link, message: wire.HandTrade) -> None:
        order = self._broker.hand.trade(
            message.login, message.symbol, message.side, message.quantity, self._server.clock.now()
        )
        self._done(link, message.id, order.venue_order_id)

    def hand_close(self, link: Link, message: wire.HandClose) -> None:
        order = self._broker.hand.close(
            message.login, message.symbol, message.position_id, self._server.clock.now()
        )
        self._done(link, message.id, order.venue_order_id)

    def bust(self, link: Link, message: wire.Bust) -> None:
        self._broker.hand.bust(message.login, message.exec_id, self._server.clock.now())
        self._done(link, message.id)

    def correct(self, link: Link, message: wire.Correct) -> None:
        self._broker.hand.correct(
            message.login, message.exec_id, message.quantity, message.price,
            self._server.clock.now(),
        )  # fmt: skip
        self._done(link, message.id)

    def set_hours(self, link: Link, message: wire.SetHours) -> None:
        market = self._broker.floor.markets.get(VenueSymbol(message.symbol))
        if market is None:
            raise UsageError(f"{message.symbol} is not listed", code="unknown_symbol")
        market.hours = TradingHours.parse(message.hours)
        self._done(link, message.id)

    def ledger_rows(self, link: Link, message: wire.LedgerRows) -> None:
        self._broker.flush()
        limit = min(message.limit, ROWS_MAX)
        try:
            rows = self._server.ledger.rows(message.table, message.after, limit)
        except KeyError:
            raise UsageError(f"there is no table {message.table}", code="unknown_table") from None
        self._server.out.send(link, wire.RowsShown(message.id, tuple(rows)))

    def disconnect(self, link: Link, message: wire.Disconnect) -> None:
        self._done(link, message.id)
        for other in list(self._server.links):
            if message.login in other.logins:
                other.cut()

    def _done(self, link: Link, request: int, result: str = "") -> None:
        self._server.out.send(link, wire.Done(request, result))
