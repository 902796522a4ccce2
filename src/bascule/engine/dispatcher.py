"""From durable effects to venues: paced per account, latched, each sent at most once.

An order is taken from its account's queue once. What becomes of it is the venue's outcome, fed
back as an input; nothing here retries.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from bascule.engine.clock import Clock
from bascule.engine.latch import Latch
from bascule.engine.pacing import TokenBucket
from bascule.execution.effects import Cancel, Change, Effect, Submit
from bascule.execution.inputs import (
    ChangeAnswered,
    Input,
    NeverSent,
    OrdersWritten,
    SubmitAnswered,
)
from bascule.execution.state import Order, State
from bascule.execution.stops import stop_in_force
from bascule.execution.turn import Settings
from bascule.model.enums import OrdStatus, StopMode
from bascule.model.ids import AccountId, VenueId
from bascule.model.order import CancelOrder, NewOrder, Outcome, Refused, ReplaceOrder
from bascule.model.values import SECOND, Instant
from bascule.risk.proposal import StopInForce
from bascule.venues.kit.contract import Venue

QUEUE_MAX = 10_000
"""Requests an account may have waiting; an entry beyond it is dropped unsent, and says so."""
BATCH_MAX = 500


class _Lane:
    """One account's queue. ``first`` holds cancels, exits and protection, ``later`` entries."""

    __slots__ = ("bucket", "first", "later", "timer")

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.first: deque[Effect] = deque()
        self.later: deque[Submit] = deque()
        self.timer: asyncio.TimerHandle | None = None


class Dispatcher:
    """Carries effects to venues and outcomes back. All methods are for the loop's thread."""

    def __init__(
        self,
        state: State,
        settings: Settings,
        links: Mapping[VenueId, Venue],
        latch: Latch,
        clock: Clock,
        feed: Callable[[Input], object],
        on_broken: Callable[[BaseException], None],
    ) -> None:
        self._state = state
        self._settings = settings
        self._links = links
        self._latch = latch
        self._clock = clock
        self._feed = feed
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[AccountId, _Lane] = {}
        self._dirty: dict[AccountId, None] = {}
        self._scheduled = False
        self._changes: list[Coroutine[None, None, None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._futures: set[asyncio.Future[Outcome]] = set()
        self.stopped = False

    def enqueue(self, effects: Sequence[Effect]) -> None:
        """Take durable effects and carry them out as pacing allows."""
        for effect in effects:
            lane = self._lane(effect.account)
            if lane is None:
                continue
            if isinstance(effect, Submit) and self._is_entry(effect):
                if len(lane.later) >= QUEUE_MAX:
                    self._never(effect, "the account's queue is full")
                    continue
                lane.later.append(effect)
            elif isinstance(effect, Cancel) and self._take_back_unsent(effect):
                continue  # it costs the venue nothing, and so none of the pace
            else:
                lane.first.append(effect)
            self._dirty[effect.account] = None
        # At once, not on the next turn of the loop: this is the way from the fsync to the wire.
        self._pump_all()

    async def close(self, patience_s: float) -> None:
        """Send nothing more; wait a while for outcomes still under way."""
        self.stopped = True
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        if self._tasks or self._futures:
            under_way: set[asyncio.Future[Any]] = {*self._tasks, *self._futures}
            await asyncio.wait(under_way, timeout=patience_s)

    def _lane(self, account: AccountId) -> _Lane | None:
        lane = self._lanes.get(account)
        if lane is None:
            spec = self._settings.accounts.get(account)
            if spec is None:
                return None
            lane = _Lane(TokenBucket(spec.pacing, self._clock.now()))
            self._lanes[account] = lane
        return lane

    def _order(self, effect: Effect) -> Order | None:
        account = self._state.accounts.get(effect.account)
        return account.orders.get(effect.cl_ord_id) if account is not None else None

    def _is_entry(self, effect: Effect) -> bool:
        order = self._order(effect)
        return order is not None and order.leg == "e"

    def _never(self, effect: Effect, why: str) -> None:
        self._feed(NeverSent(self._clock.now(), effect.account, effect.cl_ord_id, why))

    def _pump_all(self) -> None:
        self._scheduled = False
        if self.stopped:
            return
        batches: dict[VenueId, list[NewOrder]] = {}
        dirty, self._dirty = self._dirty, {}
        for account in dirty:
            self._pump(account, batches)
        for venue, orders in batches.items():
            for start in range(0, len(orders), BATCH_MAX):
                self._submit(self._links[venue], orders[start : start + BATCH_MAX])
        # After the submits: a change may speak of an order that leaves in this very pump.
        changes, self._changes = self._changes, []
        for change in changes:
            self._spawn(change)

    def _wake(self, account: AccountId) -> None:
        self._lanes[account].timer = None
        self._dirty[account] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump_all)

    def _pump(self, account: AccountId, batches: dict[VenueId, list[NewOrder]]) -> None:
        """Take from an account's queue all that may go now."""
        lane = self._lanes[account]
        now = self._clock.now()
        wait: int | None = None
        while lane.first:
            if not lane.bucket.take(now, entry=False):
                wait = lane.bucket.wait_ns(entry=False)
                break
            self._carry(lane.first.popleft(), now, batches)
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
            self._carry(lane.later.popleft(), now, batches)
        if held:
            lane.later.extendleft(reversed(held))
            soonest = min(self._not_before(effect) for effect in held) - now
            wait = soonest if wait is None else min(wait, soonest)
        if wait is not None and lane.timer is None:
            lane.timer = self._loop.call_later(max(wait, 0) / SECOND, self._wake, account)

    def _not_before(self, effect: Submit) -> int:
        order = self._order(effect)
        return order.not_before if order is not None and order.not_before is not None else 0

    def _carry(self, effect: Effect, now: Instant, batches: dict[VenueId, list[NewOrder]]) -> None:
        order = self._order(effect)
        spec = self._settings.accounts[effect.account]
        if order is None:
            return  # it ended while it waited: there is nothing to send or to change
        stop = stop_in_force(self._state, spec, order.strategy)
        if stop is not None and self._held_back(effect, order, stop):
            return
        if isinstance(effect, Submit):
            new = self._ready(effect, order, now)
            if new is not None:
                batches.setdefault(spec.venue, []).append(new)
        elif isinstance(effect, Cancel):
            self._changes.append(self._cancel(self._links[spec.venue], effect, order))
        else:
            self._changes.append(self._replace(self._links[spec.venue], effect, order))

    def _held_back(self, effect: Effect, order: Order, stop: StopInForce) -> bool:
        """Hold back what a stop that came meanwhile forbids: entries, or under a freeze all."""
        frozen = stop.mode is StopMode.FREEZE
        why = f"a {stop.mode.value} on {stop.scope} came before it was sent"
        if isinstance(effect, Submit):
            if frozen or order.leg == "e":
                if order.status is OrdStatus.NEW_REQUESTED:
                    self._never(effect, why)
                return True
            return False
        if not frozen:
            return False
        request = effect.request_id if isinstance(effect, Cancel) else effect.request.request_id
        now = self._clock.now()
        self._changed(effect, request, Refused("frozen", "", why, now))
        return True

    def _take_back_unsent(self, effect: Cancel) -> bool:
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
        self._never(effect, "it was canceled before it was sent")
        return True

    def _ready(self, effect: Submit, order: Order, now: Instant) -> NewOrder | None:
        """Make the message of an order that may go, or say why it never will."""
        if order.status is not OrdStatus.NEW_REQUESTED:
            return None
        spec = self._settings.accounts[effect.account]
        if order.leg == "e":
            if order.pending == "cancel":
                self._never(effect, "it was canceled before it was sent")
                return None
            if order.expires_unsent is not None and now > order.expires_unsent:
                self._never(effect, "the signal went stale while the order waited for its turn")
                return None
            if self._latch.covers(spec):
                self._never(effect, "the kill switch is latched")
                return None
        return new_order(order, self._settings)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        # tidy: allow bare_task - kept in _tasks, its failure ends the process, awaited in close
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A command never raises by contract, so this is our bug: end before harm is done.
            self._on_broken(error)

    def _submit(self, link: Venue, orders: list[NewOrder]) -> None:
        self._loop.call_soon(self._written, orders)
        if len(orders) > 1:
            self._spawn(self._submit_many(link, orders))
            return
        order = orders[0]
        answer = link.submit(order)
        if isinstance(answer, asyncio.Future):
            self._futures.add(answer)
            answer.add_done_callback(lambda done: self._answered(order, done))
        else:
            self._spawn(self._submit_one(order, answer))

    def _answered(self, order: NewOrder, answer: asyncio.Future[Outcome]) -> None:
        self._futures.discard(answer)
        if answer.cancelled():
            return
        if (error := answer.exception()) is not None:
            self._on_broken(error)
            return
        self._outcome(order, answer.result())

    def _outcome(self, order: NewOrder, outcome: Outcome) -> None:
        self._feed(SubmitAnswered(self._clock.now(), order.account, order.cl_ord_id, outcome))

    async def _submit_one(self, order: NewOrder, answer: Awaitable[Outcome]) -> None:
        self._outcome(order, await answer)

    async def _submit_many(self, link: Venue, orders: list[NewOrder]) -> None:
        for order, outcome in zip(orders, await link.submit_many(orders), strict=True):
            self._outcome(order, outcome)

    def _written(self, orders: list[NewOrder]) -> None:
        self._feed(
            OrdersWritten(
                self._clock.now(),
                tuple(order.account for order in orders),
                tuple(order.cl_ord_id for order in orders),
            )
        )

    async def _cancel(self, link: Venue, effect: Cancel, order: Order) -> None:
        outcome = await link.cancel(
            CancelOrder(
                account=effect.account,
                cl_ord_id=order.cl_ord_id,
                venue_order_id=order.venue_order_id,
                venue_symbol=order.venue_symbol,
                request_id=effect.request_id,
            )
        )
        self._changed(effect, effect.request_id, outcome)

    async def _replace(self, link: Venue, effect: Change, order: Order) -> None:
        asked = effect.request
        outcome = await link.replace(
            ReplaceOrder(
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
        )
        self._changed(effect, asked.request_id, outcome)

    def _changed(self, effect: Effect, request_id: str, outcome: Outcome) -> None:
        self._feed(
            ChangeAnswered(self._clock.now(), effect.account, effect.cl_ord_id, request_id, outcome)
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
