"""Many worlds, one after the other: what broke, and how often each thing was met."""

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from bascule.sim.shell import chances
from bascule.sim.shell.run import Outcome, run_seed

EXPECTED = (
    *(f"step {name}" for name in chances.STEPS),
    *(f"accident {name}" for name in chances.ACCIDENTS),
    *(f"fault {name}" for name in chances.BROKER_FAULTS),
    *(f"step {name}" for name in chances.GUARDED_STEPS),
    *(f"accident {name}" for name in chances.GUARDED_ACCIDENTS),
    *(f"command {name} done" for name in chances.COMMANDS),
    "command arm done",
    *(f"alert {name}" for name in chances.ALERTS),
    "frozen in a send",
    "parted in a close",
    "thawed after flat",
    "an engine that is gone was looked for",
    "loss line without an engine",
    "guardian end",
    "guardian power cut",
    "power cut",
    "process end",
    "ended by its journal",
)
"""What a campaign must have met; one that never did proves nothing about it."""


class Campaign(Struct):
    """What came of a range of seeds."""

    seeds: int = 0
    broken: list[Outcome] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one world."""
        self.seeds += 1
        self.hits.update(outcome.hits)
        self.steps += outcome.steps
        self.seconds += outcome.seconds
        if outcome.violations:
            self.broken.append(outcome)

    def join(self, other: "Campaign") -> None:
        """Count the worlds of another campaign too."""
        self.seeds += other.seeds
        self.hits.update(other.hits)
        self.steps += other.steps
        self.seconds += other.seconds
        self.broken += other.broken

    def unmet(self) -> list[str]:
        """Name what was never met."""
        return [name for name in EXPECTED if not self.hits[name]]


def run_seeds(
    seeds: Iterable[int], *, told: Callable[[Outcome], None] = lambda outcome: None
) -> Campaign:
    """Run every seed, and go on after one that breaks something."""
    campaign = Campaign()
    for seed in seeds:
        outcome = run_seed(seed)
        campaign.add(outcome)
        told(outcome)
    return campaign


def first_violation(seeds: Iterable[int]) -> tuple[Outcome | None, int]:
    """Run seeds until one breaks something; gives what it broke and how many were run."""
    count = 0
    for seed in seeds:
        count += 1
        outcome = run_seed(seed)
        if outcome.violations:
            return outcome, count
    return None, count
