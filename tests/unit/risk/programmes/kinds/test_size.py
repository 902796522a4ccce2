from typing import Any

import pytest

from bascule.risk.programmes.kinds.size import answer

TIERS = {"tiers": [{"from": "-inf", "contracts": 2}, {"from": 1500, "contracts": 3},
                   {"from": 2000, "contracts": 5}]}  # fmt: skip


@pytest.mark.parametrize(
    ("profit", "contracts"), [("-500", 2), ("1499.99", 2), ("1500", 3), ("1999", 3), ("2000", 5)]
)
def test_a_tier_begins_at_its_profit(profit: str, contracts: int) -> None:
    """The last end-of-day profit picks the tier."""
    assert answer({**TIERS, "last_eod_profit": profit}, []) == {"contracts": contracts}


def test_tiers_may_stand_on_the_balance() -> None:
    """Profit follows from balance and start where only those are told."""
    given = {**TIERS, "last_eod_balance": "51600", "initial": "50000"}
    assert answer(given, []) == {"contracts": 3}


def test_a_half_is_rounded_down() -> None:
    """Half of five is two, until the balance clears the threshold."""
    given = {"max_contracts": 5, "half_until_eod_balance": "52600"}
    assert answer({**given, "last_eod_balance": "52599"}, []) == {"contracts": 2}
    assert answer({**given, "last_eod_balance": "52600"}, []) == {"contracts": 5}


ORDERS = [
    ({"open": 2, "working": 2, "order": 1}, True),
    ({"open": 2, "working": 2, "order": 2}, False),
    ({"open": 5, "order": 9, "reduces": True}, True),
    ({"open": 4, "order_micros": 10, "micros_per_mini": 10}, True),
    ({"open": 4, "order_micros": 11, "micros_per_mini": 10}, False),
    ({"open": 4, "order_micros": 2}, False),
]


@pytest.mark.parametrize(("given", "allowed"), ORDERS)
def test_open_working_and_new_count_together(given: dict[str, Any], allowed: bool) -> None:
    """Five contracts at the worst; ten micros are one mini only where the platform says so."""
    assert answer({"max_contracts": 5, **given}, [])["allowed"] is allowed


def test_lots_go_by_the_size_of_the_account() -> None:
    """The largest listed size that the account reaches."""
    table = {"lots_by_account": {"50000": 20, "100000": 40}, "account_size": "100000"}
    assert answer(table, []) == {"lots": "40.00"}


def test_each_side_counts_for_itself() -> None:
    """A sell against a long closes it; what works on its side may close it too."""
    held = {"max_contracts": 5, "open_long": 5}
    sell = {"side": "sell", "quantity": 5}
    assert answer({**held, "order": sell}, [])["allowed"] is True
    assert answer({**held, "working_sell": 3, "order": sell}, [])["allowed"] is False
    assert answer({**held, "order": {"side": "buy", "quantity": 1}}, [])["allowed"] is False
