"""Every key of a limit, set alone in its table and driven past: it must refuse, or act.

A key that is read, merged and journaled and then holds nobody back is worse than none. So each is
taken the way of the file: its table, the limits of its scope, a decision. A new key without a way
past it fails here.
"""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from bascule.config.limits import (
    LimitSettings,
    PortfolioSettings,
    StrategyLimitSettings,
    StrategySettings,
    risk_limits,
    scope_limits,
)
from bascule.execution import inputs as inp
from bascule.model.account import RiskLimits
from bascule.model.enums import OrdType, Side
from bascule.model.event import Event, OrderRefused
from bascule.model.intent import Amount, ModifyOrder, PlaceOrder
from bascule.model.order import AccountSnapshot
from bascule.model.values import HOUR, MILLISECOND, MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, protection

OTHER = "GBPUSD"
Drive = Callable[[Bench], list[Event]]


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """Ask for a buy of EURUSD at the market."""
    words = {"symbol": EURUSD, "side": Side.BUY, "quantity": Amount(D(str(quantity)))}
    return PlaceOrder(**{**words, **more})


def resting(quantity: Any = 1) -> PlaceOrder:
    """Ask for a buy that waits far below the market."""
    return buy(quantity, ord_type=OrdType.LIMIT, price=D("1.0"))


def guarded() -> PlaceOrder:
    """Ask for a lot with its stop 100 pips away: 1,001 are at risk."""
    return buy(protection=protection("1.0900"))


def send(*intents: PlaceOrder) -> Drive:
    """Send intents one after the other, each a signal of its own."""

    def drive(bench: Bench) -> list[Event]:
        events: list[Event] = []
        for intent in intents:
            bench.wait(10 * MILLISECOND)
            events = bench.say(intent)
            bench.settle()
        return events

    return drive


def repeat(count: int, gap: int, same: PlaceOrder | None = None) -> Drive:
    """Send so many entries with a gap between them; each a little larger, unless it is given."""

    def drive(bench: Bench) -> list[Event]:
        events: list[Event] = []
        for number in range(count):
            bench.wait(gap)
            bench.quote("1.1000", "1.1001")
            events = bench.say(same or buy(D(number + 1) / 100))
            bench.settle()
        return events

    return drive


def fall(price: str) -> Drive:
    """Hold a lot, let the price fall, and ask for more."""

    def drive(bench: Bench) -> list[Event]:
        bench.say(buy())
        bench.settle()
        bench.wait(SECOND)
        bench.quote(price)
        bench.settle()
        return bench.say(buy("0.05"))

    return drive


def margin(bench: Bench) -> list[Event]:
    """Let the venue say that 900 of margin are used."""
    word = AccountSnapshot(
        account="a", currency="USD", balance=D(100_000), equity=D(100_000), margin_used=D(900),
        free_margin=D(99_100), at=Instant(bench.at),
    )  # fmt: skip
    bench.feed(inp.MoneyReceived(Instant(bench.at), word))
    return bench.say(buy("0.01"))


def wait(bench: Bench) -> list[Event]:
    """Ask for an entry two seconds after the last quote."""
    bench.wait(2 * SECOND)
    return bench.say(buy())


def change(bench: Bench) -> list[Event]:
    """Change a resting order again and again, and then ask for an entry."""
    bench.say(resting())
    bench.settle()
    for number in range(25):
        bench.wait(SECOND)
        bench.say(ModifyOrder(symbol=EURUSD, price=D("1.0") + D(number + 1) / 10_000))
        bench.settle()
    return bench.say(buy("0.01"))


def reject(bench: Bench) -> list[Event]:
    """Let the venue reject two orders in a row for one reason."""
    bench.venue.refuses = lambda order: "busy"
    repeat(2, SECOND)(bench)
    return bench.say(buy())


def never_take(bench: Bench) -> list[Event]:
    """Let the venue take neither a position's stop nor its close."""
    bench.venue.refuses = lambda order: "busy" if order.side is Side.SELL else ""
    bench.say(guarded())
    for _ in range(10):
        bench.settle()
        bench.wait(10 * MINUTE)
    bench.quote("1.1")
    return bench.say(buy("0.01"))


def short_elsewhere(price: str) -> Drive:
    """Let another account sell at a price, where this one would buy."""

    def drive(bench: Bench) -> list[Event]:
        sell = buy(1, side=Side.SELL, ord_type=OrdType.LIMIT, price=D(price))
        bench.say(sell, strategy="other")
        bench.settle()
        return bench.say(buy())

    return drive


class Way:
    """A key's value in the file and what is beside it; what drives past it; the refusal's code."""

    def __init__(self, value: Any, drive: Drive, code: str, **beside: Any) -> None:
        self.value, self.drive, self.code, self.beside = value, drive, code, beside

    def table(self, key: str) -> dict[str, Any]:
        return {key: self.value, **self.beside}


FIVE_AND_MORE = send(buy(5), buy("0.02"))
WAYS: dict[str, Way] = {
    "instruments": Way([OTHER], send(buy()), "instrument_not_allowed"),
    "max_order_qty": Way(5, send(buy("5.01")), "max_order_size"),
    "max_order_qty_by_symbol": Way({EURUSD: 5}, send(buy("5.01")), "max_order_size"),
    "max_book_qty": Way(5, FIVE_AND_MORE, "book_limit"),
    "max_book_qty_by_symbol": Way({EURUSD: 5}, FIVE_AND_MORE, "book_limit"),
    "max_position_qty": Way(5, FIVE_AND_MORE, "position_limit"),
    "max_position_qty_by_symbol": Way({EURUSD: 5}, FIVE_AND_MORE, "position_limit"),
    "max_account_qty": Way(5, FIVE_AND_MORE, "account_position_limit"),
    "max_order_value": Way(100_000, send(buy()), "order_value"),
    "max_notional": Way(100_000, send(buy()), "notional_limit"),
    "max_margin": Way(1000, margin, "margin_limit"),
    "max_quote_age": Way("1s", wait, "stale_quote"),
    "price_collar_percent": Way(5, send(resting()), "price_collar"),
    "max_order_loss": Way(1000, send(guarded()), "fat_finger"),
    "max_order_loss_percent": Way(1, send(guarded()), "fat_finger"),
    "max_daily_loss": Way(1000, fall("1.0920"), "daily_loss"),
    "max_daily_loss_percent": Way(1, fall("1.0920"), "daily_loss"),
    "max_drawdown": Way(1000, fall("1.0920"), "max_drawdown"),
    "max_drawdown_percent": Way(1, fall("1.0920"), "max_drawdown"),
    "loss_block_percent": Way(20, fall("1.0970"), "daily_loss", max_daily_loss=1000),
    "loss_flatten_percent": Way(20, fall("1.0970"), "halted", max_daily_loss=1000),
    "max_open_orders": Way(1, send(resting(), resting("0.02")), "max_open_orders"),
    "orders_per_second": Way(2, repeat(3, MILLISECOND), "order_rate"),
    "orders_per_minute": Way(2, repeat(3, SECOND), "order_rate"),
    "orders_per_hour": Way(2, repeat(3, 2 * MINUTE), "order_rate"),
    "orders_per_day": Way(2, repeat(3, 2 * HOUR), "order_rate"),
    "messages_per_day": Way(2, repeat(3, HOUR), "message_budget", message_reserve=0),
    "message_reserve": Way(8, repeat(3, HOUR), "message_budget", messages_per_day=10),
    "order_to_fill_max": Way(10, change, "order_to_fill"),
    "short_interval_value": Way(150_000, send(buy(), buy("0.9")), "short_interval"),
    "short_interval": Way(
        "1h", repeat(2, 30 * MINUTE, buy()), "short_interval", short_interval_value=150_000
    ),
    "duplicate_window": Way("5s", repeat(2, SECOND, buy()), "duplicate_intent"),
    "repeated_executions": Way(2, repeat(3, SECOND), "repeated_execution"),
    "repeated_window": Way(
        "2h", repeat(3, 50 * MINUTE), "repeated_execution", repeated_executions=2
    ),
    "self_match": Way("refuse", short_elsewhere("1.1001"), "self_match"),
    "opposite_positions": Way("refuse", short_elsewhere("1.2"), "opposite_position"),
    "probation_signals": Way(3, send(buy()), "probation", probation="approval"),
    "probation": Way("approval", send(buy()), "probation", probation_signals=3),
    "require_stop": Way(True, send(buy()), "stop_required"),
    "runaway_submits": Way(3, never_take, "halted", runaway_rejects=1000),
    "runaway_per_minute": Way(2, repeat(5, SECOND), "halted", runaway_factor=1),
    "runaway_factor": Way(1, repeat(5, SECOND), "halted", runaway_per_minute=2),
    "runaway_rejects": Way(1, reject, "halted"),
}
REFUSES_NOTHING = {"on_oversize", "order_to_fill_warn", "margin_percent"}
"""Keys that split, tell, or say how another limit counts."""
HOLDS_BY_DEFAULT = {"self_match", "runaway_submits"}
OF_WHOLE_ACCOUNTS = {
    key for key in WAYS if key.startswith(("max_daily", "max_draw", "loss_", "runaway_"))
}
OF_ALL: dict[str, Way] = {
    "max_position_qty": Way(5, FIVE_AND_MORE, "portfolio_position_limit"),
    "max_position_qty_by_symbol": Way({EURUSD: 5}, FIVE_AND_MORE, "portfolio_position_limit"),
    "max_notional": Way(100_000, send(buy()), "portfolio_notional_limit"),
    "max_margin": Way(1000, margin, "portfolio_margin_limit"),
    "messages_per_day_by_venue": Way(
        {"v": 2}, repeat(3, HOUR), "message_budget", message_reserve=0
    ),
}


def bench(limits: RiskLimits = ROOMY, scopes: dict[str, RiskLimits] | None = None) -> Bench:
    """Give an account under the limits and one under none, each with a strategy of its own."""
    made = Bench("a", "b", symbols=(EURUSD, OTHER), route={"pyramiding": 1000})
    made.settings.accounts["a"] = replace(made.settings.accounts["a"], limits=limits)
    common = made.settings.routes[0]
    made.settings.routes = tuple(
        replace(common, id=strategy, strategy=strategy, legs=(leg,))
        for strategy, leg in zip(("s", "other"), common.legs, strict=True)
    )
    made.settings.limits.update(scopes or {})
    made.settings.portfolio_currency = "USD"
    start_anew(made)
    return made


def start_anew(made: Bench) -> None:
    """Forget the limits that the first start put in force, and start with those of the file."""
    made.state.limits.clear()
    made.begin()
    for name in made.accounts:
        made.look(name)
        made.money(100_000, name)
    made.wait(SECOND)
    made.quote("1.1000", "1.1001")


def refusals(events: list[Event]) -> list[str]:
    """Give the codes of what was refused on the account under the limits."""
    return [one.code for one in every(events, OrderRefused) if one.account == "a"]


def roomy_but_for(table: LimitSettings) -> RiskLimits:
    """Give limits in nobody's way, but for those that a table sets."""
    given, default = risk_limits(table), RiskLimits()
    told = {name: getattr(given, name) for name in default.__struct_fields__}
    return replace(ROOMY, **{n: v for n, v in told.items() if v != getattr(default, n)})


def test_every_key_has_its_way() -> None:
    """A new limit is driven past here, or said to refuse nothing."""
    assert set(WAYS) | REFUSES_NOTHING == set(LimitSettings.model_fields)
    of_all = {"currency", "margin_percent", "message_reserve", *OF_ALL}
    assert of_all == set(PortfolioSettings.model_fields)


@pytest.mark.parametrize("key", WAYS)
def test_an_account_is_held_to_the_key(key: str) -> None:
    """Set alone it refuses; without it, what was refused goes."""
    way = WAYS[key]
    assert refusals(way.drive(bench(roomy_but_for(LimitSettings(**way.table(key)))))) == [way.code]
    if key not in HOLDS_BY_DEFAULT:
        assert refusals(way.drive(bench())) == []


@pytest.mark.parametrize("key", sorted(set(WAYS) - OF_WHOLE_ACCOUNTS))
def test_a_strategy_is_held_to_the_key(key: str) -> None:
    """On an account that does not set it."""
    way = WAYS[key]
    table = StrategySettings(limits=StrategyLimitSettings(**way.table(key)))
    made = bench(ROOMY, scope_limits({"s": table}, PortfolioSettings()))
    assert refusals(way.drive(made)) == [way.code]


@pytest.mark.parametrize("key", sorted(OF_WHOLE_ACCOUNTS))
def test_what_no_strategy_can_be_held_to_is_refused_in_its_table(key: str) -> None:
    """Before, a strategy's largest loss of a day was read, journaled, and held nobody back."""
    with pytest.raises(ValidationError, match="a limit of a whole account"):
        StrategyLimitSettings(**{key: WAYS[key].value})


@pytest.mark.parametrize("key", OF_ALL)
def test_all_accounts_are_held_to_the_key(key: str) -> None:
    """Of the portfolio's table, set alone but for the currency that values are in."""
    way = OF_ALL[key]
    table = PortfolioSettings(currency="USD", **way.table(key))
    made = bench(ROOMY, scope_limits({}, table))
    assert refusals(way.drive(made)) == [way.code]
