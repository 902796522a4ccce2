"""Tables under ``[guardian]`` for its faces: the page, the bot, presence."""

import ipaddress
from datetime import time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bascule.config.fields import DurationNs, Port, SecretName
from bascule.config.firm import Zone
from bascule.config.table import Table, wrong
from bascule.model.values import MINUTE
from bascule.reference.localtime import parse_time

_OWN_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
            "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
        ),
    )
)  # fmt: skip
"""This machine, private use (RFC 1918, 4193, 6598), link-local. Mesh VPNs use 100.64.0.0/10."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _private(value: str) -> str:
    if not value:
        return value
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError('is no address; write one of this machine, such as "10.0.0.5"') from None
    if not any(address.version == net.version and address in net for net in _OWN_NETWORKS):
        raise ValueError("is not a private address; the page must not be on the open internet")
    return value


def _time_of_day(value: str) -> str:
    try:
        parse_time(value)
    except ValueError:
        raise ValueError('is no time of day; write it as "08:30"') from None
    return value


PrivateAddress = Annotated[str, AfterValidator(_private)]
"""An address that only one's own network reaches; '' for none."""
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
"""``HH:MM``."""


class PageSettings(Table):
    """Where the emergency page is served besides the guardian's own port."""

    host: PrivateAddress = ""
    port: Port = 8422


class TelegramSettings(Table):
    """The bot; ``token_secret`` names its token, '' for no bot."""

    token_secret: SecretName = ""
    api: str = "https://api.telegram.org"


class PresenceSettings(Table):
    """Attended accounts, and how often somebody must say that they are there."""

    accounts: tuple[str, ...] = ()
    every: DurationNs = 60 * MINUTE
    warn: DurationNs = 5 * MINUTE
    start: TimeOfDay = "00:00"
    end: TimeOfDay = "00:00"
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _warns_before(self) -> Self:
        if self.every < MINUTE:
            raise wrong("every", "is less than a minute; nobody can keep that up")
        if self.warn >= self.every:
            raise wrong("warn", 'is not below "every": people would be told without a break')
        return self

    @property
    def hours(self) -> tuple[time, time]:
        """From when to when presence is asked for, by the zone's clock."""
        return parse_time(self.start), parse_time(self.end)
