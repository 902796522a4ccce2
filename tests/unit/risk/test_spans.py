"""When a contract may not be held, by a firm's flat rule and the contract's own session."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.model.programme import FlatRule
from bascule.model.values import MINUTE, SECOND, Instant
from bascule.risk.firm import FlatSpan
from bascule.risk.programmes.kinds.flat import must_be_flat
from bascule.risk.programmes.spans import flat_span

CHICAGO, NEW_YORK = "America/Chicago", "America/New_York"


def at(text: str, tz: str = CHICAGO) -> Instant:
    """Give the instant of a wall clock."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz))
    return Instant(int(moment.timestamp()) * SECOND)


def topstep(**changes: Any) -> FlatRule:
    """Flat by 15:10 in Chicago, thirty minutes kept."""
    words: dict[str, Any] = {"overnight": "prohibited", "weekend": "prohibited", "time": "15:10"}
    return FlatRule(**(words | {"tz": CHICAGO, "buffer_min": 30} | changes))


def found(rule: FlatRule, session: str, instant: Instant) -> FlatSpan:
    """Give the span that must hold at an instant."""
    span = flat_span(rule, session, instant)
    assert span is not None
    return span


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        ("2026-11-18T14:39:59", False),
        ("2026-11-18T14:40:00", True),
        ("2026-11-18T15:10:00", True),
        ("2026-11-18T16:59:59", True),
        ("2026-11-18T17:00:00", False),
        ("2026-11-20T18:00:00", True),
        ("2026-11-21T10:00:00", True),
        ("2026-11-22T16:59:59", True),
        ("2026-11-22T17:00:00", False),
    ],
)
def test_a_daily_time_holds_from_its_buffer_to_the_next_opening(when: str, inside: bool) -> None:
    """Also over the weekend, until the market opens on Sunday."""
    assert (flat_span(topstep(), "cme_equity", at(when)) is not None) is inside


def test_a_half_day_brings_the_time_forward_to_the_markets_own_close() -> None:
    """The day after Thanksgiving ends at 12:15 in Chicago, long before 15:10."""
    span = found(topstep(), "cme_equity", at("2026-11-27T12:00:00"))
    assert (span.since, span.due) == (at("2026-11-27T11:45:00"), at("2026-11-27T12:15:00"))
    assert flat_span(topstep(), "cme_equity", at("2026-11-27T11:44:59")) is None


def test_a_firms_time_for_half_days_comes_before_the_close() -> None:
    """12:59 in New York is 11:59 in Chicago."""
    rule = topstep(time="16:59", tz=NEW_YORK, half_day_time="12:59")
    span = found(rule, "cme_equity", at("2026-11-27T11:30:00"))
    assert span.due == at("2026-11-27T12:59:00", NEW_YORK)
    ordinary = found(rule, "cme_equity", at("2026-11-24T15:45:00"))
    assert ordinary.due == at("2026-11-24T16:59:00", NEW_YORK)


def test_the_time_is_one_of_the_wall_through_the_change_of_clocks() -> None:
    """16:59 in New York, an hour earlier by UTC in summer."""
    rule = topstep(time="16:59", tz=NEW_YORK)
    for day in ("2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02"):
        noon = at(f"{day}T16:40:00", NEW_YORK)
        assert found(rule, "cme_equity", noon).due == at(f"{day}T16:59:00", NEW_YORK)


def test_what_may_be_held_overnight_and_not_over_the_weekend() -> None:
    """From the buffer before Friday's close to Sunday's opening, and on no other day."""
    rule = FlatRule(overnight="allowed", weekend="prohibited", buffer_min=30)
    span = found(rule, "fx", at("2026-11-20T16:30:00", NEW_YORK))
    assert span.due == at("2026-11-20T17:00:00", NEW_YORK)
    assert span.until == at("2026-11-22T17:05:00", NEW_YORK)
    assert flat_span(rule, "fx", at("2026-11-20T16:29:59", NEW_YORK)) is None
    assert flat_span(rule, "fx", at("2026-11-19T16:59:59", NEW_YORK)) is None


@pytest.mark.parametrize(("word", "flat"), [("unknown", True), ("flat", True), ("allowed", False)])
def test_what_nobody_knows_of_the_night_is_forbidden(word: Any, flat: bool) -> None:
    """The stricter reading: flat before each close of the market."""
    rule = FlatRule(overnight=word, weekend="allowed", buffer_min=30)
    assert (flat_span(rule, "fx", at("2026-11-18T16:45:00", NEW_YORK)) is not None) is flat


def test_a_break_that_is_longer_than_the_firm_lets_be_held_over() -> None:
    """Two hours are too long where one hundred and twenty minutes are the most: not the break."""
    rule = FlatRule(overnight="allowed", weekend="allowed", break_longer_than_min=59, buffer_min=10)
    when = at("2026-11-18T15:55:00")
    assert found(rule, "cme_equity", when).until == at("2026-11-18T17:00:00")
    longer = FlatRule(overnight="allowed", weekend="allowed", break_longer_than_min=60)
    assert flat_span(longer, "cme_equity", when) is None


def test_gap_trading_forbids_opening_and_not_holding() -> None:
    """Within two hours before a close that lasts two hours or more."""
    rule = FlatRule(overnight="allowed", weekend="allowed", no_entry_min=120)
    span = found(rule, "fx", at("2026-11-20T15:00:00", NEW_YORK))
    assert not span.holding
    assert span.due - span.since == 120 * MINUTE
    assert flat_span(rule, "fx", at("2026-11-20T14:59:59", NEW_YORK)) is None
    assert flat_span(rule, "fx", at("2026-11-18T16:00:00", NEW_YORK)) is None


def test_a_buffer_reaches_back_over_midnight() -> None:
    """A time of ten past midnight is prepared for the evening before."""
    rule = topstep(time="00:10", tz="UTC", reopen="01:00")
    assert flat_span(rule, "always", at("2026-11-17T23:39:59", "UTC")) is None
    assert found(rule, "always", at("2026-11-17T23:40:00", "UTC")).due == at(
        "2026-11-18T00:10:00", "UTC"
    )


def test_a_time_of_ones_own_for_friday_and_a_stated_reopening() -> None:
    """What always trades has no opening of its own to wait for."""
    rule = FlatRule(overnight="allowed", weekend="flat", friday_time="20:00", tz="UTC")
    assert flat_span(rule, "always", at("2026-11-20T20:00:00", "UTC")) is not None
    assert flat_span(rule, "always", at("2026-11-22T23:59:59", "UTC")) is not None
    assert flat_span(rule, "always", at("2026-11-23T00:00:00", "UTC")) is None
    whole = FlatRule(overnight="allowed", weekend="prohibited", tz="UTC", buffer_min=30)
    assert flat_span(whole, "always", at("2026-11-20T23:29:59", "UTC")) is None
    assert found(whole, "always", at("2026-11-22T23:59:59", "UTC")).until == at("2026-11-23", "UTC")
    daily = topstep(reopen="17:00")
    assert found(daily, "always", at("2026-11-18T15:00:00")).until == at("2026-11-18T17:00:00")


TIMES = st.sampled_from(["00:10", "15:10", "16:59", "22:00"])
RULES = st.builds(
    FlatRule,
    overnight=st.sampled_from(["prohibited", "allowed"]),
    weekend=st.sampled_from(["prohibited", "allowed"]),
    time=TIMES | st.just(""),
    friday_time=st.sampled_from(["", "20:00"]),
    reopen=st.sampled_from(["", "01:00", "17:00", "23:30"]),
    tz=st.sampled_from(["UTC", CHICAGO, NEW_YORK]),
    buffer_min=st.sampled_from([0, 30]),
)


@settings(max_examples=300, deadline=None)
@given(RULES, st.integers(0, 365 * 24 * 60))
def test_a_span_holds_wherever_the_rule_itself_wants_one_flat(rule: FlatRule, minute: int) -> None:
    """The session can only add to the rule's own hours, through both changes of clocks."""
    instant = Instant(at("2026-01-01T00:00:00", "UTC") + minute * MINUTE)
    span = flat_span(rule, "always", instant)
    if must_be_flat(rule, instant):
        assert span is not None
        assert span.holding


RULES = (
    topstep(),
    topstep(reopen="17:00", half_day_time="12:00", half_days={"2026-11-27": ""}),
    FlatRule(weekend="flat", friday_time="16:45", tz=NEW_YORK, no_entry_min=120),
    FlatRule(overnight="flat", break_longer_than_min=120, tz="Europe/Prague"),
)


@settings(max_examples=40)
@given(
    st.sampled_from(RULES),
    st.sampled_from(["cme_equity", "always"]),
    st.lists(st.integers(0, 12 * 24 * 60), min_size=1, max_size=12),
)
def test_what_is_kept_of_a_rule_answers_as_if_it_were_asked_for_the_first_time(
    rule: FlatRule, session: str, minutes: list[int]
) -> None:
    """Forward and back in time, over the day on which clocks change and a half day."""
    for since in (at("2026-10-28T00:00:00"), at("2026-11-20T00:00:00")):
        for minute in minutes:
            moment = Instant(since + minute * MINUTE)
            first = flat_span(msgspec.structs.replace(rule), session, moment)
            assert flat_span(rule, session, moment) == first
