"""A FIX message as ordered fields of bytes, and readers for the values of one field.

Values stay bytes until they are asked for: a message that only passes through is never converted.
A reader returns None where the field is missing and raises ``BadField`` where its value is not of
the type asked for. Numbers are ``Decimal`` or ``int``, times UTC integer nanoseconds.
"""

import re
from calendar import timegm
from collections.abc import Collection, Iterable
from decimal import Decimal

from bascule.model.values import SECOND, Instant

Field = tuple[int, bytes]

BEGIN_STRING, BODY_LENGTH, CHECK_SUM, MSG_TYPE = 8, 9, 10, 35

SECRET_TAGS = frozenset({91, 96, 554, 925, 1402, 1404})
"""Fields whose values are never shown: signatures, raw data of a logon, passwords."""

_INT = re.compile(rb"-?[0-9]{1,18}")
_DECIMAL = re.compile(rb"-?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})")
_TIME = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})-([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,12}))?"
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class BadField(ValueError):
    """A field's value is not of the type it is read as. The text names the tag, not the value."""

    def __init__(self, tag: int, wanted: str) -> None:
        super().__init__(f"field {tag} is not {wanted}")
        self.tag = tag


is_decimal = _DECIMAL.fullmatch
"""Tells whether ``read_decimal`` can read a value."""


def read_int(value: bytes) -> int | None:
    """Read an integer: digits with an optional minus. None when it is no such thing."""
    return int(value) if _INT.fullmatch(value) else None


def read_decimal(value: bytes) -> Decimal | None:
    """Read a number without exponent and without a plus sign. None when it is no such thing."""
    return Decimal(value.decode("ascii")) if is_decimal(value) else None


def read_time(value: bytes) -> Instant | None:
    """Read a UTCTimestamp with 0 to 12 digits after the second, cut at nanoseconds.

    A leap second (``:60``) is the first second of the next minute. None when it is no such thing.
    """
    match = _TIME.fullmatch(value)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month)):
        return None
    if year < 1 or hour > 23 or minute > 59 or second > 60:
        return None
    whole = timegm((year, month, day, hour, minute, second))
    fraction = match[7] or b""
    return Instant(whole * SECOND + int(fraction[:9].ljust(9, b"0")))


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 28 if month == 2 and not leap else _MONTH_DAYS[month - 1]


class Fields:
    """Ordered fields: a message's, or those of one instance of a repeating group.

    ``fields`` is not to be changed once a reader was called: readers keep an index of it.
    """

    __slots__ = ("_first", "fields")

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self._first: dict[int, bytes] | None = None

    def index(self) -> dict[int, bytes]:
        """Give the first value of each tag. It is shared: not to be changed."""
        if self._first is None:
            self._first = self._indexed()
        return self._first

    def _indexed(self) -> dict[int, bytes]:
        return dict(reversed(self.fields))

    def get(self, tag: int) -> bytes | None:
        """Give the value of the first field with this tag."""
        return (self._first or self.index()).get(tag)

    def __contains__(self, tag: int) -> bool:
        return self.get(tag) is not None

    def get_int(self, tag: int) -> int | None:
        """Read an integer.

        Raises:
            BadField: there is a value, and it is no integer.
        """
        value = self.get(tag)
        if value is None:
            return None
        number = read_int(value)
        if number is None:
            raise BadField(tag, "an integer")
        return number

    def get_decimal(self, tag: int) -> Decimal | None:
        """Read a number, exactly.

        Raises:
            BadField: there is a value, and it is no plain decimal number.
        """
        value = self.get(tag)
        if value is None:
            return None
        number = read_decimal(value)
        if number is None:
            raise BadField(tag, "a decimal number")
        return number

    def get_time(self, tag: int) -> Instant | None:
        """Read a UTCTimestamp as UTC nanoseconds.

        Raises:
            BadField: there is a value, and it is no UTCTimestamp.
        """
        value = self.get(tag)
        if value is None:
            return None
        instant = read_time(value)
        if instant is None:
            raise BadField(tag, "a UTCTimestamp")
        return instant

    def get_bool(self, tag: int) -> bool | None:
        """Read ``Y`` or ``N``.

        Raises:
            BadField: there is a value, and it is neither.
        """
        value = self.get(tag)
        if value is None:
            return None
        if value not in (b"Y", b"N"):
            raise BadField(tag, "Y or N")
        return value == b"Y"

    def get_text(self, tag: int) -> str | None:
        """Read text: UTF-8 where it is that, else Latin-1, so that every value can be read."""
        value = self.get(tag)
        if value is None:
            return None
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def groups(self, count_tag: int, members: Collection[int]) -> "list[Fields]":
        """Give the instances of the repeating group after its first ``count_tag``.

        ``members`` are all tags that may stand in an instance, those of nested groups included
        (``Group.tags`` of a dictionary). The tag right after the count opens each instance; the
        group ends at the first tag that is no member. What the count says is not looked at: that
        is validation's.
        """
        fields = self.fields
        at = next((i for i, (tag, _) in enumerate(fields) if tag == count_tag), len(fields)) + 1
        found: list[Fields] = []
        opener = fields[at][0] if at < len(fields) else 0
        for tag, value in fields[at:]:
            if tag not in members:
                break
            if tag == opener:
                found.append(Fields([]))
            found[-1].fields.append((tag, value))
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_shown(self.fields)}>"


class Message(Fields):
    """A message: its type, and its fields between MsgType (35) and CheckSum (10), both excluded.

    ``begin_string`` and ``raw`` (the whole message as it came) are empty for a message that was
    built here. ``get`` also knows tags 8 and 35.
    """

    __slots__ = ("begin_string", "msg_type", "raw")

    def __init__(
        self, msg_type: bytes, fields: list[Field], begin_string: bytes = b"", raw: bytes = b""
    ) -> None:
        self.fields = fields
        self._first = None
        self.msg_type = msg_type
        self.begin_string = begin_string
        self.raw = raw

    @classmethod
    def of(cls, msg_type: bytes, *fields: Field) -> "Message":
        """Build a message of fields in the order given: ``Message.of(b"0", (112, b"T1"))``."""
        return cls(msg_type, list(fields))

    def with_fields(self, fields: Iterable[Field]) -> "Message":
        """Give a message of the same type with these fields, as if built here."""
        return Message(self.msg_type, list(fields))

    def _indexed(self) -> dict[int, bytes]:
        first = dict(reversed(self.fields))
        first[MSG_TYPE] = self.msg_type
        if self.begin_string:
            first[BEGIN_STRING] = self.begin_string
        return first

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self.msg_type == other.msg_type and self.fields == other.fields

    __hash__ = None

    def __repr__(self) -> str:
        return f"<Message {_shown([(MSG_TYPE, self.msg_type), *self.fields])}>"


def _shown(fields: list[Field]) -> str:
    return "|".join(
        f"{tag}={'***' if tag in SECRET_TAGS else value.decode('latin-1')}" for tag, value in fields
    )
