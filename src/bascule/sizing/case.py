"""What a size is made from, and what comes of it: lots with their arithmetic, or a refusal."""

from decimal import ROUND_DOWN, Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import InstrumentKind, Side
from bascule.model.instrument import Listing
from bascule.model.values import ONE, ZERO, Currency, text

HUNDRED = Decimal(100)
DAILY_SHARE = Decimal("0.25")
"""What one trade may use of the day's remaining loss, unless the user says otherwise."""
MAX_LOSS_SHARE = Decimal("0.10")
"""What one trade may use of the remaining distance to the floor, unless the user says otherwise."""

BasisName = Literal["initial", "balance", "equity", "lower", "room"]

CODES = (
    "not_positive_equity",
    "no_stop",
    "stop_wrong_side",
    "stop_too_close",
    "missing_fx_rate",
    "no_risk_room",
    "size_limit",
    "below_min_lot",
    "insufficient_margin",
)
"""Refusals of a risk-based size in the order in which they are checked; the first one answers."""


class MarginRule(Struct, frozen=True, kw_only=True):
    """What a position ties up: by leverage, or a sum per contract (which wins where given).

    ``max_use`` is the percent of free margin that one trade may take.
    """

    leverage: Decimal = ONE
    per_contract: Decimal | None = None
    max_use: Decimal = HUNDRED
    on_shortfall: Literal["refuse", "shrink"] = "refuse"


class SizingCase(Struct, frozen=True, kw_only=True):
    """Everything that a size depends on. Money is in account currency, prices as quoted.

    ``entry`` is the worst price allowed: the limit, or the market plus the deviation.
    ``cash`` is the risk before phase and caps; ``budget_words`` says how it came about.
    ``quote_to_account`` and ``base_to_account`` are account units per unit of quote or base
    currency, on the side that makes the loss larger; None when missing or stale.
    ``slippage`` is in price units; ``commission`` is for a round turn of one lot.
    ``firm_cap`` is the firm's limit on lots, of which ``open_lots`` are in use.
    """

    listing: Listing
    side: Side
    entry: Decimal
    stop: Decimal | None
    equity: Decimal
    cash: Decimal
    currency: Currency = Currency("")
    budget_words: str = ""
    phase: Decimal = ONE
    daily_remaining: Decimal | None = None
    daily_share: Decimal = DAILY_SHARE
    max_loss_remaining: Decimal | None = None
    max_loss_share: Decimal = MAX_LOSS_SHARE
    quote_to_account: Decimal | None = None
    base_to_account: Decimal | None = None
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    firm_cap: Decimal | None = None
    open_lots: Decimal = ZERO
    free_margin: Decimal = ZERO
    margin: MarginRule | None = None


class Sized(Struct, frozen=True):
    """How much to trade. ``lots`` is in the venue's unit, on its step, within its limits.

    ``risk_cash`` is what was allowed and ``risk_actual`` what is lost at ``stop`` (which is the
    asked one, put on the tick away from the entry); None where nothing was sized from a stop.
    ``raw`` is the quantity before rounding and limits. ``words`` tells the arithmetic.
    """

    lots: Decimal
    words: str
    raw: Decimal
    risk_cash: Decimal | None = None
    loss_per_lot: Decimal | None = None
    risk_actual: Decimal | None = None
    stop: Decimal | None = None
    margin: Decimal | None = None


class SizeRefused(Struct, frozen=True):
    """No size: ``code`` is stable, ``text`` says the numbers and what to do.

    ``raw`` is the quantity before rounding; ``needed`` and ``available`` are margin.
    """

    code: str
    text: str
    raw: Decimal | None = None
    needed: Decimal | None = None
    available: Decimal | None = None


def basis_amount(
    basis: BasisName,
    *,
    balance: Decimal,
    equity: Decimal,
    initial: Decimal | None = None,
    room: Decimal | None = None,
) -> Decimal | None:
    """Give the amount that a percent is taken of; None where ``initial`` or ``room`` is unknown.

    ``lower`` is the lower of balance and equity: never enlarged by floating profit.
    """
    if basis == "lower":
        return min(balance, equity)
    if basis == "balance":
        return balance
    if basis == "equity":
        return equity
    return initial if basis == "initial" else room


_FOUR = Decimal("0.0001")
_EIGHT = Decimal("0.00000001")
_UNIT_WORDS = {
    InstrumentKind.FX: "lot",
    InstrumentKind.CFD: "lot",
    InstrumentKind.FUTURE: "contract",
    InstrumentKind.OPTION: "contract",
    InstrumentKind.EQUITY: "share",
}


def unit_word(listing: Listing) -> str:
    """Name one of what the venue counts: lot, contract, share or the coin."""
    return _UNIT_WORDS.get(listing.kind) or listing.base or "coin"


def counted(lots: Decimal, listing: Listing) -> str:
    """Write a quantity with what it counts: ``1 lot``, ``0.5 lots``, ``3 contracts``, ``2 BTC``."""
    word = _UNIT_WORDS.get(listing.kind)
    if word is None:
        return f"{text(lots)} {listing.base or 'coins'}"
    return f"{text(lots)} {word}" if lots == ONE else f"{text(lots)} {word}s"


def short(value: Decimal) -> str:
    """Write a number for a sentence: thousands marked, cut after four decimals (eight below 1)."""
    places = _FOUR if abs(value) >= 1 else _EIGHT
    out = f"{value.quantize(places, ROUND_DOWN):,f}"
    return out.rstrip("0").rstrip(".") if "." in out else out
