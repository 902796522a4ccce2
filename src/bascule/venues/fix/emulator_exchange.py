"""A FIX exchange in a box: our acceptor in front of the kit's broker, with faults on the way.

What a request changes is in the ledger on disk before a byte of its answer leaves, since the
session's own commit comes after it. Reports for a session that is not logged on are numbered and
kept, and go out when the client asks for what it missed.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from bascule.fix.config import Credentials, SessionConfig, version_named
from bascule.fix.message import Field, Message
from bascule.fix.session import Session
from bascule.fix.validation import DEFAULT
from bascule.fix.validator import validator
from bascule.fixwire.link import Application, Link
from bascule.fixwire.server import Server
from bascule.fixwire.store import FileStore
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import ExecutionReport
from bascule.model.values import SECOND, ZERO, Instant
from bascule.venues.fix import emulator_messages as say
from bascule.venues.fix.emulator_requests import FAULTS as REQUEST_FAULTS
from bascule.venues.fix.emulator_requests import Requests
from bascule.venues.fix.emulator_settings import EmulatorSettings, SessionSettings, secret
from bascule.venues.fix.signing import verifier
from bascule.venues.kit.broker import FAULTS as BROKER_FAULTS
from bascule.venues.kit.broker import Broker
from bascule.venues.kit.emulating import keep_quotes, recall_quotes
from bascule.venues.kit.faults import Faults
from bascule.venues.kit.ledger_sqlite import SqliteLedger

CRASHED = 70
"""Exit code of a crash that was asked for."""

REPORT_FAULTS = {
    "lose_report": "numbers a report and loses it on the wire: it comes when the client asks",
    "drop_report": "never tells a report, and numbers nothing for it",
    "duplicate_report": "tells a report twice, the second under a new number as PossResend (97=Y)",
    "late_report": "tells a report `seconds` later, wall time",
    "drop_copy_late": "tells the drop copy a report `seconds` later than the order session",
}
FAULTS = {**BROKER_FAULTS, **REQUEST_FAULTS, **REPORT_FAULTS}
"""Every fault of the emulator, by name."""


class Desk(Application):
    """One session, as the exchange serves it."""

    def __init__(self, exchange: "Exchange", settings: SessionSettings) -> None:
        self.settings = settings
        self.speaker = say.Speaker(
            early=settings.version < "FIX.4.3",
            exec_ids=settings.exec_ids,
            account=settings.account_tag,
        )
        self.quotes: dict[VenueSymbol, str] = {}
        self.link: Link
        self._exchange = exchange

    def serves(self, login: str) -> bool:
        """Whether the session tells of an account."""
        return not self.settings.accounts or login in self.settings.accounts

    def login(self, message: Message) -> str:
        """Find the account that a request is for; '' when it is none of the session's."""
        named = message.get_text(1)
        if named is None and not self.settings.account_tag:
            return self.settings.accounts[0]
        known = named in self._exchange.broker.floor.accounts.by_login
        return named if named is not None and known and self.serves(named) else ""

    def logged_on(self, link: Link, reset: bool) -> None:
        """Say that everything has been told, where the session does so."""
        self.quotes.clear()
        if self.settings.news:
            fields = [(33, b"1"), (58, b"-"), (148, b"All missed messages have been sent")]
            link.send(Message(b"B", [fields[2], fields[0], fields[1]]))

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        """Take a request."""
        if self.settings.role == "drop_copy":
            link.refuse(message)
            return
        self._exchange.take(self, message)

    def send(self, message: Message) -> None:
        """Send a message, or keep it for the next logon."""
        self.link.send(message, hold=True)


class Exchange:
    """The exchange: broker, ledger, sessions. Everything is on the loop's thread.

    Args:
        settings: who may log on, and what is traded.
        passwords: by the session's ``target``, where not from the environment.
        machine: the clock.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        *,
        passwords: dict[str, str] | None = None,
        machine: Callable[[], int] = time.time_ns,
    ) -> None:
        self.settings = settings
        self.directory = Path(settings.store)
        self.ledger = SqliteLedger(self.directory / "exchange.sqlite")
        self._machine = machine
        self.faults = Faults(FAULTS, random.Random(f"{settings.seed} faults"))
        for fault in settings.faults:
            self.faults.arm(fault)
        rng = random.Random(f"{settings.seed} slippage")
        now = self.now()
        self.broker = Broker(
            settings.terms(), faults=self.faults, rng=rng, ledger=self.ledger, now=now
        )
        self.instruments = {
            item.venue_symbol: _fields(item.venue_symbol, settings.symbols)
            for item in settings.instruments
        }
        recall_quotes(self.broker.floor, self.ledger, now)
        self.requests = Requests(self)
        self.desks = [Desk(self, session) for session in settings.sessions]
        self._passwords = passwords or {}
        self._worker = ThreadPoolExecutor(1)
        self._servers: list[Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self.port = self.quote_port = 0
        self.log: list[tuple[str, str, str]] = []

    def now(self) -> Instant:
        """Give the time."""
        return Instant(self._machine())

    # --- the process ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; ``port`` and ``quote_port`` say where.

        Raises:
            OSError: a port cannot be had.
            StoreError: a session's memory cannot be used.
        """
        for desk in self.desks:
            desk.link = self._make_link(desk)
        orders = [desk.link for desk in self.desks if desk.settings.role != "quotes"]
        prices = [desk.link for desk in self.desks if desk.settings.role == "quotes"]
        for links, port in ((orders, self.settings.port), (prices, self.settings.quote_port)):
            server = Server(links, log=self._note)
            self._servers.append(server)
            if links:
                bound = await server.start(self.settings.host, port)
                if links is orders:
                    self.port = bound
                else:
                    self.quote_port = bound
        self._set_timer()

    async def stop(self) -> None:
        """Log everybody out, commit, and let go of the files."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self._servers:
            await server.stop()
        for desk in self.desks:
            await desk.link.close()
        self.commit()
        self.ledger.close()
        self._worker.shutdown()

    def cut(self, role: str = "") -> None:
        """Cut connections without a word: of every session, or of those of a role."""
        for desk in self.desks:
            if desk.link.peer is not None and role in ("", desk.settings.role):
                hang_up(desk.link)

    def _make_link(self, desk: Desk) -> Link:
        settings = desk.settings
        version = version_named(settings.version)
        password = self._passwords.get(settings.target) or secret(settings.password_env)
        proof = Credentials(username=settings.username, password=password)
        if settings.password_in == "96":
            proof = Credentials(raw_data=password.encode())
        elif settings.password_in == "ed25519":
            verify = verifier(settings.public_key)
            proof = Credentials(username=settings.username, verify=verify)
        header = ((57, settings.sub_id.encode()),) if settings.sub_id else ()
        config = SessionConfig(
            version=version,
            sender=settings.sender,
            target=settings.target,
            role="acceptor",
            credentials=proof,
            header=header,
            reset_on_logon=settings.reset_on_logon,
        )
        store = FileStore(self.directory / f"{config.name}-{settings.role}.fix")
        checks = validator(version, DEFAULT._replace(user_defined=False))
        session = Session(config, store, checks if settings.strict else lambda message: None)
        return Link(session, store, desk, self._worker, log=self._note, now=self._machine)

    def _note(self, session: str, code: str, text: str) -> None:
        self.log.append((session, code, text))
        del self.log[:-1000]

    # --- time and prices ------------------------------------------------------------------------

    def quote(self, symbol: str, bid: Any, ask: Any, size: Any = ZERO) -> None:
        """Set a price, match on it, and tell whoever asked.

        Raises:
            UsageError: the instrument is not listed or the quote makes no sense.
        """
        amount = Decimal(size)
        name = VenueSymbol(symbol)
        quote = Quote(name, Decimal(bid), Decimal(ask), self.now(), amount, amount)
        self.broker.quote(quote, self.now())
        keep_quotes(self.broker.floor, self.ledger)
        self.tell()
        for desk in self.desks:
            asked = desk.quotes.get(name)
            if asked is not None and desk.link.session.logged_on:
                desk.send(say.snapshot(asked, quote, self.instruments[name]))

    def advance(self) -> None:
        """Do what fell due: delayed matches and cancels, expiries, rollovers."""
        self._timer = None
        self.broker.advance(self.now())
        self.tell()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.broker.next_due()
        if due is not None:
            wait = max(due - self.now(), 0) / SECOND
            self._timer = asyncio.get_running_loop().call_later(wait, self.advance)

    # --- in and out -----------------------------------------------------------------------------

    def take(self, desk: Desk, message: Message) -> None:
        """Take a request, and tell everybody what it changed."""
        self.requests.take(desk, message)

    def commit(self) -> None:
        """Make everything durable."""
        self.broker.flush()
        if self.ledger.pending:
            self.ledger.commit()

    def tell(self) -> None:
        """Commit, and tell every session what happened on its accounts."""
        reports = self.broker.take_reports()
        self.commit()
        for report in reports:
            self._tell(report)
        self._set_timer()

    def _tell(self, report: ExecutionReport) -> None:
        login, symbol = str(report.account), str(report.venue_symbol)
        if self.faults.fires("drop_report", login, symbol):
            return
        late = self.faults.fires("late_report", login, symbol)
        lost = self.faults.fires("lose_report", login, symbol) is not None
        twice = self.faults.fires("duplicate_report", login, symbol) is not None
        copy_late = self.faults.fires("drop_copy_late", login, symbol)
        for desk in self.desks:
            if desk.settings.role == "quotes" or not desk.serves(login):
                continue
            messages = self.requests.tell(desk, report)
            copies = messages
            if twice:
                copies = [
                    *messages,
                    *(Message(m.msg_type, [*m.fields, (97, b"Y")]) for m in messages),
                ]
            wait = late.seconds if late is not None else 0.0
            if copy_late is not None and desk.settings.role == "drop_copy":
                wait = copy_late.seconds
            if lost and desk.settings.role == "trade":
                lose_next(desk.link)
            for message in copies:
                if wait:
                    asyncio.get_running_loop().call_later(wait, desk.send, message)
                else:
                    desk.send(message)
        self.requests.told(report)

    def restate(self, login: str, cl_ord_id: str, quantity: Any) -> None:
        """Reduce an order unasked, as an exchange may, and tell it as restated (150=D)."""
        self.requests.restate(login, cl_ord_id, quantity)
        self.tell()


def lose_next(link: Link) -> None:
    """Lose on the wire what a session writes next: a true gap."""
    peer: Any = link.peer
    if peer is None:
        return

    def lost(data: bytes) -> None:
        del peer.write  # the next one goes out again

    peer.write = lost


def hang_up(link: Link) -> None:
    """Cut a session's connection at once; what it had still to say waits for the next one."""
    peer = link.peer
    if peer is not None:
        link.detach(peer)
        peer.hang_up()


def crash() -> None:
    """End the process as a power cut would."""
    os._exit(CRASHED)


def _fields(name: VenueSymbol, stated: dict[VenueSymbol, dict[str, str]]) -> list[Field]:
    fields = {55: str(name), **{int(tag): text for tag, text in stated.get(name, {}).items()}}
    return sorted((tag, text.encode()) for tag, text in fields.items())
