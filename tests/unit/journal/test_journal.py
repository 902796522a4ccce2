"""The journal as the engine holds it: append, durable callback, replay, snapshots, progress."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from bascule.journal.journal import BACKLOG_MAX, Journal
from bascule.journal.progress import ProgressFile
from bascule.journal.sqlite import INSERT_ROWS_MAX, SNAPSHOTS_KEPT
from bascule.model.errors import InvariantBroken, JournalError, JournalLocked, JournalUnwritable
from bascule.model.event import EpochStarted, Event
from tests.unit.journal.support import Held, child, fill, link, links, replayed
from tests.waiting import PATIENCE_S

EPOCH = EpochStarted(at=0, epoch="a1", reason="first start")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a journal that is not there yet."""
    return tmp_path / "journal.db"


async def test_durable_is_told_on_the_loop(path: Path) -> None:
    """The writer thread commits, and the loop hears of it on its own thread, in order."""
    loop = asyncio.get_running_loop()
    heard: list[tuple[int, bool]] = []
    done = asyncio.Event()

    def on_durable(seq: int) -> None:
        heard.append((seq, asyncio.get_running_loop() is loop))
        if seq == 30:
            done.set()

    def on_fatal(error: JournalError) -> None:
        raise error

    journal = Journal.open(
        path,
        clock=lambda: 1,
        call_soon=loop.call_soon_threadsafe,
        on_durable=on_durable,
        on_fatal=on_fatal,
    )
    for first in (1, 11, 21):
        assert journal.append(links(first, 10)) == first + 9
    assert journal.head.seq == 30
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    assert journal.durable == journal.head
    assert journal.backlog == 0
    assert [seq for seq, _ in heard] == sorted({seq for seq, _ in heard})
    assert all(on_loop for _, on_loop in heard)
    journal.close()


def test_what_was_appended_is_replayed(path: Path) -> None:
    """Events come back in order with their sequence, from the start or from the middle."""
    events: list[Event] = [EPOCH, *links(1, 99)]
    with Held(path) as held:
        held.journal.append(events[:40])
        held.journal.append(events[40:])
        head = held.journal.head
    with Held(path) as held:
        assert held.journal.head == head
        assert list(held.journal.replay()) == list(enumerate(events, 1))
        assert list(held.journal.replay(90)) == list(enumerate(events[90:], 91))
        assert list(held.journal.replay(100)) == []


def test_nothing_appended_is_nothing_done(path: Path) -> None:
    """An empty batch has the head's sequence and costs no commit."""
    with Held(path, threaded=False) as held:
        assert held.journal.append([]) == 0
        assert held.due == []


def test_a_batch_of_any_size_is_one_commit(path: Path) -> None:
    """More rows than one statement holds are still all or none, and one notice."""
    with Held(path, threaded=False) as held:
        held.journal.append(links(1, INSERT_ROWS_MAX * 2 + 1))
        assert held.durable == []
        held.commit()
        assert held.durable == [INSERT_ROWS_MAX * 2 + 1]
    assert len(replayed(path)) == INSERT_ROWS_MAX * 2 + 1


def test_appends_that_wait_share_a_commit(path: Path) -> None:
    """Whatever was queued meanwhile is covered by one fsync and one notice."""
    with Held(path, threaded=False) as held:
        for number in range(1, 21):
            held.journal.append([link(number)])
        held.commit()
        assert held.durable == [20]


def test_replay_after_an_append_is_a_mistake(path: Path) -> None:
    """Once the writer has the store, readers use a follower."""
    with Held(path) as held:
        held.journal.append([EPOCH])
        with pytest.raises(InvariantBroken, match="Follower"):
            list(held.journal.replay())


def test_a_new_journal_wants_an_epoch_once(path: Path) -> None:
    """An empty journal says that an epoch is due until one is journaled."""
    with Held(path) as held:
        assert held.journal.epoch_due
        held.journal.append([EPOCH])
        assert not held.journal.epoch_due
    with Held(path) as held:
        assert not held.journal.epoch_due


def test_snapshots(path: Path) -> None:
    """The newest snapshot is given back, and only the newest few are kept."""
    with Held(path) as held:
        assert held.journal.latest_snapshot() is None
        for number in range(1, 7):
            held.journal.write_snapshot(held.journal.append([link(number)]), b"state %d" % number)
    with Held(path) as held:
        snapshot = held.journal.latest_snapshot()
        assert snapshot is not None
        assert (snapshot.seq, snapshot.state) == (6, b"state 6")
        assert len(held.journal._store.snapshots()) == SNAPSHOTS_KEPT
        assert [seq for seq, _ in held.journal.replay(snapshot.seq)] == []
        with pytest.raises(InvariantBroken):
            held.journal.write_snapshot(7, b"of events that nobody appended")


def test_progress_is_written_after_the_events_it_speaks_of(path: Path) -> None:
    """The record names a head that is durable by the time the record can be read."""
    with Held(path, threaded=False) as held:
        held.journal.append(links(1, 5))
        held.journal.progress(pid=os.getpid(), started="then")
        held.journal.append(links(6, 5))
        head = held.journal.head
        assert ProgressFile(path).read() is None
        held.commit()
        record = ProgressFile(path).read()
        assert record is not None
        assert (record.pid, record.started, record.seq, record.at) == (os.getpid(), "then", 5, 1001)
        assert record.hash != head.hash.hex()
    assert msgspec.json.decode((path.parent / "progress.json").read_bytes())["seq"] == 5


def test_a_second_process_is_refused_by_name(path: Path) -> None:
    """The lock names its holder; when the holder is killed, the journal is free again."""
    holder = child("hold", path)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalLocked, match=f"process {holder.pid}"):
            Held(path)
    finally:
        holder.kill()
        holder.communicate()
    Held(path).journal.close()


def test_a_second_journal_in_this_process_is_refused(path: Path) -> None:
    """The lock holds within one process too, until close."""
    with Held(path), pytest.raises(JournalLocked, match=f"process {os.getpid()}"):
        Held(path)
    held = Held(path)
    held.journal.close()
    held.journal.close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says what could not be made."""
    with pytest.raises(JournalUnwritable, match="nowhere"):
        Held(tmp_path / "nowhere" / "journal.db")


def test_a_disk_that_takes_nothing_more_ends_it(path: Path) -> None:
    """The queue is bounded: a stalled disk is a failed disk."""
    held = Held(path, threaded=False)
    held.journal.append(links(1, BACKLOG_MAX + 1))
    with pytest.raises(JournalUnwritable, match="stalled"):
        held.journal.append([link(1)])
    assert [type(error) for error in held.fatal] == [JournalUnwritable]
    held.commit()
    assert held.durable == []
    held.journal.close()


def test_only_the_owner_can_read_a_new_journal(path: Path) -> None:
    """A journal tells everything about an account: it is nobody else's to read."""
    fill(path)
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
