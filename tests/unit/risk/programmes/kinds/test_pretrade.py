from typing import Any

import pytest

from bascule.risk.programmes.kinds.pretrade import answer

BASE = {"effective_remaining": "1200", "buffer_pct": "10", "open_stop_risk": "500"}
CASES: list[tuple[dict[str, Any], bool, str]] = [
    ({"order_risk": "580"}, True, "580.00"),
    ({"order_risk": "580.01"}, False, "580.00"),
    ({"order_risk": "500", "costs": "80"}, True, "500.00"),
    ({"order_risk": "400", "slippage_factor": "1.2"}, True, "400.00"),
    ({"order_risk": "401", "slippage_factor": "1.2"}, False, "400.00"),
    ({"order_risk": "1", "open_stop_risk": None}, False, "0.00"),
    ({"order_risk": "1", "open_stop_risk": "unbounded"}, False, "0.00"),
    ({"order_risk": None}, False, "580.00"),
    ({"order_risk": "1", "effective_remaining": "-5"}, False, "0.00"),
]


@pytest.mark.parametrize(("given", "allowed", "largest"), CASES)
def test_all_stops_together_must_leave_the_buffer(
    given: dict[str, Any], allowed: bool, largest: str
) -> None:
    """A position without a stop makes the open risk unbounded, so nothing fits."""
    assert answer({**BASE, **given}, []) == {"allowed": allowed, "max_order_risk": largest}


def test_the_nearer_line_counts() -> None:
    """Of the day's room and the account's the smaller is used."""
    rooms = {"daily_remaining": "5000", "max_loss_remaining": "100", "order_risk": "101"}
    assert answer(rooms, [])["allowed"] is False
