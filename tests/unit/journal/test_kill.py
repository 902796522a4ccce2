"""kill -9: whatever a process was told is durable is there when the journal is opened again."""

from pathlib import Path

from bascule.journal.verify import verify
from tests.unit.journal.support import child, links, replayed


def test_nothing_durable_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Killed again and again at odd moments, the journal keeps every reported batch, in order."""
    path = tmp_path / "journal.db"
    durable = 0
    for lines in (1, 40, 7, 120, 3, 60):
        with child("append", path) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                durable = int(writer.stdout.readline())
            writer.kill()
            rest = writer.stdout.read().split("\n")
            durable = max([durable, *(int(line) for line in rest[:-1])])
        found = [event for _, event in replayed(path)]
        assert len(found) >= durable
        assert found == links(1, len(found))
    assert verify(path).ok
