"""Durations as a person writes them: ``500ms``, ``60s``, ``1h30m``. Inside they are nanoseconds."""

import re
from decimal import Decimal

from bascule.model.values import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Duration

UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND}
"""Nanoseconds by unit, the largest first."""

ALLOWED = 'a number and its unit: "500ms", "60s", "5m", "2h", "1d", also "1h30m"'

LOCK_MAX = Duration(366 * DAY)
"""The longest lock: nobody can lift one, so a slip of the hand must not outlast the account."""

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: object) -> Duration:
    """Read a duration.

    Raises:
        ValueError: it is not text, or has no unit; the message says what is allowed.
    """
    if isinstance(text, str):
        written = text.replace(" ", "")
        parts = _PART.findall(written)
        if parts and "".join(number + unit for number, unit in parts) == written:
            return Duration(sum(int(Decimal(number) * UNITS[unit]) for number, unit in parts))
    raise ValueError(f"is not a duration; write {ALLOWED}")


def format_duration(duration: int) -> str:
    """Write a duration in its largest whole units: 90 s is ``1m30s``."""
    parts = []
    left = duration
    for unit, size in UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
