"""Programs that tests outside ``tests/unit`` need, and the Debian packages that hold them.

    python tools/system_packages.py    install what is missing where that can be done, else say so

It installs with apt-get, as root only. Ends with 1 while something is missing.
"""

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "curl": "curl",
    "node": "nodejs",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "Xvfb": "xvfb",
    "sxhkd": "sxhkd",
    "xdotool": "xdotool",
}
"""From a program to the package that has it, on Debian and Ubuntu."""
_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where a program lies that an ordinary user's PATH does not show."""


def found(program: str) -> str | None:
    """Give the path of a program, None where it is not installed."""
    return shutil.which(program) or shutil.which(program, path=_PLACES)


def needed(program: str) -> str:
    """Give the path of a program.

    Raises:
        RuntimeError: it is not installed; the message names its package.
    """
    path = found(program)
    if path is None:
        raise RuntimeError(
            f"{program} is not installed: sudo apt-get install {PACKAGES[program]}, then again"
        )
    return path


def main() -> int:
    """Install what is missing; 0 when everything is there."""
    missing = sorted({package for program, package in PACKAGES.items() if not found(program)})
    if not missing:
        return 0
    apt = shutil.which("apt-get")
    if apt is None or getattr(os, "geteuid", lambda: 1)() != 0:
        print(f"Some tests need: sudo apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"Installing {' '.join(missing)} for the tests", file=sys.stderr)
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", *missing]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (command, [apt, "update", "-qq"], command):
        done = subprocess.run(step, env=quiet, stdout=subprocess.DEVNULL, check=False)
        if step is command and done.returncode == 0:
            return 0
    print(f"They could not be installed: {' '.join(missing)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
