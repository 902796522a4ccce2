"""The paper broker's process around the kit's broker: clock, prices, and what clients ask.

One thread, one loop; a message is handled when it is read, and answered after the commit.
"""

import asyncio
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bascule.model.errors import ConfigError, UsageError
from bascule.model.instrument import Quote
from bascule.model.order import AccountSnapshot
from bascule.model.values import SECOND, Duration, Instant
from bascule.venues.kit.broker import FAULTS as BROKER_FAULTS
from bascule.venues.kit.broker import Broker
from bascule.venues.kit.emulating import keep_quotes, recall_quotes
from bascule.venues.kit.faults import Faults
from bascule.venues.kit.ledger_sqlite import SqliteLedger
from bascule.venues.kit.prices import Bar, Feed, Pushed, RandomWalk, Replay, read_rows
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.emulator_admin import admin_handlers
from bascule.venues.paper.emulator_link import Link
from bascule.venues.paper.emulator_outbox import FAULTS as OUTBOX_FAULTS
from bascule.venues.paper.emulator_outbox import Outbox
from bascule.venues.paper.emulator_requests import FAULTS as REQUEST_FAULTS
from bascule.venues.paper.emulator_requests import client_handlers
from bascule.venues.paper.emulator_settings import PaperSettings, token

FAULTS = {**BROKER_FAULTS, **REQUEST_FAULTS, **OUTBOX_FAULTS}
"""Every fault of the paper broker, by name."""


class Clock:
    """The broker's time: the machine's, never backwards, or one that is moved by hand."""

    def __init__(
        self, *, manual: bool, start: Instant, machine: Callable[[], int] = time.time_ns
    ) -> None:
        self.manual = manual
        self._machine = machine
        self._now = start if manual else Instant(0)

    def now(self) -> Instant:
        """Give the time."""
        if not self.manual:
            self._now = Instant(max(self._now, self._machine()))
        return self._now

    def move(self, to: Instant) -> None:
        """Set a manual clock on."""
        self._now = Instant(max(self._now, to))


class Server:
    """The broker, its ledger on disk, and its clients."""

    def __init__(
        self, settings: PaperSettings, *, machine: Callable[[], int] = time.time_ns
    ) -> None:
        """Open the ledger; ``machine`` gives the time where the settings' clock is real."""
        self.settings = settings
        self.tokens = {
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
        self.clock = Clock(manual=manual, start=Instant(start), machine=machine)
        self.faults = Faults(FAULTS, random.Random(f"{settings.seed} faults"))
        for fault in settings.faults:
            self.faults.arm(fault)
        now = self.clock.now()
        self.broker = Broker(
            settings.terms(),
            faults=self.faults,
            rng=random.Random(f"{settings.seed} slippage"),
            ledger=self.ledger,
            now=now,
        )
        recall_quotes(self.broker.floor, self.ledger, now)
        self.feed = _feed(settings, now, self.broker.floor.quotes)
        self._admin = admin_handlers(self)
        self.links: dict[Link, None] = {}
        self.out = Outbox(
            self.broker,
            self.ledger,
            self.faults,
            self.links,
            before_commit=self.keep_marks,
            after_send=self._set_timer,
        )
        self._told: dict[str, AccountSnapshot] = {}
        self._quotes_changed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: Instant | None = None
        self._client = client_handlers(self)

    def start(self) -> None:
        """Begin to move: first prices, first timer. The loop must be running."""
        self.run_due()
        self.out.settle()
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
            quotes = [replace(price, at=now)]
            self.broker.quote(quotes[0], now)
        self._quotes_changed = True
        for quote in quotes:
            wanted = [link for link in self.links if quote.venue_symbol in link.symbols]
            self.out.spread(wire.Price(quote), wanted)

    def _wake(self) -> None:
        self._timer = self._timer_due = None
        self.run_due()
        self.out.settle()

    def _set_timer(self) -> None:
        due = None if self.clock.manual else self.next_due()
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, due
        if due is not None:
            wait = max(due - self.clock.now(), 0) / SECOND
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def keep_marks(self) -> None:
        """Keep the newest prices, and a manual clock, for the next start."""
        if self._quotes_changed:
            self._quotes_changed = False
            keep_quotes(self.broker.floor, self.ledger)
        if self.clock.manual:
            self.ledger.put_meta("now", str(self.clock.now()))

    def _beat(self) -> None:
        line = wire.encode(wire.Heartbeat(self.clock.now()))
        for link in list(self.links):
            link.write(line)
        asyncio.get_running_loop().call_later(self.settings.heartbeat_s, self._beat)

    def tell_money_anew(self, login: str) -> None:
        """Have an account's money pushed soon, changed or not."""
        self._told.pop(login, None)

    def _tell_money(self) -> None:
        now = self.clock.now()
        for login in sorted({login for link in self.links for login in link.logins}):
            snapshot = self.broker.answers.account(login, now)
            before = self._told.get(login)
            if before is None or _money(before) != _money(snapshot):
                self._told[login] = snapshot
                served = [link for link in self.links if login in link.logins]
                self.out.spread(wire.Money(snapshot), served)
                self.out.settle()
        asyncio.get_running_loop().call_later(self.settings.snapshot_s, self._tell_money)

    # --- in -------------------------------------------------------------------------------------

    def receive(self, link: Link, line: bytes) -> None:
        """Handle one line from a client."""
        try:
            message = wire.decode_client(line)
        except msgspec.DecodeError as error:
            self.out.send(link, wire.NotTaken(0, "unreadable", str(error), self.clock.now()))
            self.out.settle()
            return
        if not self.clock.manual:
            due = self.next_due()
            if due is not None and due <= self.clock.now():
                self.run_due()
                self.out.gather()
        kind = type(message)
        if kind in self._admin:
            if link.admin or kind is wire.AdminLogon:
                self._administer(link, message)
            else:
                self.refuse(link, message.id, "admin_only", "log on as administrator first")
        elif kind is not wire.Logon and _login(message) not in link.logins:
            self.refuse(link, message.id, "not_logged_on", "log on to the account first")
        else:
            self._client[kind](link, message, line)
        self.out.settle()

    def _administer(self, link: Link, message: Any) -> None:
        try:
            self._admin[type(message)](link, message)
        except (UsageError, ConfigError) as error:
            self.refuse(link, message.id, error.code, error.message)

    def refuse(self, link: Link, request: int, code: str, text: str) -> None:
        """Answer a request with a refusal."""
        self.out.send(link, wire.NotTaken(request, code, text, self.clock.now()))


def _login(message: Any) -> str:
    if type(message) is wire.Submit:
        return str(message.order.account)
    if type(message) in (wire.Cancel, wire.Replace):
        return str(message.request.account)
    return str(message.login)


def _money(snapshot: AccountSnapshot) -> tuple[Decimal, Decimal, Decimal]:
    return snapshot.balance, snapshot.equity, snapshot.margin_used


def _feed(settings: PaperSettings, now: Instant, quotes: dict[str, Quote]) -> Feed:
    feed = settings.feed
    if feed.kind == "pushed":
        return Pushed()
    if feed.kind == "csv":
        try:
            with open(feed.path, encoding="utf-8-sig", newline="") as lines:
                rows = read_rows(lines)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"feed.path {feed.path}: {why}") from None
        unlisted = {row.venue_symbol for row in rows} - {
            item.venue_symbol for item in settings.instruments
        }
        if unlisted:
            raise ConfigError(
                f"feed.path {feed.path} has prices of {', '.join(sorted(unlisted))}, which no entry"
                " of `instruments` lists"
            )
        return Replay(rows, now, feed.speed)
    rng = random.Random(f"{settings.seed} walk")
    interval = Duration(int(SECOND / feed.ticks_per_second))
    return RandomWalk(settings.instruments, rng, interval, now, quotes)
