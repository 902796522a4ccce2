"""A link to a paper broker: one connection, many requests in flight, no retry of any command."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Struct

from bascule.model.errors import (
    ConfigError,
    SecretError,
    VenueError,
    VenueProtocol,
    VenueTerminal,
    VenueTransient,
)
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.order import (
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    Unknown,
    VenueOrder,
)
from bascule.model.values import Instant, seconds
from bascule.venues.kit import manifest
from bascule.venues.kit.contract import (
    FillsSnapshot,
    KeyScope,
    LinkState,
    OrdersSnapshot,
    PositionsSnapshot,
    VenueAccount,
    VenueContext,
)
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.mapping import outcome, renamed

_BACKOFF_FIRST_S = 0.1
_BACKOFF_MAX_S = 5.0
_SILENCE_BEATS = 3
"""Heartbeats that may be missed before the link counts as dead."""
_TERMINAL = frozenset({"bad_credentials", "version", "not_logged_on"})

_Shown = TypeVar("_Shown", bound=Struct)


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: int
    host: str = "127.0.0.1"
    timeout_s: float = 5.0
    native_bracket: bool = True
    native_trailing: bool = True
    reduce_only: bool = True


class _Waiting(NamedTuple):
    """Who waits for an answer, under which word it is logged, and how it is read."""

    future: asyncio.Future[Any]
    subject: str
    read: Callable[[Struct], Any]

    def answer(self, value: Any) -> None:
        """Give the answer, unless whoever waited has gone."""
        if not self.future.done():
            self.future.set_result(value)


class _Link(asyncio.Protocol):
    """One TCP connection and the requests that wait for an answer on it."""

    def __init__(self, owner: "PaperVenue", timeout_s: float) -> None:
        self._owner = owner
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._lines = wire.Lines(wire.ANSWER_MAX)
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._deadlines: deque[tuple[float, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._heard = self._loop.time()
        self._down = "disconnected"

    @property
    def up(self) -> bool:
        """Whether bytes can still be written."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # No isinstance: uvloop has a transport class of its own.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave every request that waits without an answer: nobody knows its outcome."""
        self._transport = None
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        lost = Unknown(self._down, self._owner.now())
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():
            asked.answer(lost)
        self._owner.link_lost(self, self._down)

    def data_received(self, data: bytes) -> None:
        """Take every complete line; one that cannot be read ends the link."""
        self._heard = self._loop.time()
        try:
            for line in self._lines.feed(data):
                message = wire.decode_broker(line)
                answered = self._waiting.pop(getattr(message, "id", -1), None)
                if answered is None:
                    self._owner.pushed(message, line)
                    continue
                self._owner.wire_log("<", answered.subject, line)
                answered.answer(answered.read(message))
        except (msgspec.DecodeError, ValueError, KeyError, VenueProtocol):
            self.drop("unreadable")

    def write(self, asked: Sequence[tuple[int, "_Waiting", bytes]]) -> None:
        """Send requests (id, who waits, line) in one write."""
        deadline = self._loop.time() + self._timeout_s
        for number, waiting, _ in asked:
            self._waiting[number] = waiting
            self._deadlines.append((deadline, number))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._expire)
        if self._transport is not None:
            self._transport.write(b"".join([line for _, _, line in asked]))

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._deadlines:
            deadline, number = self._deadlines[0]
            if number in self._waiting and deadline > now:
                self._timer = self._loop.call_at(deadline, self._expire)
                return
            self._deadlines.popleft()
            waiting = self._waiting.pop(number, None)
            if waiting is not None:
                waiting.answer(Unknown("timeout", self._owner.now()))

    def watch(self, heartbeat_s: float) -> None:
        """Drop the link when the broker has been silent for too long."""
        deadline = self._heard + heartbeat_s * _SILENCE_BEATS
        if self._loop.time() >= deadline:
            self.drop("silent")
        else:
            self._watch = self._loop.call_at(deadline, self.watch, heartbeat_s)

    def drop(self, why: str) -> None:
        """End the connection at once; what waits becomes unknown for this reason."""
        self._down = why
        if self._transport is not None:
            self._transport.abort()


class PaperVenue:
    """One link to one paper broker, for several accounts. See the contract for each method."""

    def __init__(self, context: VenueContext) -> None:
        self._settings = _read_settings(context)
        self._logins = {spec.id: AccountId(spec.login) for spec in context.accounts}
        self._ids = {login: account for account, login in self._logins.items()}
        self._tokens: dict[str, str] = {}
        for login in self._ids:
            if not context.secrets.get(login):
                raise SecretError(
                    f"venue {context.venue_id}: there is no token of login {login}",
                    hint='Name it with the account: secret = "NAME", and keep its value with'
                    " `bascule secrets set NAME`.",
                )
            self._tokens[login] = context.secrets[login]
        self._sink = context.sink
        self.wire_log = context.wire_log
        self._clock = context.clock
        self._link: _Link | None = None
        self._requests = 0
        self._symbols: dict[AccountId, set[str]] = {}
        self._retry: asyncio.Task[None] | None = None
        self._open = False
        native = manifest.load(__package__).capabilities_native()
        self.capabilities = msgspec.structs.replace(
            native,
            native_bracket=native.native_bracket and self._settings.native_bracket,
            native_trailing=native.native_trailing and self._settings.native_trailing,
            reduce_only=native.reduce_only and self._settings.reduce_only,
            submit_timeout_ns=seconds(self._settings.timeout_s),
        )

    def now(self) -> Instant:
        """Give the engine's time."""
        return Instant(self._clock())

    # --- the link -------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the link and log on to every account; from then on it is kept up until disconnect.

        Raises:
            VenueTransient: the broker cannot be reached; nothing goes on in the background.
            VenueTerminal: the broker refuses a login; nothing goes on in the background.
        """
        self._open = True
        try:
            await self._establish()
        except VenueError:
            self._open = False
            raise

    async def disconnect(self) -> None:
        """Close the link; no message reaches the sink afterwards."""
        self._open = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        link, self._link = self._link, None
        if link is not None:
            link.drop("disconnected")
            await asyncio.sleep(0)

    async def _establish(self) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        link = _Link(self, settings.timeout_s)
        try:
            async with asyncio.timeout(settings.timeout_s):
                await loop.create_connection(lambda: link, settings.host, settings.port)
        except (OSError, TimeoutError) as error:
            raise VenueTransient(
                f"the paper broker at {settings.host}:{settings.port} cannot be reached "
                f"({error or 'time-out'}); start it, or correct host and port"
            ) from None
        try:
            heartbeat_s = await self._log_on(link)
        except BaseException:
            link.drop("logon failed")
            raise
        self._link = link
        link.watch(heartbeat_s)
        self._sink(LinkState(True, "logged on", self.now()))

    async def _log_on(self, link: _Link) -> float:
        heartbeat_s = 0.0
        for login, token in self._tokens.items():
            said = await self._ask(wire.LoggedOn, wire.Logon, login, token, link=link)
            heartbeat_s = said.heartbeat_s
        for account, symbols in list(self._symbols.items()):
            names = tuple(sorted(symbols))
            try:
                await self._ask(wire.Done, wire.Subscribe, self._logins[account], names, link=link)
            except VenueTransient as error:
                if error.code != "unknown_symbol":
                    raise
                # It was restarted with other symbols: the link must not stay down for one of them.
                del self._symbols[account]
        return heartbeat_s

    def link_lost(self, link: _Link, why: str) -> None:
        """Tell that the link is down, and start to bring it back unless it was closed."""
        if link is not self._link:
            return
        self._link = None
        if self._open:
            self._sink(LinkState(False, why, self.now()))
            self._retry = asyncio.get_running_loop().create_task(self._reconnect())

    async def _reconnect(self) -> None:
        wait = _BACKOFF_FIRST_S
        while self._open:
            await asyncio.sleep(wait)
            wait = min(wait * 2, _BACKOFF_MAX_S)
            try:
                await self._establish()
                return
            except VenueTransient:
                continue
            except VenueError as error:
                self._sink(LinkState(False, error.code, self.now()))

    def pushed(self, message: Struct, line: bytes) -> None:
        """Pass on what the broker told by itself.

        Raises:
            KeyError: it is about an account that is not on this link.
            VenueProtocol: the broker could not read something of ours.
        """
        kind = type(message)
        if kind is wire.Heartbeat:
            return
        if isinstance(message, wire.Report):
            report = message.report
            self.wire_log("<", report.cl_ord_id or report.venue_order_id, line)
            self._tell(renamed(report, self._ids))
        elif isinstance(message, wire.Price):
            self.wire_log("<", "quote", line)
            self._tell(message.quote)
        elif isinstance(message, wire.Money):
            self.wire_log("<", "snapshot", line)
            self._tell(renamed(message.snapshot, self._ids))
        else:
            self.wire_log("<", "late reply", line)
            if getattr(message, "id", 0) == 0:
                raise VenueProtocol("the paper broker could not read a request")

    def _tell(self, message: Any) -> None:
        if self._open:
            self._sink(message)

    # --- commands -------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> asyncio.Future[Outcome]:
        """Send one order, once; it is on its way when this returns."""
        asked = wire.Submit(self._requests + 1, renamed(order, self._logins))
        return self._command([(order.cl_ord_id, asked)])[0]

    def submit_many(self, orders: Sequence[NewOrder]) -> asyncio.Future[list[Outcome]]:
        """Send several orders in one write, under way when this returns; one outcome each."""
        asked = [
            (order.cl_ord_id, wire.Submit(number, renamed(order, self._logins)))
            for number, order in enumerate(orders, self._requests + 1)
        ]
        return asyncio.gather(*self._command(asked))

    def replace(self, request: ReplaceOrder) -> asyncio.Future[Outcome]:
        """Ask for new terms of a working order, or of a position's stop and target."""
        asked = wire.Replace(self._requests + 1, renamed(request, self._logins))
        return self._command([(request.cl_ord_id, asked)])[0]

    def cancel(self, request: CancelOrder) -> asyncio.Future[Outcome]:
        """Ask for a working order back."""
        asked = wire.Cancel(self._requests + 1, renamed(request, self._logins))
        return self._command([(request.cl_ord_id, asked)])[0]

    def _command(self, asked: Sequence[tuple[str, Any]]) -> list[asyncio.Future[Outcome]]:
        loop, link = asyncio.get_running_loop(), self._link
        answers: list[asyncio.Future[Outcome]] = [loop.create_future() for _ in asked]
        if link is None or not link.up:
            for answer in answers:
                answer.set_result(
                    Refused("not_connected", "", "the link is down; nothing was sent", self.now())
                )
            return answers
        self._requests += len(asked)
        framed = []
        for answer, (subject, message) in zip(answers, asked, strict=True):
            line = wire.encode(message)
            self.wire_log(">", subject, line)
            framed.append((message.id, _Waiting(answer, subject, self._outcome), line))
        link.write(framed)
        return answers

    def _outcome(self, said: Struct) -> Outcome:
        if isinstance(said, wire.Taken | wire.NotTaken):
            return outcome(said)
        return Unknown("unreadable", self.now())

    # --- questions ------------------------------------------------------------------------------

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Find one order by our id, open or ended; None when the broker has none."""
        login = self._logins[account]
        said = await self._ask(wire.OrderShown, wire.OrderStatus, login, cl_ord_id)
        return renamed(said.order, self._ids) if said.order is not None else None

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """All working orders of an account."""
        said = await self._ask(wire.OrdersShown, wire.OpenOrders, self._logins[account])
        orders = tuple(renamed(order, self._ids) for order in said.orders)
        return OrdersSnapshot(orders, said.complete, said.at)

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """All open positions of an account."""
        said = await self._ask(wire.PositionsShown, wire.Positions, self._logins[account])
        held = tuple(renamed(position, self._ids) for position in said.positions)
        return PositionsSnapshot(held, said.complete, said.at)

    async def fills_since(self, account: AccountId, since: Instant) -> FillsSnapshot:
        """All fills of an account at or after ``since``, oldest first, asked for by the page."""
        login, after = self._logins[account], -1
        fills: list[ExecutionReport] = []
        while True:
            said = await self._ask(wire.FillsShown, wire.FillsSince, login, since, after)
            fills += [renamed(fill, self._ids) for fill in said.fills]
            if said.complete or not said.fills:
                return FillsSnapshot(tuple(fills), said.complete, said.at)
            since, after = fills[-1].at, int(fills[-1].exec_id)

    async def account(self, account: AccountId) -> AccountSnapshot:
        """Money in an account."""
        said = await self._ask(wire.MoneyShown, wire.AccountState, self._logins[account])
        return renamed(said.snapshot, self._ids)

    async def identity(self, account: AccountId) -> VenueAccount:
        """Who the account is at the broker; never a live one."""
        said = await self._ask(wire.IdentityShown, wire.Identity, self._logins[account])
        return VenueAccount(said.login, said.currency, said.mode, said.is_live)

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """What the broker lists, under its own names."""
        said = await self._ask(wire.InstrumentsShown, wire.Instruments, self._logins[account])
        return said.listings

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        """Ask for quotes of these symbols, now and after every reconnect."""
        await self._ask(wire.Done, wire.Subscribe, self._logins[account], tuple(symbols))
        self._symbols.setdefault(account, set()).update(symbols)

    async def key_scope(self) -> KeyScope:
        """What a token may do: trade; nobody can withdraw through a client's link."""
        return KeyScope(trade=True, withdraw=False, note="paper money")

    async def _ask(
        self,
        shown: type[_Shown],
        asked: Callable[..., Struct],
        *words: object,
        link: _Link | None = None,
    ) -> _Shown:
        """Send one question made of an id and these words; give its answer.

        Raises:
            VenueTransient: no answer came, or the broker may answer another time.
            VenueTerminal: the broker refuses, and will again.
            VenueProtocol: the answer is to some other question.
        """
        link = link or self._link
        if link is None or not link.up:
            raise VenueTransient("the link to the paper broker is down; it is being restored")
        self._requests += 1
        message = asked(self._requests, *words)
        line, subject = wire.encode(message), str(message.__struct_config__.tag)
        if isinstance(message, wire.Logon):
            message = msgspec.structs.replace(message, token="***")
        self.wire_log(">", subject, wire.encode(message))
        answer: asyncio.Future[Struct] = asyncio.get_running_loop().create_future()
        link.write([(self._requests, _Waiting(answer, subject, _as_it_is), line)])
        said = await answer
        if isinstance(said, shown):
            return said
        if isinstance(said, Unknown):
            raise VenueTransient(f"the paper broker gave no answer ({said.cause})")
        if isinstance(said, wire.NotTaken):
            kind = VenueTerminal if said.code in _TERMINAL else VenueTransient
            raise kind(f"the paper broker refused: {said.text}", code=said.code)
        raise VenueProtocol(f"the paper broker answered with a {type(said).__name__}")


def _as_it_is(said: Struct) -> Struct:
    return said


def _read_settings(context: VenueContext) -> _Settings:
    try:
        settings = msgspec.convert(dict(context.settings), _Settings)
    except msgspec.ValidationError as error:
        keys = ", ".join(("kind", "secrets", *_Settings.__struct_fields__))
        raise ConfigError(
            f"venue {context.venue_id}: {error}. Nothing was started.",
            hint=f"[venues.{context.venue_id}] may have the keys {keys}; see docs/paper.md.",
        ) from None
    if not (0 < settings.port < 65_536 and settings.timeout_s > 0):
        raise ConfigError(
            f"venue {context.venue_id}: port lies in 1 to 65535 and timeout_s is above 0"
        )
    return settings
