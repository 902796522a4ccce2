"""Signals from a watched folder: NinjaTrader's order files, native JSON, or any pinned dialect.

    FOLDER/NAME              put there by the sender: written elsewhere or as NAME.tmp, then renamed
    FOLDER/claimed/NAME      taken by one atomic rename, and being worked through
    FOLDER/done/NAME         worked through; beside it NAME.result.json with a receipt for each line
    FOLDER/refused/NAME      nothing of it could be read; the reason is in NAME.result.json

Every line has the key (source, file, line), and a claimed file is read again at the next start, so
that a crash anywhere neither loses a line nor acts on it twice. It polls: that works everywhere.
"""

import asyncio
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from msgspec import Struct, structs

from bascule.model.errors import BasculeError, ConfigError
from bascule.model.intent import Receipt, Signal
from bascule.model.values import SECOND, Instant
from bascule.signals import lenient_json
from bascule.signals.instruction import Rejection
from bascule.signals.intake import answers
from bascule.signals.intake.port import SubmitPort
from bascule.signals.intake.ratelimit import TokenBucket
from bascule.signals.intake.source import Source

log = structlog.get_logger("bascule.files")

FILE_LIMIT = 64 * 1024
POLL_S = 0.25
RESULT = ".result.json"

_UNFINISHED = (".tmp", ".part", ".partial", "~")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._()-]{0,119}", re.ASCII)
_ODD = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_REFUSED = "@"
"""Stands before what is left of a name that is not allowed, which makes it none either."""
_PADDING = " \t\r\n\0\ufeff"
_BY_AGE = "its age is judged by when the file was last written"


class LineResult(Struct, frozen=True):
    """What became of one line, counted from 1; ``answer`` is what a webhook would be told."""

    line: int
    answer: msgspec.Raw


class FileResult(Struct, frozen=True, omit_defaults=True):
    """What became of a file. ``code`` and ``text`` say why none of it was even looked at."""

    file: str
    outcome: Literal["done", "refused"]
    code: str = ""
    text: str = ""
    lines: tuple[LineResult, ...] = ()


class _Content(Struct, frozen=True):
    """A claimed file's lines with their numbers, and when it was last written."""

    lines: tuple[tuple[int, str], ...]
    written_at: Instant
    is_text: bool = True


class FileIntake:
    """Watches one source's folder.

    Args:
        source: the sender; its folder is made where it is missing.
        port: the engine's door.
        clock: UTC nanoseconds.
        poll_s: seconds between two looks. A file is taken once two looks found it unchanged.
        file_limit: bytes of a file.

    Raises:
        ConfigError: the source is not safe, or its folder cannot be used or is open to everybody.
    """

    def __init__(
        self,
        source: Source,
        port: SubmitPort,
        *,
        clock: Callable[[], int],
        poll_s: float = POLL_S,
        file_limit: int = FILE_LIMIT,
    ) -> None:
        source.check()
        if source.folder is None:
            raise ConfigError(f"source {source.name!r}: it has no folder to watch")
        self._folder = source.folder
        self._claimed = source.folder / "claimed"
        self._reader = source.reader()
        self._port = port
        self._clock = clock
        self._poll_s = poll_s
        self._file_limit = file_limit
        self._bucket = TokenBucket(source.rate, Instant(clock()))
        self._seen: dict[str, tuple[int, int]] = {}
        self._trouble = ""
        make_folders(source)

    async def run(self) -> None:
        """Work through what an earlier run had claimed, then watch until cancelled."""
        while True:
            try:
                await self.look()
                self._say("")
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                self._say(f"{where}{error.strerror or error}")
            await asyncio.sleep(self._poll_s)

    async def look(self) -> None:
        """Look once: finish every claimed file, then claim and finish each that has settled.

        Raises:
            OSError: the folder, or a file in it, cannot be used now; what is claimed stays so until
                the next look. A file that cannot be read holds up no other.
        """
        fault: OSError | None = None
        for name in await asyncio.to_thread(self._left_over):
            fault = await self._tried(name) or fault
        for name in await asyncio.to_thread(self._settled):
            claimed = await asyncio.to_thread(self._claim, name)
            if claimed:
                fault = await self._tried(claimed) or fault
        if fault is not None:
            raise fault

    # --- one file -------------------------------------------------------------------------------

    async def _tried(self, name: str) -> OSError | None:
        """Finish a file; gives why it could not be."""
        try:
            await self._finish(name)
        except OSError as error:
            return error
        return None

    async def _finish(self, name: str) -> None:
        """Bring a claimed file to its end, from wherever a crash may have left it."""
        result = await asyncio.to_thread(self._known_result, name)
        if result is None:
            result = await self._work_through(name)
            await asyncio.to_thread(
                _write, self._claimed / (name + RESULT), msgspec.json.encode(result)
            )
        await asyncio.to_thread(self._put_away, name, result.outcome)

    async def _work_through(self, name: str) -> FileResult:
        if not _usable(name):
            why = "a file's name has letters, digits, spaces and ._()-, and does not end as results"
            return FileResult(name, "refused", "file_name", why)
        content = await asyncio.to_thread(self._load, name)
        if isinstance(content, Rejection):
            return FileResult(name, "refused", content.error, content.why)
        lines: list[LineResult] = []
        readable = False
        for number, raw in content.lines:
            signal = self._signal(name, number, raw, content)
            reply = answers.answer(signal, await self._submit(signal))
            readable = readable or reply.status != 422
            lines.append(LineResult(number, msgspec.Raw(reply.body)))
        return FileResult(name, "done" if readable else "refused", lines=tuple(lines))

    def _signal(self, name: str, number: int, raw: str, content: _Content) -> Signal:
        now = Instant(self._clock())
        struck = self._reader.strike(raw).text
        if not content.is_text:
            return self._reader.refuse(
                struck, Rejection("bad_encoding", "it is no UTF-8 text"), now
            )
        signal = self._reader.read(struck, now, f"{name}:{number}")
        if signal.fired_at is not None:
            return signal
        written_at = min(content.written_at, now)
        return structs.replace(signal, fired_at=written_at, notes=(*signal.notes, _BY_AGE))

    async def _submit(self, signal: Signal) -> Receipt:
        """Submit until it is kept; a file can wait, so neither rate nor load refuses a line."""
        while wait := self._bucket.take(Instant(self._clock())):
            await asyncio.sleep(wait / SECOND)
        while True:
            try:
                receipt = await self._port.submit(signal)
            except BasculeError as error:
                self._say(error.message)
            else:
                if receipt.status not in ("overloaded", "unknown"):
                    return receipt
            await asyncio.sleep(self._poll_s)

    # --- the disk, in a thread ------------------------------------------------------------------

    def _left_over(self) -> list[str]:
        """Name what is claimed; of a file that is away already its result may still be here."""
        names = os.listdir(self._claimed)
        return sorted({name.removesuffix(RESULT) for name in names if not name.endswith(".tmp")})

    def _settled(self) -> list[str]:
        """Name the files that stand as they stood at the last look, the oldest first."""
        now: dict[str, tuple[int, int]] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                waits = entry.name.startswith(".") or entry.name.endswith(_UNFINISHED)
                if not waits and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    now[entry.name] = (status.st_mtime_ns, status.st_size)
        settled = [name for name, found in now.items() if self._seen.get(name) == found]
        self._seen = now
        return sorted(settled, key=lambda name: (now[name], name))

    def _claim(self, name: str) -> str:
        """Take a file by renaming it; gives its name among the claimed, '' where it cannot be."""
        claimed = name if _usable(name) else _REFUSED + _ODD.sub("_", name)[:100]
        if (self._claimed / claimed).exists():
            return ""
        try:
            os.rename(self._folder / name, self._claimed / claimed)
        except (FileNotFoundError, PermissionError):  # taken back, or its writer still holds it
            return ""
        self._seen.pop(name, None)
        return claimed

    def _load(self, name: str) -> _Content | Rejection:
        path = self._claimed / name
        with path.open("rb") as file:
            body = file.read(self._file_limit + 1)
            written_at = Instant(os.fstat(file.fileno()).st_mtime_ns)
        if len(body) > self._file_limit:
            return Rejection("file_too_large", f"it has more than {self._file_limit} bytes")
        try:
            lines = _lines(body.decode("utf-8"))
        except UnicodeDecodeError:
            whole = body.decode("utf-8", "backslashreplace")
            return _Content(((1, whole),), written_at, is_text=False)
        if not lines:
            return Rejection("empty_body", "there is nothing in it")
        return _Content(lines, written_at)

    def _known_result(self, name: str) -> FileResult | None:
        """Give the result that was written before a crash; None when there is none yet."""
        try:
            written = (self._claimed / (name + RESULT)).read_bytes()
            return msgspec.json.decode(written, type=FileResult)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _put_away(self, name: str, outcome: str) -> None:
        """Move the file and then its result: what is left over tells how far that came."""
        for part in (name, name + RESULT):
            if (self._claimed / part).exists():
                os.replace(self._claimed / part, self._folder / outcome / part)

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("files_wait", folder=str(self._folder), why=trouble)
        self._trouble = trouble


def _usable(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not name.endswith(RESULT)


def _lines(text: str) -> tuple[tuple[int, str], ...]:
    """Number the messages of a file: one JSON document, or a message on each line."""
    lines = [
        (number, line.strip(_PADDING))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip(_PADDING)
    ]
    if not lines or lines[0][1][0] not in "{[":
        return tuple(lines)
    of_lines = isinstance(lenient_json.decode(lines[0][1]), lenient_json.Document)
    return tuple(lines) if of_lines else ((lines[0][0], text.strip(_PADDING)),)


def make_folders(source: Source) -> None:
    """Make a source's folder and those in it; nothing where it has none.

    Raises:
        ConfigError: it cannot be used, or every user of the machine may write in it.
    """
    folder = source.folder
    if folder is None:
        return
    try:
        for name in ("claimed", "done", "refused"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(source, error) from error
    check_folder(source)


def check_folder(source: Source) -> None:
    """Hold a source's folder, where it is there, to what is safe; changes nothing.

    Raises:
        ConfigError: it cannot be used, or every user of the machine may write in it.
    """
    folder = source.folder
    if folder is None or not folder.exists():
        return
    try:
        os.listdir(folder)
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        raise _unusable(source, error) from error
    if sys.platform != "win32" and mode & stat.S_IWOTH:
        raise ConfigError(
            f"source {source.name!r}: every user of this machine may write in {folder} (mode"
            f" {mode:04o}), and whoever may can trade. Nothing was started.",
            code="folder_open",
            hint=f"Run `chmod o-w {folder}`.",
        )


def _unusable(source: Source, error: OSError) -> ConfigError:
    return ConfigError(
        f"source {source.name!r}: the folder {source.folder} cannot be used: {error.strerror}."
        " Nothing was started.",
        code="folder_unusable",
        hint="Make it writable for the user that runs Bascule, or name another.",
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole, fsynced: it is there with all of its content, or not at all."""
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
