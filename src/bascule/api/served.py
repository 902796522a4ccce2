"""What the API serves: one engine, its journal, its streams, and since when."""

import asyncio

from bascule.api.metrics import Turned
from bascule.api.quoted import Bars
from bascule.api.status import StatusView, status_view
from bascule.api.stream import Streams
from bascule.config.handover import GuardianFiles
from bascule.config.second_factor import SecondFactor
from bascule.engine.runtime import Runtime
from bascule.guardian.intake import last_drill
from bascule.model.errors import JournalUnwritable


class Served:
    """An engine as the API knows it. For the loop's thread."""

    def __init__(self, runtime: Runtime, second_factor: SecondFactor | None = None) -> None:
        """``second_factor`` is what arming asks for besides the scope's name."""
        self.runtime = runtime
        self.second_factor = second_factor
        self.journal = runtime.setup.data_dir / "journal.db"
        self.streams = Streams(runtime.owner, self.journal)
        self.turned = Turned()
        self.bars = Bars(runtime)
        self._started_at = runtime.clock.now()

    @property
    def failed(self) -> bool:
        """Whether the engine is on its way out: its journal failed, or an invariant broke."""
        return self.runtime.fatal.done()

    async def settled(self) -> None:
        """Wait until everything decided so far is durable: only then may it be told.

        Raises:
            JournalUnwritable: it never will be; the process is ending.
        """
        durable = self.runtime.owner.durable()
        if not durable.done():
            await asyncio.wait((durable, self.runtime.fatal), return_when="FIRST_COMPLETED")
        if not durable.done():
            raise JournalUnwritable(
                "The journal has failed, and the engine is ending.",
                hint="Start it again: nothing that was acknowledged is lost.",
            )

    async def status(self) -> StatusView:
        """Show the engine as it stands."""
        latch = await asyncio.to_thread(self.runtime.latch.scopes)
        drills = GuardianFiles(self.runtime.setup.data_dir).drills
        drill = await asyncio.to_thread(last_drill, drills)
        view = status_view(self.runtime, self._started_at, latch, drill)
        await self.settled()
        return view
