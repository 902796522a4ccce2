"""Which process is meant: its id and when it started, so that a reused id is never taken for it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

_PS_S = 5.0
_SYSTEM: str = sys.platform  # a plain string, so that every branch is type-checked everywhere


class Own(NamedTuple):
    """Which process one is: its id, and its start as ``started`` tells it."""

    pid: int
    started: str


class Processes(Protocol):
    """What is asked of the system about processes: this module, or a double of it."""

    def own(self) -> Own:
        """Which process asks."""

    def runs(self, pid: int, start: str) -> bool:
        """Whether this very process still runs."""

    def kill(self, pid: int, start: str) -> bool:
        """End it at once; False when it no longer runs.

        Raises:
            PermissionError: it is another user's.
        """


def own() -> Own:
    """Give which process this is."""
    pid = os.getpid()
    return Own(pid, started(pid))


def started(pid: int) -> str:
    """Give a process's start in this system's own words; '' when it does not run or has ended."""
    if pid <= 0:
        return ""
    if _SYSTEM == "win32":
        return _started_windows(pid)
    if _SYSTEM == "linux":
        return _started_linux(pid)
    asked = ("ps", "-o", "stat=,lstart=", "-p", str(pid))
    with suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_PS_S, check=False)
        state, _, start = said.stdout.strip().partition(" ")
        return "" if state.startswith("Z") else start.strip()
    return ""


def runs(pid: int, start: str) -> bool:
    """Whether this very process still runs."""
    return bool(start) and started(pid) == start


def kill(pid: int, start: str) -> bool:
    """End a process at once, if it is the one that is meant.

    Returns:
        whether it was told to end; False when it no longer runs, or another has its id.

    Raises:
        PermissionError: it is another user's.
    """
    if not runs(pid, start):
        return False
    try:
        # Windows ends a process at once by any signal.
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    except ProcessLookupError:
        return False
    return True


def _started_linux(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # its name may hold spaces and brackets
    if fields[0] in "ZX":
        return ""  # it has ended, and its parent has not asked yet
    return f"{boot[:8]}-{fields[19]}"


def _started_windows(pid: int) -> str:
    import ctypes
    from ctypes import wintypes

    query, active = 0x1000, 259
    kernel = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - it is on Windows only
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = kernel.OpenProcess(query, False, pid)
    if not handle:
        return ""
    try:
        times = [wintypes.FILETIME() for _ in range(4)]
        code = wintypes.DWORD()
        known = kernel.GetProcessTimes(handle, *(ctypes.byref(time) for time in times))
        ended = not kernel.GetExitCodeProcess(handle, ctypes.byref(code)) or code.value != active
        if not known or ended:
            return ""
        return str((times[0].dwHighDateTime << 32) | times[0].dwLowDateTime)
    finally:
        kernel.CloseHandle(handle)
