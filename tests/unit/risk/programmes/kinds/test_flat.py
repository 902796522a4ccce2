from typing import Any

import pytest

from bascule.risk.programmes.kinds.flat import answer

TOPSTEP = {"overnight": "prohibited", "weekend": "prohibited", "time": "15:10",
           "tz": "America/Chicago"}  # fmt: skip
APEX = {"overnight": "prohibited", "time": "16:59", "tz": "America/New_York",
        "holiday_override": "12:59"}  # fmt: skip


def flat(rule: dict[str, Any], *checks: str, **given: Any) -> object:
    """Ask whether nothing may be held at each time."""
    return answer({"rule": rule, "checks": list(checks), **given}, [])["must_be_flat"]


@pytest.mark.parametrize(("winter", "summer"), [("2026-01-14T21:10:00Z", "2026-07-15T20:10:00Z")])
def test_a_daily_time_follows_the_zone(winter: str, summer: str) -> None:
    """15:10 in Chicago is 21:10 UTC in winter and 20:10 in summer, that minute included."""
    for at in (winter, summer):
        assert flat(TOPSTEP, at.replace("10:00Z", "09:59Z"), at) == [False, True]


def test_a_session_that_reopens_may_be_traded() -> None:
    """With a reopening the span ends there, else at midnight; a weekend ends on Sunday evening."""
    rule = {**TOPSTEP, "reopen": "17:00"}
    evening, sunday = "2026-01-14T23:00:00Z", "2026-01-18T23:00:00Z"
    assert flat(TOPSTEP, evening, "2026-01-15T06:00:00Z") == [True, False]
    assert flat(rule, evening, "2026-01-17T12:00:00Z", sunday) == [False, True, False]


def test_a_half_day_ends_early() -> None:
    """12:59 replaces 16:59 on the days that the holiday calendar names."""
    rule = {**APEX, "half_days": ["2026-11-27"]}
    checks = ("2026-11-26T18:30:00Z", "2026-11-27T17:58:00Z", "2026-11-27T17:59:00Z")
    assert flat(rule, *checks) == [False, False, True]
    by_date = {**APEX, "half_days": {"2026-11-27": "12:00"}}
    assert flat(by_date, "2026-11-27T17:00:00Z") == [True]


def test_a_buffer_brings_the_time_forward() -> None:
    """Thirty minutes before 15:10 is 14:40."""
    told = answer({"rule": {**TOPSTEP, "buffer_min": 30}, "date": "2026-07-15"}, [])
    assert told["flat_from"] == "2026-07-15T19:40:00Z"


def test_a_long_break_is_not_held_over() -> None:
    """A closure longer than two hours must be met flat, one of an hour need not."""
    rule = {"overnight": "allowed", "weekend": "allowed", "if_break_longer_than_min": 120}
    breaks = [{"from": "2026-01-14T22:00:00Z", "to": "2026-01-15T01:00:00Z"},
              {"from": "2026-01-15T22:00:00Z", "to": "2026-01-15T23:00:00Z"}]  # fmt: skip
    checks = ("2026-01-14T23:00:00Z", "2026-01-15T01:00:00Z", "2026-01-15T22:30:00Z")
    assert flat(rule, *checks, breaks=breaks) == [True, False, False]
