"""The exhaustive crash schedule: every scenario, crashed after every step, and run to quiet."""

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from bascule.sim.shell.machine import unheard
from bascule.sim.shell.run import FAST
from bascule.sim.shell.scenarios import SCENARIOS
from bascule.sim.shell.script import WAYS, Crash, Script, ScriptWorld, Way

PAIRED = 4
"""Scenarios, the shortest ones, in which every pair of crashes is tried."""
_SWEEP_EVERY = 25
"""Runs between collections of what killed processes left behind."""


class Run(Struct, frozen=True):
    """What became of one run. ``steps`` are those since the last crash, or of the whole story."""

    scenario: str
    crashes: tuple[Crash, ...]
    violations: tuple[str, ...]
    steps: tuple[str, ...]
    kinds: frozenset[str]
    trace: tuple[str, ...]

    def __str__(self) -> str:
        """Name the run and what was violated."""
        where = ", ".join(f"{crash.way} after {crash.step}" for crash in self.crashes) or "calm"
        return f"{self.scenario}, {where}: {'; '.join(self.violations) or 'nothing violated'}"


class Row(Struct):
    """The figures of one scenario."""

    scenario: str
    points: int
    runs: int = 0
    seconds: float = 0.0
    broken: list[Run] = []


class Bench:
    """Runs scripts one after the other, and sweeps up behind them."""

    def __init__(self) -> None:
        self._worlds: list[ScriptWorld] = []

    def __enter__(self) -> "Bench":
        gc.disable()
        return self

    def __exit__(self, *_: object) -> None:
        self._sweep()
        gc.enable()

    def run(self, script: Script, crashes: Sequence[Crash] = ()) -> Run:
        """Play a script with these crashes."""
        where = FAST if os.path.isdir(FAST) else None
        folder = Path(tempfile.mkdtemp(prefix="bascule-script-", dir=where))
        try:
            world = ScriptWorld(script, folder, crashes)
            wrong = world.run()
            kinds = frozenset(row.kind for row in world.witness.rows())
            wrong += world.missed()
            if world.crashes:
                wrong.append("the step at which it was to crash was never reached")
            elif not crashes:
                wrong += [f"the story never came to {kind}" for kind in set(script.met) - kinds]
            self._worlds.append(world)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if len(self._worlds) >= _SWEEP_EVERY:
            self._sweep()
        return Run(
            script.name, tuple(crashes), tuple(wrong), tuple(world.steps), kinds, tuple(world.trace)
        )

    def _sweep(self) -> None:
        with unheard():
            for world in self._worlds:
                world.let_go()
            self._worlds.clear()
            gc.collect()


def run_schedule(
    scripts: Iterable[Script] = SCENARIOS,
    *,
    ways: Sequence[Way] = WAYS,
    power_every: int = 1,
    told: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Crash each script after each of its steps; a power cut after every ``power_every``-th."""
    rows = []
    with Bench() as bench:
        for script in scripts:
            began = time.perf_counter()
            calm = bench.run(script)
            row = Row(script.name, len(calm.steps))
            _count(row, calm)
            for step in range(1, row.points + 1):
                for way in ways:
                    if way == "kill" or step % power_every == 0:
                        _count(row, bench.run(script, [Crash(step, way)]))
            row.seconds = time.perf_counter() - began
            told(row)
            rows.append(row)
    return rows


def run_pairs(
    scripts: Iterable[Script],
    *,
    first_every: int = 1,
    second_every: int = 1,
    told: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Crash each script after a step, and its next process after a step of its own.

    The first crash is a kill at odd steps and a power cut at even ones; the second likewise.
    """
    rows = []
    with Bench() as bench:
        for script in scripts:
            began = time.perf_counter()
            row = Row(script.name, len(bench.run(script).steps))
            for first, second in _pairs(bench, script, row.points, first_every, second_every):
                _count(row, bench.run(script, [first, second]))
            row.seconds = time.perf_counter() - began
            told(row)
            rows.append(row)
    return rows


def shortest(scripts: Sequence[Script] = SCENARIOS, count: int = PAIRED) -> list[Script]:
    """Give the scripts with the fewest steps, the one of the first start left out."""
    with Bench() as bench:
        sized = [(len(bench.run(one).steps), one.name, one) for one in scripts if not one.boots]
    return [one for _, _, one in sorted(sized, key=lambda item: item[:2])[:count]]


def _pairs(
    bench: Bench, script: Script, points: int, first_every: int, second_every: int
) -> Iterator[tuple[Crash, Crash]]:
    for step in range(1, points + 1, first_every):
        first = Crash(step, WAYS[step % 2 == 0])
        after = len(bench.run(script, [first]).steps)
        for then in range(1 + step % second_every, after + 1, second_every):
            yield first, Crash(then, WAYS[then % 2 == 0])


def _count(row: Row, run: Run) -> None:
    row.runs += 1
    if run.violations:
        row.broken.append(run)
