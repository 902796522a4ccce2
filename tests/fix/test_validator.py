"""Which dictionary a message is held against."""

import pytest

from bascule.fix.message import Message
from bascule.fix.validation import (
    INCORRECT_FORMAT,
    INVALID_TAG_NUMBER,
    TAG_WITHOUT_VALUE,
    VALUE_INCORRECT,
    Reject,
)
from bascule.fix.validator import FIELDS_MAX, ROWS_MAX, validator
from bascule.fix.version import VERSIONS

HEADER = [(34, b"5"), (49, b"P"), (52, b"20261123-15:00:00"), (56, b"U")]
ORDER = [(11, b"a"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES"), (60, b"20261123-15:00:00")]


def order(*more, header=()):
    """Give an order with further fields."""
    return Message(b"D", [*HEADER, *header, *ORDER, *more])


def test_a_message_may_name_its_own_version():
    """On FIXT a message that names an application version is held against that one."""
    check = validator(VERSIONS["FIX.5.0SP2"])
    later = (1138, b"5")  # DisplayQty, which 4.4 does not have
    for _ in range(2):
        assert check(order(later)) is None
        assert check(order(later, header=[(1128, b"9")])) is None
        refused = check(order(later, header=[(1128, b"6")]))
        assert refused == Reject(INVALID_TAG_NUMBER, 1138)
        assert check(order(header=[(1128, b"6")])) is None


def test_what_an_administrative_message_names_is_not_sound_elsewhere():
    """A heartbeat may name any version; an order that names it is held against that one."""
    check = validator(VERSIONS["FIX.5.0SP2"])
    later = (1138, b"5")
    assert check(order(later, header=[(1128, b"9")])) is None
    assert check(Message(b"0", [*HEADER, (1128, b"6")])) is None
    refused = check(order(later, header=[(1128, b"6")]))
    assert refused == Reject(INVALID_TAG_NUMBER, 1138)


def test_a_known_row_is_still_looked_at_field_by_field():
    """Whatever came before, each new value is checked, and so is a tag in another's place."""
    check = validator(VERSIONS["FIX.4.4"])
    for _ in range(2):
        assert check(order()) is None
        assert check(order((15, b"USD"))) is None
        assert check(order((44, b"1.5"))) is None
    assert check(order((44, b"1.5x"))) == Reject(INCORRECT_FORMAT, 44)
    assert check(order((15, b""))) == Reject(TAG_WITHOUT_VALUE, 15)
    assert check(order((9999, b"USD"))) == Reject(INVALID_TAG_NUMBER, 9999)
    sides = [field if field[0] != 54 else (54, b"?") for field in order().fields]
    assert check(Message(b"D", sides)) == Reject(VALUE_INCORRECT, 54)


def test_a_version_that_does_not_exist():
    """A message that names an application version that there is not is rejected for it."""
    check = validator(VERSIONS["FIX.5.0SP2"])
    assert check(order(header=[(1128, b"77")])) == Reject(VALUE_INCORRECT, 1128)


@pytest.mark.parametrize("version", ["FIX.4.4", "FIX.5.0SP2"])
def test_a_counterpartys_own_tags(version):
    """Tags that were laid over a version may stand where it says."""
    check = validator(
        VERSIONS[version], overlay='[fields]\n9001="Desk STRING"\n[messages]\nD="9001"'
    )
    own = (9001, b"x")
    assert check(order(own)) is None
    assert validator(VERSIONS[version])(order(own)) == Reject(INVALID_TAG_NUMBER, 9001)


def test_memory_is_bounded():
    """A peer that sends ever new rows and values does not fill memory."""
    held = validator(VERSIONS["FIX.4.4"])
    memory = held.__self__
    for number in range(FIELDS_MAX + 100):
        assert (
            held(Message(b"D", [*HEADER, *ORDER, (432, b"2026%04d" % (number % 1 + 1123))])) is None
        )
        assert (
            held(Message(b"D", [*HEADER, *ORDER, (200, b"%06d" % (200001 + number % 12))])) is None
        )
    for number in range(ROWS_MAX + 20):
        rows = [(tag, b"x") for tag in (1, 15, 58, 109, 126, 336) if number & 1 << tag % 7]
        held(Message(b"D", [*HEADER, *ORDER, *rows, *[(58, b"x")] * (number % 2)]))
    assert sum(map(len, memory._known.values())) <= ROWS_MAX
    assert len(memory._sound) <= FIELDS_MAX + 20
