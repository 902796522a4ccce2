"""The paper broker's process around the kit's broker: links, clock, feed, and group commit.

One thread, one loop. What arrives together is handled together, then committed together, and
only then does a single byte of it leave: replies, reports, and prices alike. A failed commit
ends the process.
"""

import asyncio
import hmac
import os
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bascule.model.enums import PositionMode
from bascule.model.errors import ConfigError, InvariantBroken, UsageError
from bascule.model.instrument import Quote
from bascule.model.order import Accepted, AccountSnapshot, ExecutionReport, Outcome, Unknown
from bascule.model.values import SECOND, Duration, Instant
from bascule.venues.kit.broker import FAULTS as BROKER_FAULTS
from bascule.venues.kit.broker import Broker
from bascule.venues.kit.faults import Faults
from bascule.venues.kit.ledger import Request
from bascule.venues.kit.ledger_sqlite import SqliteLedger
from bascule.venues.kit.prices import Bar, Feed, Pushed, RandomWalk, Replay, read_rows
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.emulator_admin import admin_handlers
from bascule.venues.paper.emulator_settings import PaperSettings, token

LINKS_MAX = 64
BACKLOG_MAX = 16 << 20
"""Bytes that may wait for a client that does not read, before its link is cut."""
CRASHED = 70
"""Exit code of a crash that was asked for."""

FAULTS = {
    **BROKER_FAULTS,
    "drop_request": "never reads a command; the ledger has it as lost",
    "disconnect_before_submit": "cuts the link instead of reading an order",
    "disconnect_after_submit": "takes and commits an order, then cuts the link instead of replying",
    "drop_reply": "takes a command and never replies; reports are pushed all the same",
    "delay_reply": "replies to a command `seconds` later, wall time",
    "garbled_reply": "replies to a command with a line that cannot be read",
    "reports_before_reply": "pushes the reports of a command before its reply",
    "crash_before_commit": "ends the process before an order's command is durable",
    "crash_after_commit": "ends the process when a command is durable and before the reply",
    "stall": "does nothing at all for `seconds`, wall time, before it reads a command",
    "drop_report": "never pushes a report; fills_since still has a fill",
    "duplicate_report": "pushes a report twice",
    "late_report": "pushes a report `seconds` later, wall time",
    "out_of_order_reports": "pushes a report after the next one, or alone after `seconds`",
    "refuse_logon": "refuses a logon that is in order",
}


class Clock:
    """The broker's time: the machine's, never backwards, or one that is moved by hand."""

    def __init__(self, *, manual: bool, start: Instant) -> None:
        self.manual = manual
        self._now = start if manual else Instant(0)

    def now(self) -> Instant:
        """Give the time."""
        if not self.manual:
            self._now = Instant(max(self._now, time.time_ns()))
        return self._now

    def move(self, to: Instant) -> None:
        """Set a manual clock on."""
        self._now = Instant(max(self._now, to))


class Link(asyncio.Protocol):
    """One client's connection: cuts lines, hands them to the server, writes what it is given."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._lines = wire.Lines()
        self._transport: asyncio.Transport | None = None
        self.logins: set[str] = set()
        self.symbols: set[str] = set()
        self.admin = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the server's links, or be cut when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._server.links) >= LINKS_MAX:
            transport.abort()
        else:
            self._server.links[self] = None

    def data_received(self, data: bytes) -> None:
        """Handle every line that is complete."""
        try:
            lines = self._lines.feed(data)
        except ValueError:
            self.cut()
            return
        for line in lines:
            if self._transport is not None:
                self._server.receive(self, line)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the server's links; orders stay as they are."""
        self._transport = None
        self._server.links.pop(self, None)

    def write(self, data: bytes) -> None:
        """Send bytes, or cut a link whose client has stopped reading."""
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > BACKLOG_MAX:
            self.cut()

    def cut(self) -> None:
        """End the connection at once, without a word."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


class Server:
    """The broker, its ledger on disk, and its clients."""

    def __init__(self, settings: PaperSettings) -> None:
        self.settings = settings
        self._tokens = {
            account.login: token(account.token_env, account.token_file, f"account {account.login}")
            for account in settings.accounts
        }
        self.admin_token = (
            token(settings.admin_token_env, settings.admin_token_file, "admin")
            if settings.admin_token_env or settings.admin_token_file
            else ""
        )
        self.ledger = SqliteLedger(Path(settings.ledger))
        manual = settings.clock == "manual"
        start = max(settings.clock_start, int(self.ledger.meta("now") or 0))
        self.clock = Clock(manual=manual, start=Instant(start))
        rng = random.Random(settings.seed)
        self.faults = Faults(FAULTS, rng)
        for fault in settings.faults:
            self.faults.arm(fault)
        now = self.clock.now()
        self.broker = Broker(
            settings.terms(), faults=self.faults, rng=rng, ledger=self.ledger, now=now
        )
        self._remember_quotes(now)
        self.feed = _feed(settings, rng, now, self.broker.floor.quotes)
        self._admin = admin_handlers(self)
        self.links: dict[Link, None] = {}
        self._outbox: list[tuple[Link, bytes]] = []
        self._cuts: list[Link] = []
        self._later: list[tuple[Link, bytes, float]] = []
        self._held: dict[str, bytes] = {}
        self._told: dict[str, AccountSnapshot] = {}
        self._quotes_changed = False
        self._committing = False
        self._crash = False
        self._timer: asyncio.TimerHandle | None = None
        self._handlers = self._client_handlers()

    def _remember_quotes(self, now: Instant) -> None:
        floor = self.broker.floor
        kept = self.ledger.meta("quotes")
        quotes = msgspec.json.decode(kept, type=list[Quote]) if kept else []
        for item in self.settings.instruments:
            if item.start_price is not None:
                ask = item.start_price + item.spread_ticks * item.tick_size
                quotes.insert(0, Quote(item.venue_symbol, item.start_price, ask, now))
        for quote in quotes:
            if quote.venue_symbol in floor.markets:
                floor.quotes[quote.venue_symbol] = quote
                floor.markets[quote.venue_symbol].set_quote(quote)

    def start(self) -> None:
        """Begin to move: first prices, first timer. The loop must be running."""
        self.run_due()
        self.settle()
        loop = asyncio.get_running_loop()
        loop.call_later(self.settings.heartbeat_s, self._beat)
        loop.call_later(self.settings.snapshot_s, self._tell_money)

    def stop(self) -> None:
        """Commit, cut every link, and let go of the ledger."""
        self.broker.flush()
        self.keep_marks()
        self.ledger.close()
        for link in list(self.links):
            link.cut()

    # --- time -----------------------------------------------------------------------------------

    def run_due(self) -> None:
        """Do what fell due by the clock: prices, delayed matches, expiries, rollovers."""
        now = self.clock.now()
        self.broker.advance(now)
        for price in self.feed.due(now):
            self.price(price, now)

    def next_due(self) -> Instant | None:
        """Give when there is something to do by itself."""
        due = [d for d in (self.broker.next_due(), self.feed.next_at()) if d is not None]
        return min(due) if due else None

    def price(self, price: Quote | Bar, now: Instant) -> None:
        """Take a price, match on it, and tell whoever asked for it.

        Raises:
            UsageError: the instrument is not listed or the quote makes no sense.
        """
        if isinstance(price, Bar):
            quotes = self.broker.bar(price, now)
        else:
            quotes = [msgspec.structs.replace(price, at=now)]
            self.broker.quote(quotes[0], now)
        self._quotes_changed = True
        for quote in quotes:
            listeners = [link for link in self.links if quote.venue_symbol in link.symbols]
            if listeners:
                line = wire.encode(wire.Price(quote))
                self._outbox += [(link, line) for link in listeners]

    def _wake(self) -> None:
        self._timer = None
        self.run_due()
        self.settle()

    def _set_timer(self) -> None:
        if self.clock.manual:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.next_due()
        if due is not None:
            wait = max(due - time.time_ns(), 0) / SECOND
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    # --- out, in one order, after the commit ------------------------------------------------------

    def send(self, link: Link, message: msgspec.Struct) -> None:
        """Have a message leave after the commit."""
        self._outbox.append((link, wire.encode(message)))

    def gather(self) -> None:
        """Move the broker's reports to the outbox, with whatever goes wrong on the way."""
        for report in self.broker.take_reports():
            self._push(report)

    def _push(self, report: ExecutionReport) -> None:
        login, symbol = str(report.account), str(report.venue_symbol)
        if self.faults.fires("drop_report", login, symbol):
            return
        links = [link for link in self.links if login in link.logins]
        line = wire.encode(wire.Report(report))
        late = self.faults.fires("late_report", login, symbol)
        if late is not None:
            self._later += [(link, line, late.seconds) for link in links]
            return
        swapped = self.faults.fires("out_of_order_reports", login, symbol)
        if swapped is not None and login not in self._held:
            self._held[login] = line
            asyncio.get_running_loop().call_later(swapped.seconds, self._release, login)
            return
        twice = self.faults.fires("duplicate_report", login, symbol) is not None
        for link in links:
            self._outbox += [(link, line)] * (1 + twice)
        self._release(login)

    def _release(self, login: str) -> None:
        line = self._held.pop(login, None)
        if line is not None:
            self._outbox += [(link, line) for link in self.links if login in link.logins]
            self.settle()

    def settle(self) -> None:
        """Commit at the end of this turn of the loop, and send what waits for it."""
        if not self._committing:
            self._committing = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._committing = False
        self.gather()
        self.broker.flush()
        if self.ledger.pending:
            self.keep_marks()
        self.ledger.commit()
        if self._crash:
            os._exit(CRASHED)
        outbox, self._outbox = self._outbox, []
        batches: dict[Link, list[bytes]] = {}
        for link, line in outbox:
            batches.setdefault(link, []).append(line)
        for link, lines in batches.items():
            link.write(b"".join(lines))
        for link in self._cuts:
            link.cut()
        loop = asyncio.get_running_loop()
        for link, line, wait in self._later:
            loop.call_later(wait, link.write, line)
        self._cuts, self._later = [], []
        self._set_timer()

    def keep_marks(self) -> None:
        """Keep the newest prices, and a manual clock, for the next start."""
        if self._quotes_changed:
            self._quotes_changed = False
            quotes = list(self.broker.floor.quotes.values())
            self.ledger.put_meta("quotes", msgspec.json.encode(quotes).decode())
        if self.clock.manual:
            self.ledger.put_meta("now", str(self.clock.now()))

    def _beat(self) -> None:
        line = wire.encode(wire.Heartbeat(self.clock.now()))
        for link in list(self.links):
            link.write(line)
        asyncio.get_running_loop().call_later(self.settings.heartbeat_s, self._beat)

    def _tell_money(self) -> None:
        served = {login for link in self.links for login in link.logins}
        now = self.clock.now()
        for login in sorted(served):
            snapshot = self.broker.account(login, now)
            before = self._told.get(login)
            if before is None or _money(before) != _money(snapshot):
                self._told[login] = snapshot
                for link in self.links:
                    if login in link.logins:
                        self.send(link, wire.Money(snapshot))
                self.settle()
        asyncio.get_running_loop().call_later(self.settings.snapshot_s, self._tell_money)

    # --- in -------------------------------------------------------------------------------------

    def receive(self, link: Link, line: bytes) -> None:
        """Handle one line from a client."""
        try:
            message = wire.decode_client(line)
        except msgspec.DecodeError as error:
            self.send(link, wire.NotTaken(0, "unreadable", str(error), self.clock.now()))
            self.settle()
            return
        if not self.clock.manual:
            due = self.next_due()
            if due is not None and due <= self.clock.now():
                self.run_due()
                self.gather()
        kind = type(message)
        if kind in self._admin:
            if link.admin or kind is wire.AdminLogon:
                self._administer(link, message)
            else:
                self.refuse(link, message.id, "admin_only", "log on as administrator first")
        elif kind is not wire.Logon and _login(message) not in link.logins:
            self.refuse(link, message.id, "not_logged_on", "log on to the account first")
        else:
            self._handlers[kind](link, message, line)
        self.settle()

    def _administer(self, link: Link, message: Any) -> None:
        try:
            self._admin[type(message)](link, message)
        except UsageError as error:
            self.refuse(link, message.id, error.code, error.message)

    def refuse(self, link: Link, request: int, code: str, text: str) -> None:
        """Answer a request with a refusal."""
        self.send(link, wire.NotTaken(request, code, text, self.clock.now()))

    def _client_handlers(self) -> dict[type, Callable[[Link, Any, bytes], None]]:
        return {
            wire.Logon: self._logon,
            wire.Submit: self._submit,
            wire.Cancel: self._cancel,
            wire.Replace: self._replace,
            wire.OrderStatus: self._order_status,
            wire.OpenOrders: self._open_orders,
            wire.Positions: self._positions,
            wire.FillsSince: self._fills_since,
            wire.AccountState: self._account,
            wire.Identity: self._identity,
            wire.Instruments: self._instruments,
            wire.Subscribe: self._subscribe,
        }

    def _logon(self, link: Link, message: wire.Logon, line: bytes) -> None:
        known = self._tokens.get(message.login, "")
        given = hmac.compare_digest(known.encode(), message.token.encode())
        if message.version != wire.VERSION:
            self.refuse(link, message.id, "version", f"this broker speaks version {wire.VERSION}")
        elif self.faults.fires("refuse_logon", message.login):
            self.refuse(link, message.id, "logon_unavailable", "the broker takes no logons now")
        elif not known or not given:
            self.refuse(link, message.id, "bad_credentials", "login or token is wrong")
        else:
            link.logins.add(message.login)
            self._told.pop(message.login, None)
            heartbeat = self.settings.heartbeat_s
            self.send(link, wire.LoggedOn(message.id, message.login, heartbeat))

    # --- commands -------------------------------------------------------------------------------

    def _submit(self, link: Link, message: wire.Submit, line: bytes) -> None:
        order = message.order
        self._command(
            link, message.id, "submit", line, order.account, order.cl_ord_id, "",
            lambda now: self.broker.submit(order, now),
        )  # fmt: skip

    def _cancel(self, link: Link, message: wire.Cancel, line: bytes) -> None:
        asked = message.request
        self._command(
            link, message.id, "cancel", line, asked.account, asked.cl_ord_id, asked.request_id,
            lambda now: self.broker.cancel(asked, now),
        )  # fmt: skip

    def _replace(self, link: Link, message: wire.Replace, line: bytes) -> None:
        asked = message.request
        self._command(
            link, message.id, "replace", line, asked.account, asked.cl_ord_id, asked.request_id,
            lambda now: self.broker.replace(asked, now),
        )  # fmt: skip

    def _command(
        self, link: Link, request: int, op: str, line: bytes, login: str, cl_ord_id: str,
        request_id: str, act: Callable[[Instant], Outcome],
    ) -> None:  # fmt: skip
        now, struck = self.clock.now(), self.faults.fires
        stall = struck("stall", login)
        if stall is not None:
            time.sleep(stall.seconds)
        row = {"op": op, "login": login, "cl_ord_id": cl_ord_id, "request_id": request_id}
        body = line.decode()
        if op == "submit" and struck("disconnect_before_submit", login):
            self._keep_request(row, now, "lost", body, fault="disconnect_before_submit")
            self._cuts.append(link)
            return
        if struck("drop_request", login):
            self._keep_request(row, now, "lost", body, fault="drop_request")
            return
        self.gather()
        mark = len(self._outbox)
        outcome = act(now)
        if struck("crash_before_commit", login):
            os._exit(CRASHED)
        reply, kind, reason, number = _reply(request, outcome)
        data = wire.encode(reply)
        self.gather()
        early = struck("reports_before_reply", login) is not None
        fault = self._send_reply(link, op, login, data, len(self._outbox) if early else mark)
        self._keep_request(
            row, now, kind, body, reason=reason, venue_order_id=number,
            reply=data.decode().rstrip(), fault="reports_before_reply" if early else fault,
        )  # fmt: skip

    def _send_reply(self, link: Link, op: str, login: str, data: bytes, place: int) -> str:
        """Put a reply in its place among the reports; give the fault that befell it, if any."""
        struck = self.faults.fires
        if struck("crash_after_commit", login):
            self._crash = True
            return "crash_after_commit"
        if op == "submit" and struck("disconnect_after_submit", login):
            self._outbox = [sent for sent in self._outbox if sent[0] is not link]
            self._cuts.append(link)
            return "disconnect_after_submit"
        if struck("drop_reply", login):
            return "drop_reply"
        if struck("garbled_reply", login):
            self._outbox.insert(place, (link, data[: len(data) // 2] + b"\n"))
            return "garbled_reply"
        late = struck("delay_reply", login)
        wait = late.seconds if late is not None else self.settings.reply_delay_ms / 1000
        if wait:
            self._later.append((link, data, wait))
        else:
            self._outbox.insert(place, (link, data))
        return "delay_reply" if late is not None else ""

    def _keep_request(
        self, row: dict[str, str], now: Instant, outcome: str, body: str, *, reason: str = "",
        venue_order_id: str = "", reply: str = "", fault: str = "",
    ) -> None:  # fmt: skip
        self.ledger.request(
            Request(
                at=now, login=row["login"], op=row["op"], outcome=outcome,
                cl_ord_id=row["cl_ord_id"], venue_order_id=venue_order_id,
                request_id=row["request_id"], reason=reason, fault=fault, body=body, reply=reply,
            )
        )  # fmt: skip

    # --- questions ------------------------------------------------------------------------------

    def _order_status(self, link: Link, message: wire.OrderStatus, line: bytes) -> None:
        now = self.clock.now()
        found = self.broker.order_status(message.login, message.cl_ord_id, now)
        self.send(link, wire.OrderShown(message.id, found, now))

    def _open_orders(self, link: Link, message: wire.OpenOrders, line: bytes) -> None:
        seen = self.broker.open_orders(message.login, self.clock.now())
        self.send(link, wire.OrdersShown(message.id, seen.orders, seen.complete, seen.at))

    def _positions(self, link: Link, message: wire.Positions, line: bytes) -> None:
        seen = self.broker.positions(message.login, self.clock.now())
        self.send(link, wire.PositionsShown(message.id, seen.positions, seen.complete, seen.at))

    def _fills_since(self, link: Link, message: wire.FillsSince, line: bytes) -> None:
        fills = self.broker.fills_since(message.login, message.since)
        self.send(link, wire.FillsShown(message.id, fills, True, self.clock.now()))

    def _account(self, link: Link, message: wire.AccountState, line: bytes) -> None:
        snapshot = self.broker.account(message.login, self.clock.now())
        self.send(link, wire.MoneyShown(message.id, snapshot))

    def _identity(self, link: Link, message: wire.Identity, line: bytes) -> None:
        terms = self.broker.floor.accounts.by_login[message.login].terms
        mode = PositionMode(terms.mode)
        self.send(link, wire.IdentityShown(message.id, message.login, terms.currency, mode, False))

    def _instruments(self, link: Link, message: wire.Instruments, line: bytes) -> None:
        self.send(link, wire.InstrumentsShown(message.id, self.broker.listings()))

    def _subscribe(self, link: Link, message: wire.Subscribe, line: bytes) -> None:
        quotes = self.broker.floor.quotes
        unknown = [name for name in message.symbols if name not in self.broker.floor.markets]
        if unknown:
            self.refuse(link, message.id, "unknown_symbol", f"not listed: {', '.join(unknown)}")
            return
        link.symbols.update(message.symbols)
        self.send(link, wire.Done(message.id))
        for name in message.symbols:
            if name in quotes:
                self.send(link, wire.Price(quotes[name]))


def _login(message: Any) -> str:
    if type(message) is wire.Submit:
        return str(message.order.account)
    if type(message) in (wire.Cancel, wire.Replace):
        return str(message.request.account)
    return str(message.login)


def _reply(request: int, outcome: Outcome) -> tuple[msgspec.Struct, str, str, str]:
    """Give the reply frame and the ledger's words for it: outcome, reason, venue order id."""
    if isinstance(outcome, Accepted):
        number = str(outcome.venue_order_id)
        return wire.Taken(request, number, outcome.at), "accepted", "", number
    if isinstance(outcome, Unknown):
        raise InvariantBroken("a broker knows what it did")
    refused = wire.NotTaken(request, outcome.reason, outcome.text, outcome.at)
    return refused, "refused", outcome.reason, ""


def _money(snapshot: AccountSnapshot) -> tuple[Decimal, Decimal, Decimal]:
    return snapshot.balance, snapshot.equity, snapshot.margin_used


def _feed(
    settings: PaperSettings, rng: random.Random, now: Instant, quotes: dict[str, Quote]
) -> Feed:
    feed = settings.feed
    if feed.kind == "pushed":
        return Pushed()
    if feed.kind == "csv":
        try:
            with open(feed.path, encoding="utf-8", newline="") as lines:
                return Replay(read_rows(lines), now, feed.speed)
        except OSError as error:
            raise ConfigError(f"feed.path {feed.path}: {error.strerror}") from None
    interval = Duration(int(SECOND / feed.ticks_per_second))
    return RandomWalk(settings.instruments, rng, interval, now, quotes)
