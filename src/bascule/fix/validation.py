"""Hold a message against its dictionary, as QuickFIX does: same order of checks, same texts.

The first breach is the answer. Checked are, in this order: that header, body and trailer follow
each other; that the type of message exists; that required fields are there; then each field of
header, trailer and body by its tag: that it comes once, has a value of its type and from its list,
that its tag exists, that the message may hold it, and that a group has as many instances as its
count says. Beyond QuickFIX, each instance has to open with the group's first field, and groups in
groups are counted too.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bascule.fix.dictionary import ANY_VALUE, Block, Dictionary, FieldDef
from bascule.fix.message import Message, is_decimal, read_int, read_time
from bascule.fix.tree import ADMIN_TYPES, Node, grow

INVALID_TAG_NUMBER = 0
REQUIRED_TAG_MISSING = 1
TAG_NOT_DEFINED_FOR_TYPE = 2
UNDEFINED_TAG = 3
TAG_WITHOUT_VALUE = 4
VALUE_INCORRECT = 5
INCORRECT_FORMAT = 6
COMP_ID_PROBLEM = 9
SENDING_TIME_PROBLEM = 10
INVALID_MSG_TYPE = 11
TAG_REPEATED = 13
TAG_OUT_OF_ORDER = 14
GROUP_OUT_OF_ORDER = 15
GROUP_COUNT_INCORRECT = 16

TEXTS = {
    INVALID_TAG_NUMBER: "Invalid tag number",
    REQUIRED_TAG_MISSING: "Required tag missing",
    TAG_NOT_DEFINED_FOR_TYPE: "Tag not defined for this message type",
    UNDEFINED_TAG: "Undefined Tag",
    TAG_WITHOUT_VALUE: "Tag specified without a value",
    VALUE_INCORRECT: "Value is incorrect (out of range) for this tag",
    INCORRECT_FORMAT: "Incorrect data format for value",
    COMP_ID_PROBLEM: "CompID problem",
    SENDING_TIME_PROBLEM: "SendingTime accuracy problem",
    INVALID_MSG_TYPE: "Invalid MsgType",
    TAG_REPEATED: "Tag appears more than once",
    TAG_OUT_OF_ORDER: "Tag specified out of required order",
    GROUP_OUT_OF_ORDER: "Repeating group fields out of order",
    GROUP_COUNT_INCORRECT: "Incorrect NumInGroup count for repeating group",
}
"""SessionRejectReason (373) to the text (58) that goes with it."""

FIRST_USER_TAG = 5000


class Options(NamedTuple):
    """What to check; the defaults are QuickFIX's.

    ``user_defined``: tags from 5000 on must be in the dictionary. ``unknown_fields``: those below
    may be in any message, and need not be in the dictionary at all. ``listed_values``: a field with
    a list of values may hold no other. ``group_order``: members of a group must come in the
    dictionary's order. ``thorough``: values in groups are checked as well, and dates, months and
    days have to be such; QuickFIX takes any text for them, and so do peers that know no other.
    """

    order: bool = True
    empty_values: bool = True
    user_defined: bool = True
    unknown_fields: bool = False
    listed_values: bool = True
    group_order: bool = False
    thorough: bool = False


DEFAULT = Options()


class Reject(NamedTuple):
    """Why a message is refused: SessionRejectReason, RefTagID (None where no tag is meant)."""

    reason: int
    tag: int | None

    @property
    def text(self) -> str:
        """The text of the reason, without the tag."""
        return TEXTS[self.reason]


def validate(
    message: Message,
    session_dictionary: Dictionary,
    app_dictionary: Dictionary | None = None,
    options: Options = DEFAULT,
) -> Reject | None:
    """Check a message; None when it is sound.

    ``session_dictionary`` has header, trailer and the session's own messages, ``app_dictionary``
    the others; up to FIX 4.4 they are one, and the second may be left out.
    """
    session, app = session_dictionary, app_dictionary or session_dictionary
    if message.msg_type in ADMIN_TYPES:
        app = session
    tree = grow(message, session, app)
    if options.order and tree.misplaced is not None:
        return Reject(TAG_OUT_OF_ORDER, tree.misplaced)
    definition = app.message(message.msg_type)
    if definition is None:
        return Reject(INVALID_MSG_TYPE, None)
    return (
        _missing(tree.header, session.header)
        or _missing(tree.trailer, session.trailer)
        or _missing(tree.body, definition.body)
        or _Part(session, options).breach(tree.header)
        or _Part(session, options).breach(tree.trailer)
        or _Part(app, options, definition.body).breach(tree.body)
    )


_FRAMED = frozenset((8, 9, 10, 35))
"""Fields that the codec has seen to: they are there, and not in the tree."""


def _missing(nodes: Sequence[Node], block: Block) -> Reject | None:
    """Find a required field that is not there, those in groups last."""
    present = {node.tag for node in nodes}
    for tag in block.required:
        if tag not in present and tag not in _FRAMED:
            return Reject(REQUIRED_TAG_MISSING, tag)
    for node in nodes:
        for instance in node.instances:
            if node.group and (reject := _missing(instance, node.group)):
                return reject
    return None


class _Part:
    """Checks the fields of one part of a message; ``block`` is None for header and trailer."""

    def __init__(
        self, dictionary: Dictionary, options: Options, block: Block | None = None
    ) -> None:
        self._dictionary = dictionary
        self._options = options
        self._block = block
        self._forms = _THOROUGH if options.thorough else _FORMS

    def breach(self, nodes: Sequence[Node]) -> Reject | None:
        """Find the first breach among fields that are sorted by tag."""
        last = None
        for node in nodes:
            tag = node.tag
            if tag == last or tag in _FRAMED:
                return Reject(TAG_REPEATED, tag)
            last = tag
            field = self._dictionary.field(tag)
            reject = self._value(node, field)
            if reject is None and self._is_checked(tag):
                reject = self._place(tag, field) or self._group(node)
            if reject is not None:
                return reject
        return None

    def _is_checked(self, tag: int) -> bool:
        if tag < FIRST_USER_TAG:
            return not self._options.unknown_fields
        return self._options.user_defined

    def _value(self, node: Node, field: FieldDef | None) -> Reject | None:
        value = node.value
        if not value:
            return Reject(TAG_WITHOUT_VALUE, node.tag) if self._options.empty_values else None
        if field is None:
            return None
        form = self._forms.get(field.type)
        if form is not None and not form(value):
            return Reject(INCORRECT_FORMAT, node.tag)
        if field.values and self._options.listed_values and not _is_listed(field, value):
            return Reject(VALUE_INCORRECT, node.tag)
        return None

    def _place(self, tag: int, field: FieldDef | None) -> Reject | None:
        if field is None:
            return Reject(INVALID_TAG_NUMBER, tag)
        if self._block is not None and tag not in self._block.fields:
            return Reject(TAG_NOT_DEFINED_FOR_TYPE, tag)
        return None

    def _group(self, node: Node) -> Reject | None:
        group = node.group
        if group is None:
            return None
        for instance in node.instances:
            if instance[0].tag != group.first:
                return Reject(GROUP_OUT_OF_ORDER, instance[0].tag)
        if read_int(node.value) != len(node.instances):
            return Reject(GROUP_COUNT_INCORRECT, node.tag)
        for instance in node.instances:
            reject = self._instance(instance, group)
            if reject is not None:
                return reject
        return None

    def _instance(self, instance: Sequence[Node], group: Block) -> Reject | None:
        order = [*group.fields]
        place = 0
        for node in instance:
            if self._options.group_order:
                if order.index(node.tag) < place:
                    return Reject(GROUP_OUT_OF_ORDER, node.tag)
                place = order.index(node.tag)
            reject = None
            if self._options.thorough:
                reject = self._value(node, self._dictionary.field(node.tag))
            reject = reject or self._group(node)
            if reject is not None:
                return reject
        return None


def _is_listed(field: FieldDef, value: bytes) -> bool:
    values = field.values
    if value in values or ANY_VALUE in values:
        return True
    return field.type in _MULTIPLE and all(one in values for one in value.split(b" "))


_MULTIPLE = frozenset(("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE"))
_SEQ_NUM = re.compile(rb"[0-9]{1,18}")
_CLOCK = re.compile(rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,12})?")
_MONTH_YEAR = re.compile(rb"[0-9]{4}(?:0[1-9]|1[0-2])(?:w[1-5]|0[1-9]|[12][0-9]|3[01])?")
_DAY_OF_MONTH = re.compile(rb"0?[1-9]|[12][0-9]|3[01]")


def _is_int(value: bytes) -> bool:
    return read_int(value) is not None


def _is_date(value: bytes) -> bool:
    return read_time(value + b"-00:00:00") is not None


_Form = Callable[[bytes], object]
_FORMS: dict[str, _Form] = {
    **dict.fromkeys(("INT", "LENGTH", "NUMINGROUP", "TAGNUM"), _is_int),
    **dict.fromkeys(("PRICE", "AMT", "QTY", "FLOAT", "PRICEOFFSET", "PERCENTAGE"), is_decimal),
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), read_time),
    "UTCDATE": _is_date,
    "SEQNUM": _SEQ_NUM.fullmatch,
    "CHAR": lambda value: len(value) == 1,
    "BOOLEAN": (b"Y", b"N").__contains__,
    "UTCTIMEONLY": _CLOCK.fullmatch,
}
"""Types whose values have a form; every other type is text."""
_THOROUGH: dict[str, _Form] = {
    **_FORMS,
    **dict.fromkeys(("UTCDATEONLY", "LOCALMKTDATE", "DATE"), _is_date),
    "MONTHYEAR": _MONTH_YEAR.fullmatch,
    "DAYOFMONTH": _DAY_OF_MONTH.fullmatch,
}
