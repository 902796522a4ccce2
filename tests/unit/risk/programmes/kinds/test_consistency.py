from decimal import Decimal
from typing import Any

import pytest

from bascule.risk.programmes.kinds.consistency import answer, useful_today

NET = {"max_best_day_pct": 50, "of": "net", "compare": "le"}


def ask(days: list[str], **rule: Any) -> dict[str, object]:
    """Hold days against the rule."""
    return answer({"daily_profit": days, "rule": {**NET, **rule}}, [])


CASES = [
    (["2600", "2400"], {}, (False, "5000.00", "52.00", "200.00")),
    (["2500", "2500"], {}, (True, "5000.00", "50.00", "0.00")),
    (["2500", "2500"], {"compare": "lt"}, (False, "5000.00", "50.00", "0.00")),
    (["2500", "2500"], {"compare": "unknown"}, (False, "5000.00", "50.00", "0.00")),
    (["5000"], {}, (False, "5000.00", "100.00", "5000.00")),
    (["3000", "-1000", "2000"], {"max_best_day_pct": 60}, (False, "4000.00", "75.00", "1000.00")),
    (["3000", "-1000", "2000"], {"of": "sum_positive"}, (False, "5000.00", "60.00", "1000.00")),
    (["1500", "100"], {"of": "target", "target": "3000"}, (True, "3000.00", "50.00", "0.00")),
    (["1000", "-3000"], {}, (False, "-2000.00", None, "4000.00")),
    ([], {}, (True, "0.00", None, "0.00")),
]


@pytest.mark.parametrize(("days", "rule", "expected"), CASES)
def test_the_best_day_is_compared_with_what_the_rule_names(
    days: list[str], rule: dict[str, Any], expected: tuple[object, ...]
) -> None:
    """Net, positive days or target; inclusive or strict; and how much more profit would do."""
    told = ask(days, **rule)
    keys = ("ok", "total", "best_day_pct", "further_profit_needed")
    assert tuple(told[key] for key in keys) == expected


@pytest.mark.parametrize(
    ("days", "status"),
    [(["1000", "1500", "900", "600"], "review"), (["1", "1", "1", "1"], "pass"), (["9"], "fail")],
)
def test_the_score_form_passes_and_reviews_from_its_marks(days: list[str], status: str) -> None:
    """100 x (1 - best / positive days): 62.50 is reviewed where 70 passes."""
    told = ask(days, pass_at=70, review_at=50)
    assert told["status"] == status
    assert told["ok"] is (status == "pass")


def test_todays_useful_profit_follows_from_the_other_days() -> None:
    """With 2,400 on other days and a limit of 50%, more than 2,400 today helps no more."""
    assert useful_today(Decimal(50), Decimal(2_400)) == 2_400
    assert useful_today(Decimal(100), Decimal(1)) is None
