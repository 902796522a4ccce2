"""What a route lets through: how much, on which side, on which accounts, and when.

Held against what the sender asked for, what the routes and accounts say, and what each strategy
holds at the venue. The engine's books are not asked.
"""

from collections.abc import Container, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.account import Route, RouteLeg
from bascule.model.enums import Direction, QtyUnit
from bascule.model.ids import AccountId, ClOrdID, ExecID
from bascule.model.intent import (
    Amount,
    ClosePosition,
    Intent,
    PlaceOrder,
    TargetPosition,
)
from bascule.model.order import NewOrder
from bascule.model.values import ONE, ZERO, floor_to
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.ledger import Broken
from bascule.sim.core.limits import reset_of
from bascule.sim.core.shelter import Shelter
from bascule.sim.core.world import LOT

_UNITS = (QtyUnit.UNITS, QtyUnit.LOTS)
"""One lot of what is traded here is one unit of it."""
_LATE = "xz"
"""How exits are named that nobody asked for: they close what came too late, or went too far."""
_Asked = tuple[int, AccountId, str]


class _Signal(Struct):
    """A signal: what it asks for, and how much of that was requested, by intent and leg."""

    row: int
    strategy: str
    intents: tuple[Intent, ...]
    requested: dict[_Asked, Decimal] = field(default_factory=dict)


class Sizes:
    """The signals of one run, and what became of them."""

    def __init__(
        self,
        settings: Settings,
        clock: Clockwork,
        requested: Mapping[ClOrdID, ev.OrderRequested],
        shelter: Shelter,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._requested = requested
        self._shelter = shelter
        self._signals: dict[str, _Signal] = {}
        self._rows: dict[ClOrdID, int] = {}
        self._ended: dict[ClOrdID, int] = {}
        self._taken_back: dict[ClOrdID, int] = {}
        self._scales: list[tuple[int, ev.ScaleRecorded]] = []
        self._barred: dict[ClOrdID, str] = {}
        self.counted: Container[tuple[AccountId, ExecID]] = ()
        """The fills that the journal counts."""

    def crashed(self, rows: int) -> None:
        """Only so many rows of the journal are left."""
        self._rows = {name: row for name, row in self._rows.items() if row < rows}
        self._ended = {name: row for name, row in self._ended.items() if row < rows}
        self._taken_back = {name: row for name, row in self._taken_back.items() if row < rows}
        self._signals = {name: one for name, one in self._signals.items() if one.row < rows}
        self._scales = [one for one in self._scales if one[0] < rows]

    # --- what the engine decides ----------------------------------------------------------------

    def accepted(self, event: ev.SignalAccepted, row: int) -> None:
        """A signal was taken in."""
        self._signals[event.signal] = _Signal(row, event.strategy, event.intents)

    def ended(self, event: ev.OrderEnded, row: int) -> None:
        """An order is over."""
        self._ended[event.cl_ord_id] = row

    def taken_back(self, event: ev.CancelRequested, row: int) -> None:
        """An order is asked back."""
        self._taken_back[event.cl_ord_id] = row

    def scaled(self, event: ev.ScaleRecorded, row: int) -> None:
        """A person's word on a scale: what grows waits for the firm's reset, what shrinks not."""
        before = self._scale(event.account)
        spec = self._settings.accounts[event.account]
        since = reset_of(spec, self._clock.now) if event.after > before else self._clock.now
        if (event.before, event.effective_at) != (before, since):
            raise Broken(
                "I4",
                f"{event.account} is scaled from {event.before} from {event.effective_at} on, and "
                f"it is {before} until {since}",
            )
        self._scales.append((row, event))

    def _scale(self, account: AccountId) -> Decimal:
        factor = ONE
        for _, event in self._scales:
            if event.account == account:
                late = self._clock.now >= event.effective_at
                factor = event.after if late else event.before
        return factor

    def planned(self, events: list[ev.Event]) -> str:
        """A signal was decided: where one account refused, a route of all or none enters nowhere.

        Names it where another route's account refused and others enter.
        """
        first = events[0]
        word = ""
        if not isinstance(first, ev.SignalAccepted):
            return word
        for index, intent in enumerate(first.intents):
            if not _opens(intent):
                continue
            for route in self._routes(first.strategy):
                refused, entries = self._split(events, index, {one.account for one in route.legs})
                if refused and entries and route.on_refusal == "all":
                    self._barred |= dict.fromkeys(entries, refused)
                elif refused and entries:
                    word = "stood_alone"
        return word

    def _split(
        self, events: list[ev.Event], index: int, accounts: set[AccountId]
    ) -> tuple[str, list[ClOrdID]]:
        """Give who refused an intent, '' for nobody, and the entries that others asked for."""
        refused = ""
        entries = []
        for event in events:
            if getattr(event, "intent", None) != index:
                continue
            if isinstance(event, ev.IntentRefused | ev.OrderRefused) and event.account in accounts:
                refused = event.account or "one account"
            elif isinstance(event, ev.OrderRequested) and event.leg == "e":
                entries.append(event.cl_ord_id)
        return refused, entries

    def sent(self, new: NewOrder) -> str:
        """An entry is being written; names what is remarkable about it."""
        asked = self._requested[new.cl_ord_id]
        barred = self._barred.get(new.cl_ord_id)
        if barred is not None:
            raise Broken("I10", f"{new.cl_ord_id} was sent, and {barred} had refused")
        leg = self._leg(asked.strategy, asked.account)
        stagger = leg.stagger_ns if leg is not None else 0
        if self._clock.now < asked.at + stagger:
            raise Broken("I10", f"{new.cl_ord_id} was sent before its account's turn")
        return "staggered" if stagger else ""

    def requested(self, event: ev.OrderRequested, row: int) -> None:
        """An order was asked for, before the sums know of it."""
        self._rows[event.cl_ord_id] = row
        known = self._signals.get(event.signal)
        self._ended.pop(event.cl_ord_id, None)
        self._taken_back.pop(event.cl_ord_id, None)
        self._barred.pop(event.cl_ord_id, None)
        if known is None or event.leg not in "ex" or event.intent >= len(known.intents):
            return
        if _LATE in event.cl_ord_id.rsplit("-", 1)[-1]:
            return
        intent = known.intents[event.intent]
        key = (event.intent, event.account, event.leg)
        total = known.requested[key] = known.requested.get(key, ZERO) + event.quantity
        if event.leg == "x":
            self._exit(event, intent, total)
        else:
            self._entry(event, intent, total)

    # --- sizes ----------------------------------------------------------------------------------

    def _multiple(self, strategy: str, account: AccountId) -> Decimal | None:
        """Give by how much an account multiplies the sender's sizes; None where it does not."""
        leg = self._leg(strategy, account)
        if leg is None or leg.sizing.method not in ("signal", "multiplier"):
            return None
        factor = leg.sizing.factor if leg.sizing.method == "multiplier" else ONE
        return factor * self._scale(account)

    def _exit(self, event: ev.OrderRequested, intent: Intent, total: Decimal) -> None:
        amount = None
        if isinstance(intent, ClosePosition) or (
            isinstance(intent, PlaceOrder) and intent.reduce_only
        ):
            amount = intent.quantity
        multiple = self._multiple(event.strategy, event.account)
        if amount is None or amount.unit not in _UNITS or multiple is None:
            return
        if total > amount.value * multiple:
            raise Broken(
                "I4",
                f"{event.cl_ord_id} closes {total} where {amount.value} times {multiple} are to "
                "be closed",
            )

    def _entry(self, event: ev.OrderRequested, intent: Intent, total: Decimal) -> None:
        self._side(event)
        amount: Amount | None = None
        if isinstance(intent, PlaceOrder | TargetPosition):
            amount = intent.quantity
        multiple = self._multiple(event.strategy, event.account)
        if amount is None or amount.unit not in _UNITS or multiple is None:
            return
        most = floor_to(amount.value * multiple, LOT)
        if total > most:
            raise Broken("I4", f"{event.cl_ord_id} enters {total} where {most} was asked for")
        if isinstance(intent, TargetPosition):
            self._target(event, most)

    def _target(self, event: ev.OrderRequested, most: Decimal) -> None:
        """What is held, may still fill and is being entered is no more than the target."""
        key = (event.account, event.venue_symbol)
        if self._shelter.venue.meddled.get(key) or not self._hears(event):
            return
        sign = event.side.sign
        heading = self._shelter.held(*key, event.strategy) * sign + event.quantity
        for order, left in self._open(event):
            if order.leg == "e" and order.side is event.side:
                # What was asked back is closed where it fills all the same.
                heading += left if order.cl_ord_id not in self._taken_back else ZERO
            elif order.leg == "x" and order.side is not event.side:
                heading -= left
        if heading > most:
            raise Broken(
                "I4",
                f"{event.cl_ord_id} takes {event.strategy} to {heading} on {event.account}, its "
                f"target is {most}",
            )

    def _open(self, event: ev.OrderRequested) -> Iterator[tuple[ev.OrderRequested, Decimal]]:
        """Give the strategy's other orders in a contract that may still fill, and how much."""
        for name, asked in self._requested.items():
            same = (asked.account, asked.venue_symbol, asked.strategy) == (
                event.account,
                event.venue_symbol,
                event.strategy,
            )
            if not same or name == event.cl_ord_id or name in self._ended:
                continue
            if name not in self._rows:
                continue  # a crash took it back before it was durable
            there = self._shelter.venue.by_name.get((asked.account, name))
            if there is not None and not there.live and asked.leg != "x":
                continue  # an exit counts until the journal knows of its end
            whole = there.quantity if there is not None else asked.quantity
            whole = max(whole, asked.quantity) if asked.leg == "x" else whole
            left = whole - there.cum if there is not None else whole
            if left > 0:
                yield asked, left

    # --- routes ---------------------------------------------------------------------------------

    def _routes(self, strategy: str) -> Iterator[Route]:
        for route in self._settings.routes:
            if route.strategy in ("*", strategy):
                yield route

    def _leg(self, strategy: str, account: AccountId) -> RouteLeg | None:
        for route in self._routes(strategy):
            for leg in route.legs:
                if leg.account == account:
                    return leg
        return None

    def _side(self, event: ev.OrderRequested) -> None:
        """A route enters only on its sides, and against its own position only where it reverses."""
        for route in self._routes(event.strategy):
            if event.account not in {leg.account for leg in route.legs}:
                continue
            if event.side not in route.allowed_sides:
                raise Broken("I4", f"{event.cl_ord_id} enters on a side that its route has not")
            if route.reverse == "close_then_open":
                continue
            key = (event.account, event.venue_symbol)
            if self._shelter.venue.meddled.get(key):
                continue
            against = -self._shelter.held(*key, event.strategy) * event.side.sign
            for order, left in self._open(event):
                if order.leg == "x":
                    against -= left
            if against > 0 and self._hears(event):
                raise Broken(
                    "I4",
                    f"{event.cl_ord_id} enters against {against} that {event.strategy} holds, and "
                    f"route {route.id} does not reverse",
                )

    def _hears(self, event: ev.OrderRequested) -> bool:
        """Whether the engine has counted every fill of the account's contract."""
        venue = self._shelter.venue
        return all(
            (trade.account, trade.shown_id) in self.counted
            for trade in venue.trades.values()
            if (trade.account, trade.venue_symbol) == (event.account, event.venue_symbol)
        )


def _opens(intent: Intent) -> bool:
    if isinstance(intent, TargetPosition):
        return intent.may_open and intent.direction is not Direction.FLAT
    return isinstance(intent, PlaceOrder) and not intent.reduce_only
