"""Who sent it. All comparisons take constant time, and no answer says which part was wrong."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from bascule.model.values import SECOND, Instant
from bascule.signals.intake.certificate import Certificate, read_header
from bascule.signals.intake.source import FIRST_WORD, SECRET_CHARACTER, Source
from bascule.signals.words import fold

CLIENT_VERIFY = b"x-client-verify"
CLIENT_CERT = b"x-client-cert"
"""In these a trusted proxy says ``SUCCESS`` once it has verified a client's certificate, and passes
that certificate on."""

SIGNATURE_TOLERANCE = 300 * SECOND
"""How old, or how far ahead, the timestamp of a signed request may be."""

_FIRST_WORD = re.compile(rf"[\s\ufeff]*({SECRET_CHARACTER}+)")
_MAX_CANDIDATES = 16
_MAX_SIGNATURES = 8
_TIMESTAMP = re.compile(rb"[0-9]{9,12}")
_DUMMY = b"no source has this path token: it is compared so that a wrong name takes as long"

Headers = Mapping[bytes, bytes]
"""A request's headers, names in lower case; of a header that is there twice, the last."""
RawHeaders = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def path_token_ok(source: Source | None, token: str) -> bool:
    """Check the token of a path; an unknown source takes as long as a wrong token."""
    given = token.encode("utf-8", "surrogatepass")
    if source is None:
        hmac.compare_digest(given, _DUMMY)
        return False
    return hmac.compare_digest(given, source.path_token.encode())


class BodySecret:
    """Compares one source's secret with what a body gives in the fields that may hold it."""

    def __init__(self, source: Source) -> None:
        self._expected = source.body_secret.encode()
        self._fields = frozenset(fold(name) for name in source.body_fields)
        self._first_word = FIRST_WORD in source.body_fields

    def ok(self, text: str, given: Iterable[tuple[str, str]]) -> bool:
        """Tell whether any of the fields holds the secret. Looks at no more than 16 of them."""
        values = [value for name, value in given if name in self._fields]
        if self._first_word and (match := _FIRST_WORD.match(text)):
            values.append(match[1])
        found = False
        for value in values[:_MAX_CANDIDATES]:
            found |= hmac.compare_digest(value.encode("utf-8", "surrogatepass"), self._expected)
        return found


class Signatures:
    """Checks Standard Webhooks signatures against every active secret of one source."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._keys = tuple(_hmac_key(secret) for secret in secrets)

    def ok(self, headers: Headers, body: bytes, now: Instant) -> bool:
        """Tell whether the request is signed with one of the secrets, within five minutes."""
        delivery = headers.get(b"webhook-id", b"")
        stamp = headers.get(b"webhook-timestamp", b"")
        given = headers.get(b"webhook-signature", b"")
        if not (delivery and given and _TIMESTAMP.fullmatch(stamp)):
            return False
        if abs(now - int(stamp) * SECOND) > SIGNATURE_TOLERANCE:
            return False
        signed = b"%s.%s.%s" % (delivery, stamp, body)
        expected = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]
        found = False
        for one in given.split(b" ")[:_MAX_SIGNATURES]:
            version, _, encoded = one.partition(b",")
            digest = _decoded(encoded)
            for right in expected:
                found |= version == b"v1" and hmac.compare_digest(digest, right)
        return found


def sign(secret: str, delivery: str, at_seconds: int, body: bytes) -> str:
    """Make the ``webhook-signature`` of a request, for senders written in Python and for tests."""
    signed = f"{delivery}.{at_seconds}.".encode() + body
    digest = hmac.digest(_hmac_key(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _hmac_key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        return _decoded(secret.removeprefix("whsec_").encode()) or secret.encode()
    return secret.encode()


def _decoded(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""


class Bearers:
    """Finds a source by its bearer token, through a hash, so that no comparison tells anything."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_hash = {_hashed(one.bearer.encode()): one for one in sources if one.bearer}

    def source(self, headers: Headers) -> Source | None:
        """Give the source whose token the request bears, or None."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return self._by_hash.get(_hashed(token.strip()))


def _hashed(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


class Peers:
    """Tells who sent a request, behind proxies that are trusted, and whether they may.

    ``trusted`` are our own proxies: only what they add to ``X-Forwarded-For`` is believed, read
    from the right up to the first address that is none of them, and only what they say of a
    client's certificate.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = networks(trusted)

    def of(self, client: str, headers: RawHeaders) -> str:
        """Give the address of the sender, as text; empty when it is not known."""
        if not self._trusted or not within(client, self._trusted):
            return client
        hops = [
            hop.strip()
            for key, value in headers
            if key == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        for hop in reversed(hops):
            if not within(hop, self._trusted):
                return hop
        return client

    def certificate(self, client: str, headers: RawHeaders) -> Certificate | None:
        """Give the certificate that a trusted proxy vouches for; None when there is none.

        A header that is there twice is believed in neither form: one of them may be a stranger's.
        """
        if not within(client, self._trusted):
            return None
        verdicts = [value for key, value in headers if key == CLIENT_VERIFY]
        passed_on = [value for key, value in headers if key == CLIENT_CERT]
        if verdicts != [b"SUCCESS"] or len(passed_on) != 1:
            return None
        try:
            return read_header(passed_on[0])
        except ValueError:
            return None


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks.

    Raises:
        ValueError: one is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def within(address: str, allowed: tuple[Network, ...]) -> bool:
    """Tell whether an address is in one of the networks; a text that is no address is in none."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return any(read.version == one.version and read in one for one in allowed)
