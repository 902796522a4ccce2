"""What the FIX emulator says and reads: its broker's words as messages, and back. Pure.

It shares no table with the client, so that one mistake cannot hide in both.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.fix.message import Field, Fields, Message
from bascule.fix.timestamp import write_time
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.order import (
    AccountSnapshot,
    ExecutionReport,
    NewOrder,
    Refused,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import ZERO, Instant, text
from bascule.venues.kit.terms import InstrumentTerms

_SIDE = {Side.BUY: b"1", Side.SELL: b"2"}
_SIDE_READ = {b"1": Side.BUY, b"2": Side.SELL}
_TYPE_READ = {
    b"1": OrdType.MARKET,
    b"2": OrdType.LIMIT,
    b"3": OrdType.STOP,
    b"4": OrdType.STOP_LIMIT,
}
_TYPE = {kind: code for code, kind in _TYPE_READ.items()}
_TIME_READ = {
    b"0": TimeInForce.DAY,
    b"1": TimeInForce.GTC,
    b"3": TimeInForce.IOC,
    b"4": TimeInForce.FOK,
    b"6": TimeInForce.GTD,
}
_STATUS: Mapping[OrdStatus | None, bytes] = {
    OrdStatus.WORKING: b"0",
    OrdStatus.PARTIALLY_FILLED: b"1",
    OrdStatus.FILLED: b"2",
    OrdStatus.CANCELED: b"4",
    OrdStatus.REJECTED: b"8",
    OrdStatus.EXPIRED: b"C",
}
_KIND: Mapping[ExecType, bytes] = {
    ExecType.NEW: b"0",
    ExecType.TRADE: b"F",
    ExecType.TRADE_CANCEL: b"H",
    ExecType.TRADE_CORRECT: b"G",
    ExecType.CANCELED: b"4",
    ExecType.REPLACED: b"5",
    ExecType.REJECTED: b"8",
    ExecType.EXPIRED: b"C",
    ExecType.TRIGGERED: b"L",
    ExecType.PENDING_NEW: b"A",
    ExecType.PENDING_CANCEL: b"6",
    ExecType.PENDING_REPLACE: b"E",
}
_ORDER_REASON = {
    "unknown_symbol": b"1",
    "market_closed": b"2",
    "not_enough_margin": b"3",
    "duplicate_cl_ord_id": b"6",
    "unknown_order": b"5",
    "bad_quantity": b"13",
    "unknown_account": b"15",
}
_CHANGE_REASON = {
    "order_ended": b"0",
    "unknown_order": b"1",
    "broker_refused": b"2",
    "cancel_pending": b"3",
}
_SECURITY_TYPE = {"future": b"FUT", "fx": b"FOR", "equity": b"CS"}


class Chain(Struct, kw_only=True):
    """The ids of one order at the emulator: the first, and that of the last accepted state."""

    login: str
    root: str
    current: str
    ids: dict[str, None]


class Unreadable(ValueError):
    """A request that cannot be read; ``tag`` is what is wrong with it."""

    def __init__(self, tag: int, why: str) -> None:
        super().__init__(f"tag {tag}: {why}")
        self.tag = tag


def new_order(message: Message, login: str, name: VenueSymbol) -> NewOrder:
    """Read a NewOrderSingle.

    Raises:
        Unreadable: a field is missing, or its value is none that is taken here.
    """
    kind = _TYPE_READ.get(message.get(40) or b"")
    how = _TIME_READ.get(message.get(59) or b"0")
    side = _SIDE_READ.get(message.get(54) or b"")
    quantity = message.get_decimal(38)
    if kind is None or how is None or side is None or quantity is None:
        tag = 40 if kind is None else 59 if how is None else 54 if side is None else 38
        raise Unreadable(tag, "missing or not supported")
    return NewOrder(
        account=AccountId(login),
        cl_ord_id=ClOrdID(message.get_text(11) or ""),
        venue_symbol=name,
        side=side,
        quantity=quantity,
        ord_type=kind,
        price=message.get_decimal(44),
        stop_price=message.get_decimal(99) or message.get_decimal(1102),
        time_in_force=how,
        expire_at=message.get_time(126),
    )


class Speaker:
    """Writes messages for one session; ``early`` is FIX 4.2."""

    def __init__(self, *, early: bool, exec_ids: bool, account: bool) -> None:
        self._early = early
        self._exec_ids = exec_ids
        self._account = account

    def report(
        self, told: ExecutionReport, ids: tuple[str, str], instrument: list[Field],
        *, avg: Decimal, terms: VenueOrder | None, pending: bytes = b"",
    ) -> Message:  # fmt: skip
        """Tell what happened to an order. ``ids``: 11 and 41, the second empty for none."""
        kind, status = _KIND[told.exec_type], pending or _STATUS.get(told.ord_status, b"0")
        trans = b"0"
        if self._early:
            trans = {b"H": b"1", b"G": b"2"}.get(kind, b"0")
            if kind in (b"F", b"H", b"G"):
                kind = b"2" if told.ord_status is OrdStatus.FILLED else b"1"
        return self._execution(
            [(150, kind), (39, status), *([(20, trans)] if self._early else [])],
            ids,
            instrument,
            order_id=told.venue_order_id,
            login=told.account,
            side=told.side,
            exec_id=told.exec_id,
            avg=avg if told.cum_qty else ZERO,
            cum=told.cum_qty or ZERO,
            leaves=told.leaves_qty or ZERO,
            terms=terms,
            at=told.at,
            further=[
                *_of_trade(told),
                *([(58, told.reason.encode())] if told.reason else []),
                *([(103, b"0")] if kind == b"8" else []),
            ],
        )

    def status(
        self, order: VenueOrder, ids: tuple[str, str], instrument: list[Field],
        further: list[Field], *, avg: Decimal, at: Instant,
    ) -> Message:  # fmt: skip
        """Answer a question with where an order stands."""
        cum = order.cum_qty
        leaves = ZERO if order.ord_status not in _LIVE else order.quantity - cum
        code = _STATUS.get(order.ord_status, b"0")
        first = [(39, code), (150, code), (20, b"3")] if self._early else [(39, code), (150, b"I")]
        return self._execution(
            first,
            ids,
            instrument,
            order_id=order.venue_order_id,
            login=order.account,
            side=order.side,
            exec_id="0",
            avg=avg,
            cum=cum,
            leaves=leaves,
            terms=order,
            at=at,
            further=further,
        )

    def unknown(self, question: Message, further: list[Field], at: Instant) -> Message:
        """Answer that there is no such order, or none at all."""
        fields = [
            *((6, b"0"), (14, b"0"), (17, b"0"), (37, b"NONE"), (39, b"8"), (58, b"unknown order")),
            *((103, b"5"), (151, b"0"), (60, write_time(at, 3))),
            *([(150, b"8"), (20, b"3")] if self._early else [(150, b"I")]),
            (54, question.get(54) or b"1"),
            (55, question.get(55) or b"[N/A]"),
            *([(11, name)] if (name := question.get(11)) is not None else []),
        ]
        return _sorted(b"8", [*fields, *further])

    def order_refused(self, asked: Message, refused: Refused, exec_id: str) -> Message:
        """Refuse a NewOrderSingle."""
        fields = [(tag, v) for tag in (1, 11, 38, 40, 44, 54, 55, 59, 99) if (v := asked.get(tag))]
        fields += [(6, b"0"), (14, b"0"), (37, b"NONE"), (39, b"8"), (150, b"8"), (151, b"0")]
        fields += [
            (103, _ORDER_REASON.get(refused.reason, b"0")),
            (58, f"{refused.reason}: {refused.text}".encode()),
            (60, write_time(refused.at, 3)),
        ]
        fields += [(20, b"0")] if self._early else []
        return _sorted(b"8", self._named(fields, exec_id))

    def change_refused(
        self, asked: Message, refused: Refused, order_id: str, status: OrdStatus | None
    ) -> Message:
        """Refuse a cancel or replace."""
        code = b"8" if status is None else _STATUS.get(status, b"0")
        return self.change_rejected(
            (asked.get_text(11) or "", asked.get_text(41) or ""),
            order_id or "NONE",
            code,
            replace=asked.msg_type == b"G",
            reason=refused.reason,
            said=refused.text,
        )

    def change_rejected(
        self, ids: tuple[str, str], order_id: str, status: bytes,
        *, replace: bool, reason: str, said: str,
    ) -> Message:  # fmt: skip
        """Refuse a cancel or replace, or tell that one was lost to a fill."""
        return _sorted(
            b"9",
            [
                (11, ids[0].encode()),
                (37, order_id.encode()),
                (39, status),
                (41, ids[1].encode()),
                (58, (said or reason).encode()),
                (102, _CHANGE_REASON.get(reason, b"2")),
                (434, b"2" if replace else b"1"),
            ],
        )

    def _execution(
        self, first: list[Field], ids: tuple[str, str], instrument: list[Field],
        *, order_id: str, login: str, side: Side, exec_id: str, avg: Decimal, cum: Decimal,
        leaves: Decimal, terms: VenueOrder | None, at: Instant, further: list[Field],
    ) -> Message:  # fmt: skip
        fields = [
            *first,
            *instrument,
            *((11, ids[0].encode()), *([(41, ids[1].encode())] if ids[1] else [])),
            *([(1, login.encode())] if self._account else []),
            (6, _number(avg)),
            (14, _number(cum)),
            (37, order_id.encode()),
            (54, _SIDE[side]),
            (60, write_time(at, 3)),
            (151, _number(leaves)),
        ]
        if terms is not None:
            fields += [(38, _number(terms.quantity)), (40, _TYPE.get(terms.ord_type, b"1"))]
            fields += [(44, _number(terms.price))] if terms.price is not None else []
            fields += [(99, _number(terms.stop_price))] if terms.stop_price is not None else []
        return _sorted(b"8", self._named([*fields, *further], exec_id))

    def _named(self, fields: list[Field], exec_id: str) -> list[Field]:
        return [*fields, (17, exec_id.encode())] if self._exec_ids else fields


_LIVE = (OrdStatus.WORKING, OrdStatus.PARTIALLY_FILLED)


def _of_trade(told: ExecutionReport) -> list[Field]:
    if told.exec_type not in (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
        return []
    fields = [(31, _number(told.last_price)), (32, _number(told.last_qty))]
    if told.ref_exec_id is not None:
        fields.append((19, told.ref_exec_id.encode()))
    return fields


def positions(
    question: Message, held: tuple[VenuePosition, ...], login: str,
    instruments: Mapping[VenueSymbol, list[Field]], at: Instant,
) -> list[Message]:  # fmt: skip
    """Answer a RequestForPositions: one PositionReport each, or one that says there are none."""
    asked = question.get(710) or b""
    day = write_time(at, 0)[:8]
    base = [(1, login.encode()), (581, b"1"), (710, asked), (715, day), (731, b"1"), (734, b"0")]
    if not held:
        fields = [*base, (721, b"0"), (727, b"0"), (728, b"2"), (730, b"0"), (55, b"[N/A]")]
        return [_sorted(b"AP", fields)]
    answers = []
    for number, one in enumerate(held):
        side = (704, 705)[one.quantity < 0]
        # A group stays together, behind all else.
        fields = [
            *base,
            *instruments[one.venue_symbol],
            (721, (one.position_id or f"p{number}").encode()),
            (727, b"%d" % len(held)),
            (728, b"0"),
            (730, _number(one.avg_price)),
        ]
        group = [(702, b"1"), (703, b"TQ"), (side, _number(abs(one.quantity)))]
        answers.append(Message(b"AP", [*sorted(fields), *group]))
    return answers


def securities(
    question: Message,
    listed: tuple[InstrumentTerms, ...],
    instruments: Mapping[VenueSymbol, list[Field]],
) -> Message:
    """Answer a SecurityListRequest."""
    fields = [(320, question.get(320) or b""), (322, b"list"), (560, b"0")]
    fields.append((146, b"%d" % len(listed)))
    for item in listed:
        named = dict(instruments[item.venue_symbol])
        fields.append((55, named.pop(55)))
        security = _SECURITY_TYPE.get(item.kind.value)
        own = {15: item.quote.encode(), 231: _number(item.multiplier), **named}
        if security is not None:
            own[167] = security
        if dict(instruments[item.venue_symbol])[55] != item.venue_symbol.encode():
            exponent = item.tick_size.normalize().as_tuple().exponent
            own |= {1007: item.venue_symbol.encode(), 1008: b"%d" % max(0, -int(exponent))}
        further = {561: _number(item.lot_step), 562: _number(item.min_qty)}
        further |= {969: _number(item.tick_size), 1140: _number(item.max_qty)}
        fields += sorted({**own, **further}.items())
    return Message(b"y", fields)


def money(question: Message, told: AccountSnapshot) -> Message:
    """Answer a CollateralInquiry."""
    fields = [
        (1, told.account.encode()),
        (15, told.currency.encode()),
        (899, _number(told.free_margin)),
        (900, _number(told.equity)),
        (901, _number(told.balance)),
        (908, b"c1"),
        (909, question.get(909) or b""),
        (910, b"3"),
    ]
    return _sorted(b"BA", fields)


def snapshot(question: str, quote: Quote, instrument: list[Field]) -> Message:
    """Tell both sides of a price."""
    fields = [(262, question.encode()), *instrument, (268, b"2")]
    for kind, price, size in (
        (b"0", quote.bid, quote.bid_size),
        (b"1", quote.ask, quote.ask_size),
    ):
        fields += [(269, kind), (270, _number(price))]
        fields += [(271, _number(size))] if size else []
    return Message(b"W", fields)


def symbol_of(asked: Fields, instruments: Mapping[VenueSymbol, list[Field]]) -> VenueSymbol | None:
    """Find what a request names: every tag that it gives of an instrument must agree."""
    named = {tag: value for tag in (22, 48, 55, 167, 200, 207) if (value := asked.get(tag))}
    for name, fields in instruments.items():
        known = dict(fields)
        agrees = all(known.get(tag, value) == value for tag, value in named.items())
        if agrees and (48 in named or named.get(55) == known.get(55)):
            return name
    return None


def _number(value: Decimal) -> bytes:
    return text(value).encode()


def _sorted(kind: bytes, fields: list[Field]) -> Message:
    return Message(kind, sorted(dict(fields).items()))
