"""Attended accounts: somebody says now and then that they are there, or entries are halted.

It asks in the declared hours only. Whoever confirms is believed for as long as ``every_ns``;
shortly before that is over people are told, and when it is over each attended account is halted. A
halt leaves exits and protection alone. Presence does not lift it: arming does, and proves presence.
"""

from datetime import time, timedelta
from typing import NamedTuple

import msgspec
import structlog
from msgspec import Struct

from bascule.config.clock import Clock
from bascule.config.handover import read_file, replace_file
from bascule.guardian.faces import Guarding
from bascule.guardian.words import Command
from bascule.model.values import SECOND, Instant
from bascule.reference.localtime import instant, local

log = structlog.get_logger("bascule.guardian")

TICK_NS = 1 * SECOND
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Struct, frozen=True, kw_only=True):
    """When presence is asked for: from ``start`` to ``end`` of a zone's clock, on these days.

    ``end`` at or before ``start`` is on the next day.
    """

    start: time = time(0)
    end: time = time(0)
    days: tuple[str, ...] = DAYS
    zone: str = "UTC"

    def opened(self, now: Instant) -> Instant | None:
        """Give when the hours that hold now began; None outside of them."""
        today = local(now, self.zone).date()
        for day in (today, today - timedelta(days=1)):
            if DAYS[day.weekday()] in self.days:
                overnight = self.end <= self.start
                last = day + timedelta(days=1) if overnight else day
                start = instant(day, self.start, self.zone)
                if start <= now < instant(last, self.end, self.zone):
                    return start
        return None


class PresencePlan(Struct, frozen=True, kw_only=True):
    """Which accounts are attended, and how."""

    accounts: tuple[str, ...]
    every_ns: int
    warn_ns: int
    hours: Hours = Hours()


class _Seen(Struct, frozen=True):
    at: Instant
    by: str


class Due(NamedTuple):
    """Until when presence is believed, and whether that is now."""

    until: Instant
    present: bool


class PresenceWatch:
    """Watches over attended accounts."""

    def __init__(self, guardian: Guarding, plan: PresencePlan, clock: Clock) -> None:
        """Take up what was confirmed before a restart."""
        self._guardian = guardian
        self._plan = plan
        self._clock = clock
        self._file = guardian.files.path / "presence.json"
        self._seen = read_file(self._file, _Seen) or _Seen(Instant(0), "")
        self._began = clock.now()
        self._warned = False
        self._halted: set[str] = set()

    def confirm(self, by: str, at: Instant | None = None) -> None:
        """Take somebody's word that they are there, as of ``at``; an older word changes nothing."""
        at = at or self._clock.now()
        if at <= self._seen.at:
            return
        self._seen = _Seen(at, by)
        try:
            replace_file(self._file, msgspec.json.encode(self._seen))
        except OSError as error:
            log.error("presence_not_kept", text=error.strerror)
        if self._warned or self._halted:
            accounts = ", ".join(sorted(self._halted))
            still = f" Still halted until armed: {accounts}." if accounts else ""
            self._guardian.tell("info", "presence_back", f"{by} is there.{still}")
        self._warned = False

    def due(self) -> Due | None:
        """Say how long presence is believed; None outside of the hours."""
        now = self._clock.now()
        opened = self._plan.hours.opened(now)
        if opened is None:
            return None
        until = Instant(max(self._seen.at, opened, self._began) + self._plan.every_ns)
        return Due(until, now < until)

    def is_present(self) -> bool:
        """Whether nothing is asked of anybody right now."""
        due = self.due()
        return due is None or due.present

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(TICK_NS)

    async def look(self) -> None:
        """Warn, or halt, where it is time to."""
        self._see_arming()
        due = self.due()
        if due is None:
            self._warned = False
            return
        left = due.until - self._clock.now()
        if not due.present:
            await self._halt()
        elif left <= self._plan.warn_ns and not self._warned:
            self._warned = True
            words = (
                f"Nobody has confirmed presence for a while: in {left // SECOND} s entries of"
                f" {', '.join(self._plan.accounts)} are halted. Press the page's button, send"
                " /here, or run `bascule present`."
            )
            self._guardian.tell("warning", "presence_due", words, f"presence/{due.until}")

    def _see_arming(self) -> None:
        """Whoever lifts the halt of an attended account is there."""
        stopped = {stop.scope for stop in self._guardian.view().stops}
        lifted = {name for name in self._halted if f"account:{name}" not in stopped}
        if lifted:
            self._halted -= lifted
            self.confirm("whoever armed")

    async def _halt(self) -> None:
        fresh = [name for name in self._plan.accounts if name not in self._halted]
        if not fresh:
            return
        words = f"Nobody confirmed presence in time: entries of {', '.join(fresh)} are halted."
        self._guardian.tell("critical", "presence_missed", words)
        for name in fresh:
            command = Command(
                action="halt",
                scope=f"account:{name}",
                by="presence",
                reason="nobody confirmed presence in time",
                via="auto",
            )
            if (await self._guardian.command(command)).status == "done":
                self._halted.add(name)
