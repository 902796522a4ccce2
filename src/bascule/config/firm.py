"""The tables of the file that speak of firms: permissions, buffers and the news calendar."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bascule.config.fields import DurationNs, Number, Positive, WholeNumber
from bascule.config.table import Table, wrong
from bascule.model.values import DAY, HOUR, MINUTE
from bascule.reference.localtime import zone
from bascule.risk.policy import PERMISSION_DAYS


def _day(value: object) -> str:
    try:
        return (
            value.isoformat()
            if isinstance(value, date)
            else date.fromisoformat(str(value)).isoformat()
        )
    except ValueError:
        raise ValueError('is not a day; write it as "2026-11-20"') from None


def _zone(value: str) -> str:
    try:
        zone(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('is no time zone; write an IANA name, such as "Europe/Prague"') from None
    return value


Day = Annotated[str, BeforeValidator(_day)]
"""An ISO date."""
Zone = Annotated[str, AfterValidator(_zone)]
"""An IANA name."""
Share = Annotated[Number, Field(le=100)]
"""A percentage."""


class PermissionSettings(Table):
    """What the firm answered when it was asked about automated orders on this account."""

    policy: Literal["yes", "no", "silent", "unknown"]
    asked_on: Day
    evidence: str = ""
    answered_by: str = ""
    how: str = ""
    phase: Literal["", "phase1", "phase2", "phase3", "funded"] = ""
    disclosed_on: Day = ""
    expires: Day = ""

    @model_validator(mode="after")
    def _is_no_older_than_it_may_be(self) -> Self:
        latest = date.fromisoformat(self.asked_on) + timedelta(days=PERMISSION_DAYS)
        if self.expires and date.fromisoformat(self.expires) > latest:
            raise wrong(
                "expires",
                f"{self.expires} is more than {PERMISSION_DAYS} days after asked_on",
                f"{latest.isoformat()} or earlier",
            )
        return self

    @property
    def last_day(self) -> date:
        """The day on which the answer is used for the last time."""
        asked = date.fromisoformat(self.asked_on)
        stated = date.fromisoformat(self.expires) if self.expires else date.max
        return min(stated, asked + timedelta(days=PERMISSION_DAYS))


class BufferSettings(Table):
    """How far from a firm's limits Bascule acts; shares are percents of what the firm permits."""

    block_at: Share = Decimal(75)
    flatten_at: Share = Decimal(90)
    pretrade: Share = Decimal(10)
    reset: Share = Decimal(10)
    size_below: Number = Decimal(1)
    size_below_pct: Share = Decimal(10)
    session_cutoff: DurationNs = 30 * MINUTE
    slippage_factor: Positive = Decimal(1)
    request_reserve: WholeNumber = 100
    before_news: Literal["hold", "flat"] = "hold"
    past_useful_profit: Literal["tell", "refuse"] = "tell"

    @model_validator(mode="after")
    def _blocks_before_it_flattens(self) -> Self:
        if self.block_at > self.flatten_at:
            raise wrong(
                "block_at",
                f"{self.block_at} is above flatten_at ({self.flatten_at}): entries would be"
                " refused only after the account was closed",
            )
        return self


class NewsSettings(Table):
    """Where the calendar of news releases comes from, and how old it may be."""

    source: str = ""
    format: Literal["", "ics", "csv", "json"] = ""
    zone: Zone = "UTC"
    impact: Literal["high", "medium", "low"] = "high"
    refresh: DurationNs = 6 * HOUR
    max_age: DurationNs = 2 * DAY

    @model_validator(mode="after")
    def _source_is_reachable_as_it_should_be(self) -> Self:
        if self.source.startswith("http://"):
            raise wrong("source", "is not encrypted on its way", 'an address with "https://"')
        if self.refresh and self.max_age and self.refresh > self.max_age:
            raise wrong("refresh", "is longer than max_age, so the calendar would grow stale")
        return self
