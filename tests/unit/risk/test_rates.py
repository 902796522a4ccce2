"""Counts and sums of what was sent lately: exact at their edges, bounded, and never too low."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from bascule.model.values import DAY, HOUR, MINUTE, SECOND
from bascule.risk.rates import RateWindow, Tally, ValueWindow

START = 29_460_000 * MINUTE
"""The beginning of a minute."""
GAPS = st.lists(st.integers(0, 3 * HOUR), min_size=1, max_size=60)


def moments(gaps: list[int]) -> list[int]:
    """Give ascending instants."""
    found, at = [], START
    for gap in gaps:
        at += gap
        found.append(at)
    return found


def test_a_window_is_open_at_its_old_end() -> None:
    """What was exactly a span ago counts no more; what is now counts."""
    window = RateWindow([])
    for at in (START, START + 1, START + SECOND):
        window.record(at)
    assert window.within(START + SECOND, SECOND) == 2
    assert window.within(START + SECOND, SECOND + 1) == 3
    assert window.within(START + 2 * SECOND, SECOND) == 0


def test_a_firms_day_of_25_hours_is_counted_whole() -> None:
    """What was sent in its first hour counts in its last; by the day it is out of the window."""
    tally = Tally([], [])
    tally.record(START)
    last = START + 24 * HOUR + 59 * MINUTE
    tally.record(last)
    assert (tally.since(START), tally.of_day(last)) == (2, 1)


def test_a_clock_that_goes_back_counts_as_standing_still() -> None:
    """Instants stay ascending, so that what is counted can be found."""
    window, values, tally = RateWindow([]), ValueWindow([], []), Tally([], [])
    for at in (START + 5 * MINUTE, START):
        window.record(at)
        values.record(at, D(1))
        tally.record(at)
    assert window.times == values.times == [START + 5 * MINUTE] * 2
    assert tally.minutes == [(START + 5 * MINUTE) // MINUTE] and tally.counts == [2]


def test_windows_forget_what_is_old() -> None:
    """A day of entries, and an hour of values, whatever was before; sums stay right."""
    window, values = RateWindow([]), ValueWindow([], [])
    for number in range(10_000):
        at = START + number * MINUTE
        window.record(at)
        values.record(at, D(1))
        assert window.within(at, DAY) == min(number + 1, 1_440)
        assert values.within(at, HOUR) == min(number + 1, 60)
    last = START + 9_999 * MINUTE
    assert len(window.times) < 4_200 and len(values.times) < 4_200
    assert window.within(last, DAY) == 1_440
    assert values.within(last, HOUR) == 60
    assert values.within(last, 10 * MINUTE) == 10
    assert values.forgotten > 0 and values.sums[-1] == 10_000


def test_nothing_recorded_is_nothing() -> None:
    """Empty ones answer zero."""
    assert RateWindow([]).within(START, DAY) == 0
    assert ValueWindow([], []).within(START, HOUR) == 0
    assert Tally([], []).of_day(START) == 0


@given(GAPS)
def test_a_tally_never_counts_too_low(gaps: list[int]) -> None:
    """Of 24 hours it has all, and at most what a day and a minute hold; and it stays small."""
    tally, times = Tally([], []), moments(gaps)
    for at in times:
        tally.record(at)
    for now in (times[-1], times[-1] + HOUR, times[-1] + DAY, times[-1] + 2 * DAY):
        true = sum(1 for at in times if at > now - DAY)
        most = sum(1 for at in times if at >= now - DAY - MINUTE)
        assert true <= tally.of_day(now) <= most
    assert len(tally.minutes) == len(tally.counts) <= 1_501
    assert tally.total == sum(tally.counts)


def test_a_tally_at_the_edge_of_its_day() -> None:
    """The minute that the day cuts through counts in full; the next nanosecond it is gone.

    It is kept for an hour more.
    """
    tally = Tally([], [])
    tally.record(START)
    tally.record(START + MINUTE)
    assert tally.of_day(START + DAY + MINUTE - 1) == 2
    assert tally.of_day(START + DAY + MINUTE) == 1
    assert tally.of_day(START + DAY + 2 * MINUTE) == 0
    late = START + DAY + HOUR + MINUTE
    tally.record(late)
    assert tally.minutes == [(START + MINUTE) // MINUTE, late // MINUTE]
    assert (tally.counts, tally.total) == ([1, 1], 2)


@given(GAPS, st.integers(0, 20 * HOUR))
def test_a_tally_counts_from_an_instant_on(gaps: list[int], ago: int) -> None:
    """The minute of that instant counts in full, and none before it."""
    tally, times = Tally([], []), moments([gap // 60 for gap in gaps])
    for at in times:
        tally.record(at)
    instant = times[-1] - ago
    assert tally.since(instant) == sum(1 for at in times if at // MINUTE >= instant // MINUTE)


@given(GAPS, st.sampled_from([1, SECOND, MINUTE, HOUR]))
def test_values_sum_what_lies_within(gaps: list[int], span: int) -> None:
    """Running sums give what adding each would."""
    window, times = ValueWindow([], []), moments(gaps)
    for number, at in enumerate(times):
        window.record(at, D(number))
    now = times[-1]
    assert window.within(now, span) == sum(n for n, at in enumerate(times) if at > now - span)
    assert window.within(now + span, span) == 0
