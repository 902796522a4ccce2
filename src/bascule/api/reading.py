"""What is read from the journal rather than from memory: stories, signals, a stopped engine.

Synchronous, each call one short read: a server calls it in a thread, a command just calls it. It
needs no engine, so whatever it gives can also be had while none runs.
"""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bascule.execution.evolve import evolve
from bascule.execution.state import State, load
from bascule.execution.story import Story, root_signal, tell
from bascule.journal.chain import decode
from bascule.journal.follower import ROWS_MAX, Follower
from bascule.journal.store import Row
from bascule.model.event import Event, SignalAccepted, SignalDuplicate, SignalRefused
from bascule.model.values import Instant

SIGNAL_KINDS = ("signal_accepted", "signal_refused", "signal_duplicate")
_RAW_MAX = 400


class SignalView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signal as it was answered: ``accepted``, ``refused`` or ``duplicate``."""

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
    seq: int = 0


def signals(
    journal: Path,
    *,
    which: Literal["refused", "all"] = "all",
    strategy: str = "",
    limit: int = 50,
) -> list[SignalView]:
    """Give the last signals: the refused ones first, then the others, each the newest first."""
    refused_kinds, others = SIGNAL_KINDS[1:2], (SIGNAL_KINDS[0], SIGNAL_KINDS[2])
    with Follower(journal) as follower:
        found = _shown(follower.of_kinds(refused_kinds, limit=limit), strategy)
        if which == "all":
            found += _shown(follower.of_kinds(others, limit=limit), strategy)
    return found[:limit] if which == "refused" else found


def _shown(rows: list[Row], strategy: str) -> list[SignalView]:
    views = [_signal_view(row.seq, decode(row.seq, row.data)) for row in rows]
    return [view for view in views if view and (not strategy or view.strategy == strategy)]


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
        stops = follower.of_kinds(("stop_set",), after_seq=first - 1, before_seq=first + 100)
        rows |= {row.seq: row for row in stops}
    events = [(seq, decode(seq, rows[seq].data)) for seq in sorted(rows)]
    return tell(signal, events)


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
        kept = next(iter(follower.snapshots()), None)
        state = load(kept.state) if kept is not None else State()
        reached = kept.seq if kept is not None else 0
        while events := follower.poll(reached, ROWS_MAX):
            for seq, event in events:
                evolve(state, event)
                reached = seq
    return state


def data_of(row: Row) -> dict[str, object]:
    """Give a stored event as a JSON object."""
    found: dict[str, object] = msgspec.json.decode(row.data)
    return found
