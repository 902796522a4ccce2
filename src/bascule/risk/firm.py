"""What the checks of a firm's rules ask of the world: found for accounts with a programme only."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct

from bascule.model.values import ZERO, Instant


class FlatSpan(Struct, frozen=True):
    """A span over which nothing may be held: from ``since``, a buffer before ``due``, to ``until``.

    ``holding`` is False where only opening is forbidden.
    """

    since: Instant
    due: Instant
    until: Instant
    why: str
    holding: bool = True


class NewsStanding(Struct, frozen=True):
    """How an instrument stands to releases at an instant.

    ``inside`` a window, ``clear`` of all, or ``unknown``: there is no calendar, or it is stale or
    does not reach so far. ``text`` names the release or the fault; ``until`` ends the window.
    """

    state: Literal["inside", "clear", "unknown"]
    text: str = ""
    until: Instant | None = None
    currencies: tuple[str, ...] = ()


class Size(Struct, frozen=True):
    """What an account holds and may come to hold on the order's side, without the order.

    Futures are counted in contracts with micros at their part of one, the rest in lots. ``unit``
    is what one unit of the order counts.
    """

    held: Decimal
    unit: Decimal
    in_contracts: bool


class Profits(Struct, frozen=True):
    """Closed profits by the firm's days: today's, those of the other days, and the last close."""

    today: Decimal = ZERO
    others: Decimal = ZERO
    eod_balance: Decimal = ZERO
    eod_profit: Decimal = ZERO


class Holding(Struct, frozen=True):
    """How long the strategy holds: since when the book is open, and its last voluntary exits."""

    entered: Instant | None
    durations: Sequence[int]


class Idea(Struct, frozen=True):
    """What the idea that an order belongs to may lose without it, in account currency, unsigned.

    ``amount`` is None with the reason it has no bound; ``lost`` is the part that is gone already.
    """

    amount: Decimal | None
    lost: Decimal = ZERO
    why: str = ""


class FirmAround(Protocol):
    """What stands around an order of an account with a programme; each found when asked for."""

    def news(self) -> NewsStanding:
        """How the order's contract stands to releases."""

    def straddles(self, currencies: tuple[str, ...]) -> str:
        """An own order or position that stands against the order on a currency, in words."""

    def flat(self) -> FlatSpan | None:
        """The span that holds now, if one does."""

    def opposite(self) -> str:
        """Another own account that stands on the other side of the same thing, in words."""

    def opposite_here(self) -> str:
        """What the account itself holds on the other side of the same contract, in words."""

    def requests(self) -> int:
        """What was asked of the venue since the firm's day began."""

    def fills(self) -> int:
        """What has filled since the firm's day began."""

    def fills_ahead(self) -> int:
        """The fewest fills until all that is held or open is closed, without the order."""

    def size(self) -> Size:
        """What counts against the firm's largest size."""

    def profits(self) -> Profits | None:
        """The firm's days as the ledger counts them; None before it counts."""

    def holding(self) -> Holding:
        """How long the order's strategy holds."""

    def idea(self) -> Idea:
        """What the idea that the order belongs to may lose without it."""

    def copied_from(self) -> str:
        """Whose signal the order follows where that is another owner's, in words; else empty."""

    def allocated(self) -> Decimal:
        """The initial balances of all own accounts at the firm that follow the strategy."""
