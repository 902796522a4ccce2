"""A disk in memory under SQLite, which forgets what was not synced, tears blocks, fills and fails.

Two images a file: what the operating system shows (``seen``), and what is on the platter
(``kept``). A sync copies one to the other. A process that dies loses nothing that it wrote; a
power cut leaves the platter, and of the writes after the last sync any part, the last of them
torn within a block.
"""

import random
from collections.abc import Callable

import apsw

SECTOR = 512


class File:
    """One file: both images, and the writes in between (a truncation is a write of None)."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.kept = bytearray()
        self.writes: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write as the operating system does: shown at once, kept later."""
        _put(self.seen, offset, data)
        self.writes.append((offset, bytes(data)))

    def truncate(self, size: int) -> None:
        """Cut it to a size."""
        del self.seen[size:]
        self.writes.append((size, None))

    def sync(self) -> None:
        """Keep what is shown."""
        self.kept[:] = self.seen
        self.writes.clear()

    def lose_power(self, dice: random.Random) -> None:
        """Keep the platter and any part of what was not synced, some of it torn."""
        image = bytearray(self.kept)
        for offset, data in self.writes:
            if dice.random() < 0.5:
                continue
            if data is None:
                del image[offset:]
            elif dice.random() < 0.5:
                _put(image, offset, data)
            else:
                _put(image, offset, data[: dice.randrange(len(data) + 1)])
        self.seen, self.kept = bytearray(image), bytearray(image)
        self.writes.clear()


def _put(image: bytearray, offset: int, data: bytes) -> None:
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """The disk of one machine, registered with SQLite under ``name``.

    ``operations`` counts writes and syncs; ``fails_at`` makes the one of that number, and every
    later one, fail with ``failure`` (an apsw error class), until ``mend``. ``on_operation`` is
    called before each, ``on_done`` after it with what was done.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, File] = {}
        self.operations = 0
        self.fails_at: int | None = None
        self.failure: type[apsw.Error] = apsw.IOError
        self.on_operation: Callable[[int], None] | None = None
        self.on_done: Callable[[str], None] | None = None
        super().__init__(name, base="")

    def count(self) -> None:
        """Count one write or sync; it may be the one that fails."""
        self.operations += 1
        if self.on_operation is not None:
            self.on_operation(self.operations)
        if self.fails_at is not None and self.operations >= self.fails_at:
            raise self.failure("the simulated disk failed")

    def done(self, what: str) -> None:
        """Say that an operation has been done."""
        if self.on_done is not None:
            self.on_done(what)

    def mend(self) -> None:
        """Take writes again."""
        self.fails_at = None

    def lose_power(self, dice: random.Random) -> None:
        """Forget, in every file, what was not synced."""
        for file in self.files.values():
            file.lose_power(dice)

    def copy(self, name: str, *, platter: bool = False) -> "Disk":
        """Give another disk with the same files; ``platter``: only what is sure to be kept."""
        other = Disk(name)
        for path, file in self.files.items():
            twin = other.files[path] = File()
            twin.kept = bytearray(file.kept)
            twin.seen = bytearray(file.kept if platter else file.seen)
            twin.writes = [] if platter else list(file.writes)
        return other

    def xOpen(self, name: object, flags: list[int]) -> "OpenFile":  # type: ignore[override]
        """Open a file, making it when there is none."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "temporary")
        return OpenFile(self, path, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Remove a file; that is kept at once."""
        self.count()
        self.files.pop(filename, None)
        self.done(f"delete {filename}")

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Tell whether there is such a file."""
        return pathname in self.files

    def xFullPathname(self, name: str) -> str:
        """Names are whole already."""
        return name


class OpenFile:
    """One open file. SQLite locks in vain: a simulated machine has one process on the journal."""

    def __init__(self, disk: Disk, path: str, flags: list[int]) -> None:
        self._disk = disk
        self._path = path
        self._file = disk.files.setdefault(path, File())
        self._delete = bool(flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE)
        flags[1] = flags[0]

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read what is shown; short at the end."""
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write."""
        self._disk.count()
        self._file.write(offset, data)
        self._disk.done(f"write {self._path}")

    def xTruncate(self, newsize: int) -> None:
        """Cut."""
        self._disk.count()
        self._file.truncate(newsize)
        self._disk.done(f"truncate {self._path}")

    def xSync(self, flags: int) -> None:
        """Keep what is shown."""
        self._disk.count()
        self._file.sync()
        self._disk.done(f"sync {self._path}")

    def xFileSize(self) -> int:
        """Give the size shown."""
        return len(self._file.seen)

    def xClose(self) -> None:
        """Let go."""
        if self._delete:
            self._disk.files.pop(self._path, None)

    def xLock(self, level: int) -> None:
        """Nobody else is there."""

    def xUnlock(self, level: int) -> None:
        """Nobody else is there."""

    def xCheckReservedLock(self) -> bool:
        """Nobody else is there."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Know nothing special."""
        return False

    def xSectorSize(self) -> int:
        """Give the usual size; a write may be torn anywhere all the same."""
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        """Promise nothing."""
        return 0
