"""From the user's file and environment to a configuration, or to everything that is wrong with it.

A variable ``BASCULE_SERVER__PORT`` replaces the key ``server.port`` of the file. Only keys within
a table can be replaced so: the mode is chosen in the file alone.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from bascule.config.build import Config, build
from bascule.config.explain import problems_of
from bascule.config.exposed import exposed
from bascule.config.firm_terms import programme_problems
from bascule.config.paths import find_config
from bascule.config.problems import ConfigProblems, KeyPath, Problem, did_you_mean, listed
from bascule.config.references import references
from bascule.config.settings import Settings
from bascule.config.toml_lines import key_lines
from bascule.model.errors import ConfigError

PREFIX = "BASCULE_"
NESTED = "__"
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


def load(named: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Find and read the configuration.

    Args:
        named: the file; None to look in ``BASCULE_CONFIG``, here, and the platform's place.
        environ: the environment.

    Raises:
        ConfigError: there is none, or it is wrong; then it is a ``ConfigProblems`` that holds
            every problem, not the first only.
    """
    path = find_config(named, environ)
    try:
        written = path.read_text(encoding="utf-8-sig")  # as some editors on Windows save it
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 text (byte {error.start}). Nothing was started.",
            hint="Save it as UTF-8.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Nothing was started.",
            code="config_not_found",
            hint="Check its permissions.",
        ) from error
    return read(written, path, environ)


def read(written: str, path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration from its text; ``path`` is named in errors and anchors its paths.

    Raises:
        ConfigProblems: with everything that is wrong.
    """
    name = path.name
    try:
        table = tomllib.loads(written, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigProblems(name, [_not_toml(name, error)]) from error
    from_environ, problems = _overrides(environ)
    merged = _merge(table, from_environ)
    problems += exposed(merged)
    settings, refused = _validate(merged)
    problems += refused
    problems += references(merged)
    problems += programme_problems(merged, path.absolute().parent)
    if problems or settings is None:
        places = _Places(name, key_lines(written), from_environ)
        raise ConfigProblems(name, _arranged(problems, places))
    return build(settings, path.absolute(), environ)


def _not_toml(name: str, error: tomllib.TOMLDecodeError) -> Problem:
    found = _AT_LINE.search(str(error))
    what = _AT_LINE.sub("", str(error)).strip()
    where = f"{name}:{found[1]}" if found and found[1] else name
    return Problem(code="not_toml", key=(), where=where, what=f"this is not TOML: {what}")


def _overrides(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Give the tables that the environment replaces keys of, and what is wrong with them."""
    replaced: dict[str, Any] = {}
    problems = []
    for variable, value in sorted(environ.items()):
        key = _key_of(variable)
        if not key:
            continue
        known = sorted(Settings.model_fields)
        if key[0] not in known:
            what, allowed = f"there is no such table{did_you_mean(key[0], known)}", listed(known)
            problems.append(_of_variable(variable, key, "unknown_key", what, allowed))
            continue
        source = EnvSettingsSource(Settings)
        source.env_vars = {variable.lower(): value}
        try:
            replaced = _merge(replaced, source())
        except SettingsError:
            what = "replaces a list or a table, and is not JSON"
            problems.append(_of_variable(variable, key, "bad_value", what, '["a", "b"]'))
    return replaced, problems


def _of_variable(variable: str, key: KeyPath, code: str, what: str, allowed: str) -> Problem:
    where = f"environment variable {variable}"
    return Problem(code=code, key=key, where=where, what=what, allowed=allowed)


def _key_of(variable: str) -> tuple[str, ...]:
    """Give the key that a variable replaces, empty when it is none of ours."""
    if not variable.startswith(PREFIX) or NESTED not in variable:
        return ()
    if variable.startswith("BASCULE_SECRET_"):
        return ()
    return tuple(variable.removeprefix(PREFIX).lower().split(NESTED))


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        if isinstance(held, Mapping) and isinstance(value, Mapping):
            value = _merge(held, value)
        merged[key] = value
    return merged


def _validate(table: dict[str, Any]) -> tuple[Settings | None, list[Problem]]:
    try:
        return Settings(**table), []
    except ValidationError as error:
        return None, problems_of(error)


class _Places:
    """Finds where a key was written."""

    def __init__(
        self, name: str, lines: Mapping[KeyPath, int], from_environ: Mapping[str, Any]
    ) -> None:
        self._name = name
        self._lines = lines
        self._environ = from_environ

    def line(self, key: KeyPath) -> int:
        """Give the line of a key, or of the nearest table round it; 0 when there is none."""
        return next(
            (self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), 0
        )

    def put(self, problem: Problem) -> Problem:
        """Give the problem its place."""
        if problem.where:
            return problem
        if variable := self._variable(problem.key):
            where = f"environment variable {variable}"
        else:
            line = self.line(problem.key)
            where = f"{self._name}:{line}" if line else self._name
        return msgspec.structs.replace(problem, where=where)

    def _variable(self, key: KeyPath) -> str:
        inside: Any = self._environ
        for number, part in enumerate(key):
            if not isinstance(inside, Mapping) or part not in inside:
                return ""
            inside = inside[part]
            if not isinstance(inside, Mapping):
                return PREFIX + NESTED.join(map(str, key[: number + 1])).upper()
        return ""


def _arranged(problems: list[Problem], places: _Places) -> list[Problem]:
    """Order problems as the file goes; of a value that looks like a secret say only that."""
    hidden = {problem.key for problem in problems if problem.code == "secret_in_config"}
    said = [p for p in problems if p.code == "secret_in_config" or p.key not in hidden]
    said.sort(key=lambda problem: places.line(problem.key))
    return [places.put(problem) for problem in said]
