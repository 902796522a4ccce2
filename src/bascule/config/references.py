"""What must agree between the tables of a configuration: names that are named, and routes.

Works on the plain tables, before or after they are proven well-formed, so that all problems come
at once; whatever is malformed is passed over here and reported by the models.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bascule.config.problems import KeyPath, Problem, did_you_mean, listed
from bascule.signals import dialects
from bascule.venues.kit.registry import kinds

ANY = "*"
Plain = Mapping[str, Any]


def references(table: Plain) -> Iterator[Problem]:
    """Find names that stand for nothing, and tables that contradict each other."""
    yield from _venues(table)
    yield from _accounts(table)
    yield from _reserves(table)
    yield from _budgets(table)
    yield from _sources(table)
    yield from _routes(table)
    yield from _guardian(table)


def _guardian(table: Plain) -> Iterator[Problem]:
    guardian = table.get("guardian")
    if not isinstance(guardian, Mapping):
        return
    for key, tables, what in (("floors", "accounts", "account"), ("secrets", "venues", "venue")):
        names, known = guardian.get(key), dict(_tables(table, tables))
        for name in names if isinstance(names, Mapping) else ():
            if name not in known:
                yield _unknown(("guardian", key, name), name, what, known)
    presence = guardian.get("presence")
    accounts = dict(_tables(table, "accounts"))
    for number, name in enumerate(
        _list(presence, "accounts") if isinstance(presence, Mapping) else ()
    ):
        if isinstance(name, str) and name not in accounts:
            place = ("guardian", "presence", "accounts", number)
            yield _unknown(place, name, "account", accounts)


def _venues(table: Plain) -> Iterator[Problem]:
    for name, venue in _tables(table, "venues"):
        if isinstance(kind := venue.get("kind"), str) and kind not in kinds():
            yield _unknown(("venues", name, "kind"), kind, "kind of venue", kinds())


def _budgets(table: Plain) -> Iterator[Problem]:
    portfolio, venues = table.get("portfolio"), dict(_tables(table, "venues"))
    key = "messages_per_day_by_venue"
    budgets = portfolio.get(key) if isinstance(portfolio, Mapping) else None
    for name in budgets if isinstance(budgets, Mapping) else ():
        if name not in venues:
            yield _unknown(("portfolio", key, name), name, "venue", venues)


def _accounts(table: Plain) -> Iterator[Problem]:
    venues = dict(_tables(table, "venues"))
    logins: dict[tuple[object, object], str] = {}
    owners: dict[str, str] = {}
    for name, account in _tables(table, "accounts"):
        venue, login, owner = (account.get(key) for key in ("venue", "login", "owner"))
        if isinstance(venue, str) and venue not in venues:
            yield _unknown(("accounts", name, "venue"), venue, "venue", venues)
        if isinstance(login, str) and isinstance(venue, str):
            first = logins.setdefault((venue, login), name)
            if first != name:
                yield Problem(
                    code="duplicate_account",
                    key=("accounts", name, "login"),
                    what=f"is the account {first} again: one account at a venue has one name here",
                )
        if isinstance(owner, str) and owner:
            owners.setdefault(owner, name)
            if len(owners) > 1 and owners[owner] == name:
                first_owner = next(iter(owners))
                yield Problem(
                    code="several_owners",
                    key=("accounts", name, "owner"),
                    what=f'"{owner}" is another owner than "{first_owner}" of account'
                    f" {owners[first_owner]}: one installation serves one owner",
                )


def _reserves(table: Plain) -> Iterator[Problem]:
    """Find budgets of messages of which a reserve that stands in another table leaves nothing."""
    common = table.get("risk")
    shared = common if isinstance(common, Mapping) else {}
    for name, account in _tables(table, "accounts"):
        own = account.get("limits")
        if not isinstance(own, Mapping):
            continue
        of_both = {**shared, **own}
        budget, reserve = of_both.get("messages_per_day"), of_both.get("message_reserve")
        here = [key for key in ("message_reserve", "messages_per_day") if key in own]
        if (
            len(here) == 1
            and isinstance(budget, int)
            and isinstance(reserve, int)
            and (reserve >= budget)
        ):
            key = here[0]
            yield Problem(
                code="bad_value",
                key=("accounts", name, "limits", key),
                what=f"{reserve} messages are kept of {budget} a day, so no entry could ever leave;"
                " what an account does not set is taken from [risk]",
                allowed=f"a reserve below {budget}",
            )


def _sources(table: Plain) -> Iterator[Problem]:
    found = table.get("server")
    server = found if isinstance(found, Mapping) else {}
    known = dict(_tables(table, "accounts"))
    for name, source in _tables(table, "sources"):
        dialect = source.get("dialect")
        if isinstance(dialect, str) and dialect and dialect not in dialects.names():
            yield _unknown(("sources", name, "dialect"), dialect, "dialect", dialects.names())
        session = source.get("fix")
        named = _list(session, "accounts") if isinstance(session, Mapping) else ()
        for number, account in enumerate(named):
            if isinstance(account, str) and account not in known:
                place = ("sources", name, "fix", "accounts", number)
                yield _unknown(place, account, "account", known)
        if source.get("client_certificate") and not _list(server, "trusted_proxies"):
            yield Problem(
                code="no_trusted_proxy",
                key=("sources", name, "client_certificate"),
                what="is verified by a proxy, and none is trusted: every signal would be refused",
                allowed='the proxy under [server], such as trusted_proxies = ["127.0.0.1"]',
            )


def _routes(table: Plain) -> Iterator[Problem]:
    accounts = dict(_tables(table, "accounts"))
    sources = dict(_tables(table, "sources"))
    seen: list[tuple[str, Plain]] = []
    for name, route in _tables(table, "routes"):
        for number, source in enumerate(_list(route, "sources")):
            if isinstance(source, str) and source not in sources and source != ANY:
                place = ("routes", name, "sources", number)
                yield _unknown(place, source, "source", [*sources, ANY])
        followers: list[str] = []
        for number, account in enumerate(_followers(route)):
            key = ("routes", name, "accounts", number, "account")
            if account and account not in accounts:
                yield _unknown(key, account, "account", accounts)
            if account and account in followers:
                yield Problem(
                    code="duplicate_account",
                    key=key,
                    what=f'"{account}" follows this route twice; give it one entry',
                )
            followers.append(account)
        for other_name, other in seen:
            yield from _overlap(name, route, other_name, other)
        seen.append((name, route))


def _overlap(name: str, route: Plain, other_name: str, other: Plain) -> Iterator[Problem]:
    """Refuse two routes that could both bring one signal to one account: it would trade twice."""
    shared = sorted(({*_followers(route)} & {*_followers(other)}) - {""})
    one, two = route.get("strategy"), other.get("strategy")
    if not shared or not (one == two or ANY in (one, two)):
        return
    if not _meet(route, other, "sources", default=(ANY,)) or not _meet(route, other, "symbols"):
        return
    yield Problem(
        code="routes_overlap",
        key=("routes", name),
        what=f"and route {other_name} would both bring one signal to account"
        f" {', '.join(shared)}, which would trade it twice",
        allowed="another strategy, other sources, or `symbols` that differ",
    )


def _meet(route: Plain, other: Plain, key: str, default: tuple[str, ...] = ()) -> bool:
    """Tell whether two lists share a word; an empty list, or ``*`` in it, is every word."""
    one, two = ({*map(str, _list(table, key) or default)} for table in (route, other))
    return not one or not two or ANY in one or ANY in two or bool(one & two)


def _followers(route: Plain) -> list[str]:
    legs = (leg.get("account") for leg in _list(route, "accounts") if isinstance(leg, Mapping))
    return [account if isinstance(account, str) else "" for account in legs]


def _tables(table: Plain, name: str) -> Iterator[tuple[str, Plain]]:
    inside = table.get(name)
    if isinstance(inside, Mapping):
        yield from ((key, one) for key, one in inside.items() if isinstance(one, Mapping))


def _list(table: Plain, name: str) -> list[Any]:
    inside = table.get(name)
    return list(inside) if isinstance(inside, list | tuple) else []


def _unknown(key: KeyPath, word: str, what: str, known: Any) -> Problem:
    known = sorted(known)
    return Problem(
        code="unknown_name",
        key=key,
        what=f'there is no {what} "{word}"{did_you_mean(word, known)}',
        allowed=listed(known) or f"none is configured: add one under [{what}s]",
    )
