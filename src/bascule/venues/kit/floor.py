"""The working orders of a broker: how they meet the market, fill, guard positions, and end.

Sans I/O: time comes in with each call, chance from the generator given, and what happened is
left in ``reports`` and in the ledger's ``Changes``.
"""

from decimal import Decimal

import msgspec

from bascule.model.enums import ExecType, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import ZERO, Instant, floor_to
from bascule.venues.kit.accounts import Account, Accounts, Rates, Traded
from bascule.venues.kit.agenda import Agenda
from bascule.venues.kit.faults import Faults, Rng
from bascule.venues.kit.ledger import Fill, Ledger
from bascule.venues.kit.matching import IMMEDIATE, LIMITS, STOPS, Market, Order, trail, triggers
from bascule.venues.kit.record import Record
from bascule.venues.kit.reports import fill_report, status_after
from bascule.venues.kit.terms import BrokerTerms, next_time_of_day


class Floor:
    """Live orders, markets and accounts of one broker."""

    def __init__(self, terms: BrokerTerms, faults: Faults, rng: Rng, ledger: Ledger) -> None:
        self.terms = terms
        self.faults = faults
        self.markets = {item.venue_symbol: Market(item) for item in terms.instruments}
        self.quotes: dict[str, Quote] = {}
        listed = {str(item.venue_symbol): item for item in terms.instruments}
        rates = Rates(terms.instruments, terms.rates, self.quotes)
        self.accounts = Accounts(listed, rates, self.quotes)
        self.record = Record(ledger, self.accounts)
        self.orders = self.record.orders
        self.agenda = Agenda()
        self._rng = rng
        self._exposed: dict[str, Account] = {}

    # --- time -----------------------------------------------------------------------------------

    def advance(self, now: Instant) -> None:
        """Do all that fell due up to ``now``, each at its own time and in its order."""
        for due, kind, ref in self.agenda.due(now):
            if kind == "rollover":
                self._roll_over(due)
                continue
            order = self.orders.by_id(ref)
            if order is None or order.ended:
                continue
            if kind == "meet":
                self.work(order, due)
            elif kind == "expire":
                self.end(order, OrdStatus.EXPIRED, "expired", due)
            elif order.cancel_at == due:
                self.end(order, OrdStatus.CANCELED, "requested", due, order.cancel_request)
        self.check_margins(now)

    def _roll_over(self, now: Instant) -> None:
        for account in self.accounts.by_login.values():
            for held in account.positions.values():
                self.accounts.charge_swap(account, held, now)
                self.record.moved(account, held.key)
        for order in self.orders.working():
            if order.time_in_force is TimeInForce.DAY:
                self.end(order, OrdStatus.EXPIRED, "end_of_day", now)
        self.record.marks.rollover = now
        self.agenda.note(next_time_of_day(self.terms.rollover, now), "rollover")

    # --- the market -----------------------------------------------------------------------------

    def quote(self, quote: Quote, now: Instant) -> None:
        """Take a new price; orders of this symbol meet it in the order in which they came."""
        market = self.markets[quote.venue_symbol]
        market.set_quote(quote)
        self.quotes[quote.venue_symbol] = quote
        for order in self.orders.working(quote.venue_symbol):
            self.work(order, now)
        for account in self.accounts.by_login.values():
            if account.positions:
                self._exposed[account.terms.login] = account
        self.check_margins(now)

    def work(self, order: Order, now: Instant) -> None:
        """Let an order meet the market as it is now."""
        if order.ended or now < order.due_at:
            return
        market = self.markets[order.venue_symbol]
        is_open = market.is_open(now)
        waits = order.ord_type in STOPS and not order.triggered
        if waits and not (is_open and self._reached(order, market, now)):
            return
        if is_open:
            self._match(order, market, now)
        if not order.leaves:
            return
        if order.time_in_force in IMMEDIATE:
            self.end(order, OrdStatus.EXPIRED, f"{order.time_in_force}_unfilled", now)
        else:
            order.resting = is_open

    def _reached(self, order: Order, market: Market, now: Instant) -> bool:
        if trail(order, market):
            self.record.changed(order)
        if not triggers(order, market):
            return False
        order.triggered = True
        self.record.tell(order, ExecType.TRIGGERED, now)
        return True

    def _match(self, order: Order, market: Market, now: Instant) -> None:
        wanted = order.leaves
        if order.guards:
            wanted = min(wanted, self.closable(order))
            if not wanted:
                self.end(order, OrdStatus.CANCELED, "position_closed", now)
                return
        struck = self.faults.fires("partial_fills", order.login, order.venue_symbol)
        if struck:
            step = market.terms.lot_step
            part = floor_to(order.quantity * Decimal(str(struck.share)), step)
            wanted = min(wanted, max(part, step))
        offers = market.offers(order, wanted)
        whole = sum((quantity for _, quantity in offers), ZERO)
        if order.time_in_force is TimeInForce.FOK and whole < order.leaves:
            return
        for price, quantity in offers:
            market.take(order.side, quantity)
            self.fill(order, quantity, self._slipped(order, market, price), now)
            if order.ended:
                return

    def _slipped(self, order: Order, market: Market, price: Decimal) -> Decimal:
        worst = market.terms.slippage_ticks
        if not worst or order.ord_type in LIMITS:
            return price
        ticks = int(self._rng.random() * (worst + 1))
        return price + market.terms.tick_size * ticks * order.side.sign

    # --- orders ---------------------------------------------------------------------------------

    def open(self, order: Order, now: Instant) -> None:
        """Take an order onto the floor and tell of it; it meets the market when it is due."""
        self.index(order)
        self.record.tell(order, ExecType.NEW, now)
        if order.due_at <= now:
            self.work(order, now)

    def index(self, order: Order) -> None:
        """Know an order as live, and schedule what falls due for it."""
        self.orders.add(order)
        if order.due_at > order.created_at:
            self.agenda.note(order.due_at, "meet", order.venue_order_id)
        if order.expire_at is not None and order.time_in_force is TimeInForce.GTD:
            self.agenda.note(order.expire_at, "expire", order.venue_order_id)
        if order.cancel_at is not None:
            self.agenda.note(order.cancel_at, "cancel", order.venue_order_id)

    def end(
        self, order: Order, status: OrdStatus, reason: str, now: Instant, request_id: str = ""
    ) -> None:
        """End an order that trades no more: canceled, expired or rejected."""
        order.status, order.reason = status, reason
        kind = ExecType(status.value)
        self.record.tell(order, kind, now, request_id=request_id, reason=reason)
        self._forget(order, now, answered=bool(request_id))

    def _forget(self, order: Order, now: Instant, *, answered: bool = False) -> None:
        self.orders.ended(order)
        if order.cancel_request and not answered:
            request, order.cancel_request = order.cancel_request, ""
            self.record.tell(
                order,
                ExecType.CANCEL_REJECTED,
                now,
                request_id=request,
                reason="too_late_to_cancel",
            )

    def closable(self, order: Order) -> Decimal:
        """Give how much of the position an order could close, never negative."""
        held = self.accounts.by_login[order.login].positions.get(order.position_key)
        return ZERO if held is None else max(-held.quantity * order.side.sign, ZERO)

    # --- fills ----------------------------------------------------------------------------------

    def fill(self, order: Order, quantity: Decimal, price: Decimal, now: Instant) -> None:
        """Trade a quantity of an order at a price: position, money, report, guards."""
        account = self.accounts.by_login[order.login]
        terms = self.markets[order.venue_symbol].terms
        last = quantity >= order.leaves and not order.guards
        if last and self.faults.fires("overfill", order.login, order.venue_symbol):
            quantity += terms.lot_step
        exec_id = self.record.new_exec_id()
        before = order.avg_price * order.cum_qty
        order.cum_qty += quantity
        order.avg_price = (before + price * quantity) / order.cum_qty
        order.status = status_after(order.cum_qty, order.quantity)
        order.updated_at = now
        self.record.changed(order)
        traded = self._trade(account, order, quantity * order.side.sign, price, now, exec_id)
        cost = account.terms.commission_per_lot * quantity
        posted = self.accounts.post(account, "commission", -cost, now, exec_id) if cost else ZERO
        fill = Fill(
            exec_id=exec_id,
            venue_order_id=order.venue_order_id,
            login=order.login,
            venue_symbol=order.venue_symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            at=now,
            cl_ord_id=order.cl_ord_id,
            origin=order.origin,
            commission=-posted,
            currency=account.terms.currency,
            realized=traded.realized,
            position_key=order.position_key,
            parent=order.parent,
            leg=order.leg,
        )
        self.record.tell_fill(fill, fill_report(fill, order=order))
        if order.ended:
            self._forget(order, now)
        self._guard(order, quantity, traded, now)

    def finish(self, order: Order, now: Instant) -> None:
        """Take an order off the floor whose quantity was changed to what has traded."""
        order.status = OrdStatus.FILLED
        self._forget(order, now)

    def amend(
        self, order: Order, fill: Fill, quantity: Decimal, price: Decimal | None, now: Instant
    ) -> None:
        """Bust a fill (``price`` None) or correct it; what it lacks is not worked again.

        The position is moved back by the opposite trade at the fill's own price, which leaves
        the account's money as if the fill had never been.
        """
        account, sign = self.accounts.by_login[order.login], fill.side.sign
        exec_id = self.record.new_exec_id()
        self._trade(account, order, -fill.quantity * sign, fill.price, now, exec_id)
        if price is not None:
            self._trade(account, order, quantity * sign, price, now, exec_id)
        cost = account.terms.commission_per_lot * quantity
        self.accounts.post(account, "commission", fill.commission - cost, now, exec_id)
        worth = order.avg_price * order.cum_qty - fill.price * fill.quantity
        order.cum_qty += quantity - fill.quantity
        worth += quantity * (price or ZERO)
        order.avg_price = worth / order.cum_qty if order.cum_qty else ZERO
        if not order.ended:
            order.status = status_after(order.cum_qty, order.quantity)
            if order.status is OrdStatus.FILLED:
                self._forget(order, now)
        elif order.cum_qty < order.quantity:
            order.status = OrdStatus.CANCELED
        busted = price is None
        amended = msgspec.structs.replace(
            fill,
            quantity=fill.quantity if price is None else quantity,
            price=fill.price if price is None else price,
            commission=fill.commission if price is None else cost,
            state="busted" if busted else "live",
        )
        self.record.changed(order)
        kind = ExecType.TRADE_CANCEL if busted else ExecType.TRADE_CORRECT
        report = fill_report(amended, exec_type=kind, exec_id=exec_id, at=now, order=order)
        self.record.tell_fill(amended, report)
        self._guard(order, ZERO, Traded(ZERO, ZERO, ZERO), now)

    def _trade(
        self, account: Account, order: Order, signed: Decimal, price: Decimal, now: Instant,
        ref: str,
    ) -> Traded:  # fmt: skip
        key = order.position_key
        self.record.moved(account, key)
        self._exposed[order.login] = account
        return self.accounts.trade(account, order.venue_symbol, key, signed, price, now, ref)

    # --- stops and targets ----------------------------------------------------------------------

    def _guard(self, order: Order, quantity: Decimal, traded: Traded, now: Instant) -> None:
        """Keep stops and targets in step with a trade: grow, shrink, or take away."""
        if order.leg:
            other = self.orders.leg(order.parent_order, "t" if order.leg == "s" else "s")
            if other is not None:
                self.resize(other, other.leaves - quantity, "other_leg_filled", now)
        elif traded.opened:
            self._grow(order, traded.opened, now)
        hedging = self.accounts.by_login[order.login].hedging
        for guard in self.orders.guards(order.login, order.venue_symbol, order.position_key):
            if guard.ended:
                continue
            closable = self.closable(guard)
            if not closable:
                self.end(guard, OrdStatus.CANCELED, "position_closed", now)
            elif hedging and guard.leg and guard.leaves > closable:
                self.resize(guard, closable, "position_reduced", now)

    def _grow(self, entry: Order, opened: Decimal, now: Instant) -> None:
        grown: list[Order] = []
        for leg, level in (("s", entry.stop_loss), ("t", entry.take_profit)):
            held = self.orders.leg(entry.venue_order_id, leg)
            if held is not None:
                held.quantity += opened
                self.record.tell(held, ExecType.REPLACED, now)
            elif level is not None:
                grown.append(self.new_leg(entry, leg, level, opened, now))
        for order in grown:
            self.work(order, now)

    def new_leg(
        self, entry: Order, leg: str, level: Decimal, quantity: Decimal, now: Instant
    ) -> Order:
        """Place a stop or target for what an entry opened; it has yet to meet the market."""
        stop = leg == "s"
        order = Order(
            venue_order_id=self.record.new_order_id(),
            login=entry.login,
            venue_symbol=entry.venue_symbol,
            side=entry.side.opposite,
            ord_type=OrdType.STOP if stop else OrdType.LIMIT,
            quantity=quantity,
            created_at=now,
            due_at=now,
            updated_at=now,
            origin="bracket",
            price=None if stop else level,
            stop_price=level if stop else None,
            position_key=entry.position_key,
            parent=entry.cl_ord_id,
            parent_order=entry.venue_order_id,
            leg=leg,
        )
        self.index(order)
        self.record.tell(order, ExecType.NEW, now)
        return order

    def resize(self, order: Order, leaves: Decimal, reason: str, now: Instant) -> None:
        """Leave an order this much to trade, or end it when that is nothing."""
        if leaves <= 0:
            self.end(order, OrdStatus.CANCELED, reason, now)
        elif leaves != order.leaves:
            order.quantity = order.cum_qty + leaves
            self.record.tell(order, ExecType.REPLACED, now, reason=reason)

    # --- margin ---------------------------------------------------------------------------------

    def check_margins(self, now: Instant) -> None:
        """Close positions, the worst first, of accounts at or below their stop-out level."""
        exposed, self._exposed = self._exposed, {}
        for account in exposed.values():
            while self._stop_out_one(account, now):
                pass

    def _stop_out_one(self, account: Account, now: Instant) -> bool:
        used = self.accounts.margin_used(account)
        limit = account.terms.stop_out_percent
        if not used or self.accounts.equity(account) * 100 > limit * used:
            return False
        markets = self.markets
        tradable = [p for p in account.positions.values() if markets[p.venue_symbol].is_open(now)]
        if not tradable:
            return False
        held = min(tradable, key=lambda p: self.accounts.unrealized(account, p))
        before = abs(held.quantity)
        self.hand_order(account, held.venue_symbol, -held.quantity, held.key, "stop_out", now)
        left = account.positions.get(held.key)
        return left is None or abs(left.quantity) < before

    def hand_order(
        self, account: Account, symbol: VenueSymbol, signed: Decimal, key: str, origin: str,
        now: Instant,
    ) -> Order:  # fmt: skip
        """Trade at the market without a client: by hand or by the house. An IOC, so it may fail."""
        number = self.record.new_order_id()
        order = Order(
            venue_order_id=number,
            login=account.terms.login,
            venue_symbol=symbol,
            side=Side.BUY if signed > 0 else Side.SELL,
            ord_type=OrdType.MARKET,
            quantity=abs(signed),
            created_at=now,
            due_at=now,
            updated_at=now,
            origin=origin,
            time_in_force=TimeInForce.IOC,
            position_key=key or account.key(symbol, number),
            reduce_only=key != "" and account.hedging,
        )
        self.open(order, now)
        return order
