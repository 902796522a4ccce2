"""What a reset would have a client miss: kept, told once more, and let go of once it was read."""

from bascule.fix.message import Message
from bascule.model.values import SECOND, Instant
from bascule.signals.intake.fix_again import KEPT_MAX, UNREAD, Undelivered

START = Instant(1_800_000_000 * SECOND)


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
    kept = Undelivered((), START)
    for number in (1, 2, 3):
        kept.told(report(number), START)
    later = after(100 * UNREAD)
    assert numbers(kept.logged_on(later, anew=True)) == [b"1", b"2", b"3"]
    kept.logged_out(Instant(later + SECOND))
    assert len(kept.logged_on(Instant(later + 2 * SECOND), anew=True)) == 3


def test_a_logon_that_goes_on_brings_what_was_missed_by_itself() -> None:
    """Nothing is told twice then; what was read long ago is let go of."""
    kept = Undelivered((), START)
    kept.told(report(0), START)
    assert kept.logged_on(after(SECOND), anew=False) == []
    kept.told(report(1), after(SECOND + UNREAD + 1))
    kept.logged_out(after(SECOND + UNREAD + 1))
    assert numbers(kept.logged_on(after(5 * UNREAD), anew=True)) == [b"1"]


def test_a_reset_inside_a_session_repeats_the_last_minutes() -> None:
    """What had just been sent may lie in between."""
    kept = Undelivered((), START)
    kept.logged_on(START, anew=True)
    kept.told(report(2), START)
    kept.told(report(1), after(UNREAD))
    assert numbers(kept.logged_on(after(UNREAD + 1), anew=True)) == [b"1"]


def test_what_an_earlier_run_told_counts_as_unread() -> None:
    """It is taken from the session's store, without its header, and without answers (17=0)."""
    stored = Message(b"8", [(34, b"7"), (49, b"B"), (52, b"x"), (56, b"D"), (17, b"9"), (10, b"0")])
    kept = Undelivered([report(0), stored], START)
    (again,) = kept.logged_on(after(100 * UNREAD), anew=True)
    assert again.fields == [(17, b"9"), (97, b"Y")]


def test_there_is_an_end_to_it() -> None:
    """The newest are kept."""
    kept = Undelivered((), START)
    for number in range(1, KEPT_MAX + 6):
        kept.told(report(number), START)
    again = numbers(kept.logged_on(START, anew=True))
    assert (len(again), again[0]) == (KEPT_MAX, b"6")
