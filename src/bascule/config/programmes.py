"""Programmes by name: presets that are shipped as data, and the files that users make of them.

A preset is what public pages said on a day; nobody at the firm has seen it. A user's file is a
copy of one that the user has compared with the firm's own word.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bascule.config.problems import ConfigProblems, Problem, did_you_mean, listed
from bascule.config.programme_fields import Fields, Notes, Question
from bascule.config.programme_rules import Phase, rules_of
from bascule.config.toml_lines import key_lines
from bascule.model.errors import ConfigError
from bascule.model.programme import Programme

SCHEMA = "bascule-programme/1"
FILE = "file:"
VERIFY = "VERIFY WITH THE FIRM"
_OF_PRESETS = ("extends", "sources", "confidence", "verify", "market", "account")
_OF_FILE = ("schema", "preset", "firm", "read_on", "verified_on")


class Facts(Struct, frozen=True, kw_only=True):
    """Everything that a preset or a file says of one programme, as it stands there.

    ``name`` is how an account names it; ``sources`` are those it cites, by id. ``verified_on`` is
    the day on which the user compared a copy with the firm, '' for a preset.
    """

    name: str
    firm: str
    read_on: str
    table: dict[str, Any]
    sources: dict[str, dict[str, str]]
    origin: str
    preset: str
    verified_on: str = ""
    is_preset: bool = True

    @property
    def label(self) -> str:
        """Say what its word is worth."""
        if self.verified_on:
            return f"compared with the firm by you on {self.verified_on}"
        return f"not affiliated with {self.firm}, read on {self.read_on}, {VERIFY}"


class Reading(Struct, frozen=True):
    """A programme as rules, what is to be asked of the firm, and what is wrong in its file."""

    programme: Programme
    questions: tuple[Question, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def tradable(self) -> bool:
        """Whether a live account may trade by it."""
        return not self.programme.missing


@cache
def presets() -> dict[str, Facts]:
    """Give every preset by its id, firm by firm."""
    found: dict[str, Facts] = {}
    folder = files("bascule.risk") / "programmes" / "presets"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".toml"):
            continue
        document = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
        programmes = document["programmes"]
        for name in programmes:
            table = _resolved(programmes, name)
            found[name] = Facts(
                name=name,
                firm=document["firm"],
                read_on=document["read_on"],
                table=table,
                sources=_cited(table, document["sources"]),
                origin=file.name,
                preset=name,
            )
    return found


def find(named: str, beside: Path) -> Facts:
    """Give the programme that an account names: a preset's id, or ``file:`` and a path.

    Args:
        named: what the configuration says.
        beside: the directory against which a relative path is read.

    Raises:
        ConfigError: there is no such preset, or no such file, or it is no TOML.
    """
    if named.startswith(FILE):
        return read_file((beside / Path(named.removeprefix(FILE)).expanduser()).resolve(), named)
    known = presets()
    if named not in known:
        raise ConfigError(
            f'There is no preset "{named}"{did_you_mean(named, known)}.',
            code="unknown_programme",
            hint=f'Known: {listed(known)}. A file of your own is named "{FILE}my.toml".',
        )
    return known[named]


def read_file(path: Path, named: str = "") -> Facts:
    """Read a user's file of one programme; ``named`` is how the account names it.

    Raises:
        ConfigError: it is not there, no TOML, or not such a file at all.
    """
    try:
        written = path.read_text(encoding="utf-8")
        table = tomllib.loads(written, parse_float=Decimal)
    except OSError as error:
        raise ConfigError(
            f"The programme's file {path} cannot be read: {error.strerror}.",
            code="programme_not_found",
            hint="`bascule programs copy NAME FILE` writes one.",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"The programme's file {path.name} is not TOML: {error}.", code="not_toml"
        ) from error
    if table.get("schema") != SCHEMA:
        raise ConfigError(
            f'{path.name} is not the file of one programme: it lacks schema = "{SCHEMA}".',
            code="not_a_programme",
            hint="`bascule programs copy NAME FILE` writes one.",
        )
    texts = {key: str(table.get(key, "")) for key in _OF_FILE}
    return Facts(
        name=named or f"{FILE}{path.name}",
        firm=texts["firm"],
        read_on=texts["read_on"],
        table={key: value for key, value in table.items() if key not in _OF_FILE},
        sources=table.get("sources") or {},
        origin=str(path),
        preset=texts["preset"],
        verified_on=texts["verified_on"],
        is_preset=False,
    )


def read(facts: Facts, phase: Phase = "", initial: Decimal | None = None) -> Reading:
    """Read a programme's rules for one phase; ``initial`` is the account's initial balance."""
    key = ("programmes", facts.name) if facts.is_preset else ()
    notes = Notes(start=key)
    fields = Fields(facts.table, key, notes)
    fields.skip(*_OF_PRESETS)
    programme = rules_of(fields, facts.name, facts.firm, phase, initial)
    fields.close()
    return Reading(programme, tuple(notes.questions), _placed(facts, notes.problems))


def checked(facts: Facts, phase: Phase = "", initial: Decimal | None = None) -> Reading:
    """Read a programme's rules.

    Raises:
        ConfigProblems: with everything that is wrong in its file.
    """
    reading = read(facts, phase, initial)
    if reading.problems:
        raise ConfigProblems(Path(facts.origin).name, reading.problems)
    return reading


def _resolved(programmes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Give a preset's whole table: each key of its own replaces the one of what it extends."""
    own = dict(programmes[name])
    below = own.pop("extends", "")
    return (_resolved(programmes, below) | own) if below else own


def _cited(table: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    automation = table.get("automation", {})
    cited = {*table["sources"], *automation.get("source", ())}
    return {name: dict(source) for name, source in sources.items() if name in cited}


def _placed(facts: Facts, problems: list[Problem]) -> tuple[Problem, ...]:
    """Give each problem its line in the file."""
    path = Path(facts.origin)
    if facts.is_preset or not problems:
        return tuple(msgspec.structs.replace(one, where=facts.origin) for one in problems)
    lines = key_lines(path.read_text(encoding="utf-8"))

    def line(problem: Problem) -> int:
        key = problem.key
        return next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 0)

    return tuple(
        msgspec.structs.replace(one, where=f"{path.name}:{line(one)}" if line(one) else path.name)
        for one in sorted(problems, key=line)
    )
