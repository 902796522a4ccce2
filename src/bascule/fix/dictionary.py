"""What the FIX versions define: fields, values, messages, repeating groups.

The data is in ``data``, one file a version, and read when first asked for; messages are unfolded
one by one as they are met. Items of a message are written as there::

    11!  453{ 448 447 452 }  Instrument!

which is a required field, an optional group with its members in order, and a required component.
A counterparty's own tags are laid over a version in the same words, see ``Dictionary.overlaid``.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import NamedTuple

from bascule.model.errors import ConfigError

VERSIONS = (
    "FIX.4.0",
    "FIX.4.1",
    "FIX.4.2",
    "FIX.4.3",
    "FIX.4.4",
    "FIXT.1.1",
    "FIX.5.0",
    "FIX.5.0SP1",
    "FIX.5.0SP2",
)

APPL_VERSIONS = {
    b"2": "FIX.4.0",
    b"3": "FIX.4.1",
    b"4": "FIX.4.2",
    b"5": "FIX.4.3",
    b"6": "FIX.4.4",
    b"7": "FIX.5.0",
    b"8": "FIX.5.0SP1",
    b"9": "FIX.5.0SP2",
}
"""ApplVerID (1128) and DefaultApplVerID (1137) to the version that they name."""

ANY_VALUE = b"*"


class FieldDef(NamedTuple):
    """One field. ``values`` maps each value to its name; empty when any value may stand.

    ``values`` that hold ``ANY_VALUE`` are names for some of many values.
    """

    tag: int
    name: str
    type: str
    values: dict[bytes, str]


class Block:
    """What may stand in a message's body, in a header or trailer, or in an instance of a group.

    ``fields`` maps each tag, in the order defined, to whether it is required; tags of groups are
    those of their counts. ``groups`` maps such a tag to what its instances hold.
    """

    __slots__ = ("fields", "groups", "required", "tags")

    def __init__(self, fields: dict[int, bool], groups: "dict[int, Block]") -> None:
        self.fields = fields
        self.groups = groups
        self.required = tuple(sorted(tag for tag, required in fields.items() if required))
        self.tags: frozenset[int] = frozenset(fields).union(
            *(group.tags for group in groups.values())
        )
        """All tags, those in groups included."""

    @property
    def first(self) -> int:
        """The tag that opens each instance of a group."""
        return next(iter(self.fields))


class MessageDef(NamedTuple):
    """One type of message; ``admin`` when it is the session's own."""

    msg_type: bytes
    name: str
    admin: bool
    body: Block


class Dictionary:
    """One version of FIX, or one with a counterparty's own tags laid over it."""

    def __init__(self, version: str, lines: "_Lines") -> None:
        self.version = version
        self._lines = lines
        self._fields: dict[int, FieldDef | None] = {}
        self._messages: dict[bytes, MessageDef | None] = {}

    def __repr__(self) -> str:
        return f"<Dictionary {self.version}>"

    @property
    def begin_string(self) -> bytes:
        """What tag 8 is in this version: all of FIX 5 is carried by FIXT.1.1."""
        transport = "FIXT.1.1" if self.version.startswith("FIX.5") else self.version
        return transport.encode("ascii")

    def field(self, tag: int) -> FieldDef | None:
        """Give a field, or None where this version has none with this tag."""
        if tag not in self._fields:
            self._fields[tag] = _field(tag, self._lines.fields.get(str(tag)))
        return self._fields[tag]

    def tag(self, name: str) -> int | None:
        """Give the tag of the field with this name."""
        return self._tags.get(name)

    def knows(self, msg_type: bytes) -> bool:
        """Tell whether the version defines such messages."""
        return msg_type.decode("latin-1") in self._lines.messages

    def msg_types(self) -> tuple[bytes, ...]:
        """Give all types of messages."""
        return tuple(name.encode("latin-1") for name in self._lines.messages)

    def message(self, msg_type: bytes) -> MessageDef | None:
        """Give a type of message, or None where this version has none such."""
        if msg_type not in self._messages:
            self._messages[msg_type] = self._message(msg_type)
        return self._messages[msg_type]

    def group(self, msg_type: bytes, count_tag: int) -> Block | None:
        """Give the outermost group of a message that is counted by this tag, or of the header."""
        message = self.message(msg_type)
        inner = message.body.groups.get(count_tag) if message else None
        return inner or self.header.groups.get(count_tag)

    @cached_property
    def header(self) -> Block:
        """The standard header. It is empty in FIX 5, where FIXT.1.1 has it."""
        return self._block(self._lines.header)

    @cached_property
    def trailer(self) -> Block:
        """The standard trailer. It is empty in FIX 5, where FIXT.1.1 has it."""
        return self._block(self._lines.trailer)

    def overlaid(self, toml: str) -> "Dictionary":
        """Give this version with a counterparty's own tags laid over it.

        They are written in TOML, in the words of the data files::

            header = "9000"
            [fields]
            9001 = "VenueFlag CHAR A=ALPHA B=BETA"
            40 = "OrdType CHAR W=VENUE_STOP"      # adds a value
            [messages]
            D = "9001! 21"                        # 9001 is required, 21 no longer is
            U1 = "app VenueReport 11! 453{ 448 447 452 }"

        A field that is named again for a message takes its new flag, a group its new members.

        Raises:
            ConfigError: it cannot be read; the text says where.
        """
        return Dictionary(self.version, _overlay(self._lines, toml))

    @cached_property
    def _tags(self) -> dict[str, int]:
        return {line.split(" ", 1)[0]: int(tag) for tag, line in self._lines.fields.items()}

    def _message(self, msg_type: bytes) -> MessageDef | None:
        line = self._lines.messages.get(msg_type.decode("latin-1"))
        if line is None:
            return None
        category, name, *items = line.split(" ")
        return MessageDef(msg_type, name, category == "admin", self._block(" ".join(items)))

    def _block(self, items: str) -> Block:
        return self._unfold(iter(items.split()), {}, True)

    def _unfold(self, words: Iterator[str], fields: dict[int, bool], required: bool) -> Block:
        """Read items up to the end of their group. A part is required only in a required whole."""
        groups: dict[int, Block] = {}
        self._read(words, fields, groups, required)
        return Block(fields, groups)

    def _read(
        self,
        words: Iterator[str],
        fields: dict[int, bool],
        groups: dict[int, Block],
        required: bool,
    ) -> None:
        for word in words:
            if word == "}":
                return
            name = word.rstrip("!{")
            needed = required and "!" in word
            if name[0].isdigit():
                fields[int(name)] = needed
                if word.endswith("{"):
                    groups[int(name)] = self._unfold(words, {}, needed)
            else:
                inner = self._lines.components[name]
                self._read(iter(inner.split()), fields, groups, needed)


class _Lines(NamedTuple):
    """The lines of a data file by what they define, each without that."""

    fields: dict[str, str]
    components: dict[str, str]
    header: str
    trailer: str
    messages: dict[str, str]


@cache
def load(version: str) -> Dictionary:
    """Give a version's dictionary, such as ``load("FIX.4.4")``. It is read once and shared.

    Raises:
        ConfigError: there is no such version.
    """
    if version not in VERSIONS:
        raise ConfigError(
            f"There is no FIX version {version!r}.",
            code="fix_version_unknown",
            hint=f"There are: {', '.join(VERSIONS)}.",
        )
    text = (files(__package__) / "data" / f"{version}.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    for part in text.split("\n[")[1:]:
        name, _, rest = part.partition("]")
        sections[name] = rest.strip("\n").split("\n") if rest.strip() else []
    named = {
        name: {head: rest for head, _, rest in (line.partition(" ") for line in sections[name])}
        for name in ("fields", "components", "messages")
    }
    return Dictionary(
        version,
        _Lines(
            named["fields"],
            named["components"],
            " ".join(sections["header"]),
            " ".join(sections["trailer"]),
            named["messages"],
        ),
    )


def _field(tag: int, line: str | None) -> FieldDef | None:
    if line is None:
        return None
    name, kind, *values = line.split(" ")
    pairs = (value.partition("=") for value in values)
    return FieldDef(tag, name, kind, {value.encode("utf-8"): text for value, _, text in pairs})


def _overlay(base: _Lines, toml: str) -> _Lines:
    try:
        laid = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"it is not TOML: {error}") from None
    if unknown := laid.keys() - {"fields", "messages", "header", "trailer"}:
        raise _wrong(f"{min(unknown)!r} is none of fields, messages, header, trailer")
    fields = dict(base.fields)
    for tag, line in _texts(laid, "fields"):
        fields[tag] = _merged(tag, fields.get(tag), line)
    messages = dict(base.messages)
    for msg_type, line in _texts(laid, "messages"):
        before = messages.get(msg_type)
        if before is None and not re.fullmatch(r"(app|admin) [A-Za-z]\w*( .*)?", line):
            raise _wrong(
                f"message {msg_type} is new: it needs app or admin, a name, and its fields"
            )
        items = line if before is not None else " ".join(line.split()[2:])
        _check_items(items, f"message {msg_type}", fields, base.components)
        messages[msg_type] = " ".join(line.split()) if before is None else f"{before} {items}"
    ends = []
    for part, before in (("header", base.header), ("trailer", base.trailer)):
        items = laid.get(part, "")
        _check_items(items, part, fields, base.components)
        ends.append(f"{before} {items}")
    return _Lines(fields, base.components, ends[0], ends[1], messages)


def _texts(laid: dict[str, object], section: str) -> Iterator[tuple[str, str]]:
    table = laid.get(section, {})
    if not isinstance(table, dict):
        raise _wrong(f"{section} is no table")
    for name, line in table.items():
        if not isinstance(line, str) or " " in name:
            raise _wrong(f"{section}.{name} is no text")
        yield name, line.strip()


def _merged(tag: str, before: str | None, line: str) -> str:
    """Give a field's line with the values of both; name and type are the new one's."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", tag):
        raise _wrong(f"{tag!r} is no tag number")
    if not re.fullmatch(r"[A-Za-z]\w* [A-Z]+( [^ =]+=[^ =]*)*", line):
        raise _wrong(f"field {tag} is not a name, a type and values such as A=ALPHA")
    return " ".join([line, *(before or "").split(" ")[2:]])


def _check_items(
    items: object, where: str, fields: dict[str, str], components: dict[str, str]
) -> None:
    if not isinstance(items, str):
        raise _wrong(f"{where} is no text")
    depth = 0
    opened = False
    for word in items.split():
        name = word.rstrip("!{")
        depth += word.endswith("{") - (word == "}")
        if depth < 0 or (word == "}" and opened):
            raise _wrong(f"{where}: a group is empty, or closed and not open")
        opened = word.endswith("{")
        if word != "}" and name not in (components if name[:1].isalpha() else fields):
            raise _wrong(f"{where}: {word!r} is no field or component of this version")
    if depth:
        raise _wrong(f"{where}: a group is not closed")


def _wrong(why: str) -> ConfigError:
    return ConfigError(
        f"The FIX dictionary overlay cannot be used: {why}.", code="fix_dictionary_invalid"
    )
