"""What is held above a gap: in its turn, and never more than there is room for."""

from bascule.fix.gaps import HELD_BYTES_MAX, HELD_MAX, Gaps
from bascule.fix.message import Message


def message(size: int) -> Message:
    """Give a message that came as so many bytes."""
    return Message(b"0", [], raw=bytes(size))


def test_messages_are_given_out_by_number() -> None:
    """What was skipped is forgotten, and the lowest that is held is known."""
    gaps = Gaps()
    for number in (9, 5, 7):
        assert gaps.hold(number, message(number))
    assert gaps.first() == 5
    gaps.drop_below(7)
    assert (gaps.due(5), gaps.due(7), len(gaps)) == (False, True, 2)
    assert gaps.take(7) == message(7)
    gaps.clear()
    assert (gaps.first(), len(gaps)) == (0, 0)


def test_bytes_are_bounded_and_come_back_with_what_leaves() -> None:
    """A message too many is dropped; one that was served already needs no room."""
    gaps = Gaps()
    half = HELD_BYTES_MAX // 2
    assert gaps.hold(2, message(half))
    assert gaps.hold(3, message(half))
    assert not gaps.hold(4, message(1))
    assert gaps.hold(5, None)
    assert gaps.hold(2, message(half)), "what is held already is held"
    gaps.take(2)
    assert gaps.hold(4, message(half))
    assert not gaps.hold(6, message(1))


def test_numbers_are_bounded_too() -> None:
    """However small the messages are."""
    gaps = Gaps()
    assert all(gaps.hold(number, None) for number in range(HELD_MAX))
    assert not gaps.hold(HELD_MAX, None)
