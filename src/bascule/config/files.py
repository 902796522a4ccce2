"""Small files that outlive a crash: how Bascule writes, replaces, lists and reads them.

``FILES`` is this machine's. A simulator gives one whose disk forgets what was not synced. A new
name, a rename and a removal are durable once their directory is synced too, and only then.

It needs nothing but the standard library: the key's program loads it within a few milliseconds.
"""

import os

Place = str | os.PathLike[str]
_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would turn line ends into two bytes


class Files:
    """The files of this machine. Everything raises ``OSError`` where the disk refuses."""

    # --- what is built of the rest --------------------------------------------------------------

    def replace(
        self, path: Place, content: bytes, *, fresh: Place = "", durable: bool = True
    ) -> None:
        """Replace a file as a whole; it is written as ``fresh`` first, in the same directory."""
        fresh = fresh or f"{os.fspath(path)}.new"
        self.write(fresh, content, durable=durable)
        self.rename(fresh, path)
        if durable:
            self.sync_folder(os.path.dirname(path))

    def make_folder(self, path: Place) -> None:
        """Make a directory and those above it, closed to other users; one that exists is kept."""
        if self.is_folder(path):
            return
        above = os.path.dirname(os.path.abspath(path))
        self.make_folder(above)
        try:
            self.add_folder(path)
        except FileExistsError:
            return
        self.sync_folder(above)

    # --- the system's own -----------------------------------------------------------------------

    def read(self, path: Place, at: int = 0) -> bytes:
        """Give a file's content from an offset on."""
        with open(path, "rb") as file:
            file.seek(at)
            return file.read()

    def write(self, path: Place, content: bytes, *, at: int = 0, durable: bool = True) -> None:
        """Write from an offset on, for the owner only; what stood behind it is cut off."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.seek(at)
            file.write(content)
            file.truncate()
            if durable:
                file.flush()
                os.fsync(handle)

    def size(self, path: Place) -> int:
        """Give a file's size in bytes."""
        return os.path.getsize(path)

    def changed_at(self, path: Place) -> int:
        """Give when a file was last written, in UTC nanoseconds."""
        return os.stat(path).st_mtime_ns

    def names(self, folder: Place) -> list[str]:
        """Give the names in a directory, in no order."""
        return os.listdir(folder)

    def is_folder(self, path: Place) -> bool:
        """Whether there is such a directory."""
        return os.path.isdir(path)

    def add_folder(self, path: Place) -> None:
        """Make one directory, closed to other users."""
        os.mkdir(path, mode=0o700)

    def rename(self, old: Place, new: Place) -> None:
        """Give a file another name; what had that name is gone."""
        os.replace(old, new)

    def remove(self, path: Place) -> None:
        """Take a file away."""
        os.unlink(path)

    def remove_folder(self, path: Place) -> None:
        """Take an empty directory away."""
        os.rmdir(path)

    def sync_folder(self, path: Place) -> None:
        """Make the names in a directory durable, where directories can be synced."""
        try:
            handle = os.open(path or os.curdir, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


FILES = Files()
"""This machine's."""
