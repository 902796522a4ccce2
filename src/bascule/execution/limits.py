"""Limits as they are in force: a fold of the journal. The configuration only proposes them.

At a start what is tighter than the journal's takes effect at once; what is looser waits until a
person accepts it, and then for the account's next reset. Both are journaled.
"""

from collections.abc import Iterator

from msgspec import Struct

from bascule.execution import inputs as inp
from bascule.execution.state import State
from bascule.execution.turn import Merged, Settings, Turn
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.event import LimitsChanged, StrategyApproved
from bascule.model.ids import AccountId, StrategyId
from bascule.model.values import DAY, Instant
from bascule.risk.limits import LOOSEST, Difference, differences, tightest
from bascule.risk.programmes import ledger

ALL = "all"
MERGED_MAX = 10_000
"""Pairs of account and strategy whose merged limits are kept."""


def proposed(settings: Settings) -> Iterator[tuple[str, RiskLimits]]:
    """Give every scope with the limits that the configuration proposes for it."""
    for spec in settings.accounts.values():
        yield f"account:{spec.id}", spec.limits
    yield from settings.limits.items()


def in_force(turn: Turn, scope: str) -> RiskLimits | None:
    """Give what is in force for a strategy, a venue or all accounts; None for no limit at all."""
    known = turn.state.limits.get(scope)
    return known.at(turn.at) if known is not None else turn.settings.limits.get(scope)


def account_limits(turn: Turn, spec: AccountSpec) -> RiskLimits:
    """Give what is in force for an account."""
    known = turn.state.limits.get(f"account:{spec.id}")
    return known.at(turn.at) if known is not None else spec.limits


def limits_for(turn: Turn, spec: AccountSpec, strategy: StrategyId) -> RiskLimits:
    """Give an account's limits in force as tightened by a strategy's.

    They are merged once and kept until a limit changes or a change takes effect.
    """
    key = (spec.id, strategy)
    known = turn.market.merged.get(key)
    if (
        known is not None
        and known.changes == turn.state.limit_changes
        and (known.until is None or turn.at < known.until)
        and known.spec is spec.limits
    ):
        return known.limits
    limits = account_limits(turn, spec)
    own = in_force(turn, f"strategy:{strategy}")
    if own is not None:
        limits = tightest(limits, own)
    ends = [
        one.since
        for scope in (f"account:{spec.id}", f"strategy:{strategy}")
        if (one := turn.state.limits.get(scope)) is not None and one.since > turn.at
    ]
    if len(turn.market.merged) >= MERGED_MAX:
        turn.market.merged.clear()
    turn.market.merged[key] = Merged(
        limits, turn.state.limit_changes, min(ends, default=None), spec.limits
    )
    return limits


def propose(turn: Turn) -> None:
    """Hold the configuration against the journal at a start: what is tighter is in force now."""
    for scope, wanted in proposed(turn.settings):
        known = turn.state.limits.get(scope)
        if known is None:
            _change(turn, scope, None, wanted, "configuration", "first start with this scope")
            continue
        now, later, since = known.at(turn.at), known.then, known.since
        if later is None and now == wanted:
            continue
        tight = tightest(now, wanted)
        if differences(now, tight):
            _change(turn, scope, now, tight, "configuration", "tighter than what was in force")
            now = tight
        if later is not None and since > turn.at:
            # What was accepted and has not begun is held to the new file as well.
            capped = tightest(later, wanted)
            if differences(now, capped):
                _change(turn, scope, now, capped, "configuration", "accepted earlier", since)


def pending(state: State, settings: Settings, at: int) -> list["Pending"]:
    """Give every scope whose proposal is not what is in force, with what differs."""
    found = []
    # A table that is gone from the file proposes no limit; that is looser, and waits.
    wanted = dict(proposed(settings))
    for scope in {**wanted, **state.limits}:
        known = state.limits.get(scope)
        after = wanted.get(scope)
        if known is None or (after is None and scope.startswith("account:")):
            continue
        now = known.at(at)
        due = known.since if known.then is not None and known.since > at else None
        changes = differences(now, after if after is not None else LOOSEST)
        if changes or due is not None:
            accepted = known.then == (after or LOOSEST)
            found.append(Pending(scope, changes, due if accepted else None))
    return found


class Pending(Struct, frozen=True):
    """What the configuration proposes for a scope and is not in force.

    ``since`` is when it takes effect, once it was accepted; None while it waits for a person.
    """

    scope: str
    changes: list[Difference]
    since: Instant | None


def accept(turn: Turn, given: inp.LimitsAccepted) -> None:
    """Take what the configuration proposes: it is in force from each scope's next reset on."""
    wanted = dict(proposed(turn.settings))
    for one in pending(turn.state, turn.settings, turn.at):
        if one.since is None and one.changes:
            known = turn.state.limits[one.scope]
            after = wanted.get(one.scope, LOOSEST)
            since = next_reset(turn, one.scope)
            _change(turn, one.scope, known.at(turn.at), after, given.by, given.why, since)


def next_reset(turn: Turn, scope: str) -> Instant:
    """Give when looser limits of a scope take effect.

    It is the next reset of the account's programme; without one, and for every other scope, the
    next 00:00 UTC. Of several clocks that a firm may mean it is the last.
    """
    kind, _, name = scope.partition(":")
    spec = turn.settings.accounts.get(AccountId(name)) if kind == "account" else None
    rules = spec.programme if spec is not None else None
    reset = ledger.next_reset(rules, turn.at) if rules is not None else None
    return reset or Instant((turn.at // DAY + 1) * DAY)


def approve(turn: Turn, given: inp.StrategyApprovalGiven) -> None:
    """End the probation of a strategy."""
    turn.emit(
        StrategyApproved(at=turn.at, strategy=given.strategy, by=given.by, reason=given.reason)
    )


def _change(
    turn: Turn,
    scope: str,
    before: RiskLimits | None,
    after: RiskLimits,
    by: str,
    why: str,
    since: Instant | None = None,
) -> None:
    turn.emit(
        LimitsChanged(
            at=turn.at,
            scope=scope,
            before=before,
            after=after,
            by=by,
            why=why,
            effective_at=turn.at if since is None else since,
        )
    )
