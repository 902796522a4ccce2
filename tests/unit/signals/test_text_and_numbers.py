"""Repairs, numbers and times: a closed list of what is accepted, and one code for the rest."""

from decimal import Decimal

import pytest

from bascule.model.values import SECOND, Instant
from bascule.signals.freshness import check_not_ahead, iso, read_time
from bascule.signals.instruction import Refuse, Rejection
from bascule.signals.lenient_json import Document, decode
from bascule.signals.numbers import number

NOON = Instant(1_795_262_400 * SECOND)
"""2026-11-21T12:00:00Z."""


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ('\ufeff{"a": "x"}', "byte order mark"),
        ('{"a": "x"}\0\0', "NULs"),
        ('{"a": "x",}', "comma"),
        ('{"a": "x", // said, "so"\n}', "comment"),
        ("{\u201ca\u201d: \u201cx\u201d}", "typographic"),
        ("{\u201ea\u201c: \u201cx\u201d}", "typographic"),
    ],
)
def test_a_body_with_one_possible_reading_is_repaired_and_says_so(text: str, repair: str) -> None:
    """Each repair of the closed list gives the document that was meant."""
    read = decode(text)
    assert isinstance(read, Document)
    assert read.value == {"a": "x"}
    assert any(repair in one for one in read.repairs)


@pytest.mark.parametrize(
    "text",
    ["{'a': 'x'}", "{a: 1}", '{"a": 1 "b": 2}', '{"a": "say "x""}', '{"a": }', '{"a": 1}}', "{",
     '{"a": \u2018x\u2019}', "{\u201ca\u201d: \u201cx}", '{"a": 01}', '{"a": "x\ny"}', "{/* c */}",
     '{"a": undefined}', '{"a": 1,,}'],
)  # fmt: skip
def test_a_body_that_could_be_read_in_two_ways_is_malformed(text: str) -> None:
    """Nothing outside the list is mended."""
    read = decode(text)
    assert isinstance(read, Rejection)
    assert read.error == "malformed_json"


def test_repairs_do_not_reach_into_strings() -> None:
    """What looks like a comment, a comma or a quote inside a string stays."""
    text = '{"url": "http://x", "list": ",]", "said": "\u201chi\u201d",}'
    read = decode(text)
    assert isinstance(read, Document)
    assert read.value == {"url": "http://x", "list": ",]", "said": "\u201chi\u201d"}


def test_a_key_given_twice_is_refused_unless_both_say_the_same() -> None:
    """The last of two values is not silently taken."""
    read = decode('{"qty": 1, "qty": 100}')
    assert isinstance(read, Rejection)
    assert read.error == "conflict"
    assert decode('{"qty": 1, "qty": 1}') == Document({"qty": Decimal(1)})


@pytest.mark.parametrize("text", ["", "  \n", "\ufeff", "\0\0"])
def test_an_empty_body_is_called_empty(text: str) -> None:
    """White space, NULs and a byte order mark are nothing."""
    read = decode(text)
    assert isinstance(read, Rejection)
    assert read.error == "empty_body"


@pytest.mark.parametrize("text", ["1e99999999999999999999", '{"a": ' * 100_000])
def test_a_body_that_would_exhaust_the_parser_is_refused(text: str) -> None:
    """No depth and no exponent raises."""
    assert isinstance(decode(text), Rejection)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.0855", "1.0855"), (" 2 ", "2"), ("-3", "-3"), ("1e3", "1000"), ("2.5E-2", "0.025"),
     (Decimal("0.1"), "0.1"), ("0.30000000000000004", "0.30000000000000004")],
)  # fmt: skip
def test_a_plain_number_is_exact(value: object, expected: str) -> None:
    """Numbers are taken from their text, exponents included."""
    assert number(value, "x") == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    ["1,5", "1_000", "+1", "01", ".5", "5.", "1e19", "1e-25", "1e400", "inf", "nan", "", "1 0",
     "\u0661", True, None, [], Decimal("NaN"), Decimal("Infinity"), Decimal("1e18")],
)  # fmt: skip
def test_what_is_not_a_plain_number_is_refused(value: object) -> None:
    """No separators, signs, words, booleans, and no more digits than stay exact."""
    with pytest.raises(Refuse) as refused:
        number(value, "x")
    assert refused.value.rejection.error == "bad_number"


@pytest.mark.parametrize(
    "value",
    ["2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z", "2026-11-21T13:00:00+01:00",
     "2026-11-21T07:00:00-0500", "2026-11-21 12:00:00 UTC", Decimal(1795262400), "1795262400",
     "1795262400000", Decimal("1795262400000000"), "1795262400000000000", "1795262400.0"],
)  # fmt: skip
def test_one_moment_in_its_many_forms(value: object) -> None:
    """Epoch numbers tell their scale by their size."""
    assert read_time(value) == (NOON, "")


def test_a_time_without_a_zone_is_utc_and_noted() -> None:
    """The note goes with the signal."""
    at, note = read_time("2026-11-21 12:00:00.25")
    assert at == NOON + SECOND // 4
    assert "UTC" in note


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-01T00:00:00Z", "2026-11-21T25:00:00Z", "12:00", "{{timenow}}",
              True, None, Decimal("NaN"), "5", "2026-11-21T12:00:00+99:99",
              "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_what_is_no_time_is_none_with_a_note(value: object) -> None:
    """How old such a signal is cannot be judged, and it says so."""
    at, note = read_time(value)
    assert at is None
    assert note


def test_a_time_is_written_with_the_decimals_it_has() -> None:
    """Written and read again, a time is the same."""
    assert iso(NOON) == "2026-11-21T12:00:00Z"
    late = Instant(NOON + 123_456_789)
    assert read_time(iso(late)) == (late, "")


def test_a_signal_from_the_future_is_refused_beyond_a_minute() -> None:
    """Clocks differ a little."""
    assert check_not_ahead(Instant(NOON + 60 * SECOND), NOON) is None
    assert check_not_ahead(None, NOON) is None
    refused = check_not_ahead(Instant(NOON + 61 * SECOND), NOON)
    assert refused is not None
    assert refused.error == "timestamp_in_future"
