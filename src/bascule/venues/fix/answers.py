"""What is asked of a FIX counterparty, and how its answers are known among all that it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bascule.fix.message import BadField, Fields, Message
from bascule.model.enums import ENDED, ExecType, OrdStatus, OrdType, Side
from bascule.model.errors import VenueTransient
from bascule.model.ids import AccountId, ClOrdID, PositionId, VenueSymbol
from bascule.model.order import AccountSnapshot, VenueOrder, VenuePosition
from bascule.model.values import ZERO, Currency, Instant
from bascule.venues.fix import mapping
from bascule.venues.fix.asking import Question, Questions
from bascule.venues.fix.mapping import Told
from bascule.venues.fix.orders import Known
from bascule.venues.kit.contract import OrdersSnapshot, PositionsSnapshot

if TYPE_CHECKING:
    from bascule.venues.fix.client import FixVenue

_UNKNOWN = "unknown_order"
NEVER_ARRIVED = "its message never arrived: the counterparty asked for it again, and knows no order"


class Answers:
    """The questions of one venue's order session."""

    def __init__(self, venue: FixVenue) -> None:
        self._venue = venue
        self.questions = Questions(venue.plan.settings.answer_timeout_s, venue.now)
        self._status: dict[str, Question[object]] = {}
        """Questions about one order, by the id that was asked after."""
        self._book: Question[object] | None = None
        self._doubtful: dict[tuple[AccountId, ClOrdID], None] = {}

    # --- orders ---------------------------------------------------------------------------------

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Find one order by our id.

        Raises:
            VenueTransient: no answer came, or it proves nothing.
        """
        venue = self._venue
        known = venue.orders.named(account, cl_ord_id)
        if not venue.profile.order_status:
            return self._recorded(account, cl_ord_id, known)
        recorded = known is not None
        if known is None:
            # Its record is lost, so what stands in the question besides the id is a guess.
            known = Known(
                account=account,
                cl_ord_id=cl_ord_id,
                current=cl_ord_id,
                venue_symbol=VenueSymbol("[N/A]"),
                side=Side.BUY,
                quantity=ZERO,
                ord_type=OrdType.MARKET,
            )
        told = await self._ask_one(known)
        if told is None and not recorded:
            raise VenueTransient(
                f"the record of order {cl_ord_id} is lost, so that the counterparty shows none "
                "proves nothing; a person has to settle it"
            )
        if told is None:
            return self._never_arrived(known)
        if not recorded:
            known = venue.intake.learn(told) or known
        shown = venue.intake.shown(told, known)
        self._check_total(told, known)
        return shown

    async def _ask_one(self, known: Known) -> Told | None:
        """Ask for one order; None when the counterparty has none."""
        venue = self._venue
        if known.current in self._status:
            raise VenueTransient("this order is being asked for already")
        question = self.questions.ask()
        self._status[known.current] = question
        try:
            message = venue.writer.status(known, question.id, venue.login(known.account))
            venue.ask(message, question.id)
            await self.questions.answer(question)
        finally:
            self._status.pop(known.current, None)
            self.questions.open.pop(question.id, None)
        return cast(Told, question.parts[0]) if question.parts else None

    def _never_arrived(self, known: Known) -> VenueOrder | None:
        """Show an order that the counterparty does not know as rejected, where that is proven.

        It asked for the very message of the order again, and was told that it will not come; asked
        for the order after that, it knows none.
        """
        venue = self._venue
        if venue.profile.absence_proof != "resend" or known.cl_ord_id not in venue.unheard:
            return None
        known.ended = True
        venue.orders.touch(known)
        return venue.intake.recorded(known, venue.now(), OrdStatus.REJECTED, NEVER_ARRIVED)

    def _recorded(self, account: AccountId, name: ClOrdID, known: Known | None) -> VenueOrder:
        """Give an order as it was told, where the counterparty cannot be asked.

        Raises:
            VenueTransient: nothing was told of it, or not all since the session began anew.
        """
        doubtful = known is not None and (account, known.cl_ord_id) in self._doubtful
        if known is None or not known.order_id or doubtful:
            raise VenueTransient(
                f"this counterparty answers no question about orders, and what became of {name}"
                " was not told since the session began; look there, and take it back"
            )
        return self._venue.intake.recorded(known, self._venue.now())

    def _record(self, account: AccountId) -> OrdersSnapshot:
        """Give the orders that may work, as they were told; what nobody knows is in doubt."""
        venue, now = self._venue, self._venue.now()
        doubtful = {name for owner, name in self._doubtful if owner == account}
        orders = [
            venue.intake.recorded(
                known, now, OrdStatus.IN_DOUBT if known.cl_ord_id in doubtful else None
            )
            for known in self._live(account)
        ]
        return OrdersSnapshot(tuple(orders), not doubtful, now)

    def settle(self, told: Told) -> None:
        """End the doubt about an order whose report has the total that was counted."""
        known = self._venue.intake.find(told)
        if known is not None and told.cum_qty == known.cum_qty:
            self._doubtful.pop((known.account, known.cl_ord_id), None)

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """Ask for all working orders; ``complete`` where the answer said how many they are."""
        venue = self._venue
        if not venue.profile.order_status:
            return self._record(account)
        if venue.profile.mass_status == "each":
            shown = [await self.order_status(account, k.cl_ord_id) for k in self._live(account)]
            orders = [one for one in shown if one is not None and one.ord_status not in ENDED]
            return OrdersSnapshot(tuple(orders), True, venue.now())
        question = self.questions.ask()
        login = venue.login(account)
        if venue.profile.mass_status == "book":
            if self._book is not None:
                raise VenueTransient("the orders are being asked for already")
            self._book = question
            message = venue.writer.book(login)
        else:
            message = venue.writer.mass_status(question.id, login)
        try:
            venue.ask(message, question.id)
            complete = await self.questions.answer(question)
        finally:
            self.questions.open.pop(question.id, None)
            self._book = None if self._book is question else self._book
        orders = []
        for told in cast("list[Told]", question.parts):
            known = venue.intake.find(told) or venue.intake.learn(told)
            if known is not None and known.account == account:
                one = venue.intake.shown(told, known)
                self._check_total(told, known)
                if one.ord_status not in ENDED:
                    orders.append(one)
        return OrdersSnapshot(tuple(orders), complete, venue.now())

    def _live(self, account: AccountId) -> list[Known]:
        return [known for known in self._venue.orders.live(account) if known.order_id]

    def take(self, told: Told) -> bool:
        """Take a report that answers a question; False when it is an event."""
        question = self.questions.open.get(told.question)
        if question is None:
            question = self._by_order(told)
        if question is None:
            return False
        none = told.status is OrdStatus.REJECTED and (told.reason == _UNKNOWN or not told.order_id)
        if question in self._status.values():
            if not none:
                question.parts.append(told)
            question.end()
            return True
        if not none:
            question.parts.append(told)
        count = len(question.parts)
        if none or told.last or (told.total is not None and count >= told.total):
            question.end(complete=told.total is None or none or count >= told.total)
        return True

    def _by_order(self, told: Told) -> Question[object] | None:
        """Find the question that a report without its id answers."""
        unknown = told.kind is ExecType.REJECTED and told.reason == _UNKNOWN
        if not (told.answer or told.restated or unknown):
            return None
        if told.cl_ord_id in self._status:
            return self._status[told.cl_ord_id]
        known = self._venue.intake.find(told)
        if known is not None and known.current in self._status:
            return self._status[known.current]
        if self._book is not None and (told.total is not None or unknown or not told.order_id):
            return self._book
        return None

    # --- totals ---------------------------------------------------------------------------------

    def doubt_totals(self) -> None:
        """Have every live order's total compared before fills count as whole."""
        for account in self._venue.intake.account_ids:
            for known in self._live(account):
                self._doubtful[account, known.cl_ord_id] = None

    async def totals_agree(self, account: AccountId) -> bool:
        """Ask for the orders whose fills may not all have been told; tell whether all were.

        Raises:
            VenueTransient: they could not be asked for.
        """
        for owner, name in list(self._doubtful):
            if owner == account and self._venue.profile.order_status:
                self._doubtful.pop((owner, name), None)
                try:
                    await self.order_status(owner, name)
                except VenueTransient:
                    self._doubtful[owner, name] = None
                    raise
        return not any(owner == account for owner, _ in self._doubtful)

    def _check_total(self, told: Told, known: Known) -> None:
        heard = self._venue.intake.check_total(told, known)
        self._venue.hear(heard)
        if heard.lost:
            self._doubtful[known.account, known.cl_ord_id] = None
            self._venue.told_lost(heard.lost)

    # --- positions, instruments, money ----------------------------------------------------------

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """Ask for an account's positions."""
        venue = self._venue
        question = self.questions.ask()
        venue.ask(
            venue.writer.positions(question.id, venue.login(account), venue.now()), question.id
        )
        complete = await self.questions.answer(question)
        held = [cast(mapping.Held, part) for part in question.parts]
        shown = tuple(
            VenuePosition(
                account=account,
                venue_symbol=one.venue_symbol,
                quantity=one.quantity,
                avg_price=one.avg_price,
                position_id=PositionId(one.position_id) if self._hedging(one) else None,
                stop_loss=one.stop_loss,
                take_profit=one.take_profit,
            )
            for one in held
            if one.quantity
        )
        return PositionsSnapshot(shown, complete, self.positions_at(account))

    def positions_at(self, account: AccountId) -> Instant:
        """Say of when positions are that are known now: they hold every fill that was told.

        Its time is the counterparty's, whose clock may be ahead of ours.
        """
        return max(self._venue.now(), self._venue.blotter.newest(account))

    def _hedging(self, one: mapping.Held) -> bool:
        return bool(one.position_id and self._venue.profile.position_tag)

    async def securities(self) -> dict[VenueSymbol, Fields]:
        """Ask for the list of instruments."""
        venue = self._venue
        question = self.questions.ask()
        venue.ask(venue.writer.securities(question.id), question.id)
        await self.questions.answer(question)
        entries = [cast(Fields, part) for part in question.parts]
        return {venue.names.learn(entry): entry for entry in entries}

    async def money(self, account: AccountId, currency: Currency) -> AccountSnapshot:
        """Ask for the money in an account."""
        venue = self._venue
        question = self.questions.ask()
        venue.ask(venue.writer.money(question.id, venue.login(account)), question.id)
        await self.questions.answer(question)
        report = cast(Message, question.parts[0])
        try:
            told, cash, free = (report.get_decimal(tag) for tag in (900, 901, 899))
        except BadField as error:
            raise VenueTransient(f"a report of the money cannot be read: {error}") from None
        equity = told or cash
        if equity is None:
            # Taken for nothing at all, it would be met by closing everything.
            raise VenueTransient("a report of the money names neither 900 nor 901")
        cash = equity if cash is None else cash
        return AccountSnapshot(
            account=account,
            currency=Currency(report.get_text(15) or currency),
            balance=cash,
            equity=equity,
            margin_used=ZERO if free is None else equity - free,
            free_margin=equity if free is None else free,
            at=venue.now(),
        )

    def other(self, message: Message) -> None:
        """Take an answer that is no ExecutionReport."""
        kind = message.msg_type
        if kind == b"y":
            question = self.questions.open.get(message.get_text(320) or "")
            if question is not None:
                question.parts += mapping.entries(message, mapping.SECURITY_TAGS)
                if message.get(893) != b"N":
                    question.end()
        elif kind == b"BA":
            question = self.questions.open.get(message.get_text(909) or "")
            if question is not None:
                question.parts.append(message)
                question.end()
        elif kind in (b"AP", b"AO"):
            question = self.questions.open.get(message.get_text(710) or "")
            if question is not None:
                self._on_position(question, message)

    def _on_position(self, question: Question[object], message: Message) -> None:
        if message.msg_type == b"AO":
            if message.get(728) == b"2":
                question.end()
            elif message.get(729) == b"2":
                said = message.get_text(58) or "no reason given"
                question.fail(VenueTransient(f"the request for positions was rejected: {said}"))
            return
        one = mapping.position(message, self._venue.profile, self._venue.names)
        if one.none:
            question.end()
            return
        question.parts.append(one)
        if one.total is not None and len(question.parts) >= one.total:
            question.end()

    def rejected(self, kind: bytes, name: str, code: str, said: str) -> None:
        """Take in that a question was rejected: some say so when there is nothing to show."""
        question = self.questions.open.get(name) or self._status.get(name)
        if question is None and kind == b"AF":
            question = next(iter(self.questions.open.values()), None)
        if question is None:
            return
        unsupported = code in ("3", "4", "6") or code.startswith("3 ")
        empty = kind == b"AF" and not unsupported
        if empty or (kind == b"H" and code == "1"):
            question.end()
        else:
            text = f"the FIX counterparty rejected a question ({code}): {said}"
            question.fail(VenueTransient(text))
