"""Answer one written scenario: a ledger, or a question to one of the rules in ``kinds``."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache

from bascule.model.errors import UsageError
from bascule.risk.programmes import kinds
from bascule.risk.programmes.scenario import answer_ledger
from bascule.risk.programmes.written import MALFORMED, Answer

LEDGER = "ledger"
_REMARKS = frozenset({"id", "kind", "title", "tags", "why", "expected", "note"})


@cache
def rules() -> dict[str, Callable[[Mapping[str, object], list[str]], Answer]]:
    """Give the rules that answer questions, by kind. A new one is a new file in ``kinds``."""
    return {
        module.name: importlib.import_module(f"{kinds.__name__}.{module.name}").answer
        for module in pkgutil.iter_modules(kinds.__path__)
    }


def answer_scenario(scenario: Mapping[str, object], unread: list[str] | None = None) -> Answer:
    """Answer one scenario with the fields that its ``expected`` has.

    Args:
        scenario: as JSON reads it, numbers as text or decimals. ``kind`` names what it is; one
            with ``events`` is a ledger.
        unread: takes the names of fields that no rule reads: the answer is then of a scenario
            without them, and nobody should go by it unseen.

    Raises:
        UsageError: the kind is unknown, or a field is missing or cannot be read.
    """
    asked = {key: value for key, value in scenario.items() if key not in _REMARKS}
    kind = scenario.get("kind", LEDGER if "events" in scenario else None)
    skipped: list[str] = [] if unread is None else unread
    try:
        if kind == LEDGER:
            return answer_ledger(asked, skipped)
        return _of_rule(kind, asked, skipped)
    except (ArithmeticError, ValueError) as error:
        raise UsageError(
            f"The scenario's numbers cannot be worked with ({type(error).__name__}).",
            code=MALFORMED,
        ) from error


def _of_rule(kind: object, asked: Mapping[str, object], unread: list[str]) -> Answer:
    found = rules().get(str(kind))
    if found is None:
        names = ", ".join((LEDGER, *rules()))
        raise UsageError(f"There is no rule {kind!r}; there are {names}.", code=MALFORMED)
    given = asked.get("input")
    if not isinstance(given, Mapping):
        raise UsageError(f"A {kind} scenario needs an input with named fields.", code=MALFORMED)
    return found(given, unread)
