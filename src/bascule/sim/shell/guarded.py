"""A machine with a guardian beside its engine, and people who stop, arm and press keys."""

import asyncio
import errno
import random
from pathlib import Path

from bascule.config.latch import GUARDIAN_KEEPERS
from bascule.guardian.intake import KEY
from bascule.guardian.words import Action, Alert, Command
from bascule.model.values import SECOND, Instant
from bascule.sim.shell import chances
from bascule.sim.shell.loop import ACTOR
from bascule.sim.shell.warden import Warden
from bascule.sim.shell.world import World

THAW_S = 20.0
"""A frozen engine thaws after this time at the latest."""


class GuardedWorld(World):
    """A world with a guardian. What it adds to a run is drawn apart from the rest of the run."""

    steps = chances.STEPS_WITH_GUARDIAN

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        self.luck = random.Random(f"{seed} guardian")
        if self.accidents or self.faults:
            self.accidents |= chances.swarm(self.luck, chances.GUARDED_ACCIDENTS)
        self.needs_guardian = self.luck.random() < 0.5
        self.warden = Warden(self)
        self.vigil = self.warden.vigil
        self.warden.on_alert = self._on_alert
        self.engine_ran_at = self.clock.now()
        self.disk_fails = False
        """Whether the guardian's files take no change just now."""
        self._guardian_fuse = 0
        self._catch_send = self._stop_when_caught = self._part_in_send = False
        self._gone = False
        self._held = ""
        self.net.on_write = self._on_write

    # --- what the warden uses -------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Put a line into the trace."""
        self._note(text)

    def count(self, what: str) -> None:
        """Count that something was met."""
        self._count(what)

    def keep(self, task: object) -> None:
        """Hold what a dead process leaves, so that none of it runs."""
        self._dead_tasks.append(task)

    def keep_all(self, *others: object) -> None:
        """Hold every task as well."""
        self._dead_tasks += [*others, asyncio.all_tasks(self.loop)]

    # --- processes ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the engine, and the guardian about then."""
        super().begin()
        self.loop.call_later(self.luck.uniform(0.0, 1.0), self.warden.start)
        self._watch()

    def _watch(self) -> None:
        self.vigil.look()
        self.loop.call_later(0.5, self._watch)

    def running(self) -> tuple[str, ...]:
        """Name both processes."""
        return (self.actor, self.warden.actor)

    def kill(self, actor: str = "") -> None:
        """End one of the two."""
        if actor and actor == self.warden.actor:
            self.warden.bury(power=False)
        else:
            super().kill(actor)

    def cut_power(self) -> None:
        """End the whole machine."""
        self.warden.bury(power=True)
        if self.actor in self.loop.dead:
            self.tear()
        super().cut_power()

    def away(self) -> float:
        """Draw the seconds until an engine that ended is started again; at times it is long."""
        usual = super().away()
        if self._gone:
            self._gone = False
            return self.luck.uniform(*chances.ENGINE_GONE_S)
        return usual

    def _step(self, actor: str) -> None:
        super()._step(actor)
        if actor == self.actor:
            self.engine_ran_at = self.clock.now()
        if self._guardian_fuse and actor == self.warden.actor:
            self._guardian_fuse -= 1
            if not self._guardian_fuse:
                self.warden.bury(power=False)

    def mend(self) -> None:
        """End every fault and accident."""
        super().mend()
        self._guardian_fuse = 0
        self._catch_send = self._part_in_send = self._gone = False
        self.files.before = None
        self.disk_fails = False
        self.net.parted.clear()
        for actor in self.running():
            if self.loop.is_frozen(actor):
                self.loop.thaw(actor)

    # --- the end --------------------------------------------------------------------------------

    async def play(self) -> None:
        """Let chance have its way, heal, and then lift every stop: work must go on."""
        await super().play()
        self.errors += self.vigil.unsettled()
        self.note("lift everything")
        guardian = self.warden.guardian
        if guardian is None:
            self.errors.append("G the guardian is not running")
            return
        for stop in guardian.view().stops:
            self._arm(stop.scope)
        await asyncio.sleep(3.0)
        self.errors += self.vigil.still_shut()
        await self.settle()

    def is_settled(self) -> bool:
        """Whether everything is in a known state, and what was to be flattened is."""
        return super().is_settled() and not self.vigil.unsettled()

    def verdict(self) -> list[str]:
        """Say everything that was violated."""
        return super().verdict() + self.vigil.verdict()

    def let_go(self) -> None:
        """Let go of the last guardian too."""
        self.warden.guardian = None
        super().let_go()

    # --- accidents ------------------------------------------------------------------------------

    def _hit_engine_gone(self) -> None:
        self._gone = True
        self.kill()

    def _hit_freeze_in_send(self) -> None:
        """Stand still between the look at the latch and the write."""
        self._catch_send = True

    def on_wire(self, direction: str, subject: str, payload: bytes) -> None:
        """See a frame of the engine's; it may be stopped before it writes it."""
        super().on_wire(direction, subject, payload)
        if self._catch_send and direction == ">" and b'"type":"submit"' in payload:
            self._catch_send = False
            self.note(f"the engine freezes as it sends {subject}")
            self.count("frozen in a send")
            self._hold_engine()
            if self._stop_when_caught:
                self._stop_when_caught = False
                world = self.loop.context_of("")
                self.loop.call_later(
                    self.luck.uniform(0.0, 0.3), self._stop, "flatten", context=world
                )

    def _on_write(self, actor: str, data: bytes) -> None:
        """See bytes leave; the guardian's network may part right behind a close."""
        self.vigil.on_write(actor, data)
        if self._part_in_send and actor == self.warden.actor and b'"type":"submit"' in data:
            self._part_in_send = False
            self.count("parted in a close")
            self._part(self.luck.uniform(1.1, 6.0))

    def _hold_engine(self) -> None:
        """Freeze the engine until the guardian says flat, or for a while."""
        actor = self._held = self.actor
        self.loop.freeze(actor)
        self.loop.call_later(
            self.luck.choice((0.5, 3.0, THAW_S)),
            self._thaw,
            actor,
            context=self.loop.context_of(""),
        )

    def _thaw(self, actor: str) -> None:
        if self.loop.is_frozen(actor):
            self.note(f"{actor} thaws")
            self.loop.thaw(actor)

    def _on_alert(self, alert: Alert) -> None:
        if alert.code == "flat" and self.loop.is_frozen(self._held):
            self.count("thawed after flat")
            self._thaw(self._held)

    def _hit_guardian_kill(self) -> None:
        self._guardian_fuse = self.luck.randrange(1, 60)

    def _hit_guardian_dies_writing(self) -> None:
        left = self.luck.randrange(1, 12)
        power = self.luck.random() < 0.5

        def die(what: str) -> None:
            nonlocal left
            if ACTOR.get() != self.warden.actor:
                return
            left -= 1
            if not left:
                self.files.before = None
                self.note(f"the guardian dies before it can {what.removeprefix(str(self.folder))}")
                self.cut_power() if power else self.warden.bury(power=False)

        self.files.before = die

    def _hit_guardian_freeze(self) -> None:
        actor = self.warden.actor
        self.loop.freeze(actor)
        self.loop.call_later(self.luck.uniform(0.1, 12.0), self.loop.thaw, actor)

    def _hit_guardian_parted(self) -> None:
        self._part_in_send = self.luck.random() < 0.5
        if not self._part_in_send:
            self._part(self.luck.uniform(0.2, 20.0))

    def _part(self, seconds: float) -> None:
        """Have nothing reach the guardian for a while, nor anything of it anybody."""
        actor, world = self.warden.actor, self.loop.context_of("")
        self.net.parted.add(actor)
        self.loop.call_later(seconds, self.net.parted.discard, actor, context=world)

    def _hit_guardian_link_cut(self) -> None:
        self.net.cut(self.warden.actor, silently=self.luck.random() < 0.5)

    def _hit_guardian_disk_fails(self) -> None:
        number = self.luck.choice((errno.EIO, errno.ENOSPC))

        def fail(what: str) -> None:
            if ACTOR.get() == self.warden.actor:
                raise OSError(number, "the simulated disk failed")

        self.files.before = fail
        self.disk_fails = True
        self.loop.call_later(self.luck.uniform(0.1, 3.0), self._mend_files, fail)

    def _mend_files(self, fail: object) -> None:
        if self.files.before is fail:
            self.files.before = None
        self.disk_fails = False

    # --- steps ----------------------------------------------------------------------------------

    def _do_stop(self, number: int) -> None:
        names, weights = zip(*chances.COMMANDS.items(), strict=True)
        (action,) = self.luck.choices(names, weights)
        self._stop(action)

    def _stop(self, action: Action) -> None:
        scopes, weights = zip(*chances.SCOPES.items(), strict=True)
        (scope,) = self.luck.choices(scopes, weights)
        until = None
        if action == "lock":
            ahead = round(self.luck.uniform(*chances.LOCK_S) * SECOND)
            until = Instant(self.clock.now() + ahead)
        self.note(f"a person asks for {action} on {scope}")
        self.warden.ask(Command(action=action, scope=scope, by="sim", reason="step", until=until))

    def _do_stop_frozen(self, number: int) -> None:
        """Flatten while the engine stands still: from now on, or from within its next send."""
        if self.luck.random() < 0.5:
            self._catch_send = self._stop_when_caught = True
            return
        self._hold_engine()
        self.loop.call_later(self.luck.uniform(0.0, 0.5), self._stop, "flatten")

    def _do_key(self, number: int) -> None:
        """Press the key: the latch is shut without the guardian, which takes it up."""
        scope = self.luck.choice(("all", "account:gamma"))
        now = self.clock.now()
        self.latch.set(scope, by="key", reason="pressed", at=now, mode="freeze", keeper=KEY)

    def _do_lift(self, number: int) -> None:
        guardian = self.warden.guardian
        if guardian is not None:
            for stop in guardian.view().stops:
                self._arm(stop.scope)

    def _arm(self, scope: str) -> None:
        typed = scope.partition(":")[2] or scope
        self.warden.ask(Command(action="arm", scope=scope, by="sim", reason="step", typed=typed))

    def _do_latch(self, number: int) -> None:
        """Somebody's script writes a latch file of its own."""
        scope = self.luck.choice(("all", "account:alpha"))
        now = self.clock.now()
        self.latch.set(scope, by="script", reason="step", at=now, mode="halt", keeper="script")

    def _do_unlatch(self, number: int) -> None:
        """Somebody takes away every latch file that is not the guardian's."""
        for scope in list(self.latch.scopes()):
            self.latch.clear(scope, keep=GUARDIAN_KEEPERS)
