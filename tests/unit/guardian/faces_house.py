"""A guardian that remembers what it was asked, for tests of its faces."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bascule.config.handover import GuardianFiles
from bascule.guardian.setup import GuardianSetup
from bascule.guardian.words import (
    AccountView,
    Command,
    CommandResult,
    EngineState,
    GuardianView,
    Severity,
    StopView,
)
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId, VenueId
from bascule.model.values import SECOND, Currency, Instant

START = Instant(1_800_000_000 * SECOND)


class HandClock:
    """A clock that a test turns; whoever sleeps on it waits for the next turn of the loop only."""

    def __init__(self, now: int = START) -> None:
        self.at = now

    def now(self) -> Instant:
        """Give the time."""
        return Instant(self.at)

    def add(self, seconds: float) -> None:
        """Let time pass."""
        self.at += int(seconds * SECOND)

    async def sleep(self, nanoseconds: int) -> None:
        """Let the time pass at once."""
        self.at += nanoseconds


def spec(name: str, venue: str = "broker", firm: str = "") -> AccountSpec:
    """Make an account."""
    return AccountSpec(
        id=AccountId(name),
        venue=VenueId(venue),
        login=f"login-{name}",
        mode=AccountMode.LIVE,
        currency=Currency("USD"),
        firm=firm,
    )


class FakeGuardian:
    """Holds what its accounts show, and does what it is told at once."""

    def __init__(self, folder: Path, clock: HandClock, *names: str) -> None:
        self.clock = clock
        specs = tuple(spec(name) for name in names or ("alpha", "beta"))
        self.setup = GuardianSetup(
            mode_dir=folder, mode=AccountMode.LIVE, accounts=specs, venues=()
        )
        self.files = GuardianFiles(folder)
        self.engine: EngineState = "alive"
        self.second_factor = False
        self.accounts = {
            one.id: AccountView(
                account=one.id, venue=one.venue, mode="live", currency="USD", link_up=True,
                sweep="idle", positions=2, working_orders=3, equity=Decimal("10250.50"),
                looked_at=Instant(clock.now() - 4 * SECOND),
            )
            for one in specs
        }  # fmt: skip
        self.commands: list[Command] = []
        self.stops: dict[str, StopView] = {}
        self.told: list[tuple[Severity, str, str]] = []
        self.refuse: Mapping[str, Any] = {}

    def change(self, account: str, **what: Any) -> None:
        """Have an account show something else."""
        name = AccountId(account)
        self.accounts[name] = msgspec.structs.replace(self.accounts[name], **what)

    async def command(self, command: Command) -> CommandResult:
        """Remember a command, and do it."""
        self.commands.append(command)
        now = self.clock.now()
        if self.refuse:
            return CommandResult(status="refused", at=now, **self.refuse)
        if command.action == "arm":
            self.stops.pop(command.scope, None)
        else:
            self.stops[command.scope] = StopView(
                command.scope, command.action, command.by, command.reason, now, command.until
            )
        return CommandResult(status="done", text=f"{command.action} on {command.scope}", at=now)

    def view(self) -> GuardianView:
        """Show itself."""
        now = self.clock.now()
        return GuardianView(
            mode="live", version="1", pid=1, at=now, started_at=START, engine=self.engine,
            accounts=tuple(self.accounts.values()), stops=tuple(self.stops.values()),
            second_factor=self.second_factor,
        )  # fmt: skip

    def tell(self, severity: Severity, code: str, words: str, dedupe: str = "") -> None:
        """Remember an alert."""
        self.told.append((severity, code, words))
