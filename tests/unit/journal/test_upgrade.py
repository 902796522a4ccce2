"""Journals of every schema version, and the steps between them."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import apsw
import pytest

from bascule.journal.follower import Follower
from bascule.journal.upgrade import JOURNAL, upgrade
from bascule.journal.verify import verify
from bascule.model.errors import JournalError
from tests.unit.journal.support import Held, as_json, fill

DATA = Path(__file__).with_name("data")
RECORDED = sorted(DATA.glob("v*.db"))


def test_every_version_has_a_recorded_journal() -> None:
    """A new schema step comes with a journal written before it."""
    assert [file.stem for file in RECORDED] == [f"v{n + 1}" for n in range(len(JOURNAL.steps))]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_journal_replays_to_what_it_was(recorded: Path, tmp_path: Path) -> None:
    """An old journal is upgraded, verifies, and gives the very events that were written."""
    path = tmp_path / "journal.db"
    shutil.copy(recorded, path)
    meant = json.loads(recorded.with_suffix(".json").read_text(encoding="utf-8"))
    with Held(path) as held:
        events = [event for _, event in held.journal.replay()]
        snapshot = held.journal.latest_snapshot()
    assert verify(path).head == (meant["seq"], bytes.fromhex(meant["hash"]))
    text = "\n".join(map(as_json, events))
    assert sha256(text.encode()).hexdigest() == meant["events_sha256"]
    assert (snapshot.state.decode() if snapshot is not None else None) == meant["snapshot"]


def test_a_backup_of_an_older_version_verifies() -> None:
    """A journal that was not upgraded yet is read as it is; its snapshots are not counted."""
    assert verify(DATA / "v1.db", with_progress=False).ok
    with Follower(DATA / "v1.db") as follower:
        assert follower.snapshots() == []


def test_steps_run_once_and_in_order(tmp_path: Path) -> None:
    """An older file gets the steps that it lacks, each in a transaction of its own."""
    path = tmp_path / "journal.db"
    fill(path, 5)
    newer = JOURNAL._replace(
        steps=(
            *JOURNAL.steps,
            "ALTER TABLE meta ADD COLUMN a TEXT",
            "ALTER TABLE meta ADD COLUMN b TEXT",
        )
    )
    now = len(JOURNAL.steps)
    connection = apsw.Connection(str(path))
    assert upgrade(connection, newer) == (now, now + 2)
    assert upgrade(connection, newer) == (now + 2, now + 2)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(meta)")]
    assert columns == ["name", "value", "a", "b"]
    connection.close()
    with pytest.raises(JournalError, match="schema version"):
        Follower(path)


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    """What was done of the failed step is undone."""
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    broken = JOURNAL._replace(steps=(*JOURNAL.steps, "CREATE TABLE half(x); SELECT nonsense"))
    with pytest.raises(apsw.SQLError):
        upgrade(connection, broken)
    assert connection.pragma("user_version") == len(JOURNAL.steps)
    assert not connection.table_exists(None, "half")
    connection.close()
