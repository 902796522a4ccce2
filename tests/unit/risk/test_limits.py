"""Merging limits: whatever two layers say, the result is as tight as both, field by field."""

from dataclasses import dataclass
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from bascule.config.limits import (
    LimitSettings,
    PortfolioSettings,
    StrategyLimitSettings,
    StrategySettings,
    risk_limits,
    scope_limits,
)
from bascule.model.account import RiskLimits
from bascule.model.values import MINUTE, SECOND
from bascule.risk.limits import (
    BY_SYMBOL,
    LOOSEST,
    NOTHING,
    TIGHTER,
    differences,
    quantity,
    tightest,
)

SYMBOLS = ("EURUSD", "US500", "ES", "ESZ2026")
amounts = st.none() | st.integers(1, 50).map(D)
counts = st.none() | st.integers(1, 50)
numbers = st.integers(0, 50)
tables = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 50).map(D), max_size=2)
WORDS = {
    "on_oversize": st.sampled_from(["reject", "split"]),
    "self_match": st.sampled_from(["refuse", "allow"]),
    "opposite_positions": st.sampled_from(["refuse", "allow"]),
    "probation": st.sampled_from(["min_size", "approval"]),
    "require_stop": st.booleans(),
    "instruments": st.lists(st.sampled_from(["EURUSD", "ES", "US500"]), unique=True).map(tuple),
}


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Give values that a field may have."""
    if name in WORDS:
        return WORDS[name]
    if name.endswith("_by_symbol"):
        return tables
    default = getattr(RiskLimits(), name)
    if default is None:
        return counts if name in INTEGERS else amounts
    return numbers


INTEGERS = {
    "max_quote_age_ns", "messages_per_day", "order_to_fill_warn", "order_to_fill_max",
    "repeated_executions",
}  # fmt: skip
limits = st.builds(RiskLimits, **{name: values_of(name) for name in RiskLimits.__struct_fields__})


@pytest.mark.parametrize("name", ["on_oversize", "self_match", "opposite_positions", "probation"])
def test_a_word_is_merged_to_its_strict_one(name: str) -> None:
    """In either order, and two lenient ones stay lenient."""
    strict, lenient = {
        "on_oversize": ("reject", "split"), "self_match": ("refuse", "allow"),
        "opposite_positions": ("refuse", "allow"), "probation": ("approval", "min_size"),
    }[name]  # fmt: skip
    rule = TIGHTER[name]
    assert rule(strict, lenient) == rule(lenient, strict) == rule(strict, strict) == strict
    assert rule(lenient, lenient) == lenient


def test_every_field_has_a_rule() -> None:
    """A new limit without one could be loosened by a strategy, so this fails."""
    plain = {name for name in RiskLimits.__struct_fields__ if not name.endswith("_by_symbol")}
    assert set(TIGHTER) == plain
    tables_of = {name for name in RiskLimits.__struct_fields__ if name.endswith("_by_symbol")}
    assert tables_of == {f"{name}_by_symbol" for name in BY_SYMBOL}


@given(limits, limits)
@settings(max_examples=150)
def test_the_tightest_is_no_looser_than_either(one: RiskLimits, other: RiskLimits) -> None:
    """Held against both, nothing of it is looser; and it is the same whichever comes first."""
    merged = tightest(one, other)
    for layer in (one, other):
        assert not [each for each in differences(layer, merged) if each.looser]
        for name in BY_SYMBOL:
            for symbol in (*SYMBOLS, "other"):
                most, now = quantity(layer, name, symbol), quantity(merged, name, symbol)
                assert most is None or (now is not None and now <= most)
    again = tightest(other, one)
    assert {**asdict(again), "instruments": set(again.instruments)} == {
        **asdict(merged),
        "instruments": set(merged.instruments),
    }
    assert not differences(merged, tightest(merged, one))


@given(limits)
@settings(max_examples=60)
def test_the_loosest_changes_nothing(one: RiskLimits) -> None:
    """A layer that says nothing leaves every limit as it is."""
    assert not differences(one, tightest(one, LOOSEST))
    assert not differences(one, tightest(LOOSEST, one))


@dataclass
class Case:
    """A limit, a tighter value of it, and both in words."""

    name: str
    loose: Any
    tight: Any


CASES = [
    Case("max_order_qty", D(5), D(3)),
    Case("max_order_value", None, D(3)),
    Case("margin_percent", D(2), D(3)),
    Case("on_oversize", "split", "reject"),
    Case("self_match", "allow", "refuse"),
    Case("opposite_positions", "allow", "refuse"),
    Case("probation", "min_size", "approval"),
    Case("probation_signals", 1, 2),
    Case("require_stop", False, True),
    Case("duplicate_window_ns", 1, 2),
    Case("short_interval_ns", SECOND, MINUTE),
    Case("repeated_window_ns", SECOND, MINUTE),
    Case("message_reserve", 1, 2),
    Case("max_quote_age_ns", 2, 1),
    Case("runaway_factor", 6, 5),
    Case("instruments", (), ("ES",)),
    Case("instruments", ("ES", "NQ"), ("ES",)),
    Case("max_order_qty_by_symbol", {}, {"X": D(1)}),
    Case("max_order_qty_by_symbol", {"X": D(2)}, {"X": D(1)}),
]


def test_a_value_is_merged_with_none_as_itself() -> None:
    """Where one layer says nothing, the other's value holds, whichever way is tighter."""
    for name in ("max_order_qty", "margin_percent"):
        assert TIGHTER[name](None, D(2)) == TIGHTER[name](D(2), None) == D(2)
        assert TIGHTER[name](None, None) is None


def test_a_margin_of_which_all_counts_is_not_loosened_by_a_percentage() -> None:
    """Without a percentage 1,000 of margin are 1,000 of notional; 5 % of it would be 20,000.

    Before, none gave way to any percentage: a strategy's own, or one that was new in the file, let
    twenty times as much pass at once.
    """
    whole = RiskLimits(max_margin=D(1000))
    share = replace(whole, margin_percent=D(5))
    assert tightest(whole, share) == tightest(share, whole) == whole
    assert tightest(whole, replace(LOOSEST, margin_percent=D(5))).margin_percent is None
    assert tightest(
        RiskLimits(), replace(LOOSEST, max_margin=D(1), margin_percent=D(5))
    ) == replace(RiskLimits(), max_margin=D(1), margin_percent=D(5))
    assert tightest(share, replace(LOOSEST, margin_percent=D(50))).margin_percent == 50
    [there], [back] = differences(whole, share), differences(share, whole)
    assert there.looser and not back.looser


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_way_is_told_apart(case: Case) -> None:
    """To the tighter value is not looser; back from it is."""
    loose = replace(RiskLimits(), **{case.name: case.loose})
    tight = replace(RiskLimits(), **{case.name: case.tight})
    [there] = differences(loose, tight)
    [back] = differences(tight, loose)
    assert not there.looser and back.looser
    assert there.name == case.name.removesuffix("_ns")
    assert (there.before, there.after) == (back.after, back.before)


def test_differences_are_said_in_words() -> None:
    """Numbers plain, spans in seconds, lists and tables with their parts, nothing as none."""
    before = RiskLimits(max_order_qty=D("5.0"), instruments=("ES", "NQ"))
    after = RiskLimits(
        max_order_value=D("1E+3"), short_interval_ns=90 * SECOND, require_stop=True,
        max_order_qty_by_symbol={"X": D("1.50"), "Y": D(2)}, on_oversize="split",
    )  # fmt: skip
    said = {each.name: (each.before, each.after) for each in differences(before, after)}
    assert said == {
        "instruments": ("ES, NQ", "none"),
        "max_order_qty": ("5", "none"),
        "max_order_qty_by_symbol": ("none", "X 1.5, Y 2"),
        "max_order_value": ("none", "1000"),
        "on_oversize": ("reject", "split"),
        "short_interval": ("60 s", "90 s"),
        "require_stop": ("false", "true"),
    }


def test_two_lists_without_a_common_name_allow_nothing() -> None:
    """An empty list would allow everything, so a name that nothing has stands there."""
    merged = tightest(RiskLimits(instruments=("ES",)), RiskLimits(instruments=("NQ",)))
    assert merged.instruments == (NOTHING,)


def test_a_table_that_loosens_one_symbol_is_looser() -> None:
    """Though another is tightened."""
    before = RiskLimits(max_order_qty_by_symbol={"X": D(5), "Y": D(5)})
    after = RiskLimits(max_order_qty_by_symbol={"X": D(1), "Y": D(6)})
    assert [each.looser for each in differences(before, after)] == [True]


def test_an_entry_that_says_what_holds_anyway_may_go() -> None:
    """A symbol's limit that is the general one loosens nothing when it is taken out."""
    before = RiskLimits(max_order_qty=D(5), max_order_qty_by_symbol={"X": D(5)})
    [change] = differences(before, RiskLimits(max_order_qty=D(5)))
    assert not change.looser


def test_a_strategys_table_says_only_what_is_set_in_it() -> None:
    """Defaults of what it does not set tighten nothing."""
    tables_of = scope_limits(
        {
            "s": StrategySettings(limits=StrategyLimitSettings(max_order_qty=D(2))),
            "t": StrategySettings(),
        },
        PortfolioSettings(messages_per_day_by_venue={"v": 500}, message_reserve=50),
    )
    assert set(tables_of) == {"strategy:s", "venue:v"}
    account = RiskLimits(orders_per_minute=6_000, max_open_orders=900, message_reserve=0)
    changes = differences(account, tightest(account, tables_of["strategy:s"]))
    assert [(each.name, each.after, each.looser) for each in changes] == [
        ("max_order_qty", "2", False)
    ]
    assert tables_of["venue:v"].messages_per_day == 500


def test_settings_and_model_agree_on_every_default() -> None:
    """An empty table gives the model's own defaults."""
    assert risk_limits(LimitSettings()) == RiskLimits()


def test_a_reserve_must_leave_room_for_entries() -> None:
    """A budget that no entry could ever draw on is a mistake, and is said to be one."""
    with pytest.raises(ValueError, match="100 is not below messages_per_day"):
        LimitSettings(messages_per_day=100, message_reserve=100)
    assert LimitSettings(messages_per_day=101, message_reserve=100)
    with pytest.raises(ValueError, match="100 is not below messages_per_day"):
        PortfolioSettings(messages_per_day_by_venue={"v": 50})
    with pytest.raises(ValueError, match="a limit in money over all accounts"):
        PortfolioSettings(max_notional=D(5))


@pytest.mark.parametrize(
    ("symbol", "most"),
    [("ESZ2026", 1), ("ESH2027", 2), ("MESZ2026", 9), ("ES", 2), ("US500", 3), ("EURUSD", 9)],
)
def test_a_limit_of_a_root_holds_for_its_contracts(symbol: str, most: int) -> None:
    """Contracts come and go; a limit on the future stays, unless its contract has its own."""
    limits = RiskLimits(
        max_order_qty=D(9),
        max_order_qty_by_symbol={"ES": D(2), "ESZ2026": D(1), "US500": D(3), "EUR": D(4)},
    )
    assert quantity(limits, "max_order_qty", symbol) == most
