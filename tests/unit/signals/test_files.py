"""Files in a folder become signals once each, wherever the process dies on the way."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bascule.model.errors import ConfigError
from bascule.model.intent import Receipt, Signal
from bascule.signals.intake import files
from bascule.signals.intake.files import FileIntake
from bascule.signals.intake.source import Rate, Source
from tests.waiting import PATIENCE_S

from .asgi import NOW, Clock, Door

OIF = "PLACE;Sim101;ES 12-26;BUY;1;MARKET;;;DAY;;;;"
CLOSE = "CLOSEPOSITION;Sim101;ES 12-26;;;;;;;;;;"
NATIVE = {"intent": "place_order", "symbol": "ES1!", "side": "buy", "quantity": {"value": "1"}}


class Crash(BaseException):
    """The process ends here."""


class Engine(Door):
    """A door that knows a key again, as the engine does."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}

    async def submit(self, signal: Signal) -> Receipt:
        """Answer the second of one key as a duplicate."""
        if signal.key in self.kept:
            return Receipt("d", "duplicate", duplicate_of=self.kept[signal.key])
        receipt = await super().submit(signal)
        if signal.key and receipt.signal:
            self.kept[signal.key] = receipt.signal
        return receipt


class Watched:
    """A folder, and an intake on it that can be made anew."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.engine = Engine()
        many = Rate(per_minute=10**6, burst=10**4)
        self.source = Source(name="nt", folder=folder, rate=many, **settings)
        self.start()

    def start(self) -> None:
        """Begin with what the disk holds, and nothing remembered."""
        self.intake = FileIntake(self.source, self.engine, clock=Clock(), poll_s=0)

    def put(self, name: str, content: str | bytes) -> None:
        """Write a file, as of now."""
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        os.utime(self.folder / name, ns=(NOW, NOW))

    async def look(self, times: int = 2) -> None:
        """Look as often as it takes for a file to be taken."""
        for _ in range(times):
            await self.intake.look()

    def result(self, name: str, where: str = "done") -> Any:
        """Read a file's results."""
        return json.loads((self.folder / where / f"{name}.result.json").read_text())


@pytest.fixture
def nt(tmp_path: Path) -> Watched:
    """Give a folder of NinjaTrader's files."""
    return Watched(tmp_path / "in", dialect="ninjatrader_oif")


async def test_each_line_is_a_signal_with_its_answer(nt: Watched) -> None:
    """In their order; an unreadable one holds up nothing; the file is put away."""
    nt.put("oif1.txt", f"{OIF}\r\n\r\nNONSENSE;1\n{CLOSE}\n")
    await nt.look()
    assert [signal.raw for signal in nt.engine.signals] == [OIF, "NONSENSE;1", CLOSE]
    assert [signal.key for signal in nt.engine.signals][::2] == [
        "nt/delivery/oif1.txt:1",
        "nt/delivery/oif1.txt:4",
    ]
    told = nt.result("oif1.txt")
    assert [(one["line"], one["answer"]["status"]) for one in told["lines"]] == [
        (1, "accepted"), (3, "refused"), (4, "accepted"),
    ]  # fmt: skip
    assert told["lines"][1]["answer"]["code"] == "invalid_action"
    assert sorted(path.name for path in nt.folder.rglob("*") if path.is_file()) == [
        "oif1.txt", "oif1.txt.result.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (json.dumps(NATIVE, indent=2), 1),
        (f"{json.dumps(NATIVE)}\n{json.dumps(NATIVE)}\n", 2),
        (f"\ufeff{json.dumps(NATIVE)}\n\0", 1),
    ],
)
async def test_json_is_a_document_or_lines(tmp_path: Path, text: str, count: int) -> None:
    """Native JSON over several lines is one message; a document on each line is several."""
    native = Watched(tmp_path / "in", dialect="native")
    native.put("a.json", text)
    await native.look()
    answers = [one["answer"]["status"] for one in native.result("a.json")["lines"]]
    assert answers == ["accepted"] * count


async def test_a_time_past_the_last_year_ends_nothing(tmp_path: Path) -> None:
    """No line of a file may end the watching, or it would at every start."""
    alerts = Watched(tmp_path / "in", dialect="tradingview_json", strategy="s")
    alerts.put("a.json", '{"symbol": "ES1!", "action": "buy", "time": "9999-12-31T23:59:59-14:00"}')
    await alerts.look()
    assert alerts.result("a.json")["lines"][0]["answer"]["status"] == "accepted"


async def test_a_file_that_cannot_be_read_holds_up_no_other(nt: Watched) -> None:
    """The orders behind it may be closes; it is told of at each look."""
    (nt.folder / "claimed" / "stuck").mkdir()
    nt.put("oif1.txt", OIF)
    for _ in range(2):
        with pytest.raises(OSError, match="stuck"):
            await nt.intake.look()
    assert nt.result("oif1.txt")["lines"][0]["answer"]["status"] == "accepted"


async def test_a_name_is_used_once(nt: Watched) -> None:
    """The same file again is a duplicate and asks for nothing anew."""
    for _ in range(2):
        nt.put("oif1.txt", OIF)
        await nt.look()
    assert len(nt.engine.signals) == 1
    answer = nt.result("oif1.txt")["lines"][0]["answer"]
    assert (answer["status"], answer["duplicate_of"]) == ("duplicate", "e-1")


async def test_a_file_is_as_old_as_it_says(nt: Watched) -> None:
    """A message without a time has its file's; one from the future is from now."""
    for name, at in (("old", NOW - 10**12), ("new", NOW + 10**12)):
        nt.put(name, OIF)
        os.utime(nt.folder / name, ns=(at, at))
    await nt.look()
    assert [signal.fired_at for signal in nt.engine.signals] == [NOW - 10**12, NOW]
    assert "last written" in nt.engine.signals[0].notes[-1]


async def test_a_growing_file_is_left_until_it_stands_still(nt: Watched) -> None:
    """So are names of unfinished files, and hidden ones."""
    nt.put("oif1.txt", OIF[:20])
    await nt.look(1)
    nt.put("oif1.txt", OIF)
    for name in ("a.tmp", "b.part", ".c", "d~"):
        nt.put(name, OIF)
    await nt.look(1)
    assert nt.engine.signals == []
    await nt.look(1)
    assert [signal.raw for signal in nt.engine.signals] == [OIF]
    assert (nt.folder / "a.tmp").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("big.txt", b"x" * (files.FILE_LIMIT + 1), "file_too_large"),
        ("empty.txt", b" \n\0", "empty_body"),
    ],
)
async def test_a_bad_file_is_moved_aside(nt: Watched, name: str, content: bytes, code: str) -> None:
    """With the reason, and nothing of it is submitted."""
    nt.put(name, content)
    await nt.look()
    assert nt.result(name, "refused")["code"] == code
    assert (nt.folder / "refused" / name).read_bytes() == content
    assert nt.engine.signals == []


async def test_an_unreadable_file_is_journaled_and_moved_aside(nt: Watched) -> None:
    """Text that is no UTF-8, and lines of which none is readable."""
    nt.put("a.txt", b"\xff\xfePLACE")
    nt.put("b.txt", "hello\nworld")
    await nt.look()
    assert [s.refused_code for s in nt.engine.signals] == [
        "bad_encoding", "invalid_action", "invalid_action",
    ]  # fmt: skip
    assert nt.result("a.txt", "refused")["lines"][0]["answer"]["code"] == "bad_encoding"
    assert len(nt.result("b.txt", "refused")["lines"]) == 2


@pytest.mark.parametrize("name", ["ö.txt", "a.txt.result.json", "-x", "a" * 130])
async def test_an_odd_name_is_refused(nt: Watched, name: str) -> None:
    """It is moved aside under a name that every system can hold, and is not read."""
    nt.put(name, OIF)
    await nt.look()
    (result,) = (nt.folder / "refused").glob("*.result.json")
    assert json.loads(result.read_text())["code"] == "file_name"
    assert nt.engine.signals == [] and not (nt.folder / name).exists()


@pytest.mark.parametrize("word", ["overloaded", "unknown"])
async def test_lines_wait_while_the_engine_keeps_nothing(nt: Watched, word: str) -> None:
    """Neither an overloaded engine nor one whose journal cannot be written loses a line."""
    nt.put("oif1.txt", f"{OIF}\n{CLOSE}")
    nt.engine.status = word
    async with asyncio.timeout(PATIENCE_S):
        looking = asyncio.gather(nt.look())
        await asyncio.sleep(0.01)
        nt.engine.status, nt.engine.broken = "", True
        await asyncio.sleep(0.01)
        assert nt.engine.signals == []
        nt.engine.broken = False
        await looking
    assert [one["answer"]["status"] for one in nt.result("oif1.txt")["lines"]] == ["accepted"] * 2


def _dying(at: int, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Callable[[], int]:
    """Let the process die before or after the ``at``-th step that changes the world."""
    steps = 0
    rename, replace, submit = os.rename, os.replace, engine.submit

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            raise Crash

    def around(real: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def moved(source: Any, target: Any) -> None:
            step()
            real(source, target)
            step()

        return moved

    async def submitted(signal: Signal) -> Receipt:
        step()
        receipt = await submit(signal)
        step()
        return receipt

    monkeypatch.setattr(files.os, "rename", around(rename))
    monkeypatch.setattr(files.os, "replace", around(replace))
    monkeypatch.setattr(engine, "submit", submitted)
    return lambda: steps


LAST_STEP = 12
"""Claim, two submits, the result, the file and the result put away: before and after each."""


@pytest.mark.parametrize("at", range(1, LAST_STEP + 2))
async def test_a_crash_anywhere_loses_nothing_and_doubles_nothing(
    nt: Watched, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Also between claim and submit: at the next start every line is there exactly once."""
    nt.put("oif1.txt", f"{OIF}\n{CLOSE}")
    with monkeypatch.context() as patched:
        steps = _dying(at, patched, nt.engine)
        if at <= LAST_STEP:
            with pytest.raises(Crash):
                await nt.look()
        else:
            await nt.look()
            assert steps() == LAST_STEP
    nt.start()
    await nt.look()
    assert [signal.raw for signal in nt.engine.signals] == [OIF, CLOSE]
    statuses = {one["answer"]["status"] for one in nt.result("oif1.txt")["lines"]}
    assert statuses <= {"accepted", "duplicate"}
    assert [path.name for path in (nt.folder / "claimed").iterdir() if path.suffix != ".tmp"] == []
    assert (nt.folder / "done" / "oif1.txt").exists()


async def test_running_it_picks_up_what_was_claimed(nt: Watched) -> None:
    """A file that an earlier run had claimed is finished, and one that comes later too."""
    nt.put("a", OIF)
    (nt.folder / "a").rename(nt.folder / "claimed" / "a")
    running = asyncio.gather(nt.intake.run())
    async with asyncio.timeout(PATIENCE_S):
        nt.put("b", CLOSE)
        while not (nt.folder / "done" / "b.result.json").exists():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [signal.raw for signal in nt.engine.signals] == [OIF, CLOSE]


async def test_a_folder_that_is_gone_ends_nothing(nt: Watched) -> None:
    """It is told once, and watching goes on when the folder is back."""
    for name in ("claimed", "done", "refused"):
        (nt.folder / name).rmdir()
    nt.folder.rmdir()
    running = asyncio.gather(nt.intake.run())
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.sleep(0.02)
        nt.start()
        nt.put("a", OIF)
        while not (nt.folder / "done" / "a.result.json").exists():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_folder_that_everybody_may_write_in_is_refused(tmp_path: Path) -> None:
    """Whoever can write there can trade."""
    folder = tmp_path / "in"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigError) as refused:
        Watched(folder)
    assert refused.value.code == "folder_open"
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as refused:
        Watched(tmp_path / "file")
    assert refused.value.code == "folder_unusable"


def test_a_folder_goes_with_no_secret(tmp_path: Path) -> None:
    """A proof that nobody checks would be a promise that nobody keeps."""
    with pytest.raises(ConfigError, match="only proof"):
        Source(name="nt", folder=tmp_path, body_secret="body-secret-0123").check()
