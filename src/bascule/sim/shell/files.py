"""The small files of a simulated machine: latch, handover, the guardian's stops and log.

Two images, as on the journal's disk: what the system shows, and what is on the platter. A file's
content is kept by its own sync, its name by its directory's. A power cut leaves of everything else
either what was or what is shown, name by name, and of unsynced content any beginning.
"""

import os
import random
from collections.abc import Callable

from bascule.config.files import Files, Place
from bascule.sim.shell.loop import ACTOR, VirtualLoop


class Died(BaseException):
    """Ends what a process was doing when it died, so that nothing of it is done by a dead one."""


class _Node:
    """One file or directory; ``kept`` is what of its content is on the platter."""

    def __init__(self, *, folder: bool = False) -> None:
        self.folder = folder
        self.seen = b""
        self.kept = b""
        self.at = 0


_Names = dict[str, _Node]


class SimFiles(Files):
    """The files of one machine. ``before`` is called ahead of each change, with what it is.

    It may kill the process that asks, or raise what a disk raises.
    """

    def __init__(self, loop: VirtualLoop, root: Place, now: Callable[[], int]) -> None:
        self._loop = loop
        self._now = now
        self._root = os.fspath(root)
        self._seen: _Names = {self._root: _Node(folder=True)}
        self._kept: _Names = dict(self._seen)
        self.before: Callable[[str], None] | None = None

    # --- what the world does --------------------------------------------------------------------

    def lose_power(self, dice: random.Random) -> None:
        """Forget what was not synced, or any part of it."""
        after: _Names = {}
        for path in sorted({*self._seen, *self._kept}):
            shown, kept = self._seen.get(path), self._kept.get(path)
            node = shown if shown is kept or dice.random() < 0.5 else kept
            if node is not None and (path == self._root or os.path.dirname(path) in after):
                after[path] = node
        for path in sorted(after):
            node = after[path]
            if node.seen != node.kept:
                torn = node.seen[: dice.randrange(len(node.seen) + 1)]
                node.seen = node.kept = dice.choice((node.kept, torn))
        self._seen, self._kept = after, dict(after)

    def platter(self, path: Place) -> bytes:
        """Give what a power cut at this instant is sure to leave of a file; b'' for nothing."""
        name = os.fspath(path)
        node = self._kept.get(name)
        above = os.path.dirname(name)
        return node.kept if node is not None and (above in self._kept) else b""

    # --- the system's own -----------------------------------------------------------------------

    def read(self, path: Place, at: int = 0) -> bytes:
        """Give a file's content from an offset on."""
        return self._file(path).seen[at:]

    def write(self, path: Place, content: bytes, *, at: int = 0, durable: bool = True) -> None:
        """Write from an offset on; what stood behind it is cut off."""
        name = os.fspath(path)
        self._change(f"write {name}")
        if os.path.dirname(name) not in self._seen:
            raise FileNotFoundError(2, "No such file or directory", name)
        node = self._seen.setdefault(name, _Node())
        node.seen = node.seen[:at] + content
        node.at = self._now()
        if durable:
            self._change(f"sync {name}")
            node.kept = node.seen

    def size(self, path: Place) -> int:
        """Give a file's size in bytes."""
        return len(self._file(path).seen)

    def changed_at(self, path: Place) -> int:
        """Give when a file was last written, in UTC nanoseconds."""
        return self._file(path).at

    def names(self, folder: Place) -> list[str]:
        """Give the names in a directory."""
        name = os.fspath(folder)
        if name not in self._seen:
            raise FileNotFoundError(2, "No such file or directory", name)
        return [os.path.basename(path) for path in self._seen if os.path.dirname(path) == name]

    def is_folder(self, path: Place) -> bool:
        """Whether there is such a directory."""
        node = self._seen.get(os.fspath(path))
        return node is not None and node.folder

    def add_folder(self, path: Place) -> None:
        """Make one directory."""
        name = os.fspath(path)
        self._change(f"make {name}")
        if name in self._seen:
            raise FileExistsError(17, "File exists", name)
        self._seen[name] = _Node(folder=True)

    def rename(self, old: Place, new: Place) -> None:
        """Give a file another name; what had that name is gone."""
        node = self._file(old)
        self._change(f"rename to {os.fspath(new)}")
        del self._seen[os.fspath(old)]
        self._seen[os.fspath(new)] = node

    def remove(self, path: Place) -> None:
        """Take a file away."""
        self._file(path)
        self._change(f"remove {os.fspath(path)}")
        del self._seen[os.fspath(path)]

    def remove_folder(self, path: Place) -> None:
        """Take an empty directory away."""
        name = os.fspath(path)
        if self.names(path):
            raise OSError(39, "Directory not empty", name)
        self._change(f"remove {name}")
        del self._seen[name]

    def sync_folder(self, path: Place) -> None:
        """Make the names in a directory durable."""
        folder = os.fspath(path)
        self._change(f"sync {folder}")
        for name in {*self._seen, *self._kept}:
            if os.path.dirname(name) != folder:
                continue
            if name in self._seen:
                self._kept[name] = self._seen[name]
            else:
                del self._kept[name]

    # --- inside ---------------------------------------------------------------------------------

    def _file(self, path: Place) -> _Node:
        node = self._seen.get(os.fspath(path))
        if node is None or node.folder:
            raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
        return node

    def _change(self, what: str) -> None:
        if self.before is not None:
            self.before(what)
        if ACTOR.get() in self._loop.dead:
            raise Died
