"""What was begun and not finished: a guardian died, a disk refused, a person thought again."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from bascule.config.files import Files
from bascule.config.guardian_log import read_log
from bascule.config.latch import Entry, Latch
from bascule.guardian.service import Guardian
from bascule.guardian.stops import Stops
from bascule.model.values import MILLISECOND
from tests.unit.guardian.house import GOLD, Hurry, Place, until


@pytest.fixture(autouse=True)
async def hurried() -> None:
    """Let no test wait, nor be late."""
    Hurry(asyncio.get_running_loop())


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """An account that holds gold."""
    made = Place(tmp_path)
    made.venue.hold("alpha", GOLD, 2)
    return made


def commands(place: Place) -> list[tuple[str, str]]:
    """Give the stops that the log tells of, in their order."""
    return [
        (str(line.facts["action"]), str(line.facts["scope"]))
        for line, _ in read_log(place.files.log)
        if line.kind == "command"
    ]


async def test_a_latch_without_its_stop_holds_until_it_is_armed(place: Place) -> None:
    """A guardian died after it shut the gate, or before it opened it: either way a person can."""
    latch = Latch(place.directory / "latch")
    latch.set("all", by="me", reason="news", mode="freeze", keeper="guardian")
    async with place.running():
        assert [(stop.scope, stop.action) for stop in place.guardian.view().stops] == [
            ("all", "freeze")
        ]
        assert (await place.command("arm", typed="all")).status == "done"
        assert latch.entries() == ()


async def test_an_arming_that_the_disk_refuses_leaves_the_stop_in_force(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gate, memory and log agree: it is refused, and told anew."""

    def refuse(stops: Stops) -> None:
        raise OSError(5, "Input/output error")

    async with place.running():
        await place.command("halt")
        with monkeypatch.context() as patch:
            patch.setattr(Stops, "save", refuse)
            assert (await place.command("arm", typed="all")).code == "guardian_disk"
        assert [stop.action for stop in place.guardian.view().stops] == ["halt"]
        assert set(Latch(place.directory / "latch").entries()) == {Entry("halt", "guardian", "all")}
        assert commands(place) == [("halt", "all"), ("halt", "all")]


async def test_what_is_in_force_is_told_anew_at_each_start(place: Place) -> None:
    """The line of a stop may be the one that was never written: the engine hears of it again."""
    async with place.running():
        await place.command("lock", until=place.clock.now() + 1)
    async with place.running():
        await until(lambda: len(commands(place)) == 2, "the second line")
        assert set(commands(place)) == {("lock", "all")}


async def test_what_the_disk_refused_is_kept_once_it_can_be(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart after that has lost nothing."""
    real, failing = Files.write, True

    def write(files: Files, path: object, *words: object, **more: object) -> None:
        if failing and "/guardian/" in str(path):
            raise OSError(28, "No space left on device")
        real(files, path, *words, **more)  # type: ignore[arg-type]

    async with place.running():
        monkeypatch.setattr(Files, "write", write)
        assert (await place.command("halt")).status == "done"
        assert place.guardian.unsaved
        failing = False
        await until(lambda: not place.guardian.unsaved, "everything kept")
    assert commands(place) == [("halt", "all")]
    assert [stop.scope for stop in Stops(place.files.stops)] == ["all"]


@pytest.mark.parametrize("action", ["arm", "freeze"])
async def test_a_pass_that_has_begun_sends_nothing_that_nobody_asks_for(
    place: Place, action: str
) -> None:
    """Who arms or freezes while the venue is asked has said so before the close leaves."""
    asked: list[str] = []
    async with place.running():

        def change() -> None:
            if not asked and place.guardian.view().stops:
                asked.append(action)
                task = place.command(action, typed="all")
                try:
                    task.send(None)
                except StopIteration as done:
                    assert done.value.status == "done"

        place.venue.on_look = change
        await place.command("flatten")
        await until(lambda: bool(asked), "the look")
        await until(lambda: place.sweep_states()["alpha"] == "idle", "an idle account")
        assert (place.venue.seen, place.told("flat")) == ([], [])


async def test_flat_waits_for_an_engine_that_is_past_its_longest_send(place: Place) -> None:
    """A send of several steps may have begun before the gate shut, and its engine stood still."""
    place.venue.capabilities = msgspec.structs.replace(
        place.venue.capabilities, submit_timeout_ns=100 * MILLISECOND
    )
    place.engine()
    async with place.running():
        await place.command("flatten")
        place.engine(age_ns=-10 * MILLISECOND)  # a record of just after the stop
        stop_at = place.guardian.view().stops[0].at
        flat_from = Guardian.flat_from
        assert flat_from(place.guardian, stop_at) is None
        await until(lambda: place.clock.now() > stop_at + 200 * MILLISECOND, "the time-out")
        assert "flat" not in place.sweep_states().values()
        place.engine()
        await until(lambda: place.sweep_states()["alpha"] == "flat", "the word")
