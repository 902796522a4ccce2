"""Looking at a venue: ask for everything it shows of an account and feed it as one input.

Looks happen at start, after each reconnect, on hints (a change failed, positions differ), on
deadlines and on a timer. One look an account at a time; hints that come meanwhile make one more.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from bascule.engine.clock import Clock
from bascule.engine.look_rules import IDLE_NS, LookMemory, patience, to_ask_after
from bascule.execution.inputs import Input, Looked
from bascule.execution.state import State
from bascule.execution.turn import Market, Settings
from bascule.model.errors import VenueError
from bascule.model.ids import AccountId, VenueId
from bascule.model.values import SECOND
from bascule.venues.kit.contract import Venue

HINT_DELAY_S = 0.1
"""How long a hint waits for company before the venue is asked."""
RETRY_S = 2.0
AGAIN = ", again after: "
SLICE_S = 1.0


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
        self._memory = LookMemory()
        self._up: set[AccountId] = set()
        self._losses: dict[AccountId, int] = {}

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
        if not up:
            self._losses[account] = self._losses.get(account, 0) + 1

    async def run(self, account: AccountId) -> None:
        """Look at one account for as long as the engine runs."""
        event = self._wanted[account] = asyncio.Event()
        if account in self._causes:
            event.set()
        while True:
            waited = 0.0
            while not event.is_set() and waited < (patient := self._patience(account)):
                # In slices: what is decided meanwhile may make news due sooner.
                part = min(SLICE_S, patient - waited)
                with contextlib.suppress(TimeoutError):
                    # No wait_for: before Python 3.12 it can swallow the order to end.
                    async with asyncio.timeout(part):
                        await event.wait()
                waited += part
            if not event.is_set():
                self._causes.setdefault(account, "timer")
            event.clear()
            await asyncio.sleep(HINT_DELAY_S)
            if account not in self._up:
                continue
            cause = self._causes.pop(account, "timer")
            try:
                complete = await self.look(account, cause)
            except VenueError as error:
                # A failed read proves nothing; the account stays as it is and is asked again.
                asked = cause.partition(AGAIN)[0]  # for days on end, it may be
                self._causes.setdefault(account, f"{asked}{AGAIN}{error.message}")
                complete = False
            if not complete:
                self._causes.setdefault(account, "the last look lacked a page")
                await asyncio.sleep(RETRY_S)
                event.set()

    def _patience(self, account: AccountId) -> float:
        """How long until a look is due by itself: sooner while something has no outcome."""
        known = self._state.accounts.get(account)
        if known is None or account not in self._up:
            return IDLE_NS / SECOND
        capabilities = self._settings.capabilities[account]
        differing = self._market.suspects.get(account, ())
        return patience(known, capabilities, differing) / SECOND

    async def look(self, account: AccountId, cause: str, *, adopt: str = "") -> bool:
        """Ask the venue for everything, and feed the answer; tells whether it was whole.

        ``adopt`` says who takes over the positions that it shows, and why.
        """
        found = await self.ask(account, cause)
        if found.complete:
            known = self._state.accounts[account]
            capabilities = self._settings.capabilities[account]
            began = found.began if found.began is not None else found.at
            absent = self._memory.absent(known, capabilities, found.lookups, began, found.at)
            found = replace(found, absent=absent, adopt=adopt)
        self._feed(found)
        if found.complete:
            self._memory.looked(self._state.accounts[account], found)
        return found.complete

    async def ask(self, account: AccountId, cause: str) -> Looked:
        """Ask the venue for everything, and change nothing.

        Positions come before fills, and fills last, so that what is known when the answer is fed
        is the positions and the fills since. Orders come first, so that one that ends meanwhile
        is found by its id. An answer during which the link was lost is not whole: what happened
        meanwhile may be missing.

        Raises:
            VenueError: it could not be asked.
        """
        spec = self._settings.accounts[account]
        link = self._links[spec.venue]
        known = self._state.accounts[account]
        started, losses = self._clock.now(), self._losses.get(account)
        orders = await link.open_orders(account)
        lookups = {
            order.cl_ord_id: await link.order_status(account, order.cl_ord_id)
            for order in self._memory.in_turn(account, to_ask_after(known, orders.orders))
        }
        money = await link.account(account)
        positions = await link.positions(account)
        fills_from = self._memory.fills_from(known, self._clock.now())
        fills = await link.fills_since(account, fills_from)
        return Looked(
            at=self._clock.now(),
            account=account,
            cause=cause,
            orders=orders.orders,
            positions=positions.positions,
            fills=fills.fills,
            money=money,
            lookups=lookups,
            complete=orders.complete
            and positions.complete
            and fills.complete
            and self._losses.get(account) == losses,
            began=started,
            positions_at=positions.at,
        )
