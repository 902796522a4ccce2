"""The guardian's log: whole lines, chained, and read while it grows."""

from pathlib import Path

import pytest

from bascule.config.guardian_log import GuardianLog, read_log
from bascule.model.errors import JournalCorrupt
from bascule.model.values import Instant


def write(path: Path, *kinds: str) -> None:
    """Append lines, one fsync for all of them."""
    log = GuardianLog(path)
    log.append(Instant(5), [(kind, {"n": number}) for number, kind in enumerate(kinds)])


def kinds(path: Path, **words: int) -> list[str]:
    """Read the kinds of its lines."""
    return [line.kind for line, _ in read_log(path, **words)]


def test_lines_are_numbered_and_chained_across_starts(tmp_path: Path) -> None:
    """A guardian that starts anew goes on where the last one stopped."""
    path = tmp_path / "g" / "log.jsonl"
    write(path, "one", "two")
    write(path, "three")
    lines = [line for line, _ in read_log(path)]
    assert [(line.seq, line.kind) for line in lines] == [(1, "one"), (2, "two"), (3, "three")]
    assert lines[2].prev == lines[1].hash
    assert lines[1].facts == {"n": 1}


def test_what_is_new_is_read_from_where_one_stopped(tmp_path: Path) -> None:
    """By number, or from the end of the last line that was read."""
    path = tmp_path / "log.jsonl"
    assert kinds(path) == []
    write(path, "one", "two")
    (_, _), (_, end) = list(read_log(path))
    write(path, "three")
    assert kinds(path, after=1) == ["two", "three"]
    assert kinds(path, offset=end) == ["three"]


def test_a_torn_last_line_is_set_aside(tmp_path: Path) -> None:
    """A power cut in the middle of a line loses that line and no other."""
    path = tmp_path / "log.jsonl"
    write(path, "one")
    with path.open("ab") as file:
        file.write(b'{"seq":2,"at":5,"ki')
    assert kinds(path) == ["one"]
    write(path, "two")
    assert kinds(path) == ["one", "two"]


@pytest.mark.parametrize(
    ("old", "new"), [(b'"kind":"two"', b'"kind":"abc"'), (b'{"n":1}', b'{"n":2}')]
)
def test_a_line_that_was_changed_is_told(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Neither reading nor starting goes past it."""
    path = tmp_path / "log.jsonl"
    write(path, "one", "two", "three")
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(JournalCorrupt, match="line 2 is not what was written"):
        kinds(path)
    with pytest.raises(JournalCorrupt):
        GuardianLog(path)


def test_a_line_that_was_taken_out_is_told(tmp_path: Path) -> None:
    """The chain shows the gap."""
    path = tmp_path / "log.jsonl"
    write(path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(JournalCorrupt):
        kinds(path)
