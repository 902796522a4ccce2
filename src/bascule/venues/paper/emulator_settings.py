"""What the paper broker is started with: TOML or JSON, with no secret in it."""

import os
import tomllib
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from bascule.model.errors import ConfigError, SecretError
from bascule.model.values import MILLISECOND, Duration, Instant
from bascule.venues.kit.faults import Fault
from bascule.venues.kit.terms import (
    AccountTerms,
    BrokerTerms,
    InstrumentTerms,
    TradingHours,
    minutes,
)

FINEST = Decimal("0.000000000001")
"""The finest step; with the largest number (1e15) sums stay exact."""


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


class PaperSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole broker; docs/paper.md says each parameter with its unit."""

    ledger: str
    accounts: tuple[PaperAccount, ...]
    instruments: tuple[InstrumentTerms, ...]
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    clock: Literal["real", "manual"] = "real"
    clock_start: Instant = Instant(1_767_600_000_000_000_000)
    feed: FeedSettings = FeedSettings()
    rates: dict[str, Decimal] = field(default_factory=dict)
    rollover: str = "22:00"
    fill_delay_ms: int = 0
    cancel_delay_ms: int = 0
    reply_delay_ms: int = 0
    heartbeat_s: float = 5.0
    snapshot_s: float = 1.0
    admin_token_env: str = ""
    admin_token_file: str = ""
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


def read_file(path: Path) -> PaperSettings:
    """Read settings from a TOML or JSON file.

    Raises:
        ConfigError: it is missing or wrong; the message names file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        if path.suffix == ".json":
            return read_json(text)
        return _checked(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def read_json(text: str) -> PaperSettings:
    """Read settings from JSON text.

    Raises:
        ConfigError: it is wrong; the message names the key.
    """
    try:
        return _checked(msgspec.json.decode(text))
    except msgspec.DecodeError as error:
        raise ConfigError(f"the settings are no JSON: {error}") from None


def _checked(raw: object) -> PaperSettings:
    try:
        settings = msgspec.convert(raw, PaperSettings)
        minutes(settings.rollover)
        loopback = ip_address(settings.host).is_loopback
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)) from None
    if not loopback:
        raise ConfigError(f"host {settings.host}: the paper broker listens on loopback only")
    for names, what in (
        ([account.login for account in settings.accounts], "account"),
        ([item.venue_symbol for item in settings.instruments], "instrument"),
    ):
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"there must be at least one {what}, and each named once")
    for item in settings.instruments:
        TradingHours.parse(item.hours)
        if min(item.tick_size, item.lot_step, item.multiplier, item.min_qty) < FINEST:
            raise ConfigError(
                f"{item.venue_symbol}: tick size, steps, sizes and multiplier are {FINEST} or more"
            )
    return settings


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
