"""Runs worlds by seed: what was violated, what was hit, and the hash of what happened."""

import gc
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from msgspec import Struct

from bascule.sim.shell import chances
from bascule.sim.shell.guarded import GuardedWorld
from bascule.sim.shell.machine import unheard
from bascule.sim.shell.world import World

FAST = "/dev/shm"
"""Memory as a folder, where there is one: the broker syncs its ledger at each step."""


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
        guarded = seed % 10 in chances.GUARDED_DIGITS
        world = GuardedWorld(seed, folder) if guarded else World(seed, folder)
        violations = world.run()
        told = "\n".join(world.trace)
        journal = "\n".join(f"{row.seq} {row.data}" for row in world.witness.rows())
        outcome = Outcome(
            seed,
            tuple(violations),
            world.hits,
            hashlib.sha256(f"{told}\n{journal}".encode()).hexdigest()[:16],
            world.loop.steps,
            world.loop.time(),
            tuple(world.trace),
        )
        with unheard():
            world.let_go()
            del world
            gc.collect()
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)
