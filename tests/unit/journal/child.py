"""A process of its own for the tests of the journal: ``child.py MODE PATH ...``."""

import itertools
import sys
import time
from pathlib import Path

from bascule.journal.follower import Follower
from tests.unit.journal.support import Held, links


def append(path: Path) -> None:
    """Append for ever; print each sequence that was reported durable, before anything else."""
    held = Held(path)
    held.journal._on_durable = lambda seq: print(seq, flush=True)
    number = held.journal.head.seq
    for size in itertools.cycle([1, 3, 7, 20]):
        held.journal.append(links(number + 1, size))
        number += size
        while held.journal.backlog > 100:
            time.sleep(0.0005)


def hold(path: Path) -> None:
    """Take the journal, say so, and keep it."""
    Held(path)
    print("held", flush=True)
    time.sleep(600)


def follow(path: Path, until: int) -> None:
    """Print the sequences that a follower sees, until it has seen ``until``."""
    seen = 0
    with Follower(path) as follower:
        while seen < until:
            for seq, event in follower.poll(seen, limit=500):
                print(seq, event.at, flush=True)
                seen = seq
            follower.wait(timeout_s=0.5)


if __name__ == "__main__":
    mode, path, *rest = sys.argv[1:]
    match mode:
        case "append":
            append(Path(path))
        case "hold":
            hold(Path(path))
        case "follow":
            follow(Path(path), int(rest[0]))
