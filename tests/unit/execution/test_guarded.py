"""What the guardian did, as the engine takes it in."""

import pytest

from bascule.execution import inputs as inp
from bascule.model.enums import StopMode
from bascule.model.values import HOUR, SECOND, Instant
from tests.unit.execution.harness import Bench

SCOPE = "account:a"


def told(bench: Bench, what: str, action: str = "", until: Instant | None = None) -> None:
    """Have the guardian's log tell one line more."""
    bench.at += SECOND
    bench.feed(
        inp.GuardianTold(
            at=Instant(bench.at),
            seq=bench.at // SECOND,
            done_at=Instant(bench.at),
            what=what,
            facts="{}",
            line_hash="h",
            action=action,
            scope=SCOPE,
            by="ada",
            reason="test",
            until=until,
        )
    )


@pytest.mark.parametrize("action", ["halt", "cancel", "flatten", "freeze"])
def test_arming_at_the_guardian_leaves_a_lock_of_the_engine(action: str) -> None:
    """It knows its own stop alone; the lock keeps its hour, and is lifted after it.

    Before, a stop and its arming at the guardian lifted the loss watch's lock within the day.
    """
    bench = Bench()
    until = Instant(bench.at + HOUR)
    bench.feed(inp.StopAsked(Instant(bench.at), SCOPE, StopMode.LOCK, "bascule", "loss", until))
    told(bench, "command", action)
    told(bench, "armed")
    stop = bench.state.stops[SCOPE]
    assert (stop.mode, stop.until, stop.by) == (StopMode.LOCK, until, "bascule")
    bench.at += HOUR
    told(bench, "armed")
    assert not bench.state.stops


@pytest.mark.parametrize("action", ["halt", "cancel", "flatten", "freeze", "lock"])
def test_the_guardians_own_stop_is_lifted_with_its_arming(action: str) -> None:
    """Its lock too, which it arms no sooner than its hour."""
    bench = Bench()
    until = Instant(bench.at + HOUR) if action == "lock" else None
    told(bench, "command", action, until)
    assert SCOPE in bench.state.stops
    bench.at += HOUR
    told(bench, "armed")
    assert not bench.state.stops
