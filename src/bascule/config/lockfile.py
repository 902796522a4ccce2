"""A lock that one process holds and the operating system takes back when it ends, however."""

import os
from pathlib import Path

from bascule.config.private import make_private_directory

_AT = 1 << 20
"""Windows locks bytes, and a locked byte cannot be read: this one lies behind the process id."""

try:
    import fcntl
except ImportError:
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _AT, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockFile:
    """A lock on a file that stays; it holds the process id of whoever took it last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self.holder = ""
        """The process that holds it, once ``take`` has failed."""

    def take(self) -> bool:
        """Take it; False when another process has it.

        Raises:
            OSError: the file cannot be made.
        """
        make_private_directory(self._path.parent)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(handle)
        except OSError:
            os.lseek(handle, 0, os.SEEK_SET)
            self.holder = os.read(handle, 20).decode("ascii", "replace").strip()
            os.close(handle)
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid():<20}".encode())
        self._handle = handle
        return True

    def release(self) -> None:
        """Let go; a second call is harmless."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
