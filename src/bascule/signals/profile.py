"""What one source's numbers mean where the message itself does not say. Set by the user."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import LevelUnit, QtyUnit


class Profile(Struct, frozen=True, kw_only=True):
    """The units of a source. None means "not said": a message that needs it is refused.

    ``volume``, ``stop``, ``target``, ``trail`` and ``entry`` give a unit to numbers whose unit is
    a setting of the sender's own platform. ``percent`` says of what a bare percentage size is.
    ``lot_size`` is how many units of the base currency make a lot, for sizes that count such units.
    ``bare_entry`` says what an ``entry`` price without an order type is: the price at which the
    signal fired (a market order, held to it by the price collar) or a limit. ``split_targets`` says
    how targets without shares divide the position. ``unreadable_stop`` says what becomes of an
    entry whose stop is ``NaN``.
    """

    volume: QtyUnit | None = None
    percent: QtyUnit | None = None
    lot_size: Decimal | None = None
    stop: LevelUnit | None = None
    target: LevelUnit | None = None
    trail: LevelUnit | None = None
    entry: Literal["price"] | None = None
    bare_entry: Literal["reference", "limit"] = "reference"
    split_targets: Literal["refuse", "equal", "first", "last"] = "refuse"
    unreadable_stop: Literal["refuse", "ignore"] = "refuse"
