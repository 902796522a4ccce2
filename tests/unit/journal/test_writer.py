"""Both writers: the order of jobs, the coalescing of notices, and a writer that breaks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bascule.journal.progress import ProgressFile
from bascule.journal.store import Head, Notices, Rows
from bascule.journal.writer import COMMIT_ROWS_MAX, InlineWriter, WriterThread
from bascule.model.errors import JournalError
from tests.unit.journal.support import Held, link, links, replayed


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
