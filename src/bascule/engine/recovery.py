"""Start-up: from the journal alone to the state as it was, submitting nothing."""

from msgspec import Struct

from bascule import __version__
from bascule.engine.clock import Clock
from bascule.execution.evolve import evolve
from bascule.execution.state import State, load_own
from bascule.journal.journal import Journal
from bascule.model.enums import OrdStatus
from bascule.model.values import MILLISECOND, text


class Recovered(Struct, frozen=True):
    """How a start went, for the restart report."""

    state: State
    head: int
    snapshot: int
    replayed: int
    took_ms: int


class RestartReport(Struct, frozen=True):
    """What was found at a start, in figures and in words."""

    epoch: str
    head: int
    snapshot: int
    replayed: int
    took_ms: int
    open_orders: int
    in_doubt: tuple[str, ...]
    positions: tuple[str, ...]
    stops: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report as a person reads it."""
        out = [
            f"journal: {self.head:,} events, epoch {self.epoch or 'none yet'}; "
            f"replayed {self.replayed:,} after snapshot {self.snapshot:,} in {self.took_ms} ms",
            f"orders: {self.open_orders} open, {len(self.in_doubt)} in doubt",
        ]
        out += [f"  in doubt until its venue is asked: {name}" for name in self.in_doubt[:20]]
        out += [f"  held: {position}" for position in self.positions[:20]]
        out += [f"  stop in force: {stop}" for stop in self.stops]
        return out


def recover(journal: Journal, clock: Clock) -> Recovered:
    """Load the newest snapshot, if this version took it, and fold what came after it.

    Raises:
        JournalCorrupt: a row is missing, changed or unreadable.
    """
    began = clock.now()
    snapshot = journal.latest_snapshot()
    kept = load_own(snapshot.state, __version__) if snapshot is not None else None
    state = kept or State()
    start = snapshot.seq if snapshot is not None and kept is not None else 0
    count = 0
    for _seq, event in journal.replay(start):
        evolve(state, event)
        count += 1
    took = (clock.now() - began) // MILLISECOND
    return Recovered(state, journal.head.seq, start, count, took)


def report(found: Recovered) -> RestartReport:
    """Say what a start found, before anything new is decided."""
    state = found.state
    doubt: list[str] = []
    held: list[str] = []
    count = 0
    for account in state.accounts.values():
        for order in account.orders.values():
            count += 1
            unsure = (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED, OrdStatus.IN_DOUBT)
            if order.status in unsure and not order.waiting:
                doubt.append(
                    f"{order.cl_ord_id} {order.side.value} {text(order.quantity)} {order.symbol} "
                    f"on {account.id}"
                )
        held += [
            f"{symbol} {text(exposure.net)} on {account.id}"
            for symbol, exposure in account.exposure.items()
            if exposure.net
        ]
    return RestartReport(
        epoch=state.epoch,
        head=found.head,
        snapshot=found.snapshot,
        replayed=found.replayed,
        took_ms=found.took_ms,
        open_orders=count,
        in_doubt=tuple(doubt),
        positions=tuple(held),
        stops=tuple(f"{scope}: {s.mode.value}, {s.reason}" for scope, s in state.stops.items()),
    )
