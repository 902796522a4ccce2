"""From durable effects to venues: what ``Lanes`` lets go is sent, each order at most once.

What becomes of it is the venue's outcome, fed back as an input; nothing here retries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from bascule.config.latch import Latch
from bascule.engine.clock import Clock
from bascule.engine.lanes import Lanes, Outgoing
from bascule.execution.effects import Effect
from bascule.execution.inputs import ChangeAnswered, Input, OrdersWritten, SubmitAnswered
from bascule.execution.state import State
from bascule.execution.turn import Settings
from bascule.model.ids import AccountId, VenueId
from bascule.model.order import CancelOrder, NewOrder, Outcome, ReplaceOrder
from bascule.model.values import SECOND
from bascule.venues.kit.contract import Venue

BATCH_MAX = 500
_Told = TypeVar("_Told")


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
        self._settings = settings
        self._links = links
        self._clock = clock
        self._feed = feed
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._lanes = Lanes(state, settings, lambda: latch.look().mode, feed)
        self._timers: dict[AccountId, asyncio.TimerHandle] = {}
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._futures: set[asyncio.Future[Any]] = set()
        self._unnoted: list[NewOrder] = []
        self.stopped = False

    def enqueue(self, effects: Sequence[Effect]) -> None:
        """Take durable effects and carry them out as pacing allows."""
        self._lanes.enqueue(effects, self._clock.now())
        # At once, not on the next turn of the loop: this is the way from the fsync to the wire.
        self._pump()

    async def close(self, patience_s: float) -> None:
        """Send nothing more; wait a while for outcomes still under way."""
        self.stopped = True
        for timer in self._timers.values():
            timer.cancel()
        if self._tasks or self._futures:
            under_way: set[asyncio.Future[Any]] = {*self._tasks, *self._futures}
            await asyncio.wait(under_way, timeout=patience_s)

    def _pump(self) -> None:
        self._scheduled = False
        if self.stopped:
            return
        try:
            self._send(self._lanes.pump(self._clock.now()))
        except Exception as error:  # what was taken from a queue and not sent is lost: as in _done
            self._on_broken(error)
            raise

    def _send(self, out: Outgoing) -> None:
        for account, wait in out.waits.items():
            self._wake_in(account, wait / SECOND)
        batches: dict[VenueId, list[NewOrder]] = {}
        for order in out.submits:
            batches.setdefault(self._settings.accounts[order.account].venue, []).append(order)
        for venue, orders in batches.items():
            for start in range(0, len(orders), BATCH_MAX):
                self._submit(self._links[venue], orders[start : start + BATCH_MAX])
        for request in out.changes:
            self._change(request)

    def _wake_in(self, account: AccountId, wait_s: float) -> None:
        due, timer = self._loop.time() + wait_s, self._timers.get(account)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()  # it was for an entry that waits longer than what came since
        self._timers[account] = self._loop.call_at(due, self._wake, account)

    def _wake(self, account: AccountId) -> None:
        del self._timers[account]
        self._lanes.wake(account)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump)

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
        if not self._unnoted:
            self._loop.call_soon(self.note_written)
        self._unnoted += orders
        # Written in this very step where the venue can: the latch was looked at in it.
        if len(orders) > 1:
            answers = link.submit_many(orders)
            if isinstance(answers, asyncio.Future):
                self._await(answers, lambda outcomes: self._outcomes(orders, outcomes))
            else:
                self._spawn(self._submit_many(orders, answers))
            return
        order = orders[0]
        answer = link.submit(order)
        if isinstance(answer, asyncio.Future):
            self._await(answer, lambda outcome: self._outcome(order, outcome))
        else:
            self._spawn(self._submit_one(order, answer))

    def _await(self, answer: asyncio.Future[_Told], then: Callable[[_Told], None]) -> None:
        def answered(answer: asyncio.Future[_Told]) -> None:
            self._futures.discard(answer)
            if answer.cancelled():
                return
            try:
                then(answer.result())
            except Exception as error:  # as in _done
                self._on_broken(error)

        self._futures.add(answer)
        answer.add_done_callback(answered)

    def _outcome(self, order: NewOrder, outcome: Outcome) -> None:
        self.note_written()
        self._feed(SubmitAnswered(self._clock.now(), order.account, order.cl_ord_id, outcome))

    async def _submit_one(self, order: NewOrder, answer: Awaitable[Outcome]) -> None:
        self._outcome(order, await answer)

    async def _submit_many(
        self, orders: list[NewOrder], answers: Awaitable[Sequence[Outcome]]
    ) -> None:
        self._outcomes(orders, await answers)

    def _outcomes(self, orders: list[NewOrder], outcomes: Sequence[Outcome]) -> None:
        for order, outcome in zip(orders, outcomes, strict=True):
            self._outcome(order, outcome)

    def note_written(self) -> None:
        """Have it decided which orders were written, off their way to the wire.

        A venue's word about an order is decided after this: its answer may be read in the very
        step in which the order was written, before the loop comes to what was left for later.
        """
        if not self._unnoted:
            return
        orders, self._unnoted = self._unnoted, []
        self._feed(
            OrdersWritten(
                self._clock.now(),
                tuple(order.account for order in orders),
                tuple(order.cl_ord_id for order in orders),
            )
        )

    def _change(self, request: CancelOrder | ReplaceOrder) -> None:
        link = self._links[self._settings.accounts[request.account].venue]
        answer = link.cancel(request) if isinstance(request, CancelOrder) else link.replace(request)
        if isinstance(answer, asyncio.Future):
            self._await(answer, lambda outcome: self._changed(request, outcome))
        else:
            self._spawn(self._change_one(request, answer))

    async def _change_one(
        self, request: CancelOrder | ReplaceOrder, answer: Awaitable[Outcome]
    ) -> None:
        self._changed(request, await answer)

    def _changed(self, request: CancelOrder | ReplaceOrder, outcome: Outcome) -> None:
        self._feed(
            ChangeAnswered(
                self._clock.now(), request.account, request.cl_ord_id, request.request_id, outcome
            )
        )
