"""Our sessions against the calendar libraries that they were compiled from, over five years."""

from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import cache

import exchange_calendars
import pandas_market_calendars
import pytest

from bascule.model.values import SECOND, Instant
from bascule.reference import calendars, state
from bascule.reference.localtime import instant
from bascule.reference.sessions import weekly
from bascule.reference.tables import rows
from tools.compile_calendars import SOURCES, TABLE, compile_table

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
"""The libraries still use what pandas will drop; that is theirs to mend."""
FIRST, LAST = date(2024, 1, 3), date(2028, 12, 29)
SAME_HOURS = (
    "cme_equity",
    "cme_rates",
    "cme_fx",
    "cme_energy",
    "cme_metals",
    "cme_crypto",
    "cme_grains",
    "cme_livestock",
)
"""Sessions whose regular hours a library has in full, daily breaks included."""
STEP_S = 900


def test_the_table_is_what_the_libraries_give() -> None:
    """Running the tool again changes nothing; a newer library shows here what it changed."""
    assert TABLE.read_text("utf-8") == compile_table()


@cache
def spans(name: str) -> tuple[list[int], list[int]]:
    """Give a library's open spans as sorted openings and closes, in seconds."""
    table = pandas_market_calendars.get_calendar(name).schedule(str(FIRST), str(LAST))
    found = []
    for row in table.to_dict("records"):
        edges = [row["market_open"], row["market_close"]]
        if "break_start" in row and row["market_open"] < row["break_start"] < row["market_close"]:
            edges[1:1] = [row["break_start"], min(row["break_end"], row["market_close"])]
        seconds = [int(edge.timestamp()) for edge in edges]
        found += list(zip(seconds[::2], seconds[1::2], strict=True))
    return [since for since, _ in found], [until for _, until in found]


def explained(session: str) -> list[tuple[Instant, Instant]]:
    """Give what the override file says of a session."""
    zone = weekly()[session].zone
    edges = [
        (datetime.fromisoformat(row["from"]), datetime.fromisoformat(row["until"]))
        for row in rows("session_exceptions.csv")
        if session in row["sessions"].split()
    ]
    return [
        (instant(since.date(), since.time(), zone), instant(until.date(), until.time(), zone))
        for since, until in edges
    ]


@pytest.mark.parametrize("session", SAME_HOURS)
def test_every_quarter_of_an_hour_of_five_years_agrees(session: str) -> None:
    """Open where the library is open and closed where it is closed, but for the override file."""
    name = SOURCES[session]
    opens, closes = spans(name)
    ours = explained(session)
    differ = set()
    for second in range(opens[0], closes[-1], STEP_S):
        at = Instant(second * SECOND)
        index = bisect_right(opens, second) - 1
        if state(session, at).is_open != (second < closes[index]) and not any(
            since <= at < until for since, until in ours
        ):
            differ.add(f"{datetime.fromtimestamp(second):%Y-%m-%d %H:%M}")
    assert not differ


def test_each_override_changes_something_and_says_why() -> None:
    """A row that the libraries make needless is taken out again."""
    bare = weekly()
    compiled = rows("session_closures.csv")
    for row in rows("session_exceptions.csv"):
        assert row["reason"] and row["sure"] in ("yes", "unsure") and row["effect"] == "closed"
        for session in row["sessions"].split():
            same = [
                one
                for one in compiled
                if session in one["sessions"].split()
                and one["closed_from"] <= row["from"]
                and row["until"] <= one["closed_until"]
            ]
            assert not same, row
            day = date.fromisoformat(row["from"][:10])
            assert any(bare[session].openings_of(day + timedelta(days=n)) for n in (-1, 0, 1))


EXTRA = {date(2025, 1, 9): "mourning for a president: the exchanges for shares closed, not CME"}


def test_us_business_days_are_the_exchange_s() -> None:
    """Expiry counts in business days: they are those of the New York calendar, five years long."""
    table = exchange_calendars.get_calendar("XNYS", start=str(FIRST), end=str(LAST)).schedule
    theirs = {day.date() for day in table.index}
    ours = calendars.business_days("us")
    day, differ = FIRST, set()
    while day <= LAST:
        if ours.is_open(day) != (day in theirs):
            differ.add(day)
        day += timedelta(days=1)
    assert differ == set(EXTRA)
