"""Random accounts, routes, contracts and venues' abilities: the settings of one scenario."""

from decimal import Decimal
from typing import Any

from bascule.execution.turn import Settings
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    Pacing,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
    SymbolMap,
)
from bascule.model.enums import AccountMode, InstrumentKind, PositionMode
from bascule.model.ids import AccountId, RouteId, StrategyId, Symbol, VenueId, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import SECOND, Currency, Instant
from bascule.sim.core.distributions import RARE_LIMIT, Dice

START = Instant(1_767_600_000 * SECOND)
"""Monday, 2026-01-05, 08:00 UTC."""
ELSEWHERE = tuple(
    Instant(start * SECOND)
    for start in (
        1_767_650_280,  # the same Monday, 16:58 in New York
        1_772_953_080,  # Sunday, 2026-03-08, two minutes before New York's clocks go forward
        1_774_738_680,  # Saturday, 2026-03-28, 23:58 in Prague, before a day of 23 hours
        1_774_745_880,  # Sunday, 2026-03-29, two minutes before Europe's clocks go forward
        1_782_939_480,  # Wednesday, 2026-07-01, 16:58 in New York
        1_792_889_880,  # Sunday, 2026-10-25, two minutes before Europe's clocks go back
        1_793_512_680,  # Sunday, 2026-11-01, two minutes before New York's clocks go back
    )
)
"""When other scenarios begin."""
STRATEGIES = ("alpha", "beta")
SYMBOLS = {"EURUSD": Decimal("1.1000"), "GBPUSD": Decimal("1.3000")}
"""Contracts and their first prices."""
TICK = Decimal("0.0001")
CONTRACT = Decimal(100_000)
"""What a move of 1.0 in price is worth for one lot."""
INITIAL = Decimal(100_000)
LOT = Decimal("0.01")
USD = Currency("USD")
_MAP = SymbolMap(overrides={name: f"{name}.x" for name in SYMBOLS})
_LISTINGS = {
    Symbol(name): Listing(
        symbol=Symbol(name),
        venue_symbol=VenueSymbol(f"{name}.x"),
        kind=InstrumentKind.FX,
        quote=USD,
        tick_size=TICK,
        multiplier=CONTRACT,
        lot_step=LOT,
        min_qty=LOT,
        max_qty=Decimal(50),
        pip_size=TICK,
        session="always",
    )
    for name in SYMBOLS
}
_UNTRADABLE = Listing(
    symbol=Symbol("USDJPY"),
    venue_symbol=VenueSymbol("USDJPY.x"),
    kind=InstrumentKind.FX,
    quote=Currency("JPY"),
    tick_size=Decimal("0.01"),
    multiplier=CONTRACT,
    lot_step=LOT,
    min_qty=LOT,
    max_qty=Decimal(50),
    tradable=False,
)
_SHUT = Listing(
    symbol=Symbol("AUDUSD"),
    venue_symbol=VenueSymbol("AUDUSD.x"),
    kind=InstrumentKind.FX,
    quote=USD,
    tick_size=TICK,
    multiplier=CONTRACT,
    lot_step=LOT,
    min_qty=LOT,
    max_qty=Decimal(50),
    session="cme_livestock",
)
"""Its exchange is closed when a scenario starts, and opens hours later than any lasts."""
_ALL_LISTINGS = {
    **_LISTINGS,
    _UNTRADABLE.symbol: _UNTRADABLE,
    _SHUT.symbol: _SHUT,
}
_NAMES = {listing.venue_symbol: symbol for symbol, listing in _ALL_LISTINGS.items()}
_FULL_MAP = SymbolMap(
    overrides={**_MAP.overrides, "USDJPY": "USDJPY.x", "AUDUSD": "AUDUSD.x"},
)


def settings_of(dice: Dice) -> Settings:
    """Draw accounts, what their venues can do, and the routes to them."""
    count = dice.choice((1, 1, 1, 2, 2, 3))
    specs = [_account(dice, number) for number in range(count)]
    return Settings(
        accounts={spec.id: spec for spec in specs},
        capabilities={spec.id: _capabilities(dice) for spec in specs},
        listings={spec.id: dict(_ALL_LISTINGS) for spec in specs},
        symbols={spec.id: dict(_NAMES) for spec in specs},
        routes=_routes(dice, specs),
    )


def _account(dice: Dice, number: int) -> AccountSpec:
    tight = dice.random() < 0.3
    return AccountSpec(
        id=AccountId(f"acc{number}"),
        venue=VenueId(f"v{number if dice.random() < 0.5 else 0}"),
        login=f"login{number}",
        mode=AccountMode.SHADOW if dice.random() < 0.02 else AccountMode.PAPER,
        currency=USD,
        position_mode=dice.choice(
            (PositionMode.NETTING, PositionMode.NETTING, PositionMode.HEDGING)
        ),
        firm="firm",
        initial_balance=INITIAL,
        symbols=_FULL_MAP,
        limits=_limits(dice),
        pacing=Pacing(requests_per_second=2.0, burst=6, reserve=3) if tight else Pacing(),
    )


_RARE: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("instruments", (("GBPUSD",),)),
    ("max_book_qty", (Decimal(2), Decimal(5))),
    ("max_account_qty", (Decimal(3), Decimal(6))),
    ("max_order_value", (Decimal(250_000),)),
    ("max_notional", (Decimal(400_000), Decimal(900_000))),
    ("max_margin", (Decimal(3_000), Decimal(12_000))),
    ("max_quote_age_ns", (2 * SECOND,)),
    ("price_collar_percent", (Decimal("0.05"), Decimal("0.3"))),
    ("max_order_loss", (Decimal(200), Decimal(2_000))),
    ("messages_per_day", (106, 115)),
    ("order_to_fill_max", (2,)),
    ("repeated_executions", (1, 2)),
    ("probation_signals", (1, 3)),
    ("short_interval_value", (Decimal(100_000),)),
)
"""Limits that few accounts have, and what they may be."""


def _limits(dice: Dice) -> RiskLimits:
    rare: dict[str, Any] = {
        name: dice.choice(values) for name, values in _RARE if dice.random() < RARE_LIMIT
    }
    if "max_margin" in rare:
        rare["margin_percent"] = Decimal(2)
    return RiskLimits(
        max_order_qty=Decimal(dice.choice((2, 3, 20))) if dice.random() < 0.4 else None,
        on_oversize=dice.choice(("reject", "split")),
        max_position_qty=Decimal(dice.choice((3, 4, 6, 10))) if dice.random() < 0.8 else None,
        max_open_orders=dice.choice((3, 100, 100, 100, 100)),
        orders_per_second=dice.choice((1, 10, 10, 10)),
        orders_per_minute=dice.choice((5, 60, 60, 60)),
        orders_per_hour=dice.choice((12, 1_000, 1_000, 1_000)),
        orders_per_day=dice.choice((15, 5_000, 5_000, 5_000)),
        duplicate_window_ns=dice.choice((0, 2 * SECOND)),
        self_match=dice.choice(("refuse", "allow")),
        opposite_positions=dice.choice(("allow", "allow", "refuse")),
        require_stop=dice.random() < 0.1,
        **rare,
    )


def _capabilities(dice: Dice) -> Capabilities:
    return Capabilities(
        native_bracket=dice.random() < 0.5,
        reduce_only=dice.random() < 0.7,
        replace=dice.random() < 0.8,
        absence_proof="never" if dice.random() < 0.2 else "snapshots",
        absence_snapshots=dice.choice((1, 2, 2, 3)),
    )


def _sizing(dice: Dice) -> SizingRule:
    method = dice.choice(("fixed", "multiplier", "signal", "signal", "signal", "risk_percent"))
    if method == "fixed":
        return SizingRule(method="fixed", quantity=Decimal(dice.choice((1, 2, 3))))
    if method == "multiplier":
        return SizingRule(method="multiplier", factor=Decimal(dice.choice(("0.5", "1", "2"))))
    if method == "risk_percent":
        return SizingRule(method="risk_percent", percent=Decimal(1), max_qty=Decimal(3))
    return SizingRule(method="signal")


def _routes(dice: Dice, specs: list[AccountSpec]) -> tuple[Route, ...]:
    one_for_all = dice.random() < 0.5
    names = ("*",) if one_for_all else STRATEGIES
    routes = []
    for name in names:
        chosen = [spec for spec in specs if len(specs) == 1 or dice.random() < 0.8] or specs[:1]
        routes.append(
            Route(
                id=RouteId(f"to-{name}"),
                strategy=StrategyId(name),
                legs=tuple(
                    RouteLeg(
                        account=spec.id,
                        sizing=_sizing(dice),
                        stagger_ns=dice.choice((0, 0, 0, SECOND // 2)),
                    )
                    for spec in chosen
                ),
                reverse=dice.choice(("close_then_open", "close_then_open", "close_only", "refuse")),
                pyramiding=dice.choice((1, 2, 5, 9)),
                on_refusal=dice.choice(("alone", "alone", "all")),
                flat_cancels=dice.random() < 0.8,
                max_age_ns=dice.choice((5, 60, 60)) * SECOND,
            )
        )
    return tuple(routes)
