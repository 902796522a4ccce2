"""How often each cell of the order table, each check and each fault was reached.

What is never reached is not tested, however many seeds were run: a zero fails. The few cells that
nothing can reach stand here with why.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct, field

from bascule.execution import order_table
from bascule.execution.order_table import Fact, Ignore
from bascule.model.enums import OrdStatus
from bascule.risk.chain import CHECKS
from bascule.sim.core.distributions import FAULTS
from bascule.sim.core.simulation import Outcome
from bascule.sim.core.situations import RARE as RARE_SITUATIONS
from bascule.sim.core.situations import SITUATIONS

Cell = tuple[OrdStatus, Fact]

NOT_DRIVEN: Mapping[str, str] = {
    "tick_or_lot": "the planner rounds before it asks; held by its own tests",
    "allocation": "it warns, and refuses nothing",
    "copies_others": "nobody else's signals are drawn here; held by its own tests",
}
"""Checks that can refuse nothing here, and why: a gap that is stated, not hidden."""
RARE_CHECKS = ("min_hold", "consistency")
"""Checks that need more than ``RARE_RUNS`` seeds to refuse something for certain."""

_ENDS = (OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED)
_VENUE_SPOKE = (Fact.ACCEPTED, Fact.NEW, Fact.FOUND, Fact.PARTIAL, Fact.FULL)


def _unreachable(status: OrdStatus, fact: Fact) -> str:
    """Say why nothing can lead to a cell here; empty when something can."""
    if fact is Fact.SENT:
        return "what was written is told at once, and folded without the table"
    if fact is Fact.UNSENT and status is not OrdStatus.NEW_REQUESTED:
        return "the lanes drop only what has not left"
    if fact is Fact.ABSENT and status is not OrdStatus.IN_DOUBT:
        return "absence is proven, and told by a person, of orders in doubt alone"
    if fact is Fact.DOUBT and status in (OrdStatus.ACKNOWLEDGED, OrdStatus.IN_DOUBT):
        return "an order has one outcome"
    if fact is Fact.ACCEPTED and status in (OrdStatus.ACKNOWLEDGED, OrdStatus.IN_DOUBT):
        return "an order has one outcome"
    if status is OrdStatus.FILLED and fact is Fact.PARTIAL:
        return "what is full lacks no fill that was told: a further one is more than was asked for"
    if status is OrdStatus.EXPIRED_UNSENT:
        return "it never left, so no venue speaks of it"
    ends = (Fact.CANCELED, Fact.EXPIRED)
    if status is OrdStatus.NEW_REQUESTED and fact in (*_VENUE_SPOKE, *ends):
        return "that it was written is told before the venue can answer"
    return ""


UNREACHABLE: Mapping[Cell, str] = {
    (status, fact): why
    for status in OrdStatus
    for fact in Fact
    if (why := _unreachable(status, fact))
}
"""Cells that no run of the core tier can reach, and why. The unit tests walk them all the same."""


RARE: frozenset[Cell] = frozenset(
    {
        *((status, Fact.FOUND) for status in (*_ENDS, OrdStatus.FILLED)),
        *((status, fact) for status in _ENDS for fact in (Fact.PARTIAL, Fact.FULL)),
        *((OrdStatus.IN_DOUBT, fact) for fact in (Fact.PARTIAL, Fact.FULL, Fact.REJECTED)),
        (OrdStatus.FILLED, Fact.FULL),
        (OrdStatus.PARTIALLY_FILLED, Fact.REJECTED),
        (OrdStatus.REJECTED, Fact.EXPIRED),
        (OrdStatus.REJECTED, Fact.CANCELED),
        (OrdStatus.EXPIRED, Fact.REJECTED),
    }
)
"""Cells that need more than ``RARE_RUNS`` seeds to be reached for certain."""
RARE_RUNS = 20_000


class _Counting(dict[Cell, OrdStatus | Ignore]):
    """The order table, counting which of its cells are read."""

    def __init__(self, table: Mapping[Cell, OrdStatus | Ignore], hits: dict[Cell, int]) -> None:
        super().__init__(table)
        self._hits = hits

    def __getitem__(self, cell: Cell) -> OrdStatus | Ignore:
        self._hits[cell] = self._hits.get(cell, 0) + 1
        return dict.__getitem__(self, cell)


class Coverage(Struct):
    """Counts over many runs."""

    runs: int = 0
    events: int = 0
    sends: int = 0
    trades: int = 0
    cells: dict[Cell, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the cells of the order table that are read meanwhile."""
        table = order_table.TABLE
        order_table.TABLE = _Counting(table, self.cells)
        try:
            yield
        finally:
            order_table.TABLE = table

    def add(self, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        self.events += outcome.events
        self.sends += outcome.sends
        self.trades += outcome.trades
        for counts, more in (
            (self.faults, outcome.faults),
            (self.verdicts, outcome.verdicts),
            (self.reached, outcome.reached),
        ):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count

    def join(self, other: "Coverage") -> None:
        """Count the runs of another campaign too."""
        self.runs += other.runs
        self.events += other.events
        self.sends += other.sends
        self.trades += other.trades
        for cell, count in other.cells.items():
            self.cells[cell] = self.cells.get(cell, 0) + count
        for counts, more in (
            (self.faults, other.faults),
            (self.verdicts, other.verdicts),
            (self.reached, other.reached),
        ):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count

    def tables(self) -> dict[str, list[tuple[str, int]]]:
        """Give every name that should be reached with how often it was, by kind."""
        cells = [
            (f"{status.value} + {fact.value}", self.cells.get((status, fact), 0))
            for status, fact in order_table.TABLE
            if (status, fact) not in UNREACHABLE
            and (self.runs >= RARE_RUNS or (status, fact) not in RARE)
        ]
        checks = [
            (check.code, self.verdicts.get(f"{check.code} refuses", 0))
            for check in CHECKS
            if check.code not in NOT_DRIVEN
            and (self.runs >= RARE_RUNS or check.code not in RARE_CHECKS)
        ]
        faults = [(name, self.faults.get(name, 0)) for name in FAULTS]
        situations = [
            (name, self.reached.get(name, 0))
            for name in SITUATIONS
            if self.runs >= RARE_RUNS or name not in RARE_SITUATIONS
        ]
        return {
            "order table": cells,
            "checks that refused": checks,
            "faults": faults,
            "situations": situations,
        }

    def missing(self) -> list[str]:
        """Name what was never reached."""
        return [
            f"{kind}: {name}"
            for kind, rows in self.tables().items()
            for name, count in rows
            if not count
        ]
