"""What a story is made of. Plain data, ready for JSON and for a page of text."""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.values import ZERO, Instant


class Stage(Struct, frozen=True, omit_defaults=True):
    """One line of the timeline.

    ``after`` is how long after the signal was received, ``step`` how long after the stage before,
    both in nanoseconds; ``seq`` is the event's place in the journal.
    """

    seq: int
    at: Instant
    name: str
    text: str
    after: int
    step: int
    account: str = ""
    order: str = ""


class CheckLine(Struct, frozen=True, omit_defaults=True):
    """What one check said of one order. ``room`` is what the limit leaves."""

    check: str
    passed: bool
    used: Decimal | None = None
    limit: Decimal | None = None
    room: Decimal | None = None
    text: str = ""
    would_pass: str = ""


class FillLine(Struct, frozen=True, omit_defaults=True):
    """One fill; ``traded_at`` is the venue's time, a positive commission is a cost."""

    exec_id: str
    quantity: Decimal
    price: Decimal
    traded_at: Instant
    commission: Decimal = ZERO
    currency: str = ""
    note: str = ""


class OrderStory(Struct, kw_only=True, omit_defaults=True):
    """One order of the signal, from its request (or its refusal) to where it stands now.

    ``role``: entry, exit, stop loss or take profit. ``refused_by`` names the check that held it
    back; then nothing was sent. ``protection`` says, for an entry, what became of its guard.
    """

    cl_ord_id: str
    account: str
    strategy: str
    role: str
    side: Side
    quantity: Decimal
    symbol: str
    venue_symbol: str = ""
    ord_type: OrdType = OrdType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    status: OrdStatus = OrdStatus.NEW_REQUESTED
    refused_by: str = ""
    refused_text: str = ""
    parent: str = ""
    venue_order_id: str = ""
    sizing: str = ""
    reference: str = ""
    checks: tuple[CheckLine, ...] = ()
    fills: tuple[FillLine, ...] = ()
    filled: Decimal = ZERO
    avg_price: Decimal | None = None
    doubt: str = ""
    ended: str = ""
    ended_code: str = ""
    protection: str = ""


class RefusalLine(Struct, frozen=True, omit_defaults=True):
    """A part of the signal that became no order, and why."""

    code: str
    text: str
    account: str = ""
    symbol: str = ""


class Story(Struct, kw_only=True, omit_defaults=True):
    """All that happened because of one signal.

    ``outcome`` is one stable word: ``filled``, ``partly_filled``, ``working``, ``in_doubt``,
    ``rejected``, ``ended``, ``refused``, ``nothing_to_do``, ``duplicate`` or ``done``.
    ``closing`` is one sentence: what happened, why, and what to do.
    """

    signal: str
    source: str
    outcome: str
    closing: str
    received_at: Instant
    dialect: str = ""
    strategy: str = ""
    key: str = ""
    fired_at: Instant | None = None
    raw: str = ""
    asked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    timeline: tuple[Stage, ...] = ()
    orders: tuple[OrderStory, ...] = ()
    refusals: tuple[RefusalLine, ...] = ()
    idle: tuple[RefusalLine, ...] = ()
    touched: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    duplicate_of: str = ""
