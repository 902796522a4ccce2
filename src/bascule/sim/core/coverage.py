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

Cell = tuple[OrdStatus, Fact]

NOT_DRIVEN: Mapping[str, str] = {}
"""Checks that the scenarios have no way to yet, and why."""


class _Counting(dict[Cell, OrdStatus | Ignore]):
    """The order table, counting which of its cells are read."""

    def __init__(self, table: Mapping[Cell, OrdStatus | Ignore], hits: dict[Cell, int]) -> None:
        super().__init__(table)
        self._hits = hits

    def __getitem__(self, cell: Cell) -> OrdStatus | Ignore:
        self._hits[cell] = self._hits.get(cell, 0) + 1
        return super().__getitem__(cell)


class Coverage(Struct):
    """Counts over many runs."""

    runs: int = 0
    events: int = 0
    sends: int = 0
    trades: int = 0
    cells: dict[Cell, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)

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
        for counts, more in ((self.faults, outcome.faults), (self.verdicts, outcome.verdicts)):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count

    def tables(self) -> dict[str, list[tuple[str, int]]]:
        """Give every name that should be reached with how often it was, by kind."""
        cells = [
            (f"{status.value} + {fact.value}", self.cells.get((status, fact), 0))
            for status, fact in order_table.TABLE
            if (status, fact) not in UNREACHABLE
        ]
        checks = [
            (check.code, self.verdicts.get(f"{check.code} refuses", 0))
            for check in CHECKS
            if check.code not in NOT_DRIVEN
        ]
        faults = [(name, self.faults.get(name, 0)) for name in FAULTS]
        return {"order table": cells, "checks that refused": checks, "faults": faults}

    def missing(self) -> list[str]:
        """Name what was never reached."""
        return [
            f"{kind}: {name}"
            for kind, rows in self.tables().items()
            for name, count in rows
            if not count
        ]


UNREACHABLE: Mapping[Cell, str] = {}
"""Cells that no run of the engine can reach, and why."""
