"""Accounts, routes and limits: what the user set up, as the planner and the checks read it."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

from bascule.model.enums import (
    AccountMode,
    InstrumentKind,
    OrdType,
    PositionMode,
    Side,
    TimeInForce,
)
from bascule.model.ids import AccountId, RouteId, StrategyId, VenueId
from bascule.model.programme import Permission, Programme
from bascule.model.values import ONE, SECOND, ZERO, Currency


class RiskLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The user's limits of one account; None means the check has no limit to hold to.

    Quantities are in the venue's unit; values are notional, in account currency, and percents are
    percents (5 is 5 %). ``order_rate`` counts entries, ``messages`` orders, cancels and changes.
    ``on_oversize`` says what a too large order becomes: a refusal, or sequential children each
    within the limit. A strategy, the portfolio and a venue have limits of the same shape, of which
    each uses its own. ``risk/limits.py`` says of each field which way is tighter.
    """

    instruments: tuple[str, ...] = ()
    max_order_qty: Decimal | None = None
    max_order_qty_by_symbol: dict[str, Decimal] = field(default_factory=dict)
    on_oversize: Literal["reject", "split"] = "reject"
    max_book_qty: Decimal | None = None
    max_book_qty_by_symbol: dict[str, Decimal] = field(default_factory=dict)
    max_position_qty: Decimal | None = None
    max_position_qty_by_symbol: dict[str, Decimal] = field(default_factory=dict)
    max_account_qty: Decimal | None = None
    max_order_value: Decimal | None = None
    max_notional: Decimal | None = None
    max_margin: Decimal | None = None
    margin_percent: Decimal | None = None
    max_quote_age_ns: int | None = None
    price_collar_percent: Decimal | None = None
    max_order_loss: Decimal | None = None
    max_order_loss_percent: Decimal | None = None
    max_daily_loss: Decimal | None = None
    max_daily_loss_percent: Decimal | None = None
    max_drawdown: Decimal | None = None
    max_drawdown_percent: Decimal | None = None
    loss_block_percent: Decimal = Decimal(75)
    loss_flatten_percent: Decimal = Decimal(90)
    max_open_orders: int = 100
    orders_per_second: int = 10
    orders_per_minute: int = 60
    orders_per_hour: int = 1_000
    orders_per_day: int = 5_000
    messages_per_day: int | None = None
    message_reserve: int = 100
    order_to_fill_warn: int | None = None
    order_to_fill_max: int | None = None
    short_interval_value: Decimal | None = None
    short_interval_ns: int = 60 * SECOND
    duplicate_window_ns: int = 2 * SECOND
    repeated_executions: int | None = None
    repeated_window_ns: int = 600 * SECOND
    self_match: Literal["refuse", "allow"] = "refuse"
    opposite_positions: Literal["refuse", "allow"] = "allow"
    probation_signals: int = 0
    probation: Literal["min_size", "approval"] = "min_size"
    require_stop: bool = False
    runaway_submits: int = 3
    runaway_per_minute: int = 20
    runaway_factor: int = 5
    runaway_rejects: int = 10


class Pacing(Struct, frozen=True, kw_only=True):
    """How fast an account may talk to its venue; ``reserve`` is kept for cancels and closes."""

    requests_per_second: float = 20.0
    burst: int = 40
    reserve: int = 10


class SymbolMap(Struct, frozen=True, kw_only=True):
    """From our names to one account's: an exact override first, else prefix + name + suffix."""

    prefix: str = ""
    suffix: str = ""
    overrides: dict[str, str] = field(default_factory=dict)

    def venue_symbol(self, symbol: str) -> str:
        """Give the venue's name for ours."""
        return self.overrides.get(symbol) or f"{self.prefix}{symbol}{self.suffix}"


class AccountSpec(Struct, frozen=True, kw_only=True):
    """One account at one venue. ``login`` is the venue's own name of it.

    ``hosting`` says on what this installation runs, '' where the owner has not said; ``attended``
    that somebody watches it while it trades. ``others`` names the sources whose signals are another
    owner's, and whose.
    """

    id: AccountId
    venue: VenueId
    login: str
    mode: AccountMode
    currency: Currency
    position_mode: PositionMode = PositionMode.NETTING
    firm: str = ""
    owner: str = ""
    initial_balance: Decimal | None = None
    symbols: SymbolMap = SymbolMap()
    limits: RiskLimits = RiskLimits()
    pacing: Pacing = Pacing()
    programme: Programme | None = None
    permission: Permission | None = None
    hosting: Literal["own", "vps", ""] = ""
    attended: bool = False
    comment: str = "bascule"
    others: dict[str, str] = {}


class SizingRule(Struct, frozen=True, kw_only=True):
    """How one account sizes one route's entries.

    ``fixed``: ``quantity`` of the venue's unit. ``multiplier``: the signal's quantity times
    ``factor``. ``risk_percent``: ``percent`` of ``basis`` lost at the stop. ``signal``: the
    signal's own quantity and unit, as it is. Never lifted to a minimum lot.
    """

    method: Literal["fixed", "multiplier", "risk_percent", "signal"] = "fixed"
    quantity: Decimal = ZERO
    factor: Decimal = ONE
    percent: Decimal = ZERO
    basis: Literal["initial", "balance", "equity", "lower"] = "lower"
    max_qty: Decimal | None = None
    slippage_ticks: Decimal = ZERO
    commission_per_lot: Decimal = ZERO


class RouteLeg(Struct, frozen=True, kw_only=True):
    """One account that follows a route; ``stagger_ns`` delays its entries, for rate limits."""

    account: AccountId
    sizing: SizingRule
    stagger_ns: int = 0


class Route(Struct, frozen=True, kw_only=True):
    """Which accounts follow a strategy, and how.

    ``strategy`` or ``sources`` may be ``*``. ``on_refusal``: with ``all`` one account's refusal of
    an entry refuses it for every account of the route, and closes stand, those of a reversal too;
    with ``alone`` each account stands by itself.
    ``pyramiding`` is how many entries a book may stack (1 is none beyond the first).
    ``reverse``: what an entry against the held side becomes. ``same_direction``: what a repeated
    entry on the held side becomes when pyramiding is used up. ``unpriced_max_qty``: the largest
    entry on a live account while no price is known that it could be held against; None is none.
    """

    id: RouteId
    strategy: StrategyId
    legs: tuple[RouteLeg, ...]
    sources: tuple[str, ...] = ("*",)
    symbols: tuple[str, ...] = ()
    allowed_sides: tuple[Side, ...] = (Side.BUY, Side.SELL)
    reverse: Literal["close_then_open", "close_only", "refuse"] = "close_then_open"
    pyramiding: int = 1
    on_refusal: Literal["alone", "all"] = "alone"
    flat_cancels: bool = True
    max_age_ns: int = 60 * SECOND
    default_tif: TimeInForce = TimeInForce.GTC
    engine_stops: Literal["refuse_live", "allow"] = "refuse_live"
    unpriced_max_qty: Decimal | None = None


class Capabilities(Struct, frozen=True, kw_only=True):
    """What planner and risk read of a venue's manifest. Sets name native support."""

    ord_types: tuple[OrdType, ...] = tuple(OrdType)
    time_in_force: tuple[TimeInForce, ...] = tuple(TimeInForce)
    kinds: tuple[InstrumentKind, ...] = tuple(InstrumentKind)
    native_bracket: bool = False
    native_trailing: bool = False
    reduce_only: bool = False
    replace: bool = True
    mass_cancel: Literal["none", "all", "symbol"] = "none"
    """Whether one request takes every working order back, of an account or of a symbol in it."""
    client_order_id_max: int = 36
    absence_proof: Literal["snapshots", "never"] = "never"
    absence_snapshots: int = 2
    absence_after_ns: int = 5 * SECOND
    submit_timeout_ns: int = 5 * SECOND
