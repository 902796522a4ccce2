"""What is done to an account outside any client: money, trades by hand, busts, corrections."""

from decimal import Decimal

from bascule.model.enums import Side
from bascule.model.errors import UsageError
from bascule.model.ids import VenueSymbol
from bascule.model.values import ZERO, Instant
from bascule.venues.kit import admission
from bascule.venues.kit.accounts import Account
from bascule.venues.kit.floor import Floor
from bascule.venues.kit.matching import Order


class Hand:
    """The owner's hand on the broker's own screen, and the house's behind it."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def deposit(self, login: str, amount: Decimal, now: Instant) -> Decimal:
        """Put money in, or take it out with a negative amount; give the new balance.

        Raises:
            UsageError: no such account, or not that much is free.
        """
        account = self._account(login)
        _traded(amount)
        snapshot = self._floor.accounts.snapshot(account, now)
        if amount < 0 and -amount > snapshot.free_margin:
            raise UsageError(f"only {snapshot.free_margin} is free", code="not_enough_margin")
        kind = "deposit" if amount >= 0 else "withdrawal"
        self._floor.accounts.post(account, kind, amount, now, "hand")
        return account.balance

    def trade(self, login: str, symbol: str, side: Side, quantity: Decimal, now: Instant) -> Order:
        """Trade at the market by hand, as the owner would on the broker's own screen.

        Raises:
            UsageError: no such account or symbol, no price, or not such a quantity.
        """
        account, market = self._account(login), self._floor.markets.get(VenueSymbol(symbol))
        _traded(quantity)
        if market is None or not market.is_open(now):
            raise UsageError(f"{symbol} is not listed or not open", code="market_closed")
        refused = admission.quantity_refusal(quantity, market)
        if refused is not None:
            raise UsageError(refused.text, code=refused.reason)
        name = market.terms.venue_symbol
        return self._floor.hand_order(account, name, quantity * side.sign, "", "hand", now)

    def close(self, login: str, symbol: str, position_id: str, now: Instant) -> Order:
        """Close a position by hand: by its id on a hedging account, by symbol on a netting one.

        Raises:
            UsageError: there is no such position.
        """
        account = self._account(login)
        held = account.positions.get(account.key(symbol, position_id))
        if held is None:
            raise UsageError(f"{login} holds no such position", code="unknown_position")
        return self._floor.hand_order(
            account, held.venue_symbol, -held.quantity, held.key, "hand", now
        )

    def bust(self, login: str, exec_id: str, now: Instant) -> None:
        """Take a fill back, money and position.

        Raises:
            UsageError: there is no such live fill.
        """
        self._amend(login, exec_id, ZERO, None, now)

    def correct(
        self, login: str, exec_id: str, quantity: Decimal, price: Decimal, now: Instant
    ) -> None:
        """Correct the quantity and price of a fill.

        Raises:
            UsageError: there is no such live fill, or the numbers are not positive.
        """
        _traded(quantity, price)
        if quantity <= 0 or price <= 0:
            raise UsageError("a correction needs a quantity and a price above zero", code="usage")
        self._amend(login, exec_id, quantity, price, now)

    def _amend(
        self, login: str, exec_id: str, quantity: Decimal, price: Decimal | None, now: Instant
    ) -> None:
        record = self._floor.record
        fill = record.find_fill(login, exec_id)
        order = record.find(login, venue_order_id=fill.venue_order_id) if fill else None
        if fill is None or order is None or fill.state != "live":
            raise UsageError(f"{login} has no live fill {exec_id}", code="unknown_fill")
        if fill.venue_symbol not in self._floor.markets:
            raise UsageError(f"{fill.venue_symbol} is listed no more", code="unknown_symbol")
        self._floor.amend(order, fill, quantity, price, now)

    def _account(self, login: str) -> Account:
        account = self._floor.accounts.by_login.get(login)
        if account is None:
            raise UsageError(f"there is no account {login}", code="unknown_account")
        return account


def _traded(*numbers: Decimal) -> None:
    refused = admission.bad_numbers(*numbers)
    if refused is not None:
        raise UsageError(refused.text, code=refused.reason)
