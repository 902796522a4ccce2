"""How a bug is planted: names of the code mean something else, and seeds look for what it does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple
from unittest.mock import patch

from bascule.sim.core.campaign import first_violation
from bascule.sim.core.simulation import Violation

CORE_BOUND = 2_000

Patch = tuple[object, str, object]


@contextmanager
def in_place(patches: Sequence[Patch]) -> Iterator[None]:
    """Have names of the code mean something else for a while."""
    with ExitStack() as stack:
        for owner, name, value in patches:
            stack.enter_context(patch.object(owner, name, value))
        yield


class Mutant(NamedTuple):
    """A planted bug: its name, what it does wrong, how it is patched in, and its bound in seeds."""

    name: str
    text: str
    patches: Callable[[], Sequence[Patch]]
    bound: int = CORE_BOUND

    def planted(self) -> AbstractContextManager[None]:
        """Have the bug for a while."""
        return in_place(self.patches())

    def hunt(self, start: int = 0) -> tuple[Violation | None, int]:
        """Look for a seed that shows the bug; give what it breaks, and how many seeds it took."""
        with self.planted():
            return first_violation(range(start, start + self.bound))
