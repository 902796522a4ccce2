"""When a message was fired. Time of day only; whether that is too long ago is the engine's word.

Accepted: ISO 8601 date and time with a zone, or without one (read as UTC, and noted), and epoch
numbers, whose size tells seconds from milliseconds, microseconds and nanoseconds.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bascule.model.values import MICROSECOND, SECOND, Instant
from bascule.signals.instruction import Rejection

FUTURE_TOLERANCE = 60 * SECOND
"""How far ahead of our clock a sender's clock may be."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400
_ISO = re.compile(
    r"(?P<to_second>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?)"
    r"(?:[.,](?P<fraction>\d{1,9}))?\s?(?P<zone>Z|z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_EPOCH_NUMBER = re.compile(r"\d{10,19}(?:\.\d{1,9})?", re.ASCII)
_SCALES = ((11, SECOND), (14, 1_000_000), (17, MICROSECOND), (20, 1))
"""An epoch number of fewer digits than the first is counted in the second, in nanoseconds."""


def read_time(value: object) -> tuple[Instant | None, str]:
    """Read one instant.

    Returns:
        The instant in UTC nanoseconds (None when it is none that Bascule reads), and a note, empty
        when there is nothing to say.
    """
    if isinstance(value, Decimal):
        value = format(value, "f") if value.is_finite() and value.adjusted() < 20 else ""
    if not isinstance(value, str):
        return None, "the time is not text or a number: how old the signal is cannot be judged"
    text = value.strip()
    if _EPOCH_NUMBER.fullmatch(text):
        return _from_epoch(text), ""
    if match := _ISO.fullmatch(text):
        return _from_iso(match)
    return None, "the time was not understood: how old the signal is cannot be judged"


def _from_epoch(text: str) -> Instant:
    whole = len(text.partition(".")[0])
    scale = next(scale for digits, scale in _SCALES if whole < digits)
    return Instant(int(Decimal(text) * scale))


def _from_iso(match: re.Match[str]) -> tuple[Instant | None, str]:
    zone = match["zone"]
    stated = match["to_second"].replace(" ", "T")
    try:
        moment = datetime.fromisoformat(stated + ("" if zone in (None, "Z", "z", "UTC") else zone))
        # A year 9999 in a western zone is past the last that can be written in UTC.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None, "there is no such time: how old the signal is cannot be judged"
    since = moment - _EPOCH
    whole = (since.days * _DAY_SECONDS + since.seconds) * SECOND
    fraction = int((match["fraction"] or "0").ljust(9, "0"))
    note = "" if zone else "the time has no zone and was read as UTC"
    return Instant(whole + fraction), note


def iso(at: Instant) -> str:
    """Write an instant as ISO 8601 in UTC, with as many decimals as it has."""
    moment = _EPOCH + timedelta(seconds=at // SECOND)
    fraction = f"{at % SECOND:09d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' + fraction if fraction else ''}Z"


def check_not_ahead(fired_at: Instant | None, received_at: Instant) -> Rejection | None:
    """Refuse a message from the future: the sender's clock, or ours, is wrong."""
    if fired_at is None or fired_at <= received_at + FUTURE_TOLERANCE:
        return None
    ahead = (fired_at - received_at) // SECOND
    return Rejection(
        "timestamp_in_future",
        f"it says it was fired at {iso(fired_at)}, {ahead} s ahead of this clock",
    )
