"""What the guardian did, taken into the journal: its stops, its arming, and every line of its log.

The guardian judges for itself who may arm; what it lifted is lifted here too. Of its own locks it
arms none before its hour, so a lock whose hour is to come is another's, and stands.
"""

from bascule.execution import inputs as inp
from bascule.execution.guards import tend
from bascule.execution.operators import sweep
from bascule.execution.stops import lift, set_stop
from bascule.execution.turn import Turn
from bascule.model.enums import StopMode
from bascule.model.event import GuardianActed

_MODES = {"halt": StopMode.HALT, "cancel": StopMode.HALT, "lock": StopMode.LOCK}
"""What an action of the guardian's means here; any other holds everything back, since then the
guardian is at work on the account, or nobody is to be."""


def guardian_told(turn: Turn, given: inp.GuardianTold) -> None:
    """Take in one line of the guardian's log, once.

    Known is what is neither later nor further: numbers begin anew with a new log, and hours go back
    with a clock that was set.
    """
    state = turn.state
    if given.done_at <= state.guardian_at and given.seq <= state.guardian_seq:
        return
    turn.emit(
        GuardianActed(
            at=turn.at,
            seq=given.seq,
            done_at=given.done_at,
            what=given.what,
            facts=given.facts,
            line_hash=given.line_hash,
        )
    )
    known = state.stops.get(given.scope)
    if given.what == "armed" and known is not None:
        if known.mode is not StopMode.LOCK or (known.until or 0) <= turn.at:
            lift(turn, given.scope, given.by, given.reason)
        for account in turn.accounts():
            for guard in list(account.guards.values()):
                tend(turn, account, guard)
    elif given.what == "command" and given.action:
        _stopped(turn, given)


def _stopped(turn: Turn, given: inp.GuardianTold) -> None:
    """Put the guardian's stop in force here too; one strategy's books are closed by the engine."""
    partly = given.scope.startswith("strategy:")
    mode = _MODES.get(given.action, StopMode.FREEZE)
    if partly and given.action == "flatten":
        mode = StopMode.HALT
    if given.until is not None and mode is StopMode.HALT:
        mode = StopMode.LOCK
    set_stop(turn, given.scope, mode, given.by or "guardian", given.reason, given.until)
    if partly and given.action in ("cancel", "flatten"):
        close = given.action == "flatten"
        by = given.by or "guardian"
        sweep(turn, inp.SweepAsked(given.at, given.scope, close, by, given.reason))
