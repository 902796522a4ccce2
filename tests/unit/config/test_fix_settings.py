"""``[sources.NAME.fix]``: what a FIX session needs, and what is not safe."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bascule.config.build import Config
from bascule.config.load import load
from bascule.config.problems import ConfigProblems
from bascule.model.errors import ConfigError
from bascule.signals.intake.source import Source
from tests.unit.config.samples import FIX_SOURCE

PASSWORD = "a-password-of-a-test"


@dataclass
class Files:
    """A configuration's file."""

    path: Path

    def config(self, *changes: tuple[str, str]) -> Config:
        """Load the good one with texts replaced."""
        text = FIX_SOURCE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.path.write_text(text)
        return load(self.path)

    def source(self, *changes: tuple[str, str], password: str = PASSWORD) -> Source:
        """Give its source with the secret in place."""
        (spec,) = self.config(*changes).sources
        return spec.source(lambda name: password)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A file of our own, and a home."""
    monkeypatch.setenv("BASCULE_HOME", str(tmp_path))
    return Files(tmp_path / "bascule.toml")


def test_a_session_is_built_with_its_password(files: Files) -> None:
    """It needs the secret that it names, and shows it nowhere."""
    source = files.source()
    assert source.fix is not None
    assert source.fix.name == "FIX.4.4-BASCULE-DESK"
    assert source.fix.password == PASSWORD
    assert PASSWORD not in repr(source)
    assert not source.over_http
    assert files.config().secrets["desk_password"] == ("source desk",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('strategy = "es"\n[sources.desk.fix]', "[sources.desk.fix]"), "orders belong to"),
        (('target = "DESK"', 'target = "DE SK"'), "no CompID"),
        (('target = "DESK"', 'target = "DESK"\nrole = "drop_copy"'), "whose orders it tells"),
        (('target = "DESK"', 'target = "DESK"\naccounts = ["other"]'), 'no account "other"'),
        (('target = "DESK"', 'target = "DESK"\ncertificate = "a.pem"'), "both, or neither"),
        (('"desk_password"', '""'), "CompIDs are no proof"),
        (
            (
                'target = "DESK"',
                'target = "DESK"\nschedule = { zone = "Mars", start = "17:00", end = "16:00" }',
            ),
            "America/Chicago",
        ),
        (('kind = "fix"', 'kind = "fix"\npath_secret = "a"'), "does not go with"),
        (('kind = "fix"', 'kind = "intents"\nbearer_secret = "a"'), 'belongs to kind = "fix"'),
    ],
)
def test_what_does_not_go_together_is_told(
    files: Files, change: tuple[str, str], said: str
) -> None:
    """Each mistake is named at its key."""
    with pytest.raises(ConfigProblems) as refused:
        files.config(change)
    assert any(said in problem.what for problem in refused.value.problems)


def test_a_session_may_have_hours(files: Files) -> None:
    """They are those of a day, or of a week where days are named."""
    hours = 'schedule = { zone = "UTC", start = "18:00", end = "17:00", start_day = "sun", '
    source = files.source(('target = "DESK"', f'target = "DESK"\n{hours}end_day = "fri" }}'))
    assert source.fix is not None and source.fix.schedule is not None
    assert (source.fix.schedule.start_day, source.fix.schedule.end_day) == (6, 4)
    assert files.source().fix.schedule is None  # type: ignore[union-attr]


def test_passwords_are_long_and_do_not_travel_in_the_clear(files: Files) -> None:
    """A short password is refused, and so is another address than loopback without TLS."""
    with pytest.raises(ConfigError, match="at least 8"):
        files.source(password="short")
    with pytest.raises(ConfigError, match="loopback alone"):
        files.source(('target = "DESK"', 'target = "DESK"\nhost = "0.0.0.0"'))
