"""A broker in a box: commands in, outcomes and reports out, time and chance given in.

It is what every emulator, the simulator and the lab stand on. It does no I/O: its owner calls
``advance`` with the time, pushes quotes, takes ``reports`` away, and lets the ledger commit
before it lets anything out. Orders, fills and reports carry the account's login in ``account``.
"""

from collections.abc import Mapping
from decimal import Decimal

from bascule.model.enums import ExecType, OrdStatus
from bascule.model.errors import UsageError
from bascule.model.ids import VenueOrderId
from bascule.model.instrument import Quote
from bascule.model.order import (
    Accepted,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
)
from bascule.model.values import ZERO, Instant
from bascule.venues.kit import admission
from bascule.venues.kit.accounts import Account
from bascule.venues.kit.admission import Desk, Refusal
from bascule.venues.kit.answers import Answers
from bascule.venues.kit.faults import Faults, Rng
from bascule.venues.kit.floor import Floor
from bascule.venues.kit.hand import Hand
from bascule.venues.kit.ledger import Ledger
from bascule.venues.kit.matching import Order, low_first, next_level
from bascule.venues.kit.prices import Bar
from bascule.venues.kit.terms import BrokerTerms, next_time_of_day

FAULTS: Mapping[str, str] = {
    "reject_submit": "refuses an order that is in order, reason broker_refused",
    "reject_close": "refuses an order that would reduce a position, reason broker_refused",
    "late_reject": "takes an order, then reports it rejected instead of working it",
    "throttle": "refuses a command as over the rate limit and keeps nothing of it",
    "reject_cancel": "refuses a cancel of a working order, reason broker_refused",
    "fill_during_cancel": "accepts a cancel, fills the order first, and rejects the cancel",
    "partial_fills": "gives an order at most `share` of its quantity each time it meets the market",
    "overfill": "fills an order with one lot step more than it asked for",
    "slow_status": "shows a new order neither in order_status nor in open_orders for `seconds`",
    "stale_positions_snapshot": "answers positions as it did the time before",
    "incomplete_orders_page": "answers open_orders with every other order and complete false",
}
"""The faults that live in the broker itself; a transport has its own."""


class Broker:
    """One broker: its accounts, its floor, and what it answers."""

    def __init__(
        self, terms: BrokerTerms, *, faults: Faults, rng: Rng, ledger: Ledger, now: Instant
    ) -> None:
        self.terms = terms
        self.faults = faults
        self.floor = Floor(terms, faults, rng, ledger)
        self._ledger = ledger
        self.hand = Hand(self.floor)
        self.answers = Answers(self.floor, ledger)
        self._restore(now)

    def _restore(self, now: Instant) -> None:
        kept = self._ledger.load()
        floor = self.floor
        floor.record.marks = kept.marks
        for terms in self.terms.accounts:
            account = Account(terms, kept.balances.get(terms.login, ZERO))
            floor.accounts.by_login[terms.login] = account
            if terms.login not in kept.balances:
                floor.accounts.post(account, "deposit", terms.balance, now, "opening")
        for held in kept.positions:
            if held.login in floor.accounts.by_login and held.venue_symbol in floor.markets:
                floor.accounts.by_login[held.login].positions[held.key] = held
        for order in kept.orders:
            if order.login in floor.accounts.by_login and order.venue_symbol in floor.markets:
                floor.index(order)
        # Kept from the first start on, so that a day that ends while the broker is down does end.
        floor.record.marks.rollover = kept.marks.rollover or now
        last = floor.record.marks.rollover
        floor.agenda.note(next_time_of_day(self.terms.rollover, last), "rollover")
        floor.record.flush()

    # --- time and prices ------------------------------------------------------------------------

    def next_due(self) -> Instant | None:
        """Give when the broker has something to do by itself, or None."""
        return self.floor.agenda.next_due()

    def advance(self, now: Instant) -> None:
        """Do what fell due up to ``now``: delayed matches and cancels, expiries, rollovers."""
        self.floor.advance(now)

    def quote(self, quote: Quote, now: Instant) -> None:
        """Take a new price of a listed instrument and match on it.

        Raises:
            UsageError: the instrument is not listed, or the quote is crossed or not positive.
        """
        if quote.venue_symbol not in self.floor.markets:
            raise UsageError(f"{quote.venue_symbol} is not listed", code="unknown_symbol")
        if admission.bad_numbers(quote.bid, quote.ask, quote.bid_size, quote.ask_size) is not None:
            raise UsageError("a quote has a number that cannot be", code="bad_quote")
        if not 0 < quote.bid <= quote.ask:
            raise UsageError(
                f"a quote needs 0 < bid <= ask, got {quote.bid} and {quote.ask}", code="bad_quote"
            )
        self.floor.quote(quote, now)

    def bar(self, bar: Bar, now: Instant) -> list[Quote]:
        """Trade through a bar: its open as a jump, then its extremes and close as a path.

        On the way the price meets every level in its path, so that a stop fills at its level;
        the order of the extremes is the worse one for stops and targets inside the bar. Gives
        the quotes that were made.

        Raises:
            UsageError: the instrument is not listed.
        """
        if bar.venue_symbol not in self.floor.markets:
            raise UsageError(f"{bar.venue_symbol} is not listed", code="unknown_symbol")
        terms = self.floor.markets[bar.venue_symbol].terms
        spread = terms.spread_ticks * terms.tick_size
        quotes: list[Quote] = []

        def meet(bid: Decimal) -> None:
            quotes.append(Quote(bar.venue_symbol, bid, bid + spread, now))
            self.quote(quotes[-1], now)

        at = bar.open
        meet(at)
        down_first = low_first(bar, self.floor.orders.working(bar.venue_symbol))
        extremes = (bar.low, bar.high) if down_first else (bar.high, bar.low)
        for end in (*extremes, bar.close):
            while at != end:
                orders = self.floor.orders.working(bar.venue_symbol)
                level = next_level(at, end, spread, orders)
                at = end if level is None else level
                meet(at)
        return quotes

    def take_reports(self) -> list[ExecutionReport]:
        """Take away what there is to tell. It may leave the house once the ledger has it all."""
        reports, self.floor.record.reports = self.floor.record.reports, []
        return reports

    def flush(self) -> None:
        """Tell the ledger all that changed; its owner makes that durable."""
        self.floor.record.flush()

    # --- commands -------------------------------------------------------------------------------

    def submit(self, new: NewOrder, now: Instant) -> Outcome:
        """Take an order, or refuse it with proof. ``new.account`` is the login.

        A refused order is kept as rejected, so that its id is used and its status can be asked
        for; a request with a used id, with a number that is none, or over the rate limit leaves
        no order.
        """
        refused = self._not_taken(new)
        if refused is not None:
            return _refused(refused, now)
        account = self.floor.accounts.by_login[new.account]
        desk = Desk(account, self.floor.accounts, self.floor.markets[new.venue_symbol], now)
        refused = admission.refusal(new, desk) or self._fault_refusal(new, account)
        order = self._order(new, account, now)
        if refused is not None:
            order.status, order.reason = OrdStatus.REJECTED, refused.reason
            self.floor.record.changed(order)
            return _refused(refused, now)
        struck = self.faults.fires("slow_status", new.account, new.venue_symbol)
        if struck:
            self.answers.hide(order, Instant(now + struck.delay))
        if self.faults.fires("late_reject", new.account, new.venue_symbol):
            self.floor.index(order)
            self.floor.end(order, OrdStatus.REJECTED, "broker_refused", now)
        else:
            self.floor.open(order, now)
            self.floor.check_margins(now)
        return Accepted(VenueOrderId(order.venue_order_id), now)

    def _not_taken(self, new: NewOrder) -> Refusal | None:
        if new.account not in self.floor.accounts.by_login:
            return Refusal("unknown_account", f"there is no account {new.account}")
        unreadable = admission.unreadable(new)
        if unreadable is not None:
            return unreadable
        if self.floor.record.find(new.account, cl_ord_id=new.cl_ord_id) is not None:
            return Refusal("duplicate_cl_ord_id", f"ClOrdID {new.cl_ord_id} was used before")
        if new.venue_symbol not in self.floor.markets:
            return Refusal("unknown_symbol", f"{new.venue_symbol} is not listed here")
        if self.faults.fires("throttle", new.account, new.venue_symbol):
            return Refusal("throttled", "too many requests; nothing was kept of this one")
        return None

    def _fault_refusal(self, new: NewOrder, account: Account) -> Refusal | None:
        refusal = Refusal("broker_refused", "the broker refused the order and says no more")
        held = account.positions.get(account.key(new.venue_symbol, new.position_id or ""))
        if (
            held is not None
            and held.quantity * new.side.sign < 0
            and self.faults.fires("reject_close", new.account, new.venue_symbol)
        ):
            return refusal
        if self.faults.fires("reject_submit", new.account, new.venue_symbol):
            return refusal
        return None

    def _order(self, new: NewOrder, account: Account, now: Instant) -> Order:
        number = self.floor.record.new_order_id()
        return Order(
            venue_order_id=number,
            login=new.account,
            venue_symbol=new.venue_symbol,
            side=new.side,
            ord_type=new.ord_type,
            quantity=new.quantity,
            created_at=now,
            due_at=Instant(now + self.terms.fill_delay_ns),
            updated_at=now,
            cl_ord_id=new.cl_ord_id,
            price=new.price,
            stop_price=new.stop_price,
            trail_distance=new.trail_distance,
            time_in_force=new.time_in_force,
            expire_at=new.expire_at,
            stop_loss=new.stop_loss,
            take_profit=new.take_profit,
            reduce_only=new.reduce_only or new.position_id is not None,
            position_key=account.key(new.venue_symbol, new.position_id or number),
            comment=new.comment,
        )

    def cancel(self, request: CancelOrder, now: Instant) -> Outcome:
        """Take a cancel, or refuse it with proof; whether it wins is told by a report."""
        login, floor = request.account, self.floor
        order = self.floor.record.find(
            login, cl_ord_id=request.cl_ord_id, venue_order_id=request.venue_order_id or ""
        )
        refused = self._cannot_change(login, order)
        if refused is not None or order is None:
            return _refused(refused or _UNKNOWN_ORDER, now)
        if self.faults.fires("reject_cancel", login, order.venue_symbol):
            return _refused(Refusal("broker_refused", "the broker keeps the order"), now)
        if order.cancel_request:
            return _refused(Refusal("cancel_pending", "a cancel is already under way"), now)
        number = VenueOrderId(order.venue_order_id)
        order.cancel_request = request.request_id or "cancel"
        floor.record.changed(order)
        if self.faults.fires("fill_during_cancel", login, order.venue_symbol):
            price = order.price or floor.markets[order.venue_symbol].touch(order.side)
            quantity = min(order.leaves, floor.closable(order)) if order.guards else order.leaves
            if quantity:
                floor.fill(order, quantity, price, now)
            if order.ended:
                return Accepted(number, now)
        if self.terms.cancel_delay_ns:
            order.cancel_at = Instant(now + self.terms.cancel_delay_ns)
            floor.agenda.note(order.cancel_at, "cancel", order.venue_order_id)
        else:
            floor.end(order, OrdStatus.CANCELED, "requested", now, order.cancel_request)
        return Accepted(number, now)

    def _cannot_change(self, login: str, order: Order | None) -> Refusal | None:
        if order is None:
            return _UNKNOWN_ORDER
        if order.ended:
            return Refusal("order_ended", f"the order is {order.status}")
        if self.faults.fires("throttle", login, order.venue_symbol):
            return Refusal("throttled", "too many requests; nothing was kept of this one")
        return None

    def replace(self, request: ReplaceOrder, now: Instant) -> Outcome:
        """Take new terms of a working order, or of the stop and target of what an entry opened.

        Raises:
            nothing: what cannot be changed is refused, and the order stands as it was.
        """
        order = self.floor.record.find(
            request.account,
            cl_ord_id=request.cl_ord_id,
            venue_order_id=request.venue_order_id or request.position_id or "",
        )
        if order is None or order.venue_symbol not in self.floor.markets:
            return _refused(_UNKNOWN_ORDER, now)
        bracket = (
            request.stop_loss is not None
            or request.take_profit is not None
            or request.drop_stop_loss
            or request.drop_take_profit
        )
        entry = order
        if bracket and order.parent_order:
            entry = self.floor.record.find(order.login, venue_order_id=order.parent_order) or order
        terms = any(v is not None for v in (request.quantity, request.price, request.stop_price))
        refused = admission.bad_numbers(
            request.quantity, request.price, request.stop_price, request.stop_loss,
            request.take_profit,
        )  # fmt: skip
        if refused is None and (terms or not bracket):
            refused = self._cannot_change(order.login, order)
        refused = refused or self._bad_terms(order, request)
        if refused is None and bracket:
            refused = self._bad_bracket(entry, request)
        if refused is not None:
            return _refused(refused, now)
        if bracket:
            self._change_bracket(entry, request, now)
        if terms:
            self._change_terms(order, request, now)
        changed = [entry] if not terms or order is entry else [entry, order]
        for each in changed:
            self.floor.record.tell(each, ExecType.REPLACED, now, request_id=request.request_id)
        if not order.ended:
            self.floor.work(order, now)
        return Accepted(VenueOrderId(order.venue_order_id), now)

    def _bad_terms(self, order: Order, request: ReplaceOrder) -> Refusal | None:
        market = self.floor.markets[order.venue_symbol]
        if request.price is not None and order.price is None:
            return Refusal("bad_price", f"a {order.ord_type} order has no price to change")
        if request.stop_price is not None and (order.stop_price is None or order.triggered):
            return Refusal("bad_stop_price", "the order has no stop price, or it was reached")
        if request.quantity is not None:
            if request.quantity < order.cum_qty:
                return Refusal("below_filled", f"{order.cum_qty} has already traded")
            found = admission.quantity_refusal(request.quantity, market)
            if found is not None:
                return found
            if order.guards and request.quantity - order.cum_qty > self.floor.closable(order):
                return Refusal("reduce_only_would_open", "it may only close what is held")
        if request.stop_price is not None:
            beyond = (request.stop_price - market.touch(order.side)) * order.side.sign
            found = admission.stop_refusal(beyond, market)
            if found is not None:
                return found
        return admission.tick_refusal(
            (request.price, request.stop_price, request.stop_loss, request.take_profit), market
        )

    def _change_terms(self, order: Order, request: ReplaceOrder, now: Instant) -> None:
        order.price = order.price if request.price is None else request.price
        order.stop_price = order.stop_price if request.stop_price is None else request.stop_price
        order.quantity = order.quantity if request.quantity is None else request.quantity
        order.resting = False
        if order.cum_qty >= order.quantity:
            self.floor.finish(order, now)

    # --- a position's stop and target -----------------------------------------------------------

    def _bad_bracket(self, entry: Order, request: ReplaceOrder) -> Refusal | None:
        account = self.floor.accounts.by_login[entry.login]
        if not account.terms.native_bracket:
            return Refusal("bracket_unsupported", "this account has no stops or targets on orders")
        if entry.ended and not self._guardable(entry):
            return Refusal("order_ended", "nothing that this order opened is left to guard")
        market = self.floor.markets[entry.venue_symbol]
        start = market.touch(entry.side.opposite)
        if not entry.cum_qty and entry.price is not None:
            start = entry.price
        return admission.bracket_refusal(
            request.stop_loss, request.take_profit, start, entry.side.sign, market
        )

    def _guardable(self, entry: Order) -> Decimal:
        """Give how much a stop or target of an entry has to guard."""
        for leg in ("s", "t"):
            held = self.floor.orders.leg(entry.venue_order_id, leg)
            if held is not None:
                return held.leaves
        account = self.floor.accounts.by_login[entry.login]
        position = account.positions.get(entry.position_key)
        if position is None or entry.guards:
            return ZERO
        held_quantity = max(position.quantity * entry.side.sign, ZERO)
        return held_quantity if account.hedging else min(held_quantity, entry.cum_qty)

    def _change_bracket(self, entry: Order, request: ReplaceOrder, now: Instant) -> None:
        changes = (
            ("s", request.stop_loss, request.drop_stop_loss),
            ("t", request.take_profit, request.drop_take_profit),
        )
        quantity = self._guardable(entry)
        placed: list[Order] = []
        for leg, level, drop in changes:
            if level is None and not drop:
                continue
            if leg == "s":
                entry.stop_loss = level
            else:
                entry.take_profit = level
            held = self.floor.orders.leg(entry.venue_order_id, leg)
            if held is None:
                if level is not None and quantity:
                    placed.append(self.floor.new_leg(entry, leg, level, quantity, now))
                continue
            if drop:
                self.floor.end(held, OrdStatus.CANCELED, "requested", now)
                continue
            if leg == "s":
                held.stop_price = level
            else:
                held.price, held.resting = level, False
            self.floor.record.tell(held, ExecType.REPLACED, now)
            placed.append(held)
        for order in placed:
            self.floor.work(order, now)


_UNKNOWN_ORDER = Refusal("unknown_order", "there is no such order")


def _refused(refusal: Refusal, now: Instant) -> Refused:
    return Refused(refusal.reason, refusal.reason, refusal.text, now)
