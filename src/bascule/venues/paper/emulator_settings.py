"""What the paper broker is started with: TOML or JSON, with no secret in it."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from bascule.model.errors import SecretError
from bascule.model.values import Instant
from bascule.venues.kit import emulating
from bascule.venues.kit.emulating import BrokerSettings
from bascule.venues.kit.terms import AccountTerms


class PaperAccount(AccountTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account and where its token is: the name of an environment variable, or a file."""

    token_env: str = ""
    token_file: str = ""


class FeedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where prices come from.

    ``walk``: ``ticks_per_second`` steps of a random walk. ``csv``: the file ``path`` of ticks or
    bars, played ``speed`` times as fast as it was. ``pushed``: from an administrator only.
    """

    kind: Literal["walk", "csv", "pushed"] = "walk"
    ticks_per_second: float = 2.0
    path: str = ""
    speed: float = 1.0


class PaperSettings(BrokerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole broker; docs/paper.md says each parameter with its unit."""

    ledger: str
    accounts: tuple[PaperAccount, ...]
    clock: Literal["real", "manual"] = "real"
    clock_start: Instant = Instant(1_767_600_000_000_000_000)
    feed: FeedSettings = FeedSettings()
    reply_delay_ms: int = 0
    heartbeat_s: float = 5.0
    snapshot_s: float = 1.0
    admin_token_file: str = ""


def read_file(path: Path) -> PaperSettings:
    """Read settings from a TOML or JSON file.

    Raises:
        ConfigError: it is missing or wrong; the message names file and key.
    """
    return emulating.read_file(path, _checked)


def read_json(text: str) -> PaperSettings:
    """Read settings from JSON text.

    Raises:
        ConfigError: it is wrong; the message names the key.
    """
    return emulating.read_json(text, _checked)


def _checked(raw: object) -> PaperSettings:
    return emulating.convert(raw, PaperSettings)


def token(env: str, file: str, whose: str) -> str:
    """Read a token from the environment variable or the file that the settings name.

    Raises:
        SecretError: neither is named, or there is nothing there.
    """
    if env:
        value = os.environ.get(env, "")
        where = f"environment variable {env}"
    elif file:
        where = f"file {file}"
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except OSError:
            value = ""
    else:
        raise SecretError(f"{whose} names no token; set token_env or token_file")
    if not value:
        raise SecretError(f"{whose}: there is no token in the {where}")
    return value
