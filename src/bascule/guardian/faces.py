"""What the guardian's faces ask of it: the page, the bot, presence and the dropped file."""

from typing import Protocol

from bascule.config.handover import GuardianFiles
from bascule.guardian.setup import GuardianSetup
from bascule.guardian.words import Command, CommandResult, GuardianView, Severity


class Guarding(Protocol):
    """A guardian as its faces see it."""

    @property
    def setup(self) -> GuardianSetup:
        """What it was started with."""

    @property
    def files(self) -> GuardianFiles:
        """Where its files are."""

    async def command(self, command: Command) -> CommandResult:
        """Do what is asked for; it comes back once the gate is shut."""

    def view(self) -> GuardianView:
        """Show itself as it stands."""

    def tell(self, severity: Severity, code: str, words: str, dedupe: str = "") -> None:
        """Alert everybody who listens."""
