"""A store as others read it, and the application's mark in it."""

import os
from pathlib import Path

import pytest

from bascule.fixwire import lock
from bascule.fixwire import store as form
from bascule.fixwire.errors import StoreError
from bascule.fixwire.reading import StoreReader, in_use
from bascule.fixwire.store import FileStore


def test_a_mark_is_durable_with_what_was_sent_and_outlives_resets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives a restart, a reset, and room given back; before the commit it is not there."""
    path = tmp_path / "a.fix"
    monkeypatch.setattr(form, "ROTATE_BYTES", 0)
    store = FileStore(path)
    store.sent(b"one")
    store.mark(41)
    store.commit()
    store.mark(42)
    assert _read_whole(path).numbers.marked == 41
    store.commit()
    store.reset(5)
    store.commit()
    store.compact()
    store.close()
    again = FileStore(path)
    assert (again.marked, again.next_out) == (42, 1)
    again.close()


def _read_whole(path: Path) -> StoreReader:
    """Read a store to its end."""
    reader = StoreReader(path)
    reader.more()
    return reader


def test_a_reader_follows_a_store_that_is_being_written(tmp_path: Path) -> None:
    """It gives each message once, never half of a frame, and says whether somebody holds it."""
    path = tmp_path / "a.fix"
    store = FileStore(path)
    reader = StoreReader(path)
    assert reader.more() == []
    store.sent(b"first")
    store.sent(b"")
    store.keep(1, b"theirs")
    store.expect(2)
    assert reader.more() == []
    store.commit()
    assert reader.more() == [("out", 1, b"first"), ("in", 1, b"theirs")]
    assert (reader.numbers.next_out, reader.numbers.next_in) == (3, 2)
    assert reader.more() == []
    assert in_use(path)
    store.close()
    assert not in_use(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"theirs")])
    assert _read_whole(path).numbers.next_out == 1


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    """A missing file, and one that is something else."""
    with pytest.raises(StoreError) as missing:
        StoreReader(tmp_path / "none.fix").more()
    other = tmp_path / "other.fix"
    other.write_bytes(b"hello" * 20)
    with pytest.raises(StoreError) as wrong:
        StoreReader(other).more()
    assert (missing.value.code, wrong.value.code) == ("fix_store_unreadable", "fix_store_corrupt")


def test_who_asks_whether_a_store_is_in_use_keeps_no_start_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question holds the lock for a moment; before, an engine that started then gave up."""
    path = tmp_path / "a.fix"
    FileStore(path).close()
    asking = lock.take_lock(path.with_name("a.fix.lock"))
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        os.close(asking)

    monkeypatch.setattr(lock.time, "sleep", sleep)
    store = FileStore(path)
    assert waited == [lock._APART_S]
    assert in_use(path)
    assert len(waited) == 1
    store.close()
    assert not in_use(path)
