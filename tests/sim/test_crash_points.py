"""Every point at which the engine's loop can stop is in the list, with what reaches it."""

import ast

from tools.crash_points import TO_DO, of_scope, points, problems, read_manifest


def test_every_await_is_accounted_for() -> None:
    """A new one fails here until `python tools/crash_points.py` has measured what reaches it."""
    assert problems() == [], TO_DO


def test_orders_are_carried_through_simulated_crashes() -> None:
    """What carries orders and looks at venues is reached by simulated worlds, not tests alone.

    Four points are not: the paper client answers every command with a future, which needs no task,
    and no world stops in good order with an answer still under way.
    """
    tested = {
        entry.point.function
        for entry in read_manifest()
        if entry.point.file.endswith(("engine/dispatcher.py", "engine/looks.py", "paper/client.py"))
        and entry.by.startswith("tests/")
    }
    assert tested == {
        "Dispatcher.close",
        "Dispatcher._submit_one",
        "Dispatcher._submit_many",
        "Dispatcher._change_one",
    }


def test_the_walk_sees_every_kind() -> None:
    """Awaits, async withs and async fors are in it, each named once."""
    assert {point.kind for point in points()} == {"await", "async with", "async for"}


def test_the_walk_sees_an_async_comprehension() -> None:
    """It stops the loop as the statement does, wherever it stands."""
    source = "async def f(x):\n    return [y async for y in x], {y for y in x}\n"
    found = dict(of_scope("here.py", "", ast.parse(source)))
    assert [(point.function, point.kind) for point in found] == [("f", "async for")]
    assert list(found.values()) == [range(2, 3)]
