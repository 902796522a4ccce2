"""What an alert is, and what the user set up for them."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from bascule.model.ids import AccountId
from bascule.model.values import MINUTE, SECOND


class Severity(StrEnum):
    """How much an alert matters. Only a critical one is tried again when every channel failed."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class Alert(Struct, frozen=True, kw_only=True):
    """One thing that people are told.

    ``name`` is a row of ``kinds.KINDS``. ``key`` names what it is about: the same key again within
    the window is counted and not told anew. ``clears`` are keys that may be told at once again,
    since what they told of is over.
    """

    name: str
    severity: Severity
    key: str
    title: str
    text: str
    clears: tuple[str, ...] = ()


class Shown(Struct, frozen=True, kw_only=True):
    """How amounts of one account are written where money must not be: in percent of ``basis``."""

    currency: str
    basis: Decimal | None = None


class AlertPlan(Struct, frozen=True, kw_only=True):
    """What the user set up. ``channels`` are names of secrets; each holds an apprise URL."""

    channels: tuple[str, ...] = ()
    minimum: Severity = Severity.INFO
    mute: tuple[str, ...] = ()
    detail: Literal["percent", "full"] = "percent"
    window_ns: int = 5 * MINUTE
    per_minute: int = 10
    timeout_ns: int = 10 * SECOND
    link_lost_after_ns: int = 30 * SECOND
    accounts: dict[AccountId, Shown] = {}
