"""Read a table of a programme's file key by key; what is wrong or not known is collected.

Three words stand for what is not known, and are no rule: ``none`` (a source says that there is no
such rule), ``not found`` (nobody says) and ``unknown`` (nobody says which).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from bascule.config.problems import KeyPath, Problem, did_you_mean, dotted, listed

NONE, NOT_FOUND, UNKNOWN = "none", "not found", "unknown"


class Question(Struct, frozen=True):
    """Something to ask the firm: which key the answer fills, and how it is read until then.

    ``needed``: there is no such reading, or the owner has not accepted it: no live order goes.
    """

    key: str
    text: str
    reading: str
    needed: bool = False


class Notes(Struct):
    """What was found while a file was read. ``accepted`` names keys whose reading the owner takes.

    ``start`` is where the programme's own table begins, for the names of questions.
    """

    problems: list[Problem] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    accepted: tuple[str, ...] = ()
    start: KeyPath = ()


class Fields:
    """One table. Each key is asked for by the kind of value it holds; ``close`` finds the rest."""

    def __init__(self, table: Mapping[str, Any], key: KeyPath, notes: Notes) -> None:
        self._table = table
        self._asked: list[str] = []
        self.key = key
        self.notes = notes

    def has(self, name: str) -> bool:
        """Whether something is known of a key: it is there, and does not say "not found"."""
        self._ask(name)
        return self._table.get(name, NOT_FOUND) != NOT_FOUND

    def given(self, name: str) -> bool:
        """Whether a key stands there, whatever it says."""
        return name in self._table

    def names(self) -> list[str]:
        """Name the keys that stand there."""
        return list(self._table)

    def raw(self, name: str) -> Any:
        """Give what stands at a key, of whatever kind; None where it is missing."""
        self._ask(name)
        return self._table.get(name)

    def inside(self, *names: str) -> "Fields | None":
        """Look at a table further in, which another rule reads as a whole; None if it is none."""
        table: Any = self._table
        for name in names:
            table = table.get(name) if isinstance(table, Mapping) else None
        quiet = Notes(start=self.notes.start)
        return Fields(table, (*self.key, *names), quiet) if isinstance(table, Mapping) else None

    def says(self, name: str, word: str) -> bool:
        """Whether a key holds just this word."""
        self._ask(name)
        return bool(self._table.get(name) == word)

    def text(self, name: str, default: str = "") -> str:
        """Give a text."""
        found = self._get(name)
        if found is None:
            return default
        if isinstance(found, str):
            return found
        self.wrong(name, "is not text; put it in quotes")
        return default

    def word(self, name: str, allowed: Sequence[str], default: str = UNKNOWN) -> Any:
        """Give one of the allowed words; ``default`` where the key is missing or not found.

        The words are those that the rule's own type lists.
        """
        found = self._get(name)
        if found is None:
            return default
        if isinstance(found, str) and found in allowed:
            return found
        near = did_you_mean(found, allowed) if isinstance(found, str) else ""
        self.wrong(name, f"{_shown(found)} is not allowed here{near}", listed(allowed))
        return default

    def number(self, name: str) -> Decimal | None:
        """Give an exact number of zero or more; None where it is missing or not found."""
        found = self._get(name)
        if found is None:
            return None
        if isinstance(found, int | Decimal) and not isinstance(found, bool):
            value = Decimal(found)
            if value.is_finite() and value >= 0:
                return value
        self.wrong(name, f"{_shown(found)} is no number", f'zero or more, or "{NOT_FOUND}"')
        return None

    def whole(self, name: str) -> int | None:
        """Give a whole number of zero or more; None where it is missing or not found."""
        found = self._get(name)
        if found is None:
            return None
        if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
            return found
        self.wrong(name, f"{_shown(found)} is no whole number", f'zero or more, or "{NOT_FOUND}"')
        return None

    def flag(self, name: str) -> bool:
        """Give a truth value; False where it is missing."""
        found = self._get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        self.wrong(name, f"{_shown(found)} is not allowed here", "true, false")
        return False

    def words(self, name: str) -> tuple[str, ...]:
        """Give a list of texts; a text alone is a list of one."""
        found = self._get(name)
        if found is None:
            return ()
        if isinstance(found, str):
            return (found,)
        if isinstance(found, list | tuple) and all(isinstance(one, str) for one in found):
            return tuple(found)
        self.wrong(name, "is not a list of texts", '["one", "two"]')
        return ()

    def rows(self, name: str) -> list["Fields"]:
        """Give a list of tables."""
        found = self._get(name)
        if found is None:
            return []
        if isinstance(found, list | tuple) and all(isinstance(one, Mapping) for one in found):
            return [self._inner(one, name, place) for place, one in enumerate(found)]
        self.wrong(name, "is not a list of tables", "[{ ... }, { ... }]")
        return []

    def table(self, name: str, instead: Sequence[str] = (NONE, UNKNOWN)) -> "Fields | None":
        """Give a table within; None where a word stands ``instead`` of it, or it is missing."""
        found = self._get(name)
        if isinstance(found, Mapping):
            return self._inner(found, name)
        if found is not None and found not in instead:
            words = ", ".join(f'"{word}"' for word in (*instead, NOT_FOUND))
            self.wrong(name, f"{_shown(found)} is not allowed here", f"a table, or {words}")
        return None

    def phased(self, name: str, phase: str, allowed: Sequence[str]) -> str:
        """Give a word that may differ by phase: ``{ evaluation = "allowed", funded = ... }``.

        Where several keys fit the phase, the strictest of them; ``allowed`` names the words with
        the strictest first.
        """
        found = self._get(name)
        if not isinstance(found, Mapping):
            return self.word(name, allowed)
        inner = self._inner(found, name)
        word = inner.by_phase(phase, allowed)
        inner.close()
        return word

    def by_phase(self, phase: str, allowed: Sequence[str]) -> str:
        """Give the strictest word among this table's keys that speak of a phase."""
        said = {
            name: self.word(name, allowed)
            for name in self._table
            if name == "evaluation" or name.startswith("funded")
        }
        stage = "funded" if phase == "funded" else "evaluation"
        fitting = [word for name, word in said.items() if not phase or name.startswith(stage)]
        return min(fitting, key=list(allowed).index) if fitting else UNKNOWN

    def skip(self, *names: str) -> None:
        """Pass keys over: they are read elsewhere, or for people alone."""
        self._asked += names

    def wrong(self, name: str, what: str, allowed: str = "") -> None:
        """Collect what is wrong with a key."""
        key = (*self.key, name)
        self.notes.problems.append(Problem(code="bad_value", key=key, what=what, allowed=allowed))

    def ask(self, name: str, text: str, reading: str = "", *, needed: bool = False) -> None:
        """Collect a question about a key; one without a reading is needed."""
        key = dotted((*self.key, name)[len(self.notes.start) :])
        needed = not reading or (needed and key not in self.notes.accepted)
        self.notes.questions.append(Question(key, text, reading or "no live order goes", needed))

    def close(self) -> None:
        """Collect the keys that nobody asked for."""
        for name in self._table:
            if name not in self._asked:
                near = did_you_mean(name, self._asked)
                self.notes.problems.append(
                    Problem(
                        code="unknown_key",
                        key=(*self.key, name),
                        what=f"there is no such key{near}",
                        allowed=listed(sorted(set(self._asked))),
                    )
                )

    def _get(self, name: str) -> Any:
        self._ask(name)
        found = self._table.get(name)
        return None if found == NOT_FOUND else found

    def _ask(self, name: str) -> None:
        self._asked.append(name)

    def _inner(self, table: Mapping[str, Any], *at: str | int) -> "Fields":
        return Fields(table, (*self.key, *at), self.notes)


def _shown(found: Any) -> str:
    return f'"{found}"' if isinstance(found, str) else str(found)
