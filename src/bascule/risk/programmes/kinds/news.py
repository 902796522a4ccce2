"""News: what may not be done around a release. Both ends of a window belong to it.

A release touches a symbol whose currencies include the release's. An instrument that no table
knows is touched by every release.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Literal, get_args

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.programme import NewsRule, NewsScope
from bascule.model.values import SECOND, Instant
from bascule.reference.contracts import MONTH_LETTERS, products
from bascule.reference.instruments import aliases, instruments
from bascule.risk.programmes.written import MALFORMED, Answer, one_of, part, stamp, when

_FUTURE = re.compile(rf"(?P<root>[A-Z0-9]{{1,4}}?)(?:[{MONTH_LETTERS}]\d{{1,4}}|\d!)")
_PAIR = re.compile(r"([A-Z]{3})/?([A-Z]{3})")
_MONEY = frozenset(
    {
        "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
        "HUF", "RON", "TRY", "ILS", "ZAR", "MXN", "BRL", "SGD", "HKD", "CNH", "CNY", "INR", "KRW",
        "THB",
    }
)  # fmt: skip
_FX_ROOTS = {
    "6E": "EUR", "M6E": "EUR", "6B": "GBP", "M6B": "GBP", "6J": "JPY", "MJY": "JPY",
    "6A": "AUD", "M6A": "AUD", "6C": "CAD", "MCD": "CAD", "6S": "CHF", "MSF": "CHF",
    "6N": "NZD", "6M": "MXN",
}  # fmt: skip
_BY_CURRENCY = {
    "USD": "US500 US100 US30 US2000 SPX500 SPX NAS100 NDX USTEC DJ30 WS30 RUSSELL VIX DXY "
    "USOIL UKOIL WTI BRENT XTIUSD XBRUSD NATGAS GOLD SILVER COPPER",
    "EUR": "GER40 GER30 DE40 DE30 DAX DAX40 EU50 EUSTX50 STOXX50 FRA40 FR40 CAC40 ESP35 ES35 "
    "ITA40 IT40 NETH25",
    "GBP": "UK100 FTSE FTSE100",
    "JPY": "JPN225 JP225 NIKKEI",
    "AUD": "AUS200 AU200 ASX200",
    "CHF": "SWI20 SUI20",
    "HKD": "HK50 HSI",
    "CNY": "CHINA50 CN50",
}
_INDICES = {name: currency for currency, names in _BY_CURRENCY.items() for name in names.split()}
_OPENS = frozenset({"open", "opened", "entry", "enter", "buy", "sell", "add"})
_CLOSES = frozenset({"close", "closed", "exit", "sl", "tp", "stopout"})
_FILLS = frozenset({"fill", "filled", "fills", "triggered", "hit", "executed"})
_WAITS = frozenset({"pending", "limit"})
_CHANGES = frozenset({"hold", "modify", "move", "change", "set", "cancel"})
_BRACKETS = frozenset({"bracket", "brackets", "straddle", "oco"})
_SENDS = frozenset({"place", "order", "trade", "send", "market", "new"})
_PROTECTS = frozenset({"stop", "target", "take", "profit", "protective"})
_KNOWN = _OPENS | _CLOSES | _FILLS | _WAITS | _CHANGES | _BRACKETS | _SENDS | _PROTECTS
_EVERYTHING = frozenset({"all", "any", "*", "listed_instruments"})


@cache
@lru_cache(maxsize=1_024)
def currencies_of(symbol: str) -> frozenset[str]:
    """Give the currencies whose releases touch a symbol; none when nobody knows it."""
    name = symbol.upper().rsplit(":", 1)[-1]
    bare = re.split(r"[._\-#+ ]", name, maxsplit=1)[0]
    for known in (name, bare):
        if known in _INDICES:
            return frozenset({_INDICES[known]})
        listed = instruments().get(aliases().get(known, known))
        if listed is not None:
            return frozenset({str(listed.base), str(listed.quote)} - {""})
    future = _FUTURE.fullmatch(bare)
    for root in (bare, future["root"] if future is not None else ""):
        product = products().get(root)
        if product is not None:
            return frozenset({str(product.currency), _FX_ROOTS.get(root, str(product.currency))})
    pair = _PAIR.match(bare)
    return _MONEY & set(pair.groups()) if pair is not None else frozenset()


def window(rule: NewsRule, release: Instant) -> tuple[Instant, Instant]:
    """Give the first and the last instant of a release's window, both inside."""
    since, until = release - rule.before_s * SECOND, release + rule.after_s * SECOND
    return Instant(since), Instant(until)


def windows(rule: NewsRule, releases: Iterable[Instant]) -> list[tuple[Instant, Instant]]:
    """Give the windows of releases in order, overlapping and touching ones as one."""
    merged: list[tuple[Instant, Instant]] = []
    for since, until in sorted(window(rule, release) for release in releases):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def touches(rule: NewsRule, symbol: str, currency: str, event: str = "") -> bool:
    """Tell whether a release of a currency is one that the rule forbids this symbol to meet."""
    mine = currencies_of(symbol)
    if mine and currency and currency.upper() not in mine:
        return False
    targets = {target.casefold() for target in rule.targets}
    if not targets or targets & _EVERYTHING:
        return True
    bare = re.split(r"[._\-#+ ]", symbol, maxsplit=1)[0]
    return bool(targets & {name.casefold() for name in (symbol, bare, currency, event) if name})


def forbids(rule: NewsRule, action: str) -> bool:
    """Tell whether the rule's scope forbids an action inside a window.

    An action is named by its words: ``open``, ``close``, ``stop_fill``, ``hold``,
    ``place_bracket``. A stop or target that fills closes a position.
    """
    words = words_of(action)
    if rule.scope == "flat":
        return True
    if rule.scope == "no_bracket_orders":
        return bool(words & _BRACKETS)
    if words & _CHANGES:
        return False
    fills = bool(words & _FILLS)
    sends = bool(words & _SENDS) and not words & (_WAITS | _BRACKETS | _CLOSES | _PROTECTS)
    opens = bool(words & _OPENS) or sends or (fills and bool(words & _WAITS))
    return opens or (rule.scope != "open" and (fills or bool(words & _CLOSES)))


def words_of(action: str) -> set[str]:
    """Split the name of an action into its words."""
    return set(re.split(r"[_\s-]+", action.lower()))


class _Rule(Struct, frozen=True):
    before_s: int
    after_s: int
    scope: str = "open_or_close"
    targets: tuple[str, ...] | str = ()
    effect: str = ""
    holding: str = ""
    includes_resting_fills: bool = True
    policy: str = ""


class _Question(Struct, frozen=True):
    rule: Mapping[str, object]
    action: str = "open"
    symbol: str = ""
    t: datetime | None = None
    release: datetime | None = None
    releases: tuple[datetime | Mapping[str, object], ...] = ()
    currency: str = ""
    event: str = ""


class _Release(Struct, frozen=True):
    t: datetime
    currency: str = ""
    event: str = ""


_NAMES = {"release": "t", "at": "t", "time": "t", "name": "event", "ccy": "currency"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: an ``action`` on a ``symbol`` at ``t`` beside releases."""
    if isinstance(given.get("release"), list):
        given = {**given, "release": None, "releases": given["release"]}
    asked = part(given, _Question, "input", unread)
    rule = _rule(part(asked.rule, _Rule, "input.rule", unread))
    if not words_of(asked.action) & _KNOWN:
        one_of(asked.action, _KNOWN, "input.action")
    releases = [
        when(release.t)
        for release in _releases(asked, unread)
        if not asked.symbol or touches(rule, asked.symbol, release.currency, release.event)
    ]
    spans = windows(rule, releases)
    out: Answer = {}
    if asked.t is not None:
        at = when(asked.t)
        inside = any(since <= at <= until for since, until in spans)
        met = inside and forbids(rule, asked.action)
        struck = rule.scope == "profit_removed" or rule.effect == "profit_removed"
        out["violation"] = met and not struck
        if struck:
            out["profit_removed"] = met
    if rule.scope == "flat" and spans:
        out["latest_flat"] = stamp(spans[0][0])
    if asked.releases:
        out["windows"] = [[stamp(since), stamp(until)] for since, until in spans]
    return out


def _rule(written: _Rule) -> NewsRule:
    scopes: tuple[NewsScope, ...] = get_args(NewsScope)
    scope = "no_bracket_orders" if "bracket" in written.scope else written.scope
    found = next((one for one in scopes if one == scope), None)
    if found is None:
        raise UsageError(
            f"input.rule.scope: {written.scope!r} is none of {', '.join(scopes)}.", code=MALFORMED
        )
    targets = (written.targets,) if isinstance(written.targets, str) else written.targets
    one_of(written.effect, ("", "profit_removed"), "input.rule.effect")
    effect: Literal["", "profit_removed"] = "profit_removed" if written.effect else ""
    return NewsRule(written.before_s, written.after_s, found, targets, effect)


def _releases(asked: _Question, unread: list[str]) -> list[_Release]:
    found = []
    if asked.release is not None:
        found.append(_Release(asked.release, asked.currency, asked.event))
    for one in asked.releases:
        if isinstance(one, datetime):
            found.append(_Release(one, asked.currency, asked.event))
        else:
            told = part(one, _Release, "input.releases", unread, _NAMES)
            found.append(
                _Release(told.t, told.currency or asked.currency, told.event or asked.event)
            )
    return found
