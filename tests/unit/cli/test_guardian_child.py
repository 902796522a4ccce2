import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bascule.cli import guardian_child
from bascule.cli.guardian_remote import GuardianUnreachable
from bascule.model.errors import SecretError
from tests.waiting import until


def _config(directory: Path) -> Any:
    """Give what is read of a configuration."""
    return SimpleNamespace(
        data=SimpleNamespace(path=directory),
        guardian=SimpleNamespace(enabled=True),
        file=directory / "bascule.toml",
        hash="new",
    )


class Earlier:
    """A guardian that runs already."""

    def __init__(self, *stops: str, config: str = "old", hangs: bool = False) -> None:
        self.stops = stops
        self.config = config
        self.hangs = hangs
        self.ended = False

    def view(self) -> SimpleNamespace:
        """Show what is stopped."""
        if self.hangs:
            raise GuardianUnreachable("nobody answers")
        return SimpleNamespace(stops=self.stops, config=self.config)

    def end(self) -> None:
        """Be told to end."""
        self.ended = True


@pytest.mark.parametrize(("stops", "ends"), [((), True), (("halt",), False)])
def test_a_guardian_of_an_earlier_engine_ends_with_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stops: tuple[str, ...], ends: bool
) -> None:
    """It knows the settings of then; one that holds a stop goes on."""
    earlier = Earlier(*stops)
    nothing: Any = None
    monkeypatch.setattr(guardian_child, "spawn", lambda *words: None)
    monkeypatch.setattr(guardian_child, "guardian_client", lambda files: earlier)
    guardian_child.GuardianBeside(_config(tmp_path), nothing).end()
    assert earlier.ended is ends


RENEWALS = [
    (Earlier(config="new"), False),
    (Earlier(config="old"), True),
    (Earlier(config=""), True),
    (Earlier("halt", config="old"), False),
    (Earlier(config="old", hangs=True), False),
]


@pytest.mark.parametrize(("earlier", "renewed"), RENEWALS)
async def test_a_guardian_that_knows_another_configuration_is_replaced_once_it_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, earlier: Earlier, renewed: bool
) -> None:
    """Never while something is stopped, and never by two at a time; else it goes on."""
    started: list[object] = []
    looks: list[object] = []

    def spawn(*words: object) -> object:
        if not earlier.ended:
            return None
        started.append(SimpleNamespace(poll=lambda: looks.append(None)))
        return started[-1]

    def is_running(files: object) -> bool:
        looks.append(None)
        return not earlier.ended

    nothing: Any = None
    monkeypatch.setattr(guardian_child, "spawn", spawn)
    monkeypatch.setattr(guardian_child, "guardian_client", lambda files: earlier)
    monkeypatch.setattr(guardian_child, "is_running", is_running)
    monkeypatch.setattr(guardian_child, "LOOK_S", 0.01)
    beside = guardian_child.GuardianBeside(_config(tmp_path), nothing)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(beside.keep())
        await until(lambda: len(looks) > 5, "it to look after a guardian some times")
        keeping.cancel()
    assert (earlier.ended, len(started)) == (renewed, int(renewed))


@pytest.mark.parametrize("error", [OSError("no more processes"), SecretError("locked")])
async def test_a_guardian_that_cannot_be_started_again_now_ends_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    """It is tried until it can be."""
    answers: list[object] = [SimpleNamespace(poll=lambda: 1), error, error]
    running = SimpleNamespace(poll=lambda: None)

    def spawn(*words: object) -> object:
        found = answers.pop(0) if answers else running
        if isinstance(found, Exception):
            raise found
        return found

    nothing: Any = None
    monkeypatch.setattr(guardian_child, "LOOK_S", 0.01)
    monkeypatch.setattr(guardian_child, "spawn", spawn)
    monkeypatch.setattr(guardian_child, "is_running", lambda files: False)
    beside = guardian_child.GuardianBeside(_config(tmp_path), nothing)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(beside.keep())
        await until(lambda: beside._child is running, "the one that can be started")
        keeping.cancel()
    assert not answers
