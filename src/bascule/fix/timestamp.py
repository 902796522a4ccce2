"""UTC timestamps of headers, fast: almost every one lies in the second of the one before."""

from datetime import UTC, datetime
from functools import lru_cache

from bascule.fix.message import read_time
from bascule.model.values import MILLISECOND, SECOND, Instant

_SECOND_LENGTH = len(b"YYYYMMDD-HH:MM:SS")


@lru_cache(maxsize=64)
def _written(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%d-%H:%M:%S").encode()


@lru_cache(maxsize=64)
def _read(text: bytes) -> Instant | None:
    return read_time(text)


def write_time(at: Instant, digits: int) -> bytes:
    """Write an instant with 0 or 3 digits after the second, cut, never rounded up."""
    second, rest = divmod(at, SECOND)
    if digits == 0:
        return _written(second)
    return b"%b.%03d" % (_written(second), rest // MILLISECOND)


def read_sending_time(text: bytes) -> Instant | None:
    """Read a UTCTimestamp; None when it is no such thing."""
    second, dot, digits = text.partition(b".")
    if len(digits) == 3 and digits.isdigit():
        whole = _read(second)
        return None if whole is None else Instant(whole + int(digits) * MILLISECOND)
    return read_time(text) if dot else _read(text)
