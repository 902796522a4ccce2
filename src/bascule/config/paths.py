"""Where things are on this machine, and the rule that a mode's directory serves no other mode.

``BASCULE_HOME`` puts everything under one directory; without it the platform's own places are
used. Each mode (paper, shadow, live) has a directory of its own under the data directory.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from bascule.config.home import HOME as HOME
from bascule.config.home import home as home
from bascule.config.home import under_home
from bascule.config.private import make_private_directory
from bascule.model.enums import AccountMode
from bascule.model.errors import ConfigError

CONFIG_NAME = "bascule.toml"
CONFIG = "BASCULE_CONFIG"
JOURNAL_NAME = "journal.db"


class DataDirectory(Struct, frozen=True):
    """Everything that one mode keeps: journal, progress record, latch, secrets, paper broker."""

    root: Path
    mode: AccountMode

    @property
    def path(self) -> Path:
        """The mode's own directory."""
        return self.root / self.mode.value

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / JOURNAL_NAME

    @property
    def secrets(self) -> Path:
        """The encrypted secrets file."""
        return self.path / "secrets.age"

    @property
    def identity(self) -> Path:
        """The key that opens the secrets file.

        It lies outside the mode's directory, so that a copy of the one is no copy of the other.
        """
        return self.root / "keys" / f"{self.mode.value}.key"

    @property
    def operator_token(self) -> Path:
        """The token that proves the right to operate a running engine."""
        return self.path / "operator.token"

    @property
    def wire_log(self) -> Path:
        """What was said to venues and by them."""
        return self.path / "wire.db"

    @property
    def fix(self) -> Path:
        """The stores of FIX sessions in which Bascule is the broker."""
        return self.path / "fix"

    @property
    def log(self) -> Path:
        """The program's own log, where it does not go to the terminal."""
        return self.path / "bascule.log"

    @property
    def mark(self) -> Path:
        """Which mode the directory belongs to."""
        return self.path / "mode"

    @property
    def endpoint(self) -> Path:
        """Where a running engine notes the address at which it is reached."""
        return self.path / "endpoint.json"

    @property
    def second_factor(self) -> Path:
        """Where it is remembered which codes of the second factor were used."""
        return self.path / "second_factor"

    def prepare(self) -> None:
        """Make the directory and claim it for its mode.

        Raises:
            ConfigError: it belongs to another mode, or cannot be made.
        """
        try:
            make_private_directory(self.path)
            if not self.mark.exists():
                self.mark.write_text(f"{self.mode.value}\n", encoding="utf-8")
        except OSError as error:
            raise self._unusable(error) from error
        self.check_mode()

    def check_mode(self) -> None:
        """Hold the directory, where it is there, to its mode; changes nothing.

        Raises:
            ConfigError: it belongs to another mode, or cannot be read.
        """
        try:
            mark = self.mark.read_text(encoding="utf-8") if self.mark.exists() else self.mode.value
        except OSError as error:
            raise self._unusable(error) from error
        claimed = mark.strip()
        if claimed != self.mode.value:
            raise ConfigError(
                f"The data directory {self.path} belongs to mode {claimed}, and this"
                f" configuration runs in mode {self.mode.value}. Nothing was started.",
                code="mode_mixed",
                hint="A mode never uses what another mode wrote. Move the directory back to"
                f" where it came from; Bascule makes a new one for {self.mode.value}.",
            )

    def _unusable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"The data directory {self.path} cannot be used: {error.strerror}. Nothing was"
            " started.",
            code="data_directory",
            hint=f"Make it writable for this user, or set {HOME} to another place.",
        )


def config_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the directory where a configuration is looked for, after the current one."""
    if environ.get(HOME):
        return home(environ)
    if sys.platform == "win32":
        return under_home(environ.get("APPDATA") or "~/AppData/Roaming") / "Bascule"
    if sys.platform == "darwin":
        return home(environ)
    return under_home(environ.get("XDG_CONFIG_HOME") or "~/.config") / "bascule"


def find_config(named: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Find the configuration: as named, ``BASCULE_CONFIG``, here, then the platform's place.

    Raises:
        ConfigError: there is none; the message lists where it was looked for.
    """
    if named is not None:
        places = [named]
    elif from_environ := environ.get(CONFIG):
        places = [under_home(from_environ)]
    elif Path(CONFIG_NAME).is_file():
        return Path(CONFIG_NAME)
    else:
        places = [Path(CONFIG_NAME), config_directory(environ) / CONFIG_NAME]
    for place in places:
        if place.is_file():
            return place
    looked = "\n".join(f"    {place.absolute()}" for place in places)
    raise ConfigError(
        f"There is no configuration. Looked for:\n{looked}",
        code="config_not_found",
        hint="Write one with `bascule init`, or name one with --config PATH or"
        f" {CONFIG}. To try Bascule without one: `bascule demo`.",
    )
