"""`bascule check --public`: the public address, looked at as a stranger would.

One machine can't see itself as the internet does, so what was not tested is said too. No request
here can become a signal: the ones that know a source's secret are refused for their encoding
before their body is read.
"""

import base64
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.signals.intake.certificate import Wanted
from bascule.signals.intake.senders import addresses, wanted_certificate
from bascule.signals.intake.source import Source

TIMEOUT_S = 5.0
DAYS_LEFT_MIN = 14
DAY_S = 86_400
_NAME = "bascule-check"
"""A source that nobody has."""
_CLOSED = (
    "/v1/status", "/v1/orders", "/v1/events", "/metrics", "/readyz", "/healthz", "/schema",
    "/hooks/../v1/status", "/hooks/%2e%2e/v1/status", "/hooks/..%2fv1/status", "//v1/status",
)  # fmt: skip
_OUTSIDE = (
    "Whether the internet reaches this at all: a provider's firewall may treat this machine"
    " otherwise than others. Ask from another network, or look at TradingView's alert log.",
    "Whether the address list is still TradingView's, and whether its certificate passes the"
    " proxy. Only an alert shows that: fire one, and look at `bascule signals`.",
)

State = Literal["ok", "problem", "untested"]


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: State
    text: str


class Reply(NamedTuple):
    """An answer; ``code`` is Bascule's own, '' where something else answered."""

    status: int
    code: str


class Door(NamedTuple):
    """Where to knock."""

    host: str
    port: int
    plain_port: int = 80
    context: ssl.SSLContext | None = None


def check_public(door: Door, sources: Sequence[Source], now_s: float) -> list[Finding]:
    """Look at a public address.

    Args:
        door: the public host and its ports; ``context`` replaces the public authorities.
        sources: the configured sources with their secrets, to try forged headers on.
        now_s: UTC seconds, for the certificate's age.

    Returns:
        what was found, in the order in which it was looked at; it ends early where the way does.
    """
    found = list(_named(door))
    if found[-1].state == "problem":
        return found
    found.append(_plain(door))
    secure = _certificate(door, now_s)
    found.append(secure)
    if secure.state != "problem":
        open_here, published = _hooks(door)
        found += [published, *_closed(door)]
        found += _forged(door, sources, open_here=open_here)
    return found + [Finding("from outside", "untested", text) for text in _OUTSIDE]


def _named(door: Door) -> Iterable[Finding]:
    if door.port not in (80, 443):
        yield Finding(
            "port", "problem", f"TradingView calls ports 80 and 443 only, never {door.port}"
        )
    try:
        found = socket.getaddrinfo(door.host, door.port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        text = "it has no A record; TradingView calls over IPv4 only. Add one"
        yield Finding(f"name {door.host}", "problem", text)
        return
    shown = sorted({str(one[4][0]) for one in found})
    inside = [one for one in shown if not ipaddress.ip_address(one).is_global]
    if inside:
        text = f"{', '.join(inside)} is no public address, so this shows this network's view only"
        yield Finding(f"name {door.host}", "untested", text)
    else:
        yield Finding(f"name {door.host}", "ok", f"A record {', '.join(shown)}")


def _plain(door: Door) -> Finding:
    what = f"port {door.plain_port}"
    try:
        got = _ask(door, "POST", f"/hooks/{_NAME}", plain=True)
    except OSError:
        text = "closed; that is well unless the certificate is renewed by way of it"
        return Finding(what, "ok", text)
    if got.code:
        text = "it passes signals on without TLS, so the URL's secret travels in clear. Close that"
        return Finding(what, "problem", text)
    return Finding(what, "ok", f"answers {got.status} and passes nothing on")


def _certificate(door: Door, now_s: float) -> Finding:
    what = f"TLS on port {door.port}"
    context = door.context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((door.host, door.port), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=door.host) as secure,
        ):
            ends = str((secure.getpeercert() or {}).get("notAfter", ""))
            version = secure.version()
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate is not valid: {error.verify_message}. TradingView refuses it too"
        return Finding(what, "problem", text)
    except OSError as error:
        text = f"no connection ({error.strerror or error}). Look at proxy, firewall and DNS"
        return Finding(what, "problem", text)
    days = int((ssl.cert_time_to_seconds(ends) - now_s) // DAY_S)
    if days < DAYS_LEFT_MIN:
        return Finding(what, "problem", f"the certificate ends in {days} days. Renew it")
    return Finding(what, "ok", f"{version}, certificate valid for {days} days")


def _hooks(door: Door) -> tuple[bool, Finding]:
    """Tell whether a stranger at this machine gets as far as Bascule, and what was found."""
    what = "/hooks/"
    try:
        read = _ask(door, "GET", f"/hooks/{_NAME}")
        posted = _ask(door, "POST", f"/hooks/{_NAME}")
    except OSError as error:
        return False, Finding(what, "problem", f"no answer ({error.strerror or error})")
    if (read.code, posted.code) == ("method_not_allowed", "not_found"):
        text = "Bascule answers: 405 to a GET, 404 to an unknown source"
        return True, Finding(what, "ok", text)
    if posted.status >= 500:
        text = f"the proxy answers {posted.status}: it does not reach Bascule. Is Bascule running?"
        return False, Finding(what, "problem", text)
    if posted.status == 403:
        text = (
            "the proxy refuses this machine (403), as an address list should. To look behind it,"
            " run `bascule expose` with this machine's address as one more --allow"
        )
        return False, Finding(what, "untested", text)
    text = f"the proxy answers {posted.status} and does not pass /hooks/ on to Bascule"
    return False, Finding(what, "problem", text)


def _closed(door: Door) -> list[Finding]:
    """Find what is published and must not be: anything that Bascule itself answers."""
    leaks = []
    for path in _CLOSED:
        try:
            got = _ask(door, "GET", path)
        except OSError:
            continue  # no answer publishes nothing
        if got.code not in ("", "method_not_allowed") or got.status < 300:
            leaks.append(f"{path} ({got.status})")
    if leaks:
        text = f"published: {', '.join(leaks)}. Let the proxy pass on /hooks/ and nothing else"
        return [Finding("control API", "problem", text)]
    found = [Finding("control API", "ok", "not published")]
    try:
        got = _ask(door, "POST", "/v1/intents")
    except OSError:
        return found
    if got.code:
        text = "/v1/intents is published; its bearer token alone guards it"
        found.append(Finding("/v1/intents", "ok", text))
    return found


def _forged(door: Door, sources: Sequence[Source], *, open_here: bool) -> list[Finding]:
    """Claim to be a sender that may, with headers that only the proxy may set."""
    found = []
    tried = [one for one in sources if one.over_http and (one.allow_from or one.client_certificate)]
    for source in tried:
        what = f"forged headers, source {source.name}"
        if source.bearer:
            text = "not tried: its token would be sent"
            found.append(Finding(what, "untested", text))
            continue
        path = f"/hooks/{source.name}" + (f"/{source.path_token}" if source.path_token else "")
        try:
            honest = _ask(door, "POST", path, {"Content-Encoding": "none"})
            forged = _ask(door, "POST", path, _forgery(source) | {"Content-Encoding": "none"})
        except OSError as error:
            found.append(Finding(what, "untested", f"no answer ({error.strerror or error})"))
            continue
        if honest.code == "content_encoded":
            text = "this machine is allowed already; ask from an address that is not"
            found.append(Finding(what, "untested", text))
        elif forged.code == "content_encoded":
            text = (
                "they let a stranger in. The proxy must replace X-Forwarded-For, X-Client-Verify"
                " and X-Client-Cert"
            )
            found.append(Finding(what, "problem", text))
        elif not open_here and not forged.code:
            found.append(Finding(what, "ok", f"the proxy refuses them itself ({forged.status})"))
        else:
            found.append(Finding(what, "ok", "refused, as without them"))
    if not tried:
        text = "no source asks for an address or a certificate: its secret alone guards it"
        found.append(Finding("forged headers", "untested", text))
    return found


def _ask(
    door: Door,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    *,
    plain: bool = False,
) -> Reply:
    """Send one request with an empty body.

    Raises:
        OSError: there was no connection, or no answer that is HTTP.
    """
    if plain:
        connection = http.client.HTTPConnection(door.host, door.plain_port, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPSConnection(
            door.host, door.port, timeout=TIMEOUT_S, context=door.context
        )
    try:
        connection.request(method, path, body=b"", headers=headers or {})
        answer = connection.getresponse()
        body = answer.read(16 * 1024)
    except http.client.HTTPException as error:
        raise OSError(f"it is no HTTP: {type(error).__name__}") from error
    finally:
        connection.close()
    try:
        said = json.loads(body)
    except ValueError:
        return Reply(answer.status, "")
    code = said.get("code", "") if isinstance(said, dict) else ""
    return Reply(answer.status, str(code))


def _forgery(source: Source) -> dict[str, str]:
    """Give the headers with which a stranger would pass for one who may send."""
    headers = {"X-Client-Verify": "SUCCESS"}
    if source.allow_from:
        network = ipaddress.ip_network(addresses(source.allow_from)[0], strict=False)
        claimed = str(network.network_address)
        headers |= {"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"}
    if source.client_certificate:
        made = unsigned(wanted_certificate(source.client_certificate))
        headers["X-Client-Cert"] = base64.b64encode(made).decode()
    return headers


def unsigned(wanted: Wanted) -> bytes:
    """Make a certificate that bears the wanted names and no signature, as a forger would."""
    kinds = {"CN": 3, "C": 6, "L": 7, "ST": 8, "O": 10, "OU": 11}
    tags = {"email": 0x81, "dns": 0x82, "uri": 0x86}
    subject = [
        _der(0x31, _der(0x30, _der(0x06, b"\x55\x04", kinds[key]), _der(0x0C, value.encode())))
        for key, value in wanted.subject.items()
    ]
    names = [
        _der(tags[kind], name.encode())
        for kind, _, name in (one.partition(":") for one in wanted.names)
    ]
    extension = _der(0x30, _der(0x06, b"\x55\x1d\x11"), _der(0x04, _der(0x30, *names)))
    empty = _der(0x30)
    body = _der(
        0x30, _der(0xA0, _der(0x02, 2)), _der(0x02, 1), empty, empty, empty,
        _der(0x30, *subject), empty, _der(0xA3, _der(0x30, extension)),
    )  # fmt: skip
    return _der(0x30, body, empty, _der(0x03, 0))


def _der(tag: int, *parts: bytes | int) -> bytes:
    """Write one item of DER; a number among its parts is one byte."""
    inside = b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)
    size = len(inside)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + inside


def door_of(url: str) -> Door:
    """Take the root of a public URL apart.

    Raises:
        UsageError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UsageError(
            f"{url!r} is not the root of a public URL. Nothing was asked."
            if url
            else "The public URL is not known. Nothing was asked.",
            code="public_url",
            hint="Write https:// and the host's name, as --url or as public_url under [server].",
        )
    return Door(parts.hostname, parts.port or 443)
