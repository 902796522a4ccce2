"""How much of the normal risk an account takes now, and how several accounts share one budget."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.values import ONE, ZERO

_CENT = Decimal("0.01")


class PhaseTable(Struct, frozen=True, kw_only=True):
    """Multipliers of the risk cash; the user's to change. 1 is the whole.

    ``near_floor_within`` is the share of the max-loss room below which ``near_floor`` applies.
    """

    evaluation: Decimal = ONE
    verification: Decimal = Decimal("0.5")
    funded: Decimal = Decimal("0.5")
    soft_guard: Decimal = Decimal("0.5")
    near_floor: Decimal = Decimal("0.25")
    near_floor_within: Decimal = Decimal("0.25")
    target_reached: Decimal = ZERO


_DEFAULT = PhaseTable()


def phase_multiplier(
    phase: Literal["evaluation", "verification", "funded"],
    *,
    soft_guard: bool = False,
    room_left: Decimal | None = None,
    target_reached: bool = False,
    table: PhaseTable = _DEFAULT,
) -> Decimal:
    """Give the smallest multiplier that applies to an account's state. Never set by a signal.

    Args:
        phase: where the account stands with its firm.
        soft_guard: whether the day's soft loss guard has been passed.
        room_left: what is left of the max-loss room, as a ratio of the whole; None when unknown.
        target_reached: whether the profit target is met.
        table: the user's multipliers.
    """
    stages = {
        "evaluation": table.evaluation,
        "verification": table.verification,
        "funded": table.funded,
    }
    applies = [stages[phase]]
    if soft_guard:
        applies.append(table.soft_guard)
    if room_left is not None and room_left <= table.near_floor_within:
        applies.append(table.near_floor)
    if target_reached:
        applies.append(table.target_reached)
    return min(applies)


def share_by_room(budget: Decimal, rooms: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Share one risk budget over accounts by their rooms, each share cut down to the cent.

    An account without room gets nothing, and nobody gets more than its room.
    """
    total = sum((room for room in rooms.values() if room > 0), ZERO)
    if not total:
        return dict.fromkeys(rooms, ZERO)
    return {
        account: min(budget * max(room, ZERO) / total, max(room, ZERO)).quantize(_CENT, ROUND_DOWN)
        for account, room in rooms.items()
    }
