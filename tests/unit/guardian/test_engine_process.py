"""The engine from outside: its record, its process, and nothing else."""

from pathlib import Path

import msgspec
import pytest

from bascule.config.handover import Heartbeat
from bascule.guardian.engine_process import EngineProcess
from bascule.model.values import SECOND, Instant
from tests.unit.guardian.house import START, FakeProcesses


class Bench:
    """An engine's record, its process, and a guardian's eye on it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "progress.json"
        self.processes = FakeProcesses()
        self.now = START
        self.farewell = directory / "ended.json"
        self.eye = EngineProcess(self.path, self.farewell, 5 * SECOND, self.processes)

    def beat(self, pid: int = 7, start: str = "then") -> None:
        """The engine writes its record."""
        self.processes.running.setdefault(pid, "then")
        beat = Heartbeat(at=Instant(self.now), pid=pid, started=start)
        self.path.write_bytes(msgspec.json.encode(beat))

    def watch(self, seconds: int) -> str:
        """Look each second for so long; gives what is seen at the end."""
        for _ in range(seconds):
            self.now = Instant(self.now + SECOND)
            self.eye.look(self.now)
        return self.eye.state


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An engine that is alive, and was looked at once."""
    made = Bench(tmp_path)
    made.beat()
    made.eye.look(made.now)
    return made


def test_an_engine_whose_record_moves_is_alive(bench: Bench) -> None:
    """Each second another record."""
    for _ in range(10):
        bench.now = Instant(bench.now + SECOND)
        bench.beat()
        bench.eye.look(bench.now)
    assert bench.eye.state == "alive"


def test_an_engine_whose_record_stands_still_is_stalled(bench: Bench) -> None:
    """It stalls after five seconds of the same record, and is alive with the next."""
    assert bench.watch(4) == "alive"
    assert bench.watch(1) == "stalled"
    bench.beat()
    assert bench.watch(1) == "alive"


def test_a_machine_that_slept_stalled_nobody(bench: Bench) -> None:
    """An hour that this process did not see pass is not held against the engine."""
    bench.now = Instant(bench.now + 3_600 * SECOND)
    assert bench.eye.look(bench.now) == "alive"
    assert bench.watch(5) == "stalled"


def test_an_engine_that_has_ended_is_dead(bench: Bench) -> None:
    """Its process is gone, or another has its id."""
    bench.processes.running[7] = "later"
    assert bench.watch(1) == "dead"


@pytest.mark.parametrize(("start", "state"), [("then", "ended"), ("before", "dead")])
def test_an_engine_that_said_farewell_has_not_died(bench: Bench, start: str, state: str) -> None:
    """It was told to end; another engine's farewell does not count."""
    last = Heartbeat(at=bench.now, pid=7, started=start)
    bench.farewell.write_bytes(msgspec.json.encode(last))
    bench.processes.running.clear()
    assert bench.watch(1) == state
    assert bench.eye.past(bench.now)


def test_no_record_is_nothing_to_wait_for(tmp_path: Path) -> None:
    """Where there never was an engine, nothing can be on its way."""
    found = Bench(tmp_path)
    assert found.watch(1) == "unknown"
    assert found.eye.past(found.now)
    assert not found.eye.kill(found.now)


def test_only_a_later_record_or_the_end_proves_that_nothing_is_on_its_way(bench: Bench) -> None:
    """A send may have passed the latch before it was set, until the loop has come round."""
    latched = Instant(bench.now + SECOND // 2)
    bench.watch(1)
    assert not bench.eye.past(latched)
    bench.beat()
    bench.watch(1)
    assert bench.eye.past(latched)
    assert not bench.eye.past(bench.now)
    bench.processes.running.clear()
    bench.watch(1)
    assert bench.eye.past(bench.now)


def test_it_is_ended_by_id_and_start(bench: Bench) -> None:
    """A process that took over the id is never touched."""
    assert bench.eye.kill(bench.now)
    assert bench.processes.killed == [7]
    assert bench.eye.killed_at == bench.now
    bench.processes.running[7] = "later"
    assert not bench.eye.kill(bench.now)
    assert bench.processes.killed == [7]
