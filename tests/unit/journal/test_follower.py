"""Readers beside the writer: they see committed events in order and stand in nobody's way."""

import threading
from pathlib import Path

import apsw
import pytest

from bascule.journal.follower import Follower
from bascule.model.errors import JournalError
from bascule.model.event import CancelRequested, OrderDoubted, SignalDuplicate
from tests.unit.journal.support import Held, child, fill, link, links
from tests.waiting import PATIENCE_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a journal that is not there yet."""
    return tmp_path / "journal.db"


def test_another_process_sees_committed_events_in_order(path: Path) -> None:
    """A follower in a process of its own sees every event once, none before it is durable."""
    total = 1_500
    with Held(path) as held:
        held.journal.append([link(1)])
        while not held.durable:
            pass
        with child("follow", path, total) as reader:
            assert reader.stdout is not None
            seen = 0
            for number in range(2, total + 1, 7):
                held.journal.append(links(number, min(7, total + 1 - number)))
            for line in reader.stdout:
                seq, at = map(int, line.split())
                assert seq == at == seen + 1
                assert seq <= held.journal.head.seq
                seen = seq
        assert (reader.returncode, seen) == (0, total)


def test_what_is_not_committed_is_not_seen(path: Path) -> None:
    """Between append and commit a follower sees the old head."""
    with Held(path, threaded=False) as held:
        held.journal.append(links(1, 3))
        held.commit()
        with Follower(path) as follower:
            held.journal.append(links(4, 3))
            assert follower.head().seq == 3
            assert not follower.changed()
            held.commit()
            assert follower.changed()
            assert not follower.changed()
            assert follower.head() == held.journal.head
            assert follower.poll(3, limit=2) == [(4, link(4)), (5, link(5))]
            assert follower.poll(6) == []


def test_it_reads_when_no_engine_runs(path: Path) -> None:
    """After a stop in good order and after a kill, a follower reads all that was durable."""
    fill(path, 10)
    with Follower(path) as follower:
        assert follower.head().seq == 10
    with child("append", path) as writer:
        assert writer.stdout is not None
        durable = [int(next(writer.stdout)) for _ in range(20)][-1]
        writer.kill()
    with Follower(path) as follower:
        assert follower.head().seq >= durable
        assert len(follower.rows(0, 10_000)) == min(follower.head().seq, 10_000)


def test_a_reader_does_not_stop_the_writer(path: Path) -> None:
    """Even a reader that sits in a transaction for ever leaves the writer its commits."""
    fill(path, 10)
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchall()
    with Held(path, threaded=False) as held:
        for number in range(40):
            held.journal.append(links(10 + number * 100, 100))
            held.commit()
        assert held.durable[-1] == 4_010
        assert held.fatal == []
    assert reader.execute("SELECT count(*) FROM events").get == 10
    reader.close()


def test_the_story_of_a_signal_and_of_an_order(path: Path) -> None:
    """A signal's rows are its orders' whole lives, and what it changed of others'."""
    doubted = OrderDoubted(at=1, account="a", cl_ord_id="a1-4-3e", cause="timeout")
    other = OrderDoubted(at=2, account="a", cl_ord_id="a1-4.1-3e", cause="timeout")
    canceled = CancelRequested(
        at=3, account="a", cl_ord_id="a1-4-3e", request_id="r", reason="flat", signal="a1-9"
    )
    again = SignalDuplicate(at=4, signal="a1-9", source="s", received_at=4, duplicate_of="a1-4")
    with Held(path) as held:
        held.journal.append([doubted, link(9), other, canceled, again])
    with Follower(path) as follower:
        assert [row.seq for row in follower.of_signal("a1-4")] == [1, 3, 4, 5]
        assert [row.seq for row in follower.of_signal("a1-4", after_seq=1)] == [3, 4, 5]
        assert [row.seq for row in follower.of_signal("a1-9")] == [4, 5]
        assert [row.seq for row in follower.of_order("a1-4-3e")] == [1, 4]
        assert follower.of_signal("a1-5") == []
        assert follower.of_signal("") == []


def test_the_newest_of_some_kinds(path: Path) -> None:
    """Rows of the kinds asked for come newest first, within the bounds."""
    fill(path, 10)
    with Follower(path) as follower:
        kinds = ("link_changed", "stop_set")
        assert [row.seq for row in follower.of_kinds(kinds, limit=3)] == [10, 9, 8]
        found = follower.of_kinds(kinds, after_seq=4, before_seq=7)
        assert [row.seq for row in found] == [6, 5]
        assert [row.seq for row in follower.of_kinds(("epoch_started",))] == [1]


def test_the_story_of_a_signal_uses_an_index(path: Path) -> None:
    """Neither half of the search reads the whole journal."""
    fill(path)
    plans: list[str] = []
    with Follower(path) as follower:
        follower._connection.exec_trace = lambda cursor, sql, values: plans.append(sql) or True
        follower.of_signal("a1-4")
        follower._connection.exec_trace = None
        plan = follower._connection.execute(f"EXPLAIN QUERY PLAN {plans[0]}", ("a", 0, 1))
        steps = [row[3] for row in plan.fetchall()]
    assert any("USING INDEX events_signal" in step for step in steps)
    assert any("USING INDEX events_cause" in step for step in steps)
    assert not any(step.startswith("SCAN events") for step in steps)


def test_waiting_ends_with_a_commit_or_the_time(path: Path) -> None:
    """``wait`` tells whether something came."""
    fill(path)
    with Held(path) as held, Follower(path) as follower:
        assert not follower.wait(timeout_s=0.0)
        later = threading.Timer(0.05, lambda: held.journal.append([link(1)]))
        later.start()
        assert follower.wait(timeout_s=PATIENCE_S)
        later.join()


def test_no_journal_yet(path: Path) -> None:
    """A missing file, and one that has no schema yet, are said to be missing."""
    with pytest.raises(JournalError, match="no journal at"):
        Follower(path)
    path.touch()
    with pytest.raises(JournalError, match="no journal at"):
        Follower(path)
