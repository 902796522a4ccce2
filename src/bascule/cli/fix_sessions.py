"""The FIX sessions of a configuration, and where their stores are."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config


class ConfiguredSession(NamedTuple):
    """A session as people name it: a source's name, or ``VENUE-NAME`` for one of a venue."""

    name: str
    role: str
    path: Path


def sessions_of(config: "Config") -> list[ConfiguredSession]:
    """Give every session of a configuration, those of venues as far as they have a store."""
    return [*_of_sources(config), *_of_venues(config)]


def _of_sources(config: "Config") -> Iterator[ConfiguredSession]:
    for source in config.sources:
        terms = source.settings.fix
        if terms is not None:
            file = f"{terms.begin_string}-{terms.sender}-{terms.target}.fix"
            yield ConfiguredSession(source.id, f"source, {terms.role}", config.data.fix / file)


def _of_venues(config: "Config") -> Iterator[ConfiguredSession]:
    for venue in config.venues:
        folder = venue.settings.get("store")
        if venue.kind == "fix" and isinstance(folder, str):
            for path in sorted(Path(folder).expanduser().glob(f"{venue.id}-*.fix")):
                yield ConfiguredSession(path.stem, "venue", path)


def session_named(config: "Config", name: str) -> ConfiguredSession:
    """Find a session.

    Raises:
        UsageError: there is none of this name; the hint lists all.
    """
    found = sessions_of(config)
    for one in found:
        if one.name == name:
            return one
    raise UsageError(
        f"There is no FIX session {name!r}.",
        code="unknown_session",
        hint=f"There are: {', '.join(one.name for one in found) or 'none'}.",
    )
