"""What a client may ask of the paper broker, and what goes wrong before it is read."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bascule.model.enums import PositionMode
from bascule.model.errors import InvariantBroken
from bascule.model.order import (
    Accepted,
    CancelOrder,
    NewOrder,
    Outcome,
    ReplaceOrder,
    Unknown,
)
from bascule.model.values import Instant
from bascule.venues.kit.ledger import Request
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.emulator_outbox import CRASHED

if TYPE_CHECKING:
    from bascule.venues.paper.emulator_link import Link
    from bascule.venues.paper.emulator_server import Server

FAULTS = {
    "drop_request": "never reads a command; the ledger has it as lost",
    "disconnect_before_submit": "cuts the link instead of reading an order",
    "crash_before_commit": "ends the process before a command is durable",
    "stall": "does nothing at all for `seconds`, wall time, before it reads a command",
    "refuse_logon": "refuses a logon that is in order",
}

_Command = TypeVar("_Command", NewOrder, CancelOrder, ReplaceOrder)
Handlers = dict[type, Callable[["Link", Any, bytes], None]]


def client_handlers(server: Server) -> Handlers:
    """Give the handler of each client message, which is given its line as well."""
    desk = _Requests(server)
    return {
        wire.Logon: desk.logon,
        wire.Submit: desk.submit,
        wire.Cancel: desk.cancel,
        wire.Replace: desk.replace,
        wire.OrderStatus: desk.order_status,
        wire.OpenOrders: desk.open_orders,
        wire.Positions: desk.positions,
        wire.FillsSince: desk.fills_since,
        wire.AccountState: desk.account,
        wire.Identity: desk.identity,
        wire.Instruments: desk.instruments,
        wire.Subscribe: desk.subscribe,
    }


class _Requests:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._broker = server.broker
        self._out = server.out

    def logon(self, link: Link, message: wire.Logon, line: bytes) -> None:
        server, number = self._server, message.id
        known = server.tokens.get(message.login, "")
        given = hmac.compare_digest(known.encode(), message.token.encode())
        if message.version != wire.VERSION:
            server.refuse(link, number, "version", f"this broker speaks version {wire.VERSION}")
        elif server.faults.fires("refuse_logon", message.login):
            server.refuse(link, number, "logon_unavailable", "the broker takes no logons now")
        elif not known or not given:
            server.refuse(link, number, "bad_credentials", "login or token is wrong")
        else:
            link.logins.add(message.login)
            server.tell_money_anew(message.login)
            heartbeat = server.settings.heartbeat_s
            self._out.send(link, wire.LoggedOn(number, message.login, heartbeat))

    # --- commands -------------------------------------------------------------------------------

    def submit(self, link: Link, message: wire.Submit, line: bytes) -> None:
        self._command(link, message.id, "submit", message.order, line, self._broker.submit)

    def cancel(self, link: Link, message: wire.Cancel, line: bytes) -> None:
        self._command(link, message.id, "cancel", message.request, line, self._broker.cancel)

    def replace(self, link: Link, message: wire.Replace, line: bytes) -> None:
        self._command(link, message.id, "replace", message.request, line, self._broker.replace)

    def _command(
        self, link: Link, number: int, op: str, asked: _Command, line: bytes,
        act: Callable[[_Command, Instant], Outcome],
    ) -> None:  # fmt: skip
        login, struck = str(asked.account), self._server.faults.fires
        stall = struck("stall", login)
        if stall is not None:
            time.sleep(stall.seconds)
        now = self._server.clock.now()
        row = Request(
            at=now,
            login=login,
            op=op,
            outcome="lost",
            cl_ord_id=asked.cl_ord_id,
            request_id="" if isinstance(asked, NewOrder) else asked.request_id,
            body=line.decode(errors="replace"),  # a field that nobody reads may hold anything
        )
        if op == "submit" and struck("disconnect_before_submit", login):
            self._server.ledger.request(replace(row, fault="disconnect_before_submit"))
            link.cut()
            return
        if struck("drop_request", login):
            self._server.ledger.request(replace(row, fault="drop_request"))
            return
        place = self._out.mark()
        outcome = act(asked, now)
        if struck("crash_before_commit", login):
            os._exit(CRASHED)
        reply, done = _reply(number, outcome, row)
        data = wire.encode(reply)
        wait = self._server.settings.reply_delay_ms / 1000
        fault = self._out.reply(link, data, place, op=op, login=login, delay_s=wait)
        self._server.ledger.request(replace(done, fault=fault, reply=data.decode().rstrip()))

    # --- questions ------------------------------------------------------------------------------

    def order_status(self, link: Link, message: wire.OrderStatus, line: bytes) -> None:
        now = self._server.clock.now()
        found = self._broker.answers.order_status(message.login, message.cl_ord_id, now)
        self._out.send(link, wire.OrderShown(message.id, found, now))

    def open_orders(self, link: Link, message: wire.OpenOrders, line: bytes) -> None:
        seen = self._broker.answers.open_orders(message.login, self._server.clock.now())
        self._out.send(link, wire.OrdersShown(message.id, seen.orders, seen.complete, seen.at))

    def positions(self, link: Link, message: wire.Positions, line: bytes) -> None:
        seen = self._broker.answers.positions(message.login, self._server.clock.now())
        self._out.send(
            link, wire.PositionsShown(message.id, seen.positions, seen.complete, seen.at)
        )

    def fills_since(self, link: Link, message: wire.FillsSince, line: bytes) -> None:
        since, after = Instant(message.since), message.after
        fills = self._broker.answers.fills_since(
            message.login, since, after=after, limit=wire.FILLS_MAX + 1
        )
        complete = len(fills) <= wire.FILLS_MAX
        shown = wire.FillsShown(
            message.id, fills[: wire.FILLS_MAX], complete, self._server.clock.now()
        )
        self._out.send(link, shown)

    def account(self, link: Link, message: wire.AccountState, line: bytes) -> None:
        snapshot = self._broker.answers.account(message.login, self._server.clock.now())
        self._out.send(link, wire.MoneyShown(message.id, snapshot))

    def identity(self, link: Link, message: wire.Identity, line: bytes) -> None:
        terms = self._broker.floor.accounts.by_login[message.login].terms
        mode = PositionMode(terms.mode)
        self._out.send(
            link, wire.IdentityShown(message.id, message.login, terms.currency, mode, False)
        )

    def instruments(self, link: Link, message: wire.Instruments, line: bytes) -> None:
        self._out.send(link, wire.InstrumentsShown(message.id, self._broker.answers.listings()))

    def subscribe(self, link: Link, message: wire.Subscribe, line: bytes) -> None:
        quotes = self._broker.floor.quotes
        unknown = [name for name in message.symbols if name not in self._broker.floor.markets]
        if unknown:
            self._server.refuse(
                link, message.id, "unknown_symbol", f"not listed: {', '.join(unknown)}"
            )
            return
        link.symbols.update(message.symbols)
        self._out.send(link, wire.Done(message.id))
        for name in message.symbols:
            if name in quotes:
                self._out.send(link, wire.Price(quotes[name]))


def _reply(request: int, outcome: Outcome, row: Request) -> tuple[Struct, Request]:
    """Give the reply frame of an outcome, and the ledger's row with it."""
    if isinstance(outcome, Accepted):
        number = str(outcome.venue_order_id)
        taken = wire.Taken(request, number, outcome.at)
        return taken, replace(row, outcome="accepted", venue_order_id=number)
    if isinstance(outcome, Unknown):
        raise InvariantBroken("a broker knows what it did")
    refused = wire.NotTaken(request, outcome.reason, outcome.text, outcome.at)
    return refused, replace(row, outcome="refused", reason=outcome.reason)
