"""The message formats that Bascule reads, one pure module each. Adding a file adds a dialect.

A dialect module has:

    NAME: str                                   the name in settings, journal and docs; mostly the
                                                module's own
    def detect(text: str) -> int                how sure it is, 0 (not mine) to 100 (nobody else's)
    def parse(text: str, hints: Hints) -> Parsed
    TEXT_ONLY = True                            where it never claims a JSON object or list

``detect`` looks, ``parse`` decides; neither raises, whatever the text. Content decides, never a
content type: senders label JSON as plain text, and plain text as JSON.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Protocol, cast

from bascule.signals.instruction import Hints, Parsed


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
def _claims(json: bool) -> tuple[tuple[str, Callable[[str], int]], ...]:
    """Pair each name with its ``detect``: this stands in the hot path."""
    return tuple(
        (name, get(name).detect)
        for name in names()
        if not (json and getattr(get(name), "TEXT_ONLY", False))
    )


def get(name: str) -> Dialect:
    """Give one dialect.

    Raises:
        KeyError: there is none of that name.
    """
    return _all()[name]


def detect(text: str) -> str | None:
    """Name the dialect that is surest of a text; None when none is. Ties go by name."""
    best, best_sure = None, 0
    json = text.lstrip(" \t\r\n\0\ufeff")[:1] in ("{", "[")
    for name, claim in _claims(json):
        sure = claim(text)
        if sure > best_sure:
            best, best_sure = name, sure
    return best
