from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.model.ledger import LedgerState
from bascule.model.programme import Clock, DailyLoss, Limit, Lock, MaxLoss, Programme, Trail
from bascule.model.values import HOUR, MINUTE, Instant
from bascule.risk.programmes.ledger import (
    Flowed,
    Happened,
    LedgerEvent,
    Levels,
    Moved,
    Passed,
    calm,
    open_ledger,
    rooms,
    step,
)

INITIAL = Decimal(100_000)
START = Instant(1_774_600_000_000_000_000)
"""2026-03-27: a spring change of the clocks lies ahead."""
LEVELS = Levels((("block", Decimal(75)), ("flatten", Decimal(90))), ("daily_loss", "max_loss"))

money = st.decimals(-3_000, 3_000, places=2)
clocks = st.sampled_from(
    [
        Clock("00:00", "Europe/Prague"),
        Clock("17:00", "America/New_York"),
        Clock("00:00", "server_gmt2_gmt3"),
    ]
)
limits = st.one_of(
    st.builds(
        Limit,
        pct=st.integers(1, 12).map(Decimal),
        of=st.sampled_from(["initial", "reference", "unknown"]),
    ),
    st.builds(Limit, amount=st.integers(500, 9_000).map(Decimal)),
)
dailies = st.builds(
    DailyLoss,
    limit=limits,
    reference=st.sampled_from(["balance", "equity", "higher", "initial", "day_peak_equity"]),
    measured_on=st.just("equity"),
    trigger=st.sampled_from(["below", "at_or_below"]),
    on_breach=st.sampled_from(["fail", "pause"]),
    reset=clocks,
)
trails = st.builds(
    Trail,
    on=st.sampled_from(["equity", "balance"]),
    when=st.sampled_from(["intraday", "eod"]),
    eod=clocks,
)
wholes = st.builds(
    MaxLoss,
    limit=limits,
    kind=st.sampled_from(["static", "trailing"]),
    trail=trails,
    lock=st.sampled_from([None, Lock(), Lock(Decimal(100))]),
    trigger=st.just("below"),
    on_breach=st.just("fail"),
)
programmes = st.builds(
    Programme, id=st.just("any"), daily_loss=st.none() | dailies, max_loss=st.none() | wholes
)
moves = st.lists(st.tuples(st.integers(0, 30), money, money, st.sampled_from("mmmfp")), max_size=25)


def events_of(drawn: list[tuple[int, Decimal, Decimal, str]]) -> list[LedgerEvent]:
    """Make a stream in time: marks and closes, deposits, and hours in which nothing happens."""
    at, balance = START, INITIAL
    out: list[LedgerEvent] = []
    for hours, made, floating, kind in drawn:
        at = Instant(at + hours * HOUR + MINUTE)
        if kind == "p":
            out.append(Passed(at))
            continue
        if kind == "f":
            made = abs(made)
            balance += made
            equity = balance + floating
            out.append(Flowed(at=at, kind="deposit", amount=made, balance=balance, equity=equity))
            continue
        balance += made
        out.append(Moved(at=at, balance=balance, equity=balance + floating))
    return out


def run(
    rules: Programme, state: LedgerState, events: list[LedgerEvent]
) -> tuple[LedgerState, list[Happened]]:
    """Take every event."""
    told: list[Happened] = []
    for event in events:
        state, happened = step(rules, state, event, LEVELS)
        told += happened
    return state, told


@settings(max_examples=150, deadline=None)
@given(programmes, moves)
def test_the_floor_of_the_account_never_falls(
    rules: Programme, drawn: list[tuple[int, Decimal, Decimal, str]]
) -> None:
    """Whatever is earned, lost or paid in, the maximum loss's floor only rises."""
    state = open_ledger(rules, START, INITIAL)
    for event in events_of(drawn):
        after, _ = step(rules, state, event, LEVELS)
        if state.floor is not None:
            assert after.floor is not None
            assert after.floor >= state.floor
        state = after


@settings(max_examples=150, deadline=None)
@given(programmes, moves, st.integers(0, 25))
def test_a_restart_changes_nothing(
    rules: Programme, drawn: list[tuple[int, Decimal, Decimal, str]], cut: int
) -> None:
    """A state written and read back goes on as one that lived through."""
    events = events_of(drawn)
    state, told = run(rules, open_ledger(rules, START, INITIAL), events)
    before, first = run(rules, open_ledger(rules, START, INITIAL), events[:cut])
    kept = msgspec.json.decode(msgspec.json.encode(before), type=LedgerState)
    after, rest = run(rules, kept, events[cut:])
    assert (after, first + rest) == (state, told)


@settings(max_examples=100, deadline=None)
@given(programmes, moves, st.integers(1, 40))
def test_time_in_pieces_is_time_at_once(
    rules: Programme, drawn: list[tuple[int, Decimal, Decimal, str]], minutes: int
) -> None:
    """However often the clock is looked at in between, the same resets lead to the same state."""
    events = events_of(drawn)
    state, told = run(rules, open_ledger(rules, START, INITIAL), events)
    ticked: list[LedgerEvent] = []
    for event in events:
        ticked += [Passed(Instant(event.at - minutes * MINUTE // 41)), event]
    again, told_again = run(rules, open_ledger(rules, START, INITIAL), ticked)
    assert (again, told_again) == (state, told)


@settings(max_examples=100, deadline=None)
@given(programmes, moves)
def test_a_line_is_crossed_when_it_is_said(
    rules: Programme, drawn: list[tuple[int, Decimal, Decimal, str]]
) -> None:
    """Until a breach is told every room is left, and a failed account fails once."""
    state = open_ledger(rules, START, INITIAL)
    failures = 0
    for event in events_of(drawn):
        state, happened = step(rules, state, event, LEVELS)
        failures += sum(1 for one in happened if type(one).__name__ == "Broke" and not one.soft)
        if not state.failed and not state.paused:
            assert all(room.room >= 0 for room in rooms(rules, state))
    assert failures == bool(state.failed)


@settings(max_examples=200, deadline=None)
@given(programmes, moves, st.decimals(0, 1, places=4))
def test_between_all_lines_nothing_changes_but_equity(
    rules: Programme, drawn: list[tuple[int, Decimal, Decimal, str]], share: Decimal
) -> None:
    """An equity that is said to change nothing leaves every floor, high and guard as it was."""
    state, _ = run(rules, open_ledger(rules, START, INITIAL), events_of(drawn))
    span = calm(rules, state, LEVELS)
    if span is None or state.failed:
        return
    top = min(span[1], span[0] + 50_000)
    equity = top - (top - span[0]) * share * Decimal("0.99")
    moved = Moved(at=state.at, balance=state.balance, equity=equity)
    after, happened = step(rules, state, moved, LEVELS)
    assert not happened
    assert msgspec.structs.replace(after, equity=state.equity) == state


def test_a_clock_that_was_set_back_begins_no_day_anew() -> None:
    """Over a restart at midnight; before, the result of the day so far was forgotten."""
    limit = Limit(amount=Decimal(5_000))
    daily = DailyLoss(limit, "balance", "equity", "below", "fail", Clock("00:00", "UTC"))
    rules = Programme(id="p", daily_loss=daily)
    midnight = Instant((START // (24 * HOUR) + 1) * 24 * HOUR)
    state = open_ledger(rules, Instant(midnight - HOUR), INITIAL)
    for at, lost in ((midnight + MINUTE, 1_000), (midnight - MINUTE, 1_100), (midnight + 1, 1_200)):
        left = INITIAL - lost
        state, _ = step(rules, state, Moved(at=Instant(at), balance=left, equity=left))
        assert (state.day, state.profit) == ("2026-03-28", -lost)
