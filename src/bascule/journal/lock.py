"""The lock that keeps a second engine off a journal.

It is the operating system's lock on ``<journal>.lock``, so that a crash releases it; the file
itself stays, and holds the process id of whoever took it last.
"""

import os
from pathlib import Path

from bascule.model.errors import JournalLocked, JournalUnwritable

_AT = 1 << 20
"""Windows locks bytes, and a locked byte cannot be read: this one lies behind the process id."""

try:
    import fcntl
except ImportError:
    import msvcrt

    def _take(handle: int) -> None:
        os.lseek(handle, _AT, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """An exclusive lock, held from ``Lock(path)`` to ``release`` or the end of the process.

    Raises:
        JournalLocked: another process holds it; the message names it.
        JournalUnwritable: the lock file cannot be written.
    """

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritten(path, error) from error
        try:
            _take(self._handle)
        except OSError as error:
            os.lseek(self._handle, 0, os.SEEK_SET)
            holder = os.read(self._handle, 20).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise JournalLocked(
                f"{journal} is in use by process {holder or 'unknown'}. Nothing was started.",
                hint="One journal has one engine: stop that process first, or name another"
                " data directory.",
            ) from error
        self._held = True
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, f"{os.getpid():<20}".encode())
        except OSError as error:
            self.release()
            raise _unwritten(path, error) from error

    def release(self) -> None:
        """Let go; a second call is harmless."""
        if self._held:
            self._held = False
            os.close(self._handle)


def _unwritten(path: Path, error: OSError) -> JournalUnwritable:
    return JournalUnwritable(
        f"Bascule could not write {path}: {error.strerror}. Nothing was started.",
        hint="Check that the directory is there, that this user may write to it, and that the disk"
        " has room.",
    )
