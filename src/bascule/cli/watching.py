"""What tells the outside of a running engine: its alerts, and its heartbeat to a monitor."""

import asyncio
from contextlib import suppress

from bascule import __version__
from bascule.alerts.alert import Alert, Severity
from bascule.alerts.channel import channels_of
from bascule.alerts.heartbeat import Heartbeat
from bascule.alerts.kinds import alert, key_of
from bascule.alerts.notifier import Notifier
from bascule.alerts.rules import OrderFacts, Rules
from bascule.alerts.upkeep import kept_up
from bascule.alerts.watch import Watch
from bascule.config.build import Config
from bascule.config.secrets import Secrets
from bascule.engine.runtime import Runtime
from bascule.journal.progress import ProgressFile
from bascule.model.errors import BasculeError, JournalCorrupt
from bascule.model.ids import AccountId, ClOrdID
from bascule.model.values import SECOND

FAREWELL_S = 5.0
"""How long the end of the process may be held up by telling of it."""
GUARDIAN_LOOK_S = 1.0
STALE_NS = 10 * SECOND
"""A progress record older than this is no sign of life: it is written each second."""


class Watching:
    """The alerts and the heartbeat of one engine. Made before it starts, run beside it."""

    def __init__(self, config: Config, secrets: Secrets) -> None:
        """Read the secrets.

        Raises:
            ConfigError: apprise does not know an address.
            SecretError: a secret is missing.
        """
        self._plan = config.alerts
        self._mode = config.mode.value
        self._heartbeat = config.heartbeat
        name = config.heartbeat.engine_secret
        self._url = secrets.get(name) if name else ""
        self.notifier = Notifier(config.alerts, channels_of(config.alerts, secrets.get))

    async def run(self, runtime: Runtime) -> None:
        """Tell and beat until cancelled."""
        if not self._plan.channels and not self._url:
            return
        rules = Rules(self._plan, lambda account, order: _facts(runtime, account, order))
        links = runtime.state.accounts.values()
        rules.begin([one.id for one in links if not one.link_up], runtime.clock.now())
        watch = Watch(rules, self.notifier.tell, runtime.clock.now)
        leave = runtime.owner.follow(watch.follow)
        try:
            self.notifier.tell(self._started(runtime))
            async with asyncio.TaskGroup() as group:
                group.create_task(kept_up("alerts", watch.run))
                group.create_task(kept_up("alerts", self.notifier.run))
                group.create_task(kept_up("guardian", lambda: self._watch_guardian(runtime)))
                if self._url:
                    every_s = self._heartbeat.every / SECOND
                    beat = Heartbeat("engine", self._url, every_s, lambda: _well(runtime))
                    group.create_task(kept_up("heartbeat", beat.run))
        finally:
            leave()

    async def _watch_guardian(self, runtime: Runtime) -> None:
        """Tell when the guardian goes and comes; one that nobody needs need never have been."""
        needed = runtime.setup.needs_guardian
        known: bool | None = None
        while True:
            present = runtime.guardian.present
            if present is not None and present != known:
                if not present and (needed or known):
                    held = " Entries are held back." if needed else ""
                    words = f"No guardian is at work.{held} `bascule guardian run` starts one."
                    self.notifier.tell(alert("guardian_down", "Bascule", words))
                elif present and known is not None:
                    over = (key_of("guardian_down", "Bascule"),)
                    words = "The guardian is at work again."
                    self.notifier.tell(alert("guardian_back", "Bascule", words, clears=over))
                known = present
            await asyncio.sleep(GUARDIAN_LOOK_S)

    async def farewell(self, reason: str, fault: BaseException | None) -> None:
        """Tell that the engine has ended; given up after a few seconds."""
        if fault is None:
            said = alert("engine_stopped", "Bascule", f"The engine ({self._mode}) ended: {reason}.")
        else:
            code = fault.code if isinstance(fault, BasculeError) else type(fault).__name__
            text = f"The engine ({self._mode}) ended by a fault: {code}. Nothing more is sent."
            said = alert("engine_stopped", "Bascule", text, severity=Severity.CRITICAL)
        if said.name not in self._plan.mute and said.severity.rank >= self._plan.minimum.rank:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self.notifier.send(said)

    def _started(self, runtime: Runtime) -> Alert:
        found = runtime.restart
        text = (
            f"Bascule {__version__} started, mode {self._mode}. Open orders: {found.open_orders},"
            f" in doubt: {len(found.in_doubt)}, positions: {len(found.positions)},"
            f" stops in force: {len(found.stops)}."
        )
        severity = Severity.WARNING if found.in_doubt or found.stops else None
        return alert("engine_started", "Bascule", text, severity=severity)


def _facts(runtime: Runtime, account: AccountId, name: ClOrdID) -> OrderFacts | None:
    known = runtime.state.accounts.get(account)
    order = known.order(name) if known is not None else None
    if order is None:
        return None
    return OrderFacts(order.strategy, order.symbol, order.leg, order.side, order.cum_qty)


async def _well(runtime: Runtime) -> bool:
    """Whether the loop turns (it does: this runs), the writer writes, and the disk takes it."""
    if runtime.fatal.done():
        return False
    record = ProgressFile(runtime.setup.data_dir / "journal.db")
    try:
        last = await asyncio.to_thread(record.read)
    except (JournalCorrupt, OSError):
        return False
    return last is not None and runtime.clock.now() - last.at < STALE_NS
