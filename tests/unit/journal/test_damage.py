"""What a damaged journal does to a start: it is refused, in words, and never repaired silently."""

import re
import shutil
from pathlib import Path

import apsw
import pytest

from bascule.journal import sqlite
from bascule.journal.progress import ProgressFile
from bascule.journal.verify import verify
from bascule.model.errors import JournalCorrupt, JournalError, JournalUnwritable
from tests.unit.journal.support import Held, fill, link, links, replayed, rewrite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a journal of ten events."""
    path = tmp_path / "journal.db"
    fill(path, 10)
    return path


CHAINED = {
    "seq": "UPDATE events SET seq = 99 WHERE seq = 5",
    "kind": "UPDATE events SET kind = 'stop_set' WHERE seq = 5",
    "data": "UPDATE events SET data = replace(data, 'a4', 'a9') WHERE seq = 5",
    "data as a blob": "UPDATE events SET data = CAST(data AS BLOB) WHERE seq = 5",
    "kind as a blob": "UPDATE events SET kind = CAST(kind AS BLOB) WHERE seq = 5",
    "hash": "UPDATE events SET hash = zeroblob(32) WHERE seq = 5",
    "hash as text": "UPDATE events SET hash = 'x' WHERE seq = 5",
    "a row taken out": "DELETE FROM events WHERE seq = 5",
    "two rows exchanged": "UPDATE events SET data = (SELECT data FROM events WHERE seq = 7),"
    " at = 6 WHERE seq = 5",
}
COPIED = {
    "at": "UPDATE events SET at = at + 1 WHERE seq = 5",
    "signal": "UPDATE events SET signal = 'a1-4' WHERE seq = 5",
    "cause": "UPDATE events SET cause = 'a1-4' WHERE seq = 5",
    "account": "UPDATE events SET account = 'a9' WHERE seq = 5",
}


@pytest.mark.parametrize("sql", CHAINED.values(), ids=CHAINED)
def test_a_replay_stops_at_what_the_chain_does_not_vouch_for(path: Path, sql: str) -> None:
    """A change of sequence, kind, data or hash stops the start at that row."""
    rewrite(path, sql)
    with Held(path) as held, pytest.raises(JournalCorrupt, match="row 5"):
        list(held.journal.replay())


@pytest.mark.parametrize("sql", (CHAINED | COPIED).values(), ids=CHAINED | COPIED)
def test_verification_finds_a_change_of_any_column(path: Path, sql: str) -> None:
    """A full verification names the row, also where only a searchable copy was changed."""
    assert verify(path).ok
    rewrite(path, sql)
    report = verify(path)
    assert not report.ok
    assert (report.bad_seq, report.head.seq) == (5, 4)
    assert "5" in report.problem


def test_a_row_that_is_no_text_at_all(path: Path) -> None:
    """Bytes that are not UTF-8 are damage like any other."""
    rewrite(path, "UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE seq = 5")
    with Held(path) as held, pytest.raises(JournalCorrupt, match="damaged"):
        list(held.journal.replay())
    assert verify(path).bad_seq == 5


def test_the_first_rows_cannot_go_missing(path: Path) -> None:
    """The chain begins at row 1."""
    rewrite(path, "DELETE FROM events WHERE seq < 4")
    with Held(path) as held, pytest.raises(JournalCorrupt, match="row 1 is missing"):
        list(held.journal.replay())
    assert verify(path).bad_seq == 1


def test_a_replay_needs_the_row_that_it_starts_from(path: Path) -> None:
    """A tail whose first link is gone is not taken on trust."""
    with Held(path) as held, pytest.raises(JournalCorrupt, match="row 11 is missing"):
        list(held.journal.replay(11))


def test_a_journal_shorter_than_its_progress_record_is_refused(path: Path) -> None:
    """Events that were durable once and are gone stop the start, whatever the chain says."""
    with Held(path) as held:
        held.journal.append([link(10)])
        held.journal.progress(pid=1, started="")
    assert verify(path).ok
    rewrite(path, "DELETE FROM events WHERE seq = 11")
    with pytest.raises(JournalCorrupt, match="shorter than it was") as caught:
        Held(path)
    assert caught.value.code == "journal_shorter"
    assert "restore" in caught.value.hint
    assert "event 11 was durable" in verify(path).problem
    assert verify(path, with_progress=False).ok


def test_another_journal_in_its_place_is_refused(path: Path) -> None:
    """The progress record knows the journal's hash, not its length alone."""
    with Held(path) as held:
        held.journal.append([link(10)])
        held.journal.progress(pid=1, started="")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    (path.parent / "progress.json").rename(path.parent / "kept")
    with Held(path) as held:
        held.journal.append(links(1, 20))
    (path.parent / "kept").rename(path.parent / "progress.json")
    with pytest.raises(JournalCorrupt, match="not the one that was here"):
        Held(path)
    assert "Event 11 is not the one" in verify(path).problem


def test_an_unreadable_progress_record_is_refused(path: Path) -> None:
    """Half a record is not taken for none."""
    (path.parent / "progress.json").write_text('{"seq":')
    with pytest.raises(JournalCorrupt, match="not a progress record"):
        Held(path)
    with pytest.raises(JournalCorrupt, match="not a progress record"):
        ProgressFile(path).read()


def test_a_damaged_snapshot_is_passed_over(path: Path) -> None:
    """A snapshot is a short cut: an older whole one, or the events themselves, will do."""
    with Held(path) as held:
        for number in (11, 12):
            held.journal.write_snapshot(held.journal.append([link(number)]), b"s%d" % number)
    rewrite(path, "UPDATE snapshots SET state = x'00' WHERE seq = 12")
    assert "snapshot at event 12" in verify(path).problem
    with Held(path) as held:
        snapshot = held.journal.latest_snapshot()
        assert snapshot is not None
        assert snapshot.seq == 11
        assert [seq for seq, _ in held.journal.replay(11)] == [12]


def test_a_snapshot_of_another_event_is_passed_over(path: Path) -> None:
    """Its hash vouches for the event that it is of: replayed from there, events would count twice.

    Found by turning one bit of every byte of a journal.
    """
    with Held(path) as held:
        held.journal.write_snapshot(held.journal.append([link(11)]), b"a state")
    rewrite(path, "UPDATE snapshots SET seq = 9")
    assert "snapshot at event 9" in verify(path).problem
    with Held(path) as held:
        assert held.journal.latest_snapshot() is None


def test_a_rotten_word_of_the_schema_is_refused(path: Path) -> None:
    """SQLite reads the rows by these words: one letter can hide them all, and all look whole.

    Found by turning one bit of every byte of a journal.
    """
    content = path.read_bytes()
    path.write_bytes(content.replace(b"seq INTEGER PRIMARY KEY", b"seq INTEGER PRIMARYWKEY", 1))
    with pytest.raises(JournalCorrupt, match="not what was written"):
        Held(path)
    with pytest.raises(JournalCorrupt, match="not what was written"):
        verify(path)


def test_a_rotten_type_of_the_head_is_read_all_the_same(path: Path) -> None:
    """A hash that says it is text has the same bytes, and the chain goes on from them.

    Found by turning one bit of every byte of a journal.
    """
    rewrite(path, "UPDATE events SET hash = CAST(hash AS TEXT) WHERE seq = 10")
    with Held(path) as held:
        assert held.journal.head.seq == 10
        assert type(held.journal.head.hash) is bytes


def test_damaged_pages_are_found_at_start(path: Path) -> None:
    """SQLite's own check runs before anything is read."""
    content = bytearray(path.read_bytes())
    content[4096 + 20 : 4096 + 600] = b"\xff" * 580
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="damaged"):
        Held(path)


def test_damage_in_a_large_file_is_found_by_what_reads_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file too large for SQLite's check at start is still held to the chain, row by row."""
    monkeypatch.setattr(sqlite, "CHECKED_BYTES_MAX", 0)
    content = path.read_bytes()
    assert content.count(b"a4") > 0
    path.write_bytes(content.replace(b'"account":"a4"', b'"account":"a5"'))
    with Held(path) as held, pytest.raises(JournalCorrupt, match="row 5"):
        list(held.journal.replay())


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """It is left as it is."""
    path.write_bytes(b"my diary " * 1_000)
    with pytest.raises(JournalCorrupt, match="damaged"):
        Held(path)
    assert path.read_bytes().startswith(b"my diary")


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """It is left as it is, and the message says so."""
    other = tmp_path / "other.db"
    rewrite(other, "CREATE TABLE photos(name)")
    with pytest.raises(JournalCorrupt, match="not a Bascule journal"):
        Held(other)


def test_a_newer_journal_is_refused(path: Path) -> None:
    """A schema that this version does not know is not touched."""
    rewrite(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="schema version 99") as caught:
        Held(path)
    assert caught.value.code == "journal_newer"


def test_a_file_that_may_not_be_written(path: Path, tmp_path: Path) -> None:
    """A directory in the journal's place is named, and nothing is started."""
    place = tmp_path / "folder.db"
    place.mkdir()
    with pytest.raises(JournalUnwritable, match=re.escape(str(place))):
        Held(place)


def test_a_torn_tail_is_cut_to_the_last_whole_commit(tmp_path: Path) -> None:
    """Wherever the WAL ends, what is read is a beginning of what was written, in whole batches."""
    path = tmp_path / "journal.db"
    with Held(path, threaded=False) as held:
        events = links(1, 21)
        ends = [0]
        for size in range(1, 7):
            ends.append(held.journal.append(events[ends[-1] : ends[-1] + size]))
            held.commit()
        saved = tmp_path / "saved"
        saved.mkdir()
        shutil.copy(path, saved)
        wal = Path(f"{path}-wal").read_bytes()
    seen = set()
    for size in [*range(0, len(wal), 997), len(wal)]:
        torn = tmp_path / "torn" / str(size)
        torn.mkdir(parents=True)
        shutil.copy(saved / "journal.db", torn)
        (torn / "journal.db-wal").write_bytes(wal[:size])
        found = replayed(torn / "journal.db")
        assert found == list(enumerate(events, 1))[: len(found)]
        assert len(found) in ends
        seen.add(len(found))
    assert seen == set(ends)


def test_any_sqlite_shell_reads_it(path: Path) -> None:
    """The data is plain JSON text that SQL can look into."""
    connection = apsw.Connection(str(path))
    sql = "SELECT json_extract(data, '$.account') FROM events WHERE kind = 'link_changed'"
    assert connection.execute(sql).fetchall() == [(f"a{n}",) for n in range(1, 10)]
    connection.close()
