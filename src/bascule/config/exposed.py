"""Finds what looks like a secret in a configuration, where none may stand.

A configuration is copied, mailed and journaled, so a password in it is out. Whatever is found is
reported by its key and never by its value.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from bascule.config.problems import KeyPath, Problem
from bascule.config.secrets import NAME

_NAMES_A_SECRET = re.compile(r"(?:^|_)secrets?$")
_HOLDS_A_SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|pin|token|credentials?|auth|bearer|"
    r"(?:api|access|auth|client|private|signing|secret|account)_?key|apisecret)$"
)
_KNOWN_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AGE-SECRET-KEY-|\beyJ[\w-]{8,}\.[\w-]{8,}\.|"
    r"\b(?:sk|rk|pk)_(?:live|test)_|\bgh[pousr]_\w{20}|\bxox[abprs]-|\bwhsec_|"
    r"://[^/\s:@]+:[^/\s@]+@|[?&](?:secret|token|key|password|apikey|api_key)=[^&\s]"
)
_WORDS = re.compile(r"[A-Za-z0-9+/]+")
_RANDOM_LENGTH = 16
_RANDOM_CHANGES = 3
_FREE_TEXT = frozenset({"login", "comment", "strategy", "directory", "folder", "kill_folder"})
"""Keys whose text may look like chance and is none: a login can be a wallet's address."""
_MAPS = frozenset({"overrides", "max_order_qty_by_symbol", "max_position_qty_by_symbol"})
"""Tables whose keys are the user's own words."""


def exposed(table: Mapping[str, object], path: KeyPath = ()) -> Iterator[Problem]:
    """Find every value that looks like a secret, in a table and those within it."""
    for key, value in table.items():
        yield from _in_value((*path, key), str(key), value)


def _in_value(path: KeyPath, key: str, value: object) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        whole = key in _MAPS or _NAMES_A_SECRET.search(key)
        for name, one in value.items():
            yield from _in_value((*path, name), key if whole else str(name), one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _in_value((*path, number), key, one)
    elif _is_exposed(key.lower(), value):
        yield Problem(
            code="secret_in_config",
            key=path,
            what="looks like a secret, and a configuration holds none; it is not shown here",
            allowed='keep it with `bascule secrets set NAME` and write the NAME: secret = "NAME"',
        )


def _is_exposed(key: str, value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(_HOLDS_A_SECRET.search(key))
    if not isinstance(value, str) or not value:
        return False
    if _NAMES_A_SECRET.search(key):
        return not NAME.fullmatch(value) or looks_random(value)
    if _HOLDS_A_SECRET.search(key) or _KNOWN_FORMS.search(value):
        return True
    return key not in _FREE_TEXT and looks_random(value)


def looks_random(text: str) -> bool:
    """Tell chance from words: a long run in which letters and digits change often."""
    for word in _WORDS.findall(text):
        changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(word))
        if len(word) >= _RANDOM_LENGTH and changes >= _RANDOM_CHANGES:
            return True
    return False
