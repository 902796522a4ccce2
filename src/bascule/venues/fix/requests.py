"""From the contract's words to FIX messages. Pure: only the arguments say what is sent."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bascule.fix.message import Field, Message
from bascule.fix.timestamp import write_time
from bascule.model.enums import OrdType, Side, TimeInForce
from bascule.model.ids import VenueSymbol
from bascule.model.order import NewOrder, ReplaceOrder
from bascule.model.values import Instant, text
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.orders import Known
from bascule.venues.fix.profile import Profile

NEW_ORDER, CANCEL, REPLACE, STATUS, MASS_STATUS = b"D", b"F", b"G", b"H", b"AF"
MASS_CANCEL, POSITIONS, SECURITIES, MARKET_DATA, MONEY = b"q", b"AN", b"x", b"V", b"BB"
ORDERS = frozenset({NEW_ORDER, CANCEL, REPLACE, MASS_CANCEL})
"""Messages that are never sent a second time, whatever the peer asks for."""

IDS = frozenset({11, 41})
"""The fields that hold our ids."""

SIDES: Mapping[Side, bytes] = {Side.BUY: b"1", Side.SELL: b"2"}
ORD_TYPES: Mapping[OrdType, bytes] = {
    OrdType.MARKET: b"1",
    OrdType.LIMIT: b"2",
    OrdType.STOP: b"3",
    OrdType.STOP_LIMIT: b"4",
}
TIMES_IN_FORCE: Mapping[TimeInForce, bytes] = {
    TimeInForce.DAY: b"0",
    TimeInForce.GTC: b"1",
    TimeInForce.IOC: b"3",
    TimeInForce.FOK: b"4",
    TimeInForce.GTD: b"6",
}


class Writer:
    """Writes the requests of one counterparty.

    Args:
        profile: how it wants them.
        names: of instruments.
        further: fields of every order and replace besides the profile's.
    """

    def __init__(self, profile: Profile, names: Names, further: Mapping[str, str]) -> None:
        self._profile = profile
        self._names = names
        order = {**profile.order_fields, **further}
        self._order = [(int(tag), value.encode()) for tag, value in order.items()]
        self._cancel = [(int(tag), value.encode()) for tag, value in profile.cancel_fields.items()]
        self._early = profile.version < "FIX.4.3"
        self._dot = profile.id_dot.encode()
        self._only = {kind.encode(): frozenset(tags) for kind, tags in profile.only.items()}

    def new_order(self, order: NewOrder, login: str, now: Instant) -> Message:
        """Write a NewOrderSingle."""
        tag = self._profile.position_tag
        position = [(tag, order.position_id.encode())] if tag and order.position_id else []
        return self._message(
            NEW_ORDER,
            [(11, order.cl_ord_id.encode())],
            self._account(login),
            self._names.fields(order.venue_symbol),
            [(38, _number(order.quantity)), (54, SIDES[order.side]), _time(now)],
            self._terms(order.ord_type, order.side, order.price, order.stop_price),
            self._life(order.ord_type, order.time_in_force, order.expire_at),
            position,
            self._order,
        )

    def cancel(self, known: Known, request_id: str, login: str, now: Instant) -> Message:
        """Write an OrderCancelRequest of the order's last accepted state."""
        return self._message(
            CANCEL,
            _chain(known, request_id),
            self._account(login),
            self._names.fields(known.venue_symbol),
            [(38, _number(known.quantity)), (54, SIDES[known.side]), _time(now)],
            self._cancel,
        )

    def replace(self, known: Known, wanted: ReplaceOrder, login: str, now: Instant) -> Message:
        """Write an OrderCancelReplaceRequest: the whole new state, quantity as the new total."""
        price = known.price if wanted.price is None else wanted.price
        stop = known.stop_price if wanted.stop_price is None else wanted.stop_price
        quantity = known.quantity if wanted.quantity is None else wanted.quantity
        return self._message(
            REPLACE,
            _chain(known, wanted.request_id),
            self._account(login),
            self._names.fields(known.venue_symbol),
            [(38, _number(quantity)), (54, SIDES[known.side]), _time(now)],
            self._terms(known.ord_type, known.side, price, stop),
            self._life(known.ord_type, known.time_in_force, known.expire_at),
            self._order,
        )

    def status(self, known: Known, question: str, login: str) -> Message:
        """Ask for one order; ``question`` names the asking where the version has that."""
        order_id = [(37, known.order_id.encode())] if known.order_id else []
        named = [] if self._early else [(790, question.encode())]
        return self._message(
            STATUS,
            [(11, known.current.encode()), (54, SIDES[known.side])],
            order_id,
            named,
            self._account(login),
            self._names.fields(known.venue_symbol),
        )

    def book(self, login: str) -> Message:
        """Ask for all working orders by a status request that names none."""
        return self._message(STATUS, self._account(login))

    def mass_status(self, question: str, login: str) -> Message:
        """Ask for all working orders."""
        return self._message(
            MASS_STATUS, [(584, question.encode()), (585, b"7")], self._account(login)
        )

    def mass_cancel(self, request_id: str, symbol: VenueSymbol | None, now: Instant) -> Message:
        """Ask for all working orders of the session back, or for those of a symbol.

        The message has no account.
        """
        which = self._names.fields(symbol) if symbol is not None else []
        kind = b"7" if symbol is None else b"1"
        named = [(11, request_id.encode()), (530, kind), _time(now)]
        return self._message(MASS_CANCEL, named, which)

    def positions(self, question: str, login: str, now: Instant) -> Message:
        """Ask for the positions of an account."""
        if not self._profile.send_account:
            return self._message(POSITIONS, [(710, question.encode())])
        day = write_time(now, 0)[:8]
        return self._message(
            POSITIONS,
            [(710, question.encode()), (724, b"0"), (581, b"1"), (715, day), _time(now)],
            self._account(login),
        )

    def securities(self, question: str) -> Message:
        """Ask for the list of instruments."""
        kind = b"0" if not self._profile.send_account else b"4"
        return self._message(SECURITIES, [(320, question.encode()), (559, kind)])

    def money(self, question: str, login: str) -> Message:
        """Ask for the money in an account."""
        return self._message(MONEY, [(909, question.encode())], self._account(login))

    def quotes(self, question: str, symbols: Iterable[VenueSymbol]) -> Message:
        """Ask for bid and ask of instruments, now and from now on."""
        wanted = [self._names.fields(name) for name in symbols]
        fields: list[Field] = [(262, question.encode()), (263, b"1"), (264, b"1"), (265, b"1")]
        fields += [(267, b"2"), (269, b"0"), (269, b"1"), (146, b"%d" % len(wanted))]
        for each in wanted:
            # A group's instance opens with Symbol.
            fields += sorted(each, key=lambda field: (field[0] != 55, field[0]))
        return Message(MARKET_DATA, fields)

    def _message(self, kind: bytes, *parts: list[Field]) -> Message:
        """Put fields together, ascending, but for those that the counterparty does not take.

        The first to name a tag has it.
        """
        only = self._only.get(kind)
        fields: dict[int, bytes] = {}
        for part in parts:
            for tag, value in part:
                if only is None or tag in only:
                    fields.setdefault(tag, value)
        if self._dot != b".":
            for tag in IDS & fields.keys():
                fields[tag] = fields[tag].replace(b".", self._dot)
        return Message(kind, sorted(fields.items()))

    def _terms(
        self, kind: OrdType, side: Side, price: Decimal | None, stop: Decimal | None
    ) -> list[Field]:
        fields = [(40, ORD_TYPES[kind])]
        if kind in (OrdType.LIMIT, OrdType.STOP_LIMIT) and price is not None:
            fields.append((44, _number(price)))
        if kind in (OrdType.STOP, OrdType.STOP_LIMIT) and stop is not None:
            if not self._profile.triggers:
                return [*fields, (99, _number(stop))]
            goes = b"U" if side is Side.BUY else b"D"
            fields += [
                (1100, b"4"),
                (1101, b"1"),
                (1102, _number(stop)),
                (1107, b"2"),
                (1109, goes),
            ]
        return fields

    def _life(self, kind: OrdType, how: TimeInForce, until: Instant | None) -> list[Field]:
        if kind in (OrdType.MARKET, OrdType.STOP) and not self._profile.market_life:
            return []
        fields = [(59, TIMES_IN_FORCE[how])]
        if how is TimeInForce.GTD and until is not None:
            fields.append((126, write_time(until, 3)))
        return fields

    def _account(self, login: str) -> list[Field]:
        return [(1, login.encode())] if self._profile.send_account else []


def _chain(known: Known, request_id: str) -> list[Field]:
    order_id = [(37, known.order_id.encode())] if known.order_id else []
    return [(11, request_id.encode()), *order_id, (41, known.current.encode())]


def _time(now: Instant) -> Field:
    return 60, write_time(now, 3)


def _number(value: Decimal) -> bytes:
    return text(value).encode()
