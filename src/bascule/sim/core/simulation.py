"""One run of a scenario: the loop over its steps, the healing, and what must come of it."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bascule.config.latch import LatchMode
from bascule.execution import inputs as inp
from bascule.model.enums import OrdStatus, OrdType, Side, StopMode
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.intent import Amount, PlaceOrder, Signal
from bascule.model.order import ExecutionReport
from bascule.model.values import MILLISECOND, MINUTE, SECOND, Instant
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.desk import Desks, Sight
from bascule.sim.core.distributions import Chances
from bascule.sim.core.host import Host
from bascule.sim.core.ledger import Broken, Kept, Trade
from bascule.sim.core.network import Network
from bascule.sim.core.office import office_of
from bascule.sim.core.scenario import Scenario, Step
from bascule.sim.core.venue import Venue
from bascule.sim.core.watch import Watch, told
from bascule.sim.core.world import LOT, STRATEGIES, SYMBOLS, TICK

CALM_NS = 75 * SECOND
"""How long after the faults have stopped everything must have come to a known state."""
_CALM_POLL_NS = 8 * SECOND
_SCOPES = ("all", "account:acc0", "venue:v0", "firm:firm", "strategy:alpha")
_LATCH_SCOPES = _SCOPES[:4]
_T = TypeVar("_T")


FAULT = "I0"
"""No invariant: the engine, or the simulator, broke down."""


class Violation(Struct, frozen=True):
    """What was broken, in which step of which seed (-1: after the last), and how it showed."""

    invariant: str
    seed: int
    step: int
    text: str


class Outcome(Struct, frozen=True):
    """How a run ended, and what it went through."""

    violation: Violation | None
    digest: str
    events: int
    sends: int
    trades: int
    faults: dict[str, int]
    verdicts: dict[str, int]
    reached: dict[str, int]
    trace: tuple[str, ...] = ()


class Simulation:
    """One run. Everything in it follows from the scenario."""

    def __init__(self, scenario: Scenario, *, trace: bool = False) -> None:
        # A restart may bring another configuration; all parts look at the one that is in here.
        self.settings = replace(scenario.settings, accounts=dict(scenario.settings.accounts))
        self.scenario = scenario = replace(scenario, settings=self.settings)
        self.clock = Clockwork(scenario.began)
        self.chances = Chances(scenario.seed, scenario.faults)
        self.watch = Watch(scenario.settings, self.clock)
        self.host = Host(scenario.settings, self.clock, self.chances, self.watch)
        self.network = Network(scenario.settings, self.clock, self.chances, self.host.feed)
        self.venue = Venue(scenario.settings, self.chances, self._told, self.clock_later)
        self.network.venue = self.watch.venue = self.venue
        self.watch.shelter.venue = self.watch.limits.venue = self.venue
        self.host.network = self.network
        self.watch.durable = lambda: self.host.disk.durable
        self.watch.latched = self._latched
        self.watch.limits.in_flight = lambda: self.network.in_flight.values()
        self.venue.on_trade = self.watch.traded
        self._open_accounts()
        if trace:
            self.watch.trace = []
        self._said: list[Signal] = []
        self._amended: set[str] = set()
        self._adopted: set[AccountId] = set()
        self._by_itself: set[int] = set()
        self._guardian: list[inp.GuardianTold] = []
        self.host.started = self._read_guardian
        self._step = -1

    def _open_accounts(self) -> None:
        """Give every account its money, and each firm its books."""
        settings, venue = self.scenario.settings, self.venue
        for name, opening in self.scenario.openings.items():
            venue.bank.open(name, opening.balance, opening.per_lot)
        offices = {
            name: office
            for name, spec in settings.accounts.items()
            if (office := office_of(spec, self.clock.now, self.chances)) is not None
        }
        desks = self.watch.desks = Desks(
            settings, self.clock, venue.bank, offices, self.watch.stops, self._sight()
        )
        desks.amended = venue.amended
        self.watch.limits.changed = desks.limited
        venue.on_money = desks.moved

    def _sight(self) -> Sight:
        host, network, clock = self.host, self.network, self.clock

        def priced(account: AccountId, symbol: VenueSymbol) -> Instant | None:
            quote = host.market.quote(account, symbol)
            return quote.at if quote is not None else None

        def equity(account: AccountId) -> Decimal | None:
            watch = host.market.watches.get(account)
            ledger = watch.ledger if watch is not None else None
            return ledger.equity if ledger is not None else None

        def awake(account: AccountId) -> bool:
            up = network.up.get(network.venue_of(account), False)
            return host.alive and up and clock.now >= clock.frozen_until

        return Sight(
            account=lambda name: host.state.accounts.get(name),
            priced=priced,
            equity=equity,
            awake=awake,
            run=lambda: host.runs,
        )

    def clock_later(self, delay: int, do: Callable[[], None]) -> None:
        """Have the venue do something later."""

        def then() -> None:
            self.venue.at = self.clock.now
            do()

        self.clock.after(delay, then)

    def _told(self, report: ExecutionReport) -> None:
        if self.watch.trace is not None:
            word = f"VENUE {report.exec_type.value} {report.cl_ord_id or report.venue_order_id}"
            traded = f" {report.last_qty} at {report.last_price}" if report.last_qty else ""
            self.watch.note(f"{word}{traded} {report.reason}")
        self.network.tell(report)

    def _latched(self, account: AccountId, strategy: str) -> LatchMode | None:
        return self.host.latched(self.scenario.settings.accounts[account], strategy)

    def close(self) -> None:
        """Let go of what the parts hold of each other, so that all of it is freed at once."""
        for part in (
            self.clock, self.host, self.network, self.venue, self.watch.desks, self.watch, self,
        ):  # fmt: skip
            vars(part).clear()

    # --- the run --------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Run the scenario to its end, or to the first thing that is wrong."""
        violation: Violation | None = None
        try:
            self.play(len(self.scenario.steps))
            self._step = -1
            self._heal()
            self._progress()
        except Broken as broken:
            violation = self._violation(broken.invariant, broken.text)
        except _BUGS as error:
            violation = self._violation(FAULT, f"{type(error).__name__}: {error}")
        rows = self.host.disk.rows
        return Outcome(
            violation=violation,
            digest=self.watch.digest(rows),
            events=len(rows),
            sends=self.watch.sends,
            trades=len(self.venue.trades),
            faults=self.chances.hits,
            verdicts=self.watch.verdicts,
            reached=self.watch.situations.counts,
            trace=tuple(self.watch.trace or ()),
        )

    def play(self, count: int) -> None:
        """Start, and take so many steps.

        Raises:
            Broken: an invariant does not hold.
        """
        self.host.start()
        for step in self.scenario.steps[:count]:
            self._step = step.number
            self.clock.run_until(step.at)
            self.venue.at = self.clock.now
            if self.watch.trace is not None:
                self.watch.note(f"STEP {step.number} {step.kind} {_short(step.what)}")
            _STEPS[step.kind](self, step)

    def _violation(self, invariant: str, text: str) -> Violation:
        self.watch.note(f"BROKEN {invariant}: {text}")
        return Violation(invariant, self.scenario.seed, self._step, text)

    def _heal(self) -> None:
        """Stop all faults, arm everything, and let time pass until all must be known."""
        self.watch.note("ALL FAULTS STOP")
        self.chances.heal()
        self.host.latch.clear()
        self.host.poll_ns = _CALM_POLL_NS
        self.network.deaf_until.clear()
        self._pass(12 * SECOND)
        self._arm_all()
        self._pass(CALM_NS)
        self._resolve_all()
        self._adopt_all()
        self._pass(12 * SECOND)
        self._agree()

    def _pass(self, span: int) -> None:
        """Let time pass in a market that trades on: what is left of a market order fills."""
        for part in (span // 2, span - span // 2):
            for symbol, price in self.venue.price.items():
                self._quote(symbol, price)
            self.clock.run_until(self.clock.now + part)
            self.venue.at = self.clock.now

    def _arm_all(self) -> None:
        stops = list(self.host.state.stops)
        for scope in stops:
            typed = scope.split(":", 1)[-1]
            self.host.feed(inp.ArmAsked(self.clock.now, scope, "ada", "all is well", typed))

    def _resolve_all(self) -> None:
        """A person settles what no evidence will: orders in doubt that the venue never had."""
        for account in list(self.host.state.accounts.values()):
            for order in list(account.orders.values()):
                if order.status is OrdStatus.IN_DOUBT:
                    self._resolve(account.id, order.cl_ord_id)

    def _adopt_all(self) -> None:
        """A person takes over what no report will explain: a bust that was never told."""
        self.host.adopting = "ada: as the venue's screen has it"
        for account in self.host.state.accounts.values():
            if account.drift:
                heard = len(self.network.amends_heard.get(account.id, ()))
                amended = self.venue.amended.get(account.id, 0)
                # A correction of a fill that bore no name may speak of what a hand is taken for.
                if amended <= heard and not (amended and "unnamed_fill" in self.scenario.faults):
                    self.watch.heard(self.host.disk.rows)
                    raise Broken("I8", f"drift without a cause: {account.drift}")
                self._adopted.add(account.id)
                self.host.want(account.id, "asked for")

    def _resolve(self, account: AccountId, name: ClOrdID) -> None:
        there = self.venue.by_name.get((account, name))
        if name in self.network.in_flight or (there is not None and there.live):
            return
        outcome: Literal["absent", "filled"] = "filled" if there and there.cum else "absent"
        self.host.feed(inp.ResolveAsked(self.clock.now, name, outcome, "seen there", "ada"))

    def _agree(self) -> None:
        disk = self.host.disk
        for _ in range(20):
            if disk.durable == len(disk.rows) and not self.network.is_busy:
                break
            # What is asked for at this very moment, since a clock strikes, say, gets its answer.
            self._pass(SECOND // 10)
        if disk.durable != len(disk.rows):
            raise Broken("I8", f"{len(disk.rows) - disk.durable} events never became durable")
        self.watch.settled(self.host.state, disk.rows)

    def _progress(self) -> None:
        """Demand that work goes on: an entry on each account, then everything flat."""
        signal = Signal(
            source="sim",
            dialect="native",
            received_at=self.clock.now,
            body_hash="probe",
            raw="",
            key="probe",
            strategy=STRATEGIES[0],
            intents=(
                PlaceOrder(
                    symbol="EURUSD",
                    side=Side.BUY,
                    quantity=Amount(Decimal(1)),
                    reference_price=self.venue.price[VenueSymbol("EURUSD.x")],
                ),
            ),
        )
        self.watch.note("PROBE")
        self.host.submit(signal)
        self._pass(8 * SECOND)
        self._arm_all()
        self.watch.note("FLATTEN")
        self.host.feed(inp.SweepAsked(self.clock.now, "all", True, "ada", "the end"))
        self._pass(MINUTE + 10 * SECOND)
        self._agree()
        self.watch.replayed(self.host.state, self.host.disk.rows)
        self.watch.flat(self.host.state, self._adopted)

    # --- steps ----------------------------------------------------------------------------------

    def _signal(self, step: Step) -> None:
        now = self.clock.now
        signal: Signal = step.what
        fired = Instant(now + signal.fired_at) if signal.fired_at is not None else None
        signal = replace(signal, received_at=now, fired_at=fired)
        self._said.append(signal)
        self.host.submit(signal)

    def _resend(self, step: Step) -> None:
        if self._said:
            known = self._said[int(step.what * len(self._said))]
            self.host.submit(replace(known, received_at=self.clock.now))

    def _conflict(self, step: Step) -> None:
        if self._said:
            known = self._said[int(step.what * len(self._said))]
            self.host.submit(replace(known, received_at=self.clock.now, body_hash="other"))

    def _mark(self, step: Step) -> None:
        symbol, price = step.what
        self._quote(VenueSymbol(f"{symbol}.x"), price)

    def _quote(self, symbol: VenueSymbol, price: Decimal) -> None:
        self.venue.mark(symbol, price)
        run = self.host.runs
        quote = Quote(symbol, price, price + TICK, self.clock.now)

        def hear() -> None:
            for account, spec in self.scenario.settings.accounts.items():
                if run == self.host.runs and self.network.up.get(spec.venue):
                    self.host.feed(inp.QuoteReceived(self.clock.now, account, quote))

        self.clock.after(5 * MILLISECOND, hear, host=True)

    def _stop(self, step: Step) -> None:
        mode = {"halt": StopMode.HALT, "freeze_scope": StopMode.FREEZE, "lock": StopMode.LOCK}
        scope = self._pick(_SCOPES, step)
        self.host.latch["engine", scope] = "freeze" if step.kind == "freeze_scope" else "halt"
        until = Instant(self.clock.now + 5 * SECOND) if step.kind == "lock" else None
        self.host.feed(
            inp.StopAsked(self.clock.now, scope, mode[step.kind], "ada", "a bad feeling", until)
        )

    def _latch(self, step: Step) -> None:
        mode: LatchMode = "freeze" if step.what < 0.2 else "halt"
        self.host.latch["guardian", self._pick(_LATCH_SCOPES, step)] = mode

    def _arm(self, step: Step) -> None:
        if self.host.latch and step.what < 0.3:
            del self.host.latch[next(iter(self.host.latch))]  # whoever keeps it lifts it
        scope = self._pick([*self.host.state.stops, "all"], step)
        typed = scope.split(":", 1)[-1] if step.what < 0.9 else "what?"
        events = self.host.feed(inp.ArmAsked(self.clock.now, scope, "ada", "again", typed))
        if not any(type(event).__name__ == "ArmRefused" for event in events):
            self.host.latch.pop(("engine", scope), None)

    def _sweep(self, step: Step) -> None:
        scope = self._pick(_SCOPES, step)
        close = int(step.what * 1000) % 2 == 0
        self.watch.situations.count("flattened" if close else "canceled_all")
        self.host.feed(inp.SweepAsked(self.clock.now, scope, close, "ada", "sweep"))

    def _person(self, step: Step) -> None:
        doubts = [
            (account.id, order.cl_ord_id)
            for account in self.host.state.accounts.values()
            for order in account.orders.values()
            if order.status is OrdStatus.IN_DOUBT
        ]
        if doubts and self.host.alive:
            self._resolve(*self._pick(doubts, step))

    def _money(self, step: Step) -> None:
        account = self._pick(list(self.scenario.settings.accounts), step)
        currency = self.scenario.settings.accounts[account].currency
        told = self.venue.bank.snapshot(account, currency, self.clock.now)
        self.network.tell_money(told, f"money {step.number}")

    def _fee(self, step: Step) -> None:
        """A swap, or a fee for data: no fill tells of it."""
        account = self._pick(list(self.scenario.settings.accounts), step)
        self.venue.bank.charge(account, Decimal(25))
        self.watch.desks.moved(account, charged=True)

    def _scale(self, step: Step) -> None:
        account, factor = step.what
        self.host.feed(inp.ScaleTold(self.clock.now, account, factor, "ada", "the firm says so"))

    def _reconfigure(self, step: Step) -> None:
        """The owner changes limits in the file, and starts the engine again."""
        account, changes, in_good_order = step.what
        spec = self.settings.accounts[account]
        if self.host.alive:
            if in_good_order:
                self.host.feed(inp.EngineEnded(self.clock.now, "asked to"))
                self.host.disk.durable = len(self.host.disk.rows)
                self.host.disk.syncing = 0
            self.host.crash()
            self.clock.after(self.chances.down(f"restart {step.number}"), self.host.start)
        limits = replace(spec.limits, **changes)
        self.settings.accounts[account] = replace(spec, limits=limits)

    def _accept(self, step: Step) -> None:
        if self.host.alive:
            self.watch.accepted()
            self.host.feed(inp.LimitsAccepted(self.clock.now, "ada", "they are meant"))

    def _guards(self, step: Step) -> None:
        """The guardian stops a scope, or lifts it; the engine reads of it in the guardian's log.

        What it stops is latched before it says so.
        """
        scope, action, span = step.what
        now, key = self.clock.now, ("guardian", scope)
        armed = action == "armed"
        if armed:
            self.host.latch.pop(key, None)
        else:
            self.host.latch[key] = "halt" if action in ("halt", "cancel", "lock") else "freeze"
        number = len(self._guardian) + 1
        line = inp.GuardianTold(
            at=now,
            seq=number,
            done_at=now,
            what=action if armed else "command",
            facts="",
            line_hash=str(number),
            action="" if armed else action,
            scope=scope,
            by="ada",
            reason="a key",
            until=Instant(now + span) if span else None,
        )
        self._guardian.append(line)
        self.host.feed(line)

    def _read_guardian(self) -> None:
        """A start reads all of the guardian's log."""
        for line in self._guardian:
            self.host.feed(replace(line, at=self.clock.now))

    def _hit(self, step: Step) -> None:
        hits = self.chances.hits
        hits[step.kind] = hits.get(step.kind, 0) + 1

    def _crash(self, step: Step) -> None:
        if self.host.alive:
            self._hit(step)
            self.host.crash()
            self.clock.after(self.chances.down(f"crash {step.number}"), self.host.start)

    def _freeze(self, step: Step) -> None:
        self._hit(step)
        span = self.chances.down(f"freeze {step.number}")
        self.clock.frozen_until = Instant(self.clock.now + span)

    def _link_drop(self, step: Step) -> None:
        venues = [venue for venue, up in self.network.up.items() if up]
        if venues and self.host.alive:
            self._hit(step)
            self.host.drop_link(self._pick(venues, step), f"drop {step.number}")

    def _forgets(self, step: Step) -> None:
        if self.network.up:
            self._hit(step)
            self.network.forget(self._pick(list(self.network.up), step), f"deaf {step.number}")

    def _hand_trade(self, step: Step) -> None:
        self._hit(step)
        account = self._pick(list(self.scenario.settings.accounts), step)
        symbol = VenueSymbol("EURUSD.x")
        kind = self.chances.of(f"hand {step.number}")
        if kind < 0.6:
            part = Decimal(1) if kind < 0.3 else Decimal("0.5")
            self.venue.hand_close(account, symbol, part)
        else:
            side = Side.BUY if kind < 0.8 else Side.SELL
            self.venue.hand_order(account, symbol, side, Decimal(1), None)

    def _hand_order(self, step: Step) -> None:
        self._hit(step)
        account = self._pick(list(self.scenario.settings.accounts), step)
        price = SYMBOLS["EURUSD"] - 30 * TICK
        self.venue.hand_order(account, VenueSymbol("EURUSD.x"), Side.BUY, Decimal(1), price)

    def _amend(self, step: Step) -> None:
        recent = self.clock.now - 30 * SECOND
        fills = [
            trade
            for trade in self.venue.trades.values()
            if trade.shown_id + "'" not in self._amended
            and trade.at > recent
            and self.venue.orders[trade.order - 1].origin == "client"
        ]
        if not fills:
            return
        trade: Trade = self._pick(fills, step)
        self._amended.add(f"{trade.shown_id}'")
        self._hit(step)
        if step.kind == "bust":
            self.venue.bust(trade)
        else:
            less = trade.quantity - LOT if trade.quantity > LOT else trade.quantity
            quantity = less if step.what < 0.4 else trade.quantity
            self.venue.correct(trade, quantity, trade.price + TICK)

    def _own(self, step: Step) -> Kept | None:
        working = [
            order
            for order in self.venue.working.values()
            if order.live and order.origin != "bracket"
        ]
        return self._pick(working, step) if working else None

    def _ends_itself(self, step: Step) -> None:
        order = self._own(step)
        if order is not None:
            self._hit(step)
            expired = step.kind == "expire"
            status = OrdStatus.EXPIRED if expired else OrdStatus.CANCELED
            self._by_itself.add(order.number)
            self.venue.end(order, status, "by_the_venue")

    def _reinstate(self, step: Step) -> None:
        since = self.clock.now - 30 * SECOND
        ended = [
            order
            for order in self.venue.orders
            if order.status in (OrdStatus.EXPIRED, OrdStatus.CANCELED)
            and order.origin == "client"
            and order.number in self._by_itself
            and order.done_at >= since
            and order.cum < order.quantity
        ]
        if ended:
            self._hit(step)
            self.venue.reinstate(self._pick(ended, step))

    def _enlarge(self, step: Step) -> None:
        order = self._own(step)
        if order is not None and order.ord_type is not OrdType.MARKET:
            self._hit(step)
            self.venue.enlarge(order)

    def _drag(self, step: Step) -> None:
        order = self._own(step)
        if order is None or order.ord_type is OrdType.MARKET:
            return
        self._hit(step)
        price = order.price - TICK if order.price is not None else None
        stop = order.stop_price - TICK if order.stop_price is not None else None
        self.venue.amend(order, None, price, stop)

    def _pick(self, choices: Sequence[_T], step: Step) -> _T:
        return choices[int(self.chances.of(f"pick {step.number}") * len(choices))]


_BUGS = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError,
)  # fmt: skip
_STEPS: dict[str, Callable[[Simulation, Step], None]] = {
    "signal": Simulation._signal,
    "resend": Simulation._resend,
    "conflict": Simulation._conflict,
    "mark": Simulation._mark,
    "halt": Simulation._stop,
    "freeze_scope": Simulation._stop,
    "lock": Simulation._stop,
    "latch": Simulation._latch,
    "arm": Simulation._arm,
    "sweep": Simulation._sweep,
    "resolve": Simulation._person,
    "money": Simulation._money,
    "crash": Simulation._crash,
    "freeze": Simulation._freeze,
    "link_drop": Simulation._link_drop,
    "venue_forgets": Simulation._forgets,
    "hand_trade": Simulation._hand_trade,
    "hand_order": Simulation._hand_order,
    "bust": Simulation._amend,
    "correct": Simulation._amend,
    "unsolicited_cancel": Simulation._ends_itself,
    "expire": Simulation._ends_itself,
    "drag_order": Simulation._drag,
    "reinstate": Simulation._reinstate,
    "enlarge_order": Simulation._enlarge,
    "fee": Simulation._fee,
    "scale": Simulation._scale,
    "reconfigure": Simulation._reconfigure,
    "accept": Simulation._accept,
    "guardian": Simulation._guards,
}


def _short(what: object) -> str:
    return told(what) if not isinstance(what, float) else ""
