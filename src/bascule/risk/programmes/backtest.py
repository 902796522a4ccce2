"""A programme over the past: where would an account's journal have met its lines?"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bascule.model.event import (
    AccountMarked,
    CashFlowRecorded,
    Event,
    LedgerMoved,
    OrderFilled,
    OrderRequested,
)
from bascule.model.ids import AccountId, ClOrdID
from bascule.model.ledger import LedgerState
from bascule.model.order import AccountSnapshot
from bascule.model.programme import Programme
from bascule.model.values import ZERO, Instant
from bascule.risk.programmes.ledger import (
    Broke,
    Flowed,
    GuardReached,
    Happened,
    Levels,
    Moved,
    Room,
    open_ledger,
    rooms,
    step,
)


class Trip(Struct, frozen=True):
    """One line that was met. ``what`` is ``fail``, ``pause``, ``block`` or ``flatten``.

    ``level`` is the floor that was crossed, or the amount from which the guard acts; ``measured``
    is the equity, or what was used up.
    """

    at: Instant
    what: str
    rule: str
    measured: Decimal
    level: Decimal
    by_reset: bool


class Backtest(Struct, frozen=True):
    """What came of it. ``marks`` is how often the money was known; the past between is not.

    ``worst`` is, by rule, the largest share of its allowance that was used up, in percent.
    ``ended`` is when the account would have failed; what came later was not looked at.
    """

    marks: int
    since: Instant | None
    until: Instant | None
    trips: tuple[Trip, ...]
    worst: dict[str, Decimal]
    ended: Instant | None = None
    ledger: LedgerState | None = None


def backtest(
    rules: Programme,
    levels: Levels,
    account: AccountId,
    events: Iterable[Event],
    initial: Decimal | None = None,
) -> Backtest:
    """Run an account's journaled money through a programme.

    Args:
        rules: the programme.
        levels: shares at which the guard acts.
        account: whose events are looked at.
        events: the journal, in its order.
        initial: what the phase began with; the first balance where not given.
    """
    state: LedgerState | None = None
    trips: list[Trip] = []
    worst: dict[str, Decimal] = {}
    marks, since, until = 0, None, None
    for moved in _moves(account, events):
        if state is None:
            balance = moved.balance
            start = balance if initial is None else initial
            state = open_ledger(
                rules, moved.at, start, balance, moved.equity, high=max(start, balance)
            )
            since = moved.at
        state, happened = step(rules, state, moved, levels)
        marks, until = marks + 1, moved.at
        for one in happened:
            trips += _trips(one)
        for room in rooms(rules, state, levels.caps):
            worst[room.rule] = max(worst.get(room.rule, ZERO), _used(room))
        if state.failed:
            return Backtest(marks, since, until, tuple(trips), worst, state.at, state)
    return Backtest(marks, since, until, tuple(trips), worst, None, state)


def _moves(account: AccountId, events: Iterable[Event]) -> Iterable[Moved | Flowed]:
    """Give what the journal knows of the account's money, in its order."""
    entries: set[ClOrdID] = set()
    opened = False
    money: AccountSnapshot | LedgerState | None = None
    for event in events:
        if getattr(event, "account", None) != account:
            continue
        if isinstance(event, OrderRequested) and event.leg == "e":
            entries.add(event.cl_ord_id)
        elif isinstance(event, OrderFilled):
            opened = opened or event.cl_ord_id in entries
        elif isinstance(event, AccountMarked | LedgerMoved):
            money = event.snapshot if isinstance(event, AccountMarked) else event.ledger
            yield Moved(at=event.at, balance=money.balance, equity=money.equity, opened=opened)
            opened = False
        elif isinstance(event, CashFlowRecorded) and money is not None:
            yield Flowed(
                at=event.at,
                kind=event.flow,
                amount=event.amount,
                balance=money.balance,
                equity=money.equity,
            )


def _trips(one: Happened) -> list[Trip]:
    if isinstance(one, Broke):
        what = "pause" if one.soft else "fail"
        return [
            Trip(one.at, what, rule, one.equity, floor, one.by_reset)
            for rule, floor in one.floors.items()
        ]
    if isinstance(one, GuardReached):
        return [Trip(one.at, one.action, one.rule, one.used, one.threshold, one.by_reset)]
    return []


def _used(room: Room) -> Decimal:
    return room.used * 100 / room.allowance if room.allowance else ZERO
