"""What of an account's requests may go now: pacing, stagger, stops, latch, and each only once.

The part of the dispatcher that decides. It does no I/O and reads no clock, so that the simulator
runs this very code; ``Dispatcher`` carries out what it gives.
"""

from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct, field

from bascule.config.latch import LatchMode
from bascule.engine.pacing import TokenBucket
from bascule.execution.effects import Cancel, Change, Effect, Submit
from bascule.execution.inputs import ChangeAnswered, Input, NeverSent
from bascule.execution.state import Order, State
from bascule.execution.stops import stop_in_force
from bascule.execution.turn import Settings
from bascule.model.account import AccountSpec
from bascule.model.enums import OrdStatus, StopMode
from bascule.model.ids import AccountId
from bascule.model.order import CancelOrder, NewOrder, Refused, ReplaceOrder
from bascule.model.values import Instant
from bascule.risk.proposal import StopInForce

QUEUE_MAX = 10_000
"""Requests an account may have waiting; an entry beyond it is dropped unsent, and says so."""


Latched = Callable[[AccountSpec, str], LatchMode | None]
"""Says what the kill switch forbids an account's strategy."""


def nothing_known(spec: AccountSpec, strategy: str) -> LatchMode | None:
    """Before the first look the gate counts as shut."""
    return "freeze"


class Outgoing(Struct):
    """What is to be written to venues now, in this order, and when to ask again.

    ``waits`` gives, for an account whose queue holds more, the nanoseconds until some of it may
    go. Changes go after the submits: one may speak of an order that leaves in this very pump.
    """

    submits: list[NewOrder] = field(default_factory=list)
    changes: list[CancelOrder | ReplaceOrder] = field(default_factory=list)
    waits: dict[AccountId, int] = field(default_factory=dict)


class _Lane:
    """One account's queue. ``first`` holds cancels, exits and protection, ``later`` entries."""

    __slots__ = ("bucket", "first", "later")

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.first: deque[Effect] = deque()
        self.later: deque[Submit] = deque()


class Lanes:
    """The queues of all accounts.

    ``look`` looks at the kill switch, and gives what says what it forbids an account's strategy. It
    is looked at in each pump, so in the very step that writes what the pump lets go, since whoever
    shut the gate may be another process.
    What is dropped here is told to ``feed``, never silently.
    """

    def __init__(
        self,
        state: State,
        settings: Settings,
        look: Callable[[], Latched],
        feed: Callable[[Input], object],
    ) -> None:
        self._state = state
        self._settings = settings
        self._look = look
        self._latched: Latched = nothing_known
        self._feed = feed
        self._lanes: dict[AccountId, _Lane] = {}
        self._dirty: dict[AccountId, None] = {}

    def enqueue(self, effects: Sequence[Effect], now: Instant) -> None:
        """Take durable effects; ``pump`` gives what of them may go."""
        for effect in effects:
            lane = self._lane(effect.account, now)
            if lane is None:
                continue
            if isinstance(effect, Submit) and self._is_entry(effect):
                if len(lane.later) >= QUEUE_MAX:
                    self._never(effect, "the account's queue is full", now)
                    continue
                lane.later.append(effect)
            elif isinstance(effect, Cancel) and self._take_back_unsent(effect, now):
                continue  # it costs the venue nothing, and so none of the pace
            else:
                lane.first.append(effect)
            self._dirty[effect.account] = None

    def wake(self, account: AccountId) -> None:
        """Say that an account's wait is over."""
        self._dirty[account] = None

    def pump(self, now: Instant) -> Outgoing:
        """Take from the queues all that may go now."""
        out = Outgoing()
        self._latched = self._look()
        dirty, self._dirty = self._dirty, {}
        for account in dirty:
            wait = self._pump(account, now, out)
            if wait is not None:
                out.waits[account] = max(wait, 0)
        return out

    def _lane(self, account: AccountId, now: Instant) -> _Lane | None:
        lane = self._lanes.get(account)
        if lane is None:
            spec = self._settings.accounts.get(account)
            if spec is None:
                return None
            lane = self._lanes[account] = _Lane(TokenBucket(spec.pacing, now))
        return lane

    def _order(self, effect: Effect) -> Order | None:
        account = self._state.accounts.get(effect.account)
        return account.orders.get(effect.cl_ord_id) if account is not None else None

    def _is_entry(self, effect: Effect) -> bool:
        order = self._order(effect)
        return order is not None and order.leg == "e"

    def _never(self, effect: Effect, why: str, now: Instant) -> None:
        self._feed(NeverSent(now, effect.account, effect.cl_ord_id, why))

    def _pump(self, account: AccountId, now: Instant, out: Outgoing) -> int | None:
        lane = self._lanes[account]
        wait: int | None = None
        while lane.first:
            if not lane.bucket.take(now, entry=False):
                wait = lane.bucket.wait_ns(entry=False)
                break
            self._carry(lane.first.popleft(), now, out)
        held: list[Submit] = []
        while lane.later and wait is None:
            effect = lane.later[0]
            order = self._order(effect)
            if order is not None and order.not_before is not None and order.not_before > now:
                held.append(lane.later.popleft())
                continue
            if not lane.bucket.take(now, entry=True):
                wait = lane.bucket.wait_ns(entry=True)
                break
            self._carry(lane.later.popleft(), now, out)
        if held:
            lane.later.extendleft(reversed(held))
            soonest = min(self._not_before(effect) for effect in held) - now
            wait = soonest if wait is None else min(wait, soonest)
        return wait

    def _not_before(self, effect: Submit) -> int:
        order = self._order(effect)
        return order.not_before if order is not None and order.not_before is not None else 0

    def _carry(self, effect: Effect, now: Instant, out: Outgoing) -> None:
        order = self._order(effect)
        spec = self._settings.accounts[effect.account]
        if order is None:
            return  # it ended while it waited: there is nothing to send or to change
        stop = self._stop(spec, order.strategy)
        if stop is not None and self._held_back(effect, order, stop, now):
            return
        if isinstance(effect, Submit):
            new = self._ready(effect, order, now)
            if new is not None:
                out.submits.append(new)
        else:
            out.changes.append(_change(effect, order))

    def _stop(self, spec: AccountSpec, strategy: str) -> StopInForce | None:
        """Give the stricter of the stop that the state holds and the latch that is on the disk."""
        stop = stop_in_force(self._state, spec, strategy)
        latched = self._latched(spec, strategy)
        if latched is None or (stop is not None and stop.mode is StopMode.FREEZE):
            return stop
        if latched == "freeze":
            return StopInForce("the latch", StopMode.FREEZE, "the kill switch is latched", "")
        return stop or StopInForce("the latch", StopMode.HALT, "the kill switch is latched", "")

    def _held_back(self, effect: Effect, order: Order, stop: StopInForce, now: Instant) -> bool:
        """Hold back what a stop that came meanwhile forbids.

        That is entries and what makes more of one, or under a freeze all.
        """
        frozen = stop.mode is StopMode.FREEZE
        why = f"a {stop.mode.value} on {stop.scope} came before it was sent"
        if isinstance(effect, Submit):
            if frozen or order.leg == "e":
                if order.status is OrdStatus.NEW_REQUESTED:
                    self._never(effect, why, now)
                return True
            return False
        if not frozen and not (isinstance(effect, Change) and _adds(effect, order)):
            return False
        request = effect.request_id if isinstance(effect, Cancel) else effect.request.request_id
        outcome = Refused("frozen" if frozen else "halted", "", why, now)
        self._feed(ChangeAnswered(now, effect.account, effect.cl_ord_id, request, outcome))
        return True

    def _take_back_unsent(self, effect: Cancel, now: Instant) -> bool:
        """Cancel here what has not left yet; the venue must not be asked for an order it lacks."""
        order = self._order(effect)
        if order is None or order.status is not OrdStatus.NEW_REQUESTED:
            return False
        later = self._lanes[effect.account].later
        queued = next((item for item in later if item.cl_ord_id == effect.cl_ord_id), None)
        if queued is not None:
            later.remove(queued)
        elif not order.waiting:
            return False
        self._never(effect, "it was canceled before it was sent", now)
        return True

    def _ready(self, effect: Submit, order: Order, now: Instant) -> NewOrder | None:
        """Make the message of an order that may go, or say why it never will."""
        if order.status is not OrdStatus.NEW_REQUESTED:
            return None
        if order.leg == "e":
            if order.pending == "cancel":
                self._never(effect, "it was canceled before it was sent", now)
                return None
            if order.expires_unsent is not None and now > order.expires_unsent:
                self._never(
                    effect, "the signal went stale while the order waited for its turn", now
                )
                return None
        return new_order(order, self._settings)


def _adds(effect: Change, order: Order) -> bool:
    """Whether a change makes an entry larger, or moves it; one that trails moves by itself."""
    asked = effect.request
    if order.leg != "e":
        return False
    moves = asked.price is not None or asked.stop_price is not None
    larger = asked.quantity is not None and asked.quantity > order.quantity
    return larger or (moves and order.trail_distance is None)


def _change(effect: Cancel | Change, order: Order) -> CancelOrder | ReplaceOrder:
    """Make the message that takes an order back or changes its terms."""
    if isinstance(effect, Cancel):
        return CancelOrder(
            account=effect.account,
            cl_ord_id=order.cl_ord_id,
            venue_order_id=order.venue_order_id,
            venue_symbol=order.venue_symbol,
            request_id=effect.request_id,
        )
    asked = effect.request
    return ReplaceOrder(
        account=effect.account,
        cl_ord_id=order.cl_ord_id,
        venue_order_id=order.venue_order_id,
        venue_symbol=order.venue_symbol,
        request_id=asked.request_id,
        quantity=asked.quantity,
        price=asked.price,
        stop_price=asked.stop_price,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        drop_stop_loss=asked.drop_stop_loss,
        drop_take_profit=asked.drop_take_profit,
        position_id=order.position_id,
    )


def new_order(order: Order, settings: Settings) -> NewOrder:
    """Make the message that sends an order; native protection goes with it where it is native."""
    bracket = order.bracket
    native = bracket is not None and bracket.native
    targets = bracket.take_profits if bracket is not None and native else ()
    trails = settings.capabilities[order.account].native_trailing
    return NewOrder(
        account=order.account,
        cl_ord_id=order.cl_ord_id,
        venue_symbol=order.venue_symbol,
        side=order.side,
        quantity=order.quantity,
        ord_type=order.ord_type,
        price=order.price,
        stop_price=order.stop_price,
        trail_distance=order.trail_distance if trails and order.leg == "e" else None,
        time_in_force=order.time_in_force,
        expire_at=order.expire_at,
        stop_loss=bracket.stop_loss if bracket is not None and native else None,
        take_profit=targets[0][0] if targets else None,
        reduce_only=order.reduce_only and settings.capabilities[order.account].reduce_only,
        position_id=order.position_id,
        comment=order.comment,
    )
