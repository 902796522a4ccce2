"""The ports of the journal: what a store must do, what a writer must do, and their words.

A ``Store`` is the synchronous file or database; one thread at a time uses it. A ``Writer`` stands
between the engine's loop and the store: it takes jobs without blocking, makes them durable in the
order given, and says so on the loop. The engine runs with a writer thread; a simulator puts a
single-threaded writer in its place.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, Self

from bascule.model.errors import JournalError
from bascule.model.values import Instant

CallSoon = Callable[..., Any]
"""``loop.call_soon_threadsafe``: takes a callback and its arguments, from any thread."""

Value = int | str | bytes
"""What one column of a row can hold."""

COLUMNS = ("seq", "at", "kind", "signal", "cause", "account", "data", "hash")
"""The columns of ``events``, in order. ``Row`` names them for a reader."""


class Row(NamedTuple):
    """One journaled event as it is stored.

    ``signal`` is the root signal: the one an order descends from, or the first of a resend; ''
    where there is none.
    ``cause`` is the signal that asked for this change when it is another one, else ''. ``data``
    is the event as JSON; ``at``, ``kind``, ``signal``, ``cause`` and ``account`` are taken from it.
    ``hash`` is the chain's, see ``chain.py``.
    """

    seq: int
    at: Instant
    kind: str
    signal: str
    cause: str
    account: str
    data: str
    hash: bytes


class Head(NamedTuple):
    """The last event: its sequence (0 when there is none yet) and its chain hash."""

    seq: int
    hash: bytes


class Snapshot(NamedTuple):
    """The state that all events up to ``seq`` fold to; ``hash`` vouches for the other three."""

    seq: int
    state: bytes
    hash: bytes
    at: Instant

    @classmethod
    def taken(cls, seq: int, state: bytes, at: Instant) -> Self:
        """Make a snapshot with its hash."""
        return cls(seq, state, _digest(seq, state, at), at)

    @property
    def whole(self) -> bool:
        """Whether it is what was written."""
        return _digest(self.seq, self.state, self.at) == self.hash


def _digest(seq: int, state: bytes, at: int) -> bytes:
    return sha256(f"{seq} {at} ".encode() + state).digest()


class Rows(NamedTuple):
    """A job: append these rows, all or none. ``values`` is flat, ``COLUMNS`` for each row."""

    values: list[Value]
    head: Head


class SaveSnapshot(NamedTuple):
    """A job: keep a snapshot and drop the oldest."""

    snapshot: Snapshot


class SaveProgress(NamedTuple):
    """A job: replace the progress record by this one, fsynced, outside the chain."""

    record: bytes


class SetMeta(NamedTuple):
    """A job: note a value in the table ``meta``; '' removes it."""

    name: str
    value: str


class Tidy(NamedTuple):
    """A job: nothing but the housekeeping that follows every job, where it is due."""


Chore = SaveSnapshot | SaveProgress | SetMeta | Tidy
Job = Rows | Chore


class Store(Protocol):
    """Where events are kept. Each method is synchronous; each write is durable when it returns.

    A method that writes raises ``JournalUnwritable`` when it cannot; the store is not used again.
    """

    def head(self) -> Head:
        """Give the last event's sequence and hash."""

    def rows(self, after_seq: int) -> Iterator[Row]:
        """Give the rows after ``after_seq`` in order."""

    def row_hash(self, seq: int) -> bytes | None:
        """Give the chain hash of one row, or None when there is no such row."""

    def snapshots(self) -> Sequence[Snapshot]:
        """Give the snapshots kept, the newest first."""

    def meta(self, name: str) -> str:
        """Give a value of the table ``meta``, or ''."""

    def append(self, values: list[Value]) -> None:
        """Append whole rows in one transaction."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot and drop the oldest."""

    def set_meta(self, name: str, value: str) -> None:
        """Note a value; '' removes it."""

    def tidy(self, *, idle: bool) -> None:
        """Do what housekeeping is due; ``idle`` says that nobody is waiting."""

    def close(self) -> None:
        """Let go of the files. Closing twice is harmless."""


class Notices(NamedTuple):
    """How a writer reports, always on the loop.

    ``on_durable(head)``: everything up to there is fsynced. ``on_fatal(error)``: a write failed,
    nothing after the last durable head will ever be reported durable; called once.
    """

    call_soon: CallSoon
    on_durable: Callable[[Head], None]
    on_fatal: Callable[[JournalError], None]


class Writer(Protocol):
    """Makes jobs durable in the order they were put."""

    def put(self, job: Job) -> None:
        """Queue a job; never blocks, never raises for what the disk does."""

    def put_lone(self, job: Rows) -> None:
        """Do an append that comes alone before this returns, or queue it like any other.

        Durable is what ``on_durable`` says; it is called meanwhile where it was done at once.
        """

    def close(self) -> None:
        """Do all that is queued, then stop; blocks until it is done."""
