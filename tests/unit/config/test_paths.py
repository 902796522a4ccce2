"""Where configuration and data are, and that a mode's directory serves no other."""

from pathlib import Path

import pytest

from bascule.config.paths import DataDirectory, config_directory, find_config, home
from bascule.model.enums import AccountMode
from bascule.model.errors import ConfigError


def test_bascule_home_holds_everything(tmp_path: Path) -> None:
    """With BASCULE_HOME data and configuration are under it."""
    environ = {"BASCULE_HOME": str(tmp_path), "XDG_DATA_HOME": "/elsewhere"}
    assert home(environ) == config_directory(environ) == tmp_path


def test_modes_share_no_directory(tmp_path: Path) -> None:
    """Journal, secrets and identity of two modes are never the same file."""
    paper, live = (DataDirectory(tmp_path, AccountMode(mode)) for mode in ("paper", "live"))
    for name in ("path", "journal", "secrets", "identity", "operator_token", "endpoint"):
        assert getattr(paper, name) != getattr(live, name)


def test_a_directory_stays_with_its_mode(tmp_path: Path) -> None:
    """A directory that paper has used is refused when it stands in live's place."""
    paper = DataDirectory(tmp_path, AccountMode.PAPER)
    paper.prepare()
    paper.prepare()
    paper.path.rename(tmp_path / "live")
    with pytest.raises(ConfigError) as caught:
        DataDirectory(tmp_path, AccountMode.LIVE).prepare()
    assert caught.value.code == "mode_mixed"


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the way is an error of configuration, not a traceback."""
    (tmp_path / "paper").write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        DataDirectory(tmp_path, AccountMode.PAPER).prepare()
    assert caught.value.code == "data_directory"


def test_the_named_file_comes_before_the_found_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is: named, BASCULE_CONFIG, here, the platform's place."""
    monkeypatch.chdir(tmp_path)
    places = [tmp_path / name for name in ("named.toml", "env.toml", "bascule.toml")]
    places.append(tmp_path / "home" / "bascule.toml")
    (tmp_path / "home").mkdir()
    for place in places:
        place.write_text("", encoding="utf-8")
    environ = {"BASCULE_HOME": str(tmp_path / "home")}
    with_variable = {**environ, "BASCULE_CONFIG": str(places[1])}
    assert find_config(places[0], with_variable) == places[0]
    assert find_config(None, with_variable) == places[1]
    assert find_config(None, environ).absolute() == places[2]
    places[2].unlink()
    assert find_config(None, environ) == places[3]


def test_a_named_file_that_is_missing_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt --config is an error, never another configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bascule.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        find_config(tmp_path / "basucle.toml", {})
    assert caught.value.code == "config_not_found"
    assert "basucle.toml" in caught.value.message
