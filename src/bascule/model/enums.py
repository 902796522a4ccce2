"""Closed vocabularies, in FIX's words where FIX has one. There is no value that means "other"."""

from enum import StrEnum


class Side(StrEnum):
    """Which way an order trades. ``sign`` is +1 for a buy, -1 for a sell."""

    BUY = "buy"
    SELL = "sell"
    sign: int
    opposite: "Side"


# Set once and not reckoned: every quantity asks for them.
Side.BUY.sign, Side.BUY.opposite = 1, Side.SELL
Side.SELL.sign, Side.SELL.opposite = -1, Side.BUY


class Direction(StrEnum):
    """What a strategy wants to be."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class OrdType(StrEnum):
    """How an order executes."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


class OrdStatus(StrEnum):
    """Where an order stands. A cancel or replace in flight is ``Order.pending``, not a status."""

    NEW_REQUESTED = "new_requested"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXPIRED_UNSENT = "expired_unsent"
    IN_DOUBT = "in_doubt"


ENDED = frozenset(
    {
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.REJECTED,
        OrdStatus.EXPIRED,
        OrdStatus.EXPIRED_UNSENT,
    }
)
"""Statuses that an order does not leave, but for a late fill or a bust, which are facts."""


class ExecType(StrEnum):
    """What one execution report says (FIX tag 150, less the values nobody sends)."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    TRADE = "trade"
    TRADE_CORRECT = "trade_correct"
    TRADE_CANCEL = "trade_cancel"
    CANCELED = "canceled"
    PENDING_CANCEL = "pending_cancel"
    CANCEL_REJECTED = "cancel_rejected"
    REPLACED = "replaced"
    PENDING_REPLACE = "pending_replace"
    REPLACE_REJECTED = "replace_rejected"
    REJECTED = "rejected"
    EXPIRED = "expired"
    TRIGGERED = "triggered"
    ORDER_STATUS = "order_status"


class Leg(StrEnum):
    """Which part of a plan an order is. The value is the letter in its ClOrdID."""

    ENTRY = "e"
    EXIT = "x"
    STOP_LOSS = "s"
    TAKE_PROFIT = "t"


class InstrumentKind(StrEnum):
    """What is traded."""

    FX = "fx"
    CFD = "cfd"
    FUTURE = "future"
    EQUITY = "equity"
    OPTION = "option"
    CRYPTO_SPOT = "crypto_spot"
    PERPETUAL = "perpetual"


class AccountMode(StrEnum):
    """How far an account goes. Each mode has its own directory and credentials."""

    PAPER = "paper"
    SHADOW = "shadow"
    LIVE = "live"


class PositionMode(StrEnum):
    """How a venue keeps positions."""

    NETTING = "netting"
    HEDGING = "hedging"


class StopMode(StrEnum):
    """What a stop in force forbids."""

    HALT = "halt"
    """Nothing that adds risk; protective exits and flatten pass."""
    FREEZE = "freeze"
    """Nothing at all."""
    LOCK = "lock"
    """As halt, and no arming before a stated time."""


class QtyUnit(StrEnum):
    """What the number of an asked quantity means."""

    UNITS = "units"
    """As the venue counts: contracts, shares, coins, or lots where the venue counts lots."""
    LOTS = "lots"
    CURRENCY = "currency"
    """Notional in the instrument's quote currency."""
    RISK_CURRENCY = "risk_currency"
    """Cash lost at the stop, in account currency."""
    RISK_PERCENT = "risk_percent"
    """Percent of the sizing basis lost at the stop."""
    EQUITY_PERCENT = "equity_percent"
    """Notional as percent of equity."""
    BALANCE_PERCENT = "balance_percent"
    POSITION_PERCENT = "position_percent"
    """Percent of what the book holds."""


class LevelUnit(StrEnum):
    """What the number of a stop, target or trail means."""

    PRICE = "price"
    DISTANCE = "distance"
    """Price units from the entry."""
    TICKS = "ticks"
    PIPS = "pips"
    POINTS = "points"
    PERCENT = "percent"
    CASH = "cash"
    """Account currency for the whole position."""
    RATIO = "ratio"
    """Multiples of the initial stop distance; targets only."""


class Support(StrEnum):
    """How a venue does a thing. ``unverified`` may not be used live."""

    NATIVE = "native"
    EMULATED = "emulated"
    ABSENT = "absent"
    UNVERIFIED = "unverified"
