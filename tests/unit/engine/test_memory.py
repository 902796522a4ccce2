"""What a start has made, and the collector."""

import gc

from bascule.engine.memory import settle


def test_what_is_there_is_passed_over_and_garbage_is_not_kept() -> None:
    """Later collections look at what comes later; cycles that were there are freed first."""
    cycle: list[object] = []
    cycle.append(cycle)
    number = id(cycle)
    try:
        del cycle
        settle()
        assert gc.get_freeze_count() > 0
        assert number not in map(id, gc.get_objects())
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
