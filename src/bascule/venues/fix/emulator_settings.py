"""What the FIX emulator is started with: TOML or JSON, with no secret in it."""

import os
import tomllib
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from bascule.fix.version import VERSIONS
from bascule.model.errors import ConfigError, SecretError
from bascule.model.ids import VenueSymbol
from bascule.model.values import MILLISECOND, Duration
from bascule.venues.kit.faults import Fault
from bascule.venues.kit.terms import AccountTerms, BrokerTerms, InstrumentTerms


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
    password_in: Literal["554", "96"] = "554"
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


class EmulatorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole emulator. ``store`` is a directory: the ledger and every session's memory.

    ``symbols`` gives an instrument's tags on the wire where its name alone is not enough.
    """

    store: str
    sessions: tuple[SessionSettings, ...]
    accounts: tuple[AccountTerms, ...]
    instruments: tuple[InstrumentTerms, ...]
    symbols: dict[VenueSymbol, dict[str, str]] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    quote_port: int = 0
    """Where the sessions that only give prices are."""
    admin_port: int = 0
    admin_token_env: str = ""
    seed: int = 1
    cl_ord_id_max: int = 0
    fill_delay_ms: int = 0
    cancel_delay_ms: int = 0
    rollover: str = "22:00"
    rates: dict[str, Decimal] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def terms(self) -> BrokerTerms:
        """Give what the broker itself needs."""
        return BrokerTerms(
            accounts=self.accounts,
            instruments=self.instruments,
            rates=self.rates,
            rollover=self.rollover,
            fill_delay_ns=Duration(self.fill_delay_ms * MILLISECOND),
            cancel_delay_ns=Duration(self.cancel_delay_ms * MILLISECOND),
        )


def read_file(path: Path) -> EmulatorSettings:
    """Read settings from a TOML or JSON file.

    Raises:
        ConfigError: it is missing or wrong; the message names file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return checked(msgspec.json.decode(text))
        return checked(tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def checked(raw: Any) -> EmulatorSettings:
    """Read settings from plain values.

    Raises:
        ConfigError: they are wrong; the message names the key.
    """
    try:
        settings = msgspec.convert(raw, EmulatorSettings)
        loopback = ip_address(settings.host).is_loopback
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)) from None
    if not loopback:
        raise ConfigError(f"host {settings.host}: the emulator listens on loopback only")
    logins = {account.login for account in settings.accounts}
    for session in settings.sessions:
        if session.version not in VERSIONS:
            raise ConfigError(
                f"session {session.target}: version {session.version!r} is none of "
                f"{', '.join(VERSIONS)}"
            )
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
