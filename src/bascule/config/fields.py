"""The kinds of value that a configuration can hold, each with its own plain-word refusal."""

import ipaddress
import re
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from bascule.config.durations import format_duration, parse_duration
from bascule.config.secrets import NAME, NAME_ALLOWED
from bascule.model.ids import MANUAL_BOOK
from bascule.model.values import text
from bascule.signals.intake.senders import senders, wanted_certificate

_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_CURRENCY = re.compile(r"[A-Z0-9]{2,10}")
_STRATEGY_MAX = 64
_PUBLIC_URL = re.compile(r"https://[a-z0-9.-]+(?::[0-9]{1,5})?")


def _name(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError(
            "is no name; write up to 32 lower-case letters, digits, _ and -, no _ or - first"
        )
    return value


def _secret_name(value: str) -> str:
    if value and not NAME.fullmatch(value):
        raise ValueError(f"is not the name of a secret; write {NAME_ALLOWED}")
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise ValueError('is no currency; write its code in capitals, such as "USD" or "USDT"')
    return value


def _strategy(value: str) -> str:
    if not value.strip() or len(value) > _STRATEGY_MAX or not value.isprintable():
        raise ValueError(f"is no strategy; write 1 to {_STRATEGY_MAX} printable characters")
    if value == MANUAL_BOOK:
        raise ValueError(f"is kept for what no strategy owns; {MANUAL_BOOK!r} follows no signal")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(
            'is no address or network; write one such as "203.0.113.7" or "10.0.0.0/8"'
        ) from None
    return value


def _allowed_from(value: str) -> str:
    if value in senders():
        return value
    try:
        return _network(value)
    except ValueError as error:
        raise ValueError(f"{error}, or a known sender: {', '.join(senders())}") from None


def _client_certificate(value: str) -> str:
    try:
        if value:
            wanted_certificate(value)
    except ValueError as error:
        raise ValueError(
            f"is no certificate: {error}, and no known sender ({', '.join(senders())})"
        ) from None
    return value


def _public_url(value: str) -> str:
    if value and not _PUBLIC_URL.fullmatch(value):
        raise ValueError('is not the root of a public URL; write "https://" and a host\'s name')
    return value


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal | int | str) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ValueError("is not a number; write it plainly, such as 0.01")


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("is below zero; write zero or more")
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("is not above zero")
    return value


Name = Annotated[str, AfterValidator(_name)]
"""What the user calls an account, a venue, a source or a route."""
SecretName = Annotated[str, AfterValidator(_secret_name)]
"""The name of a secret, never its value; '' for none."""
CurrencyCode = Annotated[str, AfterValidator(_currency)]
Strategy = Annotated[str, AfterValidator(_strategy)]
"""A strategy as signals name it, or ``*``."""
Network = Annotated[str, AfterValidator(_network)]
"""An address, or a network with its length."""
AllowedFrom = Annotated[str, AfterValidator(_allowed_from)]
"""A network, or the name of a known sender."""
ClientCertificate = Annotated[str, AfterValidator(_client_certificate)]
"""A known sender, or the names that a client certificate must bear; '' for none."""
PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""Scheme and host, and a port where it is another than 443; '' for none."""
DurationNs = Annotated[
    int, BeforeValidator(parse_duration), PlainSerializer(format_duration, when_used="json")
]
"""Nanoseconds, written with a unit."""
Count = Annotated[int, Field(ge=1)]
WholeNumber = Annotated[int, Field(ge=0)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Login = Annotated[str, Field(min_length=1)]
Comment = Annotated[str, Field(max_length=31)]
"""Shown beside an order at its venue."""
Number = Annotated[
    Decimal,
    BeforeValidator(_number),
    AfterValidator(_not_negative),
    PlainSerializer(text, when_used="json"),
]
"""An exact number, zero or more."""
Positive = Annotated[
    Decimal,
    BeforeValidator(_number),
    AfterValidator(_positive),
    PlainSerializer(text, when_used="json"),
]
"""An exact number above zero."""
