"""A command line that has nothing but a temporary directory."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bascule.cli.main import app


class Done(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Bascule = Callable[..., Done]


class Input(io.TextIOWrapper):
    """Standard input with text on it; ``typed`` tells whether a person types it."""

    typed = False

    def isatty(self) -> bool:
        """Tell whether there is somebody to ask."""
        return self.typed


@pytest.fixture
def bascule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bascule:
    """Run commands in an empty directory with a data directory of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BASCULE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BASCULE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    # An engine that a test breaks would leave its guardian behind, which is what that is for.
    monkeypatch.setenv("BASCULE_GUARDIAN__ENABLED", "false")

    def run(*arguments: str, stdin: str | bytes = b"", typed: bool = False) -> Done:
        given = io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
        monkeypatch.setattr(sys, "stdin", Input(given, encoding="utf-8"))
        monkeypatch.setattr(Input, "typed", typed)
        with pytest.raises(SystemExit) as ended:
            app(list(arguments))
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run
