"""A message as header, body and trailer, with its repeating groups nested.

The order of fields within a part is free in FIX, but for groups. A dictionary tells which field
belongs where; fields that it does not know are the body's.
"""

from operator import attrgetter
from typing import NamedTuple

from bascule.fix.dictionary import Block, Dictionary
from bascule.fix.message import CHECK_SUM, Field, Message

HEADER_TAGS = frozenset(
    (8, 9, 35, 49, 56, 115, 128, 90, 91, 34, 50, 142, 57, 143, 116, 144, 129, 145, 43, 97, 52, 122)
) | {212, 213, 347, 369, 370, 627, 1128, 1129, 1156}
"""Fields of the header in any version."""
TRAILER_TAGS = frozenset((93, 89, CHECK_SUM))
"""Fields of the trailer in any version."""

ADMIN_TYPES = frozenset((b"0", b"1", b"2", b"3", b"4", b"5", b"A"))


class Node(NamedTuple):
    """One field; for the count of a known group also the group and its instances as they came."""

    tag: int
    value: bytes
    group: Block | None = None
    instances: "tuple[tuple[Node, ...], ...]" = ()


class Tree(NamedTuple):
    """A message in its parts, each by tag, equal tags in the order they came.

    Tags 8, 9, 35 and 10 are not in it unless they came once more. ``misplaced`` is the first tag
    that came after a field that it has to precede: a header field in the body, for example.
    """

    header: list[Node]
    body: list[Node]
    trailer: list[Node]
    misplaced: int | None


def grow(message: Message, session: Dictionary, app: Dictionary) -> Tree:
    """Sort a message's fields into a tree.

    ``session`` defines header and trailer, and the bodies of the session's own messages; ``app``
    defines all other bodies.
    """
    definition = (session if message.msg_type in ADMIN_TYPES else app).message(message.msg_type)
    groups = definition.body.groups if definition else {}
    header_tags = session.header.fields
    trailer_tags = session.trailer.fields
    parts: tuple[list[Node], list[Node], list[Node]] = ([], [], [])
    fields = message.fields
    misplaced: int | None = None
    at, reached = 0, 0
    while at < len(fields):
        tag = fields[at][0]
        if tag in HEADER_TAGS or tag in header_tags:
            part, group = 0, session.header.groups.get(tag)
        elif tag in TRAILER_TAGS or tag in trailer_tags:
            part, group = 2, None
        else:
            part, group = 1, groups.get(tag)
        if part < reached and misplaced is None:
            misplaced = tag
        reached = part
        node, at = _node(fields, at, group)
        parts[part].append(node)
    for nodes in parts:
        nodes.sort(key=attrgetter("tag"))
    return Tree(*parts, misplaced)


def _node(fields: list[Field], at: int, group: Block | None) -> tuple[Node, int]:
    tag, value = fields[at]
    if group is None:
        return Node(tag, value), at + 1
    instances, after = _instances(fields, at + 1, group)
    return Node(tag, value, group, instances), after


def _instances(
    fields: list[Field], at: int, group: Block
) -> tuple[tuple[tuple[Node, ...], ...], int]:
    """Read instances up to the first field that is no member.

    One begins at the group's first tag, and where a tag comes again: what lacks the first tag is
    kept apart for validation to find.
    """
    found: list[list[Node]] = []
    seen: set[int] = set()
    while at < len(fields) and (tag := fields[at][0]) in group.fields:
        if not found or tag == group.first or tag in seen:
            found.append([])
            seen.clear()
        node, at = _node(fields, at, group.groups.get(tag))
        found[-1].append(node)
        seen.add(tag)
    return tuple(map(tuple, found)), at
