"""Limits of size, held against the worst case at the venue. The truth is the venue's ledger."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.enums import Side
from bascule.model.ids import AccountId, ClOrdID, StrategyId, VenueSymbol
from bascule.model.order import NewOrder, ReplaceOrder
from bascule.model.values import ZERO
from bascule.sim.core.ledger import Broken
from bascule.sim.core.venue import Venue


class Sizes:
    """Holds what is sent against every limit of size, with all that works and is under way.

    ``in_flight`` gives the orders and changes on their way, ``requested`` what was ever asked for.
    """

    def __init__(
        self,
        settings: Settings,
        venue: Venue,
        in_flight: Callable[[], Iterable[NewOrder | ReplaceOrder]],
        requested: Mapping[ClOrdID, ev.OrderRequested],
    ) -> None:
        self._settings = settings
        self._venue = venue
        self._in_flight = in_flight
        self._requested = requested

    def sent(self, sending: NewOrder | ReplaceOrder) -> None:
        """An entry, or a change of its size, is being written to its venue."""
        account, symbol = sending.account, sending.venue_symbol
        spec = self._settings.accounts[account]
        limits = spec.limits
        if isinstance(sending, NewOrder):
            self._of_order(sending)
        if limits.max_book_qty is not None:
            self._of_book(sending, limits.max_book_qty)
        own = limits.max_position_qty
        together = self._settings.limits.get("all")
        whole = together.max_position_qty if together is not None else None
        firm = spec.programme.max_size if spec.programme is not None else None
        lots = [most for most in (limits.max_account_qty, firm.lots if firm else None) if most]
        if own is None and whole is None and not lots:
            return
        worst = self._worst(account, symbol, sending)
        self._within(f"{account} {symbol}", worst, own, self._slack(account, symbol))
        if lots:
            self._of_account(sending, worst, min(lots))
        if whole is not None:
            every = {side: ZERO for side in Side}
            slack = ZERO
            for other in self._settings.accounts:
                for side, quantity in self._worst(other, symbol, sending).items():
                    every[side] += quantity
                slack += self._slack(other, symbol)
            self._within(f"all accounts {symbol}", every, whole, slack)

    def _of_order(self, sending: NewOrder) -> None:
        limits, name = self._settings.accounts[sending.account].limits, sending.cl_ord_id
        if limits.max_order_qty is not None and sending.quantity > limits.max_order_qty:
            raise Broken("I4", f"{name} is larger than an order may be")
        symbol = self._requested[name].symbol
        if limits.instruments and symbol not in limits.instruments:
            raise Broken("I4", f"{name} opens {symbol}, which its account may not")

    def _of_account(
        self, sending: NewOrder | ReplaceOrder, worst: Mapping[Side, Decimal], limit: Decimal
    ) -> None:
        """Each contract counts with the larger of its two sides."""
        account = sending.account
        lots = slack = ZERO
        for name in self._venue.price:
            own = name == sending.venue_symbol
            sides = worst if own else self._worst(account, name, sending)
            lots += max(sides.values())
            slack += self._slack(account, name)
        self._within(f"{account} in all", {Side.BUY: lots}, limit, slack)

    def _of_book(self, sending: NewOrder | ReplaceOrder, limit: Decimal) -> None:
        """What a strategy's entries have open, and what they may still trade, on one side.

        What it holds is told by no venue; open entries alone must not pass its limit already.
        """
        asked = self._requested[sending.cl_ord_id]
        book = (asked.account, asked.strategy, asked.venue_symbol)
        open_now = self._open(asked.account, asked.venue_symbol, sending, asked.strategy)
        slack = self._slack(asked.account, asked.venue_symbol)
        self._within(" ".join(book), open_now, limit, slack)

    def _slack(self, account: AccountId, symbol: VenueSymbol) -> Decimal:
        return self._venue.meddled.get((account, symbol), ZERO)

    def _within(
        self, what: str, worst: Mapping[Side, Decimal], limit: Decimal | None, slack: Decimal
    ) -> None:
        for side, quantity in worst.items():
            if limit is not None and quantity > limit + slack:
                raise Broken(
                    "I4", f"{what} may come to {quantity} {side.value}, its limit is {limit}"
                )

    def _worst(
        self, account: AccountId, symbol: VenueSymbol, sending: NewOrder | ReplaceOrder
    ) -> dict[Side, Decimal]:
        """Give what an account has of a contract on each side, once all that is open fills."""
        worst = self._open(account, symbol, sending)
        if self._venue.hedges(account):
            for (owner, name, _), lot in self._venue.lots.items():
                if owner == account and name == symbol:
                    worst[Side.BUY if lot > 0 else Side.SELL] += abs(lot)
        else:
            net = self._venue.net.get((account, symbol), ZERO)
            worst[Side.BUY if net > 0 else Side.SELL] += abs(net)
        return worst

    def _open(
        self,
        account: AccountId,
        symbol: VenueSymbol,
        sending: NewOrder | ReplaceOrder,
        strategy: StrategyId | None = None,
    ) -> dict[Side, Decimal]:
        """Give what entries, of one strategy or of all, may still trade on each side."""
        may = {Side.BUY: ZERO, Side.SELL: ZERO}
        under_way = [one for one in self._in_flight() if one is not sending]
        under_way.append(sending)
        grown = {
            one.cl_ord_id: one.quantity
            for one in under_way
            if isinstance(one, ReplaceOrder) and one.quantity is not None
        }
        for order in self._venue.working.values():
            here = (order.account, order.venue_symbol) == (account, symbol)
            if here and self._is_entry(order.cl_ord_id, strategy):
                asked = max(order.quantity, grown.get(order.cl_ord_id or ClOrdID(""), ZERO))
                may[order.side] += asked - order.cum
        for new in under_way:
            here = (new.account, new.venue_symbol) == (account, symbol)
            if here and isinstance(new, NewOrder) and self._is_entry(new.cl_ord_id, strategy):
                may[new.side] += new.quantity
        return may

    def _is_entry(self, name: ClOrdID | None, strategy: StrategyId | None) -> bool:
        asked = self._requested.get(name) if name is not None else None
        if asked is None or asked.leg != "e":
            return False
        return strategy is None or asked.strategy == strategy
