"""Which dictionaries a session holds its messages against, and what it remembers of them.

Messages of a session are alike: the same fields in the same order, most of them with values that
came before. Whether a message without repeating groups is sound depends only on its row of tags and
on each field by itself, so a row that was once found sound, with fields that were each found sound
before or are easily seen to be, needs no second look.
"""

from collections.abc import Callable

from bascule.fix.core import Validate
from bascule.fix.dictionary import APPL_VERSIONS, load
from bascule.fix.message import Field, Message, read_decimal
from bascule.fix.timestamp import read_sending_time
from bascule.fix.tree import ADMIN_TYPES
from bascule.fix.validation import DEFAULT, VALUE_INCORRECT, Options, Reject, validate
from bascule.fix.version import Version

APPL_VER_ID = 1128

ROWS_MAX = 256
FIELDS_MAX = 4096
"""Rows and fields that are remembered; a peer that sends ever new ones is checked in full."""

_Row = tuple[bytes, tuple[int, ...]]
_Easy = Callable[[bytes], object]
_DIGITS_MAX = 18


def _is_number(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _DIGITS_MAX


def _is_decimal(value: bytes) -> bool:
    return read_decimal(value) is not None


_EASY: dict[str, _Easy] = {
    **dict.fromkeys(("STRING", "CURRENCY", "EXCHANGE"), len),
    **dict.fromkeys(("PRICE", "AMT", "QTY", "FLOAT", "PRICEOFFSET", "PERCENTAGE"), _is_decimal),
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), read_sending_time),
    "SEQNUM": _is_number,
}
"""Types of ever new values, and what shows at once that one is sound. One that does not show it is
looked at in full."""


def validator(version: Version, options: Options = DEFAULT, overlay: str = "") -> Validate:
    """Give what checks the messages of one session.

    Args:
        version: of the session. From FIX 5.0 on a message may name another one for itself (1128).
        options: what to check.
        overlay: a counterparty's own tags, see ``Dictionary.overlaid``.

    Raises:
        ConfigError: the overlay cannot be read.
    """
    return _Validator(version, options, overlay).check


class _Validator:
    def __init__(self, version: Version, options: Options, overlay: str) -> None:
        self._options = options
        self._default = version.default_appl_ver_id
        self._session = load(version.begin_string.decode())
        self._application = load(version.name)
        if overlay:
            self._application = self._application.overlaid(overlay)
        if not self._default:
            self._session = self._application
        self._rows: dict[_Row, list[_Easy | None]] = {}
        self._sound: set[Field] = set()

    def check(self, message: Message) -> Reject | None:
        fields = message.fields
        row = message.msg_type, tuple([tag for tag, _ in fields])
        easy = self._rows.get(row)
        if easy is not None and self._is_like_before(fields, easy):
            return None
        named = message.get(APPL_VER_ID) if self._default else None
        if named not in (None, self._default) and message.msg_type not in ADMIN_TYPES:
            return self._by_its_own(named, message)
        found = validate(message, self._session, self._application, self._options)
        if found is None:
            self._remember(row, fields)
        return found

    def _is_like_before(self, fields: list[Field], easy: list[_Easy | None]) -> bool:
        sound = self._sound
        for field, look in zip(fields, easy, strict=True):
            if (field not in sound) if look is None else not look(field[1]):
                return False
        return True

    def _by_its_own(self, named: bytes | None, message: Message) -> Reject | None:
        name = APPL_VERSIONS.get(named or b"")
        if name is None:
            return Reject(VALUE_INCORRECT, APPL_VER_ID)
        return validate(message, self._session, load(name), self._options)

    def _remember(self, row: _Row, fields: list[Field]) -> None:
        easy = self._rows.get(row)
        if easy is None:
            if len(self._rows) >= ROWS_MAX or self._has_groups(row):
                return
            easy = self._rows[row] = [self._easy(tag) for tag in row[1]]
        if len(self._sound) < FIELDS_MAX:
            hard = [field for field, look in zip(fields, easy, strict=True) if look is None]
            self._sound.update(hard)

    def _has_groups(self, row: _Row) -> bool:
        msg_type, tags = row
        admin = msg_type in ADMIN_TYPES
        definition = (self._session if admin else self._application).message(msg_type)
        groups = set(self._session.header.groups)
        groups.update(definition.body.groups if definition else ())
        return not groups.isdisjoint(tags)

    def _easy(self, tag: int) -> _Easy | None:
        field = self._application.field(tag) or self._session.field(tag)
        if field is None or field.values:
            return None
        return _EASY.get(field.type)
