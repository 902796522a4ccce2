"""Which commands make no sense, what others latched, and what drills left behind."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bascule.config.durations import LOCK_MAX
from bascule.config.latch import GUARDIAN_KEEPERS, NOBODY, Latch
from bascule.guardian.stops import Stops
from bascule.guardian.words import Action, Command, CommandResult, DrillView, Via
from bascule.model.account import AccountSpec
from bascule.model.values import Instant

DRILLS_BYTES_MAX = 64_000
KEY = "key"
"""Who keeps what `bascule-kill` latches."""


def encoded(value: object) -> bytes:
    """Write JSON."""
    return msgspec.json.encode(value)


def refusal(
    command: Command, accounts: Sequence[AccountSpec], now: Instant
) -> CommandResult | None:
    """Give why a command can mean nothing; None when it can."""
    kind, _, name = command.scope.partition(":")
    known: dict[str, set[str]] = {
        "account": {str(spec.id) for spec in accounts},
        "venue": {str(spec.venue) for spec in accounts},
        "firm": {spec.firm for spec in accounts if spec.firm},
    }
    if command.scope != "all" and not (kind == "strategy" and name):
        names = known.get(kind)
        if names is None or name not in names:
            words = f"there is no {command.scope}; a scope is all, account:NAME, strategy:NAME, "
            words += "firm:NAME or venue:NAME"
            return CommandResult(status="refused", code="unknown_scope", text=words, at=now)
    if command.action == "lock" and command.until is None:
        words = "a lock needs the time until which it holds"
        return CommandResult(status="refused", code="until_missing", text=words, at=now)
    if command.until is not None and command.until > now + LOCK_MAX:
        words = "a lock holds for 366 days at the most, since nobody can lift it before"
        return CommandResult(status="refused", code="until_too_far", text=words, at=now)
    return None


def latched(latch: Latch, stops: Stops) -> Iterator[Command]:
    """Take up what others latched and no stop covers yet.

    The engine's own latch is the engine's matter. A key's freeze means flatten: whoever pressed it
    wants to be out. Anybody else's is taken as it is.
    """
    for mode, keeper, scope in latch.entries():
        # What cannot be read shuts the gate by itself, and may be half of somebody's writing.
        if keeper in ("engine", NOBODY) or keeper in GUARDIAN_KEEPERS:
            continue
        known = stops.get(scope)
        flatten = keeper == KEY and mode == "freeze"
        action: Action = "flatten" if flatten else mode
        if known is not None and (known.action == action or known.latch == "freeze"):
            continue
        if known is not None and action == "halt":
            continue
        reason = str(latch.scopes().get(scope, {}).get("reason") or "the latch was written")
        via: Via = "key" if keeper == KEY else "file"
        yield Command(action=action, scope=scope, by=keeper, reason=reason, via=via)


def last_drill(path: Path) -> DrillView | None:
    """Give the last drill of the file, None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.path.getsize(path) - DRILLS_BYTES_MAX))
            lines = file.read().splitlines()
        return msgspec.json.decode(lines[-1], type=DrillView)
    except (OSError, IndexError, msgspec.DecodeError):
        return None
