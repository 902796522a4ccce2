from typing import Any

import pytest

from bascule.risk.programmes.kinds.idea import answer

FIRST = {"closed": "2026-01-12T10:00:00Z", "side": "buy", "net": "-1600"}
NEXT = {"opened": "2026-01-12T10:05:00Z", "closed": "2026-01-12T11:00:00Z", "side": "buy",
        "net": "-1500"}  # fmt: skip
CASES: list[tuple[dict[str, Any], str, bool]] = [
    ({}, "3100.00", True),
    ({"opened": "2026-01-12T10:05:01Z"}, "1600.00", False),
    ({"side": "sell"}, "1600.00", False),
    ({"net": "200"}, "1400.00", False),
    ({"net": "-1400"}, "3000.00", False),
]


@pytest.mark.parametrize(("change", "loss", "broken"), CASES)
def test_a_quick_reentry_is_the_same_idea(change: dict[str, Any], loss: str, broken: bool) -> None:
    """Within five minutes on the same side legs add up; 3% of 100,000 may be lost, no more."""
    asked = {"initial": "100000", "max_loss_pct": "3", "merge_s": 300,
             "legs": [FIRST, {**NEXT, **change}]}  # fmt: skip
    assert answer(asked, []) == {"idea_loss": loss, "violation": broken}
