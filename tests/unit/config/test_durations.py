"""Durations as written and as counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.config.durations import format_duration, parse_duration
from bascule.model.values import DAY, HOUR, MILLISECOND, MINUTE, SECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 500 * MILLISECOND),
        ("60s", 60 * SECOND),
        ("5m", 5 * MINUTE),
        ("2h", 2 * HOUR),
        ("1d", DAY),
        ("1h30m", 90 * MINUTE),
        ("1.5s", 1_500 * MILLISECOND),
        ("1 h 30 m", 90 * MINUTE),
        ("0s", 0),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, expected: int) -> None:
    """A duration is read exactly, in nanoseconds."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "60", "60 sec", "-5s", "s", "1h30", "1e3s", "5m!", 60, None])
def test_a_number_without_a_unit_is_refused(text: object) -> None:
    """Whatever has no unit, or one that is not listed, is refused with what is allowed."""
    with pytest.raises(ValueError, match='"500ms", "60s"'):
        parse_duration(text)


@given(st.integers(0, 400 * DAY // MILLISECOND).map(lambda n: n * MILLISECOND))
def test_what_is_written_is_read_back(duration: int) -> None:
    """Every whole number of milliseconds survives being written and read."""
    assert parse_duration(format_duration(duration)) == duration
