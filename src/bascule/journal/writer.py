"""Writers: what stands between the engine's loop, which never waits, and a store, which does.

``WriterThread`` is the one of production. It takes whatever is queued, commits it at once, so that
one fsync covers all of it, and tells the loop the new durable head. ``InlineWriter`` does the same
in one thread, when its caller says so, for simulation.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bascule.journal.store import (
    COLUMNS,
    Head,
    Job,
    Notices,
    Rows,
    SaveProgress,
    SaveSnapshot,
    Store,
    Value,
)
from bascule.model.errors import JournalError

COMMIT_ROWS_MAX = 1_000
"""No more appends join a commit that has this many rows; one append is never divided."""
IDLE_S = 0.02
"""How long the queue must be empty before housekeeping is done for its own sake."""


class RecordFile(Protocol):
    """A small file that is replaced as a whole."""

    def write(self, record: bytes) -> None:
        """Replace the content, durably and at once; raises ``JournalUnwritable``."""


class Committer:
    """Does jobs in order against a store; both writers share it."""

    def __init__(self, store: Store, record: RecordFile, notices: Notices) -> None:
        self._store = store
        self._record = record
        self._notices = notices
        self.failed = False

    def run(self, jobs: list[Job]) -> None:
        """Do jobs in order; neighbouring appends share a commit. Reports, and never raises."""
        values: list[Value] = []
        head: Head | None = None
        try:
            for job in jobs:
                if isinstance(job, Rows):
                    values.extend(job.values)
                    head = job.head
                    continue
                if head:
                    self._commit(values, head)
                    values, head = [], None
                self._other(job)
            if head:
                self._commit(values, head)
        except JournalError as error:
            self._fail(error)

    def tidy(self, *, idle: bool) -> None:
        """Do housekeeping that is due. Reports, and never raises."""
        try:
            self._store.tidy(idle=idle)
        except JournalError as error:
            self._fail(error)

    def _commit(self, values: list[Value], head: Head) -> None:
        self._store.append(values)
        self._notices.call_soon(self._notices.on_durable, head)

    def _other(self, job: Job) -> None:
        if isinstance(job, SaveSnapshot):
            self._store.save_snapshot(job.snapshot)
        elif isinstance(job, SaveProgress):
            self._record.write(job.record)
        elif not isinstance(job, Rows):
            self._store.set_meta(job.name, job.value)

    def _fail(self, error: JournalError) -> None:
        """Report the failure; whatever comes later is dropped, since its outcome is unknown."""
        self.failed = True
        self._notices.call_soon(self._notices.on_fatal, error)


def rows_of(job: Job) -> int:
    """Give the number of rows that a job appends."""
    return len(job.values) // len(COLUMNS) if isinstance(job, Rows) else 0


class WriterThread:
    """Commits from a thread of its own, which alone uses the store from now on."""

    def __init__(self, store: Store, record: RecordFile, notices: Notices) -> None:
        self._store = store
        self._committer = Committer(store, record, notices)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue a job; never blocks."""
        self._queue.put(job)

    def close(self) -> None:
        """Do all that is queued, then stop and close the store."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        committer = self._committer
        jobs: list[Job] = []
        while self._drain(jobs):
            if not committer.failed:
                committer.run(jobs)
            if not committer.failed:
                committer.tidy(idle=False)
            jobs.clear()
        if not committer.failed:
            committer.run(jobs)
        self._store.close()

    def _drain(self, jobs: list[Job]) -> bool:
        """Wait for a job and take what else is there; False when asked to stop."""
        job = self._wait()
        rows = 0
        while job is not None:
            jobs.append(job)
            rows += rows_of(job)
            if rows >= COMMIT_ROWS_MAX or not self._queue.qsize():
                return True
            job = self._queue.get()
        return False

    def _wait(self) -> Job | None:
        try:
            return self._queue.get(timeout=IDLE_S)
        except queue.Empty:
            if not self._committer.failed:
                self._committer.tidy(idle=True)
            return self._queue.get()


class InlineWriter:
    """Commits when ``schedule`` calls back, in the same thread: the twin of the writer thread.

    ``schedule(callback)`` arranges one later call, as a simulator's virtual disk would; jobs put
    until then share the commit.
    """

    def __init__(
        self,
        store: Store,
        record: RecordFile,
        notices: Notices,
        *,
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        self._store = store
        self._committer = Committer(store, record, notices)
        self._schedule = schedule
        self._queue: deque[Job] = deque()

    def put(self, job: Job) -> None:
        """Queue a job, and arrange its commit if none is arranged."""
        if not self._queue:
            self._schedule(self.commit)
        self._queue.append(job)

    def commit(self) -> None:
        """Commit what is queued, up to the limit of one commit; arrange another for the rest."""
        jobs: list[Job] = []
        rows = 0
        while self._queue and rows < COMMIT_ROWS_MAX:
            jobs.append(self._queue.popleft())
            rows += rows_of(jobs[-1])
        if not self._committer.failed:
            self._committer.run(jobs)
        if not self._committer.failed:
            self._committer.tidy(idle=not self._queue)
        if self._queue:
            self._schedule(self.commit)

    def close(self) -> None:
        """Do all that is queued, then close the store."""
        while self._queue:
            self.commit()
        self._store.close()
