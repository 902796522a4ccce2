"""The model venue: its own ledger, which is the truth, and all the ways in which it misbehaves.

It takes requests, trades at the prices that the scenario moves, and tells of what happens. It
knows nothing of the engine; what is lost on the way is the network's doing, not the venue's.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from msgspec.structs import replace

from bascule.execution.turn import Settings
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side, TimeInForce
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    PositionId,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.order import (
    Accepted,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import SECOND, ZERO, Instant, text
from bascule.sim.core.bank import Bank
from bascule.sim.core.distributions import Chances
from bascule.sim.core.ledger import Kept, Trade
from bascule.sim.core.world import LOT, SYMBOLS, TICK

_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
_STOPS = (OrdType.STOP, OrdType.STOP_LIMIT)
_REST = 10 * SECOND
"""How long a venue that gives numbers out again waits after an order's end."""


class Venue:
    """All accounts at all venues. ``tell`` takes what is told of an account, in its order."""

    def __init__(
        self,
        settings: Settings,
        chances: Chances,
        tell: Callable[[ExecutionReport], None],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._settings = settings
        self._chances = chances
        self._tell = tell
        self._later = later
        self.at = Instant(0)
        self.orders: list[Kept] = []
        self.working: dict[int, Kept] = {}
        self.by_name: dict[tuple[AccountId, ClOrdID], Kept] = {}
        self.trades: dict[tuple[AccountId, ExecID], Trade] = {}
        self.net: dict[tuple[AccountId, VenueSymbol], Decimal] = {}
        self.lots: dict[tuple[AccountId, VenueSymbol, PositionId], Decimal] = {}
        self.price: dict[VenueSymbol, Decimal] = {
            VenueSymbol(f"{name}.x"): price for name, price in SYMBOLS.items()
        }
        self.meddled: dict[tuple[AccountId, VenueSymbol], Decimal] = {}
        """What hands, busts, corrections and overfills moved beyond what anybody asked for."""
        self.lied: set[ClOrdID] = set()
        """Orders that it said it had refused or ended, and works all the same."""
        self._turned_away: set[ClOrdID] = set()
        self.told: dict[tuple[AccountId, ExecID], list[tuple[Decimal, Side, Decimal]]] = {}
        """By the id of a fill, the quantities and prices that were ever told of it."""
        self.amended: dict[AccountId, int] = {}
        """How many fills of an account were taken back or corrected."""
        self.bank = Bank(self.price)
        self.on_trade: Callable[[ExecutionReport, Kept, Decimal], None] = _nobody
        self.on_money: Callable[[AccountId, Trade | None], None] = _no_office
        """Told that an account's worth has changed, and by which fill."""
        self._words = 0

    # --- requests -------------------------------------------------------------------------------

    def submit(self, new: NewOrder) -> Outcome:
        """Take an order once by its id, or refuse it with proof."""
        name = new.cl_ord_id
        if (new.account, name) in self.by_name:
            return self._refused("duplicate_cl_ord_id")
        if name in self._turned_away:
            # A venue that tells orders apart by the client's id gives a copy the same answer.
            return self._refused("broker_refused")
        if self._chances.strikes("reject_submit", name):
            self._turned_away.add(name)
            return self._refused("broker_refused")
        if (
            new.stop_price is not None
            and new.ord_type is OrdType.STOP
            and self._reached(new.side, new.stop_price, new.venue_symbol)
            and self._chances.of(f"strict {new.account}") < 0.3
        ):
            self._turned_away.add(name)
            return self._refused("stop_at_market")
        order = self._keep(
            new.account,
            new.venue_symbol,
            new.side,
            new.quantity,
            new.ord_type,
            cl_ord_id=name,
            price=new.price,
            stop_price=new.stop_price,
            tif=new.time_in_force,
            stop_loss=new.stop_loss,
            take_profit=new.take_profit,
            reduces=new.reduce_only or (new.position_id is not None),
            position=new.position_id,
        )
        self.by_name[new.account, name] = order
        if self._chances.strikes("hide_order", name):
            order.hidden_until = Instant(self.at + 2 * SECOND)
        if self._chances.strikes("late_reject", name):
            self.end(order, OrdStatus.REJECTED, "broker_refused")
        else:
            self._word(order, ExecType.NEW)
            self.meet(order)
        if order.live and self._chances.strikes("false_refusal", name):
            self.lied.add(name)
            self._meddle(order, order.quantity)
            return self._refused("broker_refused")
        return Accepted(order.venue_id, self.at)

    def cancel(self, asked: CancelOrder) -> Outcome:
        """Take an order back, if it is still there."""
        order = self._find(asked.account, asked.cl_ord_id, asked.venue_order_id)
        if order is None:
            return self._refused("unknown_order")
        if not order.live:
            return self._refused("too_late_to_cancel")
        what = asked.request_id
        if self._chances.strikes("reject_cancel", what):
            return self._refused("broker_refused")
        if self._chances.strikes("fill_on_cancel", what):
            self.fill(order, self._room(order), order.price or self._touch(order))
        if self._chances.strikes("slow_cancel", what):
            self._later(SECOND, lambda: self._cancel_now(order, what))
        else:
            self._cancel_now(order, what)
        return Accepted(order.venue_id, self.at)

    def _cancel_now(self, order: Kept, request_id: str) -> None:
        if order.live:
            self.end(order, OrdStatus.CANCELED, "requested", request_id)
        else:
            self._word(order, ExecType.CANCEL_REJECTED, request_id=request_id, reason="too_late")

    def replace(self, asked: ReplaceOrder) -> Outcome:
        """Change an order's terms, if it is still there and has not traded that much."""
        order = self._find(asked.account, asked.cl_ord_id, asked.venue_order_id)
        if order is None:
            return self._refused("unknown_order")
        what = asked.request_id
        if order.live and self._chances.strikes("fill_on_replace", what):
            room = self._room(order)
            part = room if room <= LOT else (room / 2 // LOT) * LOT
            self.fill(order, part, order.price or self._touch(order))
        if not order.live:
            return self._refused("too_late_to_replace")
        if asked.quantity is not None and asked.quantity <= order.cum:
            return self._refused("below_filled")
        if self._chances.strikes("reject_replace", what):
            return self._refused("broker_refused")
        self.amend(order, asked.quantity, asked.price, asked.stop_price, what)
        return Accepted(order.venue_id, self.at)

    def amend(
        self,
        order: Kept,
        quantity: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
        request_id: str = "",
    ) -> None:
        """Give an order new terms; None leaves one as it is."""
        order.quantity = order.quantity if quantity is None else quantity
        order.price = order.price if price is None else price
        order.stop_price = order.stop_price if stop_price is None else stop_price
        self._word(order, ExecType.REPLACED, request_id=request_id)
        self.meet(order)

    def _find(
        self, account: AccountId, name: ClOrdID, venue_id: VenueOrderId | None
    ) -> Kept | None:
        order = self.by_name.get((account, name))
        if order is None and venue_id is not None:
            for kept in self.working.values():
                if kept.venue_id == venue_id and kept.account == account:
                    return kept
        return order

    def _refused(self, reason: str) -> Refused:
        return Refused(reason, reason.upper(), f"the venue says {reason}", self.at)

    # --- orders ---------------------------------------------------------------------------------

    def _keep(
        self,
        account: AccountId,
        venue_symbol: VenueSymbol,
        side: Side,
        quantity: Decimal,
        ord_type: OrdType,
        **more: object,
    ) -> Kept:
        number = len(self.orders) + 1
        order = Kept(
            number=number,
            venue_id=self._new_id(account, number),
            account=account,
            venue_symbol=venue_symbol,
            side=side,
            quantity=quantity,
            ord_type=ord_type,
            born=self.at,
            **more,  # type: ignore[arg-type]
        )
        self.orders.append(order)
        self.working[number] = order
        return order

    def _new_id(self, account: AccountId, number: int) -> VenueOrderId:
        """Number an order; a venue that reuses numbers takes that of one that has ended."""
        if self._chances.strikes("reuse_order_id", f"{account} {number}"):
            rested = self.at - _REST
            taken = {
                order.venue_id for order in self.orders if order.live or order.done_at >= rested
            }
            for old in self.orders:
                if old.account == account and old.venue_id not in taken:
                    return old.venue_id
        return VenueOrderId(f"o{number}")

    def hand_order(
        self, account: AccountId, symbol: VenueSymbol, side: Side, quantity: Decimal,
        price: Decimal | None,
    ) -> None:  # fmt: skip
        """Somebody trades at the venue's own screen: at the market, or with a limit."""
        kind = OrdType.MARKET if price is None else OrdType.LIMIT
        order = self._keep(account, symbol, side, quantity, kind, origin="hand", price=price)
        self._word(order, ExecType.NEW)
        self.meet(order)

    def hand_close(self, account: AccountId, symbol: VenueSymbol, part: Decimal) -> None:
        """Somebody closes a part of what an account holds, at the venue's own screen."""
        if self.hedges(account):
            held = [
                (position, lot)
                for (owner, name, position), lot in self.lots.items()
                if owner == account and name == symbol and lot
            ]
        else:
            held = [(PositionId(""), self.net.get((account, symbol), ZERO))]
        for position, lot in held[:1]:
            quantity = (abs(lot) * part // LOT) * LOT
            if quantity > 0:
                side = Side.SELL if lot > 0 else Side.BUY
                order = self._keep(
                    account, symbol, side, quantity, OrdType.MARKET,
                    origin="hand", reduces=True, position=position or None,
                )  # fmt: skip
                self._word(order, ExecType.NEW)
                self.meet(order)

    def end(self, order: Kept, status: OrdStatus, reason: str, request_id: str = "") -> None:
        """End an order that trades no more, and tell it."""
        order.status, order.done_at = status, self.at
        self.working.pop(order.number, None)
        self._word(order, ExecType(status.value), reason=reason, request_id=request_id)
        self._say_again(order)

    def _say_again(self, order: Kept) -> None:
        """Tell the end of an order once more, in other words."""
        if self._chances.strikes("second_end", str(order.number)):
            words = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
            others = [ExecType(word.value) for word in words if word is not order.status]
            if order.cl_ord_id is not None:
                self.lied.add(order.cl_ord_id)
            self._word(order, others[order.number % len(others)], reason="said again")

    # --- the market -----------------------------------------------------------------------------

    def mark(self, symbol: VenueSymbol, price: Decimal) -> None:
        """Move a price (the bid; the ask is a tick above); orders that it reaches trade."""
        self.price[symbol] = price
        self.bank.priced[symbol] = self.at
        for account in self.bank.holders(symbol):
            self.on_money(account, None)
        for order in list(self.working.values()):
            if order.venue_symbol == symbol and order.live:
                self.meet(order)

    def _touch(self, order: Kept) -> Decimal:
        bid = self.price[order.venue_symbol]
        return bid + TICK if order.side is Side.BUY else bid

    def _reached(self, side: Side, level: Decimal, symbol: VenueSymbol) -> bool:
        bid = self.price[symbol]
        return bid + TICK >= level if side is Side.BUY else bid <= level

    def meet(self, order: Kept) -> None:
        """Let an order meet the market as it is."""
        if order.ord_type in _STOPS and not order.triggered:
            if order.stop_price is None or not self._reached(
                order.side, order.stop_price, order.venue_symbol
            ):
                return
            order.triggered = True
            self._word(order, ExecType.TRIGGERED)
        touch = self._touch(order)
        limit = order.price
        if limit is not None and (touch - limit) * order.side.sign > 0:
            if order.tif in _IMMEDIATE:
                self.end(order, OrdStatus.EXPIRED, "unfilled")
            return
        wanted = self._room(order)
        if not wanted:
            self.end(order, OrdStatus.CANCELED, "position_closed")
            return
        what = f"{order.number} {order.cum}"
        if self._chances.strikes("partial_fill", what) and order.tif is not TimeInForce.FOK:
            wanted = max((wanted * Decimal(3) / 10 // LOT) * LOT, LOT)
        over = (
            order.cum + wanted >= order.quantity
            and not order.reduces
            and self._chances.strikes("overfill", what)
        )
        if over:
            self._meddle(order, LOT)
        at_once = over and self._chances.of(f"at once {what}") < 0.5
        self.fill(order, wanted + LOT if at_once else wanted, touch)
        if over and not at_once:
            self.fill(order, LOT, touch)
        if order.live and order.tif in _IMMEDIATE:
            self.end(order, OrdStatus.EXPIRED, "unfilled")

    def _room(self, order: Kept) -> Decimal:
        """How much of an order may trade: one that reduces never opens."""
        if not order.reduces and order.origin != "bracket":
            return order.leaves
        return min(order.leaves, self._closable(order))

    def _closable(self, order: Kept) -> Decimal:
        return max(-self._held(order) * order.side.sign, ZERO)

    def hedges(self, account: AccountId) -> bool:
        """Whether an account keeps each entry as a position of its own."""
        return self._settings.accounts[account].position_mode is PositionMode.HEDGING

    def fill(self, order: Kept, quantity: Decimal, price: Decimal) -> None:
        """Trade a quantity of an order: position, ledger, report, guards."""
        if quantity <= 0:
            return
        order.cum += quantity
        done = order.cum >= order.quantity
        order.status = OrdStatus.FILLED if done else OrdStatus.PARTIALLY_FILLED
        if done:
            order.done_at = self.at
            self.working.pop(order.number, None)
        if order.position is None and self.hedges(order.account):
            order.position = PositionId(f"p{order.number}")
        before = self._held(order)
        opened = self._move(order, quantity * order.side.sign)
        exec_id = ExecID(f"x{len(self.trades) + 1}")
        fee = self.bank.purses[order.account].per_lot * quantity
        self._book(order, quantity * order.side.sign, price, fee)
        unnamed = self._chances.strikes("no_exec_id", order.account)
        trade = Trade(
            exec_id=exec_id,
            order=order.number,
            account=order.account,
            venue_symbol=order.venue_symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            at=self.at,
            cum=order.cum,
            fee=fee,
            position=order.position,
            shown_id=ExecID(f"~{order.venue_id}.{self.at}.{text(order.cum)}")
            if unnamed
            else exec_id,
        )
        self.trades[order.account, exec_id] = trade
        self.told[order.account, trade.shown_id] = [(quantity, order.side, price)]
        order.fills.append(exec_id)
        if order.origin == "hand":
            self._meddle(order, quantity)
        report = self.trade_report(trade, ord_status=order.status)
        self.on_money(order.account, trade)
        self.on_trade(report, order, before)
        self._tell(report)
        if done:
            self._say_again(order)
        self._guard(order, quantity, opened)

    def _held(self, order: Kept) -> Decimal:
        if order.position is not None:
            return self.lots.get((order.account, order.venue_symbol, order.position), ZERO)
        return self.net.get((order.account, order.venue_symbol), ZERO)

    def _book(
        self, order: Kept, signed: Decimal, price: Decimal, fee: Decimal = ZERO
    ) -> None:  # fmt: skip
        key = (order.venue_symbol, order.position or PositionId(""))
        self.bank.traded(order.account, key, signed, price, fee)

    def _meddle(self, order: Kept, quantity: Decimal) -> None:
        key = (order.account, order.venue_symbol)
        self.meddled[key] = self.meddled.get(key, ZERO) + quantity

    def _move(self, order: Kept, signed: Decimal) -> Decimal:
        """Move the position; gives how much of it was opened rather than closed, unsigned."""
        key = (order.account, order.venue_symbol)
        before = self.net.get(key, ZERO)
        self.net[key] = before + signed
        if order.position is not None:
            lot = (*key, order.position)
            before = self.lots.get(lot, ZERO)
            self.lots[lot] = before + signed
        if before * signed >= 0:
            return abs(signed)
        return max(abs(signed) - abs(before), ZERO)

    def _guard(self, order: Kept, quantity: Decimal, opened: Decimal) -> None:
        """Keep native stops and targets in step with a trade."""
        if order.origin == "bracket":
            for other in self._children(order.parent):
                if other is not order:
                    self._resize(other, other.leaves - quantity)
        elif opened > 0 and (order.stop_loss is not None or order.take_profit is not None):
            self._grow(order, opened)
        for child in list(self.working.values()):
            if child.origin != "bracket" or not child.live or child.account != order.account:
                continue
            if child.venue_symbol != order.venue_symbol:
                continue
            closable = self._closable(child)
            if not closable:
                self.end(child, OrdStatus.CANCELED, "position_closed")
            elif child.position is not None and child.leaves > closable:
                self._resize(child, closable)

    def _children(self, parent: "Kept | None") -> Iterator[Kept]:
        for order in list(self.working.values()):
            if order.parent is parent and order.origin == "bracket" and order.live:
                yield order

    def _grow(self, entry: Kept, opened: Decimal) -> None:
        there = {child.leg: child for child in self._children(entry)}
        fresh = []
        for leg, level in (("s", entry.stop_loss), ("t", entry.take_profit)):
            if level is None:
                continue
            if leg in there:
                there[leg].quantity += opened
                self._word(there[leg], ExecType.REPLACED)
                continue
            child = self._keep(
                entry.account,
                entry.venue_symbol,
                entry.side.opposite,
                opened,
                OrdType.STOP if leg == "s" else OrdType.LIMIT,
                origin="bracket",
                price=level if leg == "t" else None,
                stop_price=level if leg == "s" else None,
                position=entry.position,
                parent=entry,
                leg=leg,
            )
            self._word(child, ExecType.NEW)
            fresh.append(child)
        for child in fresh:
            if child.live:
                self.meet(child)

    def _resize(self, order: Kept, leaves: Decimal) -> None:
        if leaves <= 0:
            self.end(order, OrdStatus.CANCELED, "other_leg_filled")
        elif leaves != order.leaves:
            order.quantity = order.cum + leaves
            self._word(order, ExecType.REPLACED)

    def reinstate(self, order: Kept) -> None:
        """Let an order that it has ended by itself work again, and say nothing of it."""
        order.status = OrdStatus.PARTIALLY_FILLED if order.cum else OrdStatus.WORKING
        self.working[order.number] = order
        self._meddle(order, order.leaves)
        if order.cl_ord_id is not None:
            self.lied.add(order.cl_ord_id)

    def enlarge(self, order: Kept) -> None:
        """Let a hand double what an order still trades; half the time the venue says nothing."""
        more = order.leaves
        self._meddle(order, more)
        order.quantity += more
        if self._chances.of(f"silent {order.number} {self.at}") < 0.5:
            self._word(order, ExecType.REPLACED)
        self.meet(order)

    # --- busts and corrections ------------------------------------------------------------------

    def bust(self, trade: Trade) -> None:
        """Take a fill back."""
        order = self.orders[trade.order - 1]
        self._move(order, -trade.quantity * trade.side.sign)
        self._book(order, -trade.quantity * trade.side.sign, trade.price)
        self._meddle(order, trade.quantity)
        order.cum -= trade.quantity
        if order.status is OrdStatus.FILLED:
            order.status = OrdStatus.CANCELED
        elif order.live:
            order.status = OrdStatus.PARTIALLY_FILLED if order.cum else OrdStatus.WORKING
        self._amended(trade, order, ExecType.TRADE_CANCEL, trade.quantity, trade.price, True)

    def correct(self, trade: Trade, quantity: Decimal, price: Decimal) -> None:
        """Correct a fill's quantity (never up) or price."""
        order = self.orders[trade.order - 1]
        self._move(order, (quantity - trade.quantity) * trade.side.sign)
        self._book(order, -trade.quantity * trade.side.sign, trade.price)
        self._book(order, quantity * trade.side.sign, price)
        self._meddle(order, trade.quantity - quantity)
        order.cum += quantity - trade.quantity
        if order.status is OrdStatus.FILLED and order.cum < order.quantity:
            order.status = OrdStatus.CANCELED
        self._amended(trade, order, ExecType.TRADE_CORRECT, quantity, price, False)

    def _amended(
        self, trade: Trade, order: Kept, kind: ExecType, quantity: Decimal, price: Decimal,
        busted: bool,
    ) -> None:  # fmt: skip
        kept = Trade(
            exec_id=trade.exec_id,
            order=trade.order,
            account=trade.account,
            venue_symbol=trade.venue_symbol,
            side=trade.side,
            quantity=quantity,
            price=price,
            at=trade.at,
            cum=trade.cum,
            fee=trade.fee,
            position=trade.position,
            shown_id=trade.shown_id,
            busted=busted,
        )
        self.trades[trade.account, trade.exec_id] = kept
        self.told[trade.account, trade.shown_id].append((quantity, trade.side, price))
        if not busted:
            # A hand's fill is corrected by two that say so: what it was, taken back, and this one.
            self.told[trade.account, ExecID(f"{trade.exec_id}'")] = [(quantity, trade.side, price)]
        self.amended[trade.account] = self.amended.get(trade.account, 0) + 1
        self.on_money(trade.account, None)
        self._tell(
            self.trade_report(
                kept,
                exec_type=kind,
                exec_id=ExecID(f"{trade.exec_id}'"),
                ref_exec_id=trade.exec_id,
                at=self.at,
                ord_status=order.status,
            )
        )
        self._guard(order, ZERO, ZERO)

    # --- what it tells and shows ----------------------------------------------------------------

    def trade_report(self, trade: Trade, **more: object) -> ExecutionReport:
        """Tell a fill, live or from the history."""
        order = self.orders[trade.order - 1]
        named = order.cl_ord_id is not None and not self._chances.strikes(
            "unnamed_fill", trade.exec_id
        )
        report = ExecutionReport(
            account=trade.account,
            exec_id=trade.exec_id if trade.shown_id == trade.exec_id else ExecID(""),
            exec_type=ExecType.TRADE,
            venue_order_id=order.venue_id,
            venue_symbol=trade.venue_symbol,
            side=trade.side,
            at=trade.at,
            cl_ord_id=order.cl_ord_id if named else None,
            last_qty=trade.quantity,
            last_price=trade.price,
            cum_qty=trade.cum,
            commission=trade.fee,
            position_id=trade.position,
            parent=order.parent.cl_ord_id if order.parent is not None else None,
            leg=order.leg,
        )
        return replace(report, **more) if more else report

    def _word(self, order: Kept, kind: ExecType, *, request_id: str = "", reason: str = "") -> None:
        self._words += 1
        report = ExecutionReport(
            account=order.account,
            exec_id=ExecID(f"w{self._words}"),
            exec_type=kind,
            venue_order_id=order.venue_id,
            venue_symbol=order.venue_symbol,
            side=order.side,
            at=self.at,
            cl_ord_id=order.cl_ord_id,
            ord_status=order.status,
            order_qty=order.quantity,
            cum_qty=order.cum,
            leaves_qty=order.leaves,
            price=order.price,
            stop_price=order.stop_price,
            position_id=order.position,
            parent=order.parent.cl_ord_id if order.parent is not None else None,
            leg=order.leg,
            request_id=request_id,
            reason=reason,
        )
        self._tell(report)

    def shown(self, order: Kept) -> VenueOrder:
        """Show an order as it stands."""
        return VenueOrder(
            account=order.account,
            venue_order_id=order.venue_id,
            venue_symbol=order.venue_symbol,
            side=order.side,
            ord_type=order.ord_type,
            ord_status=order.status,
            quantity=order.quantity,
            cum_qty=order.cum,
            at=self.at,
            cl_ord_id=order.cl_ord_id,
            price=order.price,
            stop_price=order.stop_price,
            position_id=order.position,
            parent=order.parent.cl_ord_id if order.parent is not None else None,
            leg=order.leg,
        )

    def open_orders(self, account: AccountId) -> tuple[VenueOrder, ...]:
        """Show the working orders of an account that are not hidden."""
        return tuple(
            self.shown(order)
            for order in self.working.values()
            if order.account == account and self.at >= order.hidden_until
        )

    def status(self, account: AccountId, name: ClOrdID) -> VenueOrder | None:
        """Show one order by the client's id, working or ended; None when there is none."""
        order = self.by_name.get((account, name))
        if order is None or self.at < order.hidden_until:
            return None
        return self.shown(order)

    def positions(self, account: AccountId) -> tuple[VenuePosition, ...]:
        """Show what an account holds."""
        held: list[tuple[VenueSymbol, Decimal, PositionId | None]]
        if self.hedges(account):
            held = [(s, q, p) for (owner, s, p), q in self.lots.items() if owner == account]
        else:
            held = [(s, q, None) for (owner, s), q in self.net.items() if owner == account]
        return tuple(
            VenuePosition(
                account=account,
                venue_symbol=symbol,
                quantity=quantity,
                avg_price=self.bank.cost(account, (symbol, position or PositionId(""))),
                position_id=position,
            )
            for symbol, quantity, position in held
            if quantity
        )

    def fills_since(self, account: AccountId, since: Instant) -> tuple[ExecutionReport, ...]:
        """Show the fills of an account at or after an instant, oldest first, busted ones not."""
        return tuple(
            self.trade_report(trade)
            for (owner, _), trade in self.trades.items()
            if owner == account and trade.at >= since and not trade.busted
        )


def _no_office(account: AccountId, trade: Trade | None) -> None:
    """Where no firm watches the money."""


def _nobody(report: ExecutionReport, order: Kept, before: Decimal) -> None:
    """Where nobody watches the trades."""
