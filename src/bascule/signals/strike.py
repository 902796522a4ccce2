"""Finds credentials in a body, and strikes them out before it is parsed, stored, hashed or echoed.

Struck are the source's own secrets wherever they stand, and the value of any field that is named
like a credential: in nested copies, in JSON inside JSON, in ``name=value`` pairs, in lists, and
where either is spelled with escapes of JSON or of forms.
"""

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from bascule.signals.hiding import Plain, bracketed, plains

STRUCK = "***"
"""What stands where a secret was."""

CREDENTIALS = (
    "secret", "pass", "passphrase", "password", "passwd", "token", "key", "apikey", "apisecret",
    "apisecretkey", "authkey", "authtoken", "accesstoken", "accesskey", "privatekey",
    "signingsecret", "bearer", "webhooksecret", "webhooktoken", "webhookkey", "signaltoken",
    "license", "licence", "licenseid", "licenceid", "licensekey", "licencekey", "secretkey",
    "clientsecret", "consumersecret", "consumerkey", "appsecret", "appkey", "apitoken", "bottoken",
    "xapikey", "userpassword", "passcode", "pwd", "authorization",
)  # fmt: skip
"""Names of credentials, without case, underscores and hyphens."""

_NAME_MAX = 40
_STEMS = ("secret", "pass", "token", "key", "bearer", "licen", "pwd", "authoriz")
_NO_SECRETS = frozenset({"null", "true", "false", "[]", "{}"})
_QUOTES = "\u201c\u201d\u201e"
_VALUE = re.compile(
    rf"""(?P<quote>\\*["'{_QUOTES}])?\s*[:=]\s*(?:"(?P<plain>(?:[^"\\]|\\.)*)"""
    rf"""|\\+"(?P<escaped>[^"\\]*)|[{_QUOTES}](?P<typographic>[^"{_QUOTES}]*)"""
    rf"""|'(?P<single>[^']*)|(?P<bare>[^\s,;&|"'{{}}\[\]\\{_QUOTES}]+)|(?P<bracket>[\[{{]))"""
)


class Credential(Struct, frozen=True):
    """One credential found: its folded name, and where its value stands.

    ``bare`` when the value has no quotes, ``pair`` when an equals sign stands before it; ``quote``
    is how a string is quoted where it stands.
    """

    name: str
    start: int
    end: int
    bare: bool
    pair: bool
    quote: str = '"'


class Finder:
    """Finds fields by their names. Cheap where there are none: the text is not walked twice.

    Args:
        names: more names to look for than those of `CREDENTIALS`.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        more = {_fold(name) for name in names}
        self._names = frozenset(CREDENTIALS) | more
        unusual = {name.lower() for name in names if not any(one in name.lower() for one in _STEMS)}
        self._stems = (*_STEMS, *sorted(unusual))

    def find(self, text: str) -> list[Credential]:
        """Find every credential of a text, in the order of their places."""
        lowered = text.lower()
        if len(lowered) != len(text):
            lowered = "".join(one.lower() if one.isascii() else one for one in text)
        found: dict[int, Credential] = {}
        for stem in self._stems:
            at = lowered.find(stem)
            while at >= 0:
                start, end = _word_round(lowered, at, at + len(stem))
                credential = self._named(text, lowered[start:end], end)
                if credential is not None:
                    found[credential.start] = credential
                    end = credential.end
                at = lowered.find(stem, end)
        return [found[start] for start in sorted(found)] if len(found) > 1 else [*found.values()]

    def _named(self, text: str, word: str, end: int) -> Credential | None:
        name = _fold(word)
        if name not in self._names:
            return None
        match = _VALUE.match(text, end)
        if match is None or match.lastgroup is None:
            return None
        first, last = match.span(match.lastgroup)
        if match.lastgroup == "bracket":
            last = bracketed(text, first)
        pair = "=" in text[end:first]
        quote = match["quote"] or '"'
        return Credential(
            name, first, last, match.lastgroup in ("bare", "bracket"), pair,
            quote if quote.endswith('"') else '"',
        )  # fmt: skip


def _word_round(lowered: str, start: int, end: int) -> tuple[int, int]:
    """Widen a place to the word that it stands in, as far as a name may reach."""
    first, last = max(0, start - _NAME_MAX), min(len(lowered), end + _NAME_MAX)
    while start > first and (lowered[start - 1].isalnum() or lowered[start - 1] in "_-"):
        start -= 1
    while end < last and (lowered[end].isalnum() or lowered[end] in "_-"):
        end += 1
    return start, end


def _fold(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


class Struck(Struct, frozen=True):
    """A body without its secrets, and what was given as credentials: (folded name, value)."""

    text: str
    given: tuple[tuple[str, str], ...] = ()


_USUAL = Finder()


def strike(text: str, secrets: tuple[str, ...] = (), finder: Finder = _USUAL) -> Struck:
    """Replace every secret of a text by ``***``.

    Args:
        text: a body as sent.
        secrets: the source's own secrets, struck wherever they stand.
        finder: finds the fields whose values are struck.
    """
    found = finder.find(text)
    given = tuple([(one.name, text[one.start : one.end]) for one in found])
    for plain in plains(text):
        hidden = finder.find(plain.text)
        given += tuple([(one.name, plain.text[one.start : one.end]) for one in hidden])
        hidden += _own(plain.text, secrets)
        found += [_as_given(one, plain) for one in hidden]
    if found:
        text = _without(text, found)
    for secret in secrets:
        if secret and secret in text:
            text = text.replace(secret, STRUCK)
    return Struck(text, given)


def _own(text: str, secrets: tuple[str, ...]) -> list[Credential]:
    """Find a source's own secrets; of a form's escapes only the bytes of UTF-8 are known."""
    spelled = {one for secret in secrets for one in (secret, secret.encode().decode("latin-1"))}
    return [
        Credential("", match.start(), match.end(), bare=False, pair=True)
        for secret in spelled
        if secret
        for match in re.finditer(re.escape(secret), text)
    ]


def _as_given(one: Credential, plain: Plain) -> Credential:
    """Give where a credential stands in the text as it was sent."""
    return replace(one, start=plain.at(one.start), end=plain.at(one.end))


def _without(text: str, found: list[Credential]) -> str:
    parts: list[str] = []
    kept = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        value = text[one.start : one.end]
        if not value or (one.bare and value in _NO_SECRETS):
            continue
        if one.start < kept:
            kept = max(kept, one.end)
            continue
        in_json = one.bare and not one.pair
        parts += (text[kept : one.start], f"{one.quote}{STRUCK}{one.quote}" if in_json else STRUCK)
        kept = one.end
    return "".join((*parts, text[kept:])) if kept else text
