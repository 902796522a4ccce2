"""QuickFIX has wheels for one platform only; elsewhere what needs it is not collected."""

from importlib.util import find_spec

collect_ignore = (
    []
    if find_spec("quickfix")
    else [
        "test_interop.py",
        "test_crash.py",
        "test_intake.py",
        "test_intake_processes.py",
    ]
)
