"""Both writers: the order of jobs, the coalescing of notices, and a writer that breaks."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bascule.journal.progress import ProgressFile
from bascule.journal.store import COLUMNS, Head, Notices, Rows
from bascule.journal.writer import (
    COMMIT_ROWS_MAX,
    IDLE_S,
    QUICK_NS,
    TIDY_AFTER,
    InlineWriter,
    WriterThread,
)
from bascule.model.errors import JournalError, JournalUnwritable
from tests.unit.journal.support import Held, link, links, replayed
from tests.waiting import PATIENCE_S


class Loop:
    """Holds the callbacks until they are asked for, as a busy loop does."""

    def __init__(self) -> None:
        self.due: list[tuple[Callable[..., Any], Sequence[Any]]] = []
        self.durable: list[int] = []
        self.fatal: list[JournalError] = []
        self.notices = Notices(
            self.call_soon, lambda head: self.durable.append(head.seq), self.fatal.append
        )

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self.due.append((callback, args))

    def run(self) -> None:
        due, self.due = self.due, []
        for callback, args in due:
            callback(*args)


class Broken:
    """A store with a bug: what it raises is no error of ours."""

    def append(self, values: object) -> None:
        raise ZeroDivisionError

    def tidy(self, *, idle: bool) -> None:
        pass

    def close(self) -> None:
        pass


def _row(seq: int) -> Rows:
    return Rows([seq, 1, "link_changed", "", "", "", "{}", bytes(32)], Head(seq, bytes(32)))


def test_a_busy_loop_is_told_once(tmp_path: Path) -> None:
    """Commits that a busy loop has not heard of yet share one callback, with the last head."""
    loop = Loop()
    with Held(tmp_path / "journal.db", threaded=False) as held:
        held.journal._notices = loop.notices
        for number in range(1, 6):
            held.journal.append([link(number)])
            held.commit()
        assert len(loop.due) == 1
        loop.run()
        assert loop.durable == [5]
        held.journal.append([link(6)])
        held.commit()
        loop.run()
        assert loop.durable == [5, 6]


def test_a_writer_that_breaks_is_heard(tmp_path: Path) -> None:
    """A bug in the writer thread ends the engine; it does not leave it waiting for ever."""
    loop = Loop()
    writer = WriterThread(Broken(), ProgressFile(tmp_path / "j"), loop.notices)
    writer.put(_row(1))
    writer.put(_row(2))
    writer.close()
    loop.run()
    assert loop.durable == []
    (fatal,) = loop.fatal
    assert "ZeroDivisionError" in fatal.message


def test_a_closed_loop_does_not_stop_the_last_commits(tmp_path: Path) -> None:
    """With nobody left to tell, what is queued is made durable all the same."""
    path = tmp_path / "journal.db"

    def closed(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    with Held(path) as held:
        held.journal._notices = held.journal._notices._replace(call_soon=closed)
        held.journal.append(links(1, 5))
        held.journal.append(links(6, 5))
    assert len(replayed(path)) == 10


def test_closing_commits_what_is_queued(tmp_path: Path) -> None:
    """A stop in good order loses nothing that was appended, with either writer."""
    for threaded in (True, False):
        path = tmp_path / f"{threaded}.db"
        with Held(path, threaded=threaded) as held:
            for number in range(1, 2_501):
                held.journal.append([link(number)])
        assert held.durable[-1] == 2_500
        assert len(replayed(path)) == 2_500


def test_an_inline_writer_commits_when_it_is_called_back(tmp_path: Path) -> None:
    """One call is arranged for all that waits, another for what exceeds a commit, none for none."""
    with Held(tmp_path / "journal.db", threaded=False) as held:
        held.journal.append(links(1, COMMIT_ROWS_MAX))
        held.journal.append([link(1)])
        assert len(held.due) == 1
        held.due.pop()()
        assert held.durable == [COMMIT_ROWS_MAX]
        assert len(held.due) == 1
        held.due.pop()()
        assert held.durable == [COMMIT_ROWS_MAX, COMMIT_ROWS_MAX + 1]
        assert held.due == []
        writer = held.journal._writer
        assert isinstance(writer, InlineWriter)
        writer.commit()
        assert len(held.durable) == 2


class Disk(Broken):
    """A store that notes who appends what, can fail, and takes so long by its own clock."""

    def __init__(self) -> None:
        self.appended: list[tuple[int, bool]] = []
        self.tidied = 0
        self.takes_ns = 0
        self.clock_ns = 0
        self.error: Exception | None = None
        self.may_go = threading.Event()
        self.may_go.set()

    def append(self, values: Any) -> None:
        here = threading.current_thread() is threading.main_thread()
        if not here:
            self.may_go.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        self.clock_ns += self.takes_ns
        self.appended += [(seq, here) for seq in values[:: len(COLUMNS)]]

    def tidy(self, *, idle: bool) -> None:
        self.tidied += 1


@pytest.fixture
def lone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Disk, Loop, WriterThread]]:
    """Give a writer thread on a disk that can be told what to do, with a loop to be told."""
    disk, loop = Disk(), Loop()
    monkeypatch.setattr(time, "perf_counter_ns", lambda: disk.clock_ns)
    writer = WriterThread(disk, ProgressFile(tmp_path / "j"), loop.notices)
    yield disk, loop, writer
    disk.may_go.set()
    writer.close()


def settled(disk: Disk, rows: int, tidied: int = 1) -> None:
    """Wait until the writer's thread has appended so many rows and looked for housekeeping."""
    until = time.monotonic() + PATIENCE_S
    while len(disk.appended) < rows or disk.tidied < tidied:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_what_comes_alone_is_durable_before_the_call_returns(
    lone: tuple[Disk, Loop, WriterThread],
) -> None:
    """It is committed on the loop's own thread, and reported there and then."""
    disk, loop, writer = lone
    writer.put_lone(_row(1))
    assert disk.appended == [(1, True)]
    assert loop.durable == [1] and loop.due == []


def test_what_comes_alone_never_overtakes_what_is_under_way(
    lone: tuple[Disk, Loop, WriterThread],
) -> None:
    """While the thread has anything to do, a lone append queues behind it."""
    disk, loop, writer = lone
    disk.may_go.clear()
    writer.put(_row(1))
    writer.put_lone(_row(2))
    assert disk.appended == []
    disk.may_go.set()
    settled(disk, 2)
    assert disk.appended == [(1, False), (2, False)]
    loop.run()
    assert loop.durable[-1] == 2


def test_a_slow_disk_sends_what_comes_alone_to_the_thread(
    lone: tuple[Disk, Loop, WriterThread],
) -> None:
    """One slow commit may stop the loop, the next may not; a quick one in the thread ends that."""
    disk, _, writer = lone
    disk.takes_ns = 2 * QUICK_NS
    writer.put_lone(_row(1))
    disk.takes_ns = 0
    writer.put_lone(_row(2))
    settled(disk, 2)
    while writer._put != writer._done:
        time.sleep(0.001)
    writer.put_lone(_row(3))
    assert disk.appended == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("error", [JournalUnwritable("full"), ZeroDivisionError("a bug")])
def test_a_lone_append_that_fails_is_fatal(
    lone: tuple[Disk, Loop, WriterThread], error: Exception
) -> None:
    """Nothing of it is called durable, the loop is told once, and nothing is appended after."""
    disk, loop, writer = lone
    disk.error = error
    writer.put_lone(_row(1))
    disk.error = None
    writer.put_lone(_row(2))
    loop.run()
    assert (disk.appended, loop.durable) == ([], [])
    assert len(loop.fatal) == 1


def test_housekeeping_is_done_though_every_append_comes_alone(
    lone: tuple[Disk, Loop, WriterThread],
) -> None:
    """After so many of them the thread is woken, and does what is due."""
    disk, _, writer = lone
    for number in range(1, TIDY_AFTER):
        writer.put_lone(_row(number))
    assert writer._put == 0 and all(here for _, here in disk.appended)
    writer.put_lone(_row(TIDY_AFTER))
    assert writer._put == 1
    settled(disk, TIDY_AFTER)


def test_a_writer_is_idle_only_while_nothing_comes_alone(
    lone: tuple[Disk, Loop, WriterThread],
) -> None:
    """Housekeeping for its own sake waits for a pause, whichever thread commits."""
    disk, _, writer = lone
    number = 0
    for _ in range(50):  # a pause of the machine's own is a pause: then it counts for nothing
        number += 1
        writer.put(_row(number))
        while writer._put != writer._done:
            time.sleep(0)
        tidied, pause, last = disk.tidied, 0.0, time.monotonic()
        for _ in range(60):
            number += 1
            writer.put_lone(_row(number))
            time.sleep(IDLE_S / 30)
            pause, last = max(pause, time.monotonic() - last), time.monotonic()
        if pause < IDLE_S / 2 and writer._put == writer._done:
            break
    assert disk.tidied == tidied
    settled(disk, 0, tidied + 1)


def test_nothing_is_committed_on_the_loop_once_it_is_closed(tmp_path: Path) -> None:
    """The store is let go of by then."""
    disk = Disk()
    writer = WriterThread(disk, ProgressFile(tmp_path / "j"), Loop().notices)
    writer.close()
    writer.put_lone(_row(1))
    assert disk.appended == []


def test_an_inline_writer_commits_at_once_what_comes_alone_when_it_may(tmp_path: Path) -> None:
    """Only with nothing queued, and only where its maker says that the disk is quick."""
    disk, loop, quick = Disk(), Loop(), [True, False]
    due: list[Callable[[], None]] = []
    writer = InlineWriter(
        disk, ProgressFile(tmp_path / "j"), loop.notices, schedule=due.append, quick=quick.pop
    )
    writer.put_lone(_row(1))
    assert disk.appended == [] and len(due) == 1
    writer.put_lone(_row(2))
    assert disk.appended == []
    due.pop()()
    writer.put_lone(_row(3))
    assert [seq for seq, _ in disk.appended] == [1, 2, 3]
