"""What a FIX venue is told by the configuration, and what follows from it: sessions, addresses."""

import ssl
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from bascule.fix.config import Credentials, SessionConfig, version_named
from bascule.fix.schedule import Schedule
from bascule.fixwire.initiator import Address
from bascule.model.errors import ConfigError, SecretError
from bascule.venues.fix.instruments import InstrumentSettings
from bascule.venues.fix.profile import Profile, check_fields, load
from bascule.venues.fix.signing import signer
from bascule.venues.kit.contract import VenueContext

_T = TypeVar("_T")


class SessionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session besides that of orders: ``[venues.x.quote]`` or ``[venues.x.drop_copy]``.

    What is left out is as in the order session. ``password`` is what the venue asks for in
    ``secrets``: the name that stands there, not the password itself.
    """

    port: int = 0
    host: str = ""
    sender_comp_id: str = ""
    target_comp_id: str = ""
    username: str = ""
    password: str = ""
    header: dict[str, str] = field(default_factory=dict)


class ScheduleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[venues.x.schedule]``: the hours of every session, by the clock of a zone.

    ``start`` and ``end`` are ``HH:MM``; with ``start_day`` and ``end_day`` (``mon`` to ``sun``) the
    session is a week's, else a day's. Numbers begin at 1 with each.
    """

    zone: str
    start: str
    end: str
    start_day: str = ""
    end_day: str = ""


class FixSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[venues.x]`` of a FIX venue; docs/fix-venue.md says each key."""

    host: str
    port: int
    sender_comp_id: str
    store: str
    profile: str = "generic"
    target_comp_id: str = ""
    begin_string: str = ""
    username: str = ""
    password: str = "password"
    private_key: str = "private_key"
    heartbeat_s: int = 0
    tls: bool = True
    tls_ca_file: str = ""
    header: dict[str, str] = field(default_factory=dict)
    order_fields: dict[str, str] = field(default_factory=dict)
    cancel_on_disconnect: bool = False
    live: bool = False
    answer_timeout_s: float = 10.0
    news_timeout_s: float = 30.0
    balances: dict[str, Decimal] = field(default_factory=dict)
    instruments: tuple[InstrumentSettings, ...] = ()
    schedule: ScheduleSettings | None = None
    quote: SessionSettings | None = None
    drop_copy: SessionSettings | None = None
    override: dict[str, Any] = field(default_factory=dict)


class Plan(Struct, frozen=True):
    """A venue's settings, checked, with what follows from them."""

    settings: FixSettings
    profile: Profile
    sessions: dict[Literal["trade", "quote", "drop_copy"], tuple[SessionConfig, Address]]


def read(context: VenueContext) -> Plan:
    """Read and check a venue's settings; no connection is made.

    Raises:
        ConfigError: a key is missing, unknown or wrong; the message says what is allowed.
        SecretError: the password has no value.
    """
    where = f"venue {context.venue_id}"
    settings = _convert(context.settings, FixSettings, where)
    try:
        changes = dict(settings.override)
        if settings.begin_string:
            changes["version"] = settings.begin_string
        profile = load(settings.profile, changes)
        check_fields(settings.order_fields)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}") from None
    _check(settings, profile, context, where)
    sessions = {"trade": _session(context, settings, profile, "trade", SessionSettings())}
    if profile.quotes == "own" and settings.quote is not None:
        sessions["quote"] = _session(context, settings, profile, "quote", settings.quote)
    if settings.drop_copy is not None:
        copy = settings.drop_copy
        sessions["drop_copy"] = _session(context, settings, profile, "drop_copy", copy)
    return Plan(settings, profile, sessions)  # type: ignore[arg-type]


def _convert(raw: Mapping[str, Any], kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(dict(raw), kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{where}: {error}", hint="docs/fix-venue.md has every key, under [venues.NAME]."
        ) from None


def _check(settings: FixSettings, profile: Profile, context: VenueContext, where: str) -> None:
    if not settings.target_comp_id and not profile.target_comp_id:
        raise ConfigError(
            f"{where}: target_comp_id is missing: what the counterparty calls itself (tag 56)"
        )
    for session in (settings, settings.quote, settings.drop_copy):
        if session is not None and not 0 <= session.port < 65_536:
            raise ConfigError(f"{where}: port {session.port} does not lie in 1 to 65535")
    if not settings.port:
        raise ConfigError(f"{where}: port is missing: where the order session is")
    if not settings.store:
        raise ConfigError(f"{where}: store is missing: a folder for the session's memory")
    if settings.answer_timeout_s <= 0 or settings.news_timeout_s <= 0:
        raise ConfigError(f"{where}: answer_timeout_s and news_timeout_s are above 0")
    if settings.drop_copy is not None and not settings.drop_copy.sender_comp_id:
        raise ConfigError(
            f"{where}: drop_copy.sender_comp_id is missing: it is a session of its own"
        )
    if settings.cancel_on_disconnect and not profile.cancel_on_disconnect:
        raise ConfigError(
            f"{where}: the profile {settings.profile} knows no way to ask for cancel on "
            "disconnect; remove cancel_on_disconnect, or have the counterparty set it"
        )
    if not profile.send_account and len(context.accounts) > 1:
        raise ConfigError(
            f"{where}: with the profile {settings.profile} a session is one account; give each "
            "account a venue of its own"
        )
    for spec in context.accounts:
        stated = spec.initial_balance is not None or spec.login in settings.balances
        if profile.money == "configured" and not stated:
            raise ConfigError(
                f"{where}: this counterparty tells no money over FIX; set initial_balance of "
                f"account {spec.id}, or balances.{spec.login} here"
            )


def _session(
    context: VenueContext, settings: FixSettings, profile: Profile, name: str, own: SessionSettings
) -> tuple[SessionConfig, Address]:
    where = f"venue {context.venue_id}"
    version = version_named(profile.version)
    sender = own.sender_comp_id or settings.sender_comp_id
    header = profile.quote_header if name == "quote" else profile.header
    logon = profile.logon_fields
    if name == "drop_copy":
        header, logon = {}, logon | profile.drop_copy_logon
    fields = {**header, **(settings.header if name == "trade" else {}), **own.header}
    if bad := [tag for tag in fields if not tag.isdigit()]:
        raise ConfigError(f"{where}: header key {bad[0]!r} is no tag number")
    config = SessionConfig(
        version=version,
        sender=sender,
        target=own.target_comp_id or settings.target_comp_id or profile.target_comp_id,
        role="initiator",
        heartbeat_s=settings.heartbeat_s or profile.heartbeat_s,
        credentials=_credentials(context, settings, profile, own, sender),
        schedule=_schedule(settings.schedule, where),
        header=tuple((int(tag), value.encode()) for tag, value in sorted(fields.items())),
        logon=tuple((int(tag), value.encode()) for tag, value in logon.items()),
        reset_on_logon=profile.reset_on_logon or name == "quote",
        keep_incoming=name != "quote",
    )
    host = own.host or settings.host
    address = Address(host=host, port=own.port or settings.port, tls=_tls(settings, where))
    return config, address


def _schedule(stated: ScheduleSettings | None, where: str) -> Schedule | None:
    if stated is None:
        return None
    try:
        return Schedule.stated(
            stated.zone, stated.start, stated.end, stated.start_day, stated.end_day
        )
    except ValueError as error:
        raise ConfigError(f"{where}: schedule: {error}") from None


def _credentials(
    context: VenueContext,
    settings: FixSettings,
    profile: Profile,
    own: SessionSettings,
    sender: str,
) -> Credentials:
    if profile.password_in == "none":
        return Credentials()
    signs = profile.password_in == "ed25519"
    wanted = settings.private_key if signs else own.password or settings.password
    password = context.secrets.get(wanted, "")
    if not password:
        what = "private key" if signs else "password"
        raise SecretError(
            f"venue {context.venue_id}: there is no {what}; name its secret in "
            f"[venues.{context.venue_id}.secrets] as {wanted}"
        )
    if profile.password_in == "96":
        return Credentials(raw_data=password.encode())
    username = own.username or settings.username
    if signs:
        return _signing(context.venue_id, username, password)
    if not username and profile.username == "last_part":
        username = sender.rpartition(".")[2]
    elif not username and profile.username == "login" and context.accounts:
        username = context.accounts[0].login
    return Credentials(username=username, password=password)


def _signing(venue: str, username: str, pem: str) -> Credentials:
    where = f"venue {venue}"
    if not username:
        raise ConfigError(f"{where}: username is missing: the name of the key, Username (553)")
    try:
        return Credentials(username=username, sign=signer(pem))
    except (ConfigError, SecretError) as error:
        text = f"{where}: {error.message}"
        raise type(error)(text, code=error.code, hint=error.hint) from None


def _tls(settings: FixSettings, where: str) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        made = ssl.create_default_context(cafile=settings.tls_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{where}: tls_ca_file cannot be read: {error}") from None
    return made


def store(settings: FixSettings) -> Path:
    """Give the folder of a venue's memory."""
    return Path(settings.store).expanduser()
