"""Stops: halt, lock and freeze. One never loosens another; only arming does.

A freeze is a person's and may be lifted at any time; a lock has its hour. Of both on one scope each
keeps its own end.
"""

from bascule.execution.state import State
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.enums import StopMode
from bascule.model.event import StopCleared, StopSet
from bascule.model.values import Instant
from bascule.risk.proposal import StopInForce

_STRICTNESS = {StopMode.HALT: 0, StopMode.LOCK: 1, StopMode.FREEZE: 2}


def set_stop(
    turn: Turn,
    scope: str,
    mode: StopMode,
    by: str,
    reason: str,
    until: Instant | None = None,
    code: str = "",
) -> None:
    """Put a stop in force on a scope: the stricter mode of old and new, and the later hour."""
    known = turn.state.stops.get(scope)
    if known is not None and {known.mode, mode} == {StopMode.FREEZE, StopMode.LOCK}:
        if known.under is not None and (until or 0) <= (known.under.until or 0):
            return
    elif known is not None:
        mode = max(known.mode, mode, key=lambda one: _STRICTNESS[one])
        until = max(known.until or Instant(0), until or Instant(0)) or None
        if (mode, until) == (known.mode, known.until):
            return
    turn.emit(
        StopSet(at=turn.at, scope=scope, mode=mode, by=by, reason=reason, until=until, code=code)
    )


def lift(turn: Turn, scope: str, by: str, reason: str) -> None:
    """Lift the stop of a scope; where a freeze stands on a lock whose hour is to come, the freeze.

    The caller has seen to it that it may be lifted.
    """
    known = turn.state.stops.get(scope)
    lock = known.under if known is not None else None
    if lock is None or lock.until is None or lock.until <= turn.at:
        turn.emit(StopCleared(at=turn.at, scope=scope, by=by, reason=reason))
        return
    turn.emit(
        StopSet(
            at=turn.at, scope=scope, mode=lock.mode, by=lock.by, reason=lock.reason,
            until=lock.until, code=lock.code, loosens=True,
        )
    )  # fmt: skip


def stop_in_force(state: State, spec: AccountSpec, strategy: str) -> StopInForce | None:
    """Find the strictest stop whose scope covers an order of this account and strategy."""
    stops = state.stops
    found: StopInForce | None = None
    if stops:
        scopes = (
            "all",
            f"account:{spec.id}",
            f"strategy:{strategy}",
            f"venue:{spec.venue}",
            f"firm:{spec.firm}",
        )
        for scope in scopes:
            stop = stops.get(scope)
            if stop is None:
                continue
            if found is None or _STRICTNESS[stop.mode] > _STRICTNESS[found.mode]:
                found = StopInForce(scope, stop.mode, stop.reason, stop.by, stop.code)
    if found is None and state.reduce_only:
        return StopInForce("all", StopMode.HALT, "a restored journal starts reduce-only", "bascule")
    return found


def is_frozen(state: State, spec: AccountSpec, strategy: str) -> bool:
    """Whether nothing at all may leave for this account and strategy."""
    stop = stop_in_force(state, spec, strategy) if state.stops else None
    return stop is not None and stop.mode is StopMode.FREEZE
