from typing import Any

import pytest

from bascule.risk.programmes.kinds.hedge import answer

POSITION = {"account": "A", "symbol": "EURUSD", "side": "buy"}
CASES: list[tuple[dict[str, str], dict[str, Any], bool]] = [
    ({"cross_account_hedge": "allowed"}, {"account": "B"}, True),
    ({"cross_account_hedge": "prohibited"}, {"account": "B"}, False),
    ({}, {"account": "B"}, False),
    ({}, {"account": "B", "symbol": "GBPUSD"}, True),
    ({"same_account_hedge": "prohibited"}, {"account": "A"}, False),
    ({"same_account_hedge": "prohibited"}, {"account": "A", "reduce_only": True}, True),
]


@pytest.mark.parametrize(("policy", "order", "allowed"), CASES)
def test_an_opposite_order_needs_a_firm_that_allows_it(
    policy: dict[str, str], order: dict[str, Any], allowed: bool
) -> None:
    """Across accounts and within one; unknown prohibits, and a reduction always passes."""
    asked = {"policy": policy, "positions": [POSITION],
             "orders": [{"symbol": "EURUSD", "side": "sell", **order}]}  # fmt: skip
    assert answer(asked, []) == {"allowed": [allowed]}
