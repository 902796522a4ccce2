"""Read the packaged data files. They are opened once, when the first caller asks."""

import csv
import tomllib
from importlib.resources import files
from typing import Any


def rows(name: str) -> tuple[dict[str, str], ...]:
    """Give the rows of a packaged CSV file in the file's order."""
    text = (files(__package__) / "data" / name).read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def document(name: str) -> dict[str, Any]:
    """Give a packaged TOML file."""
    return tomllib.loads((files(__package__) / "data" / name).read_text("utf-8"))
