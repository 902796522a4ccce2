"""``bascule arm`` with a second factor: it asks for the code where somebody can answer."""

from pathlib import Path

import msgspec
import pytest

from bascule.cli import remote
from bascule.model.errors import BasculeError

from .conftest import Bascule


class Engine:
    """An engine that wants a code."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def post(self, path: str, body: dict[str, str]) -> bytes:
        """Refuse without the right code."""
        self.asked.append(body)
        if not body["code"]:
            raise BasculeError("Not armed: a code is needed.", code="arm_needs_code")
        if body["code"] != "123456":
            raise BasculeError("Not armed: the code is wrong.", code="arm_code_wrong")
        return msgspec.json.encode({"status": "armed", "text": "all is armed"})


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put the engine in the place of a running one."""
    made = Engine()

    def of(named: Path | None) -> Engine:
        return made

    monkeypatch.setattr(remote, "engine", of)
    return made


def test_in_a_terminal_the_code_is_asked_for(bascule: Bascule, engine: Engine) -> None:
    """Only once the engine has said that it wants one."""
    done = bascule("arm", "--typed", "all", stdin="123456\n", typed=True)
    assert done.code == 0 and "all is armed" in done.out
    assert [one["code"] for one in engine.asked] == ["", "123456"]


def test_elsewhere_it_is_an_option(bascule: Bascule, engine: Engine) -> None:
    """A script gives it, or is told that it must."""
    assert "Code:  arm_needs_code" in bascule("arm", "--typed", "all").err
    assert "Code:  arm_code_wrong" in bascule("arm", "--typed", "all", "--code", "1").err
    assert bascule("arm", "--typed", "all", "--code", "123456").code == 0


@pytest.mark.parametrize("command", ["halt", "kill"])
def test_a_lock_of_more_than_a_year_is_wrong_use(bascule: Bascule, command: str) -> None:
    """It is told before anything is latched, since nobody could lift it."""
    bascule("init", "--yes")
    done = bascule(command, "--until", "367d")
    assert (done.code, "until_too_far" in done.err) == (2, True)
