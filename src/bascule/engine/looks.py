"""Looking at a venue: ask for everything it shows of an account and feed it as one input.

Looks happen at start, after each reconnect, on hints (a change failed, positions differ), on
deadlines and on a timer. One look an account at a time; hints that come meanwhile make one more.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from bascule.engine.clock import Clock
from bascule.execution.inputs import Input, LinkReported, Looked
from bascule.execution.state import AccountState, State
from bascule.execution.turn import Market, Settings
from bascule.model.enums import OrdStatus, OrdType
from bascule.model.errors import VenueError
from bascule.model.ids import AccountId, ClOrdID, VenueId
from bascule.model.order import VenueOrder
from bascule.model.values import HOUR, SECOND, Instant
from bascule.venues.kit.contract import OrdersSnapshot, Venue

HINT_DELAY_S = 0.1
"""How long a hint waits for company before the venue is asked."""
OVERLAP_NS = 60 * SECOND
"""Fills are asked for from this long before the last look, against clock skew; ids dedupe."""
FIRST_LOOKBACK_NS = 24 * HOUR
LOOKUPS_MAX = 200
"""Orders asked after one by one in a look; the rest waits for the next."""
RETRY_S = 2.0
IDLE_S = 60.0
SLICE_S = 1.0
DUE_NS = 6 * SECOND
"""When an order was sent, or a change asked for, so long ago without news, news is due."""


class _Absence:
    """How often in a row an order was not shown, and since when."""

    __slots__ = ("count", "last", "since")

    def __init__(self, at: int) -> None:
        self.count = 1
        self.since = self.last = at


class Looker:
    """Runs the looks of every account."""

    def __init__(
        self,
        state: State,
        settings: Settings,
        market: Market,
        links: Mapping[VenueId, Venue],
        clock: Clock,
        feed: Callable[[Input], object],
    ) -> None:
        self._state = state
        self._settings = settings
        self._market = market
        self._links = links
        self._clock = clock
        self._feed = feed
        self._wanted: dict[AccountId, asyncio.Event] = {}
        self._causes: dict[AccountId, str] = {}
        self._absences: dict[ClOrdID, _Absence] = {}
        self._since: dict[AccountId, int] = {}
        self._up: set[AccountId] = set()

    def hint(self) -> None:
        """Take the looks that decisions asked for."""
        looks, self._market.looks = self._market.looks, {}
        for account, cause in looks.items():
            self.want(account, cause)

    def want(self, account: AccountId, cause: str) -> None:
        """Ask for a look at an account."""
        self._causes.setdefault(account, cause)
        event = self._wanted.get(account)
        if event is not None:
            event.set()

    def link(self, account: AccountId, up: bool) -> None:
        """Remember whether the account's venue can be asked at all."""
        (self._up.add if up else self._up.discard)(account)

    async def run(self, account: AccountId) -> None:
        """Look at one account for as long as the engine runs."""
        event = self._wanted[account] = asyncio.Event()
        if account in self._causes:
            event.set()
        while True:
            waited = 0.0
            while not event.is_set() and waited < (patience := self._patience(account)):
                # In slices: what is decided meanwhile may make news due sooner.
                part = min(SLICE_S, patience - waited)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), part)
                waited += part
            if not event.is_set():
                self._causes.setdefault(account, "timer")
            event.clear()
            await asyncio.sleep(HINT_DELAY_S)
            if account not in self._up:
                continue
            cause = self._causes.pop(account, "timer")
            try:
                await self.look(account, cause)
            except VenueError as error:
                # A failed read proves nothing; the account stays as it is and is asked again.
                self._causes.setdefault(account, f"{cause}, again after: {error.message}")
                await asyncio.sleep(RETRY_S)
                event.set()

    def _patience(self, account: AccountId) -> float:
        """How long until a look is due by itself: sooner while something has no outcome."""
        known = self._state.accounts.get(account)
        if known is None or account not in self._up:
            return IDLE_S
        capabilities = self._settings.capabilities[account]
        due = False
        for order in known.orders.values():
            if order.status is OrdStatus.IN_DOUBT:
                return max(capabilities.absence_after_ns / SECOND, 0.2)
            # A market order that rests, or an exit that waits, has lost its news on the way.
            due = due or bool(
                order.pending
                or order.waiting
                or order.ord_type is OrdType.MARKET
                or order.status in (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED)
            )
        return DUE_NS / SECOND if due else IDLE_S

    async def look(self, account: AccountId, cause: str) -> None:
        """Ask the venue for everything, and feed the answer.

        Positions come before fills, and fills last, so that what is known when the answer is fed
        is the positions and the fills since. Orders come first, so that one that ends meanwhile
        is found by its id.
        """
        spec = self._settings.accounts[account]
        link = self._links[spec.venue]
        known = self._state.accounts[account]
        started = self._clock.now()
        orders = await link.open_orders(account)
        lookups = await self._lookups(link, known, orders)
        money = await link.account(account)
        positions = await link.positions(account)
        fills = await link.fills_since(account, self._fills_from(known))
        complete = orders.complete and positions.complete and fills.complete
        absent = self._absent(known, lookups, complete)
        self._feed(
            Looked(
                at=self._clock.now(),
                account=account,
                cause=cause,
                orders=orders.orders,
                positions=positions.positions,
                fills=fills.fills,
                money=money,
                lookups=lookups,
                absent=absent,
                complete=complete,
                began=started,
                positions_at=positions.at,
            )
        )
        if complete:
            self._since[account] = started - OVERLAP_NS

    def _fills_from(self, account: AccountState) -> Instant:
        known = self._since.get(account.id)
        if known is not None:
            return Instant(known)
        last = account.last_fill_at or self._clock.now()
        return Instant(max(0, min(last, self._clock.now()) - FIRST_LOOKBACK_NS))

    async def _lookups(
        self, link: Venue, account: AccountState, orders: OrdersSnapshot
    ) -> dict[ClOrdID, VenueOrder | None]:
        """Ask by id after each live order that the list of open orders does not show."""
        shown = {order.cl_ord_id for order in orders.orders}
        shown_ids = {order.venue_order_id for order in orders.orders}
        found: dict[ClOrdID, VenueOrder | None] = {}
        for order in list(account.orders.values()):
            if order.native_child or order.waiting or order.cl_ord_id in shown:
                continue
            if order.venue_order_id is not None and order.venue_order_id in shown_ids:
                continue
            if order.status is OrdStatus.NEW_REQUESTED:
                continue  # still in its queue: it has not left
            if len(found) >= LOOKUPS_MAX:
                break
            found[order.cl_ord_id] = await link.order_status(account.id, order.cl_ord_id)
        return found

    def _absent(
        self,
        account: AccountState,
        lookups: Mapping[ClOrdID, VenueOrder | None],
        complete: bool,
    ) -> tuple[ClOrdID, ...]:
        """Name the orders in doubt whose absence is proven as the venue's manifest states."""
        capabilities = self._settings.capabilities[account.id]
        if capabilities.absence_proof == "never" or not complete:
            return ()
        now = self._clock.now()
        proven: list[ClOrdID] = []
        for name, shown in lookups.items():
            order = account.orders.get(name)
            if shown is not None or order is None or order.status is not OrdStatus.IN_DOUBT:
                self._absences.pop(name, None)
                continue
            seen = self._absences.get(name)
            if seen is None:
                self._absences[name] = seen = _Absence(now)
            elif now - seen.last >= capabilities.absence_after_ns:
                seen.count += 1
                seen.last = now
            if seen.count >= capabilities.absence_snapshots:
                proven.append(name)
                del self._absences[name]
        return tuple(proven)


def link_inputs(
    settings: Settings, venue: VenueId, up: bool, reason: str, at: Instant
) -> list[Input]:
    """Say of every account of a venue that its link changed."""
    return [
        LinkReported(at, spec.id, up, reason)
        for spec in settings.accounts.values()
        if spec.venue == venue
    ]
