"""What a reset would have a client miss: kept, told once more, and let go of once it was read."""

from bascule.fix.message import Message
from bascule.model.values import SECOND, Instant
from bascule.signals.intake.fix_again import KEPT_MAX, UNREAD, Undelivered

START = Instant(1_800_000_000 * SECOND)
FIRST, SECOND_TIME, THIRD = 1, 2, 3
"""When the numbers began."""


def report(number: int) -> Message:
    """Make a report."""
    return Message(b"8", [(17, b"%d" % number)])


def numbers(messages: list[Message]) -> list[bytes]:
    """Give the ExecIDs of messages that are all marked as a possible resend."""
    assert all(one.get(97) == b"Y" for one in messages)
    return [one.get(17) or b"" for one in messages]


def after(ns: int) -> Instant:
    """Give a time."""
    return Instant(START + ns)


def test_told_while_nobody_listened() -> None:
    """However long ago that was; and once more at the next reset that comes soon after."""
    kept = Undelivered((), START, FIRST)
    for number in (1, 2, 3):
        kept.told(report(number), START, FIRST)
    later = after(100 * UNREAD)
    assert numbers(kept.logged_on(later, SECOND_TIME)) == [b"1", b"2", b"3"]
    kept.logged_out(Instant(later + SECOND))
    assert len(kept.logged_on(Instant(later + 2 * SECOND), THIRD)) == 3


def test_a_logon_that_goes_on_brings_what_was_missed_by_itself() -> None:
    """Nothing is told twice then; what was read long ago is let go of."""
    kept = Undelivered((), START, FIRST)
    kept.told(report(2), START, FIRST)
    assert kept.logged_on(after(SECOND), FIRST) == []
    kept.told(report(1), after(SECOND + UNREAD + 1), FIRST)
    kept.logged_out(after(SECOND + UNREAD + 1))
    assert numbers(kept.logged_on(after(5 * UNREAD), SECOND_TIME)) == [b"1"]


def test_what_was_told_in_the_new_numbers_already_is_asked_for_by_them() -> None:
    """A session of the hours begins while the client is away, and the first report is its own."""
    kept = Undelivered((), START, FIRST)
    kept.told(report(1), START, FIRST)
    kept.told(report(2), after(SECOND), SECOND_TIME)
    assert numbers(kept.logged_on(after(2 * SECOND), SECOND_TIME)) == [b"1"]


def test_a_reset_inside_a_session_repeats_the_last_minutes() -> None:
    """What had just been sent may lie in between."""
    kept = Undelivered((), START, FIRST)
    kept.logged_on(START, FIRST)
    kept.told(report(2), START, FIRST)
    kept.told(report(1), after(UNREAD), FIRST)
    assert numbers(kept.logged_on(after(UNREAD + 1), SECOND_TIME)) == [b"1"]


def test_what_an_earlier_run_told_counts_as_unread() -> None:
    """It is taken from the session's store, without its header, and without answers (17=0)."""
    stored = Message(b"8", [(34, b"7"), (49, b"B"), (52, b"x"), (56, b"D"), (17, b"9"), (10, b"0")])
    kept = Undelivered([report(0), stored], START, FIRST)
    (again,) = kept.logged_on(after(100 * UNREAD), SECOND_TIME)
    assert again.fields == [(17, b"9"), (97, b"Y")]


def test_there_is_an_end_to_it() -> None:
    """The newest are kept."""
    kept = Undelivered((), START, FIRST)
    for number in range(1, KEPT_MAX + 6):
        kept.told(report(number), START, FIRST)
    again = numbers(kept.logged_on(START, SECOND_TIME))
    assert (len(again), again[0]) == (KEPT_MAX, b"6")
