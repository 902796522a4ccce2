"""Brackets that the engine runs: keep the orders at the venue equal to what should guard.

``tend`` compares what protects a filled entry with what should, and asks for the difference. It
is called after every event that may have changed either, so a partial fill is protected at once,
a resize follows each further fill, and no id is forgotten before its cancel is confirmed.
Orders that a venue runs natively are tended the same way once the venue has shown them.
"""

from decimal import Decimal

from bascule.execution.placing import Draft, place
from bascule.execution.plan_exit import close_quantity
from bascule.execution.planning import request_cancel
from bascule.execution.state import AccountState, Guard, Order
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, Capabilities
from bascule.model.enums import OrdType
from bascule.model.event import ReplaceRequested
from bascule.model.instrument import Listing
from bascule.model.values import ZERO, floor_to

REFUSED_MAX = 10_000
STOP_REFUSALS_MAX = 2
"""After so many refusals of its stop a position is closed: it must not stand unprotected."""


def tend(turn: Turn, account: AccountState, guard: Guard) -> None:
    """Bring a guard's orders in line with what it should protect."""
    spec = turn.settings.accounts.get(account.id)
    listing = turn.listing(account.id, guard.symbol)
    if spec is None or listing is None:
        return
    capabilities = turn.settings.capabilities[account.id]
    children = [account.orders[name] for name in guard.children if name in account.orders]
    if guard.held <= 0:
        for child in children:
            request_cancel(turn, account, child.cl_ord_id, "what it protected is closed")
        return
    if guard.bracket.native:
        # The venue resizes its own; only levels that were changed since are asked for.
        for child in children:
            _move(turn, account, child, _level(guard, child), None, listing)
        return
    if not capabilities.reduce_only:
        book = account.book(guard.strategy, guard.symbol)
        if book is not None and book.exiting:
            # Without reduce-only a stop beside an exit could open the other side: the exit's end
            # brings us back here.
            return
    _tend_stop(turn, account, spec, capabilities, guard, listing, children)
    _tend_targets(turn, account, spec, guard, listing, children)


def _level(guard: Guard, child: Order) -> Decimal | None:
    if child.leg == "s":
        return guard.bracket.stop_loss
    return guard.bracket.take_profits[0][0] if guard.bracket.take_profits else None


def _tend_stop(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    capabilities: Capabilities,
    guard: Guard,
    listing: Listing,
    children: list[Order],
) -> None:
    level = guard.bracket.stop_loss
    if level is None:
        return
    for child in children:
        if child.leg == "s":
            _move(turn, account, child, level, child.cum_qty + guard.held, listing)
            return
    if guard.refused >= STOP_REFUSALS_MAX:
        book = account.book(guard.strategy, guard.symbol)
        if book is not None and not book.exiting and _may_try(turn, f"{guard.cl_ord_id} x"):
            close_quantity(
                turn,
                account,
                spec,
                capabilities,
                book,
                listing,
                min(guard.held, abs(book.quantity)),
                signal=guard.signal,
                sizing="the venue refused its stop, so the position is closed",
                late=True,
            )
        return
    _protect(turn, account, spec, guard, listing, "s", "", guard.held, level)


def _tend_targets(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    guard: Guard,
    listing: Listing,
    children: list[Order],
) -> None:
    shares = _shares(guard, listing)
    for index, ((level, _portion), share) in enumerate(
        zip(guard.bracket.take_profits, shares, strict=True)
    ):
        slot = chr(ord("a") + index)
        due = share - guard.taken.get(f"t{slot}", ZERO)
        child = next((c for c in children if c.leg == "t" and c.label == slot), None)
        if child is not None:
            if due > 0:
                _move(turn, account, child, level, child.cum_qty + due, listing)
            else:
                request_cancel(turn, account, child.cl_ord_id, "its share is taken")
        elif due >= listing.min_qty:
            _protect(turn, account, spec, guard, listing, "t", slot, due, level)


def _shares(guard: Guard, listing: Listing) -> list[Decimal]:
    """Share what was filled among the targets, in lots; the last takes the rest.

    Never more in sum than is held, counting what targets have already taken.
    """
    shares: list[Decimal] = []
    taken = sum((quantity for slot, quantity in guard.taken.items() if slot.startswith("t")), ZERO)
    left = min(guard.held + taken, guard.filled)
    portions = [portion for _, portion in guard.bracket.take_profits]
    for index, portion in enumerate(portions):
        if index == len(portions) - 1 and sum(portions, ZERO) >= 1:
            share = left
        else:
            share = min(floor_to(guard.filled * portion, listing.lot_step), left)
        shares.append(share)
        left -= share
    return shares


def _protect(
    turn: Turn,
    account: AccountState,
    spec: AccountSpec,
    guard: Guard,
    listing: Listing,
    leg: str,
    slot: str,
    quantity: Decimal,
    level: Decimal,
) -> None:
    """Place a stop or a target for what is held."""
    if not _may_try(turn, f"{guard.cl_ord_id} {leg}{slot}"):
        return
    name = place(
        turn,
        Draft(
            account=account,
            spec=spec,
            listing=listing,
            signal=guard.signal,
            intent=guard.intent,
            strategy=guard.strategy,
            leg=leg,
            slot=f"{slot}{guard.slot}",
            attempt=guard.made.get(f"{leg}{slot}", 0),
            side=guard.side.opposite,
            quantity=quantity,
            ord_type=OrdType.STOP if leg == "s" else OrdType.LIMIT,
            price=None if leg == "s" else level,
            stop_price=level if leg == "s" else None,
            trail_distance=guard.bracket.trail_distance if leg == "s" else None,
            reducing=True,
            position_id=guard.position_id,
            parent=guard.cl_ord_id,
            label=slot,
            sizing="protects what the entry has filled",
        ),
    )
    if name is not None:
        turn.market.refused.pop(f"{guard.cl_ord_id} {leg}{slot}", None)


def _may_try(turn: Turn, what: str) -> bool:
    """Hold what our own checks refused a moment ago to one try an interval."""
    last = turn.market.refused.get(what)
    if last is not None and turn.at - last < turn.settings.change_interval_ns:
        return False
    turn.market.refused[what] = turn.at
    if len(turn.market.refused) > REFUSED_MAX:
        del turn.market.refused[next(iter(turn.market.refused))]
    return True


def _move(
    turn: Turn,
    account: AccountState,
    child: Order,
    level: Decimal | None,
    quantity: Decimal | None,
    listing: Listing,
) -> None:
    """Ask for another level or size of a child, one change in flight at a time."""
    if child.pending or level is None or child.doubt or child.cl_ord_id in account.waiters:
        return
    is_stop = child.leg == "s"
    moved = level != (child.stop_price if is_stop else child.price)
    resized = quantity is not None and quantity != child.quantity
    if not moved and not resized:
        return
    # A pure move is paced: latest wins, at least one interval apart. A resize never waits.
    due = child.changed_at + turn.settings.change_interval_ns
    if moved and not resized and child.changes and turn.at < due:
        return
    turn.emit(
        ReplaceRequested(
            at=turn.at,
            account=account.id,
            cl_ord_id=child.cl_ord_id,
            request_id=f"{child.cl_ord_id}.r{child.changes + 1}",
            reason="bracket",
            quantity=quantity if resized else None,
            price=level if moved and not is_stop else None,
            stop_price=level if moved and is_stop else None,
        )
    )
