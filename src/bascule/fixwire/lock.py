"""The lock that keeps a second process off a session's numbers.

It is the operating system's lock on a file, so that a crash releases it; the file stays.
"""

import os
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


def take_lock(path: Path) -> int:
    """Lock a file, which is made if it is missing, until ``os.close`` of what is returned.

    Raises:
        OSError: another process holds it, or it cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle)
    except OSError:
        os.close(handle)
        raise
    return handle
