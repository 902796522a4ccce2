"""The names in a client certificate that a trusted proxy has verified and passed on.

The proxy proves that a public authority signed the certificate and that the sender holds its key;
here it is read whose it is. No signature is checked here, so nothing that a stranger could have
put into a header may come this far.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Self
from urllib.parse import unquote_to_bytes

from msgspec import Struct

HEADER_MAX = 32 * 1024
"""Characters of a header that may hold a certificate."""

_SEQUENCE, _SET, _OID, _OCTETS = 0x30, 0x31, 0x06, 0x04
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_NAMES = {0x81: "email", 0x82: "dns", 0x86: "uri"}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_ARMOUR = re.compile(rb"-----(?:BEGIN|END) CERTIFICATE-----|\s+")
_PART = re.compile(r"\s*([A-Z]{1,2})=((?:[^\\,]|\\.)+)(?:,|$)")

FORMS = '"email:", "dns:" or "uri:" and a name, or "subject:" and attributes such as CN=me,O=mine'


class Certificate(Struct, frozen=True):
    """Whose it is: the subject's attributes, and alternative names such as ``email:a@b.c``.

    Attributes are CN, O, OU, L, ST and C; others, and other kinds of names, are passed over.
    """

    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a certificate must say: each attribute exactly so and only once, and every name."""

    subject: dict[str, str] = {}
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        r"""Read ``email:a@b.c``, ``dns:b.c``, ``uri:x`` or ``subject:CN=me,O=Mine\, Inc.``.

        Raises:
            ValueError: it is none of these.
        """
        kind, _, rest = text.partition(":")
        if kind in _NAMES.values() and rest:
            return cls(names=(text,))
        if kind != "subject":
            raise ValueError(f"it is none of {FORMS}")
        subject: dict[str, str] = {}
        at = 0
        while at < len(rest):
            found = _PART.match(rest, at)
            if found is None or found[1] in subject or found[1] not in _ATTRIBUTES.values():
                raise ValueError(f"{rest[at:]!r} does not begin with an attribute such as CN=me")
            subject[found[1]] = re.sub(r"\\(.)", r"\1", found[2]).strip()
            at = found.end()
        if not subject:
            raise ValueError("it names no attribute")
        return cls(subject=subject)

    def met_by(self, certificate: Certificate) -> bool:
        """Tell whether a certificate says all of it."""
        given = {_folded(name) for name in certificate.names}
        return all(_folded(name) in given for name in self.names) and all(
            [value for key, value in certificate.subject if key == name] == [wanted]
            for name, wanted in self.subject.items()
        )


def read_header(header: bytes) -> Certificate:
    """Read a certificate as proxies write it: PEM, percent-encoded or not, or base64 of its DER.

    Raises:
        ValueError: it is not a certificate, or not one that can be read in exactly one way.
    """
    if len(header) > HEADER_MAX:
        raise ValueError("it is too long")
    encoded = _ARMOUR.sub(b"", unquote_to_bytes(header)).strip(b":")
    try:
        return read(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        raise ValueError("it is not base64") from None


def read(der: bytes) -> Certificate:
    """Read a certificate (RFC 5280).

    Raises:
        ValueError: it is none.
    """
    ((_, whole),) = _of(_SEQUENCE, der)
    (_, signed), *_ = _items(whole)
    parts = list(_items(signed))
    if parts and parts[0][0] == _VERSION:
        del parts[0]
    if len(parts) < 6 or parts[4][0] != _SEQUENCE:
        raise ValueError("it is not a certificate")
    names = [found for tag, inside in parts[6:] if tag == _EXTENSIONS for found in _names(inside)]
    return Certificate(tuple(_subject(parts[4][1])), tuple(names))


def _subject(data: bytes) -> Iterator[tuple[str, str]]:
    for _, group in _of(_SET, data):
        for _, pair in _of(_SEQUENCE, group):
            kind, value = _items(pair)
            if kind[0] == _OID and (name := _ATTRIBUTES.get(kind[1])):
                if value[0] not in _ENCODINGS:
                    raise ValueError(f"its {name} is no text")
                yield name, value[1].decode(_ENCODINGS[value[0]])


def _names(data: bytes) -> Iterator[str]:
    ((_, extensions),) = _of(_SEQUENCE, data)
    for _, extension in _of(_SEQUENCE, extensions):
        kind, *_, value = _items(extension)
        if kind == (_OID, _ALTERNATIVE_NAMES) and value[0] == _OCTETS:
            ((_, names),) = _of(_SEQUENCE, value[1])
            for tag, name in _items(names):
                if tag in _NAMES:
                    yield f"{_NAMES[tag]}:{name.decode('ascii')}"


def _of(tag: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the items, which must all be of one kind."""
    for item in _items(data):
        if item[0] != tag:
            raise ValueError("it is not a certificate")
        yield item


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Take DER apart: tag and content of each item, one after the other."""
    at = 0
    while at < len(data):
        header = data[at : at + 2]
        if len(header) < 2 or header[0] & 0x1F == 0x1F:
            raise ValueError("it ends early, or has a tag that no certificate has")
        at += 2
        length = header[1]
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3 or at + count > len(data):
                raise ValueError("it has a length that no certificate has")
            length = int.from_bytes(data[at : at + count])
            at += count
        if at + length > len(data):
            raise ValueError("it ends early")
        yield header[0], data[at : at + length]
        at += length


def _folded(name: str) -> str:
    """Write a name so that two that mean the same are the same; only a URI minds its case."""
    return name if name.startswith("uri:") else name.lower()
