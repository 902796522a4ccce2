"""Everything in full: crashes, drills, storms, and both simulators. Bounded, loopback only.

    python bench/soak.py [--crashes 1] [--drills 100] [--kills 200] [--freezes 50] [--faults 1]
                         [--core 200000] [--shell 5000]

The defaults take over an hour on two cores; 0 leaves a part out. Crashes: every scenario crashed
after every step, the four shortest in pairs. Drills: of the kill switch, so many of each kind.
Kills and freezes: storms on real processes, one for each fault of the broker besides, and a flood,
1,000 alerts delivered ten times each in any order, with two kills in between. Core and shell: seeds
of the simulators. Prints tables for docs/reliability.md and ends with 1 when anything was lost or
doubled, was left open, or was never reached.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import structlog
from common import table

from bascule.sim.core.campaign import run_seeds as run_core
from bascule.sim.core.coverage import Coverage
from bascule.sim.shell.campaign import Campaign as ShellCampaign
from bascule.sim.shell.campaign import run_seeds as run_shell
from bascule.sim.shell.schedule import Row, run_pairs, run_schedule, shortest
from tests.crash.drills import VENUES, WAYS, Drill, drill
from tests.crash.flood import KILLS, Flood
from tests.crash.storm import Storm, run_storm

PARTS = {
    "crashes": 1, "drills": 100, "kills": 200, "freezes": 50, "faults": 1, "core": 200_000,
    "shell": 5_000,
}  # fmt: skip
ROUNDS = 20
AT_ONCE = 3
"""Drills that are held at one time: most of one is waiting."""
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


async def drills(kind: str, count: int, **words: Any) -> tuple[list[object], list[str]]:
    """Hold so many drills of a kind, a few at a time; gives a row and what was wrong."""
    began = time.monotonic()
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> Drill:
        async with turns:
            with tempfile.TemporaryDirectory(prefix="bascule-soak-") as directory:
                found = await drill(Path(directory), seed, **words)
        for line in found.wrong:
            print(f"{kind} {seed}: {line}", flush=True)
        return found

    held = await asyncio.gather(*(one(seed) for seed in range(count)))
    wrong = [f"{kind} {one.seed}: {line}" for one in held for line in one.wrong]
    flat = sorted(one.flat_s for one in held)
    row: list[object] = [
        kind, count, sum(one.held for one in held), f"{flat[len(flat) // 2]:.2f}",
        f"{flat[-1]:.2f}", f"{time.monotonic() - began:.0f}", len(wrong),
    ]  # fmt: skip
    print(*row, flush=True)
    return row, wrong


async def all_drills(count: int) -> list[str]:
    """Hold every kind of drill so often, print a table, and give what was wrong."""
    rows, wrong = [], []
    kinds: dict[str, dict[str, Any]] = {f"the engine: {how}": {"how": how} for how in WAYS}
    kinds |= {kind: {"how": "killed", "faults": [fault]} for kind, fault in VENUES.items()}
    kinds["the guardian dies too"] = {"how": "killed", "guardian_dies": True}
    for kind, words in kinds.items():
        row, found = await drills(kind, count, **words)
        rows.append(row)
        wrong += found
    table(
        "Drills of the kill switch",
        ("kind", "drills", "positions closed", "flat s, median", "slowest", "took s", "wrong"),
        rows,
    )
    return wrong


def _pieces(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def core(seeds: int) -> list[str]:
    """Run the core simulation on every processor; gives what broke, and what was never reached."""
    began = time.monotonic()
    count = Coverage()
    broken: list[str] = []
    with ProcessPoolExecutor() as workers:
        for campaign in workers.map(run_core, _pieces(seeds, 2_000)):
            count.join(campaign.coverage)
            for v in campaign.violations:
                broken.append(f"core seed {v.seed}, step {v.step}: {v.invariant}: {v.text}")
                print(broken[-1], flush=True)
    print(
        f"core simulation: {seeds:,} seeds in {time.monotonic() - began:.0f} s on "
        f"{os.cpu_count()} processors, {count.events:,} events, {count.trades:,} fills, "
        f"{len(broken)} broken",
        flush=True,
    )
    return broken + [f"core: never reached: {name}" for name in count.missing()]


def shell(seeds: int) -> list[str]:
    """Run the shell simulation on every processor; gives what broke, and what was never met."""
    began = time.monotonic()
    total = ShellCampaign()
    with ProcessPoolExecutor() as workers:
        for campaign in workers.map(_quiet_shell, _pieces(seeds, 50)):
            total.join(campaign)
            for one in campaign.broken:
                print(f"shell seed {one.seed}: {one.violations[0]}", flush=True)
    print(
        f"shell simulation: {seeds:,} seeds in {time.monotonic() - began:.0f} s on "
        f"{os.cpu_count()} processors, {total.steps:,} steps, {len(total.broken)} broken",
        flush=True,
    )
    wrong = [f"shell seed {one.seed}: {line}" for one in total.broken for line in one.violations]
    return wrong + [f"shell: never met: {name}" for name in total.unmet()]


def _quiet_shell(seeds: range) -> ShellCampaign:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return run_shell(seeds)


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
    structlog.reset_defaults()
    return wrong


async def all_storms(kills: int, freezes: int, faults: bool) -> list[str]:
    """Run the storms, print a table, and give what was wrong."""
    rows: list[list[object]] = []
    wrong: list[str] = []
    runs = [storms("kill -9", kills)] if kills else []
    if freezes:
        runs.append(storms("SIGSTOP and thaw", freezes, freeze=True))
    if faults:
        runs.append(flood(1_000, 10))
        runs += [
            storms(f"{fault} 3 %, and a kill", 1, faults=[{"name": fault, "probability": 0.03}])
            for fault in FAULTS
        ]
    for run in runs:
        row, found = await run
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
    return wrong


def main() -> int:
    """Run what is asked for, and print every wrong at the end."""
    parser = argparse.ArgumentParser()
    for name, count in PARTS.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args()
    wrong = crashes() if given.crashes else []
    wrong += asyncio.run(all_drills(given.drills)) if given.drills else []
    if given.kills or given.freezes or given.faults:
        wrong += asyncio.run(all_storms(given.kills, given.freezes, bool(given.faults)))
    wrong += core(given.core) if given.core else []
    wrong += shell(given.shell) if given.shell else []
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
