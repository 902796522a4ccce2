"""The clock that everything is given, on a machine whose own is set."""

import time
from itertools import pairwise

import pytest

from bascule.config.clock import SystemClock
from bascule.engine.pacing import TokenBucket
from bascule.model.account import Pacing
from bascule.model.values import HOUR, SECOND


class Machine:
    """A machine's two clocks: the one that is set, and the one that only goes on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall, self.ticks = 1_000 * HOUR, 5
        patch.setattr(time, "time_ns", lambda: self.wall)
        patch.setattr(time, "monotonic_ns", lambda: self.ticks)

    def passes(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.wall += nanoseconds
        self.ticks += nanoseconds


def test_time_never_goes_back_and_never_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set back by an hour, it takes two to meet the machine's clock again, and follows it then."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    assert clock.now() == machine.wall
    machine.wall -= HOUR
    told = [clock.now()]
    for _ in range(118):
        machine.passes(HOUR // 60)
        told.append(clock.now())
    assert all(after - before == HOUR // 120 for before, after in pairwise(told))
    assert told[-1] > machine.wall
    machine.passes(HOUR // 20)
    assert clock.now() == machine.wall


def test_the_pace_goes_on_behind_a_step_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what has used its burst would wait an hour for the next close."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    bucket = TokenBucket(Pacing(requests_per_second=2, burst=1, reserve=0), clock.now())
    assert bucket.take(clock.now(), entry=False)
    machine.wall -= HOUR
    clock.now()
    machine.passes(SECOND)
    assert bucket.take(clock.now(), entry=False)


def test_a_step_ahead_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slept wakes hours later, and its ticks need not have counted them."""
    machine = Machine(monkeypatch)
    clock = SystemClock()
    clock.now()
    machine.wall += 8 * HOUR
    assert clock.now() == machine.wall
