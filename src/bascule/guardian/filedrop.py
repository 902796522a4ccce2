"""A file named ``KILL`` in a watched folder stops trading, for whoever can only write a file.

An empty file flattens everything. Else each line is a command: ``flatten account:alpha``, ``halt``,
``cancel firm:acme``. A line that cannot be read halts everything, since somebody wanted a stop. The
file is acted on once it has stopped growing, and then renamed; the answer stands beside it.
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from bascule.config.clock import Clock
from bascule.guardian.faces import Guarding
from bascule.guardian.words import Action, Command, CommandResult
from bascule.model.values import MILLISECOND, SECOND

log = structlog.get_logger("bascule.guardian")

NAMES = ("kill", "kill.txt")
"""In any letters; some editors cannot write a name without an ending."""
POLL_NS = 250 * MILLISECOND
STEADY, STEADY_EMPTY = 2, 4
"""Looks in a row at which the file must be the same; an empty one may be about to be written."""
BYTES_MAX = 10_000
LINES_MAX = 100
_STOPS: tuple[Action, ...] = ("halt", "freeze", "cancel", "flatten")


class _Look(NamedTuple):
    """A file as it was seen; the same again means that nobody has written to it."""

    name: str
    changed_ns: int
    size: int


class FileDrop:
    """Watches one folder."""

    def __init__(self, guardian: Guarding, folder: Path, clock: Clock) -> None:
        self._guardian = guardian
        self._folder = folder
        self._clock = clock
        self._seen: _Look | None = None
        self._times = 0
        self._acted: _Look | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(POLL_NS)

    async def look(self) -> None:
        """Act on the file once it is there and whole."""
        # In a thread: a network folder that hangs must not hold up the guardian.
        found = await asyncio.to_thread(self._find)
        if found is None:
            self._seen = self._acted = None
            return
        self._times = self._times + 1 if found == self._seen else 1
        self._seen = found
        wanted = STEADY if found.size else STEADY_EMPTY
        # A file that could not be renamed is acted on once; another word in it is another file.
        if self._times >= wanted and found != self._acted:
            self._acted = found
            await self._act(self._folder / found.name)

    def _find(self) -> _Look | None:
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.lower() in NAMES and entry.is_file():
                        status = entry.stat()
                        return _Look(entry.name, status.st_mtime_ns, status.st_size)
        except OSError:
            return None  # an unplugged stick or a sleeping share; it is looked at again
        return None

    async def _act(self, path: Path) -> None:
        text = await asyncio.to_thread(_read, path)
        answers = []
        for line, command in _commands(text):
            result = await self._guardian.command(command)
            answers.append(_answer(line, command, result))
            if result.status == "refused":  # a mistyped name: somebody wanted a stop all the same
                instead = _command(f"not understood: {line}")
                answers.append(_answer(line, instead, await self._guardian.command(instead)))
        if not await asyncio.to_thread(self._file_away, path, "\n".join(answers) + "\n"):
            words = f"{path} was acted on and could not be renamed. Remove it by hand."
            self._guardian.tell("warning", "kill_file_stays", words, "kill_file_stays")

    def _file_away(self, path: Path, answer: str) -> bool:
        """Rename the file and leave the answer beside it; False where that cannot be done."""
        moment = datetime.fromtimestamp(self._clock.now() / SECOND, UTC)
        done = path.with_name(f"{path.name}.done-{moment:%Y%m%dT%H%M%S}Z")
        try:
            os.replace(path, done)
            done.with_name(f"{done.name}.answer").write_text(answer, encoding="utf-8")
        except OSError as error:
            log.warning("kill_file_not_renamed", text=error.strerror)
            return False
        return True


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return "unreadable"


def _commands(text: str) -> list[tuple[str, Command]]:
    """Read a file's lines; an empty file is a flatten of everything."""
    lines = [line.strip().lstrip("\ufeff") for line in text.splitlines()[:LINES_MAX]]
    lines = [line for line in lines if line]
    return [(line, _command(line)) for line in lines or [""]]


def _command(line: str) -> Command:
    words = line.split()
    action: Action | None = "flatten"
    scope, reason = "all", "an empty KILL file"
    if words:
        action = next((one for one in _STOPS if one == words[0].lower()), None)
        scope, reason = (*words[1:], "all")[0], "a KILL file"
    if action is None or len(words) > 2:
        action, scope, reason = "halt", "all", "a KILL file with a line that cannot be read"
    return Command(action=action, scope=scope, by="file", reason=reason, via="file")


def _answer(line: str, command: Command, result: CommandResult) -> str:
    said = (
        f"{line or '(empty)'} -> {command.action} {command.scope}: {result.status}, {result.text}"
    )
    return said.replace("\n", " ")
