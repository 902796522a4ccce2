"""What a check is given, and how it answers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.account import AccountSpec
from bascule.model.enums import OrdType, Side, StopMode
from bascule.model.event import Verdict
from bascule.model.instrument import Listing
from bascule.model.values import ZERO, Instant
from bascule.risk.rates import RateWindow


class StopInForce(Struct, frozen=True):
    """The strictest stop whose scope covers the order."""

    scope: str
    mode: StopMode
    reason: str
    by: str


class Proposal(Struct, kw_only=True):
    """One child order as it would be sent, and the account as it would stand at its worst.

    Quantities are in the venue's unit. ``net`` is the account's signed position in the contract,
    ``long`` and ``short`` (unsigned) what its books hold on either side; ``book`` is the
    strategy's own. ``open_buy`` and ``open_sell`` sum what working, in-flight and in-doubt entries
    can still fill, a replace at the larger of old and new. ``reducing`` is True only when the
    order is proven to reduce the account, ``closing`` when it closes (or protects) its own book;
    ``session`` is ``open``, ``break`` or ``closed``.
    """

    at: Instant
    signal: str
    spec: AccountSpec
    listing: Listing
    side: Side
    quantity: Decimal
    ord_type: OrdType
    reducing: bool
    net: Decimal
    book: Decimal
    open_buy: Decimal
    open_sell: Decimal
    open_orders: int
    rates: RateWindow
    closing: bool = False
    long: Decimal = ZERO
    short: Decimal = ZERO
    stop: StopInForce | None = None
    session: str = "open"
    session_text: str = ""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    has_stop_loss: bool = False
    reconciled: bool = True
    drift: str = ""
    last_same_signal: str = ""
    last_same_at: Instant = Instant(0)


class Check(Struct, frozen=True):
    """A check as the chain sees it; each file in ``checks`` offers one as ``CHECK``.

    ``place`` is its place in the chain (numbers leave gaps for later checks). ``applies_to`` says
    which orders meet it: ``any`` every order; ``unproven`` all but a proven reduction; ``entry``
    only what opens or adds, so that a close which cannot be proven (another book stands against
    it) is not held to limits on new risk.
    """

    code: str
    place: int
    applies_to: Literal["entry", "unproven", "any"]
    run: Callable[[Proposal], Verdict]
