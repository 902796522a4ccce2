"""The second half of `bascule check`: connect, look, and say what each route would do.

Nothing is sent to any venue and nothing is journaled: the plan is made on a state of its own.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from bascule.cli.setup import Prepared
from bascule.engine.clock import SystemClock
from bascule.engine.listings import by_our_name
from bascule.execution import inputs as inp
from bascule.execution.decide import decide
from bascule.execution.state import State, dump, load
from bascule.execution.story.words import number
from bascule.execution.turn import Market, Settings
from bascule.model.account import AccountSpec, Route
from bascule.model.enums import AccountMode, LevelUnit, QtyUnit, Side
from bascule.model.errors import BasculeError, VenueError
from bascule.model.event import Event, IntentRefused, OrderRefused, OrderRequested, SignalRefused
from bascule.model.ids import AccountId, Symbol, VenueId
from bascule.model.instrument import Listing, Quote
from bascule.model.intent import Amount, Level, PlaceOrder, Protection, Signal
from bascule.model.values import Instant
from bascule.reference import resolve
from bascule.reference.refusal import Refusal
from bascule.venues.kit.contract import OrdersSnapshot, Venue, VenueContext, VenueMessage
from bascule.venues.kit.registry import factory

LINK_S = 10.0
QUOTES_S = 5.0
"""How long quotes may take to arrive after they were asked for."""
ROUNDS = 5


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at. ``ok`` is False when no entry would leave by it now."""

    what: str
    ok: bool
    text: str


class Latency(Struct, frozen=True, omit_defaults=True):
    """How far a venue is, in milliseconds; None where a stage does not apply or failed."""

    venue: str
    host: str
    dns_ms: float | None = None
    tcp_ms: float | None = None
    tls_ms: float | None = None
    request_ms: float | None = None
    worst_ms: float | None = None
    text: str = ""


class Report(NamedTuple):
    """All of it, in the order in which it was looked at.

    ``links`` are venues and accounts, ``routes`` what a sample entry would become.
    """

    links: list[Finding]
    routes: list[Finding]
    latencies: list[Latency]

    @property
    def ok(self) -> bool:
        """Whether every venue and account is as configured."""
        return all(one.ok for one in self.links)


def check_links(prepared: Prepared, *, latency: bool) -> Report:
    """Connect to every venue of a configuration, look at every account, and plan a sample.

    Args:
        prepared: the configuration with its secrets.
        latency: whether to measure the way to each venue.
    """
    return asyncio.run(_Check(prepared).run(latency=latency))


class Looked(NamedTuple):
    """What the venues said: the report, and by account what is listed and quoted.

    An account that could not be looked at is not among ``listings``. All are by our symbol.
    ``bases`` is the lower of balance and equity.
    """

    report: Report
    listings: dict[AccountId, dict[Symbol, Listing]]
    quotes: dict[AccountId, dict[str, Quote]]
    bases: dict[AccountId, Decimal]


def look(prepared: Prepared) -> Looked:
    """Connect to every venue of a configuration and keep what is listed and quoted there."""
    check = _Check(prepared)
    report = asyncio.run(check.run(latency=False))
    names = check.settings.symbols
    quotes = {
        account: {
            str(names[account][theirs]): quote
            for theirs, quote in quoted.items()
            if theirs in names[account]
        }
        for account, quoted in check.market.quotes.items()
        if account in names
    }
    bases = {
        name: min(account.money.balance, account.money.equity)
        for name, account in check.state.accounts.items()
        if account.money is not None
    }
    return Looked(report, check.settings.listings, quotes, bases)


class _Check:
    def __init__(self, prepared: Prepared) -> None:
        self.setup = prepared.setup
        self.clock = SystemClock()
        self.market = Market()
        self.settings = Settings(
            accounts={spec.id: spec for spec in self.setup.accounts},
            routes=self.setup.routes,
            max_signal_age_ns=self.setup.max_signal_age_ns,
            limits=self.setup.limits,
            portfolio_currency=self.setup.portfolio_currency,
        )
        self.state = State()
        self.links: dict[VenueId, Venue] = {}
        self.found: list[Finding] = []
        self.latencies: list[Latency] = []

    async def run(self, *, latency: bool) -> Report:
        """Look at everything, one venue after another."""
        self._feed(inp.EngineBegan(self.clock.now(), 0, "", "", "", "check", "check"))
        for venue in self.setup.venues:
            specs = tuple(spec for spec in self.setup.accounts if spec.venue == venue.id)
            link = self.setup.links.get(venue.id, factory(venue.kind))(
                VenueContext(
                    venue_id=venue.id,
                    settings=venue.settings,
                    accounts=specs,
                    secrets=venue.secrets,
                    sink=self._sink(venue.id),
                    wire_log=lambda direction, subject, payload: None,
                    clock=self.clock.now,
                )
            )
            self.links[venue.id] = link
            for spec in specs:
                self.settings.capabilities[spec.id] = link.capabilities
            try:
                await asyncio.wait_for(link.connect(), LINK_S)
            except (BasculeError, OSError, TimeoutError) as error:
                text = error.message if isinstance(error, BasculeError) else "no answer in time"
                self._found(f"venue {venue.id}", False, text)
                continue
            self._found(f"venue {venue.id}", True, f"connected ({venue.kind})")
            for spec in specs:
                await self._account(link, spec)
            if latency:
                self.latencies.append(await self._latency(venue.id, venue.settings, link, specs))
        routes = [
            Finding(f"route {route.id} on {leg.account}", *self._sample(route, leg.account))
            for route in self.setup.routes
            for leg in route.legs
            if leg.account in self.settings.symbols
        ]
        for link in self.links.values():
            await link.disconnect()
        return Report(self.found, routes, self.latencies)

    def _found(self, what: str, ok: bool, text: str) -> None:
        self.found.append(Finding(what, ok, text))

    def _feed(self, given: inp.Input) -> list[Event]:
        return decide(self.state, self.settings, self.market, given)

    def _sink(self, venue: VenueId) -> Callable[[VenueMessage], None]:
        def take(message: VenueMessage) -> None:
            if isinstance(message, Quote):
                for spec in self.setup.accounts:
                    if spec.venue == venue:
                        names = self.settings.symbols.get(spec.id, {})
                        self.market.keep(spec.id, message, names.get(message.venue_symbol))

        return take

    async def _account(self, link: Venue, spec: AccountSpec) -> None:
        what = f"account {spec.id}"
        try:
            async with asyncio.timeout(LINK_S):
                text, ok = await self._look(link, spec)
        except VenueError as error:
            text, ok = error.message, False
        except TimeoutError:
            text, ok = f"the venue did not answer within {LINK_S:.0f} s", False
        self._found(what, ok, text)

    async def _look(self, link: Venue, spec: AccountSpec) -> tuple[str, bool]:
        """Ask who the account is and what it holds, and make it ready for the plan."""
        scope = await link.key_scope()
        if scope.withdraw:
            return "its credentials may withdraw money: make a key that may only trade", False
        who = await link.identity(spec.id)
        if who.is_live != (spec.mode is not AccountMode.PAPER):
            kind = "live" if who.is_live else "paper"
            return f"configured as {spec.mode.value}, and the venue says it is {kind}", False
        if (who.currency, who.position_mode) != (spec.currency, spec.position_mode):
            words = f"{who.position_mode.value} in {who.currency}"
            return f"the venue says {words}: correct the configuration", False
        listings, names = by_our_name(spec, await link.instruments(spec.id), self.clock.now())
        self.settings.listings[spec.id] = listings
        self.settings.symbols[spec.id] = names
        await link.subscribe(spec.id, tuple(names))
        orders: OrdersSnapshot = await link.open_orders(spec.id)
        held = await link.positions(spec.id)
        fills = await link.fills_since(spec.id, self.clock.now())
        money = await link.account(spec.id)
        self._feed(inp.LinkReported(self.clock.now(), spec.id, True, "check"))
        self._feed(
            inp.Looked(
                at=self.clock.now(),
                account=spec.id,
                cause="check",
                orders=orders.orders,
                positions=held.positions,
                fills=fills.fills,
                money=money,
                complete=True,
            )
        )
        missing = await self._unquoted(spec.id)
        quoted = f"quotes for {len(names) - len(missing)}"
        text = (
            f"{len(listings)} symbols, {quoted}; equity {number(money.equity)} {money.currency}, "
            f"{len(held.positions)} positions, {len(orders.orders)} open orders"
        )
        return text, True

    async def _unquoted(self, account: AccountId) -> list[str]:
        """Wait for quotes a moment; give the symbols that have none."""
        end = time.monotonic() + QUOTES_S
        while True:
            quotes = self.market.quotes.get(account, {})
            missing = [name for name in self.settings.symbols[account] if name not in quotes]
            if not missing or time.monotonic() > end:
                return [str(name) for name in missing]
            await asyncio.sleep(0.05)

    def _sample(self, route: Route, account: AccountId) -> tuple[bool, str]:
        """Plan a sample entry on one account of a route, and say what would be sent."""
        symbol = self._sample_symbol(route, account)
        if symbol is None:
            return False, "no symbol of the route is listed, or none has a quote"
        signal = self._signal(route, symbol, route.allowed_sides[0])
        # On a copy: one sample must not count in the limits of the next.
        state = load(dump(self.state))
        given = inp.SignalReceived(self.clock.now(), signal)
        events = decide(state, self.settings, self.market, given)
        return _would(symbol, [e for e in events if getattr(e, "account", account) == account])

    def _sample_symbol(self, route: Route, account: AccountId) -> str | None:
        """Find a contract that the account's own symbol map names, with a quote."""
        own = self.settings.accounts[account].symbols
        quotes = self.market.quotes.get(account, {})
        for theirs, ours in self.settings.symbols[account].items():
            mapped = own.venue_symbol(ours) == theirs
            wanted = not route.symbols or ours in route.symbols
            known = not isinstance(resolve(ours, self.clock.now()), Refusal)
            if theirs in quotes and mapped and wanted and known:
                return str(ours)
        return None

    def _signal(self, route: Route, symbol: str, side: Side) -> Signal:
        now = self.clock.now()
        stop = Protection(stop_loss=Level(Decimal(1), LevelUnit.PERCENT))
        intent = PlaceOrder(
            symbol=symbol, side=side, quantity=Amount(Decimal(1), QtyUnit.UNITS), protection=stop
        )
        strategy = "check" if route.strategy == "*" else route.strategy
        source = "check" if "*" in route.sources else route.sources[0]
        return Signal(
            source=source,
            dialect="native",
            received_at=Instant(now),
            body_hash=f"check-{now}",
            raw="",
            strategy=strategy,
            intents=(intent,),
        )

    async def _latency(
        self, venue: VenueId, settings: object, link: Venue, specs: tuple[AccountSpec, ...]
    ) -> Latency:
        rounds: list[float] = []
        text = ""
        for _ in range(ROUNDS if specs else 0):
            began = time.perf_counter()
            try:
                await link.account(specs[0].id)
            except VenueError as error:
                text = error.message
                break
            rounds.append((time.perf_counter() - began) * 1_000)
        host, port, tls = host_of(settings)
        stages = await asyncio.to_thread(_way, host, port, tls) if host else _NO_WAY
        return Latency(
            venue,
            f"{host}:{port}" if host else "not in the settings",
            *stages,
            request_ms=_ms(median(rounds)) if rounds else None,
            worst_ms=_ms(max(rounds)) if rounds else None,
            text=text,
        )


def _would(symbol: str, events: list[Event]) -> tuple[bool, str]:
    for event in events:
        if isinstance(event, OrderRequested) and event.leg == "e":
            text = (
                f"a sample entry with its stop 1 % away would {event.side.value} "
                f"{number(event.quantity)} {event.venue_symbol}: {event.sizing}"
            )
            return True, text
        if isinstance(event, OrderRefused) and event.code == "shadow_mode":
            return True, event.text
        if isinstance(event, OrderRefused | IntentRefused | SignalRefused):
            return False, f"a sample entry in {symbol} would be held back: {event.text}"
    return False, f"a sample entry in {symbol} would lead to nothing"


def host_of(settings: object) -> tuple[str, int, bool]:
    """Give host, port and whether TLS is used, from a venue's settings; '' when none is named."""
    own = settings if isinstance(settings, dict) else {}
    if isinstance(url := own.get("url"), str):
        at = urlsplit(url)
        tls = at.scheme in ("https", "wss")
        return at.hostname or "", at.port or (443 if tls else 80), tls
    port = own.get("port")
    if isinstance(port, int):
        return str(own.get("host", "127.0.0.1")), port, bool(own.get("tls", port == 443))
    return "", 0, False


_NO_WAY: tuple[float | None, float | None, float | None] = (None, None, None)


def _way(host: str, port: int, tls: bool) -> tuple[float | None, float | None, float | None]:
    """Measure name look-up, connection and TLS handshake, in milliseconds."""
    began = time.perf_counter()
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        named = time.perf_counter()
        with socket.socket(address[0], socket.SOCK_STREAM) as plain:
            plain.settimeout(LINK_S)
            plain.connect(address[4])
            connected = time.perf_counter()
            secured = None
            if tls:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host):
                    secured = _ms((time.perf_counter() - connected) * 1_000)
    except OSError:
        return _NO_WAY
    return _ms((named - began) * 1_000), _ms((connected - named) * 1_000), secured


def _ms(value: float) -> float:
    return round(value, 3)
