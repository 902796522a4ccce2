"""Sells are measured as buys are, and an account by itself is no other account."""

from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from bascule.model.account import RiskLimits
from bascule.model.enums import OrdType, Side
from bascule.model.event import OrderRequested
from bascule.model.intent import Amount, PlaceOrder
from bascule.risk.limits import LOOSEST
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only
from tests.unit.risk.test_in_force import limited, refused

SIDES = [(Side.BUY, "1.0"), (Side.SELL, "1.2")]
"""Each with a price at which it rests."""


def order(side: Side, quantity: int | str, price: str = "") -> PlaceOrder:
    """Ask for some, at the market or at a price."""
    asked = PlaceOrder(symbol=EURUSD, side=side, quantity=Amount(D(quantity)))
    return replace(asked, ord_type=OrdType.LIMIT, price=D(price)) if price else asked


def pair(limits: RiskLimits = ROOMY) -> Bench:
    """Have two accounts: strategies ``a`` and ``a2`` trade on the one, ``b`` on the other."""
    bench = Bench("a", "b", limits=limits, route={"pyramiding": 9})
    route = bench.settings.routes[0]
    bench.settings.routes = tuple(
        replace(route, id=name, strategy=name, legs=(leg,))
        for leg, names in zip(route.legs, (("a", "a2"), ("b",)), strict=True)
        for name in names
    )
    bench.quote("1.1")
    return bench


@pytest.mark.parametrize(("side", "price"), SIDES)
def test_what_an_account_has_working_counts_once_over_all_accounts(side: Side, price: str) -> None:
    """Two and two of its own and one of another are five, and not one more."""
    bench = pair()
    bench.settings.limits["all"] = replace(LOOSEST, max_position_qty=D(5))
    bench.begin()
    for name in bench.accounts:
        bench.look(name)
    assert only(bench.say(order(side, 1, price), strategy="b"), OrderRequested)
    for _ in range(2):
        assert only(bench.say(order(side, 2, price), strategy="a"), OrderRequested)
    over = bench.say(order(side, "0.01", price), strategy="a")
    assert refused(over) == "portfolio_position_limit"


@pytest.mark.parametrize("side", list(Side))
def test_margin_of_what_waits_is_counted_on_either_side(side: Side) -> None:
    """At a percent, one lot that waits on each side takes 2,200 of 3,300: one more is let in."""
    bench = Bench(limits=limited(max_margin=D(3_300), margin_percent=D(1)), route={"pyramiding": 9})
    bench.money(100_000)
    bench.quote("1.1")
    for way in (side, side.opposite):
        assert only(bench.say(order(way, 1, "1.1"), strategy=way.value), OrderRequested)
        bench.settle()
    assert refused(bench.say(order(side, "1.01", "1.1"), strategy=side.value)) == "margin_limit"
    assert only(bench.say(order(side, 1, "1.1"), strategy=side.value), OrderRequested)


@pytest.mark.parametrize(("side", "price"), SIDES)
def test_a_market_order_reaches_the_price_that_it_would_get(side: Side, price: str) -> None:
    """A buy trades at the ask and a sell at the bid, which is where the other account's rests."""
    bench = pair()
    low, high = (D("1.0"), D("1.1")) if side is Side.BUY else (D("1.1"), D("1.2"))
    assert only(bench.say(order(side, 1, price), strategy="b"), OrderRequested)
    bench.settle()
    bench.quote(low, high)
    assert refused(bench.say(order(side.opposite, "0.01"), strategy="a")) == "self_match"
    bench.quote("1.1")
    assert only(bench.say(order(side.opposite, "0.01"), strategy="a"), OrderRequested)


@pytest.mark.parametrize("side", list(Side))
def test_two_strategies_of_one_account_may_stand_against_each_other(side: Side) -> None:
    """Where opposite positions are refused: that is of accounts."""
    bench = pair(limited(opposite_positions="refuse"))
    bench.say(order(side, 5), strategy="a")
    bench.settle()
    assert every(bench.say(order(side.opposite, 1), strategy="a2"), OrderRequested)
    assert refused(bench.say(order(side.opposite, 1), strategy="b")) == "opposite_position"
