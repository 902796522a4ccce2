"""What a check is given, and how it answers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import OrdType, Side, StopMode
from bascule.model.event import Verdict
from bascule.model.ids import StrategyId
from bascule.model.instrument import Listing, Quote
from bascule.model.order import AccountSnapshot
from bascule.model.values import ZERO, Instant, floor_to, text
from bascule.risk.firm import FirmAround
from bascule.risk.loss import Loss, OpenRisk
from bascule.risk.rates import RateWindow


class StopInForce(Struct, frozen=True):
    """The strictest stop whose scope covers the order."""

    scope: str
    mode: StopMode
    reason: str
    by: str
    code: str = ""


class Reference(Struct, frozen=True):
    """A price that an order is held against, and in words where it came from."""

    price: Decimal
    source: str


class Messages(Struct, frozen=True):
    """One budget that an order draws on: whose, what was sent within 24 hours, and the limit."""

    scope: str
    used: int
    limit: int
    reserve: int


class Around(Protocol):
    """What stands around an order, each part found when a check first asks for it.

    A check that is not configured asks for nothing and so costs nothing. None means that it is
    not known: a check that needs it refuses, or raises LookupError, which refuses too.
    """

    @property
    def session(self) -> str:
        """The contract's session: ``open``, ``break`` or ``closed``."""

    @property
    def quote(self) -> Quote | None:
        """The account's last quote of the contract, however old."""

    @property
    def reference(self) -> Reference | None:
        """What the order's price is held against.

        A quote or a fill of the last 60 s, else the price that the signal was made at where that
        is not the order's own.
        """

    @property
    def rate(self) -> Decimal | None:
        """Account currency for one unit of the contract's quote currency, the dearer way."""

    @property
    def signal_price(self) -> Decimal | None:
        """The price that the sender saw."""

    @property
    def price(self) -> Decimal | None:
        """What one unit is worth at the most: the higher of the order's price and the reference."""

    @property
    def unit_value(self) -> Decimal | None:
        """The notional of one unit of quantity in account currency, at that price."""

    @property
    def value(self) -> Decimal | None:
        """The order's notional in account currency."""

    @property
    def loss_per_unit(self) -> Decimal | None:
        """How far the stop is from the entry, in price; None without a stop."""

    @property
    def loss_from_here(self) -> Decimal | None:
        """How far the stop is from where the price is now, or will be at the entry; None without.

        It is another distance than ``loss_per_unit`` where a stop of what is held is moved.
        """

    @property
    def others_value(self) -> Decimal | None:
        """The worst notional of the account's other contracts, in account currency."""

    @property
    def waiting_value(self) -> Decimal | None:
        """The notional of the account's open entries, in account currency."""

    @property
    def others_quantity(self) -> Decimal:
        """The worst quantity of the account's other contracts, summed."""

    @property
    def money(self) -> AccountSnapshot | None:
        """The venue's last word on the account's money."""

    @property
    def book_open(self) -> Decimal:
        """What the strategy's own open entries may still add on the order's side, unsigned."""

    @property
    def foreign_everywhere(self) -> int:
        """How many orders others have working on all accounts."""

    @property
    def portfolio(self) -> RiskLimits:
        """The limits over all accounts."""

    @property
    def elsewhere_quantity(self) -> Decimal | None:
        """The worst quantity of all other accounts in this contract on the order's side.

        It is in this account's unit.
        """

    @property
    def elsewhere_value(self) -> Decimal | None:
        """The worst notional of all accounts, in the portfolio's currency.

        Without this account's share in this contract.
        """

    @property
    def portfolio_rate(self) -> Decimal | None:
        """Portfolio currency for one unit of the contract's quote currency."""

    @property
    def portfolio_margin(self) -> Decimal | None:
        """The margin that all accounts use, open entries at their worst, in its currency."""

    @property
    def messages(self) -> tuple[Messages, ...]:
        """The message budgets that the order draws on: account, strategy, venue, all accounts."""

    @property
    def sent_per_fill(self) -> tuple[int, int]:
        """Messages and fills of the account within 24 hours."""

    @property
    def value_lately(self) -> Decimal:
        """The notional of the account's entries within the short interval."""

    @property
    def repeats(self) -> int:
        """How often the strategy has entered this contract on this side within its window.

        Since it was last armed, and without this signal.
        """

    @property
    def crosses(self) -> str:
        """Another account's resting order that this one could trade with, in words; else empty."""

    @property
    def opposes(self) -> str:
        """Another account at this venue that stands on the other side, in words; else empty."""

    @property
    def strategy_signals(self) -> int:
        """How many of the strategy's signals have become entries, this one not counted."""

    @property
    def approved(self) -> bool:
        """Whether a person has approved the strategy."""

    @property
    def opposed_firm(self) -> str:
        """Another account on the other side whose firm forbids hedges, in words; else empty."""

    @property
    def firm(self) -> FirmAround:
        """What the rules of the account's firm ask for; only where it has a programme."""

    @property
    def loss(self) -> Loss | None:
        """How the account stands to its loss limits, its firm's and its owner's; None without."""

    @property
    def open_risk(self) -> OpenRisk:
        """What the account loses from here if every open stop is hit, waiting entries included."""

    @property
    def unpriced_max_qty(self) -> Decimal | None:
        """The largest entry that the route lets go without a price to hold it against."""


class Proposal(Struct, kw_only=True):
    """One child order as it would be sent, and the account as it would stand at its worst.

    Quantities are in the venue's unit. ``net`` is the account's signed position in the contract,
    ``long`` and ``short`` (unsigned) what its books hold on either side; ``book`` is the
    strategy's own. ``open_buy`` and ``open_sell`` sum what working, in-flight and in-doubt entries
    can still fill, a replace at the larger of old and new, those of others at the venue included:
    ``foreign`` (unsigned) is their part on the order's side, ``foreign_orders`` how many of the
    account's ``open_orders`` are theirs. ``reducing`` is True only when the order is proven to
    reduce the account, ``closing`` when it closes (or protects) its own book, ``flattening`` when
    it is part of what closes every book of the contract.
    ``limits`` are the account's as tightened by the strategy's. ``around`` is read by the checks
    that need more; it is None only where no such check is asked.
    """

    at: Instant
    signal: str
    spec: AccountSpec
    listing: Listing
    side: Side
    quantity: Decimal
    ord_type: OrdType
    reducing: bool
    net: Decimal
    book: Decimal
    open_buy: Decimal
    open_sell: Decimal
    open_orders: int
    rates: RateWindow
    limits: RiskLimits
    around: Around
    strategy: StrategyId = StrategyId("")
    closing: bool = False
    flattening: bool = False
    long: Decimal = ZERO
    short: Decimal = ZERO
    stop: StopInForce | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    has_stop_loss: bool = False
    reconciled: bool = True
    drift: str = ""
    split_of: Decimal | None = None
    foreign: Decimal = ZERO
    foreign_orders: int = 0
    last_same_signal: str = ""
    last_same_at: Instant = Instant(0)

    @property
    def whole(self) -> Decimal:
        """The quantity of the entry that it is a part of, where that is split; else its own."""
        return self.quantity if self.split_of is None else self.split_of

    @property
    def held(self) -> Decimal:
        """What is held or may still fill on the order's side before it, unsigned."""
        if self.side is Side.BUY:
            return self.long + self.open_buy
        return self.short + self.open_sell

    @property
    def with_others(self) -> str:
        """Say in a refusal how much of what is open on its side is not of Bascule; else empty."""
        return f", with {text(self.foreign)} that other hands have working" if self.foreign else ""

    @property
    def worst(self) -> Decimal:
        """The larger side of the account's position in the contract once all of this fills."""
        against = (
            self.short + self.open_sell if self.side is Side.BUY else self.long + self.open_buy
        )
        return max(self.held + self.quantity, against)


class Check(Struct, frozen=True):
    """A check as the chain sees it; each file in ``checks`` offers one as ``CHECK``.

    ``place`` is its place in the chain (numbers leave gaps for later checks). ``applies_to`` says
    which orders meet it: ``any`` every order; ``unproven`` all but a proven reduction; ``entry``
    only what opens or adds, so that a close which cannot be proven (another book stands against
    it) is not held to limits on new risk. ``run`` gives None where no limit is set: then there is
    nothing to say. ``needs`` names what one of must be set for it to have anything to say, so that
    an entry does not come to it in vain: a field of the account's limits, ``all.`` and a field of
    those over all accounts, ``programme`` or ``firm`` (the account has one), ``live`` (it is one).
    A check that names nothing is always met. ``moved_stop`` marks those that a stop meets, too,
    which is moved away so that more is lost at it.
    """

    code: str
    place: int
    applies_to: Literal["entry", "unproven", "any"]
    run: Callable[[Proposal], Verdict | None]
    needs: tuple[str, ...] = ()
    moved_stop: bool = False


def refuse(
    code: str,
    sentence: str,
    passes: str,
    used: Decimal | int | None = None,
    limit: Decimal | int | None = None,
    before: Decimal | int | None = None,
) -> Verdict:
    """Make a refusal: what is so, with its numbers, and what would have passed.

    ``before`` is what was used without this order: the room is what it leaves of the limit.
    """
    room = None
    if limit is not None and before is not None:
        room = max(Decimal(limit) - before, ZERO)
    return Verdict(
        code,
        False,
        None if used is None else Decimal(used),
        None if limit is None else Decimal(limit),
        sentence,
        passes,
        room,
    )


def by_others(orders: int) -> str:
    """Say in a refusal that so many orders of others count in it; empty for none."""
    if not orders:
        return ""
    return f", with {orders} order{'s' if orders > 1 else ''} that other hands have working"


def cents(value: Decimal) -> str:
    """Write an amount of money to be read: two places, no trailing zeros."""
    return text(round(value, 2))


def fitting(proposal: Proposal, room: Decimal, unit: Decimal | None) -> str:
    """Say which quantity fits into a room, where one unit of quantity takes ``unit`` of it."""
    listing = proposal.listing
    quantity = floor_to(room / unit, listing.lot_step) if unit else ZERO
    if quantity < listing.min_qty:
        return "an exit first, or a higher limit"
    return f"a quantity of {text(quantity)} or less"


def unvalued(code: str, proposal: Proposal, limit: Decimal, what: str) -> Verdict:
    """Refuse because ``what`` has no value yet: a price or a currency's rate is missing."""
    return refuse(
        code,
        f"{what} cannot be valued on account {proposal.spec.id}: a price or a rate is missing or "
        "old, and none is made up",
        "the same order once quotes have come",
        limit=limit,
    )


def untold(code: str, proposal: Proposal, limit: Decimal, what: str) -> Verdict:
    """Refuse because the venue has not told ``what`` of the account's money yet."""
    return refuse(
        code,
        f"the venue has not told {what} of account {proposal.spec.id} yet",
        "the same order once it has",
        limit=limit,
    )
