"""Copies made while the journal is written, and the way back."""

import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bascule.journal.backup import backup, restore
from bascule.journal.follower import Follower
from bascule.journal.verify import verify
from bascule.model.errors import (
    JournalCorrupt,
    JournalError,
    JournalLocked,
    JournalUnwritable,
    UsageError,
)
from bascule.model.event import EpochStarted
from tests.unit.journal.support import Held, fill, link, links, replayed, rewrite

_replace = os.replace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a journal of ten events, in a directory of its own."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "journal.db"
    fill(path, 10)
    return path


def test_a_copy_under_load_is_whole(path: Path, tmp_path: Path) -> None:
    """A backup taken while another thread appends is a verified beginning of the journal."""
    stop = threading.Event()
    with Held(path) as held:

        def load() -> None:
            while not stop.is_set():
                if held.journal.backlog < 100:
                    held.journal.append(links(held.journal.head.seq, 20))

        writer = threading.Thread(target=load)
        writer.start()
        try:
            reports = [backup(path, tmp_path / f"{number}.db") for number in range(3)]
        finally:
            stop.set()
            writer.join()
    events = replayed(path)
    for number, report in enumerate(reports):
        assert report.ok
        copy = replayed(tmp_path / f"{number}.db")
        assert len(copy) == report.head.seq
        assert copy == events[: len(copy)]
    assert reports[0].head.seq <= reports[2].head.seq <= len(events)


def test_a_copy_is_one_file_with_one_name(path: Path, tmp_path: Path) -> None:
    """Nothing is left beside it, and nothing that exists is overwritten."""
    (tmp_path / "copies").mkdir()
    target = tmp_path / "copies" / "copy.db"
    backup(path, target)
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(UsageError, match="exists already"):
        backup(path, target)


def test_a_damaged_journal_gives_no_copy(path: Path, tmp_path: Path) -> None:
    """A copy that does not verify is removed, so that it is never taken for a backup."""
    rewrite(path, "DELETE FROM events WHERE seq = 5")
    with pytest.raises(JournalCorrupt, match="row 5 is missing"):
        backup(path, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


def test_a_copy_that_cannot_be_written(path: Path, tmp_path: Path) -> None:
    """The message says so, and that the journal is untouched."""
    with pytest.raises(JournalError, match="untouched"):
        backup(path, tmp_path / "nowhere" / "copy.db")
    assert verify(path).ok


def test_restore_begins_a_new_epoch(path: Path, tmp_path: Path) -> None:
    """A restored backup takes the journal's place, wants an epoch, and the old one is kept."""
    backup(path, tmp_path / "copy.db")
    with Held(path) as held:
        held.journal.append(links(10, 5))
        held.journal.progress(pid=1, started="")
    report = restore(tmp_path / "copy.db", path)
    assert report.head.seq == 10
    with Held(path) as held:
        assert held.journal.head.seq == 10
        assert held.journal.epoch_due
        held.journal.append([EpochStarted(at=1, epoch="a2", reason="restored", reduce_only=True)])
    with Held(path) as held:
        assert not held.journal.epoch_due
        assert held.journal.head.seq == 11
    (aside,) = path.parent.glob("*.replaced-1")
    with Follower(aside / "journal.db") as old:
        assert old.head().seq == 15
    assert (aside / "progress.json").exists()


def test_a_backup_copied_by_hand_is_refused(path: Path, tmp_path: Path) -> None:
    """Without the restore the progress record tells that the journal went back in time."""
    backup(path, tmp_path / "copy.db")
    with Held(path) as held:
        held.journal.append([link(10)])
        held.journal.progress(pid=1, started="")
    path.write_bytes((tmp_path / "copy.db").read_bytes())
    with pytest.raises(JournalCorrupt, match="shorter than it was"):
        Held(path)


def test_restore_onto_nothing_and_twice(path: Path, tmp_path: Path) -> None:
    """An empty directory takes a backup, and each restore keeps what it replaced."""
    backup(path, tmp_path / "copy.db")
    new = tmp_path / "new" / "journal.db"
    new.parent.mkdir()
    for _ in range(3):
        restore(tmp_path / "copy.db", new)
        assert len(replayed(new)) == 10
    assert {place.name for place in new.parent.glob("*.replaced-*")} == {
        "journal.db.replaced-1",
        "journal.db.replaced-2",
        "journal.db.replaced-3",
    }


def test_a_restore_may_be_cut_short_anywhere(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever move fails, the next start has the old journal, the new one, or is refused."""
    backup(path, tmp_path / "copy.db")
    with Held(path) as held:
        held.journal.append(links(10, 5))
        held.journal.progress(pid=1, started="")
    original = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    outcomes = []
    for cut in range(1, 7):
        folder = tmp_path / str(cut)
        folder.mkdir()
        for name, content in original.items():
            (folder / name).write_bytes(content)
        moves = iter(range(1, 100))

        def replace(source: Path, target: Path, cut: int = cut, moves: Any = moves) -> None:
            if next(moves) == cut:
                raise OSError("cut")
            _replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            with suppress(JournalUnwritable):
                restore(tmp_path / "copy.db", folder / "journal.db")
        assert not list(folder.glob("journal.db.restored*"))
        outcomes.append(_start(folder / "journal.db"))
        restore(tmp_path / "copy.db", folder / "journal.db")
        assert _start(folder / "journal.db") == "new"
    assert outcomes == ["old", "refused", "refused", "refused", "refused", "new"]


def _start(path: Path) -> str:
    """Tell what a start finds: the old journal, the restored one, or a reason to refuse."""
    try:
        with Held(path) as held:
            assert held.journal.epoch_due == (held.journal.head.seq == 10)
            return "new" if held.journal.epoch_due else "old"
    except JournalCorrupt:
        return "refused"


def test_restore_of_a_journal_that_was_never_closed(path: Path, tmp_path: Path) -> None:
    """What a crash left beside the file, as a restore keeps it aside, is restored with it."""
    kept = tmp_path / "kept" / "journal.db"
    kept.parent.mkdir()
    with Held(path) as held:
        held.journal.append(links(10, 5))
        while held.durable[-1:] != [15]:
            time.sleep(0.001)
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{kept}{suffix}")
    report = restore(kept, path)
    assert report.head.seq == 15
    assert len(replayed(path)) == 15


def test_restore_is_refused_while_an_engine_runs(path: Path, tmp_path: Path) -> None:
    """The lock holds against a restore too."""
    backup(path, tmp_path / "copy.db")
    with Held(path), pytest.raises(JournalLocked):
        restore(tmp_path / "copy.db", path)


def test_restore_of_a_damaged_backup_changes_nothing(path: Path, tmp_path: Path) -> None:
    """The backup is verified before anything is moved."""
    backup(path, tmp_path / "copy.db")
    rewrite(tmp_path / "copy.db", "UPDATE events SET at = 0 WHERE seq = 3")
    with pytest.raises(JournalCorrupt, match="row 3 has at"):
        restore(tmp_path / "copy.db", path)
    assert len(replayed(path)) == 10


def test_a_restore_is_on_the_disk_before_the_progress_record_goes(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power could keep that move alone, and the next start would know of no other.

    It would begin anew on an empty journal, at full risk.
    """
    backup(path, tmp_path / "copy.db")
    with Held(path) as held:
        held.journal.progress(pid=1, started="")
    done: list[str] = []

    def replace(source: Path, target: Path) -> None:
        done.append(f"move {Path(source).name}")
        _replace(source, target)

    def sync(path: Path) -> None:
        done.append(f"sync {path.name}")

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr("bascule.journal.backup._sync", sync)
    restore(tmp_path / "copy.db", path)
    moved = ["move journal.db.restored", "sync data", "move progress.json", "sync data"]
    assert done[-4:] == moved


def test_what_a_restore_that_was_cut_short_has_left_is_no_backup(
    path: Path, tmp_path: Path
) -> None:
    """It is refused, where it would have been removed before it was read."""
    left = path.with_name("journal.db.restored")
    backup(path, left)
    with pytest.raises(UsageError, match="cut short"):
        restore(left, path)
    assert verify(left, with_progress=False).ok
    assert len(replayed(path)) == 10
