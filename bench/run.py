"""All benchmarks, one after the other: ``make bench``. Each prints its own tables and ratios."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "signal_to_wire.py",
    "fan_out.py",
    "stages.py",
    "recovery.py",
    "journal_bench.py",
    "fix_codec.py",
    "fix_session.py",
    "kill.py",
)

if __name__ == "__main__":
    for script in SCRIPTS:
        print(f"\n# bench/{script}", flush=True)
        done = subprocess.run([sys.executable, str(HERE / script)], cwd=HERE.parent, check=False)
        if done.returncode:
            sys.exit(done.returncode)
