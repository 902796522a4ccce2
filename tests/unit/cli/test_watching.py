"""What tells the outside of an engine: its beats, its end, and whether its guardian is there."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bascule.alerts.alert import Alert, Severity
from bascule.cli import watching
from bascule.cli.watching import STALE_NS, Watching
from bascule.config.demo import written
from bascule.config.load import read
from bascule.config.secret_file import SecretFile
from bascule.config.secrets import Secrets
from bascule.journal.progress import Progress
from bascule.model.errors import JournalUnwritable
from bascule.model.values import SECOND, Instant
from tests.waiting import until

NOW = Instant(1_800_000_000 * SECOND)


class Guardian:
    """Whether a guardian is there, and how often that was looked at."""

    def __init__(self) -> None:
        self.there: bool | None = None
        self.looks = 0

    @property
    def present(self) -> bool | None:
        """Say it."""
        self.looks += 1
        return self.there


class Runtime:
    """As much of an engine as is looked at."""

    def __init__(self, folder: Path, *, needs_guardian: bool = False) -> None:
        self.fatal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.clock = SimpleNamespace(now=lambda: NOW)
        self.setup = SimpleNamespace(data_dir=folder, needs_guardian=needs_guardian)
        self.guardian = Guardian()


class Kept:
    """A notifier that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Alert] = []
        self.sent: list[Alert] = []

    def tell(self, given: Alert) -> None:
        """Keep it."""
        self.told.append(given)

    async def send(self, given: Alert) -> bool:
        """Keep it."""
        self.sent.append(given)
        return True


def made() -> tuple[Watching, Kept]:
    """Give a watching whose messages are kept."""
    config = read(f'{written()}\n[alerts]\nmute = ["order_filled"]\n', Path("bascule.toml"), {})
    one = Watching(config, Secrets(config.mode, SecretFile(Path("x"), Path("y"), config.mode), {}))
    kept = Kept()
    one.notifier = kept  # type: ignore[assignment]
    return one, kept


def progress(folder: Path, age_ns: int) -> None:
    """Leave a progress record of some age."""
    record = Progress(at=Instant(NOW - age_ns), pid=1, started="", seq=1, hash="")
    (folder / "progress.json").write_bytes(msgspec.json.encode(record))


async def test_the_engine_beats_only_while_its_record_is_fresh(tmp_path: Path) -> None:
    """A stalled writer or disk stops the record, and a failed journal ends the beats at once."""
    runtime: Any = Runtime(tmp_path)
    assert not await watching._well(runtime)
    progress(tmp_path, STALE_NS - 1)
    assert await watching._well(runtime)
    progress(tmp_path, STALE_NS)
    assert not await watching._well(runtime)
    (tmp_path / "progress.json").write_text("torn")
    assert not await watching._well(runtime)
    progress(tmp_path, 0)
    runtime.fatal.set_result(JournalUnwritable("the disk is full"))
    assert not await watching._well(runtime)


async def test_a_fault_is_told_as_critical_and_by_its_code_only(tmp_path: Path) -> None:
    """The end in good order is a warning."""
    one, kept = made()
    await one.farewell("asked to", None)
    await one.farewell("x", JournalUnwritable("Bascule could not write /home/me/secret/place"))
    ended, failed = kept.sent
    assert (ended.severity, failed.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert "journal_unwritable" in failed.text and "/home/me" not in failed.text


@pytest.mark.parametrize(
    ("needed", "seen", "told"),
    [
        (True, [None, False, True, False], ["guardian_down", "guardian_back", "guardian_down"]),
        (True, [True, True], []),
        (False, [False, False], []),
        (False, [False, True, False], ["guardian_back", "guardian_down"]),
    ],
)
async def test_a_guardian_is_missed_where_it_is_needed_or_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: bool, seen: list[bool | None],
    told: list[str],
) -> None:  # fmt: skip
    """On paper nobody misses one that never ran."""
    monkeypatch.setattr(watching, "GUARDIAN_LOOK_S", 0.001)
    one, kept = made()
    runtime: Any = Runtime(tmp_path, needs_guardian=needed)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one._watch_guardian(runtime))
        for present in seen:
            runtime.guardian.there, looks = present, runtime.guardian.looks
            await until(lambda seen=looks: runtime.guardian.looks > seen, "a look")
        task.cancel()
    assert [one.name for one in kept.told] == told
