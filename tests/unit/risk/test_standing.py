"""How contracts stand to releases; what is not known is never taken for clear."""

from typing import Any

import pytest

from bascule.model.programme import NewsRule
from bascule.model.values import DAY, HOUR, MINUTE, SECOND, Instant
from bascule.reference.releases import Calendar, News, Release, Weight
from bascule.risk.programmes.standing import names, standing

NOON = Instant(20_000 * DAY + 12 * HOUR)
RULE = NewsRule(120, 120)


def release(title: str = "CPI m/m", currency: str = "USD", weight: Weight = "high") -> Release:
    """Make a release at noon."""
    return Release(NOON, NOON, title, currency, weight)


def news(*releases: Release, **changes: Any) -> News:
    """Make a calendar that was read an hour before noon and reaches to the end of the day."""
    words: dict[str, Any] = {"read_at": Instant(NOON - HOUR), "covers": Instant(NOON + 12 * HOUR)}
    return News(Calendar(releases or (release(),), **(words | changes)))


@pytest.mark.parametrize(
    ("seconds", "inside"), [(-121, False), (-120, True), (0, True), (120, True), (121, False)]
)
def test_both_ends_of_a_window_belong_to_it(seconds: int, inside: bool) -> None:
    """Two minutes on either side, to the second."""
    found = standing(news(), RULE, "EURUSD", Instant(NOON + seconds * SECOND))
    assert (found.state == "inside") is inside


def test_a_standing_names_the_release_and_the_end_of_the_window() -> None:
    """The owner reads which release it was, and when it is over."""
    found = standing(news(), RULE, "EURUSD", NOON)
    assert found.text == "CPI m/m (USD) at 2024-10-04 12:00 UTC"
    assert found.until == NOON + 120 * SECOND
    assert found.currencies == ("USD",)


def test_what_we_do_ourselves_begins_earlier_by_a_lead() -> None:
    """To be flat when the window begins, one starts before."""
    early = Instant(NOON - 3 * MINUTE)
    assert standing(news(), RULE, "EURUSD", early).state == "clear"
    assert standing(news(), RULE, "EURUSD", early, MINUTE).state == "inside"


@pytest.mark.parametrize(
    ("symbol", "touched"),
    [("EURUSD", True), ("US500", True), ("XAUUSD", True), ("EURGBP", False), ("GER40", False),
     ("ESZ2026", True), ("6EZ2026", True), ("WHATEVER", True)],
)  # fmt: skip
def test_a_release_touches_what_its_currency_is_in(symbol: str, touched: bool) -> None:
    """An instrument that nobody knows is touched by every release."""
    assert (standing(news(), RULE, symbol, NOON).state == "inside") is touched


def test_a_release_of_no_currency_touches_everything() -> None:
    """Nobody knows what it moves."""
    assert standing(news(release(currency="")), RULE, "EURGBP", NOON).state == "inside"


@pytest.mark.parametrize(
    ("weight", "counts"), [("high", True), ("medium", False), ("none", False), ("", True)]
)
def test_a_release_counts_by_its_weight(weight: Any, counts: bool) -> None:
    """One whose weight nobody knows counts."""
    found = standing(news(release(weight=weight)), RULE, "EURUSD", NOON)
    assert (found.state == "inside") is counts


def test_what_a_firm_names_counts_whatever_its_weight() -> None:
    """And nothing else does, where the owner says that only those are meant."""
    low = news(release("Crude Oil Inventories", weight="low"))
    named = NewsRule(60, 60, "flat", ("FOMC", "crude inventories for CL"))
    assert standing(low, named, "CLZ2026", NOON).state == "inside"
    assert standing(news(), named, "CLZ2026", NOON).state == "inside"
    only = NewsRule(60, 60, "flat", ("FOMC", "crude inventories for CL"), only_targets=True)
    assert standing(low, only, "CLZ2026", NOON).state == "inside"
    assert standing(news(), only, "CLZ2026", NOON).state == "clear"


@pytest.mark.parametrize(
    ("target", "title", "same"),
    [
        ("NFP", "Non-Farm Employment Change", True),
        ("NFP", "Nonfarm Payrolls", True),
        ("NFP", "ADP Employment", False),
        ("CPI", "Core CPI y/y", True),
        ("CPI", "Consumer Price Index", True),
        ("FOMC", "Federal Funds Rate", True),
        ("FOMC minutes", "FOMC Meeting Minutes", True),
        ("FOMC minutes", "FOMC Statement", False),
        ("bond auctions for 10y and 30y", "10-y Bond Auction", True),
        ("USD", "Anything", True),
        ("EUR", "Anything", False),
        ("", "Anything", False),
    ],
)
def test_a_firms_words_are_found_in_a_calendars(target: str, title: str, same: bool) -> None:
    """Calendars write out what firms shorten."""
    assert names(target, release(title)) is same


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        (None, "names no source"),
        (News(), "never read"),
        (News(fault="no such file"), "never read: no such file"),
        (news(read_at=Instant(NOON - 3 * DAY)), "stale, read 72 hours ago"),
        (news(covers=Instant(NOON + SECOND)), "ends at"),
    ],
)
def test_what_is_not_known_is_unknown(calendar: News | None, said: str) -> None:
    """A calendar that is missing, stale or too short."""
    found = standing(calendar, RULE, "EURUSD", NOON)
    assert found.state == "unknown"
    assert said in found.text
