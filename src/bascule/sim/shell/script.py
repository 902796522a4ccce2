"""Worlds without chance: a scenario played to the letter, and a crash at one step of it.

A step is an effect that the outside can see: an operation of the disk, a write to the network, an
answer to a sender. Each process of the engine counts its own. A crash comes right after a step,
as a kill or as a loss of power; what the engine was about to do next is never done.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from bascule.engine.runtime import Runtime
from bascule.model.enums import Side
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.sim.shell.chances import HEAL_S, PRICE, SYMBOL
from bascule.sim.shell.files import Died
from bascule.sim.shell.loop import ACTOR
from bascule.sim.shell.machine import BROKER, Machine
from bascule.venues.kit.faults import Fault

JITTER_S = 0.0005
FSYNC_S = 0.001
AWAY_S = 0.4
PAUSE_S = 0.5
TRIES = 40
SPREAD = Decimal("0.00002")
Way = Literal["kill", "power"]
WAYS: tuple[Way, ...] = ("kill", "power")


class Crash(Struct, frozen=True):
    """Where a run is cut: after the ``step``-th effect since the crash before it, and how."""

    step: int
    way: Way


class Script(Struct, frozen=True):
    """A scenario: its story, on which accounts, and what its journal must come to hold.

    ``met`` names the kinds of event that prove that the scenario is what its name says;
    ``boots`` has the steps of the first start counted too. ``entries`` is how many entries the
    story asks for on each account: there may be fewer after a crash, never more.
    """

    name: str
    text: str
    story: Callable[["ScriptWorld"], Awaitable[None]]
    met: tuple[str, ...]
    logins: tuple[str, ...] = ("alpha",)
    entries: int = 1
    boots: bool = False


class ScriptWorld(Machine):
    """One run of a script, cut at the crashes that are asked for."""

    def __init__(self, script: Script, folder: Path, crashes: Sequence[Crash] = ()) -> None:
        self.script = script
        self.logins = script.logins
        self.crashes = list(crashes)
        self.steps: list[str] = []
        """The effects since the last crash, or since the story began."""
        self.crashed = 0
        self._counts = script.boots
        self._kill_on, self._kill_nth = b"", 0
        self._senders: set[asyncio.Task[None]] = set()
        self._price = Decimal(str(PRICE))
        self.faults = {}
        super().__init__(0, folder, jitter_s=JITTER_S, broker={"feed": {"kind": "pushed"}})
        self.net.on_write = self._on_write

    # --- what chance decides elsewhere ----------------------------------------------------------

    def fsync(self) -> float:
        """Give the seconds of a sync."""
        return FSYNC_S

    def quick(self) -> bool:
        """Every sync is a step of its own."""
        return False

    def away(self) -> float:
        """Give the seconds until an engine that ended is started again."""
        return AWAY_S

    def pause(self) -> float:
        """Give the seconds until a sender sends again."""
        return PAUSE_S

    def sever(self, actor: str, power: bool) -> None:
        """What was written is under way and arrives."""
        self.net.die(actor, silently=power)

    def tear(self) -> None:
        """Lose what was not synced, each crash in a way of its own."""
        where = f"{self.script.name} {self.generation} {len(self.steps)}"
        self.disk.lose_power(random.Random(where))
        self.files.lose_power(random.Random(f"{where} files"))

    # --- steps and crashes ----------------------------------------------------------------------

    def _on_write(self, actor: str, data: bytes) -> None:
        if actor == self.actor:
            self.effect("network write")

    def effect(self, what: str) -> None:
        """Count a step, and die right after it when it is the one."""
        if not self._counts or ACTOR.get() != self.actor:
            return
        self.steps.append(what)
        if self.crashes and self.crashes[0].step == len(self.steps):
            crash = self.crashes.pop(0)
            self.crashed += 1
            self._note(f"crash after step {crash.step}, {what}: {crash.way}")
            self._die(self.cut_power if crash.way == "power" else self.kill)

    def _die(self, how: Callable[[], None]) -> None:
        how()
        self.steps.clear()
        raise Died

    def on_wire(self, direction: str, subject: str, payload: bytes) -> None:
        """See a frame; the story may have asked for a death at one."""
        super().on_wire(direction, subject, payload)
        if direction != ">" or not self._kill_on or self._kill_on not in payload:
            return
        self._kill_nth -= 1
        if not self._kill_nth:
            self._kill_on = b""
            self._note("the story kills the engine")
            self.kill()
            raise Died

    # --- the run --------------------------------------------------------------------------------

    async def play(self) -> None:
        """Start, let the story go its way, and wait until all is settled."""
        self.serve()
        self.loop.call_soon(self._tick, context=self.loop.context_of(BROKER))
        self.start()
        if not self._counts:
            await self.quiet()
            self._counts = True
        await self.script.story(self)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until every sender has an answer and everything is settled, for a bounded time."""
        deadline = self.loop.time() + HEAL_S
        calm = 0
        while calm < 2 and self.loop.time() < deadline:
            await asyncio.sleep(0.7)
            busy = self._senders or self.runtime is None or self.witness.unsettled()
            calm = 0 if busy else calm + 1

    def missed(self) -> list[str]:
        """Say what the story asked for and did not come to be."""
        wrong = [
            f"alert {name} was never answered"
            for name in self.sent
            if name not in self.acknowledged
        ]
        lived = self.witness.entries()
        return wrong + [
            f"I1 {login} has {lived[login]} entries, the story asks for {self.script.entries}"
            for login in self.logins
            if lived[login] > self.script.entries
        ]

    # --- what a story may do --------------------------------------------------------------------

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def alert(self, action: str, **fields: Any) -> None:
        """Have a sender deliver an alert until it is answered."""
        name = f"a{len(self.sent)}"
        told = {"ticker": SYMBOL, "signal_id": name, "strategy": "ma", "action": action}
        self.sent[name] = json.dumps(told | {"price": str(self._price)} | fields)
        task = self.loop.spawn(self._deliver(name, TRIES))
        self._senders.add(task)
        task.add_done_callback(self._senders.discard)

    def arm(self, name: str, **how: Any) -> None:
        """Have the broker misbehave."""
        self.server.faults.arm(Fault(name=name, **how))

    def price(self, price: str) -> None:
        """Move the market."""
        self._price = Decimal(price)
        self.loop.call_soon(self._show_price, context=self.loop.context_of(BROKER))

    def hand_trade(self, side: Side, quantity: str) -> None:
        """Trade on the first account by hand, on the broker's own screen."""
        self.witness.hand_traded = True

        def trade() -> None:
            symbol, now = f"{SYMBOL}.x", self.clock.now()
            self.server.broker.hand.trade(self.logins[0], symbol, side, Decimal(quantity), now)
            self.server.out.settle()

        self.loop.call_soon(trade, context=self.loop.context_of(BROKER))

    def kill_on(self, frame: bytes, *, nth: int = 1) -> None:
        """Have the engine die when it is about to write the ``nth`` frame such as this."""
        self._kill_on, self._kill_nth = frame, nth

    def stop(self) -> None:
        """Ask the engine to stop, as an administrator does; it is started again."""
        runtime, actor = self.runtime, self.actor
        if runtime is None:
            return

        async def stop(runtime: Runtime) -> None:
            await runtime.stop("asked to")
            self._ended(actor)

        self._in_engine(lambda _: self.loop.spawn(stop(runtime)))

    def _tick(self) -> None:
        self._show_price()
        self.loop.call_later(1.0, self._tick)

    def _show_price(self) -> None:
        now = self.clock.now()
        self.server.run_due()
        quote = Quote(VenueSymbol(f"{SYMBOL}.x"), self._price, self._price + SPREAD, now)
        with suppress(RuntimeError):
            self.server.price(quote, now)
            self.server.out.settle()
