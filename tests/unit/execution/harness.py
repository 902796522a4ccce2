"""A venue in memory and a bench that drives the pure core against it, on a clock moved by hand.

The bench does what the engine's shell does and no more: it carries effects to the venue once,
and feeds what the venue answers. What is on its way back lies in ``post``, so that a test (or
hypothesis) decides in which order it arrives, how often, and whether at all.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal as D
from typing import Any

import msgspec

from bascule.engine.lanes import new_order
from bascule.execution import inputs as inp
from bascule.execution.decide import awaits_time, decide
from bascule.execution.duties import has_duties
from bascule.execution.effects import EFFECTS, Cancel, Change, Effect, Submit
from bascule.execution.evolve import evolve
from bascule.execution.state import Book, Guard, Order, State, dump
from bascule.execution.turn import Market, Settings
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
)
from bascule.model.enums import (
    ENDED,
    AccountMode,
    ExecType,
    InstrumentKind,
    OrdStatus,
    OrdType,
    PositionMode,
    Side,
)
from bascule.model.event import Event, LimitsChanged
from bascule.model.instrument import Listing, Quote
from bascule.model.intent import Intent, Level, Protection, Signal, TakeProfit
from bascule.model.order import (
    Accepted,
    AccountSnapshot,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    Unknown,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import SECOND, Instant

START = 1_767_600_000 * SECOND
"""Monday, 2026-01-05, 08:00 UTC."""
EURUSD = "EURUSD"
ROOMY = RiskLimits(
    max_open_orders=10_000,
    orders_per_second=10_000,
    orders_per_minute=100_000,
    orders_per_hour=100_000,
    orders_per_day=100_000,
    duplicate_window_ns=0,
    runaway_per_minute=10_000,
)
"""Limits that are in nobody's way."""
SIGNAL_SIZE = SizingRule(method="signal")


def listing(symbol: str = EURUSD, **changes: Any) -> Listing:
    """Give a contract that always trades: tick 0.0001, lot step and minimum 0.01."""
    words: dict[str, Any] = {
        "symbol": symbol,
        "venue_symbol": f"{symbol}.x",
        "kind": InstrumentKind.FX,
        "quote": "USD",
        "tick_size": D("0.0001"),
        "multiplier": D(100_000),
        "lot_step": D("0.01"),
        "min_qty": D("0.01"),
        "max_qty": D(1000),
        "pip_size": D("0.0001"),
        "session": "always",
        "tradable": True,
    }
    return Listing(**{**words, **changes})


def protection(stop: Any = None, *targets: Any, **more: Any) -> Protection:
    """Give a protection by prices; a target may be ``(price, portion)``."""
    pairs = [target if isinstance(target, tuple) else (target, 1) for target in targets]
    return Protection(
        stop_loss=None if stop is None else Level(D(str(stop))),
        take_profits=tuple(TakeProfit(Level(D(str(p))), D(str(share))) for p, share in pairs),
        **more,
    )


class Resting:
    """One order as the venue has it."""

    def __init__(self, new: NewOrder, venue_id: str) -> None:
        self.new = new
        self.venue_id = venue_id
        self.quantity = new.quantity
        self.price = new.price
        self.stop_price = new.stop_price
        self.cum = D(0)
        self.status = OrdStatus.WORKING

    @property
    def live(self) -> bool:
        return self.status not in ENDED

    @property
    def leaves(self) -> D:
        return self.quantity - self.cum if self.live else D(0)


class Venue:
    """The truth at the venue: orders, fills and positions, and what it tells of them.

    ``refuses`` and ``times_out`` let a test choose who is refused (by a reason) or whose answer
    is lost (``before`` or ``after`` the venue took the order). ``fills_markets`` False leaves
    market orders working, for a test to fill in portions.
    """

    def __init__(self, tell: Callable[[inp.Input], None], *, reduce_only: bool) -> None:
        self.tell = tell
        self.reduce_only = reduce_only
        self.at = Instant(START)
        self.orders: dict[str, Resting] = {}
        self.by_id: dict[str, Resting] = {}
        self.fills: list[ExecutionReport] = []
        self.net: dict[tuple[str, str], D] = {}
        self.lots: dict[tuple[str, str, str], D] = {}
        self.hedges = False
        self.refuses: Callable[[NewOrder], str] = lambda order: ""
        self.times_out: Callable[[NewOrder], str] = lambda order: ""
        self.refuses_change: Callable[[Resting, str], str] = lambda order, kind: ""
        self.fills_markets = True
        self.price = D("1.1000")
        self.submits: list[str] = []
        self.count = 0

    def name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def submit(self, new: NewOrder) -> Outcome:
        """Take one order, once; market orders fill at once unless told otherwise."""
        assert new.cl_ord_id not in self.submits, f"{new.cl_ord_id} was sent twice"
        self.submits.append(new.cl_ord_id)
        lost = self.times_out(new)
        if lost == "before":
            return Unknown("timeout", self.at)
        reason = self.refuses(new)
        if reason:
            return Refused(reason, reason.upper(), f"refused: {reason}", self.at)
        order = Resting(new, self.name("v"))
        self.orders[new.cl_ord_id] = self.by_id[order.venue_id] = order
        self.report(order, ExecType.NEW)
        if new.ord_type is OrdType.MARKET and self.fills_markets:
            self.fill(new.cl_ord_id)
        if lost:
            return Unknown("timeout", self.at)
        return Accepted(order.venue_id, self.at)

    def room(self, order: Resting) -> D:
        """Give how much of an order may trade: a reduce-only one never opens."""
        if not order.new.reduce_only or not self.reduce_only:
            return order.leaves
        held = self.net.get((order.new.account, order.new.venue_symbol), D(0))
        return min(order.leaves, max(-held * order.new.side.sign, D(0)))

    def fill(
        self, name: str, quantity: Any = None, price: Any = None, *, told: bool = True
    ) -> ExecutionReport | None:
        """Trade some of an order (all of it by default); what reduce-only forbids is canceled."""
        order = self.orders[name]
        wanted = order.leaves if quantity is None else D(str(quantity))
        traded = min(wanted, self.room(order))
        if not traded:
            self.end(order, OrdStatus.CANCELED, "reduce_only")
            return None
        order.cum += traded
        order.status = (
            OrdStatus.FILLED if order.cum >= order.quantity else OrdStatus.PARTIALLY_FILLED
        )
        position = self._book(order.new, traded)
        at = self.price if price is None else D(str(price))
        report = self.trade(order.new, order.venue_id, traded, at, position)
        if told:
            self.tell(inp.ReportReceived(self.at, report))
        return report

    def _book(self, new: NewOrder, traded: D) -> str | None:
        key = (new.account, new.venue_symbol)
        self.net[key] = self.net.get(key, D(0)) + traded * new.side.sign
        if not self.hedges:
            return None
        position = new.position_id or f"p-{new.cl_ord_id or self.name('hand')}"
        lot = (*key, position)
        self.lots[lot] = self.lots.get(lot, D(0)) + traded * new.side.sign
        return position

    def trade(
        self, new: NewOrder, venue_id: str, quantity: D, price: D, position: str | None = None
    ) -> ExecutionReport:
        """Write one fill down."""
        report = ExecutionReport(
            account=new.account,
            exec_id=self.name("x"),
            exec_type=ExecType.TRADE,
            venue_order_id=venue_id,
            venue_symbol=new.venue_symbol,
            side=new.side,
            at=self.at,
            cl_ord_id=new.cl_ord_id or None,
            last_qty=quantity,
            last_price=price,
            position_id=position,
        )
        self.fills.append(report)
        return report

    def by_hand(
        self, account: str, side: Side, quantity: Any, symbol: str = EURUSD, *, told: bool = True
    ) -> ExecutionReport:
        """A person trades at the venue's own screen."""
        new = NewOrder(
            account=account,
            cl_ord_id="",
            venue_symbol=f"{symbol}.x",
            side=side,
            quantity=D(str(quantity)),
            ord_type=OrdType.MARKET,
        )
        position = self._book(new, new.quantity)
        report = self.trade(new, self.name("h"), new.quantity, self.price, position)
        if told:
            self.tell(inp.ReportReceived(self.at, report))
        return report

    def end(self, order: Resting, status: OrdStatus, reason: str = "", request: str = "") -> None:
        """End an order, and tell it."""
        order.status = status
        self.report(order, ExecType(status.value), reason=reason, request_id=request)

    def cancel(self, name: str, request_id: str) -> Outcome:
        """Take an order back, if it is still there."""
        order = self.orders.get(name)
        reason = "too_late" if order is None or not order.live else ""
        reason = reason or (self.refuses_change(order, "cancel") if order else "")
        if reason or order is None:
            return Refused(reason, reason.upper(), reason, self.at)
        self.end(order, OrdStatus.CANCELED, "requested", request_id)
        return Accepted(order.venue_id, self.at)

    def replace(self, name: str, asked: Any) -> Outcome:
        """Change terms, if the order is still there and has not traded more."""
        order = self.orders.get(name)
        reason = "too_late" if order is None or not order.live else ""
        if order is not None and asked.quantity is not None and asked.quantity <= order.cum:
            reason = reason or "below_filled"
        reason = reason or (self.refuses_change(order, "replace") if order else "")
        if reason or order is None:
            return Refused(reason, reason.upper(), reason, self.at)
        order.quantity = order.quantity if asked.quantity is None else asked.quantity
        order.price = order.price if asked.price is None else asked.price
        order.stop_price = order.stop_price if asked.stop_price is None else asked.stop_price
        self.report(order, ExecType.REPLACED, request_id=asked.request_id)
        return Accepted(order.venue_id, self.at)

    def report(self, order: Resting, kind: ExecType, **more: Any) -> None:
        """Tell a change of an order that is no trade."""
        self.tell(inp.ReportReceived(self.at, self.word(order, kind, **more)))

    def word(self, order: Resting, kind: ExecType, **more: Any) -> ExecutionReport:
        """Make a report as this venue would."""
        return ExecutionReport(
            account=order.new.account,
            exec_id=self.name("r"),
            exec_type=kind,
            venue_order_id=order.venue_id,
            venue_symbol=order.new.venue_symbol,
            side=order.new.side,
            at=self.at,
            cl_ord_id=order.new.cl_ord_id or None,
            order_qty=order.quantity,
            price=order.price,
            stop_price=order.stop_price,
            **more,
        )

    def shown(self, order: Resting) -> VenueOrder:
        """Show an order as the venue would when asked."""
        return VenueOrder(
            account=order.new.account,
            venue_order_id=order.venue_id,
            venue_symbol=order.new.venue_symbol,
            side=order.new.side,
            ord_type=order.new.ord_type,
            ord_status=order.status,
            quantity=order.quantity,
            cum_qty=order.cum,
            at=self.at,
            cl_ord_id=order.new.cl_ord_id or None,
            price=order.price,
            stop_price=order.stop_price,
        )

    def positions(self, account: str) -> tuple[VenuePosition, ...]:
        """Show what an account holds."""
        if self.hedges:
            held = [
                (symbol, quantity, position)
                for (owner, symbol, position), quantity in self.lots.items()
                if owner == account
            ]
        else:
            held = [(s, q, None) for (owner, s), q in self.net.items() if owner == account]
        return tuple(
            VenuePosition(
                account=account,
                venue_symbol=symbol,
                quantity=quantity,
                avg_price=self.price,
                position_id=position,
            )
            for symbol, quantity, position in held
            if quantity
        )


class Bench:
    """The core, one venue and a clock. ``post`` is what the venue has said and nobody has heard."""

    def __init__(
        self,
        *accounts: str,
        symbols: Iterable[str] = (EURUSD,),
        mode: AccountMode = AccountMode.PAPER,
        position_mode: PositionMode = PositionMode.NETTING,
        limits: RiskLimits = ROOMY,
        sizing: SizingRule = SIGNAL_SIZE,
        route: dict[str, Any] | None = None,
        contract: dict[str, Any] | None = None,
        ready: bool = True,
        **capabilities: Any,
    ) -> None:
        self.at = START
        self.accounts = accounts or ("a",)
        self.state, self.market = State(), Market()
        self.events: list[Event] = []
        self.wire: list[Effect] = []
        self.latched = False
        self.post: list[inp.Input] = []
        caps = Capabilities(**{"reduce_only": True, **capabilities})
        self.settings = Settings(
            accounts={
                name: AccountSpec(
                    id=name,
                    venue="v",
                    login=name,
                    mode=mode,
                    currency="USD",
                    position_mode=position_mode,
                    limits=limits,
                )
                for name in self.accounts
            },
            capabilities={name: caps for name in self.accounts},
            listings={
                name: {symbol: listing(symbol, **(contract or {})) for symbol in symbols}
                for name in self.accounts
            },
            symbols={name: {f"{s}.x": s for s in symbols} for name in self.accounts},
            routes=(
                Route(
                    id="r",
                    strategy="*",
                    legs=tuple(RouteLeg(account=name, sizing=sizing) for name in self.accounts),
                    **(route or {}),
                ),
            ),
        )
        self.venue = Venue(self.post.append, reduce_only=caps.reduce_only)
        self.venue.hedges = position_mode is PositionMode.HEDGING
        self.signals = 0
        self.begin(new_epoch="t")
        if ready:
            for name in self.accounts:
                self.look(name)

    # --- inputs ---------------------------------------------------------------------------------

    def feed(self, given: inp.Input) -> list[Event]:
        """Decide one input, and queue what its events ask of the venue."""
        events = decide(self.state, self.settings, self.market, given)
        self.events += events
        for event in events:
            make = EFFECTS.get(type(event))
            effect = make(event) if make is not None else None
            if effect is not None:
                self.wire.append(effect)
        return events

    def begin(self, **more: Any) -> list[Event]:
        """Start the engine; a restart has no memory but the state."""
        self.market = Market()
        self.wire.clear()
        fresh = {"pid": 1, "version": "0", "config_hash": "", "config": "", **more}
        events = self.feed(inp.EngineBegan(Instant(self.at), **fresh))
        for name in self.accounts:
            events += self.feed(inp.LinkReported(Instant(self.at), name, True, "connected"))
        return events

    def say(self, *intents: Intent, **more: Any) -> list[Event]:
        """Send one signal; ``strategy`` is ``s`` unless said otherwise."""
        self.signals += 1
        words: dict[str, Any] = {
            "source": "test",
            "dialect": "native",
            "received_at": Instant(self.at),
            "body_hash": f"h{self.signals}",
            "raw": "{}",
            "strategy": "s",
            "intents": intents,
        }
        return self.feed(inp.SignalReceived(Instant(self.at), Signal(**{**words, **more})))

    def quote(self, bid: Any, ask: Any = None, symbol: str = EURUSD) -> list[Event]:
        """Tell every account a price."""
        low = D(str(bid))
        high = low if ask is None else D(str(ask))
        quote = Quote(f"{symbol}.x", low, high, Instant(self.at))
        events: list[Event] = []
        for name in self.accounts:
            events += self.feed(inp.QuoteReceived(Instant(self.at), name, quote))
        return events

    def wait(self, ns: int) -> list[Event]:
        """Let time pass, and say so where that may make something due."""
        self.at += ns
        self.venue.at = Instant(self.at)
        due = has_duties(self.settings) or awaits_time(self.state, self.market)
        return self.feed(inp.Ticked(Instant(self.at))) if due else []

    def report(self, name: str, kind: ExecType, **more: Any) -> list[Event]:
        """Tell one report of an order as its venue would, whatever the venue itself thinks."""
        order = self.order(name)
        words: dict[str, Any] = {
            "account": order.account,
            "exec_id": self.venue.name("r"),
            "exec_type": kind,
            "venue_order_id": order.venue_order_id or f"v-{name}",
            "venue_symbol": order.venue_symbol,
            "side": order.side,
            "at": Instant(self.at),
            "cl_ord_id": name,
        }
        return self.feed(inp.ReportReceived(Instant(self.at), ExecutionReport(**{**words, **more})))

    def traded(self, name: str, quantity: Any, price: Any = "1.1", **more: Any) -> list[Event]:
        """Tell one fill of an order."""
        return self.report(
            name,
            ExecType.TRADE,
            last_qty=D(str(quantity)),
            last_price=D(str(price)),
            **more,
        )

    def answered(self, name: str, outcome: Outcome) -> list[Event]:
        """Tell the outcome of a submit."""
        account = self.order(name).account
        return self.feed(inp.SubmitAnswered(Instant(self.at), account, name, outcome))

    def look(self, account: str = "a", **more: Any) -> list[Event]:
        """Look at the venue: all it shows now, and all of its fills."""
        self.market.looks.pop(account, None)
        known = self.state.accounts[account]
        shown = [o for o in self.venue.orders.values() if o.new.account == account]
        lookups = {
            order.cl_ord_id: (
                self.venue.shown(self.venue.orders[order.cl_ord_id])
                if order.cl_ord_id in self.venue.orders
                else None
            )
            for order in known.orders.values()
            if not order.waiting
            and not order.native_child
            and order.status is not OrdStatus.NEW_REQUESTED
            and not (order.cl_ord_id in self.venue.orders and self.is_live(order.cl_ord_id))
        }
        words: dict[str, Any] = {
            "cause": "test",
            "orders": tuple(self.venue.shown(o) for o in shown if o.live),
            "positions": self.venue.positions(account),
            "fills": tuple(fill for fill in self.venue.fills if fill.account == account),
            "lookups": lookups,
        }
        return self.feed(inp.Looked(at=Instant(self.at), account=account, **{**words, **more}))

    def money(self, balance: Any, account: str = "a", equity: Any = None) -> list[Event]:
        """Tell an account's money."""
        return self.feed(
            inp.MoneyReceived(
                Instant(self.at),
                AccountSnapshot(
                    account=account,
                    currency="USD",
                    balance=D(str(balance)),
                    equity=D(str(balance if equity is None else equity)),
                    margin_used=D(0),
                    free_margin=D(str(balance)),
                    at=Instant(self.at),
                ),
            )
        )

    def limit(self, account: str, limits: RiskLimits) -> None:
        """Put other limits of an account in force at once."""
        event = LimitsChanged(
            at=Instant(self.at),
            scope=f"account:{account}",
            before=None,
            after=limits,
            by="test",
            why="test",
            effective_at=Instant(self.at),
        )
        evolve(self.state, event)
        self.events.append(event)

    # --- the way to the venue and back -----------------------------------------------------------

    def carry(self) -> None:
        """Carry out every effect once, as the dispatcher does; answers go to the post."""
        due, later = [], []
        for effect in self.wire:
            order = self.state.accounts[effect.account].orders.get(effect.cl_ord_id)
            waits = isinstance(effect, Submit) and order is not None and order.not_before
            (later if waits and waits > self.at else due).append(effect)
        self.wire = later
        for effect in due:
            self.carry_one(effect)

    def carry_one(self, effect: Effect) -> None:
        """Carry out one effect."""
        order = self.state.accounts[effect.account].orders.get(effect.cl_ord_id)
        at = Instant(self.at)
        if order is None:
            return
        if isinstance(effect, Submit):
            if order.status is not OrdStatus.NEW_REQUESTED:
                return
            stale = order.expires_unsent is not None and self.at > order.expires_unsent
            if self.latched or (order.leg == "e" and (order.pending == "cancel" or stale)):
                self.feed(inp.NeverSent(at, effect.account, effect.cl_ord_id, "not sent"))
                return
            outcome = self.venue.submit(new_order(order, self.settings))
            self.feed(inp.OrdersWritten(at, (effect.account,), (effect.cl_ord_id,)))
            self.post.append(inp.SubmitAnswered(at, effect.account, effect.cl_ord_id, outcome))
        elif isinstance(effect, Cancel):
            if order.status is OrdStatus.NEW_REQUESTED:
                self.feed(inp.NeverSent(at, effect.account, effect.cl_ord_id, "taken back"))
                return
            outcome = self.venue.cancel(effect.cl_ord_id, effect.request_id)
            self._change_answered(effect, effect.request_id, outcome)
        else:
            outcome = self.venue.replace(effect.cl_ord_id, effect.request)
            self._change_answered(effect, effect.request.request_id, outcome)

    def _change_answered(self, effect: Cancel | Change, request: str, outcome: Outcome) -> None:
        self.post.append(
            inp.ChangeAnswered(Instant(self.at), effect.account, effect.cl_ord_id, request, outcome)
        )

    def deliver(self, index: int = 0) -> list[Event]:
        """Let one message of the post arrive."""
        given = self.post.pop(index)
        return self.feed(msgspec.structs.replace(given, at=Instant(self.at)))

    def settle(self) -> list[Event]:
        """Carry and deliver until all is quiet; a storm of messages is a failure."""
        start = len(self.events)
        for _ in range(500):
            if not self.post and not self.wire:
                return self.events[start:]
            if self.post:
                self.deliver()
                continue
            before = len(self.wire)
            self.carry()
            if not self.post and len(self.wire) == before:
                return self.events[start:]
        raise AssertionError(f"a storm: {[type(e).__name__ for e in self.events[-12:]]}")

    # --- what is known ---------------------------------------------------------------------------

    def order(self, name: str) -> Order:
        """Find an order of ours on any account."""
        for account in self.state.accounts.values():
            found = account.order(name)
            if found is not None:
                return found
        raise AssertionError(f"no order {name}")

    def is_live(self, name: str) -> bool:
        """Whether the venue still works an order."""
        return self.venue.orders[name].live

    def book(self, strategy: str = "s", account: str = "a", symbol: str = EURUSD) -> Book:
        """Find a book; an empty one when there is none."""
        found = self.state.accounts[account].book(strategy, symbol)
        return found if found is not None else Book(strategy, symbol, f"{symbol}.x")

    def guard(self, name: str, account: str = "a") -> Guard:
        """Find a guard by its entry."""
        return self.state.accounts[account].guards[name]

    def net(self, account: str = "a", symbol: str = EURUSD) -> D:
        """Give the net position that the core believes in."""
        exposure = self.state.accounts[account].exposure.get(symbol)
        return exposure.net if exposure is not None else D(0)

    def orders(self, leg: str = "", account: str = "a") -> list[Order]:
        """Give the live orders of an account, oldest first, of one leg or all."""
        live = self.state.accounts[account].orders.values()
        return [order for order in live if not leg or order.leg == leg]

    def working(self, leg: str, account: str = "a") -> list[Resting]:
        """Give what works at the venue, by leg."""
        return [
            order
            for name, order in self.venue.orders.items()
            if order.live and order.new.account == account and self.order(name).leg == leg
        ]

    def replay(self) -> bytes:
        """Fold all events anew, as a restart would, and write the state down."""
        fresh = State()
        for event in self.events:
            evolve(fresh, event)
        return dump(fresh)


def kinds(events: Iterable[Event]) -> list[str]:
    """Give the kinds of events, in order."""
    return [str(event.__struct_config__.tag) for event in events]


def only(events: Iterable[Event], kind: type) -> Any:
    """Give the one event of a kind."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} in {kinds(events)}"
    return found[0]


def every(events: Iterable[Event], kind: type) -> list[Any]:
    """Give all events of a kind."""
    return [event for event in events if isinstance(event, kind)]
