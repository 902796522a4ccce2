"""The guardian's own connection to one venue: made, kept up, and held against the configuration."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from bascule.config.clock import Clock
from bascule.guardian.setup import GuardedVenue, GuardianSetup
from bascule.guardian.words import Severity
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.errors import VenueError, VenueTransient
from bascule.model.values import SECOND
from bascule.venues.kit.contract import HasCountdown, Venue, VenueContext, VenueMessage
from bascule.venues.kit.registry import factory

PAUSE_MAX_S = 5
"""The longest wait between two tries to make the first connection."""


class Owner(Protocol):
    """What a connection asks of the guardian."""

    def tell(self, severity: Severity, code: str, words: str, dedupe: str = "") -> None:
        """Alert."""

    def introduce(self, spec: AccountSpec, why: str) -> None:
        """Act on an account, or never where ``why`` says that it is not the one that was set up."""

    def end_engine(self, why: str) -> None:
        """End the engine, since the guardian needs what it holds."""


class Connection:
    """One venue's link and the accounts that it is for.

    ``needed`` is set once the guardian must act there: until then a venue's only session is left
    to the engine.

    Raises:
        ConfigError: the venue's settings are wrong.
        SecretError: an account has no secret.
    """

    def __init__(
        self,
        venue: GuardedVenue,
        setup: GuardianSetup,
        clock: Clock,
        heard: Callable[["Connection", VenueMessage], None],
    ) -> None:
        self.venue = venue
        self.specs = tuple(spec for spec in setup.accounts if spec.venue == venue.id)
        self.needed = asyncio.Event()
        self._clock = clock
        create = setup.links.get(venue.id) or factory(venue.kind)
        self.link: Venue = create(
            VenueContext(
                venue_id=venue.id,
                settings=venue.settings,
                accounts=self.specs,
                secrets=venue.secrets,
                sink=lambda message: heard(self, message),
                wire_log=_no_wire_log,
                clock=clock.now,
            )
        )

    @property
    def countdown(self) -> HasCountdown | None:
        """The venue's countdown, where its manifest has one and so has its link."""
        return self.link if self.venue.countdown and isinstance(self.link, HasCountdown) else None

    async def keep(self, owner: Owner) -> None:
        """Make the first connection, which the client keeps up from then on; ask who it is."""
        if self.venue.one_session:
            await self.needed.wait()
            owner.end_engine(f"{self.venue.id} allows one session, and the guardian needs it")
        pause_ns = SECOND // 4
        while True:
            try:
                await self.link.connect()
                break
            except VenueTransient:
                pass  # the keepers' notes and alerts tell it
            except VenueError as error:
                words = f"{self.venue.id} refuses the guardian: {error.message}"
                owner.tell("critical", "venue_refused", words, f"refused/{self.venue.id}")
            await self._clock.sleep(pause_ns)
            pause_ns = min(pause_ns * 2, PAUSE_MAX_S * SECOND)
        for spec in self.specs:
            why = await self._mismatch(spec)
            owner.introduce(spec, why)

    async def _mismatch(self, spec: AccountSpec) -> str:
        """Hold the venue's word on an account against the configuration's; '' when they agree."""
        while True:
            try:
                scope, who = await self.link.key_scope(), await self.link.identity(spec.id)
                break
            except VenueError:
                await self._clock.sleep(SECOND)
        if scope.withdraw:
            return f"the credentials of account {spec.id} may withdraw money"
        if who.is_live != (spec.mode is not AccountMode.PAPER):
            kind = "live" if who.is_live else "paper"
            return f"account {spec.id} is set up as {spec.mode.value} and is a {kind} account"
        return ""


def _no_wire_log(direction: str, subject: str, payload: bytes) -> None:
    """The guardian's own log tells what it sent; it keeps no frames."""
