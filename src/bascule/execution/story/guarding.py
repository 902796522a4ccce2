"""What became of the protection of an entry, in words."""

from collections.abc import Mapping

from bascule.execution.story.parts import OrderStory
from bascule.execution.story.words import ROLES, listed, number
from bascule.model.enums import ENDED, OrdStatus
from bascule.model.event import Bracket
from bascule.model.values import ZERO

STOP = ROLES["s"]
_ENTRY = ROLES["e"]
_REFUSED = (OrdStatus.REJECTED, OrdStatus.EXPIRED_UNSENT)


def guarded(
    order: OrderStory,
    bracket: Bracket | None,
    orders: Mapping[str, OrderStory],
    moves: list[str],
) -> OrderStory:
    """Say on an entry what became of its stop and targets; other orders are left alone."""
    if order.role == _ENTRY and not order.refused_by:
        children = [one for one in orders.values() if one.parent == order.cl_ord_id]
        order.protection = _words(order, bracket, children, moves)
    return order


def bare(entry: OrderStory, orders: tuple[OrderStory, ...]) -> bool:
    """Tell whether an entry's stop was refused, no other ever stood, and some of it is held."""
    if entry.role != _ENTRY:
        return False
    children = [one for one in orders if one.parent == entry.cl_ord_id]
    stops = [one for one in children if one.role == STOP]
    closed = sum((one.filled for one in children), ZERO)
    return bool(stops) and all(_refused(stop) for stop in stops) and entry.filled > closed


def _refused(order: OrderStory) -> bool:
    return bool(order.refused_by) or order.status in _REFUSED


def _words(
    order: OrderStory, bracket: Bracket | None, children: list[OrderStory], moves: list[str]
) -> str:
    if bracket is None and not children:
        return "none was asked for"
    if children:
        told = "; ".join(_child_words(child) for child in children)
    elif bracket is not None:
        told = _planned(order, bracket)
    if moves:
        times = "once" if len(moves) == 1 else f"{len(moves)} times"
        told += f"; moved {times}, last: {moves[-1]}"
    return told


def _planned(order: OrderStory, bracket: Bracket) -> str:
    levels = []
    if bracket.stop_loss is not None:
        levels.append(f"stop loss {number(bracket.stop_loss)}")
    levels += [f"take profit {number(price)}" for price, _portion in bracket.take_profits]
    if bracket.trail_distance is not None:
        levels.append(f"a trail of {number(bracket.trail_distance)}")
    if bracket.break_even_trigger is not None:
        levels.append(f"break-even at {number(bracket.break_even_trigger)}")
    named = listed(levels) or "no level"
    who = "sent with the entry, held by the venue" if bracket.native else "placed after each fill"
    if order.filled:
        return f"{named}: {who}; not shown by the venue yet"
    if order.status in ENDED:
        return f"{named}: not needed, since nothing was filled"
    return f"{named}: {who}"


def _child_words(child: OrderStory) -> str:
    level = child.stop_price if child.stop_price is not None else child.price
    named = f"{child.role} {number(level)}" if level is not None else child.role
    if child.refused_by:
        return f"{named} was held back by {child.refused_by}"
    if child.filled:
        at = f" at {number(child.avg_price)}" if child.avg_price is not None else ""
        return f"{named} filled {number(child.filled)}{at}"
    if child.status is OrdStatus.IN_DOUBT:
        return f"{named} is in doubt"
    if child.status in ENDED:
        return f"{named} {child.status.value.replace('_', ' ')} ({child.ended})"
    if child.status in (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED):
        return f"{named} is on its way"
    return f"{named} stands at the venue"
