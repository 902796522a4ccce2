"""A wait with a deadline that costs nothing where nothing is waited for."""

import asyncio

import pytest

from bascule.signals.intake.arriving import by


def soon(seconds: float = 0.05) -> float:
    """Give an instant of the loop's clock."""
    return asyncio.get_running_loop().time() + seconds


async def test_what_is_there_comes_at_once_however_late() -> None:
    """No timer is set, so that a deadline that has passed does not matter."""

    async def there() -> int:
        return 1

    assert await by(soon(-1), there()) == 1


async def test_what_comes_later_is_awaited() -> None:
    """It may wait several times, and gives its value in the end."""
    event = asyncio.Event()

    async def later() -> int:
        await event.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return 2

    asyncio.get_running_loop().call_soon(event.set)
    assert await by(soon(3_600), later()) == 2


async def test_what_comes_too_late_is_ended() -> None:
    """It sees a cancellation, and the caller a TimeoutError."""
    ended = []

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await by(soon(), never())
    assert ended == [True]


@pytest.mark.parametrize("waits", [0, 1, 2])
async def test_an_error_of_what_is_awaited_is_the_callers(waits: int) -> None:
    """Whether it waited before or not."""

    async def fails() -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await by(soon(3_600), fails())


@pytest.mark.parametrize("waits", [1, 2])
async def test_a_cancellation_from_outside_stays_one(waits: int) -> None:
    """It reaches what is awaited, which may clean up and wait for that, and ends the task."""
    seen = []

    async def waiting() -> None:
        try:
            for _ in range(waits):
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            seen.append("cleaned up")
            raise

    task = asyncio.ensure_future(by(soon(3_600), waiting()))
    await asyncio.sleep(0.001 if waits == 1 else 0.015)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cleaned up"]


async def test_what_shrugs_off_a_cancellation_may_still_answer() -> None:
    """An awaitable that catches it and returns gives its value."""

    async def stubborn() -> int:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            return 3
        return 4

    task = asyncio.ensure_future(by(soon(3_600), stubborn()))
    await asyncio.sleep(0.001)
    task.cancel()
    assert await task == 3
