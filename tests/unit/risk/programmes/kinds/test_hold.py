from typing import Any

import pytest

from bascule.risk.programmes.kinds.hold import answer

MINIMUM, OVER, UNDER = (
    {"min_hold_s": 120},
    {"min_share_over_pct": 50, "over_s": 10, "compare": "gt"},
    {"violation_if_share_under_s": 60, "share_pct": 50},
)
CASES = [
    (MINIMUM, [121, 500], True),
    (MINIMUM, [120, 500], False),
    (OVER, [11, 12, 3], True),
    (OVER, [11, 3], False),
    ({**OVER, "compare": "ge"}, [11, 3], True),
    (UNDER, [59, 60], False),
    (UNDER, [59, 60, 61], True),
    (OVER, [], True),
    ({**MINIMUM, "compare": "ge"}, [120, 500], True),
    ({**UNDER, "compare": "ge"}, [59, 60], False),
    ({**UNDER, "compare": "lt"}, [59, 60], False),
    ({**UNDER, "compare": "gt"}, [59, 60], True),
    ({**UNDER, "compare": "le"}, [59, 60], True),
]


@pytest.mark.parametrize(("rule", "durations", "ok"), CASES)
def test_trades_are_held_long_enough(rule: dict[str, Any], durations: list[int], ok: bool) -> None:
    """Over a time means longer than it; a share must be passed, or stayed under."""
    assert answer({"rule": rule, "durations": durations}, [])["ok"] is ok


def test_profit_must_come_from_trades_that_were_held() -> None:
    """Half of the profit over two minutes, and a mean that is longer; losses do not count."""
    rule = {"avg_duration_over_s": 120, "profit_share_over_s": 120, "min_profit_share_pct": 50}
    trades = [{"duration": 300, "profit": 60}, {"duration": 10, "profit": 40},
              {"duration": 500, "profit": -900}]  # fmt: skip
    told = answer({"rule": rule, "trades": trades}, [])
    assert told == {"ok": True, "average": "270.00", "share": "60.00"}
    assert answer({"rule": rule, "trades": trades[1:2]}, [])["ok"] is False
