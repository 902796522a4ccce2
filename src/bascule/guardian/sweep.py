"""One account's sweep: settle what is under way, look, take back, close; again until it is flat.

A close is asked for once for each state of a position that is proven. One whose outcome is unknown
is looked up, never repeated; one that was refused is made anew with another id. Nothing here
waits but for the venue: how often a pass is made is the keeper's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from bascule.config.clock import Clock
from bascule.config.guardian_log import Fact, Line
from bascule.guardian import rules
from bascule.guardian.pace import Pace
from bascule.guardian.rules import Flight, Key, Owned, Seen
from bascule.guardian.words import LineState, OrderLine
from bascule.model.account import AccountSpec
from bascule.model.enums import ENDED, ExecType, OrdStatus, OrdType, Side
from bascule.model.errors import VenueError
from bascule.model.ids import ClOrdID, PositionId, VenueSymbol, base36, guardian_epoch
from bascule.model.order import (
    Accepted,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import MILLISECOND, SECOND, ZERO, Instant, text
from bascule.venues.kit.contract import HasMassCancel, Venue

CANCEL_AGAIN_NS = 1 * SECOND
"""How long after a cancel an order that still works is asked back once more."""
STUBBORN = 2
"""After so many refused closes of a position, the stops that guard it are taken out of the way."""
AGED_NS = 500 * MILLISECOND
"""How old a look may be for a close that could open the other side; after the pace's wait it is."""
BACKOFF_NS = 250 * MILLISECOND
BACKOFF_MAX_NS = 5 * SECOND
LINES_MAX = 2_000
"""Lines of a report that are kept; the log has them all."""

_Item = TypeVar("_Item")
Record = Callable[[Sequence[tuple[str, Mapping[str, Fact]]]], None]
"""Puts lines into the guardian's log, durable when it returns; never raises."""


def _always() -> bool:
    return True


NOT_CONNECTED = "not_connected"
"""The reason of a request that a client could not send, since its link was down."""


class _Refusals(NamedTuple):
    """How often in a row closes of a position were refused, when the next may go, and why."""

    times: int
    again_at: Instant
    why: str


class Ids:
    """Names of the guardian's own orders: its epoch and a number."""

    def __init__(self, started_at: Instant) -> None:
        self._epoch = guardian_epoch(started_at // MILLISECOND)
        self._count = 0

    def next(self) -> ClOrdID:
        """Give an id that was never used."""
        self._count += 1
        return ClOrdID(f"{self._epoch}-{base36(self._count)}")


class Sweeper:
    """The orders of one account as far as the guardian needs to know them."""

    def __init__(
        self, spec: AccountSpec, link: Venue, clock: Clock, ids: Ids, record: Record
    ) -> None:
        self._spec = spec
        self._link = link
        self._clock = clock
        self._ids = ids
        self._record = record
        self._pace = Pace(spec.pacing, clock)
        self._flights: dict[ClOrdID, Flight] = {}
        self._own: set[str] = set()
        self._asked_back: dict[str, Instant] = {}
        self._in_a_bloc: set[str] = set()
        """Orders that a mass cancel should have taken back; what it left goes one by one."""
        self._refusals: dict[Key, _Refusals] = {}
        self._filled: dict[Key, Decimal] = {}
        self._most: dict[VenueSymbol, Decimal] = {}
        self._untold = False
        """Whether the venue was asked in vain for the largest orders."""
        self.lines: list[OrderLine] = []
        """What was asked of the venue since ``begin``, order by order."""
        self._asked: Callable[[], bool] = _always
        self.acted = False
        """Whether the last pass found anything to ask the venue for."""
        self._closed: dict[Key, Decimal] = {}
        """What its closes traded since ``begin``, signed, by position."""

    def begin(self) -> None:
        """Start the report anew."""
        self.lines = []
        self._closed = {}

    @property
    def trouble(self) -> str:
        """What a person must see to, in words; '' when the sweep gets on by itself."""
        said = [
            f"the venue goes on refusing to close {symbol}: {one.why}"
            for (symbol, _), one in self._refusals.items()
            if one.times > STUBBORN
        ]
        if self._link.capabilities.absence_proof == "never":
            said += [
                f"nobody knows whether close {flight.cl_ord_id} of {flight.symbol} lives, and "
                "this venue cannot prove that it does not: look there"
                for flight in self._flights.values()
                if flight.absent
            ]
        return "; ".join(said)

    @property
    def unsettled(self) -> int:
        """How many closes have no proven end yet."""
        return len(self._flights)

    def remember(self, log: Sequence[Line]) -> None:
        """Take up closes that an earlier guardian asked for: their end is unknown until looked."""
        for line in log:
            said = line.facts
            if said.get("account") != self._spec.id:
                continue
            name = ClOrdID(str(said.get("order", "")))
            if line.kind == "close_sent":
                self._own.add(name)
                self._flights[name] = Flight(
                    cl_ord_id=name,
                    key=(str(said["symbol"]), str(said.get("position") or "")),
                    side=Side(str(said["side"])),
                    quantity=Decimal(str(said["quantity"])),
                    held=Decimal(str(said["held"])),
                    asked_at=line.at,
                    state="unknown",
                )
            elif line.kind == "close_ended":
                self._flights.pop(name, None)

    # --- one pass -------------------------------------------------------------------------------

    async def step(
        self, *, close: bool, only: Owned | None = None, asked: Callable[[], bool] = _always
    ) -> Seen:
        """Make one pass; gives what the venue showed before it acted.

        ``asked`` tells whether the sweep is still asked for. It is looked at before each send: a
        person may have armed, or frozen everything, while the venue was asked.

        Raises:
            VenueError: the venue could not be asked; what was sent stands as it is.
        """
        self._asked = asked
        await self._settle()
        busy = {flight.key for flight in self._flights.values()}
        seen = await self.look()
        now = self._clock.now()
        found = rules.plan(
            seen,
            close=close,
            own=self._own,
            # One whose end is told while the venue is asked is not in what the venue showed.
            busy=busy,
            stubborn={key for key, one in self._refusals.items() if one.times >= STUBBORN},
            only=self._left_of(only),
        )
        cancels = [order for order in found.cancels if self._may_ask_back(order, now)]
        closes = [position for position in found.closes if self._may_close(position, now)]
        self.acted = bool(found.cancels or found.closes)
        if rules.can_flip(self._spec.position_mode, self._link.capabilities):
            # Here a close and an exit that races it could both fill: one after the other.
            await self._take_back(cancels, seen, close=close)
            fresh = {order.venue_symbol for order in cancels}
            await self._close([p for p in closes if p.venue_symbol not in fresh], seen)
        else:
            # What takes all back leaves first, so that no close of ours is among it.
            await asyncio.gather(
                self._take_back(cancels, seen, close=close), self._close(closes, seen)
            )
        return seen

    def _left_of(self, owned: Owned | None) -> Owned | None:
        """Give what a strategy still holds: what it held, less what was closed since."""
        if owned is None:
            return None
        left = {key: held + self._closed.get(key, ZERO) for key, held in owned.books.items()}
        return Owned(owned.orders, left)

    async def look(self) -> Seen:
        """Ask for orders, then positions.

        Raises:
            VenueError: the venue could not be asked.
        """
        began = self._clock.now()
        orders = await self._link.open_orders(self._spec.id)
        positions = await self._link.positions(self._spec.id)
        seen = Seen(
            orders.orders, positions.positions, orders.complete and positions.complete, began
        )
        held = {rules.key_of(position) for position in seen.held}
        for known in (self._refusals, self._filled):
            for key in [key for key in known if key not in held and seen.complete]:
                del known[key]
        working = {order.venue_order_id for order in seen.working}
        self._asked_back = {k: v for k, v in self._asked_back.items() if k in working}
        self._in_a_bloc &= working
        return seen

    def heard(self, report: ExecutionReport) -> None:
        """Take a report that the venue pushed: it may say that a close has ended."""
        flight = self._flights.get(report.cl_ord_id) if report.cl_ord_id else None
        if flight is None:
            return
        if report.exec_type is ExecType.TRADE and report.ord_status is OrdStatus.FILLED:
            self._ended(flight, "filled", flight.quantity)
        elif report.exec_type in (ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED):
            done = report.cum_qty if report.cum_qty is not None else ZERO
            self._ended(flight, report.exec_type.value, done, report.text or report.reason)

    # --- closes under way -----------------------------------------------------------------------

    async def _settle(self) -> None:
        """Look up every close that has no end: the venue's word, or its proven absence."""
        for flight in list(self._flights.values()):
            began = self._clock.now()
            shown = await self._link.order_status(self._spec.id, flight.cl_ord_id)
            if flight.cl_ord_id not in self._flights:
                continue  # a report was quicker
            if shown is None:
                venue = self._link.capabilities
                if rules.proven_absent(flight, began, self._clock.now(), venue):
                    self._ended(flight, "absent", ZERO, "the venue proves that it never lived")
                continue
            flight.absent = 0
            if shown.ord_status in ENDED:
                self._ended(flight, shown.ord_status.value, shown.cum_qty, shown.reason)

    def _ended(self, flight: Flight, how: str, done: Decimal, why: str = "") -> None:
        del self._flights[flight.cl_ord_id]
        if done:
            self._closed[flight.key] = self._closed.get(flight.key, ZERO) + done * flight.side.sign
            if rules.can_flip(self._spec.position_mode, self._link.capabilities):
                self._filled[flight.key] = flight.held
        refused = how in ("rejected", "absent", "unsent")
        if how == "rejected":  # one that never came to the venue has no stop in its way
            self._was_refused(flight.key, why)
        self._note(flight, "refused" if refused else "done", f"{how}: {why}" if why else how)
        self._record([("close_ended", {**_named(flight, self._spec), "how": how, "why": why})])

    def _was_refused(self, key: Key, why: str) -> None:
        count = self._refusals[key].times + 1 if key in self._refusals else 1
        wait = min(BACKOFF_NS << min(count - 1, 10), BACKOFF_MAX_NS)
        self._refusals[key] = _Refusals(count, Instant(self._clock.now() + wait), why)

    def _may_close(self, position: VenuePosition, now: Instant) -> bool:
        key = rules.key_of(position)
        refused = self._refusals.get(key)
        if refused is not None and now < refused.again_at:
            return False
        # A close filled, and the venue shows the position as it was before it: an old snapshot
        # cannot be told from a new position by one look, and here another close could flip it.
        return self._filled.pop(key, None) != position.quantity

    async def _close(self, positions: Sequence[VenuePosition], seen: Seen) -> None:
        if not positions:
            return
        await self._learn_sizes()
        flips = rules.can_flip(self._spec.position_mode, self._link.capabilities)
        for part in _parts(positions, self._pace.most):
            await self._pace.turn(len(part))
            if flips and self._clock.now() - seen.at > AGED_NS:
                part = await self._unchanged(part, seen)
            if not self._asked():
                return
            if not part:
                continue
            flights = [self._flight(position) for position in part]
            # Durable before they leave: a guardian that starts after this one must look them up.
            self._record([("close_sent", _sent(flight, self._spec)) for flight in flights])
            for flight in flights:
                self._flights[flight.cl_ord_id] = flight
                self._own.add(flight.cl_ord_id)
                self._note(flight, "sent")
            outcomes = await self._submit([self._order(flight) for flight in flights])
            for flight, outcome in zip(flights, outcomes, strict=True):
                self._answered(flight, outcome)

    async def _unchanged(
        self, positions: Sequence[VenuePosition], seen: Seen
    ) -> Sequence[VenuePosition]:
        """Look again, and give those that are still as they were seen."""
        then = {rules.key_of(position): position.quantity for position in seen.held}
        found = await self.look()
        now = {rules.key_of(position): position.quantity for position in found.held}
        keys = {key for key, quantity in then.items() if now.get(key) == quantity}
        return [position for position in positions if rules.key_of(position) in keys]

    async def _submit(self, orders: list[NewOrder]) -> Sequence[Outcome]:
        if len(orders) == 1:
            return [await self._link.submit(orders[0])]
        return await self._link.submit_many(orders)

    def _flight(self, position: VenuePosition) -> Flight:
        size = abs(position.quantity)
        return Flight(
            cl_ord_id=self._ids.next(),
            key=rules.key_of(position),
            side=rules.closing_side(position),
            quantity=min(size, self._most.get(position.venue_symbol, size)),
            held=position.quantity,
            asked_at=self._clock.now(),
        )

    def _order(self, flight: Flight) -> NewOrder:
        return NewOrder(
            account=self._spec.id,
            cl_ord_id=flight.cl_ord_id,
            venue_symbol=flight.symbol,
            side=flight.side,
            quantity=flight.quantity,
            ord_type=OrdType.MARKET,
            reduce_only=self._link.capabilities.reduce_only,
            position_id=PositionId(flight.key[1]) if flight.key[1] else None,
            comment=self._spec.comment,
        )

    def _answered(self, flight: Flight, outcome: Outcome) -> None:
        if flight.cl_ord_id not in self._flights:
            return  # a report told its end before the answer came
        if isinstance(outcome, Accepted):
            flight.state = "accepted"
        elif isinstance(outcome, Refused):
            how = "unsent" if outcome.reason == NOT_CONNECTED else "rejected"
            self._ended(flight, how, ZERO, outcome.text or outcome.reason)
        else:
            flight.state = "unknown"
            self._note(flight, "unknown", outcome.cause)
            self._record([("close_unknown", {**_named(flight, self._spec), "why": outcome.cause})])

    async def _learn_sizes(self) -> None:
        """Learn the largest order of each symbol, once.

        No close waits for a venue that does not tell: it is asked again once it refused one.
        """
        if self._most or (self._untold and not self._refusals):
            return
        try:
            listed = await self._link.instruments(self._spec.id)
        except VenueError:
            self._untold = True
            return
        self._most = {item.venue_symbol: item.max_qty for item in listed if item.max_qty}

    # --- cancels --------------------------------------------------------------------------------

    def _may_ask_back(self, order: VenueOrder, now: Instant) -> bool:
        asked = self._asked_back.get(order.venue_order_id)
        return asked is None or now - asked >= CANCEL_AGAIN_NS

    async def _take_back(self, orders: Sequence[VenueOrder], seen: Seen, *, close: bool) -> None:
        if not orders:
            return
        self._record([("cancel_sent", _taken_back(order)) for order in orders])
        left = await self._take_back_en_bloc(orders, seen, close=close)
        for part in _parts(left, self._pace.most):
            await self._pace.turn(len(part))
            if not self._asked():
                return
            outcomes = await asyncio.gather(*map(self._cancel, part))
            for order, outcome in zip(part, outcomes, strict=True):
                self._cancel_answered(order, outcome)

    async def _take_back_en_bloc(
        self, orders: Sequence[VenueOrder], seen: Seen, *, close: bool
    ) -> Sequence[VenueOrder]:
        """Take back by mass cancel what can be, once an order; gives what is left to ask for.

        What the venue says to it proves nothing: the next look does.
        """
        link, scope = self._link, self._link.capabilities.mass_cancel
        if scope == "none" or not isinstance(link, HasMassCancel):
            return orders
        left = {order.venue_order_id: order for order in orders}
        fresh = [order for order in orders if order.venue_order_id not in self._in_a_bloc]
        for symbol in rules.en_bloc(seen, fresh, scope, close=close):
            bloc = [order for order in fresh if symbol in (None, order.venue_symbol)]
            self._in_a_bloc.update(order.venue_order_id for order in bloc)
            await self._pace.turn(1)
            if not self._asked():
                return ()
            outcome = await link.mass_cancel(self._spec.id, symbol, self._ids.next())
            if isinstance(outcome, Refused):
                continue  # one by one, in this very pass
            for order in bloc:
                self._asked_back[order.venue_order_id] = self._clock.now()
                self._cancel_answered(order, outcome)
                del left[order.venue_order_id]
        return tuple(left.values())

    def _cancel(self, order: VenueOrder) -> Awaitable[Outcome]:
        self._asked_back[order.venue_order_id] = self._clock.now()
        return self._link.cancel(
            CancelOrder(
                account=self._spec.id,
                cl_ord_id=order.cl_ord_id or ClOrdID(""),
                venue_order_id=order.venue_order_id,
                venue_symbol=order.venue_symbol,
                request_id=self._ids.next(),
            )
        )

    def _cancel_answered(self, order: VenueOrder, outcome: Outcome) -> None:
        state: LineState = "done"
        why = ""
        if isinstance(outcome, Refused):
            state, why = "refused", outcome.text or outcome.reason
        elif not isinstance(outcome, Accepted):
            state, why = "unknown", outcome.cause
        self._add(
            OrderLine(
                account=self._spec.id,
                what="cancel",
                order=order.cl_ord_id or order.venue_order_id,
                symbol=order.venue_symbol,
                side=order.side.value,
                quantity=order.quantity - order.cum_qty,
                state=state,
                at=self._clock.now(),
                text=why,
            )
        )

    # --- the report -----------------------------------------------------------------------------

    def _note(self, flight: Flight, state: LineState, why: str = "") -> None:
        self._add(
            OrderLine(
                account=self._spec.id,
                what="close",
                order=flight.cl_ord_id,
                symbol=flight.symbol,
                side=flight.side.value,
                quantity=flight.quantity,
                state=state,
                at=self._clock.now(),
                text=why,
            )
        )

    def _add(self, line: OrderLine) -> None:
        """Keep one line an order, the newest."""
        self.lines = [old for old in self.lines if (old.what, old.order) != (line.what, line.order)]
        self.lines.append(line)
        del self.lines[:-LINES_MAX]


def _parts(items: Sequence[_Item], most: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _named(flight: Flight, spec: AccountSpec) -> dict[str, Fact]:
    return {"account": spec.id, "order": flight.cl_ord_id, "symbol": flight.symbol}


def _sent(flight: Flight, spec: AccountSpec) -> dict[str, Fact]:
    return {
        **_named(flight, spec),
        "position": flight.key[1],
        "side": flight.side.value,
        "quantity": text(flight.quantity),
        "held": text(flight.held),
    }


def _taken_back(order: VenueOrder) -> dict[str, Fact]:
    return {
        "account": order.account,
        "order": order.cl_ord_id or "",
        "venue_order": order.venue_order_id,
        "symbol": order.venue_symbol,
        "side": order.side.value,
        "quantity": text(order.quantity - order.cum_qty),
    }
