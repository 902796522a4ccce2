"""A smaller scenario that still breaks the same invariant: fewer steps, fewer faults."""

from collections.abc import Callable

from bascule.sim.core.scenario import Scenario
from bascule.sim.core.simulation import Outcome, Simulation

TRIES_MAX = 400


def shrink(scenario: Scenario, invariant: str, *, tries: int = TRIES_MAX) -> Scenario:
    """Drop steps (halves first, then one by one) and faults while the invariant still breaks.

    The result is no scenario of any seed: it is the seed's, less what was not needed.
    """
    left = tries

    def still(smaller: Scenario) -> bool:
        nonlocal left
        if left <= 0:
            return False
        left -= 1
        found = run(smaller).violation
        return found is not None and found.invariant == invariant

    scenario = _fewer_steps(scenario, still)
    for fault in list(scenario.faults):
        smaller = scenario.healthier(fault)
        if still(smaller):
            scenario = smaller
    return _fewer_steps(scenario, still)


def _fewer_steps(scenario: Scenario, still: Callable[[Scenario], bool]) -> Scenario:
    size = max(len(scenario.steps) // 2, 1)
    while True:
        at = 0
        while at < len(scenario.steps):
            numbers = [step.number for step in scenario.steps[at : at + size]]
            smaller = scenario.without(*numbers)
            if still(smaller):
                scenario = smaller
            else:
                at += size
        if size == 1:
            return scenario
        size //= 2


def run(scenario: Scenario, *, trace: bool = False) -> Outcome:
    """Run a scenario."""
    simulation = Simulation(scenario, trace=trace)
    try:
        return simulation.run()
    finally:
        simulation.close()
