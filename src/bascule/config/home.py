"""Where this installation's data is. It needs nothing but the standard library."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = "BASCULE_HOME"


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the directory that holds every mode's data."""
    if named := environ.get(HOME):
        return Path(named).expanduser().resolve()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or "~/AppData/Local").expanduser() / "Bascule"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/Bascule").expanduser()
    return Path(environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "bascule"


def guardians(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the directory in which every guardian notes whose it is, for the key's program."""
    return home(environ) / "guardians"
