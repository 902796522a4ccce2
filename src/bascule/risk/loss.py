"""An account's loss as the checks see it: the rooms that are left, and whether they are known."""

from decimal import Decimal

from msgspec import Struct

from bascule.model.ledger import Rule
from bascule.model.values import HOUR, SECOND, Duration, Instant
from bascule.risk.programmes.ledger import Room

WIDENS_AFTER = Duration(5 * SECOND)
"""Once the oldest price of what is held is this old, the share that blocks is halved."""
STALE_AFTER = Duration(30 * SECOND)
"""From this age on the loss is not known, and no entry passes."""
LOCK_FOR = Duration(24 * HOUR)
"""How long an account is locked where the firm has no reset."""


class Loss(Struct, frozen=True):
    """How an account stands to its loss limits now. Amounts are in account currency.

    ``block_percent`` is the share of an allowance from which no entry passes; ``mark_age`` that
    of the oldest price that the equity rests on, in nanoseconds. ``unknown`` says why the equity
    is not known, else it is empty. ``reset`` is when the firm's day ends.
    """

    equity: Decimal
    rooms: tuple[Room, ...]
    block_percent: Decimal
    flatten_percent: Decimal
    failed: tuple[Rule, ...] = ()
    paused: bool = False
    mark_age: int = 0
    unknown: str = ""
    reset: Instant | None = None

    def room(self, rule: Rule) -> Room | None:
        """Give how one rule stands, None where there is no such rule."""
        for room in self.rooms:
            if room.rule == rule:
                return room
        return None

    @property
    def blocks_at(self) -> Decimal:
        """The share that blocks now: half of what was set once a price grows old."""
        return self.block_percent / 2 if self.mark_age > WIDENS_AFTER else self.block_percent


class OpenRisk(Struct, frozen=True):
    """What is lost from here if every open stop is hit; None with the reason it has no bound."""

    amount: Decimal | None
    why: str = ""
