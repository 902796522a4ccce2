"""Strike secrets out of wire payloads before they are kept.

It is a net for what venues and senders put into JSON, forms, URLs, headers and FIX; it strikes out
too much rather than too little. What must never be kept should still never be handed over.
"""

import re
from collections.abc import Iterator

from bascule.signals.hiding import bracketed, plains

STRUCK = "***"

_NAME = (
    r"[\w.-]{0,40}?(?:token|passw(?:or)?d|pwd|passphrase|secret|credential|cookie"
    r"|(?:api|access|private|signing)[_-]?key|authorization|signature|session[_-]?id"
    r"|\b(?:key|sign|pin|otp)\b)[\w.-]{0,40}"
)
_MARKS = (
    *("token", "passw", "pwd", "passphrase", "secret", "credential", "cookie", "key", "session"),
    *("authorization", "sign", "pin", "otp", "bearer", "basic", "://", "54=", "925=", "140", "96="),
)
"""What every payload that is changed has at least one of, in lower case."""
_QUOTE = r"\\{0,8}[\"']"
_STRING = r'"(?:[^"\\]|\\.)*"' + r"|'[^']*'"
_INNER = r'\\"(?:[^"\\]|\\[^"\\]|\\\\(?:\\["\\]|[^\\"]))*\\"'
"""A string within JSON that is itself within a JSON string."""
_DEEPER = r'\\+"(?:[^"\\]|\\+[^"\\])*\\+"'
_MEMBER = rf"(?i)({_QUOTE}{_NAME}{_QUOTE}\s{{0,8}}:\s{{0,8}})"
_JSON = re.compile(rf"{_MEMBER}(?:{_INNER}|{_DEEPER}|{_STRING}|[^\s,}}\]\[{{]+)")
_NESTED = re.compile(rf"{_MEMBER}(?=[\[{{])")
_HEADER = re.compile(rf"(?im)^({_NAME}[ \t]{{0,8}}:[ \t]{{0,8}})[^\r\n]+")
_FORM = re.compile(rf"(?im)((?:^|[?&;\s]){_NAME}=)[^&;\s\x01|]+")
_FIX = re.compile(r"((?:^|[\x01|])(?:554|925|1402|1404|96)=)[^\x01|]*")
_SCHEME = re.compile(r"(?i)\b((?:bearer|basic)\s{1,8})[\w.~+/=-]{8,}")
_LOGIN = re.compile(r"(://)[^/\s:@]{0,200}:[^/\s@]{1,200}@")


def redact(payload: str) -> str:
    """Give ``payload`` with every secret that can be told by its name replaced by ``***``.

    Told by name: JSON members, form and query fields, headers, FIX tags 554, 925, 1402, 1404 and
    96, ``Bearer`` and ``Basic`` credentials, and the login of a URL. Where a name is hidden behind
    escapes of JSON or of URLs, the payload is kept as it reads without them.
    """
    out = _struck(payload)
    while hidden := next(_hidden(out), ""):
        out = hidden
    return out


def _hidden(payload: str) -> Iterator[str]:
    """Give the payload as it reads without escapes, struck, where that shows a secret."""
    for plain in plains(payload):
        struck = _struck(plain.text)
        if struck != plain.text:
            yield struck


def _struck(payload: str) -> str:
    lower = payload.lower()
    if not any(mark in lower for mark in _MARKS):
        return payload  # most payloads: a hundredth of a millisecond matters at thousands a second
    out = _JSON.sub(rf'\1"{STRUCK}"', _without_lists(payload))
    out = _HEADER.sub(rf"\g<1>{STRUCK}", out)
    out = _FORM.sub(rf"\g<1>{STRUCK}", out)
    out = _FIX.sub(rf"\g<1>{STRUCK}", out)
    out = _SCHEME.sub(rf"\g<1>{STRUCK}", out)
    return _LOGIN.sub(rf"\1{STRUCK}@", out)


def _without_lists(payload: str) -> str:
    """Strike what stands in brackets under a telling name, to where the bracket closes."""
    parts: list[str] = []
    kept = 0
    while found := _NESTED.search(payload, kept):
        parts += (payload[kept : found.end()], f'"{STRUCK}"')
        kept = bracketed(payload, found.end())
    return "".join((*parts, payload[kept:])) if kept else payload
