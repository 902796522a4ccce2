"""Where this installation's data is. It needs nothing but the standard library."""

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = "BASCULE_HOME"


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the directory that holds every mode's data.

    Raises:
        FileNotFoundError: none is named, and this user has no home directory.
    """
    if named := environ.get(HOME):
        return under_home(named).resolve()
    if sys.platform == "win32":
        return under_home(environ.get("LOCALAPPDATA") or "~/AppData/Local") / "Bascule"
    if sys.platform == "darwin":
        return under_home("~/Library/Application Support/Bascule")
    return under_home(environ.get("XDG_DATA_HOME") or "~/.local/share") / "bascule"


def under_home(path: str) -> Path:
    """Give a path, with the user's home directory for a leading ``~``.

    Raises:
        FileNotFoundError: it begins so, and this user has no home directory.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        why = f"this user has no home directory; set {HOME} to a place of its own"
        raise FileNotFoundError(errno.ENOENT, why, path) from error


def guardians(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the directory in which every guardian notes whose it is, for the key's program."""
    return home(environ) / "guardians"
