"""When to look at a venue, what to ask, and what an answer proves. No I/O and no clock.

The part of looking that decides; ``Looker`` asks, and the simulator runs this very code.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from bascule.execution.inputs import Looked
from bascule.execution.reports import identified
from bascule.execution.state import AccountState, Order
from bascule.model.account import Capabilities
from bascule.model.enums import OrdStatus, OrdType
from bascule.model.ids import AccountId, ClOrdID, Symbol
from bascule.model.order import VenueOrder
from bascule.model.values import SECOND, Instant

OVERLAP_NS = 60 * SECOND
"""Fills are asked for from this long before the last look, against clock skew; ids dedupe."""
LOOKUPS_MAX = 200
"""Orders asked after one by one in a look; the rest has its turn in the next."""
IDLE_NS = 60 * SECOND
DUE_NS = 6 * SECOND
"""When an order was sent, or a change asked for, so long ago without news, news is due.

Positions that may lag behind fills are looked at again after as long: longer than they may lag.
"""
TIMED_OUT = "timeout"
"""The cause of a doubt that comes a whole send time-out after the request."""
_LEAST_NS = SECOND // 5
_UNANSWERED = (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED)


def patience(
    account: AccountState, capabilities: Capabilities, differing: Iterable[Symbol] = ()
) -> int:
    """Nanoseconds from one look to the next by itself: fewer while something has no outcome.

    ``differing`` are the contracts whose positions differ; one that was told as drift is settled
    by a person, and waits for the timer.
    """
    due = any(symbol not in account.drift for symbol in differing)
    for order in account.orders.values():
        if order.status is OrdStatus.IN_DOUBT:
            return max(capabilities.absence_after_ns, _LEAST_NS)
        # A market order that rests, or an exit that waits, has lost its news on the way. An entry
        # may well wait: for a resting part before it, or for an exit that counts here itself.
        due = due or bool(
            order.pending
            or (order.waiting and order.leg == "x")
            or (order.ord_type is OrdType.MARKET and not order.waiting)
            or (order.status in _UNANSWERED and not order.waiting)
        )
    return DUE_NS if due else IDLE_NS


def to_ask_after(account: AccountState, shown: Collection[VenueOrder]) -> list[Order]:
    """List the live orders that the venue's open orders lack: they are asked after by id."""
    names = {order.cl_ord_id for order in shown}
    # A number alone may be another's by now, where the venue gives them out again: its own stop's.
    numbers = {
        (order.venue_order_id, order.venue_symbol, order.side, order.quantity)
        for order in shown
        if order.cl_ord_id is None and order.parent is None
    }
    return [
        order
        for order in account.orders.values()
        if not order.native_child
        and not order.waiting
        and order.cl_ord_id not in names
        and (order.venue_order_id, order.venue_symbol, order.side, order.quantity) not in numbers
        and order.status is not OrdStatus.NEW_REQUESTED  # still in its queue: it has not left
    ]


class _Absence:
    """How often in a row an order was not shown, and when last; 0 before it could be proof."""

    __slots__ = ("count", "last")

    def __init__(self, at: int) -> None:
        self.count = 0
        self.last = at


class LookMemory:
    """What earlier looks of this run of the engine are remembered for; nothing of it is durable."""

    def __init__(self) -> None:
        self._absences: dict[ClOrdID, _Absence] = {}
        self._since: dict[AccountId, int] = {}
        self._asked: dict[AccountId, dict[ClOrdID, int]] = {}

    def in_turn(self, account: AccountId, missing: Sequence[Order]) -> list[Order]:
        """Choose whom one look asks after: at most so many, those asked longest ago first.

        Each counts as asked from now on, also where the look comes to nothing: one that the venue
        gives no answer for must not keep the others from being asked.
        """
        asked = self._asked.get(account, {})
        chosen = sorted(missing, key=lambda order: asked.get(order.cl_ord_id, 0))[:LOOKUPS_MAX]
        latest = max(asked.values(), default=0) + 1
        still = {name: asked[name] for order in missing if (name := order.cl_ord_id) in asked}
        self._asked[account] = still | {order.cl_ord_id: latest for order in chosen}
        return chosen

    def fills_from(self, account: AccountState, now: Instant) -> Instant:
        """Say from when on fills are asked for.

        The first look of a run goes back behind the last agreement with the venue.
        """
        known = self._since.get(account.id)
        return account.fills_from(now) if known is None else Instant(known)

    def looked(self, account: AccountState, look: Looked) -> None:
        """Remember a whole look, once it has been decided upon.

        A fill that it left open, since it may be of an order whose number is not known yet, is
        asked for again until it is counted.
        """
        began = look.began if look.began is not None else look.at
        fills = (identified(fill) for fill in look.fills)
        left = (fill.at for fill in fills if fill.exec_id not in account.exec_ids)
        self._since[account.id] = min((began - OVERLAP_NS, *left))

    def absent(
        self,
        account: AccountState,
        capabilities: Capabilities,
        lookups: Mapping[ClOrdID, VenueOrder | None],
        began: Instant,
        now: Instant,
    ) -> tuple[ClOrdID, ...]:
        """Name the orders in doubt whose absence a whole look completes the proof of.

        The proof is the manifest's: so many looks, so far apart, none of which shows the order.
        The first comes a send time-out after the doubt: till then the request may be on its way.
        A look counts from when it began, since its answer may be old by ``now``: a process that
        stood still reads it, and that a send has timed out, at once.
        """
        if capabilities.absence_proof == "never":
            return ()
        proven: list[ClOrdID] = []
        for name, shown in lookups.items():
            order = account.orders.get(name)
            if shown is not None or order is None or order.status is not OrdStatus.IN_DOUBT:
                self._absences.pop(name, None)
                continue
            if began < order.doubted_at:
                continue
            seen = self._absences.get(name)
            if seen is None:
                self._absences[name] = seen = _Absence(now)
                counts = order.doubt == TIMED_OUT
            else:
                first = seen.count == 0
                apart = capabilities.submit_timeout_ns if first else capabilities.absence_after_ns
                counts = began - seen.last >= apart
            if counts:
                seen.count += 1
                seen.last = now
            if seen.count >= capabilities.absence_snapshots:
                proven.append(name)
                del self._absences[name]
        return tuple(proven)
