"""Times of headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.fix.message import read_time
from bascule.fix.timestamp import read_sending_time, write_time
from bascule.model.values import MILLISECOND, SECOND, Instant


@given(st.integers(0, 253_402_300_799 * SECOND), st.sampled_from([0, 3]))
def test_what_is_written_is_read(at, digits):
    """A time that was written is read again, cut to the digits that it has."""
    unit = SECOND if digits == 0 else MILLISECOND
    written = write_time(Instant(at), digits)
    assert len(written) == (17 if digits == 0 else 21)
    assert read_sending_time(written) == at // unit * unit == read_time(written)


@pytest.mark.parametrize(
    "text",
    [
        *(b"20261123-15:00:00", b"20261123-15:00:00.123", b"20261123-15:00:00.123456"),
        *(b"20261123-15:00:00.123456789", b"20261123-15:00:60", b"20261323-15:00:00"),
        *(
            b"",
            b"now",
            b"20261123-15:00:00.1x3",
            b"20261123-15:00:00,123",
            b"20261123-25:00:00.000",
        ),
    ],
)
def test_reading_is_that_of_any_time(text):
    """A header's time is read as every other time is, only faster."""
    assert read_sending_time(text) == read_time(text)
