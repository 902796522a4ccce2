"""What a stop, a sweep or an arming may be asked for: a scope, by a word that is known here."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from bascule.execution.state import AccountState, State
from bascule.model.account import AccountSpec
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.engine.runtime import Runtime
    from bascule.execution.turn import Settings

KINDS = ("account", "strategy", "venue", "firm")
ALLOWED = "all, account:NAME, strategy:NAME, venue:NAME or firm:NAME"


def check_scope(runtime: "Runtime", scope: str) -> str:
    """Give the scope back when it stands for something here.

    Raises:
        UsageError: it does not; the message lists what there is. Nothing was done.
    """
    if scope == "all":
        return scope
    kind, _, name = scope.partition(":")
    if kind not in KINDS or not name:
        raise UsageError(
            f"{scope!r} is no scope. Nothing was done.",
            code="bad_scope",
            hint=f"Write {ALLOWED}.",
        )
    known = _known(runtime, kind)
    if name not in known and not (kind == "strategy" and "*" in known):
        near = get_close_matches(name, known, n=1)
        meant = f" Did you mean {kind}:{near[0]}?" if near else ""
        there = ", ".join(sorted(known - {"*"})) or "none"
        raise UsageError(
            f"There is no {kind} {name!r}.{meant} Nothing was done.",
            code="unknown_scope",
            hint=f"Known here: {there}.",
        )
    return scope


def _known(runtime: "Runtime", kind: str) -> set[str]:
    specs = runtime.setup.accounts
    if kind == "account":
        return {str(spec.id) for spec in specs}
    if kind == "venue":
        return {str(spec.venue) for spec in specs}
    if kind == "firm":
        return {spec.firm for spec in specs if spec.firm}
    named = {str(route.strategy) for route in runtime.setup.routes}
    held = {
        str(book.strategy)
        for account in runtime.state.accounts.values()
        for book in account.books.values()
    }
    return named | held


def within(spec: AccountSpec, scope: str) -> bool:
    """Tell whether an account lies in a scope; a strategy may trade on any."""
    kind, _, name = scope.partition(":")
    return {
        "all": True,
        "account": spec.id == name,
        "venue": spec.venue == name,
        "firm": spec.firm == name,
        "strategy": True,
    }[kind]


def accounts_within(
    state: State, settings: "Settings", scope: str
) -> Iterable[tuple[AccountState, AccountSpec]]:
    """Walk the configured accounts of a scope."""
    for spec in settings.accounts.values():
        account = state.accounts.get(spec.id)
        if account is not None and within(spec, scope):
            yield account, spec
