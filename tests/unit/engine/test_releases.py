"""The calendar of releases is kept fresh beside the engine, and its faults are told."""

from pathlib import Path
from typing import Any

import pytest

from bascule.config.firm import NewsSettings
from bascule.engine import releases
from bascule.engine.releases import RETRY_NS, SIZE_MAX, CalendarReader, fetched
from bascule.execution.turn import Settings
from bascule.model.values import HOUR, Instant
from bascule.reference.releases import CalendarError

GOOD = b"date,time,currency,event\n2026-12-04,13:30,USD,NFP\n"


class Clock:
    """A clock that a test reads, and that ends the reader after some sleeps."""

    def __init__(self, sleeps: int = 1) -> None:
        self.at = 0
        self.slept: list[int] = []
        self._left = sleeps

    def now(self) -> Instant:
        return Instant(self.at)

    async def sleep(self, ns: int) -> None:
        self.slept.append(ns)
        self.at += ns
        if len(self.slept) >= self._left:
            raise _Enough


class _Enough(Exception):
    """The test has seen what it came for."""


def reader(*answers: bytes | Exception, clock: Any = None) -> tuple[CalendarReader, Settings]:
    """Make a reader whose source answers so, one after the other."""
    settings, left = Settings(), list(answers)

    async def fetch(source: str) -> bytes:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = CalendarReader(NewsSettings(source="c.csv"), settings, clock or Clock(), fetch)
    return made, settings


async def test_a_calendar_is_there_once_it_was_read() -> None:
    """Before that there is one that was never read, which is not the same as none."""
    made, settings = reader(GOOD)
    assert settings.news is not None
    assert settings.news.calendar is None
    assert await made.read()
    assert settings.news.calendar is not None
    assert [one.title for one in settings.news.calendar.releases] == ["NFP"]
    assert settings.news.fault == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"a,b\n1,2\n", "line 2 has no title"),
        (FileNotFoundError(2, "No such file or directory"), "No such file"),
        (OSError("ClientConnectorError: refused"), "refused"),
        (b"\xff", "not UTF-8"),
    ],
)
async def test_a_reading_that_failed_keeps_the_last_and_says_why(answer: Any, said: str) -> None:
    """It grows stale from then on, and the fault is told with its age."""
    made, settings = reader(GOOD, answer)
    await made.read()
    assert settings.news is not None
    before = settings.news.calendar
    assert not await made.read()
    assert settings.news.calendar is before
    assert said in settings.news.fault


async def test_it_is_read_anew_and_sooner_after_a_fault() -> None:
    """Every six hours, or after five minutes."""
    clock = Clock(sleeps=3)
    made, _ = reader(GOOD, OSError("down"), GOOD, clock=clock)
    with pytest.raises(_Enough):
        await made.run()
    assert clock.slept == [6 * HOUR, RETRY_NS, 6 * HOUR]


async def test_a_file_is_read_up_to_a_bound(tmp_path: Path, monkeypatch: Any) -> None:
    """A source that never ends does not fill the memory."""
    file = tmp_path / "c.csv"
    file.write_bytes(GOOD)
    assert await fetched(str(file)) == GOOD
    assert len(GOOD) < SIZE_MAX
    monkeypatch.setattr(releases, "SIZE_MAX", len(GOOD) - 1)
    with pytest.raises(CalendarError, match="larger than"):
        await fetched(str(file))
    with pytest.raises(OSError, match="No such file"):
        await fetched(str(tmp_path / "none.csv"))


async def test_an_address_that_does_not_answer_is_a_fault() -> None:
    """Nothing listens there."""
    with pytest.raises(OSError, match="ClientConnector"):
        await fetched("https://127.0.0.1:9/c.csv")
