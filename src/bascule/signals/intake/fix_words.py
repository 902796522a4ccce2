"""From a client's FIX messages to signals. Pure, and by tables.

NewOrderSingle (D) places, OrderCancelRequest (F) takes back, OrderCancelReplaceRequest (G)
changes; a ClOrdID is the idempotency key within its source, and the first one of an order is the
label by which the engine knows it. What an order asks for and Bascule cannot do is refused by name.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.fix.message import SECRET_TAGS, BadField, Message
from bascule.fix.tree import HEADER_TAGS, TRAILER_TAGS
from bascule.model.enums import LevelUnit, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.intent import (
    Amount,
    CancelOrders,
    Intent,
    Level,
    ModifyOrder,
    PlaceOrder,
    Protection,
    Signal,
    TakeProfit,
)
from bascule.model.values import Duration, Instant
from bascule.signals.instruction import Refuse, Rejection
from bascule.signals.keys import body_hash
from bascule.signals.numbers import number, positive

ORDER, CANCEL, REPLACE = b"D", b"F", b"G"
STATUS, MASS_STATUS = b"H", b"AF"
DIALECT = "fix"
TERMS = {
    1: "Account", 11: "ClOrdID", 15: "Currency", 18: "ExecInst", 22: "SecurityIDSource",
    38: "OrderQty", 40: "OrdType", 41: "OrigClOrdID", 44: "Price", 48: "SecurityID", 54: "Side",
    55: "Symbol", 59: "TimeInForce", 99: "StopPx", 152: "CashOrderQty", 167: "SecurityType",
    200: "MaturityMonthYear", 207: "SecurityExchange",
}  # fmt: skip
"""Fields that say what an order is."""

STOP_LOSS, TAKE_PROFIT, STOP_DISTANCE, TARGET_DISTANCE = 9701, 9702, 9703, 9704
"""Our own fields for a bracket: two prices, and two distances from the entry in price units."""
_BRACKET = (STOP_LOSS, TAKE_PROFIT, STOP_DISTANCE, TARGET_DISTANCE)

SIDES: Mapping[bytes, Side] = {b"1": Side.BUY, b"2": Side.SELL, b"5": Side.SELL}
ORD_TYPES: Mapping[bytes, OrdType] = {
    b"1": OrdType.MARKET,
    b"2": OrdType.LIMIT,
    b"3": OrdType.STOP,
    b"4": OrdType.STOP_LIMIT,
}
TIMES_IN_FORCE: Mapping[bytes, TimeInForce] = {
    b"0": TimeInForce.DAY,
    b"1": TimeInForce.GTC,
    b"3": TimeInForce.IOC,
    b"4": TimeInForce.FOK,
    b"6": TimeInForce.GTD,
}

_UNSUPPORTED = {110: "MinQty", 111: "MaxFloor", 210: "MaxShow", 211: "PegDifference"}
_EXEC_INST = frozenset({b"1", b"E"})
"""Not held, which says nothing to a program, and do not increase."""
_NOT_TRADED = frozenset({b"OPT", b"OOF", b"OOP", b"MLEG"})
"""Security types under whose Symbol (55) another thing would be traded."""
_MONTHS = "FGHJKMNQUVXZ"
_MONTH_YEAR = re.compile(r"([0-9]{4})(0[1-9]|1[0-2])")
_ID_MAX = 64
_NOT_RAW = (HEADER_TAGS | TRAILER_TAGS | SECRET_TAGS) - {35}


class Client(Struct, frozen=True, kw_only=True):
    """Who sends: its source, the strategy of its orders, and what Account (1) may say."""

    source: str
    strategy: str
    accounts: frozenset[str]
    max_age: Duration = Duration(0)


def raw_of(message: Message) -> str:
    """Write a message's type and body for the journal: ``35=D|11=a1|...``, without secrets.

    A bar within a value becomes ``/``, so that ``terms_of`` reads back what was written.
    """
    fields = [(35, message.msg_type)]
    fields += [(tag, value) for tag, value in message.fields if tag not in _NOT_RAW]
    return "|".join(f"{tag}={_clean(value)}" for tag, value in fields)


def _clean(value: bytes) -> str:
    said = value.decode("utf-8", "replace").replace("|", "/")
    return "".join(sign if sign.isprintable() else "?" for sign in said)


def terms_of(raw: str) -> dict[int, str]:
    """Read what ``raw_of`` wrote: the first value of each tag."""
    terms: dict[int, str] = {}
    for part in raw.split("|"):
        tag, _, value = part.partition("=")
        if tag.isdigit():
            terms.setdefault(int(tag), value)
    return terms


def identity(raw: str) -> str:
    """Hash what a message asks for: a resend may tell another TransactTime (60), nothing else."""
    return body_hash("|".join(part for part in raw.split("|") if not part.startswith("60=")))


def signal_of(message: Message, client: Client, root: str, now: Instant) -> Signal:
    """Make the signal of an order, a cancel or a replace; a refused one says why.

    Args:
        message: of type D, F or G.
        client: who sent it.
        root: the first ClOrdID of the order that an F or G names; of a D its own.
        now: when it came.
    """
    raw = raw_of(message)
    name = message.get_text(11) or ""
    try:
        fault = _unnamed(name) or _not_theirs(message, client)
        label = f"{client.source}/{root}" if root else ""
        read = fault or _READERS[message.msg_type](message, label)
        fired_at = None if message.msg_type == CANCEL else message.get_time(60)
    except BadField as error:
        read, fired_at = Rejection("bad_number", f"{error}"), None
    except Refuse as refused:
        read, fired_at = refused.rejection, None
    refusal = read if isinstance(read, Rejection) else None
    return Signal(
        source=client.source,
        dialect=DIALECT,
        received_at=now,
        body_hash=identity(raw),
        raw=raw,
        key=f"{client.source}/fix/{name[:_ID_MAX]}" if name else "",
        fired_at=fired_at,
        strategy=client.strategy,
        intents=() if isinstance(read, Rejection) else (read,),
        refused_code=refusal.error if refusal else "",
        refused_text=refusal.why if refusal else "",
        max_age=client.max_age,
    )


def _unnamed(name: str) -> Rejection | None:
    if name and len(name) <= _ID_MAX and name.isascii() and name.isprintable() and "|" not in name:
        return None
    return Rejection(
        "bad_cl_ord_id", f"a ClOrdID (11) is 1 to {_ID_MAX} printable ASCII characters without bars"
    )


def _not_theirs(message: Message, client: Client) -> Rejection | None:
    account = message.get_text(1)
    if account is None or not client.accounts or account in client.accounts:
        return None
    return Rejection("unknown_account", "Account (1) is none that this session may name")


def _order(message: Message, label: str) -> Intent | Rejection:
    side = SIDES.get(message.get(54) or b"")
    ord_type = ORD_TYPES.get(message.get(40) or b"")
    how = TIMES_IN_FORCE.get(message.get(59) or b"0")
    for tag, value in ((54, side), (40, ord_type), (59, how)):
        if value is None:
            said = message.get_text(tag) or "nothing"
            return Rejection("unsupported_term", f"{TERMS[tag]} ({tag}) says {said}: not done here")
    inst = set((message.get(18) or b"").split())
    asked = [f"{name} ({tag})" for tag, name in _UNSUPPORTED.items() if message.get_decimal(tag)]
    if message.get(167) in _NOT_TRADED:
        asked.append(f"SecurityType (167) {message.get_text(167)}")
    asked += [f"ExecInst (18) {word.decode('latin-1')}" for word in sorted(inst - _EXEC_INST)]
    if asked:
        return Rejection("unsupported_term", f"{', '.join(asked)}: not done here")
    amount = _amount(message)
    symbol = symbol_of(message)
    price, stop = _number(message, 44), _number(message, 99)
    missing = _missing(amount, symbol, ord_type, price, stop)
    expire_at = message.get_time(126)
    if how is TimeInForce.GTD and expire_at is None:
        missing = "ExpireTime (126)"
    if missing:
        return Rejection("missing_field", f"{missing} is missing or not above zero")
    assert side is not None and ord_type is not None and how is not None
    return PlaceOrder(
        symbol=symbol,
        label=label,
        side=side,
        quantity=amount,
        ord_type=ord_type,
        price=price if ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT) else None,
        stop_price=stop if ord_type in (OrdType.STOP, OrdType.STOP_LIMIT) else None,
        time_in_force=how,
        expire_at=expire_at if how is TimeInForce.GTD else None,
        protection=_protection(message),
        reduce_only=message.get(77) == b"C" or b"E" in inst,
    )


def _missing(
    amount: Amount | None,
    symbol: str,
    ord_type: OrdType | None,
    price: Decimal | None,
    stop: Decimal | None,
) -> str:
    limit, stops = (OrdType.LIMIT, OrdType.STOP_LIMIT), (OrdType.STOP, OrdType.STOP_LIMIT)
    wanted = (
        (amount is not None and amount.value > 0, "OrderQty (38) or CashOrderQty (152)"),
        (bool(symbol), "Symbol (55)"),
        (ord_type not in limit or (price is not None and price > 0), "Price (44)"),
        (ord_type not in stops or (stop is not None and stop > 0), "StopPx (99)"),
    )
    return next((name for there, name in wanted if not there), "")


def _cancel(message: Message, label: str) -> Intent | Rejection:
    if not label:
        return Rejection("missing_field", "OrigClOrdID (41) names no order")
    return CancelOrders(label=label, exits=True)


def _replace(message: Message, label: str) -> Intent | Rejection:
    for tag in _BRACKET:
        if message.get(tag) is not None:
            said = f"field {tag}, a bracket's, on a replace: not done here, nothing was changed"
            return Rejection("unsupported_term", said)
    amount, symbol = _amount(message), symbol_of(message)
    price, stop = _positive(message, 44), _positive(message, 99)
    if not label or not symbol:
        return Rejection("missing_field", "OrigClOrdID (41) or Symbol (55) is missing")
    if amount is not None and amount.value <= 0:
        return Rejection("missing_field", "OrderQty (38) is not above zero; to end it, cancel it")
    # A price that the order's type has no use for is passed over, as in a new order.
    ord_type = ORD_TYPES.get(message.get(40) or b"")
    if ord_type in (OrdType.MARKET, OrdType.STOP):
        price = None
    if ord_type in (OrdType.MARKET, OrdType.LIMIT):
        stop = None
    return ModifyOrder(symbol=symbol, label=label, quantity=amount, price=price, stop_price=stop)


_READERS = {ORDER: _order, CANCEL: _cancel, REPLACE: _replace}


def _number(message: Message, tag: int) -> Decimal | None:
    """Read a number that has no more digits than sums keep exactly, as every intake does."""
    value = message.get_decimal(tag)
    return None if value is None else number(value, f"field {tag}")


def _positive(message: Message, tag: int) -> Decimal | None:
    value = message.get_decimal(tag)
    return None if value is None else positive(value, f"field {tag}")


def _amount(message: Message) -> Amount | None:
    units, cash = _number(message, 38), _number(message, 152)
    if units is not None:
        return Amount(units)
    return Amount(cash, QtyUnit.CURRENCY) if cash is not None else None


def symbol_of(message: Message) -> str:
    """Name the instrument: Symbol (55), and for a future told by its month (200) the contract.

    ``55=ES 167=FUT 200=202612`` is ``ESZ2026``.

    Raises:
        Refuse: ``unsupported_term`` for a month that would have to be left out.
    """
    symbol = (message.get_text(55) or "").strip()
    month, kind = message.get_text(200) or "", message.get(167) or b""
    if not symbol or not month or kind not in (b"", b"FUT"):
        return symbol
    match = _MONTH_YEAR.match(month)
    if kind == b"FUT" and match is not None:
        return f"{symbol}{_MONTHS[int(match[2]) - 1]}{match[1]}"
    if kind == b"FUT" or not symbol[-1].isdigit():
        # Left out, it would be another contract: a bare root is the front month.
        raise Refuse(
            "unsupported_term",
            "MaturityMonthYear (200) is YYYYMM and goes with SecurityType (167) FUT",
        )
    return symbol


def _protection(message: Message) -> Protection | None:
    stop = _level(message, STOP_LOSS, STOP_DISTANCE)
    target = _level(message, TAKE_PROFIT, TARGET_DISTANCE)
    if stop is None and target is None:
        return None
    return Protection(stop_loss=stop, take_profits=(TakeProfit(target),) if target else ())


def _level(message: Message, price_tag: int, distance_tag: int) -> Level | None:
    price, distance = _positive(message, price_tag), _positive(message, distance_tag)
    if price is not None:
        return Level(price)
    return Level(distance, LevelUnit.DISTANCE) if distance is not None else None
