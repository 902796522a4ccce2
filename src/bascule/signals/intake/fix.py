"""Orders over FIX: Bascule as the broker of a client, and drop copies for who only listens.

One session a source, many on one port. A client's message is written to the session's store before
anything is done with it, and is put there as not taken until the engine's answer is durable; its
ClOrdID makes a second delivery a duplicate. What the client is told is read off the journal, and
how far that was read is durable in one write with what was told, so everything is told once.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog
from msgspec.structs import replace

from bascule.fix.config import Credentials, SessionConfig, version_named
from bascule.fix.message import Message
from bascule.fix.replay import stored
from bascule.fix.session import Session
from bascule.fix.validator import validator
from bascule.fixwire.errors import StoreError
from bascule.fixwire.link import Application, Link
from bascule.fixwire.server import Server
from bascule.fixwire.store import FileStore
from bascule.model.errors import BasculeError, ConfigError, JournalError
from bascule.model.event import Event
from bascule.model.intent import Receipt
from bascule.model.values import SECOND, Instant
from bascule.signals.intake import fix_line as fl
from bascule.signals.intake.auth import networks, within
from bascule.signals.intake.fix_again import Undelivered
from bascule.signals.intake.fix_book import FixBook
from bascule.signals.intake.fix_line import ChangeReject, Line, Told
from bascule.signals.intake.fix_reports import REPORTS, message_of
from bascule.signals.intake.fix_terms import FixTerms
from bascule.signals.intake.fix_words import (
    CANCEL,
    MASS_STATUS,
    ORDER,
    REPLACE,
    STATUS,
    Client,
    raw_of,
    signal_of,
    terms_of,
)
from bascule.signals.intake.port import OnUnauthenticated, SubmitPort
from bascule.signals.intake.ratelimit import TokenBucket
from bascule.signals.intake.senders import addresses
from bascule.signals.intake.source import Source

log = structlog.get_logger("bascule.fix")

BAD_LOGONS_MAX = 5
"""Refused Logons of one session, one after the other, before it is closed for a while."""
CLOSED_S = 900
"""For how long; whoever guesses passwords gets five tries in a quarter of an hour."""
WAITING_MAX = 10_000
"""Messages of one client that may wait for the engine; more are refused."""
FLYING_MAX = 256
"""Messages of one client that may be with the engine at a time."""
RETRY_S = 1.0
"""How long a journal that cannot be read is left alone."""
FAILED = "fix_session_failed"
"""Why a session is held whose client nobody serves any more."""
BYE = "Bascule is stopping"

_SUBMITTED = (ORDER, CANCEL, REPLACE)
_QUESTIONS = (STATUS, MASS_STATUS)
_ALL_ORDERS = b"7"
_NOT_AVAILABLE, _CONDITIONAL_MISSING, _NOT_AUTHORISED = 4, 5, 6


class EventPort(Protocol):
    """The journal, for whoever reads along."""

    def follow(self, news: Callable[[], None]) -> Callable[[], None]:
        """Have ``news`` called whenever more is durable; gives the way to leave."""

    async def read(self, after_seq: int, upto: int = 0) -> tuple[Sequence[Event], int]:
        """Give the next events that a book folds, and how far was read, at most ``upto``.

        That is ``after_seq`` itself once nothing more is durable. A decision's events become
        durable together. ``upto`` 0: no limit.

        Raises:
            JournalError: the journal cannot be read now.
        """


class FixClient(Application):
    """One client's session: what it sends goes to the engine, what became of it comes back."""

    def __init__(
        self, source: Source, port: SubmitPort, events: EventPort, clock: Callable[[], int]
    ) -> None:
        assert source.fix is not None
        terms = source.fix
        self.link: Link
        self._drop_copy = terms.role == "drop_copy"
        self._client = Client(
            source=source.name,
            strategy=source.strategy,
            accounts=frozenset(terms.accounts),
            max_age=source.max_age_ns,
        )
        self._version = version_named(terms.version)
        accounts = frozenset(terms.accounts) if self._drop_copy else None
        self._book = FixBook(source.name, accounts)
        self._bucket = TokenBucket(source.rate, Instant(clock()))
        self._port = port
        self._events = events
        self._clock = clock
        self._arrived: list[_Arrival] = []
        self._waiting: asyncio.Queue[_Arrival] = asyncio.Queue()
        self._flying: asyncio.Queue[_Flight] = asyncio.Queue(FLYING_MAX)
        self._questions: deque[Message] = deque()
        self._news = asyncio.Event()
        self._reached = self._settled = 0
        self._undelivered = Undelivered((), Instant(clock()), 0)

    # --- from the session -------------------------------------------------------------------------

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        """Take an application message; it is acted on once it is durable."""
        if self._waiting.qsize() + len(self._arrived) >= WAITING_MAX:
            link.refuse(message, _NOT_AVAILABLE, "Too much waits; nothing was kept, send it again")
        else:
            began = link.session.store.created_ns
            self._arrived.append(_Arrival(message, number, again, began))

    def settled(self, link: Link) -> None:
        """Act on what is durable now."""
        for one in self._arrived:
            self._waiting.put_nowait(one)
        self._arrived.clear()

    def logged_on(self, link: Link, reset: bool) -> None:
        """Tell once more, in the reset's own commit, what it would have had the client miss."""
        began = link.session.store.created_ns
        for message in self._undelivered.logged_on(Instant(self._clock()), began):
            link.send(message)

    def logged_out(self, link: Link, text: str) -> None:
        """Remember what may not have been read."""
        self._undelivered.logged_out(Instant(self._clock()))

    async def run(self) -> None:
        """Serve and tell until cancelled; a fault of ours ends this session and nothing else."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.serve())
                group.create_task(self.land())
                group.create_task(self.tell())
        except* Exception as faults:  # a client's session must not end the engine
            why = repr(faults.exceptions[0])
            log.error(FAILED, source=self._client.source, why=why, exc_info=faults)
            self.link.halt(FAILED, "A fault of Bascule ended this session; restart it, report it.")
            self.link.logout("Bascule cannot serve this session now")

    # --- to the engine ----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Hand on what comes, in its order, until cancelled; the disk is not waited for here."""
        while True:
            arrival = await self._waiting.get()
            await self._flying.put(_Flight(arrival, self._submit(arrival.message)))

    async def land(self) -> None:
        """Answer what was handed on, in the same order, until cancelled or the store fails."""
        while True:
            flight = await self._flying.get()
            arrival = flight.arrival
            try:
                if not await self._heed(flight):
                    return  # the engine ends: what is not taken is held against the journal again
                # After a reset its number is another message's, which is still to be taken.
                if arrival.began == self.link.session.store.created_ns:
                    self.link.taken(arrival.number)
            except StoreError as error:
                log.error("fix_stopped", source=self._client.source, why=error.message)
                return

    def _submit(self, message: Message) -> Awaitable[Receipt] | None:
        """Hand an order, cancel or replace to the engine; None where that is not its matter."""
        kind, name = message.msg_type, message.get_text(11) or ""
        if kind not in _SUBMITTED or self._drop_copy:
            return None
        now, orig = Instant(self._clock()), message.get_text(41) or ""
        # Whatever takes an order back always passes.
        if kind != CANCEL and self._bucket.take(now):
            return _at_once(Receipt("", "overloaded", code="rate_limited"))
        if kind == ORDER:
            root = name
        else:
            root = self._book.rename(name, orig) if kind == REPLACE else self._book.root(orig)
        try:
            return self._port.submit(signal_of(message, self._client, root, now))
        except BasculeError as error:
            return _at_once(Receipt("", "overloaded", code=error.code, text=error.message))

    async def _heed(self, flight: "_Flight") -> bool:
        """Answer a message; False where nobody knows whether it was kept."""
        message, kind = flight.arrival.message, flight.arrival.message.msg_type
        if flight.receipt is not None:
            return await self._received(flight, flight.receipt)
        if kind in _QUESTIONS:
            self._ask(message)
        elif kind in _SUBMITTED:
            text = "This session only listens; it may not trade"
            self.link.refuse(message, _NOT_AUTHORISED, text)
        else:
            self.link.refuse(message)
        return True

    def _ask(self, question: Message) -> None:
        """Have a question answered from the journal as it will stand."""
        self._questions.append(question)
        self._news.set()

    async def _received(self, flight: "_Flight", waited: Awaitable[Receipt]) -> bool:
        message = flight.arrival.message
        try:
            receipt = await waited
        except BasculeError as error:
            receipt = Receipt("", "overloaded", code=error.code, text=error.message)
        if receipt.status == "overloaded":
            self._refuse(message, f"{receipt.code}: nothing was kept, send it again")
        elif receipt.status == "duplicate":
            flagged = flight.arrival.again or message.get(43) == b"Y" or message.get(97) == b"Y"
            if not flagged:
                name = message.get_text(11) or ""
                self._refuse(message, f"ClOrdID {name} was used before", duplicate=True)
            elif message.msg_type == ORDER:
                self._ask(message)
        return receipt.status != "unknown"

    def _refuse(self, message: Message, said: str, *, duplicate: bool = False) -> None:
        """Refuse what never became a signal; only this is told without the journal."""
        now, terms = Instant(self._clock()), terms_of(raw_of(message))
        name, orig = terms.get(11, ""), terms.get(41, "")
        order_id = f"none-{now}"
        if message.msg_type == ORDER:
            line = Line(order_id=order_id, cl_ord_id=name, terms=terms, refused=True)
            line.terms = {tag: terms[tag] for tag in (1, 38, 40, 44, 54, 55, 99) if tag in terms}
            reason = fl.DUPLICATE_ORDER if duplicate else "0"
            self._tell(line.report("rejected", now, text=said, reason=reason))
            return
        known = self._book.status(orig, now, terms)
        self._tell(
            ChangeReject(
                order_id=known.order_id,
                cl_ord_id=name,
                orig_cl_ord_id=orig,
                status=known.status,
                replace=message.msg_type == REPLACE,
                reason=fl.DUPLICATE_CHANGE if duplicate else fl.BROKER,
                text=said,
                at=now,
            )
        )

    # --- from the journal -------------------------------------------------------------------------

    async def recall(self) -> None:
        """Fold what was told before, so that the next event is understood; tells nothing.

        A store without a mark is new: it begins with what is durable now.
        """
        mark, store = self.link.marked, self.link.session.store
        before = [stored(data) for _, data in store.messages(1, store.next_out - 1)]
        told = [one for one in before if one.msg_type in REPORTS]
        self._undelivered = Undelivered(told, Instant(self._clock()), store.created_ns)
        while not mark or self._reached < mark:
            events, reached = await self._events.read(self._reached, mark)
            if reached == self._reached:
                break
            for event in events:
                self._book.take(event)
            self._reached = reached
        self._settled = self._reached
        self._book.settle()
        self._book.told()
        self.link.mark(self._reached)

    async def tell(self) -> None:
        """Tell what becomes durable until cancelled or the store fails."""
        leave = self._events.follow(self._news.set)
        try:
            while True:
                self._news.clear()
                questions = list(self._questions)
                try:
                    await self._catch_up()
                except JournalError as error:
                    log.warning("fix_waits", source=self._client.source, why=error.message)
                    await asyncio.sleep(RETRY_S)
                    self._news.set()
                    continue
                for question in questions:
                    self._questions.popleft()
                    self._answer(question)
                await self._news.wait()
        except StoreError as error:
            log.error("fix_stopped", source=self._client.source, why=error.message)
        finally:
            leave()

    async def _catch_up(self) -> None:
        """Fold everything that is durable, then tell it, together with how far that was."""
        while True:
            events, reached = await self._events.read(self._reached)
            if reached == self._reached:
                break
            for event in events:
                self._book.take(event)
            self._reached = reached
        # What was folded before a read that failed is still to be told.
        if self._reached == self._settled:
            return
        self._settled = self._reached
        self._book.settle()
        told = self._book.told()
        for one in told:
            self._tell(one)
        if told:
            self.link.mark(self._reached)

    def _answer(self, question: Message) -> None:
        now, asked = Instant(self._clock()), terms_of(raw_of(question))
        if question.msg_type != MASS_STATUS:
            self._tell(self._book.status(asked.get(11, ""), now, asked))
            return
        names = self._book.working()
        if question.get(585) != _ALL_ORDERS:
            text = "Only MassStatusReqType (585) 7, all orders, is answered"
            self.link.refuse(question, _CONDITIONAL_MISSING, text)
        elif not names:
            also = ((584, asked.get(584, "")), (911, "0"), (912, "Y"))
            none = self._book.status("NONE", now, {54: "7", 55: "NONE"}, also)
            self._tell(replace(none, text="no order is working"))
        for at, name in enumerate(names if question.get(585) == _ALL_ORDERS else (), 1):
            last = "Y" if at == len(names) else "N"
            also = ((584, asked.get(584, "")), (911, str(len(names))), (912, last))
            self._tell(self._book.status(name, now, asked, also))

    def _tell(self, told: Told) -> None:
        message = message_of(told, self._version)
        self.link.send(message, hold=True)
        began = self.link.session.store.created_ns
        self._undelivered.told(message, Instant(self._clock()), began)


class _Arrival(NamedTuple):
    """A client's message; ``began`` is when the numbers began in which ``number`` is its own."""

    message: Message
    number: int
    again: bool
    began: int


class _Flight(NamedTuple):
    """A client's message that was acted on. ``receipt`` None: it is not the engine's matter."""

    arrival: _Arrival
    receipt: Awaitable[Receipt] | None


def _at_once(receipt: Receipt) -> asyncio.Future[Receipt]:
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    answer.set_result(receipt)
    return answer


class FixIntake:
    """Listens for every source of kind ``fix``.

    Args:
        sources: those that have FIX terms.
        port: the engine's door.
        events: its journal.
        directory: where the sessions' stores are.
        clock: UTC nanoseconds.
        on_unauthenticated: told of each Logon that is turned away.

    Raises:
        ConfigError: a source is not safe, or two are one session.
        StoreError: a session's store is in use, damaged, or cannot be written.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        port: SubmitPort,
        events: EventPort,
        *,
        directory: Path,
        clock: Callable[[], int],
        on_unauthenticated: OnUnauthenticated,
    ) -> None:
        self._worker = ThreadPoolExecutor(1, "fix-store")
        self._doors: dict[tuple[str, int], _Door] = {}
        self._clients: list[FixClient] = []
        names: set[str] = set()
        for source in sources:
            source.check()
            assert source.fix is not None
            terms = source.fix
            if terms.name in names:
                raise ConfigError(f"two sources are the FIX session {terms.name}")
            names.add(terms.name)
            client = FixClient(source, port, events, clock)
            client.link = _link(terms, directory, client, self._worker, self._log, clock)
            self._clients.append(client)
            door = self._doors.setdefault(
                (terms.host, terms.port), _Door(terms, clock, on_unauthenticated)
            )
            door.add(source, client.link)

    async def start(self) -> None:
        """Recall what was told and listen.

        Raises:
            ConfigError: a port cannot be had, or a certificate cannot be used.
            StoreError: a session's store cannot be written.
        """
        try:
            for client in self._clients:
                await client.recall()
                client.link.start()
            for door in self._doors.values():
                await door.open(self._log)
        except BasculeError:
            await self.stop()
            raise

    async def run(self) -> None:
        """Serve until cancelled, then log every session out and let the stores go."""
        try:
            async with asyncio.TaskGroup() as group:
                for client in self._clients:
                    group.create_task(client.run())
                await asyncio.Event().wait()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Log every session out, close its connection and its store."""
        for door in self._doors.values():
            await door.close()
        for client in self._clients:
            await client.link.close()
        self._worker.shutdown(wait=False)

    def closed(self, session: str) -> bool:
        """Whether a session is closed after too many refused Logons."""
        return any(door.closed(session) for door in self._doors.values())

    def _log(self, session: str, code: str, text: str) -> None:
        log.warning(code, session=session, text=text)
        for door in self._doors.values():
            door.heard(session, code)


class _Door:
    """One listening port, and who may log on through it."""

    def __init__(
        self, terms: FixTerms, clock: Callable[[], int], on_unauthenticated: OnUnauthenticated
    ) -> None:
        self._terms = terms
        self._clock = clock
        self._tell = on_unauthenticated
        self._sources: dict[str, Source] = {}
        self._links: dict[str, Link] = {}
        self._bad: dict[str, int] = {}
        self._logons: dict[str, int] = {}
        self._closed_until: dict[str, int] = {}
        self._last_address: dict[str, str] = {}
        self._server: Server | None = None

    def add(self, source: Source, link: Link) -> None:
        """Let a session in.

        Raises:
            ConfigError: it shares the port with one whose TLS is another.
        """
        terms = source.fix
        assert terms is not None
        if (terms.certificate, terms.key) != (self._terms.certificate, self._terms.key):
            raise ConfigError(
                f"source {source.name!r}: sessions on port {terms.port} have one certificate"
            )
        self._sources[link.session.config.name] = source
        self._links[link.session.config.name] = link

    async def open(self, say: Callable[[str, str, str], None]) -> None:
        """Listen.

        Raises:
            ConfigError: the port cannot be had, or the certificate cannot be used.
        """
        terms = self._terms
        self._server = Server(self._links.values(), log=say, admit=self._admit)
        try:
            await self._server.start(terms.host, terms.port, _tls(terms))
        except OSError as error:
            raise ConfigError(
                f"{terms.host}:{terms.port} cannot be listened on for FIX:"
                f" {error.strerror or error}. Nothing was started.",
                code="port_in_use",
                hint="Stop the other program, or choose another port under [sources.NAME.fix].",
            ) from error

    async def close(self) -> None:
        """Log out and stop listening."""
        if self._server is not None:
            await self._server.stop(BYE)

    def heard(self, session: str, code: str) -> None:
        """Count the Logons of a session that were refused, and close it after too many."""
        source = self._sources.get(session)
        # A second connection while the first one stands is no guess at a password.
        if source is None or code != "fix_logon_refused" or self._links[session].session.logged_on:
            return
        self._tell(source.name, self._last_address.get(session, ""), "secret")
        self._bad[session] = self._bad.get(session, 0) + 1
        if self._bad[session] >= BAD_LOGONS_MAX:
            self._bad[session] = 0
            self._closed_until[session] = self._clock() + CLOSED_S * SECOND
            log.error(
                "fix_session_closed",
                session=session,
                text=f"{BAD_LOGONS_MAX} Logons in a row were refused; nobody may log on for"
                f" {CLOSED_S // 60} minutes. Find out who it was, and restart Bascule to let the"
                " client in at once.",
            )

    def closed(self, session: str) -> bool:
        """Whether nobody may log on to a session for now."""
        return self._clock() < self._closed_until.get(session, 0)

    def _admit(self, link: Link, address: str) -> str:
        session = link.session.config.name
        source = self._sources[session]
        self._last_address[session] = address
        allowed = networks(addresses(source.allow_from))
        if allowed and not within(address, allowed):
            self._tell(source.name, address, "address")
            return "it does not come from an address that is allowed"
        if not link.session.may_connect(Instant(self._clock())):
            return "it comes outside of the session's hours"
        if link.halted is not None and link.halted.code == FAILED:
            return "a fault of ours ended it, and nothing would be acted on"
        if self.closed(session):
            self._tell(source.name, address, "secret")
            return "it is closed after too many refused Logons"
        if link.logons > self._logons.get(session, 0):
            self._logons[session] = link.logons
            self._bad[session] = 0
        return ""


def _link(
    terms: FixTerms,
    directory: Path,
    client: FixClient,
    worker: Executor,
    say: Callable[[str, str, str], None],
    clock: Callable[[], int],
) -> Link:
    version = version_named(terms.version)
    proof = Credentials(username=terms.username, password=terms.password)
    if not version.credentials:
        proof = Credentials(raw_data=terms.password.encode())
    config = SessionConfig(
        version=version,
        sender=terms.sender,
        target=terms.target,
        role="acceptor",
        credentials=proof,
        reset_on_logon=terms.reset_on_logon,
        schedule=terms.schedule,
        keep_incoming=True,
    )
    store = FileStore(directory / f"{config.name}.fix")
    session = Session(config, store, validator(version))
    return Link(session, store, client, worker, log=say, now=clock)


def _tls(terms: FixTerms) -> ssl.SSLContext | None:
    if terms.certificate is None or terms.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(terms.certificate, terms.key)
    except OSError as error:
        raise ConfigError(
            f"The certificate {terms.certificate} or its key cannot be used:"
            f" {error.strerror or error}. Nothing was started.",
            code="certificate_unusable",
            hint="Name a PEM certificate and its key under [sources.NAME.fix].",
        ) from error
    return context
