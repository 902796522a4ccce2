"""What a loss of power and a rotten bit leave of a journal: every image of a small one."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec
import pytest

from bascule.journal import sqlite
from bascule.journal.follower import Follower
from bascule.journal.journal import Journal
from bascule.journal.progress import Progress
from bascule.journal.sqlite import SqliteStore
from bascule.journal.verify import verify
from bascule.journal.writer import InlineWriter
from bascule.model.errors import JournalCorrupt, JournalError
from bascule.model.event import EpochStarted, Event
from bascule.model.values import Instant
from bascule.sim.shell.disk import Disk, File
from tests.unit.journal.support import Held, links, replayed

PATH = "/journal.db"
BATCHES = 14
SIZE = 4
STORY: list[Event] = [EpochStarted(at=0, epoch="a1", reason="first"), *links(1, BATCHES * SIZE - 1)]


class Image(NamedTuple):
    """What a machine finds after the power came back, and what had been told durable before."""

    name: str
    files: dict[str, bytes]
    progress: dict[str, bytes]
    durable: int


class Story:
    """Appends the story on a simulated disk, and keeps an image at every write boundary."""

    def __init__(self) -> None:
        self.images: list[Image] = []
        self.durable = 0
        self.disk = Disk("images")
        self.kept: dict[str, bytes] = {}
        self._before: dict[str, bytes] = {}
        self.disk.on_done = self._look

    def run(self) -> None:
        """Append everything; a snapshot, a progress record and written-back pages between."""
        journal = _open(self.disk, self.kept, self._on_durable)
        for number in range(BATCHES):
            journal.append(STORY[number * SIZE : (number + 1) * SIZE])
            if number == BATCHES // 2:
                journal.write_snapshot(journal.head.seq, b"s" * 6_000)
            if number % 4 == 3:
                journal.progress(pid=1, started="")
        journal.close()

    def _on_durable(self, seq: int) -> None:
        self.durable = seq

    def _look(self, what: str) -> None:
        shown = {path: bytes(file.seen) for path, file in self.disk.files.items()}
        synced = {path: bytes(file.kept) for path, file in self.disk.files.items()}
        self._keep(f"all of it, after {what}", shown)
        self._keep(f"what was synced, after {what}", synced)
        for path in shown:
            old, new = self._before.get(path, b""), shown[path]
            if what == f"write {path}" and new != old:
                first, last = _changed(old, new)
                half = (first + last) // 2
                self._keep(f"a torn {what}", shown | {path: new[:half] + old[half:]})
                zeros = bytes(last - half)
                self._keep(
                    f"a zero tail of {what}", shown | {path: new[:half] + zeros + new[last:]}
                )
        self._before = shown

    def _keep(self, name: str, files: dict[str, bytes]) -> None:
        self.images.append(Image(name, files, dict(self.kept), self.durable))


def _changed(old: bytes, new: bytes) -> tuple[int, int]:
    """Give where a write began to change a file and where it ended."""
    old = old.ljust(len(new), b"\xff")
    places = [place for place in range(len(new)) if new[place] != old[place]]
    return places[0], places[-1] + 1


class _Record:
    """The progress record beside the simulated disk: replaced as a whole, or not at all."""

    def __init__(self, disk: Disk, kept: dict[str, bytes]) -> None:
        self._disk, self._kept = disk, kept

    def write(self, record: bytes) -> None:
        self._kept["progress"] = record
        self._disk.done("progress record")

    def read(self) -> Progress | None:
        found = self._kept.get("progress")
        return None if found is None else msgspec.json.decode(found, type=Progress)


def _open(disk: Disk, kept: dict[str, bytes], on_durable: Callable[[int], None]) -> Journal:
    """Take the journal of a simulated disk; each job is committed when it is put."""
    store = SqliteStore.open(PATH, vfs=disk.name, shared=False)
    try:
        return Journal(
            store,
            _Record(disk, kept),
            clock=lambda: Instant(1),
            call_soon=lambda callback, *args: callback(*args),
            on_durable=on_durable,
            on_fatal=lambda error: None,
            writer=lambda *parts: _Prompt(*parts),
        )
    except JournalError:
        store.close()
        raise


class _Prompt(InlineWriter):
    """Commits each job at once."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts, schedule=lambda commit: None)  # type: ignore[arg-type]

    def put(self, job: object) -> None:
        super().put(job)  # type: ignore[arg-type]
        self.commit()


def _found(image: Image) -> list[Event]:
    """Start on an image, and read what it holds."""
    disk = Disk("after")
    for path, content in image.files.items():
        file = disk.files[path] = File()
        file.seen, file.kept = bytearray(content), bytearray(content)
    journal = _open(disk, dict(image.progress), lambda seq: None)
    try:
        return [event for _, event in journal.replay()]
    finally:
        journal.close()


def test_every_image_of_a_power_cut_holds_what_was_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At each write boundary: all of it, what was synced, a torn write, a tail of zeros."""
    monkeypatch.setattr(sqlite, "WAL_PAGES_DUE", 12)
    monkeypatch.setattr(sqlite, "WAL_PAGES_MAX", 24)
    story = Story()
    story.run()
    assert story.durable == len(STORY)
    assert len(story.images) > 300
    lengths = set()
    for image in story.images:
        found = _found(image)
        assert found == STORY[: len(found)], image.name
        assert len(found) % SIZE == 0, image.name
        assert len(found) >= image.durable, image.name
        lengths.add(len(found))
    assert lengths == set(range(0, len(STORY) + 1, SIZE))


# --- rotten bits -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a journal of a few pages, each of them small, with a snapshot and a value in meta."""
    path = tmp_path_factory.mktemp("small") / "journal.db"
    connection = apsw.Connection(str(path))
    connection.pragma("page_size", 512)
    connection.execute("VACUUM")
    connection.close()
    with Held(path) as held:
        held.journal.append([EpochStarted(at=0, epoch="a1", reason="first"), *links(1, 4)])
        held.journal.write_snapshot(held.journal.head.seq, b"a state")
        held.journal.progress(pid=1, started="")
    return path


def _flips(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the content with one bit of one byte turned, for each byte."""
    dice = random.Random(8)
    for place in range(len(content)):
        turned = bytearray(content)
        turned[place] ^= 1 << dice.randrange(8)
        yield place, bytes(turned)


def _seen(path: Path) -> object:
    """Read everything that any reader is shown."""
    with Follower(path) as follower:
        return follower.rows(), follower.snapshots(), follower.head()


def test_a_rotten_bit_is_found_or_changes_nothing(small: Path, tmp_path: Path) -> None:
    """One bit of every byte: a full verification finds it, or all that is read is as it was."""
    content, seen = small.read_bytes(), _seen(small)
    path = tmp_path / "journal.db"
    found = 0
    for place, turned in _flips(content):
        path.write_bytes(turned)
        try:
            whole = verify(path, with_progress=False).ok
        except (JournalError, apsw.Error):
            whole = False
        found += not whole
        if whole:
            assert _seen(path) == seen, f"byte {place} was changed and not noticed"
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert found > len(content) // 10


def test_a_start_on_a_rotten_bit_refuses_or_replays_the_truth(small: Path, tmp_path: Path) -> None:
    """One bit of every fifth byte: the start is refused, or every event is what was written."""
    content, events = small.read_bytes(), replayed(small)
    path = tmp_path / "journal.db"
    refused = 0
    for place, turned in _flips(content):
        if place % 5:
            continue
        path.write_bytes(turned)
        try:
            assert replayed(path) == events, f"byte {place} was changed and replayed"
        except JournalError:
            refused += 1
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert refused > len(content) // 100


def test_a_rotten_bit_in_what_is_not_written_back_yet(tmp_path: Path) -> None:
    """One bit of the WAL: what follows it is gone as in a crash, and never what was recorded."""
    path = tmp_path / "whole" / "journal.db"
    path.parent.mkdir()
    with Held(path, threaded=False) as held:
        for number in range(6):
            held.journal.append(links(number * 3 + 1, 3))
            if number == 3:
                held.journal.progress(pid=1, started="")
            held.commit()
        kept = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    wal = kept.pop("journal.db-wal")
    kept.pop("journal.db-shm", None)
    story, lengths, refused = links(1, 18), set(), 0
    place = tmp_path / "after"
    place.mkdir()
    for number, turned in _flips(wal):
        if number % 293:
            continue
        for name, content in kept.items():
            (place / name).write_bytes(content)
        (place / "journal.db-wal").write_bytes(turned)
        (place / "journal.db-shm").unlink(missing_ok=True)
        try:
            found = [event for _, event in replayed(place / "journal.db")]
        except JournalCorrupt:
            refused += 1
            continue
        assert found == story[: len(found)]
        assert len(found) >= 12, "events of the progress record went missing without a word"
        lengths.add(len(found))
    assert refused
    assert {12, 15} <= lengths, "what is lost is the last commits, one or two of them"
