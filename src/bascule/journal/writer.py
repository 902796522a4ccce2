"""Writers: what stands between the engine's loop, which must not wait, and a store, which does.

``WriterThread`` is the one of production. It takes whatever is queued, commits it at once, so that
one fsync covers all of it, and tells the loop the new durable head. What comes alone while the disk
is quick, it commits in the loop's own thread. ``InlineWriter`` does the same in one thread, when
its caller says so, for simulation.
"""

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from bascule.journal.chain import GENESIS
from bascule.journal.progress import ProgressRecord
from bascule.journal.store import (
    COLUMNS,
    Chore,
    Head,
    Job,
    Notices,
    Rows,
    SaveProgress,
    SaveSnapshot,
    SetMeta,
    Store,
    Tidy,
    Value,
)
from bascule.model.errors import JournalError, JournalUnwritable

COMMIT_ROWS_MAX = 1_000
"""No more appends join a commit that has this many rows; one append is never divided."""
SWITCH_INTERVAL_S = 0.0001
"""How soon a busy loop gives the writer its turn; see the measurements in ``docs/journal.md``."""
IDLE_S = 0.02
"""How long the queue must be empty before housekeeping is done for its own sake."""
TIDY_AFTER = 250
"""So many commits on the loop's own thread, and the writer's is woken to do what is due."""
QUICK_NS = 1_000_000
"""A disk whose last commit took no longer is not worth two changes of thread, nor a wait."""


class Committer:
    """Does jobs in order against a store; both writers share it."""

    def __init__(self, store: Store, record: ProgressRecord, notices: Notices) -> None:
        self._store = store
        self._record = record
        self._notices = notices
        self._durable = GENESIS
        self._told = True
        self.failed = False

    def run_here(self, job: Rows) -> None:
        """Do one append on the loop's thread, and report it there and then."""
        if self.failed:
            return
        try:
            self._store.append(job.values)
        except JournalError as error:
            self.fail(error)
            return
        except Exception as error:  # the loop would go on as if it were only late
            self.fail(broken(error))
            return
        self._durable = job.head
        self._notices.on_durable(job.head)

    def run(self, jobs: list[Job]) -> None:
        """Do jobs in order; neighbouring appends share a commit. A failure is reported once."""
        if self.failed:
            return
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
                self._do(job)
            if head:
                self._commit(values, head)
        except JournalError as error:
            self.fail(error)

    def tidy(self, *, idle: bool) -> None:
        """Do housekeeping that is due. A failure is reported once."""
        if self.failed:
            return
        try:
            self._store.tidy(idle=idle)
        except JournalError as error:
            self.fail(error)

    def _commit(self, values: list[Value], head: Head) -> None:
        self._store.append(values)
        self._durable = head
        if self._told:  # a loop that has not come to the last notice yet needs no other
            self._told = False
            self._call(self._tell)

    def _tell(self) -> None:
        """On the loop: report the durable head of this moment."""
        self._told = True
        self._notices.on_durable(self._durable)

    def _do(self, job: Chore) -> None:
        match job:
            case SaveSnapshot(snapshot):
                self._store.save_snapshot(snapshot)
            case SaveProgress(record):
                self._record.write(record)
            case SetMeta(name, value):
                self._store.set_meta(name, value)
            case Tidy():
                pass

    def fail(self, error: JournalError) -> None:
        """Report the failure; whatever comes later is dropped, since its outcome is unknown."""
        self.failed = True
        self._call(self._notices.on_fatal, error)

    def _call(self, callback: Callable[..., None], *args: JournalError) -> None:
        with suppress(RuntimeError):  # the loop is closed already: nobody is left to be told
            self._notices.call_soon(callback, *args)


def broken(error: Exception) -> JournalUnwritable:
    """Say that something failed which is no fault of the disk's."""
    return JournalUnwritable(f"The journal's writer broke: {error!r}. This is a bug.")


def rows_of(job: Job) -> int:
    """Give the number of rows that a job appends."""
    return len(job.values) // len(COLUMNS) if isinstance(job, Rows) else 0


class WriterThread:
    """Commits from a thread of its own, or for what comes alone from the loop's, never from both.

    The thread alone uses the store while anything is queued or under way. It shortens the
    interpreter's switch interval, for the whole process: after each commit the thread must take
    the interpreter lock back from the loop, and a busy loop gives it up only then.
    """

    def __init__(self, store: Store, record: ProgressRecord, notices: Notices) -> None:
        self._store = store
        self._committer = Committer(store, record, notices)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._put = self._done = self._here = 0
        self._tidying = threading.Lock()
        self._took_ns = 0
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue a job; never blocks."""
        self._put += 1
        self._queue.put(job)

    def put_lone(self, job: Rows) -> None:
        """Commit in this thread, if nothing else is under way and the disk is quick; else queue.

        A change to the writer's thread and back costs as much as half an fsync. The loop stands
        still meanwhile, which is why a commit that took long sends the next ones to the thread,
        until one of them was quick again.
        """
        if (
            self._put != self._done
            or self._took_ns > QUICK_NS
            or not self._tidying.acquire(blocking=False)
        ):
            self.put(job)
            return
        try:
            began = time.perf_counter_ns()
            self._committer.run_here(job)
            self._took_ns = time.perf_counter_ns() - began
        finally:
            self._tidying.release()
        self._here += 1
        if self._here % TIDY_AFTER == 0:
            self.put(Tidy())

    def close(self) -> None:
        """Do all that is queued, then stop and close the store."""
        self._put += 1  # which is never done: nothing is committed here any more
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # a thread that ends unheard would leave the loop waiting
            self._committer.fail(broken(error))
        self._store.close()

    def _work(self) -> None:
        jobs: list[Job] = []
        asked_to_stop = False
        while not asked_to_stop:
            asked_to_stop = not self._drain(jobs)
            began = time.perf_counter_ns()
            self._committer.run(jobs)
            self._took_ns = time.perf_counter_ns() - began
            self._committer.tidy(idle=False)
            self._done += len(jobs)
            jobs.clear()

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
        while True:
            here = self._here
            try:
                return self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                if here != self._here:
                    continue  # what comes alone comes often: somebody would wait
            with self._tidying:
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
        record: ProgressRecord,
        notices: Notices,
        *,
        schedule: Callable[[Callable[[], None]], object],
        quick: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._committer = Committer(store, record, notices)
        self._schedule = schedule
        self._quick = quick
        self._queue: deque[Job] = deque()

    def put(self, job: Job) -> None:
        """Queue a job, and arrange its commit if none is arranged."""
        if not self._queue:
            self._schedule(self.commit)
        self._queue.append(job)

    def put_lone(self, job: Rows) -> None:
        """Commit at once, if nothing is queued and ``quick`` says so; else queue."""
        if self._queue or not self._quick():
            self.put(job)
        else:
            self._committer.run_here(job)

    def commit(self) -> None:
        """Commit what is queued, up to the limit of one commit; arrange another for the rest."""
        if not self._queue:
            return
        jobs: list[Job] = []
        rows = 0
        while self._queue and rows < COMMIT_ROWS_MAX:
            jobs.append(self._queue.popleft())
            rows += rows_of(jobs[-1])
        self._committer.run(jobs)
        self._committer.tidy(idle=not self._queue)
        if self._queue:
            self._schedule(self.commit)

    def close(self) -> None:
        """Do all that is queued, then close the store."""
        while self._queue:
            self.commit()
        self._store.close()
