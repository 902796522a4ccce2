from decimal import Decimal

import pytest

from bascule.fix.message import BadField, Fields, Message, read_decimal, read_int, read_time


def test_the_first_of_equal_tags_is_read() -> None:
    """``get`` gives the first occurrence, and None for what is missing."""
    message = Message.of(b"D", (11, b"a"), (55, b"x"), (11, b"b"))
    assert (message.get(11), message.get(99), 55 in message) == (b"a", None, True)
    assert message.get(35) == b"D"


@pytest.mark.parametrize(
    ("value", "number"),
    [(b"12", 12), (b"-3", -3), (b"007", 7), (b"+1", None), (b"1.0", None), (b"", None)],
)
def test_integers(value: bytes, number: int | None) -> None:
    """An integer has digits and an optional minus, no plus."""
    assert read_int(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b"5300.25", "5300.25"),
        (b"-0.50", "-0.50"),
        (b".5", "0.5"),
        (b"5.", "5"),
        (b"1e5", None),
        (b"+1", None),
        (b".", None),
        (b"", None),
        (b"NaN", None),
    ],
)
def test_decimals(value: bytes, number: str | None) -> None:
    """A number is exact and has neither exponent nor plus sign."""
    assert read_decimal(value) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (b"19700101-00:00:01", 1_000_000_000),
        (b"19700101-00:00:01.5", 1_500_000_000),
        (b"19700101-00:00:01.000000001", 1_000_000_001),
        (b"19700101-00:00:01.000000001999", 1_000_000_001),
        (b"19700101-00:00:60", 60_000_000_000),
        (b"20240229-23:59:59", 1_709_251_199_000_000_000),
        (b"20230229-23:59:59", None),
        (b"19700101-24:00:00", None),
        (b"19700101-00:00:01.", None),
        (b"19701301-00:00:01", None),
        (b"19700101T00:00:01", None),
    ],
)
def test_timestamps(value: bytes, nanoseconds: int | None) -> None:
    """A UTCTimestamp has any precision down to nanoseconds; a date that is none is refused."""
    assert read_time(value) == nanoseconds


def test_typed_readers_tell_missing_from_wrong() -> None:
    """A missing field reads as None; a wrong one raises and names its tag, not its value."""
    message = Message.of(b"8", (34, b"x"), (58, "\xe9t\xe9".encode("latin-1")), (43, b"Y"))
    assert (message.get_int(38), message.get_decimal(44), message.get_time(60)) == (None,) * 3
    assert (message.get_bool(43), message.get_bool(97)) == (True, None)
    assert message.get_text(58) == "\xe9t\xe9"
    for read in (message.get_int, message.get_decimal, message.get_time, message.get_bool):
        with pytest.raises(BadField, match="field 34 is not") as caught:
            read(34)
        assert caught.value.tag == 34


def test_groups_nest_and_end_at_the_first_field_that_is_no_member() -> None:
    """Each instance opens with the tag behind the count; a nested group is read the same way."""
    message = Message.of(
        b"D", (453, b"2"), (448, b"a"), (452, b"1"), (802, b"1"), (523, b"s"), (448, b"b"),
        (55, b"ES"), (448, b"outside"),
    )  # fmt: skip
    parties = message.groups(453, {448, 447, 452, 802, 523, 803})
    assert [party.get(448) for party in parties] == [b"a", b"b"]
    assert parties[0].groups(802, {523, 803}) == [Fields([(523, b"s")])]
    assert message.groups(78, {79}) == []
    assert Message.of(b"D", (453, b"0"), (55, b"ES")).groups(453, {448}) == []
    assert Message.of(b"D", (453, b"0")).groups(453, {448}) == []
