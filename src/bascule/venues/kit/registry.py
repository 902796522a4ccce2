"""Finds a venue's folder by the kind that the config names. Adding a folder is all it takes."""

import importlib
import pkgutil

from bascule.model.errors import ConfigError
from bascule.venues.kit.contract import Factory

ROOT = "bascule.venues"


def kinds() -> tuple[str, ...]:
    """Name every kind of venue that this installation has."""
    package = importlib.import_module(ROOT)
    return tuple(
        sorted(
            m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg and m.name != "kit"
        )
    )


def factory(kind: str) -> Factory:
    """Give the factory of one kind of venue.

    Raises:
        ConfigError: there is no such kind; the message lists those there are.
    """
    if kind not in kinds():
        raise ConfigError(
            f"there is no venue kind {kind!r}; this installation has: {', '.join(kinds())}"
        )
    created: Factory = importlib.import_module(f"{ROOT}.{kind}").create
    return created
