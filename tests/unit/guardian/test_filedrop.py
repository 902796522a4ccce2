"""A file named KILL: what is in it, when it counts, and what becomes of it."""

import os
from pathlib import Path

import pytest

from bascule.guardian.filedrop import STEADY, STEADY_EMPTY, FileDrop

from .faces_house import FakeGuardian, HandClock


class House:
    """A watched folder and its guardian."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "drop"
        self.folder.mkdir()
        self.clock = HandClock()
        self.guardian = FakeGuardian(tmp_path, self.clock)
        self.drop = FileDrop(self.guardian, self.folder, self.clock)

    async def look(self, times: int = STEADY) -> None:
        """Let the folder be looked at."""
        for _ in range(times):
            await self.drop.look()

    @property
    def did(self) -> list[tuple[str, str]]:
        """What the guardian was asked for."""
        return [(one.action, one.scope) for one in self.guardian.commands]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give an empty folder."""
    return House(tmp_path)


async def test_an_empty_file_flattens_everything_once_it_is_sure_to_stay_empty(
    house: House,
) -> None:
    """Whoever writes a file makes it empty first, so an empty one is waited for longer."""
    (house.folder / "KILL").touch()
    await house.look(STEADY_EMPTY - 1)
    assert house.did == []
    await house.look(1)
    assert house.did == [("flatten", "all")]
    assert house.guardian.commands[0].via == "file"


async def test_a_file_that_is_being_written_is_left_to_grow(house: House) -> None:
    """What came half is not acted on."""
    path = house.folder / "KILL"
    path.touch()
    await house.look(STEADY_EMPTY - 1)
    path.write_text("flatten acc")
    await house.look(STEADY - 1)
    path.write_text("flatten account:beta\n")
    await house.look()
    assert house.did == [("flatten", "account:beta")]


async def test_each_line_is_a_command_and_the_answers_stand_beside(house: House) -> None:
    """The file is renamed, and the folder is ready for another."""
    (house.folder / "kill.TXT").write_text(
        "\ufeffhalt\r\n\r\nFlatten account:alpha\ncancel firm:x\n"
    )
    await house.look()
    assert house.did == [("halt", "all"), ("flatten", "account:alpha"), ("cancel", "firm:x")]
    names = sorted(one.name for one in house.folder.iterdir())
    assert names == ["kill.TXT.done-20270115T080000Z", "kill.TXT.done-20270115T080000Z.answer"]
    answer = (house.folder / names[1]).read_text()
    assert "Flatten account:alpha -> flatten account:alpha: done" in answer
    await house.look(5)
    assert len(house.did) == 3


@pytest.mark.parametrize("line", ["stop it!!", "arm all", "flatten account:a account:b", "\x00"])
async def test_a_line_that_cannot_be_read_halts_everything(house: House, line: str) -> None:
    """Somebody wanted a stop; the mildest one is certain. A file never arms."""
    (house.folder / "KILL").write_text(line)
    await house.look()
    assert house.did == [("halt", "all")]


async def test_a_mistyped_account_halts_everything_too(house: House) -> None:
    """The guardian refuses what it does not know, and a stop is still wanted."""
    house.guardian.refuse = {"code": "unknown_scope", "text": "there is no account:alhpa"}
    (house.folder / "KILL").write_text("flatten account:alhpa")
    await house.look()
    assert house.did == [("flatten", "account:alhpa"), ("halt", "all")]


async def test_a_file_that_cannot_be_renamed_is_acted_on_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a folder that may only be read, people are told; another word in it counts again."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    path = house.folder / "KILL"
    path.write_text("halt")
    await house.look(6)
    assert house.did == [("halt", "all")]
    assert [one[1] for one in house.guardian.told] == ["kill_file_stays"]
    path.write_text("flatten")
    await house.look(6)
    assert house.did == [("halt", "all"), ("flatten", "all")]


async def test_a_folder_that_is_away_is_looked_at_again(house: House) -> None:
    """A stick that is plugged in later works."""
    house.folder.rmdir()
    await house.look()
    house.folder.mkdir()
    (house.folder / "KILL").write_text("halt")
    await house.look()
    assert house.did == [("halt", "all")]
