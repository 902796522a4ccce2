"""The files of this machine, as the small files of latch and guardian need them."""

import os
from pathlib import Path

import pytest

from bascule.config.files import FILES
from bascule.config.private import write_private


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The new content under the old name, and nothing left of the writing."""
    path = tmp_path / "one"
    FILES.replace(path, b"long content")
    FILES.replace(path, b"short", durable=False)
    assert (FILES.read(path), FILES.names(tmp_path)) == (b"short", ["one"])


def test_what_stands_behind_a_write_is_cut_off(tmp_path: Path) -> None:
    """So a line that was torn is gone once the next one is written where it began."""
    path = tmp_path / "log"
    FILES.write(path, b"whole\ntorn, and longer than the next")
    FILES.write(path, b"next\n", at=6)
    assert FILES.read(path) == b"whole\nnext\n"
    assert (FILES.read(path, 6), FILES.size(path)) == (b"next\n", 11)


def test_files_and_folders_are_their_owners(tmp_path: Path) -> None:
    """Nobody else may look into them, and a folder that exists is kept as it is."""
    FILES.make_folder(tmp_path / "a" / "b")
    FILES.make_folder(tmp_path / "a" / "b")
    FILES.write(tmp_path / "a" / "b" / "c", b"")
    if os.name == "nt":
        return  # it has no mode bits
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_secret_and_the_folders_made_for_it_are_durable_and_their_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that a power cut took away would leave what it opens closed for good."""
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), sync(handle))
    )
    secret = tmp_path / "a" / "b" / "key"
    write_private(secret, b"x")
    if os.name == "nt":
        return  # it has no mode bits, and syncs no directory
    assert {place.stat().st_mode & 0o777 for place in secret.parents[:2]} == {0o700}
    assert synced[-2:] == [secret.stat().st_ino, secret.parent.stat().st_ino]


def test_names_come_durable_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is synced before the rename, the directory after it; so is a new one's parent."""
    done: list[str] = []
    places = (tmp_path, tmp_path / "latch", tmp_path / "latch" / "file.new")
    sync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        there = os.fstat(handle)
        (name,) = [
            one.name for one in places if one.exists() and os.path.samestat(one.stat(), there)
        ]
        done.append(f"sync {name}")
        sync(handle)

    def replaced(old: str, new: str) -> None:
        done.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    FILES.make_folder(tmp_path / "latch")
    FILES.replace(tmp_path / "latch" / "file", b"x")
    assert done == [f"sync {tmp_path.name}", "sync file.new", "rename", "sync latch"]
