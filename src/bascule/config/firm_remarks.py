"""What an owner is told of accounts, firms and routes: permissions, conditions, shared strategies.

Nothing here keeps an order back; the check `firm_policy` does. It is told at ``bascule check`` and
at each start, and never masked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from bascule.config.build import Config
from bascule.model.account import AccountSpec, Route
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId
from bascule.model.programme import Programme
from bascule.model.values import Instant
from bascule.reference.localtime import local
from bascule.risk.policy import QUESTION, remarks, stance

_FILE = re.compile(r"[\w./\\ -]+\.[A-Za-z]{2,4}")
"""Evidence that names a file, and is not the answer itself."""


class Permit(Struct, frozen=True):
    """How one account stands with its firm: whether orders may go, why, and what to do."""

    account: str
    ok: bool
    text: str
    to_do: str = ""
    ends: str = ""


def permits(config: Config, at: Instant) -> list[Permit]:
    """Give the standing of each account that is under a firm; paper ones as if they were live."""
    found = []
    for spec in config.accounts:
        if spec.programme is None and not spec.firm:
            continue
        stands = stance(spec, at)
        permission = spec.permission
        ends = ""
        if permission is not None:
            ends = local(Instant(permission.expires - 1), "UTC").date().isoformat()
        found.append(Permit(spec.id, stands.ok, stands.text, stands.passes, ends))
    return found


def firm_remarks(config: Config, at: Instant) -> list[str]:
    """Tell what firms want of an owner, and where routes may not be what they permit."""
    told = []
    for spec in config.accounts:
        told += [f"Account {spec.id}: {one}." for one in remarks(spec, at)]
        told += [f"Account {spec.id}: {one}." for one in _of_programme(spec)]
        told += [f"Account {spec.id}: {one}." for one in _of_evidence(spec, config.file)]
        if spec.mode is not AccountMode.LIVE and spec.permission is None and spec.firm:
            told.append(f"Account {spec.id}: before it is live, ask {spec.firm}: {QUESTION}")
    by_id = {spec.id: spec for spec in config.accounts}
    for strategy, accounts in _followers(config.routes, by_id).items():
        told += list(_of_strategy(strategy, accounts))
    for route in config.routes:
        told += [one for leg in route.legs for one in _of_others(route, by_id[leg.account])]
    if not config.news.source and any(_needs_calendar(spec) for spec in config.accounts):
        told.append(
            "[news] names no source: accounts whose firm restricts trading round releases open"
            " nothing."
        )
    return told


def _needs_calendar(spec: AccountSpec) -> bool:
    rule = spec.programme.news if spec.programme is not None else None
    return rule is not None and not rule.assumed


def _of_programme(spec: AccountSpec) -> Iterator[str]:
    programme = spec.programme
    if programme is None:
        return
    if not programme.id.startswith("file:"):
        yield (
            f"{programme.id} is a preset, not affiliated with {programme.firm}: verify with the"
            " firm, and copy it (`bascule programs copy`)"
        )
    if programme.missing:
        yield f"the programme lacks {', '.join(programme.missing)}; no live order goes"
    if programme.automation.vps == "prohibited" and spec.hosting != "own":
        where = "is declared as a VPS" if spec.hosting == "vps" else "is not declared"
        yield f"{programme.firm} bars rented servers, and hosting {where}"
    if programme.automation.attended and not spec.attended:
        yield f"{programme.firm} wants automation to be watched, and attended is not set"


def _of_evidence(spec: AccountSpec, file: Path | None) -> Iterator[str]:
    """Miss the file that a permission names."""
    evidence = spec.permission.evidence if spec.permission is not None else ""
    beside = file.parent if file is not None else Path.cwd()
    if _FILE.fullmatch(evidence) and not (beside / evidence).exists():
        yield f"the permission's evidence {evidence} is not there, beside the configuration"


def _followers(
    routes: Iterable[Route], accounts: Mapping[AccountId, AccountSpec]
) -> dict[str, list[AccountSpec]]:
    """Give the accounts that follow each strategy, each once."""
    found: dict[str, dict[str, AccountSpec]] = defaultdict(dict)
    for route in routes:
        for leg in route.legs:
            found[route.strategy][leg.account] = accounts[leg.account]
    return {strategy: list(specs.values()) for strategy, specs in found.items()}


def _of_strategy(strategy: str, accounts: list[AccountSpec]) -> Iterator[str]:
    programmes = [spec.programme for spec in accounts if spec.programme is not None]
    firms = {programme.firm: programme for programme in programmes}
    elsewhere = {spec.firm or f"account {spec.id}" for spec in accounts}
    for firm, programme in firms.items():
        others = sorted(elsewhere - {firm})
        if programme.automation.same_strategy_elsewhere == "prohibited" and others:
            yield (
                f"Strategy {strategy} follows on {firm}, which wants it used nowhere else, and on"
                f" {', '.join(others)}."
            )
        here = [spec for spec in accounts if spec.firm == firm]
        if len(here) > 1:
            yield from _on_many(strategy, firm, programme, here)


def _of_others(route: Route, spec: AccountSpec) -> Iterator[str]:
    """Tell where a route carries another owner's signals to an account under a firm."""
    if spec.programme is None:
        return
    word = spec.programme.conduct.copying_others
    for source, owner in spec.others.items():
        if "*" not in route.sources and source not in route.sources:
            continue
        fate = "" if word == "allowed" else "; no live entry passes (copies_others)"
        yield (
            f"Route {route.id} carries the signals of {source}, which are {owner}'s, to account"
            f' {spec.id}; {spec.programme.firm}\'s word on copying others is "{word}"{fate}.'
        )


def _on_many(
    strategy: str, firm: str, programme: Programme, accounts: list[AccountSpec]
) -> Iterator[str]:
    word = programme.conduct.same_strategy_many_accounts
    if word != "allowed":
        listed = ", ".join(spec.id for spec in accounts)
        yield (
            f"Strategy {strategy} follows on {len(accounts)} accounts at {firm} ({listed}); the"
            f' firm\'s word on that and on copying is "{word}".'
        )
    limit = programme.conduct.max_allocation
    total = sum(spec.initial_balance or 0 for spec in accounts)
    if limit is not None and total > limit:
        yield (
            f"Strategy {strategy} follows with {total} at {firm}, which permits {limit} for one"
            " strategy."
        )
