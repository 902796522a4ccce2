"""Limits as the file writes them: ``[risk]``, an account's, a strategy's, and ``[portfolio]``.

They are proposals: the journal says which limits are in force, and what is looser waits there for
a person (`bascule limits`).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from msgspec.structs import replace
from pydantic import AfterValidator, Field, model_validator

from bascule.config.fields import (
    Count,
    CurrencyCode,
    DurationNs,
    Positive,
    Strategy,
    WholeNumber,
)
from bascule.config.table import Table, wrong
from bascule.model.account import RiskLimits
from bascule.model.values import HOUR, MINUTE, SECOND
from bascule.risk.limits import LOOSEST

_DURATIONS = {
    "duplicate_window": "duplicate_window_ns",
    "max_quote_age": "max_quote_age_ns",
    "short_interval": "short_interval_ns",
    "repeated_window": "repeated_window_ns",
}


Share = Annotated[Positive, Field(le=100)]
"""A percent of a whole."""


class LimitSettings(Table):
    """Limits of an account; one that is not set is taken from ``[risk]``."""

    instruments: tuple[str, ...] = ()
    max_order_qty: Positive | None = None
    max_order_qty_by_symbol: Mapping[str, Positive] = {}
    on_oversize: Literal["reject", "split"] = "reject"
    max_book_qty: Positive | None = None
    max_book_qty_by_symbol: Mapping[str, Positive] = {}
    max_position_qty: Positive | None = None
    max_position_qty_by_symbol: Mapping[str, Positive] = {}
    max_account_qty: Positive | None = None
    max_order_value: Positive | None = None
    max_notional: Positive | None = None
    max_margin: Positive | None = None
    margin_percent: Positive | None = None
    max_quote_age: DurationNs | None = None
    price_collar_percent: Positive | None = None
    max_order_loss: Positive | None = None
    max_order_loss_percent: Positive | None = None
    max_daily_loss: Positive | None = None
    max_daily_loss_percent: Positive | None = None
    max_drawdown: Positive | None = None
    max_drawdown_percent: Positive | None = None
    loss_block_percent: Share = Decimal(75)
    loss_flatten_percent: Share = Decimal(90)
    max_open_orders: Count = 100
    orders_per_second: Count = 10
    orders_per_minute: Count = 60
    orders_per_hour: Count = 1_000
    orders_per_day: Count = 5_000
    messages_per_day: Count | None = None
    message_reserve: WholeNumber = 100
    order_to_fill_warn: Count | None = None
    order_to_fill_max: Count | None = None
    short_interval_value: Positive | None = None
    short_interval: Annotated[DurationNs, Field(le=HOUR)] = MINUTE
    duplicate_window: DurationNs = 2 * SECOND
    repeated_executions: Count | None = None
    repeated_window: DurationNs = 10 * MINUTE
    self_match: Literal["refuse", "allow"] = "refuse"
    opposite_positions: Literal["refuse", "allow"] = "allow"
    probation_signals: WholeNumber = 0
    probation: Literal["min_size", "approval"] = "min_size"
    require_stop: bool = False
    runaway_submits: Count = 3
    runaway_per_minute: Count = 20
    runaway_factor: Count = 5
    runaway_rejects: Count = 10

    @model_validator(mode="after")
    def _reserve_leaves_room(self) -> Self:
        _leaves_room(self.messages_per_day, self.message_reserve)
        return self


def _leaves_room(budget: int | None, reserve: int) -> None:
    if budget is not None and reserve >= budget:
        raise wrong(
            "message_reserve",
            f"{reserve} is not below messages_per_day ({budget}), so no entry could ever leave",
        )


def _one(value: str) -> str:
    if value == "*":
        raise ValueError("is every strategy; limits of every strategy stand under [risk]")
    return value


StrategyName = Annotated[Strategy, AfterValidator(_one)]
"""One strategy as signals name it."""


_OF_WHOLE_ACCOUNTS = (
    "max_daily_loss", "max_daily_loss_percent", "max_drawdown", "max_drawdown_percent",
    "loss_block_percent", "loss_flatten_percent",
    "runaway_submits", "runaway_per_minute", "runaway_factor", "runaway_rejects",
)  # fmt: skip
"""Limits that are looked at account by account: nothing of them is known by strategy."""


class StrategyLimitSettings(LimitSettings):
    """Limits of a strategy: those that can be told of it apart from its account."""

    @model_validator(mode="after")
    def _can_be_held_to(self) -> Self:
        for key in _OF_WHOLE_ACCOUNTS:
            if key in self.model_fields_set:
                raise wrong(
                    key,
                    "is a limit of a whole account, and would hold no strategy back",
                    "it under [risk] or in the limits of the strategy's accounts",
                )
        return self


class StrategySettings(Table):
    """What holds for one strategy on every account. Its limits tighten an account's, and no more.

    Only what is set here counts.
    """

    limits: StrategyLimitSettings = StrategyLimitSettings()


class PortfolioSettings(Table):
    """Limits over all accounts together; values are in ``currency``."""

    currency: CurrencyCode | None = None
    max_position_qty: Positive | None = None
    max_position_qty_by_symbol: Mapping[str, Positive] = {}
    max_notional: Positive | None = None
    max_margin: Positive | None = None
    margin_percent: Positive | None = None
    messages_per_day_by_venue: Mapping[str, Count] = {}
    message_reserve: WholeNumber = 100

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Self:
        if self.currency is None and (self.max_notional or self.max_margin):
            raise wrong("currency", "a limit in money over all accounts needs it")
        for budget in self.messages_per_day_by_venue.values():
            _leaves_room(budget, self.message_reserve)
        return self


def risk_limits(limits: LimitSettings) -> RiskLimits:
    """Give an account's limits; everything that is not set has its default."""
    return RiskLimits(**_named(dict(limits)))


def scope_limits(
    strategies: Mapping[str, StrategySettings], portfolio: PortfolioSettings
) -> dict[str, RiskLimits]:
    """Give the limits of every scope beyond accounts; what a table does not set is no limit."""
    found = {}
    for name, strategy in strategies.items():
        own = strategy.limits
        chosen = {key: getattr(own, key) for key in own.model_fields_set}
        if chosen:
            found[f"strategy:{name}"] = replace(LOOSEST, **_named(chosen))
    for venue, budget in portfolio.messages_per_day_by_venue.items():
        found[f"venue:{venue}"] = replace(
            LOOSEST, messages_per_day=budget, message_reserve=portfolio.message_reserve
        )
    together: dict[str, Decimal | Mapping[str, Decimal] | None] = {
        "max_position_qty": portfolio.max_position_qty,
        "max_position_qty_by_symbol": portfolio.max_position_qty_by_symbol,
        "max_notional": portfolio.max_notional,
        "max_margin": portfolio.max_margin,
        "margin_percent": portfolio.margin_percent,
    }
    if any(together.values()):
        found["all"] = replace(LOOSEST, **_named(together))
    return found


def _named(chosen: dict[str, Any]) -> dict[str, Any]:
    """Name durations as the model does, and give its tables their own dicts."""
    return {
        _DURATIONS.get(key, key): dict(value) if isinstance(value, Mapping) else value
        for key, value in chosen.items()
    }
