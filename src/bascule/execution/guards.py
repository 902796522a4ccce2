"""Brackets that the engine runs: keep the orders at the venue equal to what should guard.

``tend`` compares what protects a filled entry with what should, and asks for the difference. It
is called after every event that may have changed either, so a partial fill is protected at once,
a resize follows each further fill, and no id is forgotten before its cancel is confirmed.
Orders that a venue runs natively are tended the same way once the venue has shown them.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from bascule.execution.fold_guards import guards_of
from bascule.execution.levels import lacks_orders
from bascule.execution.placing import Draft, place
from bascule.execution.plan_exit import (
    close_lot,
    close_quantity,
    exits_are_safe,
    is_of,
    on_both_sides,
)
from bascule.execution.planning import may_change, request_cancel
from bascule.execution.state import KNOWN, AccountState, Guard, Order
from bascule.execution.stops import is_frozen
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, Capabilities
from bascule.model.enums import OrdType, PositionMode
from bascule.model.event import ProtectionChanged, ReplaceRequested
from bascule.model.instrument import Listing
from bascule.model.values import SECOND, ZERO, floor_to, nearest_to

REFUSALS_MAX = 2
"""After so many refusals of its stop a position is closed, and of a target it has none."""
CLOSE_INTERVAL = 5 * SECOND
"""How long after a close that was refused the next is tried; twice as long after each more."""
_CLOSE_DOUBLINGS = 5
UNSENT_PAUSE = SECOND
"""How long after an order that a latch held back the next is tried; likewise doubled."""
_UNSENT_DOUBLINGS = 5
_GRAIN = Decimal("1e-12")
"""No lot is as small. A third ends after so many digits: three of them are one all the same."""


class _Duty(NamedTuple):
    """A guard, and all that tending it needs."""

    turn: Turn
    account: AccountState
    spec: AccountSpec
    capabilities: Capabilities
    guard: Guard
    listing: Listing
    children: list[Order]

    def of(self, leg: str, label: str) -> list[Order]:
        """Give its live orders of one leg and label, oldest first."""
        return [child for child in self.children if child.leg == leg and child.label == label]

    def take_back(self, child: Order, reason: str) -> None:
        """Ask for a child back, but not in a tight loop where the venue goes on refusing."""
        if not child.refusals or may_change(self.turn, child):
            request_cancel(self.turn, self.account, child.cl_ord_id, reason)

    def may_change(self, child: Order) -> bool:
        """Whether another change of a child may go now; else time will bring it."""
        if may_change(self.turn, child):
            return True
        _put_off(self.turn, self.account, self.guard)
        return False


def tend(turn: Turn, account: AccountState, guard: Guard) -> None:
    """Bring a guard's orders in line with what it should protect; time brings what is refused."""
    _tend(turn, account, guard)
    if guard.refused or guard.denied or _any_refused(account, guard):
        _put_off(turn, account, guard)


def _put_off(turn: Turn, account: AccountState, guard: Guard) -> None:
    turn.market.put_off[account.id, guard.cl_ord_id] = None


def _tend(turn: Turn, account: AccountState, guard: Guard) -> None:
    spec = turn.settings.accounts.get(account.id)
    listing = turn.listing(account.id, guard.symbol)
    if spec is None or listing is None:
        return
    if is_frozen(turn.state, spec, guard.strategy):
        return
    if guard.unsent and turn.at < _after_unsent(guard):
        _put_off(turn, account, guard)
        return
    capabilities = turn.settings.capabilities[account.id]
    children = [account.orders[name] for name in guard.children if name in account.orders]
    duty = _Duty(turn, account, spec, capabilities, guard, listing, children)
    if guard.bracket.native and not guard.filled and children:
        # The venue's stop is here before the news of the fill that it protects: that was lost.
        turn.market.looks.setdefault(account.id, "a fill is missing")
        return
    if guard.held <= 0:
        for child in children:
            duty.take_back(child, "what it protected is closed")
        return
    if guard.bracket.native:
        _tend_native(duty)
        return
    if _take_back_theirs(duty):
        return
    wanted = guard.held - _leaving(duty)
    _tend_stop(duty, wanted)
    _tend_targets(duty, wanted)


def _after_unsent(guard: Guard) -> int:
    """When what a latch held back is tried again, unless somebody arms before."""
    return guard.unsent_at + (UNSENT_PAUSE << min(guard.unsent - 1, _UNSENT_DOUBLINGS))


def _take_back_theirs(duty: _Duty) -> bool:
    """Ask for what is left of a bracket back that its venue has too small, or too large.

    Ours takes its place, and does not work beside it. True while something is left.
    """
    theirs = [child for child in duty.children if child.native_child]
    for child in theirs:
        duty.take_back(child, "ours takes its place")
    return bool(theirs)


def lacks_its_stop(account: AccountState, guard: Guard) -> bool:
    """Whether what is held has no stop, or nothing at all, of those that its venue is to run."""
    if guard.held <= 0 or not guard.children:
        return guard.held > 0
    legs = {account.orders[name].leg for name in guard.children if name in account.orders}
    return guard.bracket.stop_loss is not None and "s" not in legs


def is_bare(account: AccountState, guard: Guard) -> bool:
    """Whether less works for what a guard holds than is held, where the venue is to see to that."""
    if not guard.bracket.native or guard.held <= 0:
        return False
    if lacks_its_stop(account, guard):
        return not guard.children or _had_a_stop(account, guard)
    stops = [o for name in guard.children if (o := account.orders.get(name)) and o.leg == "s"]
    return bool(stops) and sum((order.leaves for order in stops), ZERO) < guard.held


def _had_a_stop(account: AccountState, guard: Guard) -> bool:
    """Whether the venue has shown a stop of its own for a guard, which has ended."""
    ended = (o for o in account.ended.values() if o.parent == guard.cl_ord_id)
    return any(order.native_child and order.leg == "s" for order in ended)


def may_be_abandoned(account: AccountState, spec: AccountSpec, guard: Guard) -> bool:
    """Whether a venue that was to run a bracket seems to run none, or too small a one.

    One that nets ends it when another strategy trades the contract through zero, and makes none
    for what only reduced the net. A venue may run brackets without showing orders of their own, so
    that none is shown proves nothing until one was, of whichever entry.
    """
    netted = guard.opposed and spec.position_mode is PositionMode.NETTING
    return is_bare(account, guard) and (netted or any(native_children(account)))


def native_children(account: AccountState) -> Iterator[Order]:
    """List the stops and targets that the venue has shown of its own, those that ended first."""
    orders = (*account.ended.values(), *account.orders.values())
    return (order for order in orders if order.native_child)


def take_over(turn: Turn, account: AccountState, guard: Guard, reason: str) -> None:
    """Have the engine run a bracket that was its venue's."""
    turn.emit(
        ProtectionChanged(
            at=turn.at,
            account=account.id,
            cl_ord_id=guard.cl_ord_id,
            bracket=replace(guard.bracket, native=False),
            reason=reason,
        )
    )


def mend(turn: Turn) -> None:
    """Look again at every guard with something refused, or put off: another try may be due."""
    put_off, turn.market.put_off = turn.market.put_off, {}
    for owner, name in put_off:
        account = turn.state.accounts[owner]
        if (guard := account.guards.get(name)) is not None:
            tend(turn, account, guard)


def _any_refused(account: AccountState, guard: Guard) -> bool:
    for name in guard.children:
        child = account.orders.get(name)
        if child is not None and child.refusals:
            return True
    return False


def _tend_native(duty: _Duty) -> None:
    """Ask for levels that were changed since; sizes are the venue's own, but for one case.

    A venue that nets knows no strategies: after an exit of a part it leaves the bracket as large
    as it was, and what is too much of it would close another position. One that cannot be resized
    is taken over.
    """
    guard = duty.guard
    bracketed = guard.filled - guard.taken.get("s", ZERO) - guard.taken.get("t", ZERO)
    netted = duty.spec.position_mode is PositionMode.NETTING
    shrunk = netted and guard.entry_done and guard.held < bracketed
    if shrunk and not duty.capabilities.replace and _closes_others(duty):
        take_over(duty.turn, duty.account, guard, "its venue cannot resize it")
        _take_back_theirs(duty)
        return
    for child in duty.children:
        level = _native_level(guard, child)
        if level is not None:
            less = shrunk and duty.capabilities.replace and child.leaves > guard.held
            _move(duty, child, level, child.cum_qty + guard.held if less else None)


def _closes_others(duty: _Duty) -> bool:
    """Whether a bracket that is too large has more to close than what it is for.

    It closes no more than its account holds. While exits are on their way nobody knows how much
    is to be left; and what takes its place needs a venue that has such orders.
    """
    guard = duty.guard
    book = duty.account.book(guard.strategy, guard.symbol)
    exposure = duty.account.exposure.get(guard.symbol)
    if book is None or book.exiting or exposure is None:
        return False
    beside = exposure.net * guard.side.sign > guard.held
    too_large = any(child.leaves > guard.held for child in duty.children)
    return beside and too_large and not lacks_orders(guard.bracket, duty.capabilities)


def _native_level(guard: Guard, child: Order) -> Decimal | None:
    if child.leg == "s":
        return guard.bracket.stop_loss
    return guard.bracket.take_profits[0][0] if guard.bracket.take_profits else None


def _leaving(duty: _Duty) -> Decimal:
    """How much of what the guard holds exits in flight take away, the oldest guards' first.

    Where an exit and a stop cannot both fill, the stop stays until flat is proven; but one that
    an exit waits for must go all the same, or the exit would wait for ever.
    """
    guard, account = duty.guard, duty.account
    book = account.book(guard.strategy, guard.symbol)
    leaving = book.leaving(guard.side) if book is not None else ZERO
    if book is None or not leaving:
        return ZERO
    if exits_are_safe(account, duty.spec, duty.capabilities, book):
        leaving = sum(
            (
                order.leaves
                for order in account.orders.values()
                if order.waiting
                and order.leg == "x"
                and order.side is not guard.side
                and is_of(order, book)
            ),
            ZERO,
        )
    for other in guards_of(account, guard.strategy, guard.symbol, guard.side):
        if other is guard:
            break
        leaving -= max(other.held, ZERO)
    return min(max(leaving, ZERO), guard.held)


def _tend_stop(duty: _Duty, wanted: Decimal) -> None:
    guard = duty.guard
    level = guard.bracket.stop_loss
    if level is None:
        return
    covered = sum((child.leaves for child in duty.of("s", "")), ZERO)
    if guard.refused.get("s", 0) >= REFUSALS_MAX and covered < wanted:
        _close_unprotected(duty, wanted - covered)
    else:
        _tend_slot(duty, "s", "", wanted, level)


def _close_unprotected(duty: _Duty, quantity: Decimal) -> None:
    """Close what the venue will not have a stop for: it must not stand unprotected."""
    turn, guard = duty.turn, duty.guard
    book = duty.account.book(guard.strategy, guard.symbol)
    if book is None or book.leaving(guard.side):
        return
    pause = CLOSE_INTERVAL << min(guard.refused.get("x", 0), _CLOSE_DOUBLINGS)
    if guard.tried_at and turn.at < guard.tried_at + pause:
        return
    why = "the venue refused its stop, so the position is closed"
    if on_both_sides(book):
        # Its net says nothing of what stands on this side.
        close_lot(turn, duty.account, duty.spec, book, duty.listing, guard, quantity, sizing=why)
        return
    if book.quantity * guard.side.sign <= 0:
        return
    close_quantity(
        turn,
        duty.account,
        duty.spec,
        duty.capabilities,
        book,
        duty.listing,
        min(quantity, abs(book.quantity)),
        signal=guard.signal,
        intent=guard.intent,
        sizing=why,
        parent=guard.cl_ord_id,
        late=True,
        first=guard.position_id,
    )


def _tend_targets(duty: _Duty, wanted: Decimal) -> None:
    guard, listing = duty.guard, duty.listing
    dues = _dues(guard, wanted, listing)
    for index, ((level, _portion), due) in enumerate(
        zip(guard.bracket.take_profits, dues, strict=True)
    ):
        label = chr(ord("a") + index)
        if duty.of("t", label) or due >= listing.min_qty:
            _tend_slot(duty, "t", label, due, level)
    for child in duty.children:
        if child.leg == "t" and ord(child.label or "a") - ord("a") >= len(dues):
            duty.take_back(child, "its level was taken away")


def _dues(guard: Guard, wanted: Decimal, listing: Listing) -> list[Decimal]:
    """Share what is wanted among the targets, in lots; the last takes the rest.

    Each has its portion of what was filled, less what it has taken; in sum never more than is
    wanted.
    """
    dues: list[Decimal] = []
    left = wanted
    portions = [portion for _, portion in guard.bracket.take_profits]
    all_of_it = nearest_to(sum(portions, ZERO), _GRAIN) >= 1
    for index, portion in enumerate(portions):
        due = left
        if index < len(portions) - 1 or not all_of_it:
            taken = guard.taken.get(f"t{chr(ord('a') + index)}", ZERO)
            share = floor_to(nearest_to(guard.filled * portion, _GRAIN), listing.lot_step)
            due = min(max(share - taken, ZERO), left)
        dues.append(due)
        left -= due
    return dues


def _tend_slot(duty: _Duty, leg: str, label: str, wanted: Decimal, level: Decimal) -> None:
    """Have orders of one leg and label work for ``wanted`` at ``level``.

    One order, resized and moved, where the venue can change it. Where it cannot, more of the
    position is covered by one more order, and a move is a cancel and a new order.
    """
    mine = duty.of(leg, label)
    if wanted <= 0:
        for child in mine:
            duty.take_back(child, "its share is closed, or on its way out")
        return
    if not mine:
        _protect(duty, leg, label, wanted, level)
        return
    if duty.capabilities.replace:
        _move(duty, mine[0], level, mine[0].cum_qty + wanted)
        for child in mine[1:]:
            # The venue had refused it, or so it said, and has it all the same.
            duty.take_back(child, "another one protects this")
        return
    covered = sum((child.leaves for child in mine), ZERO)
    for child in mine:
        if level != _level(child) and duty.may_change(child):
            duty.take_back(child, "this venue cannot move it")
    if covered > wanted:
        duty.take_back(mine[-1], "this venue cannot resize it")
    elif covered < wanted and all(level == _level(child) for child in mine):
        _protect(duty, leg, label, wanted - covered, level)


def _level(child: Order) -> Decimal | None:
    return child.stop_price if child.leg == "s" else child.price


def _protect(duty: _Duty, leg: str, label: str, quantity: Decimal, level: Decimal) -> None:
    """Place a stop or a target for what is held, unless the venue goes on refusing it."""
    guard = duty.guard
    if guard.refused.get(f"{leg}{label}", 0) >= REFUSALS_MAX:
        return
    draft = Draft(
        account=duty.account,
        spec=duty.spec,
        listing=duty.listing,
        signal=guard.signal,
        intent=guard.intent,
        strategy=guard.strategy,
        leg=leg,
        slot=f"{label}{guard.slot}",
        attempt=guard.made.get(f"{leg}{label}", 0),
        side=guard.side.opposite,
        quantity=quantity,
        ord_type=OrdType.STOP if leg == "s" else OrdType.LIMIT,
        price=None if leg == "s" else level,
        stop_price=level if leg == "s" else None,
        trail_distance=guard.bracket.trail_distance if leg == "s" else None,
        reducing=True,
        position_id=guard.position_id,
        parent=guard.cl_ord_id,
        label=label,
        sizing="protects what the entry has filled",
    )
    while duty.account.order(draft.name()) is not None:
        # The guard was forgotten and made anew; what it sent before keeps its ids.
        draft.attempt += 1
    place(duty.turn, draft)


def _move(duty: _Duty, child: Order, level: Decimal, quantity: Decimal | None) -> None:
    """Ask for another level or size of a child, one change in flight at a time."""
    turn = duty.turn
    if child.pending or child.status not in KNOWN:
        return
    is_stop = child.leg == "s"
    moved = level != _level(child)
    resized = quantity is not None and quantity != child.quantity
    if not moved and not resized:
        return
    # A pure move is paced: the latest wins, one interval apart. A resize waits only if refused.
    if (not resized or child.refusals) and not duty.may_change(child):
        return
    turn.emit(
        ReplaceRequested(
            at=turn.at,
            account=duty.account.id,
            cl_ord_id=child.cl_ord_id,
            request_id=f"{child.cl_ord_id}.r{child.changes + 1}",
            reason="bracket",
            quantity=quantity if resized else None,
            price=level if moved and not is_stop else None,
            stop_price=level if moved and is_stop else None,
        )
    )
