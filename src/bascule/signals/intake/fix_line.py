"""One order as a FIX client sees it, and what is told of it. Pure.

A line is a client's order with a child for each account that follows, or one single order of an
account. Its quantities are sums over its children: CumQty (14) is what all of them filled, AvgPx
(6) the average over these fills, LeavesQty (151) what those that still work may fill. OrderQty (38)
is what the client sent, so 38 = 14 + 151 holds only where one account does just what was asked for.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

from bascule.model.enums import OrdStatus
from bascule.model.ids import AccountId, ClOrdID, ExecID, SignalId
from bascule.model.values import ZERO, Instant

Kind = Literal[
    "pending_new",
    "new",
    "trade",
    "bust",
    "correct",
    "canceled",
    "replaced",
    "rejected",
    "expired",
    "pending_cancel",
    "pending_replace",
    "status",
]

PENDING_NEW, NEW, PARTIAL, FILLED, CANCELED = "A", "0", "1", "2", "4"
PENDING_CANCEL, REJECTED, EXPIRED, PENDING_REPLACE = "6", "8", "C", "E"
OVER = frozenset({FILLED, CANCELED, REJECTED, EXPIRED})

ENDS: dict[str, Kind] = {CANCELED: "canceled", REJECTED: "rejected", EXPIRED: "expired"}
_EXPIRED = (OrdStatus.EXPIRED, OrdStatus.EXPIRED_UNSENT)

TOO_LATE, UNKNOWN_ORDER, BROKER, DUPLICATE_CHANGE = "0", "1", "2", "6"
"""CxlRejReason (102)."""
DUPLICATE_ORDER, STALE_ORDER, UNKNOWN_ACCOUNT = "6", "8", "15"
"""OrdRejReason (103)."""


class Report(Struct, frozen=True, kw_only=True):
    """What an ExecutionReport is to say; ``terms`` are the order's own fields by tag.

    ``status`` is OrdStatus (39) as it is written. ``link`` is the client's order that a protective
    order belongs to. ``reason`` is OrdRejReason (103). ``also`` are further fields.
    """

    kind: Kind
    order_id: str
    cl_ord_id: str
    exec_id: str
    status: str
    terms: dict[int, str]
    cum: Decimal
    avg: Decimal
    leaves: Decimal
    at: Instant
    orig_cl_ord_id: str = ""
    account: str = ""
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    ref_exec_id: str = ""
    text: str = ""
    link: str = ""
    reason: str = ""
    also: tuple[tuple[int, str], ...] = ()


class ChangeReject(Struct, frozen=True, kw_only=True):
    """What an OrderCancelReject is to say; ``reason`` is CxlRejReason (102)."""

    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    status: str
    replace: bool
    reason: str
    text: str
    at: Instant


Told = Report | ChangeReject


class Child(Struct):
    """One order of one account. ``fills`` are (quantity, price) by exec id; ``ended`` is how."""

    account: AccountId
    quantity: Decimal
    fills: dict[ExecID, tuple[Decimal, Decimal]] = field(default_factory=dict)
    ended: OrdStatus | None = None
    acknowledged: bool = False

    @property
    def cum(self) -> Decimal:
        """What has filled."""
        return sum((quantity for quantity, _ in self.fills.values()), ZERO)

    @property
    def leaves(self) -> Decimal:
        """What may still fill."""
        return ZERO if self.ended else max(ZERO, self.quantity - self.cum)


class Change(Struct, kw_only=True):
    """A client's cancel or replace on its way. ``waiting`` are requests to venues, by child."""

    signal: SignalId
    line: "Line | None"
    cl_ord_id: str
    orig_cl_ord_id: str
    replace: bool
    terms: dict[int, str]
    waiting: dict[str, ClOrdID] = field(default_factory=dict)
    asked: int = 0
    done: int = 0
    texts: list[str] = field(default_factory=list)


class Line(Struct, kw_only=True):
    """One order as a client sees it. ``single`` is an order of one account, told of as it is.

    ``names`` are the ClOrdIDs that replaces gave it, after its first one.
    """

    order_id: str
    cl_ord_id: str
    terms: dict[int, str]
    names: list[str] = field(default_factory=list)
    single: bool = False
    link: str = ""
    children: dict[ClOrdID, Child] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    pending: str = ""
    ended_by: Change | None = None
    opened: bool = False
    shown_new: bool = False
    refused: bool = False
    told: int = 0

    @property
    def cum(self) -> Decimal:
        """What all of its children filled."""
        return sum((child.cum for child in self.children.values()), ZERO)

    @property
    def average(self) -> Decimal:
        """The average price over the fills of all of its children; 0 without any."""
        fills = [fill for child in self.children.values() for fill in child.fills.values()]
        total = sum((quantity for quantity, _ in fills), ZERO)
        return sum((q * price for q, price in fills), ZERO) / total if total else ZERO

    @property
    def leaves(self) -> Decimal:
        """What its children may still fill."""
        return sum((child.leaves for child in self.children.values()), ZERO)

    @property
    def status(self) -> str:
        """OrdStatus (39). Filled: every order that was made has filled; refusals do not count."""
        ends = [child.ended for child in self.children.values()]
        if not ends:
            return REJECTED if self.refused else PENDING_NEW
        if None in ends:
            known = any(child.acknowledged for child in self.children.values())
            return self.pending or (PARTIAL if self.cum else NEW if known else PENDING_NEW)
        if all(end is OrdStatus.FILLED for end in ends):
            return FILLED
        if OrdStatus.CANCELED in ends or self.cum:
            return CANCELED
        return EXPIRED if any(end in _EXPIRED for end in ends) else REJECTED

    @property
    def over(self) -> bool:
        """Whether nothing more will fill."""
        return self.status in OVER

    def report(
        self,
        kind: Kind,
        at: Instant,
        *,
        exec_id: str = "",
        change: Change | None = None,
        child: Child | None = None,
        fill: tuple[Decimal, Decimal] | None = None,
        ref_exec_id: str = "",
        text: str = "",
        reason: str = "",
        also: tuple[tuple[int, str], ...] = (),
    ) -> Report:
        """Tell of the line as it stands; without an exec id the next of its own is given."""
        if not exec_id:
            self.told += 1
            exec_id = f"{self.order_id}.{self.told}"
        return Report(
            kind=kind,
            order_id=self.order_id,
            cl_ord_id=change.cl_ord_id if change else self.cl_ord_id,
            orig_cl_ord_id=change.orig_cl_ord_id if change else "",
            exec_id=exec_id,
            status=self.status,
            terms=self.terms,
            cum=self.cum,
            avg=self.average,
            leaves=self.leaves,
            at=at,
            account=child.account if child else "",
            last_qty=fill[0] if fill else None,
            last_px=fill[1] if fill else None,
            ref_exec_id=ref_exec_id,
            text=text,
            link=self.link,
            reason=reason,
            also=also,
        )
