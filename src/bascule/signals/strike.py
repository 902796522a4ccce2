"""Strikes secrets out of a body before it is parsed, stored, hashed or echoed.

Two passes: the source's own secrets wherever they stand, and the value of any field that is named
like a credential, in nested copies and in JSON inside JSON too.
"""

import re

STRUCK = "***"
"""What stands where a secret was."""

_NAMES = (
    "secret|pass(?:word|phrase|wd)?|token|key|api_?key|api_?secret(?:_?key)?|auth_?key|"
    "auth_?token|access_?token|access_?key|private_?key|signing_?secret|bearer|"
    "webhook_?(?:secret|token|key)|signal_?token|licen[cs]e(?:_?id)?"
)
_NAMED = re.compile(rf"(?<![A-Za-z])(?:{_NAMES})(?![A-Za-z])", re.IGNORECASE)
_FIELD = re.compile(
    rf"""(?P<plain>"(?:{_NAMES})"\s*:\s*")(?:[^"\\]|\\.)+"""
    rf"""|(?P<escaped>\\+"(?:{_NAMES})\\+"\s*:\s*\\+")[^"\\]+"""
    rf"""|(?P<typographic>[\u201c-\u201e](?:{_NAMES})[\u201c-\u201e]\s*:\s*[\u201c-\u201e])"""
    r"""[^\u201c-\u201e"]+"""
    rf"""|(?P<single>'(?:{_NAMES})'\s*:\s*')[^']+"""
    rf"""|(?P<bare>["'\u201c-\u201e](?:{_NAMES})\\*["'\u201c-\u201e]\s*:\s*)[\w.+/=-]+""",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"(?P<head>(?:^|[\s,;&|?])(?:{_NAMES})\s*[=:]\s*)[^\s,;&|\"']+", re.IGNORECASE)


def strike(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Give the text with every secret replaced by ``***``.

    Args:
        text: a body as sent.
        secrets: the source's own secrets, struck wherever they stand.
    """
    for secret in secrets:
        if secret and secret in text:
            text = text.replace(secret, STRUCK)
    if _NAMED.search(text) is None:
        return text
    return _PAIR.sub(_blank_pair, _FIELD.sub(_blank_field, text))


def _blank_field(match: re.Match[str]) -> str:
    if match["bare"] is not None:
        return match[0] if match[0].endswith("null") else f'{match["bare"]}"{STRUCK}"'
    return f"{match[match.lastgroup or 0]}{STRUCK}"


def _blank_pair(match: re.Match[str]) -> str:
    return f"{match['head']}{STRUCK}"
