"""Calendars of news releases: ICS, CSV and JSON as they are found in the wild."""

from datetime import UTC, datetime

import pytest

from bascule.model.values import SECOND, Instant
from bascule.reference.releases import CalendarError, Release, calendar

READ = Instant(0)


def at(text: str) -> Instant:
    """Give an instant of an ISO time in UTC."""
    return Instant(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND)


def one(text: str, tz: str = "UTC") -> Release:
    """Read a calendar of one release."""
    (release,) = calendar(text, READ, tz=tz).releases
    return release


def hour(text: str, title: str, currency: str, weight: str) -> Release:
    """Make a release of one instant."""
    return Release(at(text), at(text), title, currency, weight)  # type: ignore[arg-type]


NFP = hour("2026-12-04 13:30", "Non-Farm Employment Change", "USD", "high")


@pytest.mark.parametrize(
    "text",
    [
        "Title,Country,Date,Time,Impact,Forecast\n"
        "Non-Farm Employment Change,USD,12-04-2026,1:30pm,High,150K\n",
        "date,time,currency,event,importance\n2026-12-04,13:30,US,Non-Farm Employment Change,3\n",
        "\ufeffDateTime,Event,Region,Volatility\r\n"
        "2026-12-04T08:30:00-05:00,Non-Farm Employment Change,United States,HIGH\r\n",
        '[{"title": "Non-Farm Employment Change", "country": "USD",'
        ' "date": "2026-12-04T08:30:00-05:00", "impact": "High", "forecast": ""}]',
        '{"events": [{"name": "Non-Farm Employment Change", "currency": "USD",'
        ' "start": "2026-12-04T13:30:00Z", "impact": "red"}]}',
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261204T133000Z\r\n"
        "SUMMARY:Non-Farm Employment\r\n  Change\r\nCATEGORIES:USD,High\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=America/New_York:20261204T083000\n"
        "SUMMARY:Non-Farm Employment Change\nLOCATION:United States\n"
        "CATEGORIES:High Impact Expected\nEND:VEVENT\nEND:VCALENDAR\n",
    ],
)
def test_one_release_is_read_alike_from_every_form(text: str) -> None:
    """Names of columns, of countries and of weights differ; the release does not."""
    assert one(text) == NFP


def test_times_without_a_zone_are_in_the_zone_that_the_user_names() -> None:
    """Summer time of that zone counts."""
    text = "date,time,currency,event\n2026-07-03,08:30,USD,NFP\n"
    assert one(text, "America/New_York").at == at("2026-07-03 12:30")
    assert one(text).at == at("2026-07-03 08:30")


@pytest.mark.parametrize("when", ["All Day", "Tentative", ""])
def test_a_release_without_an_hour_takes_its_whole_day(when: str) -> None:
    """Nobody knows when it comes, so the day is its window."""
    release = one(f"date,time,currency,event\n2026-12-04,{when},USD,Speech\n", "Europe/Prague")
    assert release.at == at("2026-12-03 23:00")
    assert release.until == at("2026-12-04 23:00") - 1


@pytest.mark.parametrize(
    ("country", "title", "currency"),
    [("All", "G20 Meetings", ""), ("Brazil", "Rates", ""), ("", "EUR Main Rate", "EUR"),
     ("", "The Rate", ""), ("eur", "Rate", "EUR"), ("", "US CPI", "USD")],
)  # fmt: skip
def test_a_release_of_no_known_currency_touches_everything(
    country: str, title: str, currency: str
) -> None:
    """The empty currency is every currency."""
    text = f"date,time,country,title\n2026-12-04,10:00,{country},{title}\n"
    assert one(text).currency == currency


def test_a_weight_that_nobody_knows_counts_as_the_heaviest() -> None:
    """It is empty, and not "none"."""
    rows = [f"2026-12-04,1{n}:00,USD,{word},{word}" for n, word in enumerate(["x", "Holiday"])]
    text = "\n".join(["date,time,currency,title,impact", *rows])
    assert [release.weight for release in calendar(text, READ).releases] == ["", "none"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no release"),
        ("a,b\n1,2\n", "line 2 has no title"),
        ("date,time,event\n2026-12-04,10:00,CPI\n2026-12-04,soon,NFP\n", "line 3 has the time"),
        ("date,event\n,CPI\n", "line 2 has no time"),
        ("[1]", "entry 1 is no release"),
        ("{}", "no list"),
        ("[", "not JSON"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:CPI\nEND:VEVENT\n", "no DTSTART"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nSUMMARY:CPI\nEND:VEVENT\n", '"soon"'),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Nowhere:20261204T133000\nSUMMARY:CPI\n"
         "END:VEVENT\n", '"Nowhere"'),
        ("<html>", "no release"),
        ("[" * 100_000, "not JSON"),
        ("date,event\n9999-12-31,CPI\n", "out of range"),
        (f"date,event\n2026-12-04,{'x' * 200_000}\n", "not CSV"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=../UTC:20261204T133000\nSUMMARY:CPI\n"
         "END:VEVENT\n", "nobody knows"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_refuses_the_whole_calendar(text: str, said: str) -> None:
    """The line that cannot be read may be the release that matters."""
    with pytest.raises(CalendarError, match=said):
        calendar(text, READ)


def test_releases_near_a_span_are_found_in_order() -> None:
    """Ends included, and one that lasts all day is found at its end."""
    text = (
        "date,time,currency,event\n"
        "2026-12-04,10:00,USD,B\n2026-12-04,,USD,A\n2026-12-05,10:00,USD,C\n"
    )
    found = calendar(text, READ)
    names = [one.title for one in found.near(at("2026-12-04 10:00"), at("2026-12-04 10:00"))]
    assert names == ["A", "B"]
    assert not list(found.near(at("2026-12-05 10:01"), at("2026-12-06 10:01")))
    assert [one.title for one in found.near(at("2026-12-04 10:01"), at("2026-12-05 10:00"))] == [
        "A",
        "C",
    ]


def test_a_calendar_is_whole_until_the_end_of_its_last_day() -> None:
    """Beyond that nothing is known, which is not the same as nothing being released."""
    assert calendar("date,time,event\n2026-12-04,10:00,CPI\n", READ).covers == at("2026-12-05")
