"""The latch: files that stand between a decision and the wire.

The engine looks for them before every send. Whoever wants to stop an engine that may not be
listening writes one; only arming removes it. The name says everything, so that reading it is one
listing of a directory and no content can be half written: ``<mode>.<keeper>.<scope>`` in ``latch/``
beside the journal, such as ``halt.engine.all`` or ``freeze.guardian.account%3Aalpha``. Each keeper
writes and clears only its own files, so no two processes can lose each other's. The content, by
whom and why, is for people.

It needs nothing but the standard library: the key's program loads it within a few milliseconds.
"""

import json
import os
from collections.abc import Container
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote

from bascule.config.files import FILES, Files

TYPE_CHECKING = False  # typing's own would cost the key's program an import
if TYPE_CHECKING:
    from bascule.model.account import AccountSpec

LatchMode = Literal["halt", "freeze"]
"""``halt`` holds back entries; ``freeze`` holds back everything."""

DIRECTORY = "latch"
CONDITIONS = frozenset({"link", "stall", "unguarded"})
"""Keepers whose files go by themselves with what they are for; arming takes none of them away."""
GUARDIAN_KEEPERS = CONDITIONS | {"guardian"}
"""What arming at the engine leaves: the guardian's stops are armed at the guardian."""


_TRIES = 5


class Entry(NamedTuple):
    """One file: what it forbids, who keeps it, and on what."""

    mode: LatchMode
    keeper: str
    scope: str


NOBODY = "unknown"
"""The keeper of what cannot be read."""
_UNREADABLE = Entry("halt", NOBODY, "all")


class Gate(NamedTuple):
    """How the latch stood when it was looked at."""

    entries: tuple[Entry, ...]

    def mode(self, spec: "AccountSpec", strategy: str = "") -> LatchMode | None:
        """Say what it forbids an order; None when it forbids nothing."""
        if not self.entries:
            return None
        scopes = ("all", f"account:{spec.id}", f"venue:{spec.venue}", f"firm:{spec.firm}",
                  f"strategy:{strategy}")  # fmt: skip
        modes = {entry.mode for entry in self.entries if entry.scope in scopes}
        return "freeze" if "freeze" in modes else "halt" if modes else None


OPEN = Gate(())
"""Nothing is latched."""


class Latch:
    """The latch of one mode's data directory.

    A name that cannot be read counts as a halt on ``all``, and so do a directory without a file
    and one that cannot be listed: when in doubt the gate is shut.
    """

    def __init__(self, path: "str | os.PathLike[str]", files: Files = FILES) -> None:
        self.path = os.fspath(path)
        self._files = files

    def look(self) -> "Gate":
        """Look at the files; what comes is how the gate stands at this moment."""
        try:
            names = self._files.names(self.path)
        except FileNotFoundError:
            return OPEN
        except OSError:
            return Gate((_UNREADABLE,))
        found = [entry for name in names if (entry := read_name(name)) is not None]
        return Gate(tuple(found) if names else (_UNREADABLE,))

    def mode(self, spec: "AccountSpec", strategy: str = "") -> LatchMode | None:
        """Say what the latch forbids an order; None when it forbids nothing."""
        return self.look().mode(spec, strategy)

    def covers(self, spec: "AccountSpec", strategy: str = "") -> bool:
        """Whether the latch holds back entries of this account."""
        return self.mode(spec, strategy) is not None

    def entries(self) -> tuple[Entry, ...]:
        """Give every file as it counts."""
        return tuple(sorted(self.look().entries))

    def scopes(self) -> dict[str, dict[str, object]]:
        """Give by scope what is kept and what its file says; a freeze stands before a halt."""
        found: dict[str, dict[str, object]] = {}
        for entry in sorted(self.entries(), reverse=True):
            found[entry.scope] = {**self._said(entry), "mode": entry.mode, "keeper": entry.keeper}
        return dict(sorted(found.items()))

    def set(
        self,
        scope: str,
        *,
        by: str,
        reason: str,
        at: int = 0,
        mode: LatchMode = "halt",
        keeper: str = "engine",
    ) -> None:
        """Shut the gate for a scope, durably; another mode of this keeper on it goes.

        ``at`` is UTC nanoseconds; 0 leaves it to the file's own time.

        Raises:
            OSError: the disk did not take it.
        """
        entry = Entry(mode, keeper, scope)
        said = json.dumps({"by": by, "reason": reason, **({"at": at} if at else {})})
        for tries_left in reversed(range(_TRIES)):
            try:
                self._write(entry, said)
                break
            except FileNotFoundError:
                if not tries_left:  # else whoever cleared the last file took the directory along
                    raise
        other: LatchMode = "freeze" if mode == "halt" else "halt"
        self._remove(Entry(other, keeper, scope))

    def clear(self, scope: str, *, keep: Container[str] = frozenset()) -> None:
        """Open the gate for a scope, but for the keepers in ``keep``; the last file ends it."""
        for entry in self.entries():
            if entry.scope == scope and entry.keeper not in keep:
                self._remove(entry)
        self._end_when_empty()

    def release(self, scope: str, keeper: str) -> None:
        """Take away what one keeper set on a scope."""
        for entry in self.entries():
            if entry.scope == scope and entry.keeper == keeper:
                self._remove(entry)
        self._end_when_empty()

    def _write(self, entry: Entry, said: str) -> None:
        self._files.make_folder(self.path)
        # It begins with a dot, and such names count for nothing until the rename.
        fresh = os.path.join(self.path, f".{os.getpid()}.{entry.keeper}")
        self._files.replace(self._file(entry), said.encode(), fresh=fresh)

    def _said(self, entry: Entry) -> dict[str, object]:
        file = self._file(entry)
        try:
            written: dict[str, object] = {"at": self._files.changed_at(file)}
            said = json.loads(self._files.read(file))
        except (OSError, ValueError):
            return {}
        return {**written, **said} if isinstance(said, dict) else written

    def _file(self, entry: Entry) -> str:
        return os.path.join(self.path, ".".join((*entry[:2], quote(entry.scope, safe=""))))

    def _remove(self, entry: Entry) -> None:
        try:
            self._files.remove(self._file(entry))
        except FileNotFoundError:
            return

    def _end_when_empty(self) -> None:
        try:
            self._files.remove_folder(self.path)
        except OSError:
            return  # somebody else's file stands in it, or it is gone


def read_name(name: str) -> Entry | None:
    """Read a file's name; None for one that is still being written."""
    if name.startswith("."):
        return None
    mode, _, rest = name.partition(".")
    keeper, _, scope = rest.partition(".")
    if not (keeper and scope):
        return _UNREADABLE
    if mode == "freeze":
        return Entry("freeze", keeper, unquote(scope))
    return Entry("halt", keeper, unquote(scope)) if mode == "halt" else _UNREADABLE
