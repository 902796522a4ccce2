"""Which dictionaries a session holds its messages against, and what it remembers of them.

Messages of a session are alike: the same fields in the same order, most of them with values that
came before. Whether a message without repeating groups is sound depends only on its row of tags and
on each field by itself, so a row that was once found sound, with fields that were each found sound
before or are easily seen to be, needs no second look. A decoder gives one object for a field that
comes again, so most fields are known by that alone.
"""

import re
from collections.abc import Callable

from bascule.fix.core import Validate
from bascule.fix.dictionary import APPL_VERSIONS, load
from bascule.fix.message import Field, Message, is_decimal
from bascule.fix.tree import ADMIN_TYPES
from bascule.fix.validation import DEFAULT, VALUE_INCORRECT, Options, Reject, validate
from bascule.fix.version import Version

APPL_VER_ID = 1128

ROWS_MAX = 256
FIELDS_MAX = 4096
"""Rows and fields that are remembered; a peer that sends ever new ones is checked in full."""

_Kind = tuple[bytes, int]
"""Type and number of fields."""
_Easy = Callable[[bytes], object]
_DIGITS_MAX = 18


def _is_number(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _DIGITS_MAX


_DAY = rb"(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])"
_LAST_DAYS = rb"(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31"
_TIME = re.compile(
    rb"20[0-9]{2}(?:" + _DAY + rb"|" + _LAST_DAYS + rb")"
    rb"-(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?"
)


_EASY: dict[str, _Easy] = {
    **dict.fromkeys(("STRING", "CURRENCY", "EXCHANGE"), len),
    **dict.fromkeys(("PRICE", "AMT", "QTY", "FLOAT", "PRICEOFFSET", "PERCENTAGE"), is_decimal),
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), _TIME.fullmatch),
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
        self._known: dict[_Kind, list[list[Field]]] = {}
        """The fields of the last sound message of each row."""
        self._rows = 0
        self._looks: dict[int, _Easy] = {}
        self._sound: set[Field] = set()

    def check(self, message: Message) -> Reject | None:
        fields = message.fields
        kind = message.msg_type, len(fields)
        known = self._known.get(kind, [])
        for place, before in enumerate(known):
            if self._are_like(before, fields):
                known[place] = fields
                return None
        named = message.get(APPL_VER_ID) if self._default else None
        if named not in (None, self._default) and message.msg_type not in ADMIN_TYPES:
            return self._by_its_own(named, message)
        found = validate(message, self._session, self._application, self._options)
        if found is None:
            self._remember(kind, fields)
        return found

    def _are_like(self, before: list[Field], fields: list[Field]) -> bool:
        looks = self._looks
        for field, was in zip(fields, before, strict=True):
            if field is not was:
                tag, value = field
                if tag != was[0]:
                    return False
                look = looks.get(tag)
                if not (look(value) if look else field in self._sound):
                    return False
        return True

    def _by_its_own(self, named: bytes | None, message: Message) -> Reject | None:
        name = APPL_VERSIONS.get(named or b"")
        if name is None:
            return Reject(VALUE_INCORRECT, APPL_VER_ID)
        return validate(message, self._session, load(name), self._options)

    def _remember(self, kind: _Kind, fields: list[Field]) -> None:
        tags = [tag for tag, _ in fields]
        if self._has_groups(kind[0], tags):
            return
        for tag in tags:
            if look := self._easy(tag):
                self._looks[tag] = look
        if len(self._sound) < FIELDS_MAX:
            # What names a version is sound where it stands: an administrative message may name any.
            seen_alone = APPL_VER_ID, *self._looks
            self._sound.update(field for field in fields if field[0] not in seen_alone)
        known = self._known.setdefault(kind, [])
        for place, before in enumerate(known):
            if [tag for tag, _ in before] == tags:
                known[place] = fields
                return
        if self._rows < ROWS_MAX:
            known.append(fields)
            self._rows += 1

    def _has_groups(self, msg_type: bytes, tags: list[int]) -> bool:
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
