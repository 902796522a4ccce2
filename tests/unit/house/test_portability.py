"""Bascule starts where Unix calls are missing, and importing it costs next to nothing."""

import subprocess
import sys

IMPORT_AS_ON_WINDOWS = """
import builtins, importlib, os, pkgutil, signal, socket, sys, warnings

# Libraries mend their own differences, so they come first and whole; only our modules are masked.
import aiohttp, apprise, apsw, keyring, litestar, prometheus_client, pydantic_settings
import rich, structlog, typer, uvicorn

ABSENT = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"}
for owner, names in {
    os: ("fork", "getuid", "geteuid", "setsid", "killpg", "getpgid", "sched_setaffinity"),
    signal: ("SIGSTOP", "SIGCONT", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT"),
    socket: ("AF_UNIX", "SO_REUSEPORT"),
}.items():
    for name in names:
        if hasattr(owner, name):
            delattr(owner, name)

real_import = builtins.__import__

def masked(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if importer.split(".")[0] == "bascule" and not level and name.split(".")[0] in ABSENT:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real_import(name, globals, locals, fromlist, level)

builtins.__import__ = masked
# What Windows has in their place.
sys.modules.setdefault("msvcrt", type(sys)("msvcrt"))

import bascule

broken, seen = [], 0
def note(name):
    broken.append(f"{name}: {sys.exc_info()[1]!r}")

for module in pkgutil.walk_packages(bascule.__path__, "bascule.", onerror=note):
    if module.name.rpartition(".")[2] != "__main__":
        seen += 1
        try:
            importlib.import_module(module.name)
        except Exception:
            note(module.name)

# What calendars are compiled with has no place beside an engine.
for name in ("pandas", "numpy", "exchange_calendars", "pandas_market_calendars"):
    if name in sys.modules:
        broken.append(f"{name} was imported")

print(seen, "modules;", "cannot be imported without Unix:", *sorted(set(broken)), sep="\\n")
sys.exit(1 if broken or not seen else 0)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, for two minutes at most."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


def test_every_module_imports_where_unix_calls_are_missing() -> None:
    """No module needs fcntl, uvloop, AF_UNIX or a Unix signal to be imported, or brings pandas."""
    done = run(IMPORT_AS_ON_WINDOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_else() -> None:
    """``import bascule`` pulls in no loop, web server or venue, so every command starts fast."""
    done = run(
        "import sys; before = set(sys.modules); import bascule;"
        "print(*sorted(set(sys.modules) - before)); print(bascule.__version__)"
    )
    assert done.returncode == 0, done.stderr
    loaded, version = done.stdout.splitlines()
    assert loaded == "bascule"
    assert version
