"""The guardian as a process of its own, for the accounts of ``engine_main``.

python -m tests.crash.guardian_main DATA_DIR BROKER_PORT
"""

import sys
from pathlib import Path

from bascule.guardian.serving import run_guardian
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.model.values import SECOND
from tests.crash import engine_main


def setup(directory: Path, broker_port: int) -> GuardianSetup:
    """Guard what the engine trades, with an eye that loses patience sooner."""
    engine = engine_main.setup(directory, broker_port)
    return GuardianSetup(
        mode_dir=directory,
        mode=engine.mode,
        accounts=engine.accounts,
        venues=tuple(
            GuardedVenue(
                id=venue.id, kind=venue.kind, settings=venue.settings, secrets=venue.secrets
            )
            for venue in engine.venues
        ),
        options=Options(stalled_ns=2 * SECOND, watch_ns=SECOND, runaway_orders=100_000),
    )


if __name__ == "__main__":
    run_guardian(setup(Path(sys.argv[1]), int(sys.argv[2])), 0)
