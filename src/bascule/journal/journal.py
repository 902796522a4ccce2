"""The journal as the engine holds it: append on the loop, durable a moment later.

    journal = Journal.open(path, clock=..., call_soon=loop.call_soon_threadsafe,
                           on_durable=..., on_fatal=...)
    snapshot = journal.latest_snapshot()
    for seq, event in journal.replay(snapshot.seq if snapshot else 0): ...
    seq = journal.append(events)      # queued; nothing derived from it may leave yet
    # ... later, on the loop: on_durable(seq)

All methods are for the loop's thread. ``docs/journal.md`` says what each promises.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from bascule.journal.chain import GENESIS, KEEP, check_link, decode, encode
from bascule.journal.lock import Lock
from bascule.journal.progress import Progress, ProgressFile, ProgressRecord
from bascule.journal.sqlite import SqliteStore
from bascule.journal.store import (
    CallSoon,
    Head,
    Job,
    Notices,
    Rows,
    SaveProgress,
    SaveSnapshot,
    SetMeta,
    Snapshot,
    Store,
    Value,
    Writer,
)
from bascule.journal.writer import WriterThread
from bascule.model.errors import JournalCorrupt, JournalError, JournalUnwritable, invariant
from bascule.model.event import EpochStarted, Event
from bascule.model.values import Instant

BACKLOG_MAX = 200_000
"""Rows that may wait for the disk; more means that the disk has stalled, and ends the process."""

EPOCH_DUE = "epoch_due"
"""The name in ``meta`` that says: the next engine to start begins a new installation epoch."""


MakeWriter = Callable[[Store, ProgressRecord, Notices], Writer]


class Journal:
    """The one engine's journal. ``head`` is what was appended, ``durable`` what is fsynced."""

    def __init__(
        self,
        store: Store,
        record: ProgressRecord,
        *,
        clock: Callable[[], Instant],
        call_soon: CallSoon,
        on_durable: Callable[[int], None],
        on_fatal: Callable[[JournalError], None],
        writer: MakeWriter = WriterThread,
        lock: Lock | None = None,
    ) -> None:
        self._store = store
        self._record = record
        self._clock = clock
        self._notices = Notices(call_soon, self._durable, self._fatal)
        self._on_durable = on_durable
        self._on_fatal = on_fatal
        self._make_writer = writer
        self._lock = lock
        self._writer: Writer | None = None
        self._dead = False
        self.head = store.head()
        """The last event appended; the loop runs ahead of the disk by ``backlog`` rows."""
        self.durable = self.head
        """The last event fsynced."""
        self.restored = bool(store.meta(EPOCH_DUE))
        """Whether a backup was put in its place since the last start."""
        self.epoch_due = self.restored or self.head == GENESIS
        """Whether an ``EpochStarted`` must come first: a new journal, or a restored backup."""
        self._hold_to_progress()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        clock: Callable[[], Instant],
        call_soon: CallSoon,
        on_durable: Callable[[int], None],
        on_fatal: Callable[[JournalError], None],
        vfs: str | None = None,
        writer: MakeWriter = WriterThread,
    ) -> Self:
        """Take the journal at ``path``, making it when there is none.

        Args:
            path: the SQLite file; its directory must exist.
            clock: gives the time in UTC nanoseconds.
            call_soon: ``loop.call_soon_threadsafe``.
            on_durable: called on the loop with the sequence up to which all is fsynced.
            on_fatal: called on the loop, once, when a write failed; the process must end.
            vfs: name of an apsw VFS to stand on, for tests.
            writer: makes the writer; a simulator gives its own.

        Raises:
            JournalLocked: another process holds it.
            JournalCorrupt: it is damaged, or shorter than it was.
            JournalUnwritable: it cannot be opened for writing.
            JournalError: a newer Bascule wrote it.
        """
        path = Path(path)
        lock = Lock(path)
        try:
            store = SqliteStore.open(path, vfs=vfs)
            try:
                return cls(
                    store,
                    ProgressFile(path),
                    clock=clock,
                    call_soon=call_soon,
                    on_durable=on_durable,
                    on_fatal=on_fatal,
                    writer=writer,
                    lock=lock,
                )
            except JournalError:
                store.close()
                raise
        except JournalError:
            lock.release()
            raise

    @property
    def backlog(self) -> int:
        """Rows appended and not yet durable."""
        return self.head.seq - self.durable.seq

    def latest_snapshot(self) -> Snapshot | None:
        """Give the newest snapshot that is whole, or None; a damaged one is passed over.

        Call it before the first append.
        """
        self._not_yet_writing()
        for snapshot in self._store.snapshots():
            if snapshot.seq <= self.head.seq and snapshot.whole:
                return snapshot
        return None

    def replay(self, after_seq: int = 0) -> Iterator[tuple[int, Event]]:
        """Give the events after ``after_seq``, each held to the chain before it is given.

        Call it before the first append.

        Raises:
            JournalCorrupt: a row is missing, changed or unreadable.
        """
        self._not_yet_writing()
        start = GENESIS.hash if after_seq == 0 else self._store.row_hash(after_seq)
        if start is None:
            raise JournalCorrupt(
                f"Journal row {after_seq} is missing.", code="journal_row_missing", hint=KEEP
            )
        head = Head(after_seq, start)
        for row in self._store.rows(after_seq):
            head = check_link(head, row)
            yield row.seq, decode(row.seq, row.data)

    def append(self, events: Sequence[Event], *, lone: bool = False) -> int:
        """Queue events as one transaction, all or none. They are durable once that is told.

        Args:
            events: what happened, in order.
            lone: nothing else is expected to come while they are written, so that they may be
                before this returns: ``on_durable`` is then called meanwhile.

        Returns:
            the sequence of the last of them: wait for ``on_durable`` to reach it.

        Raises:
            JournalUnwritable: a write has failed before, or the disk has stalled.
        """
        if not events:
            return self.head.seq
        if self._dead:
            raise _dead()
        if self.backlog > BACKLOG_MAX:
            error = _stalled(self.backlog)
            self._fatal(error)
            raise error
        values: list[Value] = []
        self.head = encode(events, self.head, values)
        rows = Rows(values, self.head)
        if lone and self._writer is not None:
            self._writer.put_lone(rows)
        else:
            self._put(rows)
        if self.epoch_due and any(isinstance(event, EpochStarted) for event in events):
            self.epoch_due = False
            self._put(SetMeta(EPOCH_DUE, ""))
        return self.head.seq

    def write_snapshot(self, seq: int, state: bytes) -> None:
        """Queue a snapshot of the state that all events up to ``seq`` fold to.

        It is a short cut for the next start and nothing else: it may be lost.
        """
        invariant(seq <= self.head.seq, "a snapshot is of events that were appended", seq=seq)
        self._put(SaveSnapshot(Snapshot.taken(seq, state, self._clock())))

    def progress(self, *, pid: int, started: str) -> None:
        """Queue a progress record with the head as it is now; call it each second."""
        head = self.head
        record = Progress(
            at=self._clock(), pid=pid, started=started, seq=head.seq, hash=head.hash.hex()
        )
        self._put(SaveProgress(msgspec.json.encode(record)))

    def close(self) -> None:
        """Make durable what is queued and let go of the journal. Closing twice is harmless.

        Blocks until the disk is done; the last ``on_durable`` still comes through the loop.
        """
        if self._writer:
            self._writer.close()
        else:
            self._store.close()
        if self._lock:
            self._lock.release()

    def _put(self, job: Job) -> None:
        if self._dead:
            return
        if self._writer is None:
            self._writer = self._make_writer(self._store, self._record, self._notices)
        self._writer.put(job)

    def _durable(self, head: Head) -> None:
        if not self._dead:
            self.durable = head
            self._on_durable(head.seq)

    def _fatal(self, error: JournalError) -> None:
        if not self._dead:
            self._dead = True
            self._on_fatal(error)

    def _not_yet_writing(self) -> None:
        invariant(self._writer is None, "the writer has the store: read through a Follower")

    def _hold_to_progress(self) -> None:
        """Refuse a journal that lacks events which were once durable.

        Raises:
            JournalCorrupt: it is shorter than its progress record says, or another.
        """
        record = self._record.read()
        if record is None or record.seq == 0:
            return
        hint = (
            "If you put a backup in its place on purpose, use the restore command, which begins a"
            " new epoch. Otherwise the disk lost data: keep the file and restore a backup."
        )
        if record.seq > self.head.seq:
            raise JournalCorrupt(
                f"The journal is shorter than it was: it ends at event {self.head.seq} and event"
                f" {record.seq} was durable.",
                code="journal_shorter",
                hint=hint,
            )
        if (self._store.row_hash(record.seq) or b"").hex() != record.hash:
            raise JournalCorrupt(
                f"The journal is not the one that was here: event {record.seq} is another.",
                code="journal_other",
                hint=hint,
            )


def _stalled(backlog: int) -> JournalUnwritable:
    return JournalUnwritable(
        f"The disk has stalled: {backlog} events wait for it. Nothing of them was sent.",
        hint="Check the disk, then start again.",
    )


def _dead() -> JournalUnwritable:
    return JournalUnwritable(
        "The journal failed before; nothing more is taken in.", hint="Start again."
    )
