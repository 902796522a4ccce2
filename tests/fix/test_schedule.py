"""When a session begins and ends, by the clock of its zone."""

from datetime import UTC, datetime, time

import pytest

from bascule.fix.actions import Disconnect, LoggedOut, Send
from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message
from bascule.fix.schedule import Schedule
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from bascule.model.values import HOUR, SECOND, Instant
from tests.fix.clause import checks_of


def at(text):
    """Read an instant written in UTC."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return Instant(int(moment.timestamp()) * SECOND)


def shown(instant):
    """Write an instant in UTC."""
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%a %m-%d %H:%M")


def window(schedule, text):
    """Give the session at a time, as text."""
    found = schedule.window(at(text))
    return (shown(found.begin), shown(found.end)) if found else None


DAY = Schedule(zone="America/Chicago", start=time(17), end=time(16))
WEEK = Schedule(zone="America/New_York", start=time(18), end=time(17), start_day=6, end_day=4)
FLAT = Schedule(zone="UTC", start=time(8), end=time(17), days=(0, 1, 2, 3, 4))
ALWAYS = Schedule(zone="Europe/Zurich", start=time(0), end=time(0))


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        (DAY, "2026-11-23 12:00", ("Sun 11-22 23:00", "Mon 11-23 22:00")),
        (DAY, "2026-11-23 22:00", None),
        (DAY, "2026-11-23 22:59", None),
        (DAY, "2026-11-23 23:00", ("Mon 11-23 23:00", "Tue 11-24 22:00")),
        # Clocks go back on 1 November 2026 in Chicago: the session is an hour longer.
        (DAY, "2026-11-01 12:00", ("Sat 10-31 22:00", "Sun 11-01 22:00")),
        # They go forward on 8 March 2026: it is an hour shorter.
        (DAY, "2026-03-08 12:00", ("Sat 03-07 23:00", "Sun 03-08 21:00")),
        (WEEK, "2026-11-25 03:00", ("Sun 11-22 23:00", "Fri 11-27 22:00")),
        (WEEK, "2026-11-28 03:00", None),
        (WEEK, "2026-07-01 03:00", ("Sun 06-28 22:00", "Fri 07-03 21:00")),
        (FLAT, "2026-11-23 08:00", ("Mon 11-23 08:00", "Mon 11-23 17:00")),
        (FLAT, "2026-11-23 07:59", None),
        (FLAT, "2026-11-22 12:00", None),
        (ALWAYS, "2026-11-23 12:00", ("Sun 11-22 23:00", "Mon 11-23 23:00")),
    ],
)
def test_window(schedule, now, expected):
    """A time lies in the session that its zone's clock says, or in none."""
    assert window(schedule, now) == expected


@pytest.mark.parametrize(
    ("schedule", "now", "begin"),
    [
        (DAY, "2026-11-23 22:30", "Mon 11-23 23:00"),
        (WEEK, "2026-11-28 03:00", "Sun 11-29 23:00"),
        (FLAT, "2026-11-20 18:00", "Mon 11-23 08:00"),
        (ALWAYS, "2026-11-23 12:00", "Mon 11-23 23:00"),
    ],
)
def test_next_begin(schedule, now, begin):
    """Between two sessions the next one is known."""
    assert shown(schedule.next_begin(at(now))) == begin


class Side:
    """An initiator with a schedule, whose peer answers at once."""

    def __init__(self, schedule):
        config = SessionConfig(
            version=version_named("FIX.4.4"),
            sender="US",
            target="PEER",
            role="initiator",
            schedule=schedule,
            heartbeat_s=0,
        )
        self.store = MemoryStore()
        self.session = Session(config, self.store, checks_of("FIX.4.4"))

    def log_on(self, now):
        """Connect, and take the peer's answer."""
        sent = self.session.connect(now)
        self.peer(b"A", now, (98, b"0"), (108, b"0"))
        return sent

    def peer(self, kind, now, *body):
        """Have the peer send its next message."""
        stamp = datetime.fromtimestamp(now // SECOND, UTC).strftime("%Y%m%d-%H:%M:%S").encode()
        header = [(34, b"%d" % self.store.next_in), (49, b"PEER"), (52, stamp), (56, b"US")]
        return self.session.receive(Message(kind, [*header, *body], b"FIX.4.4"), now)


@pytest.mark.parametrize("schedule", [DAY, WEEK, FLAT, ALWAYS])
def test_a_session_ends_and_begins_anew(schedule):
    """At the end of its hours a session logs out; the next one begins at 1."""
    side = Side(schedule)
    start = at("2026-11-23 12:00")
    side.log_on(start)
    side.peer(b"0", start)
    assert (side.store.next_in, side.store.next_out) == (3, 2)
    end = schedule.window(start).end
    assert side.session.due() == end
    assert not side.session.tick(Instant(end - SECOND))
    (logout,) = side.session.tick(end)
    assert isinstance(logout, Send) and b"\x0135=5\x01" in logout.data
    done = side.peer(b"5", end)
    assert [type(action) for action in done] == [Disconnect, LoggedOut]
    begin = end if schedule.window(end) else schedule.next_begin(end)
    assert side.session.may_connect(begin)
    assert side.session.may_connect(end) == (begin == end)
    sent = side.log_on(begin)
    assert b"\x0134=1\x01" in sent[0].data
    assert (side.store.next_in, side.store.next_out) == (2, 2)


def test_numbers_of_this_session_are_kept():
    """A reconnection within the hours goes on with the numbers."""
    side = Side(WEEK)
    start = at("2026-11-23 12:00")
    side.log_on(start)
    side.session.disconnected(start)
    later = Instant(start + 30 * HOUR)
    assert b"\x0134=2\x01" in side.log_on(later)[0].data


def test_a_restart_in_the_next_session_begins_anew():
    """Numbers that were stored before this session's beginning are not used in it."""
    side = Side(DAY)
    side.log_on(at("2026-11-23 12:00"))
    side.session.disconnected(at("2026-11-23 12:01"))
    assert b"\x0134=1\x01" in side.log_on(at("2026-11-24 12:00"))[0].data


def test_an_acceptor_refuses_outside_of_the_hours():
    """A Logon that comes outside of the session's hours is not answered."""
    config = SessionConfig(
        version=version_named("FIX.4.4"), sender="US", target="PEER", role="acceptor", schedule=FLAT
    )
    session = Session(config, MemoryStore(), checks_of("FIX.4.4"))
    now = at("2026-11-22 12:00")
    session.connect(now)
    header = [(34, b"1"), (49, b"PEER"), (52, b"20261122-12:00:00"), (56, b"US")]
    body = [(98, b"0"), (108, b"30")]
    actions = session.receive(Message(b"A", [*header, *body], b"FIX.4.4"), now)
    assert not [action for action in actions if isinstance(action, Send)]
    assert isinstance(actions[-1], Disconnect)


def test_numbers_set_by_a_person():
    """Numbers that were agreed with the peer can be set while down, but never used twice."""
    side = Side(None)
    side.session.set_numbers(next_in=40, next_out=50)
    assert (side.store.next_in, side.store.next_out) == (40, 50)
    with pytest.raises(ValueError, match="never used twice"):
        side.session.set_numbers(next_in=40, next_out=49)
    side.session.connect(at("2026-11-23 12:00"))
    with pytest.raises(ValueError, match="connected"):
        side.session.set_numbers(next_in=1, next_out=50)
