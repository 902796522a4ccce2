"""What is read from the journal rather than from memory: stories, signals, a stopped engine.

Synchronous, each call one short read: a server calls it in a thread, a command just calls it. It
needs no engine, so whatever it gives can also be had while none runs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from bascule import __version__
from bascule.execution.evolve import evolve
from bascule.execution.state import State, load_own
from bascule.execution.story import Story, root_signal, tell
from bascule.journal.chain import decode
from bascule.journal.follower import ROWS_MAX, Follower
from bascule.journal.store import Row
from bascule.model.event import (
    CancelRequested,
    Event,
    IntentRefused,
    OrderRefused,
    OrderRequested,
    ReplaceRequested,
    SignalAccepted,
    SignalDuplicate,
    SignalRefused,
)
from bascule.model.values import Instant

SIGNAL_KINDS = ("signal_accepted", "signal_refused", "signal_duplicate")
SIGNALS_LOOKED_AT = 2_000
"""How far back refused ones, or one strategy's, are looked for."""
_CHANGES = ("cancel_requested", "replace_requested", "protection_changed")
_OUTCOMES = ("order_requested", "order_refused", "intent_refused", *_CHANGES)
_MAIN_LEGS = ("e", "x")
_RAW_MAX = 400


class SignalView(Struct, kw_only=True, omit_defaults=True):
    """One signal and what came of it at once.

    ``status``: ``accepted``, ``refused``, ``duplicate``, or ``held_back``: it was taken in, and
    nothing was done, since every part of it was held back. ``orders`` counts the orders that were
    requested; ``held_back`` says by account why others were not.
    """

    signal: str
    status: str
    at: Instant
    received_at: Instant
    source: str
    dialect: str = ""
    strategy: str = ""
    code: str = ""
    text: str = ""
    duplicate_of: str = ""
    raw: str = ""
    orders: int = 0
    held_back: list[str] = []
    seq: int = 0


def signals(
    journal: Path,
    *,
    which: Literal["refused", "all"] = "all",
    strategy: str = "",
    limit: int = 50,
) -> list[SignalView]:
    """Give the last signals: those that were refused or held back first, each the newest first."""
    with Follower(journal) as follower:
        looked_at = limit if which == "all" and not strategy else SIGNALS_LOOKED_AT
        rows = follower.of_kinds(SIGNAL_KINDS, limit=looked_at)
        views = [_signal_view(row.seq, decode(row.seq, row.data)) for row in rows]
        found = [one for one in views if one and (not strategy or one.strategy == strategy)]
        if found:
            outcomes = follower.of_kinds(_OUTCOMES, after_seq=found[-1].seq, limit=ROWS_MAX)
            _add_outcomes(found, outcomes)
    bad = [one for one in found if one.status in ("refused", "held_back")]
    if which == "refused":
        return bad[:limit]
    found = found[:limit]
    return sorted(found, key=lambda one: one.status not in ("refused", "held_back"))


def _add_outcomes(views: list[SignalView], rows: list[Row]) -> None:
    """Say of each accepted signal how many orders it led to, and what was held back."""
    by_signal = {view.signal: view for view in views}
    changing: set[str] = set()
    for row in reversed(rows):
        if row.kind in _CHANGES:
            changing.add(row.cause or row.signal)
            continue
        view = by_signal.get(row.signal)
        event = decode(row.seq, row.data) if view is not None else None
        if view is None:
            continue
        if isinstance(event, OrderRefused | IntentRefused):
            where = f"{event.account}: " if event.account else ""
            view.held_back.append(f"{where}{event.text} ({event.code})")
        elif isinstance(event, OrderRequested) and event.leg in _MAIN_LEGS:
            view.orders += 1
    for view in views:
        done = view.orders or view.signal in changing
        if view.status == "accepted" and view.held_back and not done:
            view.status = "held_back"


def _signal_view(seq: int, event: Event) -> SignalView | None:
    if isinstance(event, SignalDuplicate):
        return SignalView(
            signal=event.signal,
            status="duplicate",
            at=event.at,
            received_at=event.received_at,
            source=event.source,
            duplicate_of=event.duplicate_of,
            seq=seq,
        )
    if not isinstance(event, SignalAccepted | SignalRefused):
        return None
    refused = isinstance(event, SignalRefused)
    return SignalView(
        signal=event.signal,
        status="refused" if refused else "accepted",
        at=event.at,
        received_at=event.received_at,
        source=event.source,
        dialect=event.dialect,
        strategy=event.strategy,
        code=event.code if isinstance(event, SignalRefused) else "",
        text=event.text if isinstance(event, SignalRefused) else "",
        raw=event.raw[:_RAW_MAX],
        seq=seq,
    )


def story(journal: Path, name: str) -> Story | None:
    """Tell the story of a signal, or of the signal behind an order; None when there is none."""
    signal = root_signal(name)
    with Follower(journal) as follower:
        rows = {row.seq: row for row in follower.of_signal(signal)}
        if not rows:
            return None
        first = min(rows)
        rows |= {row.seq: row for row in _shared_sends(follower, rows)}
        resent = follower.of_kinds(("signal_duplicate",), after_seq=first)
        rows |= {row.seq: row for row in resent if f'"duplicate_of":"{signal}"' in row.data}
        rows |= {row.seq: row for row in _answers(follower, signal, list(rows.values()))}
        stops = follower.of_kinds(("stop_set",), after_seq=first - 1, before_seq=first + 100)
        rows |= {row.seq: row for row in stops}
    events = [(seq, decode(seq, rows[seq].data)) for seq in sorted(rows)]
    return tell(signal, events)


def _answers(follower: Follower, signal: str, rows: list[Row]) -> Iterator[Row]:
    """Find what became of each change that the signal asked of another signal's order."""
    for row in rows:
        if row.kind in ("cancel_requested", "replace_requested") and row.signal != signal:
            asked = decode(row.seq, row.data)
            assert isinstance(asked, CancelRequested | ReplaceRequested)
            mark = f'"request_id":"{asked.request_id}"'
            for one in follower.of_order(asked.cl_ord_id):
                if one.kind in ("change_rejected", "order_replaced") and mark in one.data:
                    yield one


def _shared_sends(follower: Follower, rows: dict[int, Row]) -> list[Row]:
    """Find the sends that this signal's orders shared with another's: those are under no signal."""
    asked = [row.seq for row in rows.values() if row.kind in ("order_requested", "order_released")]
    if not asked:
        return []
    return [
        row
        for row in follower.of_kinds(
            ("orders_sent",), after_seq=min(asked), before_seq=max(rows) + 1, limit=ROWS_MAX
        )
        if not row.signal
    ]


def events_after(
    follower: Follower, after_seq: int, kinds: frozenset[str] | None, limit: int
) -> tuple[list[Row], int]:
    """Give the next rows of some kinds, and how far was read."""
    rows = follower.rows(after_seq, limit)
    reached = rows[-1].seq if rows else after_seq
    return [row for row in rows if kinds is None or row.kind in kinds], reached


def folded_state(journal: Path) -> State:
    """Fold the state that a stopped engine left behind, from its newest snapshot on.

    Raises:
        JournalError: there is no journal, or it cannot be read.
    """
    with Follower(journal) as follower:
        newest = next((one for one in follower.snapshots() if one.whole), None)
        kept = load_own(newest.state, __version__) if newest is not None else None
        state = kept or State()
        reached = newest.seq if newest is not None and kept is not None else 0
        while events := follower.poll(reached, ROWS_MAX):
            for seq, event in events:
                evolve(state, event)
                reached = seq
    return state
