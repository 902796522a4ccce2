"""What runs on and beside a guardian: the emergency page, the bot, presence, files, alerts, beats.

A kill switch must start. So whatever is missing here, a secret or an address, is told and left out.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog
from aiohttp import web

from bascule.alerts.channel import ThreadChannel, apprise_channel
from bascule.alerts.heartbeat import Heartbeat as Beat
from bascule.alerts.notifier import Notifier
from bascule.alerts.upkeep import kept_up
from bascule.config.clock import Clock
from bascule.config.handover import Heartbeat, read_file
from bascule.guardian.filedrop import FileDrop
from bascule.guardian.page import Page, Presence
from bascule.guardian.presence import Hours, PresencePlan, PresenceWatch
from bascule.guardian.server import Extra
from bascule.guardian.service import Guardian
from bascule.guardian.serving import Beside
from bascule.guardian.telegram import Bot
from bascule.guardian.telling import told
from bascule.guardian.words import Alert as GuardianAlert
from bascule.guardian.words import Severity
from bascule.model.errors import BasculeError, SecretError
from bascule.model.values import SECOND

if TYPE_CHECKING:
    from bascule.config.build import Config
    from bascule.config.secrets import Secrets

log = structlog.get_logger("bascule.guardian")

RETRY_S = 10.0
STALE_NS = 10 * SECOND
DRILL_LOOK_NS = 2 * SECOND


class Faces(NamedTuple):
    """What `run_guardian` is given."""

    extra: Sequence[Extra]
    beside: Sequence[Beside]


def faces(config: "Config", secrets: "Secrets", clock: Clock) -> Faces:
    """Make the faces that a configuration asks for."""
    made = _Faces(config, secrets, clock)
    return Faces((made.routes,), (made.run,))


class _Faces:
    """The faces of one guardian, which is known once its port is made."""

    def __init__(self, config: "Config", secrets: "Secrets", clock: Clock) -> None:
        self._config = config
        self._secrets = secrets
        self._clock = clock
        self._presence: PresenceWatch | None = None
        self._page: Page | None = None

    def routes(self, guardian: Guardian) -> Sequence[web.AbstractRouteDef]:
        """Give the page's routes for the guardian's own port."""
        shown = None
        plan = self._config.guardian.presence
        if plan.accounts:
            start, end = plan.hours
            hours = Hours(start=start, end=end, days=plan.days, zone=plan.zone)
            self._presence = PresenceWatch(
                guardian,
                PresencePlan(
                    accounts=plan.accounts, every_ns=plan.every, warn_ns=plan.warn, hours=hours
                ),
                self._clock,
            )
            shown = Presence(self._presence.is_present, self._presence.confirm)
        try:
            self._page = Page(guardian, self._clock, shown)
        except SecretError as error:
            log.error("page_left_out", code=error.code, text=error.message)
            return []
        return self._page.routes()

    async def run(self, guardian: Guardian) -> None:
        """Run everything else until cancelled."""
        notifier = await self._notifier(guardian)
        watchers: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "alerts": notifier.run,
            "drills": lambda: self._watch_drills(guardian),
        }
        own = self._config.guardian
        if own.page.host and (page := self._page) is not None:
            watchers["page"] = lambda: self._serve_page(page, own.page.host, own.page.port)
        if token := self._secret(guardian, own.telegram.token_secret):
            present = self._presence.confirm if self._presence is not None else None
            bot = Bot(guardian, token, self._clock, api=own.telegram.api, present=present)
            watchers["telegram"] = bot.run
        if self._presence is not None:
            watchers["presence"] = self._presence.run
        if own.kill_folder:
            drop = FileDrop(guardian, self._beside_file(own.kill_folder), self._clock)
            watchers["kill file"] = drop.run
        if url := self._secret(guardian, self._config.heartbeat.guardian_secret):
            every_s = self._config.heartbeat.every / SECOND
            watchers["heartbeat"] = Beat("guardian", url, every_s, lambda: self._well(guardian)).run
        async with asyncio.TaskGroup() as group:
            for what, run in watchers.items():
                group.create_task(kept_up(what, run))

    async def _notifier(self, guardian: Guardian) -> Notifier:
        """Listen at once; what is told while apprise loads, in a thread, is told afterwards."""
        plan = self._config.alerts
        early: list[GuardianAlert] = []
        guardian.events.append(early.append)
        notifier = Notifier(plan, await asyncio.to_thread(self._channels))
        guardian.events.remove(early.append)
        guardian.events.append(lambda given: notifier.tell(told(given, plan)))
        for given in early:
            notifier.tell(told(given, plan))
        return notifier

    def _channels(self) -> list[ThreadChannel]:
        plan, made = self._config.alerts, []
        for name in plan.channels:
            try:
                url = self._secrets.get(name)
                made.append(apprise_channel(name, url, plan.timeout_ns / SECOND))
            except BasculeError as error:
                log.error("alert_channel_left_out", channel=name, code=error.code)
        return made

    async def _watch_drills(self, guardian: Guardian) -> None:
        """Tell the result of each drill, whoever held it."""
        known = await asyncio.to_thread(guardian.last_drill)
        while True:
            await self._clock.sleep(DRILL_LOOK_NS)
            last = await asyncio.to_thread(guardian.last_drill)
            if last is not None and last != known:
                known = last
                words = f"A drill {'passed' if last.passed else 'FAILED'}: {last.text}"
                severity: Severity = "info" if last.passed else "critical"
                guardian.tell(severity, "drill", words, f"drill/{last.at}")

    async def _serve_page(self, page: Page, host: str, port: int) -> None:
        """Serve the page on a private network, as soon as this machine has that address."""
        app = web.Application(client_max_size=10_000)
        app.add_routes(page.routes())
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            while True:
                try:
                    await web.TCPSite(runner, host, port).start()
                    break
                except OSError as error:  # a VPN may come up later than the guardian
                    log.warning("page_not_served", host=host, port=port, text=error.strerror)
                    await asyncio.sleep(RETRY_S)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _well(self, guardian: Guardian) -> bool:
        """Whether the guardian's own record is fresh: its loop turns and its disk takes it."""
        last = await asyncio.to_thread(read_file, guardian.files.progress, Heartbeat)
        return last is not None and self._clock.now() - last.at < STALE_NS

    def _secret(self, guardian: Guardian, name: str) -> str:
        if not name:
            return ""
        try:
            return self._secrets.get(name)
        except BasculeError as error:
            words = f"The secret {name!r} cannot be had ({error.code}), so what needs it is off."
            guardian.tell("warning", "guardian_helper", words, f"secret/{name}")
            return ""

    def _beside_file(self, named: str) -> Path:
        file = self._config.file
        return (file.parent if file is not None else Path.cwd()) / Path(named).expanduser()
