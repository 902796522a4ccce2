"""Drills on real processes: a loaded engine, a real paper broker, and the guardian that ends it.

Ground truth is the broker's ledger, read with plain sqlite3, never what the guardian believes.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bascule.cli.guardian_remote import GuardianClient, guardian_client
from bascule.config.handover import GuardianFiles
from bascule.guardian.words import Command, CommandResult, GuardianView
from tests.crash.storm import HERE, START_S, Storm

How = Literal["alive", "stopped", "killed", "thaws"]
"""What the engine does when the switch is thrown. ``thaws``: it stands still in the middle of its
work and goes on while its accounts are being swept."""

WAYS: tuple[How, ...] = ("alive", "stopped", "killed", "thaws")

VENUES: dict[str, dict[str, Any]] = {
    "the first close is refused": {"name": "reject_close", "times": 3},
    "a fill races each cancel": {"name": "fill_during_cancel"},
    "the venue throttles": {"name": "throttle", "probability": 0.3},
    "answers are lost": {"name": "drop_reply", "probability": 0.3},
    "old positions are shown": {"name": "stale_positions_snapshot", "probability": 0.3},
}
"""What the venue does all the while, with the engine killed in the middle of its work."""

AFTER_S = 1.5
"""How long the ledger is watched after the word *flat*: it must stay so."""
PATIENCE_S = 180.0


@dataclass
class Drill(Storm):
    """One drill in one directory."""

    how: How = "alive"
    guardian_dies: bool = False
    guardian: subprocess.Popen[bytes] | None = None
    flat_s: float = 0.0
    gate_ms: float = 0.0
    held: int = 0
    working: int = 0
    wrong: list[str] = field(default_factory=list)

    def start_guardian(self) -> GuardianClient:
        """Start the guardian; it is up when it answers."""
        port = str(self.broker_port)
        self.guardian = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.guardian_main", str(self.data), port],
            cwd=HERE.parent.parent,
            env=self.environment,
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.guardian.poll() is None, "the guardian ended by itself"
            client = guardian_client(GuardianFiles(self.data))
            if client is not None and client.answers():
                return client
            time.sleep(0.02)
        raise AssertionError("the guardian did not come up")

    def stop(self) -> None:
        """End everything."""
        if self.guardian is not None and self.guardian.poll() is None:
            self.guardian.terminate()
            try:
                self.guardian.wait(10)
            except subprocess.TimeoutExpired:
                self.guardian.kill()
                self.guardian.wait()
        if self.engine is not None and self.engine.poll() is None:
            self.engine.send_signal(signal.SIGCONT)
        super().stop()

    # --- truth ----------------------------------------------------------------------------------

    def open_positions(self) -> list[tuple[Any, ...]]:
        """Give what the ledger holds open."""
        rows = self.rows(self.ledger, "select login, venue_symbol, quantity from positions")
        return [row for row in rows if float(row[2])]

    def open_orders(self) -> list[tuple[Any, ...]]:
        """Give what the ledger has working."""
        return self.rows(
            self.ledger,
            "select login, venue_order_id, cl_ord_id, status from orders "
            "where status in ('working', 'partially_filled')",
        )

    # --- the drill ------------------------------------------------------------------------------

    async def run(self) -> list[str]:
        """Load, throw the switch, and hold the word *flat* against the ledger."""
        self.start_broker()
        try:
            self.start_engine()
            client = self.start_guardian()
            loads = [asyncio.ensure_future(self.load(25)) for _ in range(4)]
            await self._hold_something()
            await asyncio.sleep(self.dice.uniform(0.0, 0.5))
            self._stage(self.how)
            began = time.monotonic()
            result = await asyncio.to_thread(client.command, _flatten())
            self._judge_gate(result)
            if self.how == "thaws":
                await asyncio.sleep(self.dice.uniform(0.0, 1.2))
                self._signal(signal.SIGCONT)
            if self.guardian_dies:
                await asyncio.sleep(self.dice.uniform(0.0, 0.05))
                client = await asyncio.to_thread(self._another_guardian)
            await self._until_flat(client, began)
            self.stop_load()
            await asyncio.gather(*loads)
            await asyncio.sleep(AFTER_S)
            self._judge(await asyncio.to_thread(client.view))
        finally:
            self.stop()
        return self.wrong

    def _another_guardian(self) -> GuardianClient:
        """Kill the guardian in the middle of its sweep, and start the next."""
        assert self.guardian is not None
        self.guardian.kill()
        self.guardian.wait()
        GuardianFiles(self.data).endpoint.unlink()
        return self.start_guardian()

    async def _hold_something(self) -> None:
        """Wait until there is something to close; a drill on nothing proves nothing."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.held, self.working = len(self.open_positions()), len(self.open_orders())
            if self.held >= 2 and self.working >= 1:
                return
            await asyncio.sleep(0.05)

    def _stage(self, how: How) -> None:
        if how == "killed":
            self.kill_engine()
        elif how in ("stopped", "thaws"):
            self._signal(signal.SIGSTOP)

    def _signal(self, number: int) -> None:
        assert self.engine is not None
        if self.engine.poll() is None:
            os.kill(self.engine.pid, number)

    def _judge_gate(self, result: CommandResult) -> None:
        self.gate_ms = result.gate_ns / 1e6
        if result.status != "done":
            self.wrong.append(f"the command was refused: {result.text}")

    async def _until_flat(self, client: GuardianClient, began: float) -> None:
        while time.monotonic() - began < PATIENCE_S:
            view = await asyncio.to_thread(client.view)
            if all(one.sweep == "flat" for one in view.accounts):
                self.flat_s = time.monotonic() - began
                return
            await asyncio.sleep(0.05)
        states = [(one.account, one.sweep, one.note) for one in view.accounts]
        self.wrong.append(f"not flat after {PATIENCE_S:.0f} s: {states}, engine {view.engine}")

    def _judge(self, view: GuardianView) -> None:
        if not self.held:
            self.wrong.append(f"there was nothing to close: {self.counts()}")
        self.wrong += [f"still held: {row}" for row in self.open_positions()]
        self.wrong += [f"still working: {row}" for row in self.open_orders()]
        self.wrong += [
            f"{one.account} is {one.sweep} again: {one.note}"
            for one in view.accounts
            if one.sweep != "flat"
        ]
        sends = self.rows(
            self.ledger,
            "select cl_ord_id, count(*) from requests where op='submit' and cl_ord_id <> '' "
            "group by cl_ord_id having count(*) > 1",
        )
        self.wrong += [f"order {name} reached the broker {count} times" for name, count in sends]
        if self.how == "stopped" and self.engine is not None and self.engine.poll() is None:
            self.wrong.append("an engine that stands still was left to thaw")


def _flatten() -> Command:
    return Command(action="flatten", scope="all", by="drill", reason="drill", via="cli")


async def drill(directory: Path, seed: int, how: How, **words: Any) -> Drill:
    """Hold one drill; what was wrong is in ``wrong``."""
    one = Drill(directory, seed=seed, how=how, **words)
    await one.run()
    return one
