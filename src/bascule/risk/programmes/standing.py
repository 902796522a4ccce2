"""How a contract stands to releases: inside a window, clear of all, or nobody knows.

What is not known is never taken for clear: a missing calendar, one that was read too long ago, and
one that does not reach to the end of the window all say so.
"""

import re

from bascule.model.programme import NewsRule
from bascule.model.values import HOUR, SECOND, Instant
from bascule.reference.localtime import local
from bascule.reference.releases import News, Release
from bascule.risk.firm import NewsStanding
from bascule.risk.programmes.kinds.news import currencies_of, window

_MEANINGS = {
    "nfp": ("non farm", "nonfarm", "employment situation"),
    "cpi": ("consumer price",),
    "fomc": ("federal funds rate", "fed interest rate", "federal open market"),
}
_CLEAR = NewsStanding("clear")


def standing(
    news: News | None, rule: NewsRule, symbol: str, at: Instant, lead: int = 0
) -> NewsStanding:
    """Say how a contract stands to releases.

    Args:
        news: the calendar in use; None where none is configured.
        rule: the firm's, whose windows count.
        symbol: the contract by our own name.
        at: now.
        lead: how much earlier than the firm's window it begins for us, in nanoseconds.
    """
    fault = _fault(news, rule, at)
    if fault or news is None or news.calendar is None:
        return NewsStanding("unknown", fault)
    mine = currencies_of(symbol)
    since = Instant(at - rule.after_s * SECOND)
    until = Instant(at + rule.before_s * SECOND + lead)
    met = [one for one in news.calendar.near(since, until) if _concerns(news, rule, mine, one)]
    if not met:
        return _CLEAR
    first = met[0]
    ends = max(window(rule, one.until)[1] for one in met)
    touched = {one.currency for one in met} - {""}
    return NewsStanding(
        "inside",
        f"{first.title}{f' ({first.currency})' if first.currency else ''} at "
        f"{local(first.at, 'UTC'):%Y-%m-%d %H:%M} UTC",
        ends,
        tuple(sorted(touched or mine)),
    )


def _fault(news: News | None, rule: NewsRule, at: Instant) -> str:
    if news is None:
        return "there is no calendar of releases: [news] names no source"
    found = news.calendar
    if found is None:
        return f"the calendar of releases was never read{f': {news.fault}' if news.fault else ''}"
    age = at - found.read_at
    if news.max_age_ns and age > news.max_age_ns:
        why = f": {news.fault}" if news.fault else ""
        return f"the calendar of releases is stale, read {age // HOUR} hours ago{why}"
    if at + rule.before_s * SECOND > found.covers:
        return f"the calendar of releases ends at {local(found.covers, 'UTC'):%Y-%m-%d %H:%M} UTC"
    return ""


def _concerns(news: News, rule: NewsRule, mine: frozenset[str], release: Release) -> bool:
    if mine and release.currency and release.currency not in mine:
        return False
    if any(names(target, release) for target in rule.targets):
        return True
    return news.counts(release) and not (rule.only_targets and rule.targets)


def names(target: str, release: Release) -> bool:
    """Whether a firm's word for a release may mean this one.

    "crude inventories for CL" means "Crude Oil Inventories": every word of it before "for" is
    there, whatever its ending; a few short names stand for long ones.
    """
    said = " ".join(re.findall(r"[a-z0-9]+", release.title.lower()))
    wanted = target.lower().partition(" for ")[0]
    if wanted == release.currency.lower():
        return True
    words = re.findall(r"[a-z0-9]+", wanted)
    return bool(words) and all(
        word.removesuffix("s") in said or any(one in said for one in _MEANINGS.get(word, ()))
        for word in words
    )
