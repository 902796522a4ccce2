"""From FIX messages to the contract's words. Pure, and by tables.

An ExecutionReport says two things: what happened (ExecType, and in 4.2 ExecTransType) and where
the order stands (OrdStatus). The first is what is told on; the second is taken with care, since a
pending cancel or replace hides what the order is underneath.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bascule.fix.message import Fields, Message, read_decimal, read_int, read_time
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import ZERO, Instant
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.profile import Profile
from bascule.venues.fix.requests import IDS, ORD_TYPES, TIMES_IN_FORCE

INFO = ExecType.ORDER_STATUS
EXEC_TYPES: Mapping[bytes, ExecType] = {
    b"0": ExecType.NEW,
    b"1": ExecType.TRADE,
    b"2": ExecType.TRADE,
    b"3": ExecType.EXPIRED,
    b"4": ExecType.CANCELED,
    b"5": ExecType.REPLACED,
    b"6": ExecType.PENDING_CANCEL,
    b"7": INFO,
    b"8": ExecType.REJECTED,
    b"9": INFO,
    b"A": ExecType.PENDING_NEW,
    b"B": INFO,
    b"C": ExecType.EXPIRED,
    b"D": ExecType.REPLACED,
    b"E": ExecType.PENDING_REPLACE,
    b"F": ExecType.TRADE,
    b"G": ExecType.TRADE_CORRECT,
    b"H": ExecType.TRADE_CANCEL,
    b"I": INFO,
    b"L": ExecType.TRIGGERED,
}
"""ExecType (150), 4.2's 1 and 2 among them."""

TRANS_TYPES: Mapping[bytes, ExecType] = {
    b"1": ExecType.TRADE_CANCEL,
    b"2": ExecType.TRADE_CORRECT,
    b"3": INFO,
}
"""ExecTransType (20) of 4.2, which goes before ExecType; 0 leaves it."""

STATUSES: Mapping[bytes, OrdStatus | None] = {
    b"0": OrdStatus.WORKING,
    b"1": OrdStatus.PARTIALLY_FILLED,
    b"2": OrdStatus.FILLED,
    b"3": OrdStatus.EXPIRED,
    b"4": OrdStatus.CANCELED,
    b"5": OrdStatus.WORKING,
    b"6": None,
    b"7": OrdStatus.WORKING,
    b"8": OrdStatus.REJECTED,
    b"9": OrdStatus.WORKING,
    b"A": OrdStatus.ACKNOWLEDGED,
    b"B": OrdStatus.WORKING,
    b"C": OrdStatus.EXPIRED,
    b"D": OrdStatus.ACKNOWLEDGED,
    b"E": None,
}
"""OrdStatus (39). None: a pending change hides it, and the quantities tell."""

_SIDES = {b"1": Side.BUY, b"2": Side.SELL, b"5": Side.SELL, b"6": Side.SELL}
_ORD_TYPES = {code: kind for kind, code in ORD_TYPES.items()}
_TIMES_IN_FORCE = {code: how for how, code in TIMES_IN_FORCE.items()}

ORDER_REJECTS: Mapping[bytes, str] = {
    b"0": "broker_refused",
    b"1": "unknown_symbol",
    b"2": "market_closed",
    b"3": "limit_exceeded",
    b"4": "too_late",
    b"5": "unknown_order",
    b"6": "duplicate_cl_ord_id",
    b"8": "stale_order",
    b"11": "unsupported",
    b"13": "bad_quantity",
    b"15": "unknown_account",
}
"""OrdRejReason (103)."""

CHANGE_REJECTS: Mapping[bytes, str] = {
    b"0": "order_ended",
    b"1": "unknown_order",
    b"2": "broker_refused",
    b"3": "cancel_pending",
    b"6": "duplicate_cl_ord_id",
}
"""CxlRejReason (102)."""

BUSINESS_REJECTS: Mapping[bytes, str] = {
    b"1": "unknown_id",
    b"2": "unknown_symbol",
    b"3": "unsupported",
    b"4": "venue_unavailable",
    b"5": "bad_request",
    b"6": "not_permitted",
    b"8": "throttled",
    b"9": "throttled",
}
"""BusinessRejectReason (380)."""

REFUSED = "venue_refused"
"""What a reject is for whose number no table has a word."""
STILL_PENDING = b"9002"
"""Restatement reason (378) of a report that only says that the order is still on its way."""


class Told(Struct, frozen=True, kw_only=True):
    """One ExecutionReport, read.

    ``kind`` is what happened; ``answer`` that it only answers a question and is no event.
    ``status`` None: the report does not say where the order stands. ``key`` names a fill within
    its order and is empty for anything else. ``restated``: it came unasked (150=D).
    """

    kind: ExecType
    answer: bool
    status: OrdStatus | None
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    login: str
    venue_symbol: VenueSymbol
    side: Side
    at: Instant
    key: str = ""
    exec_id: str = ""
    ref_exec_id: str = ""
    last_qty: Decimal = ZERO
    last_price: Decimal = ZERO
    quantity: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    avg_price: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    ord_type: OrdType = OrdType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    position_id: str = ""
    reason: str = ""
    venue_code: str = ""
    text: str = ""
    question: str = ""
    total: int | None = None
    last: bool = False
    restated: bool = False


def with_dots(message: Message, mark: bytes) -> Message:
    """Give a message with our own ids in it, where the counterparty takes no dots."""
    fields = [(tag, v.replace(mark, b".") if tag in IDS else v) for tag, v in message.fields]
    return message.with_fields(fields)


class ChangeRefused(Struct, frozen=True):
    """An OrderCancelReject, read. ``replace`` tells which of the two was refused."""

    request_id: str
    orig_cl_ord_id: str
    order_id: str
    replace: bool
    reason: str
    venue_code: str
    text: str


def execution_reports(message: Message, profile: Profile, names: Names, now: Instant) -> list[Told]:
    """Read an ExecutionReport: mostly one fact, several where fills come as a group (1362).

    Raises:
        BadField: a value is not of its type.
        ValueError: a field that says what happened is missing or none that FIX knows.
    """
    get = message.get_text
    code = message.get(150) or b""
    kind = TRANS_TYPES.get(message.get(20) or b"") or EXEC_TYPES.get(code)
    side = _SIDES.get(message.get(54) or b"")
    if kind is None or message.get(39) not in STATUSES:
        raise ValueError(f"an ExecutionReport with 150={get(150)} and 39={get(39)}")
    if side is None and message.get(39) != b"8":
        raise ValueError(f"an ExecutionReport with 54={get(54)}")
    if message.get(378) == STILL_PENDING:
        kind = ExecType.PENDING_NEW
    how = _TIMES_IN_FORCE.get(message.get(59) or b"0", TimeInForce.DAY)
    status = STATUSES[message.get(39) or b""]
    if message.get(39) == b"3" and how is not TimeInForce.DAY:
        # Done for the day only: an order of several days lives on.
        status, kind = OrdStatus.WORKING, INFO if kind is ExecType.EXPIRED else kind
    cum = message.get_decimal(14)
    trade = kind is ExecType.TRADE
    told = Told(
        kind=kind,
        answer=kind is INFO,
        status=_settled(status, cum, _term(message, 151), trade=trade),
        order_id=_id(get(37)),
        cl_ord_id=_id(get(11)),
        orig_cl_ord_id=_id(get(41)),
        login=get(1) or "",
        venue_symbol=names.name(message),
        side=side or Side.BUY,
        at=read_time(message.get(60) or b"") or read_time(message.get(52) or b"") or now,
        key=_key(message, profile, cum) if trade else "",
        exec_id=get(17) or "",
        ref_exec_id=get(19) or "",
        last_qty=message.get_decimal(32) or ZERO,
        last_price=message.get_decimal(31) or ZERO,
        quantity=_term(message, 38),
        cum_qty=cum,
        leaves_qty=_term(message, 151),
        avg_price=_term(message, 6),
        price=_term(message, 44) or None,
        stop_price=_term(message, 99) or _term(message, 1102) or None,
        ord_type=_ORD_TYPES.get(message.get(40) or b"", OrdType.MARKET),
        time_in_force=how,
        position_id=(get(profile.position_tag) or "") if profile.position_tag else "",
        reason=ORDER_REJECTS.get(message.get(103) or b"", REFUSED) if status is _REJECTED else "",
        venue_code=get(103) or "",
        text=get(58) or "",
        question=get(584) or get(790) or "",
        total=read_int(message.get(911) or message.get(16728) or b""),
        last=message.get(912) == b"Y",
        restated=code == b"D",
    )
    return _fills(message, told) if trade and 1362 in message else [told]


def _term(message: Fields, tag: int) -> Decimal | None:
    """Read a number that what happened does not rest on: one that is none says nothing."""
    return read_decimal(message.get(tag) or b"")


_REJECTED = OrdStatus.REJECTED
_FILL_TAGS = frozenset({1363, 1364, 1365, 1443, 1622, 1623})


def _fills(message: Message, told: Told) -> list[Told]:
    """Take a report of several fills apart; totals are those after the last."""
    group = message.groups(1362, _FILL_TAGS)
    if not group:
        return [told]
    return [
        replace(
            told,
            key=f"{told.key}.{fill.get_text(1363) or place}",
            last_price=fill.get_decimal(1364) or told.last_price,
            last_qty=fill.get_decimal(1365) or ZERO,
            cum_qty=told.cum_qty if place == len(group) else None,
            status=told.status if place == len(group) else None,
        )
        for place, fill in enumerate(group, 1)
    ]


def _settled(
    status: OrdStatus | None, cum: Decimal | None, leaves: Decimal | None, *, trade: bool
) -> OrdStatus | None:
    """Say where an order stands when what is shown may be a pending change.

    A fill that ends the order while a replace is pending may yet be followed by more quantity, so
    it is left open there.
    """
    if status is None:
        if trade or cum is None:
            return None
        if leaves is not None and not leaves and cum:
            return OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.WORKING
    if status is OrdStatus.WORKING and cum:
        return OrdStatus.PARTIALLY_FILLED
    return status


def _key(message: Fields, profile: Profile, cum: Decimal | None) -> str:
    for tag in profile.exec_key:
        value = message.get_text(tag)
        if value:
            return value
    return f"c{cum}" if cum is not None else ""


def _id(value: str | None) -> str:
    return "" if value is None or value.upper() == "NONE" else value


def change_refused(message: Message) -> ChangeRefused:
    """Read an OrderCancelReject."""
    get = message.get_text
    return ChangeRefused(
        request_id=get(11) or "",
        orig_cl_ord_id=get(41) or "",
        order_id=_id(get(37)),
        replace=message.get(434) == b"2",
        reason=CHANGE_REJECTS.get(message.get(102) or b"", REFUSED),
        venue_code=get(102) or "",
        text=get(58) or "",
    )


class Held(Struct, frozen=True):
    """One PositionReport, read; ``quantity`` signed. ``total`` is how many there are.

    ``stop_loss`` and ``take_profit`` are levels that the counterparty itself holds the position to.
    """

    login: str
    venue_symbol: VenueSymbol
    quantity: Decimal
    avg_price: Decimal
    position_id: str
    total: int | None
    none: bool
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


_POSITION_TAGS = frozenset({703, 704, 705, 706, 539, 524, 525, 538})


def position(message: Message, profile: Profile, names: Names) -> Held:
    """Read a PositionReport.

    Raises:
        BadField: a value is not of its type.
    """
    long_short = ZERO
    for row in message.groups(702, _POSITION_TAGS):
        long_short += (row.get_decimal(704) or ZERO) - (row.get_decimal(705) or ZERO)
    stop, target = profile.position_levels or (0, 0)
    return Held(
        login=message.get_text(1) or "",
        venue_symbol=names.name(message),
        quantity=long_short,
        avg_price=message.get_decimal(730) or ZERO,
        position_id=message.get_text(721) or "",
        total=message.get_int(727),
        none=message.get(728) == b"2",
        stop_loss=message.get_decimal(stop) or None,
        take_profit=message.get_decimal(target) or None,
    )


_ENTRY_TAGS = frozenset({55, 48, 22, 167, 200, 207, 269, 270, 271, 278, 279, 290, 346, 299, 15})


class Book:
    """Best bid and ask of every instrument, kept from snapshots and what changes them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._best: dict[VenueSymbol, dict[bytes, tuple[Decimal, Decimal]]] = {}
        self._ids: dict[str, tuple[VenueSymbol, bytes]] = {}

    def take(self, message: Message, now: Instant) -> list[Quote]:
        """Take a snapshot (W) or a change (X); give the quotes that it makes.

        Raises:
            BadField: a value is not of its type.
        """
        whole = message.msg_type == b"W"
        changed: dict[VenueSymbol, None] = {}
        if whole:
            name = self._names.name(message)
            self._best[name] = {}
            changed[name] = None
        for entry in message.groups(268, _ENTRY_TAGS):
            name = self._names.name(message if whole else entry)
            kind = entry.get(269) or b""
            entry_id = entry.get_text(278) or ""
            if not whole and not name and entry_id in self._ids:
                name, kind = self._ids[entry_id]
            if kind not in (b"0", b"1"):
                continue
            best = self._best.setdefault(name, {})
            if entry.get(279) == b"2":
                best.pop(kind, None)
            elif (price := entry.get_decimal(270)) is not None:
                best[kind] = price, entry.get_decimal(271) or ZERO
                if entry_id:
                    self._ids[entry_id] = name, kind
            changed[name] = None
        at = message.get_time(52) or now
        return [quote for name in changed if (quote := self._quote(name, at)) is not None]

    def _quote(self, name: VenueSymbol, at: Instant) -> Quote | None:
        best = self._best.get(name, {})
        if b"0" not in best or b"1" not in best:
            return None
        (bid, bid_size), (ask, ask_size) = best[b"0"], best[b"1"]
        return Quote(name, bid, ask, at, bid_size, ask_size) if 0 < bid <= ask else None


def entries(message: Message, tags: Sequence[int]) -> list[Fields]:
    """Give the instances of a SecurityList's group (146)."""
    return message.groups(146, frozenset(tags))


SECURITY_TAGS = (
    55, 48, 22, 15, 58, 107, 167, 200, 201, 207, 231, 454, 455, 456, 460, 461, 541, 561, 562, 969,
    1007, 1008, 1140,
)  # fmt: skip
