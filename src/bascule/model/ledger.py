"""What a programme's money rules remember of an account. ``risk.programmes.ledger`` moves it."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.values import ONE, ZERO, Instant

Rule = Literal["daily_loss", "max_loss"]


class Day(Struct, frozen=True):
    """Today by one candidate of the firm's clock: what the day's loss is measured from."""

    reference: Decimal
    since: Instant
    paused: bool = False


class LedgerState(Struct, frozen=True, kw_only=True):
    """Everything that must outlive a restart. Amounts are in account currency, never rounded.

    ``days`` runs parallel to the candidates of the reset's clock (one for a rule without a
    reset). ``high`` is what the floor trails, ``floor`` the floor of the whole account and
    ``shifted`` the cash that moved it; ``fixed`` once a payout has set it for good. ``locked``
    once the trail has reached its lock. ``due`` is the next boundary of any clock, ``eod`` the
    balance at the last close. ``guards`` are the actions reached since the last reset. ``failed``
    names the rules whose breach ended the account. ``day`` is the firm's date (ISO) of the last
    change of the balance or opening, ``profit`` that day's closed profit without cash flows, and
    ``traded`` whether something was opened on it. ``rules`` names the rules it was kept by.
    """

    at: Instant
    initial: Decimal
    balance: Decimal
    equity: Decimal
    days: tuple[Day, ...] = ()
    high: Decimal = ZERO
    floor: Decimal | None = None
    shifted: Decimal = ZERO
    fixed: bool = False
    locked: bool = False
    due: Instant | None = None
    eod: Decimal = ZERO
    guards: tuple[str, ...] = ()
    failed: tuple[Rule, ...] = ()
    day: str = ""
    profit: Decimal = ZERO
    traded: bool = False
    rules: str = ""

    @property
    def paused(self) -> bool:
        """Whether the day's rule holds the account until the reset."""
        return any(day.paused for day in self.days)


class DayResult(Struct, array_like=True, frozen=True):
    """One of the firm's days: closed profit without cash flows, and whether it was traded."""

    profit: Decimal
    traded: bool


class Scale(Struct, frozen=True):
    """By how much the firm lets an account size more: ``now``, and ``then`` from ``since`` on."""

    now: Decimal = ONE
    then: Decimal = ONE
    since: Instant = Instant(0)

    def at(self, at: Instant) -> Decimal:
        """Give the factor that holds at an instant."""
        return self.then if at >= self.since else self.now
