"""The storms in full: kill -9 and SIGSTOP under load, and each fault of the broker.

    python bench/soak.py [KILLS] [FREEZES] [DRILLS] [SEEDS]

The defaults are 200, 50, 100 and 200,000; loopback only. SEEDS are those of the core simulation.
Begins with the crash schedule: every scenario crashed after every step, four of them in pairs.
Also drills of the kill switch, so many of each kind, and a flood: 1,000 alerts delivered ten times
each, in any order, with two kills in between. Prints tables for docs/reliability.md and ends with 1
when anything was lost or doubled, or was left open.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import structlog
from common import table

from bascule.sim.core.campaign import run_seeds
from bascule.sim.shell.schedule import Row, run_pairs, run_schedule, shortest
from tests.crash.drills import WAYS, How, drill
from tests.crash.flood import KILLS, Flood
from tests.crash.storm import Storm, run_storm

ROUNDS = 20
_COUNTED = ("acknowledged", "order_requested", "fills", "order_doubted")
FAULTS = (
    "drop_reply", "drop_request", "disconnect_after_submit", "disconnect_before_submit",
    "drop_report", "duplicate_report", "late_report", "out_of_order_reports", "reject_submit",
    "reject_cancel", "reject_close", "fill_during_cancel", "partial_fills", "overfill",
    "stale_positions_snapshot", "incomplete_orders_page", "slow_status", "late_reject", "throttle",
)  # fmt: skip


async def storms(
    name: str, rounds: int, *, freeze: bool = False, faults: list[dict[str, Any]] | None = None
) -> tuple[list[object], list[str]]:
    """Run one kind of storm until its rounds are used up; gives its row and what was wrong."""
    began = time.monotonic()
    left, seed = rounds, 1
    wrong: list[str] = []
    total = dict.fromkeys(_COUNTED, 0)
    slowest = 0.0
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="bascule-soak-") as directory:
            storm = Storm(Path(directory), seed=seed, faults=faults or [])
            wrong += await run_storm(storm, min(ROUNDS, left), freeze=freeze)
            counts = storm.counts()
            for key in total:
                total[key] += counts.get(key, 0)
            slowest = max(slowest, *storm.starts_s)
        left -= ROUNDS
        seed += 1
    took = time.monotonic() - began
    row = [name, rounds, *total.values(), f"{slowest:.2f}", f"{took:.0f}", len(wrong)]
    print(*row, flush=True)
    return row, wrong


async def flood(alerts: int, deliveries: int) -> tuple[list[object], list[str]]:
    """Deliver every alert so often, and give its row and what was wrong."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bascule-soak-") as directory:
        storm = Storm(Path(directory), seed=1)
        wrong = await Flood(storm, alerts, deliveries).run()
        counts = storm.counts()
        slowest = max(storm.starts_s)
    took = time.monotonic() - began
    told = (counts.get(key, 0) for key in ("sent", *_COUNTED[1:]))
    row: list[object] = [f"{deliveries} deliveries of {alerts}, kill -9", KILLS, *told]
    row += [f"{slowest:.2f}", f"{took:.0f}", len(wrong)]
    print(*row, flush=True)
    return row, wrong


async def drills(how: How, count: int) -> tuple[list[object], list[str]]:
    """Hold so many drills of a kind; gives a row and what was wrong."""
    began = time.monotonic()
    wrong: list[str] = []
    flat: list[float] = []
    held = 0
    for seed in range(count):
        with tempfile.TemporaryDirectory(prefix="bascule-soak-") as directory:
            one = await drill(Path(directory), seed, how)
        wrong += [f"{how} {seed}: {line}" for line in one.wrong]
        flat.append(one.flat_s)
        held += one.held
    told = sorted(flat)
    row: list[object] = [
        how, count, held, f"{told[len(told) // 2]:.2f}", f"{told[-1]:.2f}",
        f"{time.monotonic() - began:.0f}", len(wrong),
    ]  # fmt: skip
    print(*row, flush=True)
    return row, wrong


async def all_drills(count: int) -> list[str]:
    """Hold every kind of drill so often, print a table, and give what was wrong."""
    rows, wrong = [], []
    for how in WAYS:
        row, found = await drills(how, count)
        rows.append(row)
        wrong += found
    table(
        "Drills of the kill switch",
        ("engine", "drills", "positions closed", "flat s, median", "slowest", "took s", "wrong"),
        rows,
    )
    return wrong


def simulate(seeds: int) -> list[str]:
    """Run the core simulation; gives what broke, and what was never reached."""
    began = time.monotonic()
    campaign = run_seeds(range(seeds))
    took = time.monotonic() - began
    count = campaign.coverage
    print(
        f"core simulation: {seeds:,} seeds in {took:.0f} s, {count.events:,} events, "
        f"{count.trades:,} fills, {len(campaign.violations)} broken",
        flush=True,
    )
    broken = [f"seed {v.seed}, step {v.step}: {v.invariant}: {v.text}" for v in campaign.violations]
    return broken + [f"never reached: {name}" for name in count.missing()]


def crashes() -> list[str]:
    """Crash every scenario after every step, and the shortest in pairs; gives what was wrong."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows: list[Row] = run_schedule()
    for row in run_pairs(shortest()):
        row.scenario += ", pairs"
        rows.append(row)
    table(
        "Crash schedule, and pairs of crashes",
        ("scenario", "steps", "runs", "took s", "wrong"),
        [
            [row.scenario, row.points, row.runs, f"{row.seconds:.0f}", len(row.broken)]
            for row in rows
        ],
    )
    wrong = [str(run) for row in rows for run in row.broken]
    for line in wrong:
        print(line)
    structlog.reset_defaults()
    return wrong


async def main() -> int:
    """Run everything and print the table."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    freezes = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    rows: list[list[object]] = []
    wrong = await all_drills(count) if count else []
    for row, found in (
        await storms("kill -9", kills),
        await storms("SIGSTOP and thaw", freezes, freeze=True),
        await flood(1_000, 10),
    ):
        rows.append(row)
        wrong += found
    for fault in FAULTS:
        row, found = await storms(
            f"{fault} 3 %, and a kill", 1, faults=[{"name": fault, "probability": 0.03}]
        )
        rows.append(row)
        wrong += found
    table(
        "Storms",
        (
            "storm", "rounds", "signals acknowledged", "orders", "fills", "in doubt",
            "slowest start s", "took s", "wrong",
        ),
        rows,
    )  # fmt: skip
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    failed = crashes()  # it brings a loop of its own
    sys.exit(asyncio.run(main()) or bool(failed))
