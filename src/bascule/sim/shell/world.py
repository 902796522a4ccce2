"""A machine on which chance decides what is done, what goes wrong, and how often."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

from bascule.config.latch import LatchMode
from bascule.engine.runtime import Runtime
from bascule.model.enums import Side, StopMode
from bascule.model.errors import UsageError
from bascule.model.ids import AccountId
from bascule.sim.shell import chances
from bascule.sim.shell.machine import BROKER, Machine
from bascule.venues.kit.faults import Fault


class World(Machine):
    """One run. ``run`` gives what was violated; ``witness`` has what was seen."""

    steps = chances.STEPS

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(f"{seed} steps")
        self.chance = random.Random(f"{seed} faults")
        calm = self.chance.random() < chances.CALM
        self.accidents = {} if calm else chances.swarm(self.chance, chances.ACCIDENTS)
        self.faults = {} if calm else chances.swarm(self.chance, chances.BROKER_FAULTS)
        jitter = self.chance.choice(chances.JITTER_S)
        broker = {"reply_delay_ms": self.chance.choice((0, 1))}
        super().__init__(seed, folder, jitter_s=jitter, broker=broker)
        self.fsync_s = chances.FSYNC_S
        self._quick = seed % 3 == chances.QUICK_REST
        self._fuse: int | None = None
        self._on_fuse: Callable[[], None] = self.kill
        self.loop.before_step = self._step

    def fsync(self) -> float:
        """Draw the seconds of the next sync."""
        return self.chance.uniform(*self.fsync_s)

    def quick(self) -> bool:
        """Draw whether an append that comes alone is synced at once: in a third of the worlds."""
        return self._quick and self.dice.random() >= 0.5

    def away(self) -> float:
        """Draw the seconds until an engine that ended is started again."""
        self._fuse = None
        return self.chance.uniform(0.05, 6.0)

    def pause(self) -> float:
        """Draw the seconds until a sender that got no answer sends again."""
        return self.chance.uniform(0.1, 2.0)

    def looks(self) -> bool:
        """Draw whether the platter is to be read at this moment."""
        return self.dice.random() >= 0.5

    def tear(self) -> None:
        """Have the disk lose what was not synced, by chance."""
        self.disk.lose_power(self.chance)
        self.files.lose_power(random.Random(f"{self.seed} files {self.generation}"))

    # --- the run --------------------------------------------------------------------------------

    async def play(self) -> None:
        """Do what chance says, heal everything, and wait until all is settled."""
        self.serve()
        self.begin()
        await asyncio.sleep(self.dice.uniform(0.0, 1.5))
        for name, probability in self.faults.items():
            seconds = self.chance.uniform(0.05, 2.0)
            self.server.faults.arm(Fault(name=name, probability=probability, seconds=seconds))
        names, weights = zip(*self.steps.items(), strict=True)
        for number in range(self.dice.randrange(*chances.STEPS_RANGE)):
            await asyncio.sleep(chances.gap(self.dice))
            self._accident()
            (step,) = self.dice.choices(names, weights)
            self._note(f"{number} {step}")
            self._count(f"step {step}")
            getattr(self, f"_do_{step}")(number)
        await self._heal()

    def begin(self) -> None:
        """Start what runs on this machine."""
        self.start()

    async def _heal(self) -> None:
        """Let nothing go wrong any more, and wait until all is settled, for a bounded time."""
        self._note("heal")
        self.mend()
        # The look of the next minute finds what no report will tell.
        await asyncio.sleep(chances.MINUTE_S)
        await self.settle()

    def mend(self) -> None:
        """End every fault and accident."""
        for state in self.server.faults.armed():
            self.hits[f"fault {state.fault.name}"] = (
                self.hits.get(f"fault {state.fault.name}", 0) + state.fired
            )
        self.server.faults.disarm()
        self.net.partitioned = False
        self._fuse = None
        self.disk.on_operation = None
        self.disk.mend()
        self.fsync_s = chances.FSYNC_S
        self.accidents = {}
        if self.loop.is_frozen(self.actor):
            self.loop.thaw(self.actor)

    async def settle(self) -> None:
        """Wait until all is settled, for a bounded time."""
        deadline = self.loop.time() + chances.HEAL_S
        calm = 0
        while calm < 2 and self.loop.time() < deadline:
            await asyncio.sleep(2.0)
            calm = calm + 1 if self.is_settled() else 0

    def is_settled(self) -> bool:
        """Whether everything is in a known state."""
        return self.runtime is not None and not self.witness.unsettled()

    def _step(self, actor: str) -> None:
        if self._fuse is not None and actor == self.actor:
            self._fuse -= 1
            if self._fuse <= 0:
                self._fuse = None
                self._on_fuse()

    # --- accidents ------------------------------------------------------------------------------

    def _accident(self) -> None:
        for name, probability in self.accidents.items():
            if self.chance.random() < probability:
                self._note(f"accident {name}")
                self._count(f"accident {name}")
                getattr(self, f"_hit_{name}")()
                return

    def _hit_kill(self) -> None:
        """Die at some callback soon."""
        self._fuse, self._on_fuse = self.chance.randrange(1, 60), self.kill

    def _hit_power_cut(self) -> None:
        """Lose power at some callback, or within some write to the disk."""
        if self.chance.random() < 0.5:
            self._fuse, self._on_fuse = self.chance.randrange(1, 60), self.cut_power
            return
        at = self.disk.operations + self.chance.randrange(1, 25)

        def cut(operation: int) -> None:
            if operation >= at:
                self.disk.fails_at = 0
                self.cut_power()

        self.disk.on_operation = cut

    def _hit_freeze(self) -> None:
        actor = self.actor
        self.loop.freeze(actor)
        self.loop.call_later(self.chance.uniform(0.1, 12.0), self.loop.thaw, actor)

    def _hit_link_cut(self) -> None:
        self.net.cut(self.actor)

    def _hit_half_open(self) -> None:
        self.net.cut(self.actor, silently=True)

    def _hit_partition(self) -> None:
        self.net.partitioned = True
        self.loop.call_later(
            self.chance.uniform(0.2, 10.0), setattr, self.net, "partitioned", False
        )

    def _hit_disk_fails(self) -> None:
        self.disk.failure = apsw.IOError
        self.disk.fails_at = self.disk.operations + self.chance.randrange(1, 20)

    def _hit_disk_full(self) -> None:
        self.disk.failure = apsw.FullError
        self.disk.fails_at = self.disk.operations + self.chance.randrange(1, 20)

    def _hit_slow_disk(self) -> None:
        self.fsync_s = chances.SLOW_FSYNC_S
        self.loop.call_later(
            self.chance.uniform(0.5, 5.0), setattr, self, "fsync_s", chances.FSYNC_S
        )

    def _hit_graceful_stop(self) -> None:
        if self.runtime is not None:
            runtime, actor = self.runtime, self.actor

            async def stop() -> None:
                await runtime.stop("asked to")
                self._ended(actor)

            self._in_engine(lambda _: self.loop.spawn(stop()))

    # --- steps ----------------------------------------------------------------------------------

    def _do_signal(self, number: int) -> None:
        name = f"{self.seed}-{number}"
        self.sent[name] = json.dumps(chances.body(self.dice, name))
        self.loop.spawn(self._deliver(name, 6))

    def _do_resend(self, number: int) -> None:
        if self.sent:
            name = self.dice.choice(sorted(self.sent))
            self.loop.spawn(self._deliver(name, 1))

    def _do_hand_trade(self, number: int) -> None:
        login = self.dice.choice(chances.LOGINS)
        side = self.dice.choice((Side.BUY, Side.SELL))
        quantity = Decimal(self.dice.choice(("0.1", "0.3", "0.5")))

        def trade() -> None:
            with suppress(UsageError):
                self.server.broker.hand.trade(
                    login, f"{chances.SYMBOL}.x", side, quantity, self.clock.now()
                )
                self.witness.hand_traded = True
            self.server.out.settle()

        self.loop.call_soon(trade, context=self.loop.context_of(BROKER))

    def _do_latch(self, number: int) -> None:
        scope = self.dice.choice(("all", *(f"account:{login}" for login in chances.LOGINS)))
        modes: tuple[LatchMode, ...] = ("halt", "freeze")
        mode = self.dice.choice(modes)
        self.latch.set(
            scope, by="sim", reason="step", at=self.clock.now(), mode=mode, keeper="guardian"
        )

    def _do_unlatch(self, number: int) -> None:
        for scope in list(self.latch.scopes()):
            self.latch.clear(scope)

    def _do_halt(self, number: int) -> None:
        scope = self.dice.choice(("all", "account:alpha", "strategy:ma"))
        self._command(
            lambda runtime: runtime.halt(scope, by="sim", reason="step", mode=StopMode.HALT)
        )

    def _do_arm(self, number: int) -> None:
        def arm(runtime: Runtime) -> Any:
            for scope in list(runtime.state.stops):
                return runtime.arm(scope, by="sim", reason="step", typed=scope.split(":")[-1])
            return None

        self._command(arm)

    def _do_sweep(self, number: int) -> None:
        close = self.dice.random() < 0.6
        self._command(lambda runtime: runtime.sweep("all", close=close, by="sim", reason="step"))

    def _do_reconcile(self, number: int) -> None:
        account = AccountId(self.dice.choice(chances.LOGINS))
        self._command(lambda runtime: runtime.reconcile(account))
