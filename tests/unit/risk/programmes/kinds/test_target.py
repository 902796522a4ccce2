from typing import Any

import pytest

from bascule.risk.programmes.kinds.target import answer

CASES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"target_pct": "8"}, {"balance": "108000", "equity": "108000"}, True),
    ({"target_amount": "3000"}, {"balance": "102999.99", "equity": "102999.99"}, False),
    ({"target_pct": "8", "rule": {"on": "equity", "require_flat": False}},
     {"balance": "107600", "equity": "108100"}, True),
    ({"target_pct": "8"}, {"balance": "108000", "equity": "108000", "open": True}, False),
    ({"target_pct": "8"}, {"balance": "118000", "equity": "118000", "flows": "10000"}, True),
    ({"target_pct": "8"}, {"balance": "108000", "equity": "108000", "flows": "1"}, False),
    ({"target_pct": "8", "min_days": 4},
     {"balance": "109000", "equity": "109000", "days": 3}, False),
    ({"target_pct": "8", "min_days": 4},
     {"balance": "109000", "equity": "109000", "days": 4}, True),
]  # fmt: skip


@pytest.mark.parametrize(("given", "state", "reached"), CASES)
def test_a_target_is_closed_profit_of_ones_own(
    given: dict[str, Any], state: dict[str, Any], reached: bool
) -> None:
    """Cash flows are no profit, an open position waits, and so do days that are missing."""
    assert answer({"initial": "100000", "states": [state], **given}, []) == {"reached": [reached]}
