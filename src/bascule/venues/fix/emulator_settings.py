"""What the FIX emulator is started with: TOML or JSON, with no secret in it."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from bascule.fix.version import VERSIONS
from bascule.model.errors import ConfigError, SecretError
from bascule.model.ids import VenueSymbol
from bascule.venues.kit import emulating
from bascule.venues.kit.emulating import BrokerSettings


class SessionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session that a client may log on to.

    ``sender`` is the emulator's CompID, ``target`` the client's. ``role``: ``trade`` takes orders
    of ``accounts`` (empty: all) and gives prices too, ``drop_copy`` only tells their reports,
    ``quotes`` only gives prices. ``exec_ids`` False leaves ExecID (17) and LastPx (31) out.
    """

    target: str
    sender: str = "EMULATOR"
    version: str = "FIX.4.4"
    role: Literal["trade", "drop_copy", "quotes"] = "trade"
    accounts: tuple[str, ...] = ()
    password_env: str = ""
    password_in: Literal["554", "96", "ed25519"] = "554"
    public_key: str = ""
    """With ``ed25519``: what the Logon's signature is held against, as PEM."""
    username: str = ""
    """What Username (553) must be, where it is looked at."""
    id_marks: str = ""
    """The marks that a ClOrdID may have besides letters and digits; empty: any."""
    order_status: bool = True
    """Answer questions about orders."""
    mass_cancel: Literal["none", "all", "symbol"] = "all"
    pending: bool = False
    """Tell pending new, cancel and replace before what becomes of them."""
    news: bool = False
    """Say with a News (B) that everything missed has been told."""
    exec_ids: bool = True
    account_tag: bool = True
    reset_on_logon: bool = False
    strict: bool = True
    """Hold every message against the version's dictionary; tags from 5000 on are always taken."""
    empty_is_rejected: bool = False
    """Answer a mass status with a BusinessMessageReject (j) when there is no order."""
    id_prefix: str = ""
    """What a drop copy puts before each ClOrdID, as some do."""
    sub_id: str = ""
    """The client's TargetSubID (57), where two sessions have the same CompIDs."""


class EmulatorSettings(BrokerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole emulator. ``store`` is a directory: the ledger and every session's memory.

    ``symbols`` gives an instrument's tags on the wire where its name alone is not enough.
    """

    store: str
    sessions: tuple[SessionSettings, ...]
    symbols: dict[VenueSymbol, dict[str, str]] = field(default_factory=dict)
    quote_port: int = 0
    """Where the sessions that only give prices are."""
    admin_port: int = 0
    cl_ord_id_max: int = 0


def read_file(path: Path) -> EmulatorSettings:
    """Read settings from a TOML or JSON file.

    Raises:
        ConfigError: it is missing or wrong; the message names file and key.
    """
    return emulating.read_file(path, checked)


def checked(raw: object) -> EmulatorSettings:
    """Read settings from plain values.

    Raises:
        ConfigError: they are wrong; the message names the key.
    """
    settings = emulating.convert(raw, EmulatorSettings)
    logins = {account.login for account in settings.accounts}
    for session in settings.sessions:
        if session.version not in VERSIONS:
            raise ConfigError(
                f"session {session.target}: version {session.version!r} is none of "
                f"{', '.join(VERSIONS)}"
            )
        if session.password_in == "ed25519" and not session.public_key:
            raise ConfigError(f"session {session.target}: public_key is missing")
        if unknown := set(session.accounts) - logins:
            raise ConfigError(f"session {session.target}: there is no account {sorted(unknown)[0]}")
    return settings


def secret(name: str) -> str:
    """Read a secret from an environment variable; '' when no name is given.

    Raises:
        SecretError: there is nothing there.
    """
    if not name:
        return ""
    value = os.environ.get(name, "")
    if not value:
        raise SecretError(f"there is no secret in the environment variable {name}")
    return value
