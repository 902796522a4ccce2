"""What the guardian knows of the engine: its progress record and its process, never a live socket.

An engine is stalled when its record stood still for so long *while this process was awake*: a
machine that slept stalls nobody.
"""

from pathlib import Path

from bascule.config import process
from bascule.config.files import FILES, Files
from bascule.config.handover import Heartbeat, read_file
from bascule.config.process import Processes
from bascule.guardian.words import EngineState
from bascule.model.values import SECOND, Instant

AWAKE_NS = 2 * SECOND
"""A longer pause between two looks was this process's own, and is not counted."""


class EngineProcess:
    """The engine, as seen from outside."""

    def __init__(
        self,
        record: Path,
        farewell: Path,
        stalled_ns: int,
        processes: Processes = process,
        files: Files = FILES,
    ) -> None:
        """Hold what is looked at: the engine's progress record, and its farewell if it left one."""
        self._record = record
        self._farewell = farewell
        self._stalled_ns = stalled_ns
        self._processes = processes
        self._files = files
        self._last: Heartbeat | None = None
        self._still_ns = 0
        self._looked_at: Instant | None = None
        self.state: EngineState = "unknown"
        self.killed_at: Instant | None = None

    @property
    def age_ns(self) -> int | None:
        """How long its record has stood still; None when there is none."""
        return self._still_ns if self._last is not None else None

    def look(self, now: Instant) -> EngineState:
        """Look again."""
        found = read_file(self._record, Heartbeat, self._files)
        gap = now - self._looked_at if self._looked_at is not None else 0
        self._looked_at = now
        if found is None and self._last is None:
            self.state = "unknown"
            return self.state
        if found is not None and found != self._last:
            # An old record of an engine that is long gone is not progress.
            age = now - found.at if self._last is None else 0
            self._last, self._still_ns = found, max(age, 0)
        elif gap < AWAKE_NS:
            self._still_ns += gap
        self.state = self._judge()
        return self.state

    def _judge(self) -> EngineState:
        last = self._last
        if last is None:
            return "unknown"
        if not self._processes.runs(last.pid, last.started):
            said = read_file(self._farewell, Heartbeat, self._files)
            told = said is not None and (said.pid, said.started) == (last.pid, last.started)
            return "ended" if told else "dead"
        return "stalled" if self._still_ns >= self._stalled_ns else "alive"

    def past(self, instant: Instant) -> bool:
        """Whether nothing that it decided before ``instant`` can still be on its way out.

        Its loop looks at the latch and begins to write in one step where the venue can, and
        everywhere gives up a send after its time-out, so a record that is later than both proves
        that every send is over; and so does its end.
        """
        if self.state in ("dead", "ended", "unknown"):
            return True
        return self._last is not None and self._last.at > instant

    def kill(self, now: Instant) -> bool:
        """End it at once, by its recorded id and start; False when there is nothing to end.

        Raises:
            PermissionError: it is another user's.
        """
        last = self._last
        if last is None or not self._processes.kill(last.pid, last.started):
            return False
        self.killed_at = now
        return True
