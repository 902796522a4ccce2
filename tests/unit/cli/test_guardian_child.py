from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bascule.cli import guardian_child


class Earlier:
    """A guardian that runs already."""

    def __init__(self, *stops: str) -> None:
        self.stops = stops
        self.ended = False

    def view(self) -> SimpleNamespace:
        """Show what is stopped."""
        return SimpleNamespace(stops=self.stops)

    def end(self) -> None:
        """Be told to end."""
        self.ended = True


@pytest.mark.parametrize(("stops", "ends"), [((), True), (("halt",), False)])
def test_a_guardian_of_an_earlier_engine_ends_with_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stops: tuple[str, ...], ends: bool
) -> None:
    """It knows the settings of then; one that holds a stop goes on."""
    earlier = Earlier(*stops)
    config: Any = SimpleNamespace(
        data=SimpleNamespace(path=tmp_path),
        guardian=SimpleNamespace(enabled=True),
        file=tmp_path / "bascule.toml",
    )
    nothing: Any = None
    monkeypatch.setattr(guardian_child, "spawn", lambda *words: None)
    monkeypatch.setattr(guardian_child, "guardian_client", lambda files: earlier)
    guardian_child.GuardianBeside(config, nothing).end()
    assert earlier.ended is ends
