"""Messages for people: names of tags and values, and what is wrong, from any log.

Secrets (``SECRET_TAGS``) are struck out, and bytes that could steer a terminal are escaped.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bascule.fix.codec import SOH, Decoder, byte_sum
from bascule.fix.dictionary import APPL_VERSIONS, VERSIONS, Dictionary, load
from bascule.fix.message import SECRET_TAGS, Field, Message
from bascule.fix.tree import Node, grow
from bascule.fix.validation import validate

_START = re.compile(rb"8=(FIXT?\.[0-9A-Z.]{1,16}?)(\x01|\^A|\||;|<SOH>)9=")
_NEXT = rb"[\r\n]|8=FIXT?\.|"
_HIDDEN = "***"


class Line(NamedTuple):
    """One field as it is shown. ``depth`` counts the groups around it; ``meaning`` may be empty."""

    depth: int
    tag: int
    name: str
    value: str
    meaning: str


class Found(NamedTuple):
    """A message found in a log, with what is wrong with its frame; empty when nothing is."""

    message: Message
    problems: tuple[str, ...]


def dictionaries(
    message: Message, app_version: str = "FIX.5.0SP2"
) -> tuple[Dictionary, Dictionary] | None:
    """Give the dictionaries of session and application that a message goes by.

    A FIXT message names its application version (1128, or 1137 in a Logon), else ``app_version``
    holds. None when the version is unknown.
    """
    begin = message.begin_string.decode("latin-1")
    if begin not in VERSIONS:
        return None
    if begin != "FIXT.1.1":
        return load(begin), load(begin)
    named = message.get(1128) or message.get(1137) or b""
    return load(begin), load(APPL_VERSIONS.get(named, app_version))


def lines(message: Message, session: Dictionary, app: Dictionary) -> list[Line]:
    """Give the fields in the order they came, members of groups one deeper."""
    tree = grow(message, session, app)
    waiting: dict[int, list[Node]] = {}
    for node in (*tree.header, *tree.body, *tree.trailer):
        waiting.setdefault(node.tag, []).append(node)
    shown: list[Line] = []
    while len(shown) < len(message.fields):
        node = waiting[message.fields[len(shown)][0]].pop(0)
        _show(node, 0, app, session, shown)
    return shown


def _show(node: Node, depth: int, app: Dictionary, session: Dictionary, shown: list[Line]) -> None:
    field = app.field(node.tag) or session.field(node.tag)
    shown.append(
        Line(
            depth,
            node.tag,
            field.name if field else "?",
            _HIDDEN if node.tag in SECRET_TAGS else printable(node.value),
            "" if field is None else _meaning(field.values, node.value),
        )
    )
    for instance in node.instances:
        for member in instance:
            _show(member, depth + 1, app, session, shown)


def _meaning(values: dict[bytes, str], value: bytes) -> str:
    if value in values:
        return values[value]
    parts = [values.get(part, "") for part in value.split(b" ")]
    return " ".join(parts) if all(parts) else ""


def printable(value: bytes) -> str:
    """Give a value as text on one line that shows every byte and steers no terminal."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )


def find(data: bytes) -> Iterator[Found]:
    """Find the messages in a log or a stream.

    Fields may be separated by byte 1, ``|``, ``;``, ``^A`` or ``<SOH>``; what stands between
    messages, such as times, is passed over. A message with a wrong length or sum is given too.
    """
    at = 0
    while start := _START.search(data, at):
        separator = start[2]
        at = _end(data, start.start(), start.end(), separator)
        raw = data[start.start() : at]
        if separator != SOH:
            raw = raw.replace(separator, SOH)
        yield inspect(raw if raw.endswith(SOH) else raw + SOH)


def _end(data: bytes, start: int, after: int, separator: bytes) -> int:
    """Find where a message ends: by its length, else at its CheckSum, a new line, or the next."""
    mark = separator + b"10="
    length = re.compile(rb"([0-9]{1,9})" + re.escape(separator)).match(data, after)
    if length is not None and len(separator) == 1:
        body_end = length.end() + int(length[1])
        if data.startswith(mark, body_end - 1):
            after = body_end - 1
    trailer = rb"%b[0-9]{0,8}(?:%b)?" % (re.escape(mark), re.escape(separator))
    nearest = re.compile(_NEXT + trailer).search(data, after)
    if nearest is None:
        return len(data)
    return nearest.end() if nearest[0].startswith(mark) else nearest.start()


def inspect(raw: bytes) -> Found:
    """Read one message that ends with the separator, whatever is wrong with it."""
    whole = Decoder(max_body=len(raw)).feed(raw)
    if len(whole) == 1 and isinstance(whole[0], Message):
        return Found(whole[0], ())
    parts = [part.partition(b"=") for part in raw[:-1].split(SOH)]
    problems: list[str] = []
    fields: list[Field] = []
    for tag, equals, value in parts:
        if equals and re.fullmatch(rb"-?[0-9]{1,9}", tag):
            fields.append((int(tag), value))
        else:
            problems.append(f"{printable(tag[:40])!r} is no field")
    known = dict(reversed(fields))
    problems += _frame_problems(raw, [tag for tag, _ in fields], known)
    message = Message(
        known.get(35, b""), [field for field in fields if field[0] not in (8, 9, 35, 10)],
        known.get(8, b""), raw,
    )  # fmt: skip
    return Found(message, tuple(problems) or ("it is garbled",))


def _frame_problems(raw: bytes, tags: Sequence[int], known: dict[int, bytes]) -> Iterator[str]:
    if tuple(tags[:3]) != (8, 9, 35):
        yield f"it begins with tags {', '.join(map(str, tags[:3]))} and not 8, 9, 35"
    if not tags or tags[-1] != 10:
        yield "CheckSum (10) is not its last field"
        return
    head = raw.find(SOH, raw.find(b"\x019=") + 1) + 1
    tail = raw.rfind(b"\x0110=") + 1
    length, total = b"%d" % (tail - head), b"%03d" % (byte_sum(raw[:tail]) & 0xFF)
    if (stated := known.get(9, b"")) != length:
        yield f"BodyLength says {printable(stated)}, it is {length.decode()}"
    if (stated := known[10]) != total:
        yield f"CheckSum says {printable(stated)}, it is {total.decode()}"


def refusal(message: Message, session: Dictionary, app: Dictionary) -> str:
    """Say how validation refuses a message: ``Required tag missing (11 ClOrdID), reason 1``."""
    reject = validate(message, session, app)
    if reject is None:
        return ""
    if reject.tag is None:
        return f"{reject.text}, reason {reject.reason}"
    field = app.field(reject.tag) or session.field(reject.tag)
    named = f"{reject.tag} {field.name}" if field else str(reject.tag)
    return f"{reject.text} ({named}), reason {reject.reason}"
