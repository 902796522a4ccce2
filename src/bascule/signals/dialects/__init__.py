"""The message formats that Bascule reads, one pure module each. Adding a file adds a dialect.

A dialect module has:

    NAME: str                                   the name in settings, journal and docs; mostly the
                                                module's own
    def detect(text: str) -> int                how sure it is, 0 (not mine) to 100 (nobody else's)
    def parse(text: str, hints: Hints) -> Parsed
    JSON_MARKS = ("ticker", "code")             words of which one stands, in plain quotes, in
                                                every JSON object or list that it claims; () where
                                                it claims none, absent where it looks at each

``detect`` looks, ``parse`` decides; neither raises, whatever the text. Content decides, never a
content type: senders label JSON as plain text, and plain text as JSON.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Protocol, cast

from bascule.signals.instruction import Hints, Parsed

_QUOTED = re.compile(r'"(\w+)(?=")')
"""A word between two quotes; its second quote may be the next word's first."""


class Dialect(Protocol):
    """What a dialect module offers."""

    NAME: str

    def detect(self, text: str) -> int:
        """Say how sure it is that the text is in this dialect, from 0 to 100."""

    def parse(self, text: str, hints: Hints) -> Parsed:
        """Read the text, or say why it cannot be read."""


@cache
def _all() -> dict[str, Dialect]:
    modules = (
        cast(Dialect, importlib.import_module(f"{__name__}.{module.name}"))
        for module in pkgutil.iter_modules(__path__)
    )
    return {module.NAME: module for module in modules}


@cache
def names() -> tuple[str, ...]:
    """Name every dialect of this installation."""
    return tuple(sorted(_all()))


@cache
def _of_text() -> dict[str, Callable[[str], int]]:
    """Give each dialect's ``detect`` by its name."""
    return {name: get(name).detect for name in names()}


@cache
def _of_json() -> tuple[dict[str, Callable[[str], int]], dict[str, tuple[str, ...]]]:
    """Say who looks at every JSON text, and whose word each mark is: this is the hot path."""
    each: dict[str, Callable[[str], int]] = {}
    marked: dict[str, tuple[str, ...]] = {}
    for name, claim in _of_text().items():
        marks: tuple[str, ...] | None = getattr(get(name), "JSON_MARKS", None)
        if marks is None:
            each[name] = claim
        for mark in marks or ():
            marked[mark] = (*marked.get(mark, ()), name)
    return each, marked


def _claims(text: str) -> Mapping[str, Callable[[str], int]]:
    """Give who may claim a text."""
    if text.lstrip(" \t\r\n\0\ufeff")[:1] not in ("{", "["):
        return _of_text()
    each, marked = _of_json()
    found = dict(each)
    for word in _QUOTED.findall(text):
        for name in marked.get(word, ()):
            found[name] = _of_text()[name]
    return found


def get(name: str) -> Dialect:
    """Give one dialect.

    Raises:
        KeyError: there is none of that name.
    """
    return _all()[name]


def detect(text: str) -> str | None:
    """Name the dialect that is surest of a text; None when none is. Ties go by name."""
    best, best_sure = None, 0
    for name, claim in _claims(text).items():
        sure = claim(text)
        if sure > best_sure or (best is not None and sure == best_sure and name < best):
            best, best_sure = name, sure
    return best
