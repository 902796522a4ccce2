"""The guardian of a simulated machine: the shipped code, as a process of its own.

It has its own connections to the broker, its own log, and shares with the engine what the two
share in the field: latch, handover and the engine's progress record. Page, Telegram and its HTTP
port are not here; a command comes as they would give it, and is acknowledged when they would.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from bascule.guardian.service import Guardian
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.guardian.words import Alert, Command, CommandResult
from bascule.model.enums import AccountMode
from bascule.model.errors import BasculeError
from bascule.model.ids import VenueId
from bascule.model.values import SECOND
from bascule.sim.shell import chances
from bascule.sim.shell.files import Died
from bascule.sim.shell.machine import VENUES
from bascule.sim.shell.vigil import Vigil

if TYPE_CHECKING:
    from bascule.sim.shell.guarded import GuardedWorld


class Warden:
    """Starts, ends and asks the guardian. ``vigil`` watches what it does."""

    def __init__(self, world: "GuardedWorld") -> None:
        self._world = world
        self.vigil = Vigil(world)
        self.options = _options(world)
        self.guardian: Guardian | None = None
        self.generation = 0
        self.actor = ""
        self.on_alert: Callable[[Alert], None] = lambda alert: None

    def start(self) -> None:
        """Start it, as a process would be."""
        world = self._world
        self.generation += 1
        self.actor = f"guardian-{self.generation}"
        world.note(f"start {self.actor}")
        context = world.loop.context_of(self.actor)
        world.keep(world.loop.spawn(self._run(), context=context))

    async def _run(self) -> None:
        world = self._world
        try:
            setup = self._setup()
            guardian = Guardian(setup, world.clock, world.processes, world.files)
        except (BasculeError, OSError) as error:
            world.note(f"the guardian refused to start: {error!r}")
            world.count("guardian start refused")
            if isinstance(error, BasculeError):
                world.errors.append(f"G the guardian refused to start: {error.message}")
            self.bury(power=False)
            return
        guardian.events.append(self._heard)
        self.guardian = guardian
        self.vigil.began(guardian)
        try:
            await guardian.run()
        except Died:
            raise
        except BaseException as error:
            world.errors.append(f"G the guardian broke: {error!r}")
            raise

    def _heard(self, alert: Alert) -> None:
        world = self._world
        world.note(f"the guardian tells {alert.code}: {alert.text}")
        world.count(f"alert {alert.code}")
        if alert.code == "loss_line" and world.runtime is None:
            world.count("loss line without an engine")
        if self.guardian is not None:
            self.vigil.heard(alert, self.guardian)
        self.on_alert(alert)

    def ask(self, command: Command) -> None:
        """Ask it for something, if there is one that listens; it answers when it comes to it."""

        async def run(guardian: Guardian) -> None:
            self.vigil.asked(command)
            self._answered(command, await guardian.command(command), guardian)

        if self.guardian is not None:
            loop, guardian = self._world.loop, self.guardian
            context = loop.context_of(self.actor)
            loop.call_soon(lambda: loop.spawn(run(guardian)), context=context)

    def _answered(self, command: Command, result: CommandResult, guardian: Guardian) -> None:
        world = self._world
        told = f"{command.action} {command.scope}: {result.status} {result.code}"
        world.note(f"the guardian answers {told}")
        world.count(f"command {command.action} {result.code or result.status}")
        self.vigil.answered(command, result, guardian)

    def bury(self, *, power: bool) -> None:
        """End it between two callbacks, or within a change of its files; it is started again."""
        world, actor = self._world, self.actor
        if not actor or actor in world.loop.dead:
            return
        world.note(f"{'power cut' if power else 'end'} of {actor}")
        world.count(f"guardian {'power cut' if power else 'end'}")
        self.vigil.ends(self.guardian)
        world.keep_all(self.guardian)
        world.loop.kill(actor)
        world.net.cut(actor, silently=power)
        world.net.parted.discard(actor)
        self.guardian = None
        world.loop.call_later(
            world.luck.uniform(0.05, 6.0), self.start, context=world.loop.context_of("")
        )

    def _setup(self) -> GuardianSetup:
        world = self._world
        return GuardianSetup(
            mode_dir=world.folder,
            mode=AccountMode.PAPER,
            accounts=world.specs(),
            venues=tuple(
                GuardedVenue(id=VenueId(name), kind="paper", settings=told, secrets=world.secrets())
                for name, told in VENUES.items()
            ),
            options=self.options,
        )


def _options(world: "GuardedWorld") -> Options:
    luck = world.luck
    floors = {
        login: Decimal(luck.choice(chances.FLOORS)) for login in world.logins if luck.random() < 0.3
    }
    return Options(
        stalled_ns=round(luck.choice(chances.STALLED_S) * SECOND),
        on_stall=luck.choice(("alert", "halt", "flatten")),
        runaway_orders=luck.choice(chances.RUNAWAY),
        on_runaway=luck.choice(("halt", "flatten")),
        floors=floors,
    )
