"""Stops: halt, lock and freeze. One never loosens another; only arming does."""

from bascule.execution.state import State
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.enums import StopMode
from bascule.model.event import StopSet
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
    if known is not None:
        mode = max(known.mode, mode, key=lambda one: _STRICTNESS[one])
        until = max(known.until or Instant(0), until or Instant(0)) or None
        if (mode, until) == (known.mode, known.until):
            return
    turn.emit(
        StopSet(at=turn.at, scope=scope, mode=mode, by=by, reason=reason, until=until, code=code)
    )


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
