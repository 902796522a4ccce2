"""Compile the holidays and early closes of the calendar libraries into a small table.

python tools/compile_calendars.py          # write src/bascule/reference/data/session_closures.csv
python tools/compile_calendars.py --check  # exit 1 when the committed table is not what they give

The libraries (exchange_calendars, pandas_market_calendars) need pandas and take a second to load,
so they run here and never beside an engine. Regular hours are our own (sessions.toml); only what
departs from a library's own regular hours is taken from it, so that hours which it lacks (a daily
break, a night session) stay ours. What a library gets wrong is put right by hand in
session_exceptions.csv, which wins.
"""

import argparse
import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas_market_calendars

from bascule.reference.localtime import local
from bascule.reference.sessions import Session, weekly

TABLE = Path(__file__).parents[1] / "src/bascule/reference/data/session_closures.csv"
FIRST, LAST = date(2024, 1, 1), date(2032, 12, 31)
SOURCES = {
    "cme_equity": "CME Globex Equity",
    "cme_rates": "CME Globex Fixed Income",
    "cme_fx": "CMEGlobex_FX",
    "cme_energy": "CMEGlobex_CL",
    "cme_metals": "CMEGlobex_GC",
    "cme_crypto": "CME Globex Crypto",
    "cme_grains": "CMEGlobex_Grains",
    "cme_livestock": "CMEGlobex_Livestock",
    "cfe": "CFE",
    "eurex": "XEUR",
    "ice_brent": "IEPA",
    "ice_dx": "IEPA",
    "ice_kc": "ICEUS",
    "ice_sb": "ICEUS",
    "ice_cc": "ICEUS",
    "ice_ct": "ICEUS",
    "ice_oj": "ICEUS",
    "ice_ftse": "XLON",
    "ice_gilt": "XLON",
    "ice_rates": "XLON",
    "cfd_us": "CME Globex Equity",
    "cfd_de": "XEUR",
    "cfd_uk": "XLON",
    "metals": "CMEGlobex_GC",
}
"""Which calendar speaks for a session; those with an X, and IEPA, are of exchange_calendars."""
Day = tuple[datetime, datetime]
Closure = tuple[datetime, datetime]


def schedule(name: str) -> dict[date, Day]:
    """Give a library's trade dates with the instants of opening and close, aware."""
    if name.startswith("X") or name == "IEPA":
        found = exchange_calendars.get_calendar(name, start=str(FIRST), end=str(LAST)).schedule
        opens, closes = found["open"], found["close"]
    else:
        found = pandas_market_calendars.get_calendar(name).schedule(str(FIRST), str(LAST))
        opens, closes = found["market_open"], found["market_close"]
    return {
        day.date(): (opened.to_pydatetime(), closed.to_pydatetime())
        for day, opened, closed in zip(found.index, opens, closes, strict=True)
    }


class Library:
    """What one calendar says of a trade date, against its own regular hours."""

    def __init__(self, name: str, zone: str) -> None:
        self._days = schedule(name)
        self._zone = ZoneInfo(zone)
        times = [
            (day.weekday(), self._local(opened).time(), self._local(closed).time())
            for day, (opened, closed) in self._days.items()
        ]
        self._regular = {
            weekday: (
                Counter(opened for on, opened, _ in times if on == weekday).most_common(1)[0][0],
                Counter(closed for on, _, closed in times if on == weekday).most_common(1)[0][0],
            )
            for weekday in {on for on, _, _ in times}
        }

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(tzinfo=None)

    def closures(self, day: date, since: datetime, until: datetime) -> Iterator[Closure]:
        """Give what of a regular opening of ours on a trade date is closed; local times."""
        if day.weekday() not in self._regular:
            return
        if day not in self._days:
            yield since, until
            return
        opened, closed = (self._local(moment) for moment in self._days[day])
        usual_open, usual_close = self._regular[day.weekday()]
        if opened.time() > usual_open and since < opened < until:
            yield since, opened
        if closed.time() != usual_close and closed < until:
            yield max(since, closed), until


def trade_date(until: datetime) -> date:
    """Name the trade date of an opening: the day on which it ends."""
    return (until - timedelta(seconds=1)).date()


def openings(session: Session) -> Iterator[tuple[datetime, datetime]]:
    """Walk a session's regular openings through the years, in its own local time."""
    day = FIRST
    while day <= LAST:
        for since, until in session.openings_of(day):
            yield (
                local(since, session.zone).replace(tzinfo=None),
                local(until, session.zone).replace(tzinfo=None),
            )
        day += timedelta(days=1)


def compile_table() -> str:
    """Give the whole table as text, ordered by time; sessions that share a closure share a row."""
    rows: dict[tuple[datetime, datetime, str], list[str]] = {}
    regular = weekly()
    for name, source in SOURCES.items():
        session = regular[name]
        library = Library(source, session.zone)
        for since, until in openings(session):
            day = trade_date(until)
            if not FIRST <= day <= LAST:
                continue
            for shut, reopen in library.closures(day, since, until):
                rows.setdefault((shut, reopen, source), []).append(name)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("sessions", "closed_from", "closed_until", "calendar"))
    for (shut, reopen, source), names in sorted(rows.items()):
        writer.writerow((" ".join(names), _stamp(shut), _stamp(reopen), source))
    return text.getvalue()


def _stamp(moment: datetime) -> str:
    assert moment.time() == time(moment.hour, moment.minute)
    return f"{moment:%Y-%m-%dT%H:%M}"


def main() -> None:
    """Write the table, or compare it."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--check", action="store_true")
    wanted = compile_table()
    if reader.parse_args().check:
        if TABLE.read_text("utf-8") != wanted:
            sys.exit(f"{TABLE.name} is not what the libraries give; run this without --check")
        return
    TABLE.write_text(wanted, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
