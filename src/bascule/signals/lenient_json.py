"""JSON as senders really write it, repaired only where one reading is possible.

The closed list of repairs: a byte order mark in front, NULs at the end, ``//`` comments,
typographic quotes round a string, a comma before a closing bracket. Each is noted. Whatever else
is wrong (single quotes, bare words, a missing comma) is refused, for it could be read in two ways.
Numbers come out as `Decimal`; a key given twice with two values is refused.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from msgspec import Struct

from bascule.signals.instruction import Rejection

_STRING = r'"(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)'
"""A string, closed or not: one that is not closed takes the rest, so that no text is read twice."""
_COMMENT_OR_QUOTED = re.compile(
    rf"""(?P<string>{_STRING})|(?P<comment>//[^\r\n]*)"""
    r"""|[\u201c\u201d\u201e](?P<quoted>[^"\u201c\u201d\u201e\\\r\n]*)[\u201c\u201d\u201e]"""
)
_STRING_OR_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])")
_PADDING = " \t\r\n\0"


class Document(Struct, frozen=True):
    """A decoded body and the repairs that it took, in words. To be read, never changed.

    ``fault`` is what a strict reader says of it, with the place; '' where nothing was repaired.
    """

    value: object
    repairs: tuple[str, ...] = ()
    fault: str = ""


class _Conflict(ValueError):
    pass


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        for key, value in pairs:
            if members[key] != value:
                raise _Conflict(key)
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal
)


@lru_cache(maxsize=2)
def decode(text: str) -> Document | Rejection:
    """Decode a body. Several dialects look at one text, so the last ones are remembered.

    Returns:
        The document, or a rejection: ``empty_body``, ``malformed_json`` or ``conflict``.
    """
    try:
        return Document(_DECODER.decode(text))
    except json.JSONDecodeError as error:
        first = error
    except (_Conflict, RecursionError, InvalidOperation) as error:
        return _refused(error)
    if not text.strip(_PADDING + "\ufeff"):
        return Rejection("empty_body", "there is nothing in it")
    repaired, repairs = _repair(text)
    if not repairs:
        return _malformed(first)
    try:
        return Document(_DECODER.decode(repaired), repairs, _place(first))
    except json.JSONDecodeError as error:
        return _malformed(error)
    except (_Conflict, RecursionError, InvalidOperation) as error:
        return _refused(error)


def _malformed(error: json.JSONDecodeError) -> Rejection:
    return Rejection("malformed_json", _place(error))


def _place(error: json.JSONDecodeError) -> str:
    return f"{error.msg} at line {error.lineno}, column {error.colno}"


def _refused(error: Exception) -> Rejection:
    if isinstance(error, _Conflict):
        return Rejection("conflict", f"the key {error.args[0][:40]!r} is given twice, differently")
    if isinstance(error, RecursionError):
        return Rejection("malformed_json", "it is nested too deeply")
    return Rejection("bad_number", "a number has an exponent beyond all measure")


def _repair(text: str) -> tuple[str, tuple[str, ...]]:
    repairs: list[str] = []
    if text.startswith("\ufeff"):
        text = text[1:]
        repairs.append("took off the byte order mark in front")
    if "\0" in text and (stripped := text.rstrip(_PADDING)) != text.rstrip(" \t\r\n"):
        text = stripped
        repairs.append("took off the NULs at the end")

    def comment_or_quoted(match: re.Match[str]) -> str:
        if (string := match["string"]) is not None:
            return string
        if match["comment"] is not None:
            _once(repairs, "took out // comments")
            return ""
        _once(repairs, "made typographic quotes plain")
        return f'"{match["quoted"]}"'

    def comma(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        _once(repairs, "took out a comma before a closing bracket")
        return ""

    text = _COMMENT_OR_QUOTED.sub(comment_or_quoted, text)
    text = _STRING_OR_COMMA.sub(comma, text)
    return text, tuple(repairs)


def _once(repairs: list[str], repair: str) -> None:
    if repair not in repairs:
        repairs.append(repair)
