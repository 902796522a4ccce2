"""Files that only their owner may read: made so, replaced as a whole, and checked before use.

Windows keeps these files private by the user's profile and not by mode bits, so there the check
is left out; ``CHECKED`` says which it is.
"""

import os
import stat
import sys
from pathlib import Path

from bascule.config.files import FILES
from bascule.model.errors import SecretError

CHECKED = sys.platform != "win32"
"""Whether permissions are checked on this system."""

PERMISSIONS_WORDS = (
    "readable by their owner only, and checked before each use"
    if CHECKED
    else "not checked on Windows: keep them inside your user profile"
)
"""How this system guards secret files, for whoever lists them."""


def make_private_directory(path: Path) -> None:
    """Make a directory, and those above it, closed to other users; one that exists is kept."""
    FILES.make_folder(path)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, fsynced, readable by its owner only.

    Raises:
        SecretError: it could not be written; the old file stands.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        make_private_directory(path.parent)
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        FILES.sync_folder(path.parent)
    except OSError as error:
        raise SecretError(
            f"Bascule could not write {path}: {error.strerror}. Nothing was changed.",
            code="secret_file_unwritable",
            hint="Check that its directory is there and that this user may write to it.",
        ) from error


def read_private(path: Path) -> bytes | None:
    """Read a file that only its owner may read; None when there is none.

    Raises:
        SecretError: other users may read it, it is another user's, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if CHECKED:
                _check(path, os.fstat(file.fileno()))
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(
            f"Bascule could not read {path}: {error.strerror}.",
            code="secret_file_unreadable",
            hint="It must be a file of the user that runs Bascule, with mode 0600.",
        ) from error


def _check(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise SecretError(
            f"{path} can be used by other users of this machine (mode {mode:04o}), so it was"
            " not read.",
            code="secret_file_open",
            hint=f"Run `chmod 600 {path}`, and change the secrets in it if others may have"
            " read them.",
        )
    if sys.platform != "win32" and status.st_uid not in (os.getuid(), 0):
        raise SecretError(
            f"{path} belongs to another user (number {status.st_uid}), so it was not read.",
            code="secret_file_open",
            hint="Run Bascule as its owner, or make your own file with `bascule secrets init`.",
        )
