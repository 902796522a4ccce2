"""Bytes to messages and back.

A frame is ``8=..|9=length|35=..|...|10=sum|`` where ``|`` is the byte 1. BodyLength counts the
bytes from ``35=`` to the one before ``10=``; CheckSum is the sum of all bytes before ``10=``,
modulo 256, in three digits.

What is not such a frame is garbled. FIX wants it ignored as if it had never been sent: it takes no
sequence number and gets no answer; the gap that it leaves brings the message again. The decoder
finds the next message like this, and like QuickFIX:

- a frame whose length leads to a CheckSum field is consumed whole, even when it is then refused, so
  that a message hidden in the data of a bad one is never taken for real;
- if the length leads elsewhere, everything through the next CheckSum field is consumed, which may
  swallow the message behind it;
- bytes that do not begin a message are skipped up to the next ``8=FIX``.
"""

import re
from typing import NamedTuple
from zlib import adler32

from bascule.fix.message import MSG_TYPE, SECRET_TAGS, Field, Message

SOH = b"\x01"

_NEXT = """
    90 95 212 348 350 352 354 356 358 360 362 364 445 618 621 1184 1277 1280 1282 1397 1401
    1403 1468 1578 1620 1664 1733 1871 1874 2072 2074 2111 2179 2287 2351 2481 2637 2651
    2665 2715 2718 2721 2797 40004 40008 40978 40980 40982 40984 40986 40988 41083 41101
    41107 41256 41320 41324 41458 41476 41482 41653 41710 41806 41811 41873 41969 42025
    42171 42451 42652 42947
"""
_BEFORE = "2372 2494 2522 2802 2809 2815"
_ELSEWHERE = {93: 89, 1525: 1527, 1678: 1697, 43109: 42684, 43110: 42486, 43111: 42982}
DATA_TAGS: dict[int, int] = (
    {int(length): int(length) + 1 for length in _NEXT.split()}
    | {int(length): int(length) - 1 for length in _BEFORE.split()}
    | _ELSEWHERE
)
"""Length field to the data field that follows it and may hold any byte."""
_LENGTHS = frozenset(b"%d" % tag for tag in DATA_TAGS)
_SECRETS = frozenset(b"%d" % tag for tag in SECRET_TAGS)

KEPT_BYTES = 512
"""How much of garbled input is kept to show."""

_HEAD = re.compile(rb"8=(FIXT?\.[!-~]{1,16})\x019=([0-9]{1,9})\x01")
_HEAD_MAX = 40  # what _HEAD can match, and a little more
_START = b"8=FIX"
_TRAILER = re.compile(rb"\x0110=([^\x01]{0,8})\x01")
_TRAILER_MAX = 13
_REMEMBERED = 4096
_FIELDS_MAX, _SHORT = 512, 64
"""How many fields a decoder remembers, and the longest that it does."""
_TAG = re.compile(rb"-?(?:0|[1-9][0-9]{0,8})")


class Unencodable(ValueError):
    """A message that cannot be written: a value would end its field early."""


class Garbled(NamedTuple):
    """Input that is no message: ``reason`` is a stable code, ``text`` says what was wrong.

    ``raw`` is its beginning, at most ``KEPT_BYTES``; ``size`` its length in bytes. Codes:
    ``noise``, ``header``, ``body_length``, ``check_sum``, ``field``, ``too_long``,
    ``too_many_fields``.
    """

    reason: str
    text: str
    raw: bytes
    size: int

    def __repr__(self) -> str:  # without the bytes, which may hold a password
        return f"Garbled({self.reason!r}, {self.text!r}, size={self.size})"


class _Refused(Exception):
    """A frame is not a message."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def byte_sum(data: bytes) -> int:
    """Sum the bytes, exactly.

    Adler-32's low half is one more than the sum of the bytes as long as that stays below 65521,
    which 256 bytes cannot reach, nor 515 of ASCII; it is six times as fast as ``sum``.
    """
    size = len(data)
    if size <= 256 or (size <= 515 and data.isascii()):
        return (adler32(data) & 0xFFFF) - 1
    return sum((adler32(data[i : i + 256]) & 0xFFFF) - 1 for i in range(0, size, 256))


class _Keys(dict[int, bytes]):
    """What stands before a field's value, remembered for the first few thousand tags."""

    def __missing__(self, tag: int) -> bytes:
        key = b"%d=" % tag
        if len(self) < _REMEMBERED:
            self[tag] = key
        return key


_KEYS = _Keys()
_ORDINARY: dict[bytes, int] = {}
"""Tag numbers by their text, the first few thousand: of fields that are no secret and have no data
behind them."""


def _read_tag(text: bytes) -> int:
    if not _TAG.fullmatch(text):
        raise _Refused("field", "a field has no valid tag number")
    tag = int(text)
    if text not in _LENGTHS and text not in _SECRETS and len(_ORDINARY) < _REMEMBERED:
        _ORDINARY[text] = tag
    return tag


class _Read(dict[bytes, Field]):
    """Fields by their text. Most fields of a stream came before; the rest make room for others."""

    def __missing__(self, text: bytes) -> Field:
        tag_text, equals, value = text.partition(b"=")
        tag = _ORDINARY.get(tag_text)
        if tag is None or not equals:
            if not equals or tag_text in _LENGTHS:
                raise _Refused("field", "a field has no equals sign, or data follows it")
            return _read_tag(tag_text), value
        field = tag, value
        if len(text) <= _SHORT:
            if len(self) >= _FIELDS_MAX:
                self.clear()
            self[text] = field
        return field


def encode(begin_string: bytes, message: Message, header: bytes = b"") -> bytes:
    """Write a message: 8, 9, 35, its fields in their order, 10.

    ``header`` are fields that are written already, to stand before the message's own.

    Raises:
        Unencodable: a value holds the field separator and is no data field after its length.
    """
    fields = message.fields
    written = SOH.join([_KEYS[tag] + value for tag, value in fields])
    body = b"35=%b\x01%b%b\x01" % (message.msg_type, header, written)
    if not fields:
        body = body[:-1]
    if body.count(SOH) - header.count(SOH) != len(fields) + 1:
        _refuse_separators(message)
    return framed(begin_string, body)


def framed(begin_string: bytes, body: bytes) -> bytes:
    """Put 8 and 9 before, and 10 behind, what is written from ``35=`` to the last separator."""
    whole = b"8=%b\x019=%d\x01%b" % (begin_string, len(body), body)
    return b"%b10=%03d\x01" % (whole, byte_sum(whole) & 0xFF)


def _refuse_separators(message: Message) -> None:
    before: Field = (0, b"")
    for field in [(MSG_TYPE, message.msg_type), *message.fields]:
        tag, value = field
        if SOH in value and not (
            DATA_TAGS.get(before[0]) == tag and before[1] == b"%d" % len(value)
        ):
            raise Unencodable(f"field {tag} holds the field separator (byte 1)")
        before = field


def _by_length(body: bytes) -> list[Field]:
    """Read fields of which some are data, whose length stands before them."""
    fields: list[Field] = []
    at, data_tag, size = 0, 0, 0
    while at < len(body):
        stop = body.index(SOH, at)
        equals = body.find(b"=", at, stop)
        if equals < 0:
            raise _Refused("field", "a field has no equals sign")
        tag = _read_tag(body[at:equals])
        if tag == data_tag:
            stop = equals + 1 + size
            if body[stop : stop + 1] != SOH:
                raise _Refused("field", f"data field {tag} does not have the stated length")
        value = body[equals + 1 : stop]
        fields.append((tag, value))
        data_tag = 0
        if tag in DATA_TAGS and value.isdigit() and len(value) < 10:
            data_tag, size = DATA_TAGS[tag], int(value)
        at = stop + 1
    return fields


class Decoder:
    """Makes messages of a stream of bytes that may be cut anywhere.

    ``feed`` never raises, whatever it is given, and keeps little more than ``max_body`` bytes. What
    comes out of a stream does not depend on how it was cut.
    """

    def __init__(self, max_body: int = 1 << 20, max_fields: int = 8192) -> None:
        self._max_body = max_body
        self._max_fields = max_fields
        self._buffer = bytearray()
        self._read = _Read().__getitem__
        self._wanted = 0  # a message is complete at this many bytes, at the earliest
        self._swallow = ""  # why everything up to the next CheckSum is dropped
        self._dropped = b""
        self._dropped_size = 0

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._buffer)

    @property
    def skipped(self) -> int:
        """How many bytes were skipped since the last message or report of garbled input."""
        return self._dropped_size

    def feed(self, data: bytes) -> list[Message | Garbled]:
        """Take the next bytes; give the messages that they complete, and what was garbled."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        self._wanted = 0
        found: list[Message | Garbled] = []
        at, size = 0, len(data)
        while at < size:
            after = (
                self._swallowed(data, at, found) if self._swallow else self._next(data, at, found)
            )
            if after == at:
                self._buffer += data[at:]
                self._wanted -= at
                break
            at = after
        return found

    def _next(self, data: bytes, at: int, found: list[Message | Garbled]) -> int:
        """Take one frame, or what stands before it; give where to go on, ``at`` to wait."""
        head = _HEAD.match(data, at)
        if head is None:
            return self._no_head(data, at)
        if self._dropped_size:
            found.append(self._report("noise", "these bytes begin no message"))
        start, length = head.end(), int(head[2])
        end = start + length
        if length > self._max_body:
            return self._drop(data, at, start, "too_long")
        if len(data) < end + 4:
            self._wanted = end + 4
            return at
        frame = data[at:end]
        total = b"10=%03d\x01" % (byte_sum(frame) & 0xFF)
        if not data.startswith(total, end) or not frame.endswith(SOH):
            return self._no_total(data, at, end, found)
        after = end + len(total)
        raw = data[at:after]
        try:
            found.append(self._message(head[1], raw, start - at, end - at))
        except _Refused as why:
            found.append(Garbled(why.reason, why.text, raw[:KEPT_BYTES], len(raw)))
        return after

    def _no_total(self, data: bytes, at: int, end: int, found: list[Message | Garbled]) -> int:
        """Take a frame that does not end with its CheckSum, or wait for the rest of it."""
        trailer = _TRAILER.match(data, end - 1)
        if trailer is not None:
            raw = data[at : trailer.end()]
            text = "CheckSum is not the sum of the bytes"
            found.append(Garbled("check_sum", text, raw[:KEPT_BYTES], len(raw)))
            return trailer.end()
        marked = data.startswith(b"\x0110=", end - 1)
        if marked and len(data) < end - 1 + _TRAILER_MAX and SOH not in data[end:]:
            return at
        return self._drop(data, at, end - 1, "body_length")

    def _no_head(self, data: bytes, at: int) -> int:
        """Skip to what may begin a message; stay where that is not known yet."""
        if data.startswith(_START, at):
            if len(data) - at < _HEAD_MAX and data.count(SOH, at) < 2:
                return at
            at = self._drop(data, at, at + 1)
        start = data.find(_START, at)
        if start < 0:
            start = next(
                i
                for i in range(max(at, len(data) - 4), len(data) + 1)
                if _START.startswith(data[i:])
            )
        return self._drop(data, at, start)

    def _swallowed(self, data: bytes, at: int, found: list[Message | Garbled]) -> int:
        """Drop through the next CheckSum field."""
        trailer = _TRAILER.search(data, at)
        if trailer is None:
            return self._drop(data, at, max(at, len(data) - _TRAILER_MAX), self._swallow)
        reason = self._swallow
        text = "BodyLength does not lead to the CheckSum field"
        if reason == "too_long":
            text = f"BodyLength is over {self._max_body}, more than is accepted here"
        after = self._drop(data, at, trailer.end())
        found.append(self._report(reason, text))
        return after

    def _drop(self, data: bytes, start: int, end: int, swallow: str = "") -> int:
        if len(self._dropped) < KEPT_BYTES:
            self._dropped += data[start : min(end, start + KEPT_BYTES - len(self._dropped))]
        self._dropped_size += end - start
        self._swallow = swallow
        return end

    def _report(self, reason: str, text: str) -> Garbled:
        garbled = Garbled(reason, text, self._dropped, self._dropped_size)
        self._dropped, self._dropped_size = b"", 0
        return garbled

    def _message(self, begin: bytes, raw: bytes, start: int, end: int) -> Message:
        """Make a message of a whole frame, its body at ``start`` to ``end``."""
        if not raw.startswith(b"35=", start):
            raise _Refused("header", "the third field is not MsgType")
        msg_type, *texts = raw[start + 3 : end - 1].split(SOH)
        if len(texts) >= self._max_fields:
            raise _Refused("too_many_fields", f"it has more than {self._max_fields} fields")
        try:
            fields = list(map(self._read, texts))
        except _Refused:  # one of them may be data
            fields = _by_length(raw[start + 4 + len(msg_type) : end])
        return Message(msg_type, fields, begin, raw)
