"""The lock that keeps a second process off a session's numbers, and who held it last.

It is the operating system's lock on a file, so that a crash releases it; the file stays, and says
in which run of the machine the store was written last. What a process wrote outlives the process,
but what was not synced is gone with the machine's memory: in the same run of the machine nothing
that was written is missing.
"""

import os
import time
from pathlib import Path

try:
    import fcntl
except ImportError:
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ID_MAX = 100
_TRIES = 3
_APART_S = 0.01
"""Whoever asks whether a session is in use holds its lock for a moment; a start waits it out."""


def boot_id() -> bytes:
    """Name this run of the machine; empty where the system does not tell."""
    try:
        return _BOOT.read_bytes().strip()
    except OSError:
        return b""


def take_lock(path: Path, tries: int = _TRIES) -> int:
    """Lock a file, which is made if it is missing, until ``os.close`` of what is returned.

    It may block for some hundredths of a second; not with one try.

    Raises:
        OSError: another process holds it, or it cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        tries -= 1
        try:
            _take(handle)
        except OSError:
            if not tries:
                os.close(handle)
                raise
            time.sleep(_APART_S)
        else:
            return handle


def held_in(handle: int) -> bytes:
    """Give in which run of the machine this lock was last trusted; empty for none."""
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, _ID_MAX)


def trust(handle: int, boot: bytes) -> None:
    """Note the run of the machine in which everything that is written can be read again.

    It needs no fsync: if it is lost, so is the run that it names. Empty: nothing is trusted.
    """
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, boot)
