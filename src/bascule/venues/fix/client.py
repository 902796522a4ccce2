"""A link to a FIX counterparty: an order session, and beside it prices and drop copy if there are.

Nothing is sent twice: an order whose fate is unknown when the session ends stays so until the
counterparty is asked, and its message is never given out again.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import ClassVar

import structlog

from bascule.fix.actions import Refused as SessionRefused
from bascule.fix.message import BadField, Fields, Message
from bascule.fix.session import NotLoggedOn
from bascule.fixwire.errors import StoreError
from bascule.model.account import Capabilities
from bascule.model.enums import ExecType
from bascule.model.errors import VenueTerminal, VenueTransient
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.order import (
    Accepted,
    AccountSnapshot,
    CancelOrder,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    Unknown,
    VenueOrder,
)
from bascule.model.values import ZERO, Instant
from bascule.venues.fix import mapping, positions
from bascule.venues.fix.answers import Answers
from bascule.venues.fix.blotter import Blotter
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.intake import Heard, Intake
from bascule.venues.fix.line import Line, Mark
from bascule.venues.fix.orders import Change, Known, Orders
from bascule.venues.fix.profile import Profile, capabilities
from bascule.venues.fix.requests import CANCEL, MASS_CANCEL, NEW_ORDER, REPLACE, Writer
from bascule.venues.fix.settings import Plan, read, store
from bascule.venues.kit.contract import (
    FillsSnapshot,
    KeyScope,
    LinkState,
    OrdersSnapshot,
    PositionsSnapshot,
    VenueAccount,
    VenueContext,
    VenueMessage,
)

log = structlog.get_logger("bascule.fix")

COMMIT_S = 0.05
"""How long what was told may wait for the record's disk; until then the session's store has it."""
NUMBERS_MAX = 2000
_COMMANDS = (NEW_ORDER, CANCEL, REPLACE, MASS_CANCEL)
_UNSENT = "nothing was sent"


class FixVenue:
    """One counterparty, for several accounts. See the contract for each method."""

    def __init__(self, context: VenueContext) -> None:
        self.plan: Plan = read(context)
        self.profile: Profile = self.plan.profile
        self._specs = {spec.id: spec for spec in context.accounts}
        self._logins = {spec.id: spec.login for spec in context.accounts}
        self._venue_id = context.venue_id
        self._sink = context.sink
        self._wire_log = context.wire_log
        self._clock = context.clock
        self.names = Names(self.plan.settings.instruments)
        further = dict(self.plan.settings.order_fields)
        if self.plan.settings.cancel_on_disconnect:
            further |= self.profile.cancel_on_disconnect
        self.writer = Writer(self.profile, self.names, further)
        self.notes: deque[tuple[str, str, str]] = deque(maxlen=200)
        """What the sessions had to say: (session, code, text), the newest last."""
        self.capabilities: Capabilities = capabilities(self.profile, len(context.accounts))
        self._ready = False
        self._open = False
        self._broken = False
        self._lines: dict[str, Line] = {}
        self._waiting: dict[str, tuple[asyncio.Future[Outcome], asyncio.TimerHandle]] = {}
        self._numbers: OrderedDict[int, str] = OrderedDict()
        self.unheard: set[str] = set()
        """Ids of orders whose very message the counterparty asked for again: it has none of it."""
        self._symbols: dict[VenueSymbol, None] = {}
        self._book = mapping.Book(self.names)
        self._quotes: dict[VenueSymbol, Quote] = {}
        self._listings: dict[VenueSymbol, Listing] = {}
        self._news: asyncio.TimerHandle | None = None
        self._commit_timer: asyncio.TimerHandle | None = None
        self._taken: dict[Line, Mark] = {}
        self._settled: asyncio.Event = asyncio.Event()

    def now(self) -> Instant:
        """Give the engine's time."""
        return Instant(self._clock())

    # --- the link -------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open every session; from then on they are kept up until disconnect.

        Raises:
            VenueTransient: no logon came in time; nothing goes on in the background.
            VenueTerminal: the counterparty or a session's memory needs a person first.
        """
        folder = store(self.plan.settings)
        self.orders = Orders()
        self.blotter = Blotter(folder / f"{self._venue_id}.sqlite")
        for known in self.blotter.orders():
            self.orders.add(known)
        accounts = {login: account for account, login in self._logins.items()}
        self.intake = Intake(self.orders, self.blotter, self.profile, accounts)
        self.answers = Answers(self)
        self._open = True
        self._broken = False
        self._settled.clear()
        try:
            for name, (config, address) in self.plan.sessions.items():
                path = folder / f"{self._venue_id}-{name}.fix"
                line = Line(name, config, path, address, self, self._wire_log, self._clock)
                self._lines[name] = line
                line.open()
            await self._logon()
        except StoreError as error:
            await self.disconnect()
            # A guardian may have the session and give it back; damage does not pass.
            kind = VenueTransient if error.code == "fix_store_locked" else VenueTerminal
            raise kind(f"{error.message} {error.hint}".strip(), code=error.code) from None
        except (VenueTransient, VenueTerminal):
            await self.disconnect()
            raise

    async def _logon(self) -> None:
        line = self._lines["trade"]
        try:
            async with asyncio.timeout(self.plan.settings.answer_timeout_s):
                while not line.up and line.why_halted is None:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            last = next((f": {text}" for _, _, text in reversed(self.notes)), "")
            raise VenueTransient(
                f"no FIX logon to {self.plan.settings.host}:{self.plan.settings.port}{last}"
            ) from None
        if line.why_halted is not None:
            code, text = line.why_halted
            raise VenueTerminal(text, code=code)

    async def disconnect(self) -> None:
        """Log out of every session; no message reaches the sink afterwards."""
        was_open, self._open = self._open, False
        self._ready = False
        self._leave_unknown("disconnected")
        for line in self._lines.values():
            try:
                await line.close()
            except StoreError as error:
                self.line_note(line, error.code, error.message)
        self._lines.clear()
        for timer in (self._news, self._commit_timer):
            if timer is not None:
                timer.cancel()
        self._news = self._commit_timer = None
        if was_open:
            self._end_record()

    def _end_record(self) -> None:
        try:
            try:
                if not self._broken:
                    self._keep_orders()
            finally:
                self.blotter.close()
        except VenueTerminal as error:
            self.notes.append(("trade", error.code, error.message))
            log.warning(error.code, venue=self._venue_id, text=error.message)

    @property
    def halted(self) -> dict[str, tuple[str, str]]:
        """What waits for a person: by session, a code and a sentence."""
        lines = self._lines.values()
        return {line.name: line.why_halted for line in lines if line.why_halted is not None}

    def resume(self) -> None:
        """Have every session that waits for a person try again."""
        for line in self._lines.values():
            line.resume()

    def line_up(self, line: Line, reset: bool) -> None:
        """Take in that a session is up; orders go out once everything missed has been told."""
        self._settled.set()
        if reset:
            self.answers.doubt_totals()
        if line.name == "trade":
            self._numbers.clear()
            if self.profile.wait_for_news:
                wait = self.plan.settings.news_timeout_s
                loop = asyncio.get_running_loop()
                self._news = loop.call_later(wait, self._no_news)
            else:
                self._go_ready()
        if line.name == self._quote_line and self._symbols:
            self._ask_quotes(tuple(self._symbols))

    def _go_ready(self) -> None:
        if self._news is not None:
            self._news.cancel()
            self._news = None
        if self._broken:
            return
        self._ready = True
        self._tell(LinkState(True, "logged on", self.now()))

    def _no_news(self) -> None:
        self._news = None
        text = "the counterparty did not say that all missed reports were told; nothing is sent"
        self.notes.append(("trade", "fix_news_missing", text))
        self._tell(LinkState(False, f"fix_news_missing: {text}", self.now()))

    def line_down(self, line: Line, text: str) -> None:
        """Take in that a session ended; what waits for an answer over it is unknown."""
        self._settled.set()
        if line.name != "trade":
            return
        self._ready = False
        if self._news is not None:
            self._news.cancel()
            self._news = None
        self._leave_unknown("disconnected")
        self.answers.questions.fail(text)
        self._tell(LinkState(False, text, self.now()))

    def line_halted(self, line: Line, code: str, text: str) -> None:
        """Tell that a person is needed before a session goes on."""
        self._settled.set()
        self.notes.append((line.name, code, text))
        if line.name == "trade":
            self._tell(LinkState(False, f"{code}: {text}", self.now()))

    def line_note(self, line: Line, code: str, text: str) -> None:
        """Keep what a session had to say."""
        self.notes.append((line.name, code, text))
        log.warning(code, venue=self._venue_id, session=line.name, text=text)

    def line_asked_again(self, line: Line, message: Message) -> None:
        """Remember a command that the counterparty asks for again, and will never get."""
        if message.msg_type == NEW_ORDER:
            self.unheard.add(self._with_dots(message).get_text(11) or "")

    def line_settled(self, line: Line, mark: Mark) -> None:
        """Have what was told written down soon; until then the session's own store has it."""
        self._taken[line] = mark
        if self._commit_timer is None and self._open:
            loop = asyncio.get_running_loop()
            self._commit_timer = loop.call_later(COMMIT_S, self._commit)

    def _commit(self) -> None:
        self._commit_timer = None
        try:
            self._keep_orders()
        except VenueTerminal as error:
            self._break(error)
        if self._broken:
            return  # the session's store goes on keeping what could not be written here
        taken, self._taken = self._taken, {}
        for line, mark in taken.items():
            line.taken(mark)

    def _keep_orders(self) -> None:
        if self.orders.dirty:
            self.blotter.keep_orders(self.orders.dirty.values())
            self.orders.dirty.clear()
        self.blotter.commit()

    # --- what is heard --------------------------------------------------------------------------

    def line_heard(self, line: Line, message: Message) -> None:
        """Take an application message; one that cannot be read is noted and passed over."""
        act = self._acts.get(message.msg_type)
        if act is None:
            return
        try:
            act(self, line, self._with_dots(message))
        except (BadField, ValueError) as error:
            self.notes.append((line.name, "fix_unreadable", f"{message.msg_type!r}: {error}"))
            self.answers.doubt_totals()
        except VenueTerminal as error:
            self._break(error)

    def _with_dots(self, message: Message) -> Message:
        dot = self.profile.id_dot
        return message if dot == "." else mapping.with_dots(message, dot.encode())

    def _break(self, error: VenueTerminal) -> None:
        """Stop: what is told from now on could not be written down, and so is not taken."""
        self.notes.append(("trade", error.code, error.message))
        if not self._broken:
            self._broken = True
            self._ready = False
            self._tell(LinkState(False, f"{error.code}: {error.message}", self.now()))

    def _on_report(self, line: Line, message: Message) -> None:
        for told in mapping.execution_reports(message, self.profile, self.names, self.now()):
            if self.answers.take(told):
                continue
            if not told.answer:
                self._hear(self.intake.take(told, line.name))
                self.answers.settle(told)

    def _on_change_refused(self, line: Line, message: Message) -> None:
        self._hear(self.intake.refuse(mapping.change_refused(message), self.now()))

    def _hear(self, heard: Heard) -> None:
        waited_for = set()
        for name, outcome in heard.outcomes:
            if self._resolve(name, outcome):
                waited_for.add(name)
        for report in heard.reports:
            answers = report.request_id or report.cl_ord_id
            rejected = report.exec_type in _REJECTIONS
            if not (rejected and answers in waited_for):
                self._tell(report)

    def _on_business_reject(self, line: Line, message: Message) -> None:
        kind = (message.get_text(372) or "").encode()
        said = message.get_text(58) or ""
        number = message.get_int(45) or 0
        code = message.get_text(380) or ""
        name = message.get_text(379) or self._numbers.get(number, "")
        if kind in _COMMANDS:
            reason = mapping.BUSINESS_REJECTS.get(code.encode(), mapping.REFUSED)
            if "duplicat" in said.lower():
                reason = "duplicate_cl_ord_id"
            self._refused(kind, name, Refused(reason, f"j {code}", said, self.now()))
        else:
            self.answers.rejected(kind, name, code, said)

    def line_refused(self, line: Line, refused: SessionRefused) -> None:
        """Take in that a message was rejected at session level: it was not processed."""
        said = refused.reject.get_text(58) or ""
        original = refused.original
        kind = original.msg_type if original is not None else b""
        name = self._numbers.get(refused.number, "")
        if original is not None and kind in _COMMANDS:
            name = self._with_dots(original).get_text(11) or name
        code = f"3 {refused.reject.get_text(373) or ''}".strip()
        if kind in _COMMANDS or name in self._waiting:
            self._refused(kind, name, Refused("bad_request", code, said, self.now()))
        else:
            self.answers.rejected(kind, name, code, said)

    def _refused(self, kind: bytes, name: str, refused: Refused) -> None:
        self.orders.refused(name)
        known = self.orders.find(None, "", name)
        duplicate = refused.reason == "duplicate_cl_ord_id"
        if known is not None and name == known.cl_ord_id and not known.order_id and not duplicate:
            known.ended = True
            self.orders.touch(known)
        self._resolve(name, refused)

    def _on_news(self, line: Line, message: Message) -> None:
        if line.name == "trade" and self._news is not None:
            self._go_ready()

    def _on_quote(self, line: Line, message: Message) -> None:
        for quote in self._book.take(message, self.now()):
            self._quotes[quote.venue_symbol] = quote
            self._tell(quote)

    def _on_answer(self, line: Line, message: Message) -> None:
        self.answers.other(message)

    def _tell(self, message: VenueMessage) -> None:
        if self._open:
            self._sink(message)

    # --- commands -------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> asyncio.Future[Outcome]:
        """Send one order, once; it is on its way when this returns."""
        why = self._cannot(order.cl_ord_id) or self._cannot_write(order)
        if why is not None:
            return _at_once(why)
        return self._submit(order, self.orders.new(order))

    async def submit_many(self, orders: Sequence[NewOrder]) -> Sequence[Outcome]:
        """Send several orders in one write; one outcome each, same order."""
        wanted: list[tuple[NewOrder, Known | Refused]] = []
        for order in orders:
            why = self._cannot(order.cl_ord_id) or self._cannot_write(order)
            wanted.append((order, why or self.orders.new(order)))
        # The first to be sent has the ids of all put on the disk, by one fsync.
        answers = [
            _at_once(known) if isinstance(known, Refused) else self._submit(order, known)
            for order, known in wanted
        ]
        return [await answer for answer in answers]

    def _submit(self, order: NewOrder, known: Known) -> asyncio.Future[Outcome]:
        message = self.writer.new_order(order, self._logins[order.account], self.now())
        answer = self._send(message, order.cl_ord_id)
        if answer.done():
            known.ended = True
        return answer

    async def replace(self, request: ReplaceOrder) -> Outcome:
        """Ask for new terms of a working order."""
        known = self._known(request.account, request.cl_ord_id, request.venue_order_id)
        why = self._cannot(request.request_id) or self._cannot_change(known)
        bracket = request.stop_loss or request.take_profit
        if why is None and (
            not self.profile.replace
            or bracket is not None
            or request.drop_stop_loss
            or request.drop_take_profit
        ):
            why = self._no("unsupported", "this counterparty has no such change of an order")
        if why is not None or known is None:
            return why or self._no("unknown_order", "it was never heard of")
        login = self._logins[request.account]
        message = self.writer.replace(known, request, login, self.now())
        return await self._change(known, request.request_id, request, message)

    async def cancel(self, request: CancelOrder) -> Outcome:
        """Ask for a working order back."""
        known = self._known(request.account, request.cl_ord_id, request.venue_order_id)
        why = self._cannot(request.request_id) or self._cannot_change(known)
        if why is not None or known is None:
            return why or self._no("unknown_order", "it was never heard of")
        login = self._logins[request.account]
        message = self.writer.cancel(known, request.request_id, login, self.now())
        return await self._change(known, request.request_id, None, message)

    async def mass_cancel(
        self, account: AccountId, symbol: VenueSymbol | None, request_id: str
    ) -> Outcome:
        """Ask for every working order back by one OrderMassCancelRequest.

        Accepted: the counterparty takes it; each order's own report tells what became of it.
        """
        if self.capabilities.mass_cancel != ("all" if symbol is None else "symbol"):
            return self._no("unsupported", "this session has no such mass cancel")
        why = self._cannot(request_id)
        if why is not None:
            return why
        message = self.writer.mass_cancel(request_id, symbol, self.now())
        return await self._send(message, request_id)

    def _on_mass_cancel(self, line: Line, message: Message) -> None:
        name = message.get_text(11) or ""
        said = message.get_text(58) or "the mass cancel was rejected"
        if message.get(531) == b"0":
            code = f"r {message.get_text(532) or ''}".strip()
            self._resolve(name, Refused(mapping.REFUSED, code, said, self.now()))
        else:
            self._resolve(name, Accepted(None, self.now()))

    def _change(
        self, known: Known, name: str, wanted: ReplaceOrder | None, message: Message
    ) -> Awaitable[Outcome]:
        self.orders.begin(known, Change(name, known.cl_ord_id, wanted))
        answer = self._send(message, name)
        if answer.done():
            self.orders.refused(name)
        return answer

    def _known(self, account: AccountId, name: str, number: str | None) -> Known | None:
        return self.orders.find(account, number or "", name)

    def _cannot(self, name: str) -> Refused | None:
        line = self._lines.get("trade")
        if line is None or not line.up or not self._ready:
            return self._no("not_connected", "the FIX session is not logged on")
        if len(name) > self.profile.client_order_id_max:
            longest = self.profile.client_order_id_max
            return self._no("id_too_long", f"the id {name} has more than {longest} characters")
        if name in self._waiting:
            return self._no("duplicate_cl_ord_id", f"the id {name} is on its way already")
        return None

    def _cannot_write(self, order: NewOrder) -> Refused | None:
        if self.orders.named(order.account, order.cl_ord_id) is not None:
            return self._no("duplicate_cl_ord_id", f"the id {order.cl_ord_id} was sent before")
        if order.ord_type not in self.capabilities.ord_types:
            return self._no("unsupported", f"this counterparty has no {order.ord_type} orders")
        if order.time_in_force not in self.capabilities.time_in_force:
            return self._no("unsupported", f"this counterparty has no {order.time_in_force} orders")
        levels = (order.stop_loss, order.take_profit, order.trail_distance)
        if order.reduce_only or any(level is not None for level in levels):
            return self._no("unsupported", "FIX has no brackets, trails or reduce-only orders here")
        return None

    def _cannot_change(self, known: Known | None) -> Refused | None:
        if known is None:
            return self._no("unknown_order", "no session has told of this order; look first")
        return None

    def _no(self, reason: str, text: str) -> Refused:
        return Refused(reason, "", f"{text}; {_UNSENT}", self.now())

    def _send(self, message: Message, name: str) -> asyncio.Future[Outcome]:
        """Send a command; the answer is there at once when nothing could be sent."""
        line = self._lines["trade"]
        number = line.next_out
        try:
            # Its ids are on the disk before it is: a report of it must find them after a crash.
            self._keep_orders()
            line.send(message, name)
        except NotLoggedOn:
            return _at_once(self._no("not_connected", "the FIX session is not logged on"))
        except (StoreError, VenueTerminal) as error:
            return _at_once(self._no(error.code, error.message))
        self._note_number(number, name)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        timer = loop.call_later(self.profile.submit_timeout_s, self._time_out, name)
        self._waiting[name] = answer, timer
        return answer

    def _note_number(self, number: int, name: str) -> None:
        """Remember what a message was about, in case that it is rejected."""
        self._numbers[number] = name
        if len(self._numbers) > NUMBERS_MAX:
            self._numbers.popitem(last=False)

    def _time_out(self, name: str) -> None:
        self._resolve(name, Unknown("timeout", self.now()))

    def _resolve(self, name: str, outcome: Outcome) -> bool:
        waiting = self._waiting.pop(name, None)
        if waiting is None:
            return False
        answer, timer = waiting
        timer.cancel()
        if not answer.done():
            answer.set_result(outcome)
        return True

    def _leave_unknown(self, why: str) -> None:
        for name in list(self._waiting):
            self._resolve(name, Unknown(why, self.now()))

    # --- questions ------------------------------------------------------------------------------

    def ask(self, message: Message, question: str) -> None:
        """Send a question over the order session.

        Raises:
            VenueTransient: the session is down.
        """
        line = self._lines.get("trade")
        if line is None or not line.up:
            raise VenueTransient("the FIX session is down; it is being restored")
        try:
            self._note_number(line.next_out, question)
            line.send(message, question)
        except (NotLoggedOn, StoreError) as error:
            raise VenueTransient(f"the FIX session takes no question: {error}") from None

    def login(self, account: AccountId) -> str:
        """Give an account's name at the counterparty."""
        return self._logins[account]

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Find one order by our id; None when the counterparty says that it knows none."""
        return await self.answers.order_status(account, cl_ord_id)

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """All working orders of an account, as the profile can ask for them."""
        return await self.answers.open_orders(account)

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """All open positions of an account: asked for, or the sum of the fills that were told."""
        if self.profile.positions == "request":
            return await self.answers.positions(account)
        held = positions.positions(account, self.blotter.sums(account))
        return PositionsSnapshot(held, True, self.answers.positions_at(account))

    async def fills_since(self, account: AccountId, since: Instant) -> FillsSnapshot:
        """All fills that were told at or after ``since``.

        ``complete`` is False while an order's total exceeds them: reports are lost or on their way.
        """
        complete = await self.answers.totals_agree(account)
        return FillsSnapshot(self.intake.fills(account, since), complete, self.now())

    async def account(self, account: AccountId) -> AccountSnapshot:
        """Money in an account: asked for, or what the settings say and its fills made of it."""
        if self.profile.money == "collateral":
            return await self.answers.money(account, self._specs[account].currency)
        spec = self._specs[account]
        stated = self.plan.settings.balances.get(spec.login, spec.initial_balance) or ZERO
        sums = self.blotter.sums(account)
        made = positions.profit(sums, self._listings, self._quotes, spec.currency)
        return positions.money(spec, stated, *made, self.now())

    async def identity(self, account: AccountId) -> VenueAccount:
        """Who the account is. FIX does not tell: the settings' word is all there is."""
        spec = self._specs[account]
        live = self.plan.settings.live
        return VenueAccount(spec.login, spec.currency, spec.position_mode, live)

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """What is listed: the counterparty's list and the settings, or the settings alone."""
        told: dict[VenueSymbol, Fields] = {}
        if self.profile.securities == "request":
            told = await self.answers.securities()
        wanted = dict.fromkeys((*self.names.stated(), *told))
        listings = [self.names.listing(name, told.get(name) or Fields([])) for name in wanted]
        found = tuple(listing for listing in listings if listing is not None)
        self._listings = {listing.venue_symbol: listing for listing in found}
        return found

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        """Ask for quotes of these symbols, now and after every logon."""
        fresh = tuple(name for name in symbols if name not in self._symbols)
        self._symbols.update(dict.fromkeys(symbols))
        if fresh:
            self._ask_quotes(fresh)

    @property
    def _quote_line(self) -> str:
        return {"same": "trade", "own": "quote", "none": ""}[self.profile.quotes]

    def _ask_quotes(self, symbols: tuple[VenueSymbol, ...]) -> None:
        """Ask for quotes; over a session that is down, or ends, they are asked for at its logon."""
        line = self._lines.get(self._quote_line)
        if line is None or not line.up:
            return
        with suppress(NotLoggedOn, StoreError):
            for name in symbols:
                message = self.writer.quotes(f"md-{name}", [name])
                line.send(message, f"md-{name}")

    async def key_scope(self) -> KeyScope:
        """What a session may do: trade. FIX sessions move no money."""
        return KeyScope(trade=True, withdraw=False, note="a FIX session cannot move money")

    def told_lost(self, words: list[str]) -> None:
        """Note orders whose fills were not all told."""
        self.notes.append(("trade", "fix_fills_missing", ", ".join(words)))

    def hear(self, heard: Heard) -> None:
        """Tell on what an answer proved."""
        self._hear(heard)

    _acts: ClassVar[dict[bytes, Callable[["FixVenue", Line, Message], None]]] = {
        b"8": _on_report,
        b"9": _on_change_refused,
        b"j": _on_business_reject,
        b"B": _on_news,
        b"r": _on_mass_cancel,
        b"W": _on_quote,
        b"X": _on_quote,
        b"AP": _on_answer,
        b"AO": _on_answer,
        b"BA": _on_answer,
        b"y": _on_answer,
    }


_REJECTIONS = (ExecType.REJECTED, ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED)


def _at_once(outcome: Outcome) -> asyncio.Future[Outcome]:
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    answer.set_result(outcome)
    return answer
