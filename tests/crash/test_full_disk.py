"""A disk that is full for the kernel too: two megabytes of it, where root may mount a file."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from bascule.journal.verify import verify
from bascule.model.errors import JournalUnwritable
from tests.unit.journal.support import FaultyDisk, Held, links, replayed

SIZE_KB = 2_048
BATCH = 50
BATCHES_MAX = 2_000
AFTER = 300
"""Writes after which the disk that stands in for a full one takes no more."""


class SmallDisk(NamedTuple):
    """Where a journal soon finds no room; ``vfs`` is SQLite's way there, None for its own."""

    place: Path
    ballast: Path
    vfs: FaultyDisk | None


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a file as a disk; without the right to, give a disk that says that it is full."""
    place, image = tmp_path / "disk", tmp_path / "image"
    place.mkdir()
    image.write_bytes(bytes(SIZE_KB * 1_024))
    if not _mounted(image, place):
        print("no loop mount here: a simulated disk says that it is full")
        disk = FaultyDisk("full")
        disk.error, disk.fail_at = apsw.FullError, AFTER
        yield SmallDisk(place, place / "ballast", disk)
        return
    try:
        (place / "ballast").write_bytes(bytes(SIZE_KB * 256))
        yield SmallDisk(place, place / "ballast", None)
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _mounted(image: Path, place: Path) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return False
    steps = (
        ["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)],
        ["mount", "-o", "loop", str(image), str(place)],
    )
    return all(
        subprocess.run(step, capture_output=True, check=False).returncode == 0 for step in steps
    )


def test_a_full_disk_ends_the_journal_and_loses_nothing(small: SmallDisk) -> None:
    """The failure is told once; with room again every durable event is there, and it goes on."""
    path = small.place / "journal.db"
    durable = _fill(path, small.vfs)
    assert durable >= BATCH
    small.ballast.unlink(missing_ok=True)
    if small.vfs is not None:
        small.vfs.fail_at = 0
    found = [event for _, event in replayed(path)]
    assert len(found) >= durable
    assert found == links(1, len(found))
    with Held(path) as held:
        held.journal.append(links(len(found) + 1, BATCH))
    assert held.durable
    assert verify(path).ok


def _fill(path: Path, vfs: FaultyDisk | None) -> int:
    """Append until the disk takes no more; gives what was told durable."""
    held = Held(path, vfs=vfs.name if vfs is not None else None, threaded=False)
    try:
        first = held.journal.head.seq
        for number in range(BATCHES_MAX):
            held.journal.append(links(first + number * BATCH + 1, BATCH))
            held.commit()
            if held.fatal:
                break
        assert [type(error) for error in held.fatal] == [JournalUnwritable]
        assert "disk" in held.fatal[0].hint
        return held.durable[-1] if held.durable else first
    finally:
        held.journal.close()
