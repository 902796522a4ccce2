"""Questions that wait for their answers, each by an id of its own."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from bascule.model.errors import VenueTransient
from bascule.model.ids import base36
from bascule.model.values import MILLISECOND

_T = TypeVar("_T")


class Question(Generic[_T]):
    """One question: what came so far, and who waits for the whole."""

    def __init__(self, number: str) -> None:
        self.id = number
        self.parts: list[_T] = []
        self.whole: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(self, *, complete: bool = True) -> None:
        """Take in that nothing more comes."""
        if not self.whole.done():
            self.whole.set_result(complete)

    def fail(self, error: Exception) -> None:
        """Take in that there will be no answer."""
        if not self.whole.done():
            self.whole.set_exception(error)


class Questions:
    """Every question of one venue that is open."""

    def __init__(self, timeout_s: float, now: Callable[[], int]) -> None:
        self.open: dict[str, Question[object]] = {}
        self._timeout_s = timeout_s
        self._prefix = f"q{base36(now() // MILLISECOND)}"
        self._count = 0

    def ask(self) -> Question[object]:
        """Open a question."""
        self._count += 1
        question: Question[object] = Question(f"{self._prefix}.{base36(self._count)}")
        self.open[question.id] = question
        return question

    async def answer(self, question: Question[object]) -> bool:
        """Wait for the whole answer; gives whether it is complete.

        Raises:
            VenueTransient: it did not come in time, or the session ended.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await question.whole
        except TimeoutError:
            raise VenueTransient("the FIX counterparty gave no answer in time") from None
        finally:
            self.open.pop(question.id, None)

    def fail(self, why: str) -> None:
        """Leave every question without an answer."""
        for question in list(self.open.values()):
            question.fail(VenueTransient(f"the FIX session went down before the answer: {why}"))
        self.open.clear()
