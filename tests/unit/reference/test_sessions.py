from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.model.values import HOUR, MINUTE, Instant
from bascule.reference import session_names, state
from bascule.reference.localtime import instant, local
from bascule.reference.sessions import Session, parse_hours

CHICAGO, NEW_YORK, BERLIN = "America/Chicago", "America/New_York", "Europe/Berlin"


def at(text: str, zone: str) -> Instant:
    """Read a local time."""
    moment = datetime.fromisoformat(text)
    return instant(moment.date(), moment.time(), zone)


STATES = [
    ("fx", NEW_YORK, "2026-11-20T16:59", "open", "2026-11-20T17:00"),
    ("fx", NEW_YORK, "2026-11-20T17:00", "closed", "2026-11-22T17:05"),
    ("fx", NEW_YORK, "2026-11-22T17:05", "open", "2026-11-23T17:00"),
    ("fx", NEW_YORK, "2026-11-23T17:00", "break", "2026-11-23T17:05"),
    ("fx", NEW_YORK, "2026-07-14T17:02", "break", "2026-07-14T17:05"),
    ("fx", NEW_YORK, "2026-12-25T12:00", "closed", "2026-12-27T17:05"),
    ("cme_equity", CHICAGO, "2026-11-23T15:59", "open", "2026-11-23T16:00"),
    ("cme_equity", CHICAGO, "2026-11-23T16:00", "break", "2026-11-23T17:00"),
    ("cme_equity", CHICAGO, "2026-11-20T16:00", "closed", "2026-11-22T17:00"),
    ("cme_equity", CHICAGO, "2026-11-26T11:59", "open", "2026-11-26T12:00"),
    ("cme_equity", CHICAGO, "2026-11-26T13:00", "closed", "2026-11-26T17:00"),
    ("cme_equity", CHICAGO, "2026-11-27T12:15", "closed", "2026-11-29T17:00"),
    ("cme_equity", CHICAGO, "2027-01-01T12:00", "closed", "2027-01-03T17:00"),
    ("cme_grains", CHICAGO, "2026-11-23T08:00", "break", "2026-11-23T08:30"),
    ("cme_grains", CHICAGO, "2026-11-23T14:00", "closed", "2026-11-23T19:00"),
    ("eurex", BERLIN, "2026-11-23T21:59", "open", "2026-11-23T22:00"),
    ("ice_brent", NEW_YORK, "2026-11-22T18:30", "open", "2026-11-23T18:00"),
    ("ice_brent", NEW_YORK, "2026-11-23T18:30", "break", "2026-11-23T20:00"),
]


@pytest.mark.parametrize(("session", "zone", "now", "phase", "until"), STATES)
def test_state_and_next_change(session: str, zone: str, now: str, phase: str, until: str) -> None:
    """A session is open, on a break or closed, and says when that changes next."""
    found = state(session, at(now, zone))
    assert (found.phase, f"{local(found.until, zone):%Y-%m-%dT%H:%M}") == (phase, until)
    assert found.is_open is (phase == "open")


def test_local_hours_hold_when_clocks_change() -> None:
    """A session opens by its own zone's clock on both sides of both daylight changes."""
    for sunday in ("2026-03-01", "2026-03-08", "2026-03-15", "2026-10-25", "2026-11-01"):
        opening = at(f"{sunday}T17:00", CHICAGO)
        assert state("cme_equity", Instant(opening - 1)).phase == "closed"
        assert state("cme_equity", opening).phase == "open"


def test_zones_move_apart_for_some_weeks() -> None:
    """Between the changes of New York and Berlin the gap is five hours and not six."""
    close = state("eurex", at("2026-03-16T12:00", BERLIN)).until
    assert f"{local(close, NEW_YORK):%H:%M}" == "17:00"
    close = state("eurex", at("2026-04-16T12:00", BERLIN)).until
    assert f"{local(close, NEW_YORK):%H:%M}" == "16:00"


def test_always_has_no_change_to_wait_for() -> None:
    """Crypto is open at any time."""
    found = state("always", Instant(0))
    assert found.is_open
    assert found.until > at("2100-01-01T00:00", "UTC")


MINUTES = st.integers(
    at("2026-01-01T00:00", "UTC") // MINUTE, at("2028-01-01T00:00", "UTC") // MINUTE
)


@given(minute=MINUTES, session=st.sampled_from(session_names()))
def test_a_state_holds_from_since_until_its_change(minute: int, session: str) -> None:
    """The state is the same over its whole interval, whatever was asked before, and no longer."""
    now = Instant(minute * MINUTE)
    found = state(session, now)
    assert found.since <= now < found.until
    if session == "always":
        return
    assert state(session, Instant(found.until - 1)).phase == found.phase
    assert state(session, found.since).phase == found.phase
    if found.until - found.since < 7 * 24 * HOUR:
        assert state(session, found.until).phase != found.phase


def test_a_session_without_hours_is_closed() -> None:
    """With nothing to open for it stays closed and asks again later."""
    found = Session("UTC", ()).state(at("2026-11-21T12:00", "UTC"))
    assert found.phase == "closed"
    assert found.until > at("2026-11-21T12:00", "UTC")


def test_hours_are_read_over_the_weekend() -> None:
    """Weekday spans may wrap, and one day needs no dash."""
    assert parse_hours("Sun-Thu 17:00-16:00")[0] == {6, 0, 1, 2, 3}
    assert parse_hours("Mon 08:30-13:05")[0] == {0}
    with pytest.raises(ValueError):
        parse_hours("Foo 08:30-13:05")


def test_an_unknown_session_is_an_error() -> None:
    """A session that the table lacks is never taken for open."""
    with pytest.raises(KeyError):
        state("moon", Instant(0))
