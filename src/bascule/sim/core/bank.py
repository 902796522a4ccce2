"""The model venue's money: what each account holds, at what cost, and what it is worth.

It counts as a bank does, from trades alone, and knows nothing of the engine's books.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.model.ids import AccountId, PositionId, VenueSymbol
from bascule.model.order import AccountSnapshot
from bascule.model.values import ZERO, Currency, Instant
from bascule.sim.core.ledger import Trade
from bascule.sim.core.world import CONTRACT, TICK

Key = tuple[VenueSymbol, PositionId]


class Lot(Struct):
    """What is held of one contract (or in one position): signed, at its average price."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO


class Purse(Struct):
    """One account's money: closed results, and what is open. ``per_lot`` is its commission."""

    balance: Decimal
    per_lot: Decimal = ZERO
    lots: dict[Key, Lot] = field(default_factory=dict)


class Bank:
    """The money of all accounts. ``price`` is the venue's bids; the ask is a tick above.

    ``priced`` is when each was last set.
    """

    def __init__(self, price: Mapping[VenueSymbol, Decimal]) -> None:
        self.price = price
        self.priced: dict[VenueSymbol, Instant] = {}
        self.purses: dict[AccountId, Purse] = {}

    def open(self, account: AccountId, balance: Decimal, per_lot: Decimal) -> None:
        """Open an account."""
        self.purses[account] = Purse(balance, per_lot)

    def traded(
        self, account: AccountId, key: Key, signed: Decimal, price: Decimal, fee: Decimal = ZERO
    ) -> None:
        """Book a trade: what it closes is realised at the average cost of what was held."""
        purse = self.purses[account]
        purse.balance -= fee
        lot = purse.lots.get(key)
        if lot is None:
            lot = purse.lots[key] = Lot()
        before, after = lot.quantity, lot.quantity + signed
        if before * signed >= 0:
            if after:
                lot.cost = (lot.cost * before + price * signed) / after
        else:
            closed = -signed if abs(signed) <= abs(before) else before
            purse.balance += (price - lot.cost) * closed * CONTRACT
            if before * after < 0:
                lot.cost = price
        lot.quantity = after
        if not after:
            del purse.lots[key]

    def charge(self, account: AccountId, amount: Decimal) -> None:
        """Take a fee that belongs to no fill, such as a swap."""
        self.purses[account].balance -= amount

    def holders(self, symbol: VenueSymbol) -> Iterator[AccountId]:
        """Name the accounts whose worth a price moves."""
        for account, purse in self.purses.items():
            if purse.lots and any(name == symbol for name, _ in purse.lots):
                yield account

    def worth(self, account: AccountId, trade: Trade | None = None) -> tuple[Decimal, Decimal]:
        """Give balance and equity: what is open is worth what it could be closed at.

        With a ``trade``, no more than at its price.
        """
        purse = self.purses[account]
        equity = purse.balance
        for (symbol, _), lot in purse.lots.items():
            price = self.price[symbol]
            if lot.quantity < 0:
                price += TICK
            if trade is not None and trade.venue_symbol == symbol:
                pick = max if lot.quantity < 0 else min
                price = pick(price, trade.price)
            equity += (price - lot.cost) * lot.quantity * CONTRACT
        return purse.balance, equity

    def cost(self, account: AccountId, key: Key) -> Decimal:
        """Give the average price of what is held."""
        lot = self.purses[account].lots.get(key)
        return lot.cost if lot is not None else ZERO

    def snapshot(self, account: AccountId, currency: Currency, now: Instant) -> AccountSnapshot:
        """Tell an account's money as it is now."""
        balance, equity = self.worth(account)
        return AccountSnapshot(
            account=account,
            currency=currency,
            balance=balance,
            equity=equity,
            margin_used=ZERO,
            free_margin=equity,
            at=now,
        )
