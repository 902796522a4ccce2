"""What one counterparty does otherwise than the standard: data, read from ``profiles/*.toml``.

A profile is a set of choices that the code offers; no code names a counterparty. Whoever connects
to one that has no profile copies ``generic`` by overriding its keys in the venue's settings.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from bascule.fix.version import VERSIONS
from bascule.model.account import Capabilities
from bascule.model.enums import OrdType, TimeInForce
from bascule.model.errors import ConfigError
from bascule.model.values import seconds
from bascule.venues.kit import manifest

MANUAL_ORDER, HANDL_INST = 1028, 21


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One counterparty.

    Tags are texts where they are keys, as TOML has them. ``confidence`` says how sure the facts
    are and ``unsure`` names those that nobody has seen at the counterparty itself.
    """

    title: str
    confidence: Literal["high", "medium", "low"]
    source: str
    checked: str
    unsure: tuple[str, ...] = ()
    version: str = "FIX.4.4"
    target_comp_id: str = ""
    """What the counterparty is called, where all call it the same."""
    heartbeat_s: int = 30
    password_in: Literal["554", "96", "ed25519", "none"] = "554"
    """Where the Logon has the password: 554, or the raw data of 95/96; or that the raw data is a
    signature with an Ed25519 key instead."""
    logon_fields: dict[str, str] = field(default_factory=dict)
    """Further fields of each Logon."""
    drop_copy_logon: dict[str, str] = field(default_factory=dict)
    """Further fields of a drop copy's Logon."""
    username: Literal["", "login", "last_part"] = ""
    """Where the Logon has no name of its own: none, the account's login, or what follows the last
    dot of the SenderCompID."""
    reset_on_logon: bool = False
    wait_for_news: bool = False
    """Orders wait until the counterparty says with a News (B) that it has told what was missed."""
    header: dict[str, str] = field(default_factory=dict)
    """Further header fields of the order session."""
    quotes: Literal["same", "own", "none"] = "same"
    """Which session gives prices: that of orders, one of its own, or none."""
    quote_header: dict[str, str] = field(default_factory=dict)

    client_order_id_max: int = 36
    id_dot: str = "."
    """What stands for the dot of our ids, where the counterparty takes none."""
    send_account: bool = True
    """Orders name the account (1); not where the session is the account."""
    order_fields: dict[str, str] = field(default_factory=dict)
    """Further fields of each order and replace."""
    cancel_fields: dict[str, str] = field(default_factory=dict)
    only: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By type of message: the body fields that it may have, where more are not taken."""
    cancel_on_disconnect: dict[str, str] = field(default_factory=dict)
    """Fields of an order that ask the counterparty to cancel it when the link is lost."""
    order_types: tuple[OrdType, ...] = (
        OrdType.MARKET,
        OrdType.LIMIT,
        OrdType.STOP,
        OrdType.STOP_LIMIT,
    )
    time_in_force: tuple[TimeInForce, ...] = tuple(TimeInForce)
    market_life: bool = True
    """Market and stop orders say how long they live (59), as all others do."""
    triggers: bool = False
    """Stops have a trigger (1100 to 1109, the price in 1102) instead of a StopPx (99)."""
    position_tag: int = 0
    """The tag that makes an order act on one position, 0 for none."""
    position_levels: tuple[int, int] | None = None
    """The tags by which a position report tells its stop loss and its target, None for none."""
    replace: bool = True
    mass_cancel: Literal["none", "all", "symbol"] = "none"
    """Whether OrderMassCancelRequest (q) is taken, for all orders (530=7) or those of a symbol
    (530=1)."""

    exec_key: tuple[int, ...] = (17,)
    """Which tag names a fill within its order; the first that is there. Empty: none does, and a
    fill is known by how much of the order had traded with it."""
    lost_fills: Literal["wait", "reconstruct"] = "wait"
    """What an order's total that exceeds its known fills means: that their reports are still to
    come, or that they never will and are made up from total and average."""
    order_status: bool = True
    """Orders can be asked for. If not, what was told is all there is, and a connection that was
    lost puts every order that was working in doubt."""
    mass_status: Literal["request", "book", "each"] = "request"
    """How open orders are asked for: by OrderMassStatusRequest (AF), by an OrderStatusRequest
    that names no order, or one by one for those that we know of."""
    positions: Literal["request", "fills"] = "request"
    """Positions are asked for (AN), or are the sum of the fills that we were told."""
    securities: Literal["request", "configured"] = "request"
    """The instruments come from a SecurityList, or from the settings alone."""
    money: Literal["collateral", "configured"] = "configured"
    """The account's money: by CollateralInquiry (BB), or what the settings say."""

    absence_proof: Literal["snapshots", "resend", "never"] = "never"
    """What proves that an order never lived: that it is unknown in so many looks; that it is
    unknown, and its own message was asked for again by ResendRequest; or nothing."""
    absence_snapshots: int = 2
    absence_apart_s: float = 5.0
    submit_timeout_s: float = 10.0


def capabilities(profile: Profile, accounts: int) -> Capabilities:
    """Give the manifest's capabilities as a profile narrows them, for a session of some accounts.

    A mass cancel names no account, so it is none of a session with several.
    """
    native = manifest.load(__package__).capabilities_native()
    return msgspec.structs.replace(
        native,
        ord_types=tuple(kind for kind in native.ord_types if kind in profile.order_types),
        time_in_force=tuple(how for how in native.time_in_force if how in profile.time_in_force),
        replace=profile.replace,
        mass_cancel=profile.mass_cancel if accounts == 1 else "none",
        client_order_id_max=profile.client_order_id_max,
        absence_proof="snapshots" if profile.absence_proof == "snapshots" else "never",
        absence_snapshots=profile.absence_snapshots,
        absence_after_ns=seconds(profile.absence_apart_s),
        submit_timeout_ns=seconds(profile.submit_timeout_s),
    )


def names() -> tuple[str, ...]:
    """Name every profile that this installation has."""
    folder = files(__package__).joinpath("profiles")
    return tuple(sorted(one.name[:-5] for one in folder.iterdir() if one.name.endswith(".toml")))


def load(name: str, changes: Mapping[str, Any] | None = None) -> Profile:
    """Read a profile, with some of its keys changed by the user's settings.

    Raises:
        ConfigError: there is no such profile, or a key or value is none of a profile's.
    """
    if name not in names():
        raise ConfigError(f"there is no FIX profile {name!r}; there are: {', '.join(names())}")
    text = files(__package__).joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")
    try:
        profile = msgspec.convert({**tomllib.loads(text), **(changes or {})}, Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"FIX profile {name}: {error}") from None
    check_fields(profile.order_fields)
    if len(profile.id_dot) != 1 or not profile.id_dot.isascii():
        raise ConfigError(f"FIX profile {name}: id_dot is one ASCII character")
    if profile.version not in VERSIONS:
        raise ConfigError(
            f"FIX profile {name}: version {profile.version!r} is none of {', '.join(VERSIONS)}"
        )
    return profile


def check_fields(fields: Mapping[str, str]) -> None:
    """Hold further fields of orders to what is true of an automated order.

    Raises:
        ConfigError: a key is no tag, or the order would be flagged as manual.
    """
    for tag, value in fields.items():
        if not tag.isdigit() or not value:
            raise ConfigError(f"order field {tag!r}: a key is a tag number, and its value text")
    if fields.get(str(MANUAL_ORDER), "N") != "N" or fields.get(str(HANDL_INST)) == "3":
        raise ConfigError(
            "order fields 1028 and 21: what Bascule sends is automated and is never flagged as "
            "manual; leave 1028 at N and 21 at 1 or 2"
        )
