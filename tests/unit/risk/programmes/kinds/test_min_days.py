from typing import Any

import pytest

from bascule.risk.programmes.kinds.min_days import answer


def days(rule: dict[str, Any], **given: Any) -> object:
    """Count the days of a question."""
    return answer({"rule": {"count": 2, **rule}, **given}, [])["days"]


def test_a_trade_counts_on_the_day_it_was_opened() -> None:
    """One that is held across days counts once; where any trade counts, its close counts too."""
    trades = [{"opened": "2026-01-12T10:00:00Z", "closed": "2026-01-14T10:00:00Z"}]
    assert days({"counts": "day_with_open"}, trades=trades) == 1
    assert days({"counts": "any"}, trades=trades) == 2


def test_a_session_bears_the_date_on_which_it_ends() -> None:
    """18:00 in New York opens the next date: Sunday evening and Monday are one day."""
    opens = ["2026-01-11T23:30:00Z", "2026-01-12T15:00:00Z", "2026-01-12T23:00:00Z"]
    rule = {"counts": "day_with_open", "tz": "America/New_York", "session_start": "18:00"}
    assert days(rule, opens=opens) == 2


@pytest.mark.parametrize(("profit", "counted"), [("499.99", 0), ("500", 1), ("-900", 0)])
def test_a_profitable_day_needs_its_percent_of_the_start(profit: str, counted: int) -> None:
    """At least 0.5% of 100,000 is 500, exactly 500 included."""
    rule = {"counts": "profitable_day", "min_profit_pct": "0.5"}
    assert days(rule, daily_profit=[profit], initial="100000") == counted


def test_profit_is_summed_by_the_firms_day() -> None:
    """Two closes of one Prague day make one day of 200; an amount may be the mark."""
    closes = [
        {"t": "2026-07-13T22:30:00Z", "net": "100"},
        {"t": "2026-07-14T08:00:00Z", "net": "100"},
    ]
    rule = {"counts": "profitable_day", "min_profit_amount": 150, "tz": "Europe/Prague"}
    assert days(rule, closes=closes) == 1


def test_days_may_have_to_fall_within_a_window() -> None:
    """Seven days of thirty: what lies before the window of the last day counts no more."""
    opens = ["2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z", "2026-01-31T10:00:00Z"]
    assert days({"counts": "any", "per_days": 30}, opens=opens) == 2
