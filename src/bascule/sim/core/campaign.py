"""Many seeds, one after the other: what broke first, what was covered, and how fast it went."""

import gc
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from bascule.sim.core.coverage import Coverage
from bascule.sim.core.scenario import Scenario, scenario_of
from bascule.sim.core.shrink import run, shrink
from bascule.sim.core.simulation import Outcome, Violation

_OBJECTS = 200_000
"""So many new objects from one look for cycles to the next."""


class Campaign(Struct):
    """What came of a range of seeds; ``digest`` names all of it."""

    coverage: Coverage
    violations: list[Violation]
    digest: str


def run_seeds(
    seeds: Iterable[int], *, told: Callable[[Outcome], None] = lambda outcome: None
) -> Campaign:
    """Run every seed, and go on after one that breaks something."""
    coverage = Coverage()
    violations: list[Violation] = []
    digest = hashlib.sha256()
    with coverage.counting(), _rarely_collecting():
        for seed in seeds:
            outcome = run(scenario_of(seed))
            coverage.add(outcome)
            digest.update(outcome.digest.encode())
            if outcome.violation is not None:
                violations.append(outcome.violation)
            told(outcome)
    return Campaign(coverage, violations, digest.hexdigest())


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Look for cycles once in many runs: what one leaves behind is small."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, 5, 5)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def first_violation(seeds: Iterable[int]) -> tuple[Violation | None, int]:
    """Run seeds until one breaks something; gives what it broke and how many were run."""
    count = 0
    for seed in seeds:
        count += 1
        outcome = run(scenario_of(seed))
        if outcome.violation is not None:
            return outcome.violation, count
    return None, count


def smallest(violation: Violation) -> tuple[Scenario, Outcome]:
    """Shrink the scenario of a violation, and trace what is left of it."""
    scenario = shrink(scenario_of(violation.seed), violation.invariant)
    return scenario, run(scenario, trace=True)
