"""What a client may ask of the FIX emulator, and what it is told of its orders.

Ids of an order are kept as a chain: its first id is the broker's, the last accepted one is what
reports carry and what the next change must name in 41; 37 serves as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace as changed

from bascule.fix.message import BadField, Field, Message
from bascule.model.enums import ExecType, OrdStatus
from bascule.model.ids import AccountId, ClOrdID, ExecID, VenueOrderId, VenueSymbol
from bascule.model.order import (
    Accepted,
    CancelOrder,
    ExecutionReport,
    Refused,
    ReplaceOrder,
    VenueOrder,
)
from bascule.model.values import ZERO
from bascule.venues.fix import emulator_messages as say
from bascule.venues.fix.emulator_messages import Chain
from bascule.venues.kit.ledger import Request
from bascule.venues.kit.matching import Order
from bascule.venues.kit.reports import shown_order

if TYPE_CHECKING:
    from bascule.venues.fix.emulator_exchange import Desk, Exchange

FAULTS = {
    "drop_request": "reads an order, cancel or replace and does nothing at all",
    "disconnect_before_submit": "cuts the connection instead of taking an order",
    "disconnect_after_submit": "takes and commits an order, then cuts instead of telling",
    "crash_before_commit": "ends the process before an order is durable",
    "crash_after_commit": "ends the process when an order is durable and nothing of it was told",
    "mass_cancel_reject": "rejects a mass cancel",
    "mass_cancel_partial": "leaves one order working that a mass cancel should have taken back",
    "silent_status": "does not answer a question about orders",
    "session_reject": "refuses an order with a session Reject (3), as if it were malformed",
    "business_reject": "refuses an order with a BusinessMessageReject (j), as over the limit",
}
_ASKED = (b"H", b"AF")
_COMMANDS = {b"D": "submit", b"F": "cancel", b"G": "replace"}


class Requests:
    """Takes the requests of every session."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._broker = exchange.broker
        self._chains: dict[tuple[str, str], Chain] = {}
        self._refusals = 0

    def take(self, desk: Desk, message: Message) -> None:
        """Do what a message asks for; what is not known here is refused as unsupported."""
        kind = message.msg_type
        try:
            if desk.settings.role == "trade" and kind in _COMMANDS:
                self._command(desk, message)
            elif desk.settings.role == "trade" and desk.settings.order_status and kind in _ASKED:
                self._orders(desk, message)
            elif desk.settings.role == "trade" and kind == b"AN":
                self._positions(desk, message)
            elif desk.settings.role == "trade" and kind == b"q":
                self._mass_cancel(desk, message)
            elif desk.settings.role == "trade" and kind == b"BB":
                money = self._broker.answers.account(desk.login(message), self._exchange.now())
                desk.send(say.money(message, money))
            elif kind == b"x":
                listed = self._exchange.settings.instruments
                desk.send(say.securities(message, listed, self._exchange.instruments))
            elif kind == b"V":
                self._quotes(desk, message)
            else:
                desk.link.refuse(message)
        except (BadField, say.Unreadable) as error:
            desk.link.refuse(message, 5, str(error))

    # --- commands -------------------------------------------------------------------------------

    def _command(self, desk: Desk, message: Message) -> None:
        exchange, login = self._exchange, desk.login(message)
        struck = exchange.faults.fires
        op, new = _COMMANDS[message.msg_type], message.msg_type == b"D"
        row = Request(
            at=exchange.now(),
            login=login,
            op=op,
            outcome="lost",
            cl_ord_id=message.get_text(11) or "",
            body=repr(message),
        )
        if new and struck("disconnect_before_submit", login):
            exchange.ledger.request(changed(row, fault="disconnect_before_submit"))
            exchange.cut(desk.settings.role)
            return
        if struck("drop_request", login):
            exchange.ledger.request(changed(row, fault="drop_request"))
            exchange.commit()
            return
        if new and struck("session_reject", login):
            number = message.get(34) or b"0"
            fields = [(45, number), (58, b"fault"), (371, b"38"), (372, b"D"), (373, b"99")]
            desk.send(Message(b"3", fields))
            return
        if new and struck("business_reject", login):
            desk.link.refuse(message, 8, "throttled")
            return
        refused = self._act(desk, message, login)
        if struck("crash_before_commit", login):
            _crash()
        outcome = "accepted" if refused is None else "refused"
        reason = "" if refused is None else refused.reason
        exchange.ledger.request(changed(row, outcome=outcome, reason=reason))
        exchange.commit()
        if new and struck("crash_after_commit", login):
            _crash()
        if new and struck("disconnect_after_submit", login):
            exchange.cut(desk.settings.role)
        exchange.tell()

    def _act(self, desk: Desk, message: Message, login: str) -> Refused | None:
        now = self._exchange.now()
        if not login:
            return self._refuse(desk, message, Refused("unknown_account", "", "no account", now))
        longest = self._exchange.settings.cl_ord_id_max
        name = message.get_text(11) or ""
        marks = desk.settings.id_marks
        bad = marks and not all(sign.isalnum() or sign in marks for sign in name)
        if bad or (longest and len(name) > longest):
            why = "of other letters" if bad else "too long"
            return self._refuse(desk, message, Refused("bad_id", "", f"ClOrdID {why}", now))
        if (login, name) in self._chains:
            used = Refused("duplicate_cl_ord_id", "", f"{name} was used before", now)
            return self._refuse(desk, message, used)
        if message.msg_type == b"D":
            return self._submit(desk, message, login, name)
        return self._change(desk, message, login, name)

    def _submit(self, desk: Desk, message: Message, login: str, name: str) -> Refused | None:
        now = self._exchange.now()
        symbol = say.symbol_of(message, self._exchange.instruments)
        if symbol is None:
            refused = Refused("unknown_symbol", "", "the symbol is not listed", now)
            return self._refuse(desk, message, refused)
        outcome = self._broker.submit(say.new_order(message, login, symbol), now)
        if isinstance(outcome, Accepted):
            self._chains[login, name] = Chain(
                login=login, root=name, current=name, ids={name: None}
            )
            if desk.settings.pending:
                self._pending(desk, login, name, ExecType.PENDING_NEW, name, "")
            return None
        assert isinstance(outcome, Refused)
        return self._refuse(desk, message, outcome)

    def _change(self, desk: Desk, message: Message, login: str, name: str) -> Refused | None:
        now, replacing = self._exchange.now(), message.msg_type == b"G"
        order, chain = self._find(login, message)
        orig = message.get_text(41)
        if order is None or chain is None or (orig is not None and orig != chain.current):
            refused = Refused("unknown_order", "", "there is no such order", now)
            return self._refuse(desk, message, refused)
        chain.ids[name] = None
        self._chains[login, name] = chain
        if desk.settings.pending and not order.ended:
            kind = ExecType.PENDING_REPLACE if replacing else ExecType.PENDING_CANCEL
            self._pending(desk, login, chain.root, kind, name, chain.current)
        root, number = ClOrdID(chain.root), VenueOrderId(order.venue_order_id)
        account = AccountId(login)
        if replacing:
            asked = ReplaceOrder(
                account=account,
                cl_ord_id=root,
                venue_order_id=number,
                venue_symbol=order.venue_symbol,
                request_id=name,
                quantity=message.get_decimal(38),
                price=message.get_decimal(44),
                stop_price=None if order.triggered else message.get_decimal(99),
            )
            outcome = self._broker.replace(asked, now)
        else:
            cancel = CancelOrder(
                account=account,
                cl_ord_id=root,
                venue_order_id=number,
                venue_symbol=order.venue_symbol,
                request_id=name,
            )
            outcome = self._broker.cancel(cancel, now)
        if isinstance(outcome, Refused):
            return self._refuse(desk, message, outcome, order)
        return None

    def _refuse(
        self, desk: Desk, message: Message, refused: Refused, order: Order | None = None
    ) -> Refused:
        """Answer a command with its refusal, behind whatever happened before it."""
        self._exchange.tell()
        self._refusals += 1
        if message.msg_type == b"D":
            exec_id = f"r{self._exchange.now()}.{self._refusals}"
            desk.send(desk.speaker.order_refused(message, refused, exec_id))
        else:
            number = order.venue_order_id if order is not None else ""
            status = order.status if order is not None else None
            desk.send(desk.speaker.change_refused(message, refused, number, status))
        return refused

    def _pending(
        self, desk: Desk, login: str, root: str, kind: ExecType, name: str, orig: str
    ) -> None:
        order = self._broker.floor.record.find(login, cl_ord_id=root)
        if order is None:
            return
        codes = {ExecType.PENDING_NEW: b"A", ExecType.PENDING_CANCEL: b"6"}
        told = ExecutionReport(
            account=AccountId(login),
            exec_id=self._exec_id(),
            exec_type=kind,
            venue_order_id=VenueOrderId(order.venue_order_id),
            venue_symbol=order.venue_symbol,
            side=order.side,
            at=self._exchange.now(),
            cum_qty=ZERO if kind is ExecType.PENDING_NEW else order.cum_qty,
            leaves_qty=order.quantity if kind is ExecType.PENDING_NEW else order.leaves,
        )
        desk.send(
            desk.speaker.report(
                told,
                (name, orig),
                self._exchange.instruments[order.venue_symbol],
                avg=ZERO if kind is ExecType.PENDING_NEW else order.avg_price,
                terms=shown_order(order),
                pending=codes.get(kind, b"E"),
            )
        )

    def _exec_id(self) -> ExecID:
        return ExecID(self._broker.floor.record.new_exec_id())

    def _mass_cancel(self, desk: Desk, message: Message) -> None:
        """Take every working order back, of the session's accounts or of a symbol on them."""
        exchange, takes = self._exchange, desk.settings.mass_cancel
        asked, name = message.get(530) or b"", message.get(11) or b""
        if takes == "none":
            desk.link.refuse(message)
            return
        symbol = say.symbol_of(message, exchange.instruments) if asked == b"1" else None
        wanted = b"7" if takes == "all" else b"1"
        strange = asked != wanted or (asked == b"1" and symbol is None)
        if strange or exchange.faults.fires("mass_cancel_reject"):
            why = [(532, b"0" if strange else b"99"), (58, b"no such mass cancel here")]
            desk.send(Message(b"r", [(11, name), (37, b"mass"), (530, asked), (531, b"0"), *why]))
            return
        standing = [
            order
            for order in self._broker.floor.orders.working()
            if desk.serves(order.login) and symbol in (None, order.venue_symbol)
        ]
        if standing and exchange.faults.fires("mass_cancel_partial"):
            standing.pop()
        for order in standing:
            request = CancelOrder(
                account=AccountId(order.login),
                cl_ord_id=ClOrdID(order.cl_ord_id),
                venue_order_id=VenueOrderId(order.venue_order_id),
                venue_symbol=order.venue_symbol,
                request_id="",
            )
            self._broker.cancel(request, exchange.now())
        count = b"%d" % len(standing)
        fields = [(11, name), (37, b"mass"), (530, asked), (531, asked), (533, count)]
        desk.send(Message(b"r", fields))
        exchange.tell()

    # --- questions ------------------------------------------------------------------------------

    def _orders(self, desk: Desk, message: Message) -> None:
        exchange, login, now = self._exchange, desk.login(message), self._exchange.now()
        if exchange.faults.fires("silent_status", login):
            return
        mass = message.msg_type == b"AF"
        named = message.get(11) is not None or message.get(37) is not None
        question: list[Field] = []
        if mass:
            question = [(584, message.get(584) or b""), (585, b"7")]
        elif (asked := message.get(790)) is not None:
            question = [(790, asked)]
        if not mass and named:
            order, _ = self._find(login, message)
            shown = (
                self._broker.answers.order_status(login, ClOrdID(order.cl_ord_id), now)
                if order is not None
                else None
            )
            if shown is None or order is None:
                desk.send(desk.speaker.unknown(message, question, now))
            else:
                self._show(desk, shown, order.avg_price, question)
            return
        orders = self._broker.answers.open_orders(login, now) if login else None
        rows = orders.orders if orders is not None else ()
        if not rows and mass and desk.settings.empty_is_rejected:
            desk.link.refuse(message, 0, "no orders")
            return
        if not rows:
            ended = [(911, b"0"), (912, b"Y")] if mass else []
            desk.send(desk.speaker.unknown(message, [*question, *ended], now))
        for number, one in enumerate(rows, 1):
            kept = self._broker.floor.orders.by_id(one.venue_order_id)
            avg = kept.avg_price if kept is not None else ZERO
            total = len(rows) + (orders is not None and not orders.complete)
            further: list[Field] = [(16728, b"%d" % total)]
            if mass:
                last = b"Y" if number == len(rows) else b"N"
                further = [(911, b"%d" % total), (912, last)]
            self._show(desk, one, avg, [*question, *further])

    def _show(self, desk: Desk, shown: VenueOrder, avg: Decimal, further: list[Field]) -> None:
        root = shown.cl_ord_id or ""
        chain = self._chains.get((shown.account, root))
        current = chain.current if chain is not None else root
        desk.send(
            desk.speaker.status(
                shown,
                (current, ""),
                self._exchange.instruments[shown.venue_symbol],
                further,
                avg=avg,
                at=shown.at,
            )
        )

    def _positions(self, desk: Desk, message: Message) -> None:
        login, now = desk.login(message), self._exchange.now()
        held = self._broker.answers.positions(login, now).positions if login else ()
        for answer in say.positions(message, held, login, self._exchange.instruments, now):
            desk.send(answer)

    def _quotes(self, desk: Desk, message: Message) -> None:
        asked = message.get_text(262) or ""
        for wanted in message.groups(146, frozenset({55, 48, 22, 167, 200, 207})):
            name = say.symbol_of(wanted, self._exchange.instruments)
            if name is None:
                desk.send(
                    Message(b"Y", [(58, b"unknown symbol"), (262, asked.encode()), (281, b"0")])
                )
                return
            desk.quotes[name] = asked
            quote = self._broker.floor.quotes.get(name)
            if quote is not None:
                desk.send(say.snapshot(asked, quote, self._exchange.instruments[name]))

    def _find(self, login: str, message: Message) -> tuple[Order | None, Chain | None]:
        """Find the order that a message names: by 37, then by 41, then by 11."""
        record = self._broker.floor.record
        number = message.get_text(37)
        if number is not None and number.isdigit():
            order = record.find(login, venue_order_id=number)
            chain = self._chain(login, order.cl_ord_id) if order is not None else None
            return order, chain
        name = message.get_text(41) or message.get_text(11) or ""
        chain = self._chain(login, name)
        if chain is None:
            return None, None
        return record.find(login, cl_ord_id=chain.root), chain

    def _chain(self, login: str, name: str) -> Chain | None:
        chain = self._chains.get((login, name))
        if chain is None and self._broker.floor.record.find(login, cl_ord_id=name) is not None:
            # It was made before the emulator's last start, which remembers first ids only.
            chain = Chain(login=login, root=name, current=name, ids={name: None})
            self._chains[login, name] = chain
        return chain

    # --- reports --------------------------------------------------------------------------------

    def tell(self, desk: Desk, report: ExecutionReport) -> list[Message]:
        """Write what a session is told of a report."""
        login, record = str(report.account), self._broker.floor.record
        order = record.find(login, venue_order_id=report.venue_order_id)
        chain = self._chain(login, report.cl_ord_id) if report.cl_ord_id else None
        current = chain.current if chain is not None else str(report.cl_ord_id or "hand")
        asked = report.request_id if chain is not None and report.request_id in chain.ids else ""
        ids = (asked, current) if asked else (current, "")
        if (prefix := desk.settings.id_prefix) and chain is not None:
            ids = prefix + ids[0], prefix + ids[1] if ids[1] else ""
        if report.exec_type in (ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED):
            rejected = desk.speaker.change_rejected(
                ids,
                report.venue_order_id,
                {OrdStatus.FILLED: b"2", OrdStatus.PARTIALLY_FILLED: b"1"}.get(
                    report.ord_status or OrdStatus.WORKING, b"0"
                ),
                replace=report.exec_type is ExecType.REPLACE_REJECTED,
                reason="order_ended",
                said=report.reason,
            )
            return [rejected]
        terms = shown_order(order) if order is not None else None
        avg = order.avg_price if order is not None else report.last_price
        instrument = self._exchange.instruments[VenueSymbol(report.venue_symbol)]
        return [desk.speaker.report(report, ids, instrument, avg=avg, terms=terms)]

    def told(self, report: ExecutionReport) -> None:
        """Move an order's chain on, once everybody was told."""
        if report.exec_type in (ExecType.REPLACED, ExecType.CANCELED) and report.cl_ord_id:
            chain = self._chain(str(report.account), report.cl_ord_id)
            if chain is not None and report.request_id in chain.ids:
                chain.current = report.request_id

    def restate(self, login: str, cl_ord_id: str, quantity: Decimal) -> None:
        """Reduce an order unasked."""
        order = self._broker.floor.record.find(login, cl_ord_id=cl_ord_id)
        if order is not None:
            order.quantity = quantity
            self._broker.floor.record.tell(order, ExecType.REPLACED, self._exchange.now())


def _crash() -> None:
    from bascule.venues.fix.emulator_exchange import crash

    crash()
