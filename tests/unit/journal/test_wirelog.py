"""The wire log informs: it redacts, forgets the oldest, and never troubles the engine."""

from pathlib import Path

import pytest

from bascule.journal import wirelog
from bascule.journal.wirelog import PAYLOAD_MAX, WireLog, WireReader
from bascule.model.errors import JournalError
from tests.unit.journal.support import fill, rewrite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a wire log that is not there yet."""
    return tmp_path / "wire.db"


def _put(log: WireLog, number: int, payload: str | bytes = "x", subject: str = "") -> None:
    log.put(number, number, "house", "a", subject or f"s{number % 3}", "out", payload)


def test_lines_are_kept_and_found_by_subject(path: Path) -> None:
    """What was said is read back in order, as it was said."""
    log = WireLog(path)
    for number in range(1_200):
        _put(log, number, f"payload {number}")
    log.close()
    log.close()
    with WireReader(path) as reader:
        assert [line.at for line in reader.about("s1")] == list(range(1, 1_200, 3))
        assert [line.at for line in reader.about("s1", limit=2)] == [1_195, 1_198]
        (last,) = reader.latest(1)
        assert last[1:] == (1_199, 1_199, "house", "a", "s2", "out", "payload 1199")
        assert reader.about("nobody") == []
    assert (log.dropped, log.failure) == (0, "")


def test_secrets_do_not_reach_the_file(path: Path) -> None:
    """Not in a column and not in a page of the file or of its WAL."""
    log = WireLog(path)
    _put(log, 1, '{"token":"hunter2hunter2","side":"buy"}')
    log.close()
    with WireReader(path) as reader:
        assert reader.latest()[0].payload == '{"token":"***","side":"buy"}'
    assert not any(b"hunter2" in file.read_bytes() for file in path.parent.iterdir())


def test_any_bytes_can_be_kept(path: Path) -> None:
    """What is no text is kept as near as text comes, and a long payload is cut."""
    log = WireLog(path)
    for number, payload in enumerate([b"\xff\x00", "\ud800", "x" * PAYLOAD_MAX * 2]):
        _put(log, number, payload)
    log.close()
    with WireReader(path) as reader:
        assert [line.payload[:5] for line in reader.latest()] == ["\ufffd\x00", "?", "xxxxx"]
        assert len(reader.latest(1)[0].payload) == PAYLOAD_MAX


def test_any_subject_can_be_kept(path: Path) -> None:
    """An id from a venue may hold half a character, and must not end the log for all others."""
    log = WireLog(path)
    _put(log, 1, subject="order-\ud800")
    _put(log, 2, subject="order-2")
    log.close()
    assert log.failure == ""
    with WireReader(path) as reader:
        assert [line.subject for line in reader.latest()] == ["order-?", "order-2"]


def test_a_fault_of_its_own_is_said_and_fills_no_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the thread is told, and what comes after is dropped and counted."""

    def broken(payload: str) -> str:
        raise ZeroDivisionError("our bug")

    monkeypatch.setattr(wirelog, "redact", broken)
    log = WireLog(path)
    _put(log, 1)
    log.close()
    assert "our bug" in log.failure
    _put(log, 2)
    assert (len(log._queue), log.dropped) == (0, 1)


def test_a_full_queue_drops_the_oldest_and_counts(path: Path) -> None:
    """The newest lines are the ones that are wanted."""
    log = WireLog(path, queue_max=10)
    log._stop.set()
    log._thread.join()
    for number in range(25):
        _put(log, number)
    assert log.dropped == 15
    assert [line[0] for line in log._queue] == list(range(15, 25))


def test_the_file_keeps_to_its_size(path: Path) -> None:
    """The oldest lines go once the file is full, and their room is used again."""
    size_max = 200_000
    for start in range(0, 4_000, 500):
        log = WireLog(path, size_max=size_max)
        for number in range(start, start + 500):
            _put(log, number, "x" * 500)
        log.close()
        assert log.failure == ""
    with WireReader(path) as reader:
        lines = reader.latest(10_000)
    assert lines[-1].at == 3_999
    assert 100 < len(lines) < 1_000
    assert path.stat().st_size < size_max * 4


def test_a_damaged_file_is_moved_away(path: Path) -> None:
    """The log begins anew, since no decision depends on the old one."""
    path.write_bytes(b"garbage " * 1_000)
    log = WireLog(path)
    _put(log, 1)
    log.close()
    assert log.failure == ""
    assert (path.parent / "wire.db.damaged").read_bytes().startswith(b"garbage")
    with WireReader(path) as reader:
        assert len(reader.latest()) == 1


def test_a_log_that_cannot_be_opened_says_so_and_no_more(tmp_path: Path) -> None:
    """Nothing is raised at whoever trades."""
    log = WireLog(tmp_path / "nowhere" / "wire.db")
    _put(log, 1)
    log.close()
    assert "stopped" in log.failure


def test_a_newer_or_missing_log_is_not_read(path: Path) -> None:
    """A reader says what is wrong with the file."""
    with pytest.raises(JournalError, match="no wire log"):
        WireReader(path)
    WireLog(path).close()
    rewrite(path, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="schema version 99"):
        WireReader(path)
    log = WireLog(path)
    log.close()
    assert "schema version 99" in log.failure


def test_a_journal_is_no_wire_log(path: Path) -> None:
    """The two kinds of file are told apart, and a journal in its place is moved, not changed."""
    fill(path)
    with pytest.raises(JournalError, match="not a Bascule wire log"):
        WireReader(path)
