"""Awaits what may be there already: then without a timer, which would cost more than the rest."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def by(deadline: float, coming: Awaitable[T]) -> T:
    """Await something until an instant of the loop's clock; what is there comes at once.

    Raises:
        TimeoutError: it did not come in time.
    """
    steps = coming.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        there: T = done.value
        return there
    async with asyncio.timeout_at(deadline):
        return await _Rest(steps, waits_for)


class _Rest(Generic[T]):
    """What is left of an awaitable that has waited for something once."""

    def __init__(self, steps: Generator[Any, Any, T], waits_for: Any) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        while True:
            try:
                try:
                    yield waits_for
                except BaseException as error:  # a cancellation belongs to what is awaited
                    waits_for = self._steps.throw(error)
                else:
                    waits_for = next(self._steps)
            except StopIteration as done:
                came: T = done.value
                return came
