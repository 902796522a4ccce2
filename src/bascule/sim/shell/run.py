"""Runs worlds by seed: what was violated, what was hit, and the hash of what happened."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from msgspec import Struct

from bascule.sim.shell.world import World

FAST = "/dev/shm"
"""Memory as a folder, where there is one: the broker syncs its ledger at each step."""


_PID = re.compile(r'"pid":\d+,')
"""The one thing in a journal that another run has otherwise."""


class Outcome(Struct, frozen=True):
    """What became of one seed. ``hash`` names everything that happened, in its order."""

    seed: int
    violations: tuple[str, ...]
    hits: dict[str, int]
    hash: str
    steps: int
    seconds: float
    trace: tuple[str, ...]


def run_seed(seed: int) -> Outcome:
    """Run one world in a folder of its own."""
    folder = Path(
        tempfile.mkdtemp(prefix="bascule-sim-", dir=FAST if os.path.isdir(FAST) else None)
    )
    try:
        world = World(seed, folder)
        violations = world.run()
        told = "\n".join(world.trace)
        journal = "\n".join(f"{row.seq} {_PID.sub('', row.data)}" for row in world.witness.rows())
        outcome = Outcome(
            seed,
            tuple(violations),
            world.hits,
            hashlib.sha256(f"{told}\n{journal}".encode()).hexdigest()[:16],
            world.loop.steps,
            world.loop.time(),
            tuple(world.trace),
        )
        world.close()
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)
