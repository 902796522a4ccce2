"""Write plain values as TOML, as a person would lay them out: small tables on one line."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from bascule.model.values import text

_COLUMNS = 96


def toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Write a table: its plain keys first, then each table within that is too long for a line.

    Args:
        table: text, numbers, truth values, lists and tables of them. None has no form in TOML.
        prefix: the table's own dotted name; '' for the top of a file.
    """
    return "\n\n".join(_sections(table, prefix))


def value(given: Any) -> str:
    """Write one value on one line.

    Raises:
        TypeError: TOML has no form for it.
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, int):
        return str(given)
    if isinstance(given, Decimal):
        return text(given)
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value, given))}]"
    if isinstance(given, Mapping):
        inside = ", ".join(f"{key_text(key)} = {value(one)}" for key, one in given.items())
        return f"{{ {inside} }}" if inside else "{}"
    raise TypeError(f"TOML has no form for {given!r}")


def key_text(key: str) -> str:
    """Write a key, quoted where it must be."""
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in key)
    return key if bare else json.dumps(key, ensure_ascii=False)


def assignment(key: str, given: Any) -> str:
    """Write a key and its value; a list that is too long for a line has a line for each entry."""
    line = f"{key_text(key)} = {value(given)}"
    if len(line) <= _COLUMNS or not isinstance(given, list | tuple):
        return line
    entries = "".join(f"    {value(one)},\n" for one in given)
    return f"{key_text(key)} = [\n{entries}]"


def _sections(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    own = {key: one for key, one in table.items() if not _is_section(key, one)}
    lines = [f"[{prefix}]"] if prefix and (own or not table) else []
    lines += [assignment(key, one) for key, one in own.items()]
    if lines:
        yield "\n".join(lines)
    for key, one in table.items():
        if key not in own:
            yield from _sections(one, f"{prefix}.{key_text(key)}" if prefix else key_text(key))


def _is_section(key: str, given: Any) -> bool:
    if not isinstance(given, Mapping):
        return False
    nested = any(isinstance(one, Mapping) for one in given.values())
    return nested or len(f"{key} = {value(given)}") > _COLUMNS
