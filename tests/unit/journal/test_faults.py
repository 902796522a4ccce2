"""Failing disks: what was reported durable is there afterwards, and nothing else was reported."""

import errno
import os
from pathlib import Path

import apsw
import pytest

from bascule.journal.journal import BACKLOG_MAX
from bascule.journal.lock import Lock
from bascule.journal.progress import ProgressFile
from bascule.journal.sqlite import WAL_PAGES_MAX, SqliteStore
from bascule.model.errors import JournalUnwritable
from bascule.model.event import EpochStarted, Event
from tests.unit.journal.support import FaultyDisk, Held, links, replayed

BATCHES = 12
SIZE = 5
STORY: list[Event] = [EpochStarted(at=0, epoch="a1", reason="first"), *links(1, BATCHES * SIZE - 1)]


@pytest.fixture
def disk() -> FaultyDisk:
    """Make a disk that works until it is told to fail."""
    return FaultyDisk("faulty")


def _run(path: Path, disk: FaultyDisk, fail_at: int = 0) -> Held:
    """Append batches, with a snapshot and a progress record between, on a disk that may fail."""
    held = Held(path, vfs=disk.name, threaded=False)
    disk.count, disk.fail_at = 0, fail_at
    for number in range(BATCHES):
        batch = STORY[number * SIZE : (number + 1) * SIZE]
        if held.fatal:
            with pytest.raises(JournalUnwritable, match="failed before"):
                held.journal.append(batch)
            held.journal.progress(pid=2, started="")
            continue
        held.journal.append(batch)
        if number == BATCHES // 2:
            held.journal.write_snapshot(held.journal.head.seq, b"s" * 9_000)
            held.journal.progress(pid=1, started="")
        held.commit()
    disk.fail_at = 0
    return held


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_each_write_and_each_sync_may_fail(
    tmp_path: Path, disk: FaultyDisk, error: type[apsw.Error]
) -> None:
    """Whichever one fails: it is told once, nothing later is durable, and nothing is lost."""
    disk.error = error
    held = _run(tmp_path / "whole.db", disk)
    assert held.durable[-1] == len(STORY)
    steps = disk.count
    held.journal.close()
    assert steps > BATCHES * 3
    for fail_at in range(1, steps + 1):
        folder = tmp_path / str(fail_at)
        folder.mkdir()
        held = _run(folder / "journal.db", disk, fail_at)
        assert [type(fatal) for fatal in held.fatal] == [JournalUnwritable]
        durable = held.durable[-1] if held.durable else 0
        assert durable <= len(STORY)
        held.journal.close()
        last = ProgressFile(folder / "journal.db").read()
        assert last is None or last.pid == 1
        found = [event for _, event in replayed(folder / "journal.db")]
        assert found == STORY[: len(found)]
        assert len(found) >= durable
        assert len(found) % SIZE == 0


def test_a_failure_says_what_to_do(tmp_path: Path, disk: FaultyDisk) -> None:
    """The message names the file and the cause, and the hint the next step."""
    disk.error = apsw.FullError
    (fatal,) = _run(tmp_path / "journal.db", disk, 1).fatal
    assert "journal.db" in fatal.message
    assert "disk" in fatal.hint
    assert fatal.code == "journal_unwritable"


def test_a_progress_record_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    """An engine whose watcher cannot see it does not go on."""
    with Held(tmp_path / "journal.db") as held:
        (tmp_path / "progress.json.new").mkdir()
        held.journal.progress(pid=1, started="")
    (fatal,) = held.fatal
    assert "progress.json" in fatal.message


def test_a_disk_without_room_for_the_lock_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name and with what to do, and nothing is held afterwards."""

    def full(handle: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(JournalUnwritable, match=r"journal\.db\.lock: No space left"):
            Lock(tmp_path / "journal.db")
    Lock(tmp_path / "journal.db").release()


def test_a_file_system_without_wal_is_refused() -> None:
    """Where SQLite cannot keep a WAL, no order could wait for an fsync that means anything."""
    with pytest.raises(JournalUnwritable, match="WAL mode"):
        SqliteStore.open("/journal.db", vfs="memdb")


def test_the_writer_thread_tells_of_a_failure_too(tmp_path: Path, disk: FaultyDisk) -> None:
    """The thread reports once, drops what is queued behind, and can be closed."""
    held = Held(tmp_path / "journal.db", vfs=disk.name)
    disk.count, disk.fail_at = 0, 4
    with pytest.raises(JournalUnwritable, match="failed before"):
        for number in range(BACKLOG_MAX // SIZE):
            held.journal.append(links(number * SIZE + 1, SIZE))
    held.journal.close()
    assert len(held.fatal) == 1
    disk.fail_at = 0
    assert len(replayed(tmp_path / "journal.db")) >= max(held.durable, default=0)


def test_power_may_be_lost_at_any_commit(tmp_path: Path, disk: FaultyDisk) -> None:
    """What was durable survives when nothing but synced bytes is left of the files."""
    path = tmp_path / "journal.db"
    held = Held(path, vfs=disk.name, threaded=False)
    losses: list[tuple[int, dict[str, bytes]]] = []
    for number in range(30):
        held.journal.append(links(number * 5 + 1, 5))
        if number % 10 == 9:
            held.journal.write_snapshot(held.journal.head.seq, b"s" * 3_000_000)
        held.commit()
        losses.append((held.durable[-1], dict(disk.images)))
    held.journal.close()
    for durable, images in losses[::3]:
        folder = tmp_path / str(durable)
        folder.mkdir()
        for name, image in images.items():
            (folder / name).write_bytes(image)
        assert [event for _, event in replayed(folder / "journal.db")] == links(1, durable)


def test_housekeeping_that_fails_is_a_failure(tmp_path: Path, disk: FaultyDisk) -> None:
    """A WAL that cannot be written back ends the journal, as any failed write does."""
    rows = WAL_PAGES_MAX * 4
    steps = 0
    for name, fatal in (("whole.db", []), ("failing.db", [JournalUnwritable])):
        held = Held(tmp_path / name, vfs=disk.name, threaded=False)
        held.journal.append(links(1, rows))
        disk.count, disk.fail_at = 0, steps  # the last step syncs the file
        held.commit()
        steps = disk.count
        assert held.durable == [rows]
        assert [type(error) for error in held.fatal] == fatal
        held.journal.close()


def test_a_busy_file_is_written_back_later(tmp_path: Path, disk: FaultyDisk) -> None:
    """Where somebody else writes the WAL back at this moment, nothing has failed."""
    rows = WAL_PAGES_MAX * 4
    disk.error = apsw.BusyError
    steps = 0
    for name in ("whole.db", "busy.db"):
        held = Held(tmp_path / name, vfs=disk.name, threaded=False)
        held.journal.append(links(1, rows))
        disk.count, disk.fail_at = 0, steps
        held.commit()
        steps = disk.count - 1
        held.journal.append(links(rows + 1, 5))
        held.commit()
        assert (held.durable, held.fatal) == ([rows, rows + 5], [])
        held.journal.close()
    assert len(replayed(tmp_path / "busy.db")) == rows + 5


def test_a_disk_without_shared_memory_will_do(tmp_path: Path, disk: FaultyDisk) -> None:
    """A store that is not shared keeps its index in memory, for disks that are simulated."""
    store = SqliteStore.open(tmp_path / "journal.db", vfs=disk.name, shared=False)
    assert store.head().seq == 0
    store.close()
    assert not Path(f"{tmp_path}/journal.db-shm").exists()
