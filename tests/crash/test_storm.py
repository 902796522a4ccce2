"""A seeded sample of the storms that ``make soak`` runs in full."""

from pathlib import Path

import pytest

from tests.crash.storm import Storm, run_storm


async def test_a_killed_engine_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After kill -9 at random moments every promise, order and fill is there exactly once."""
    storm = Storm(tmp_path, seed=1)
    assert await run_storm(storm, rounds=6) == []
    counts = storm.counts()
    assert counts["engine_started"] == 7
    assert counts["order_filled"] == counts["fills"] > 50
    assert len(storm.acknowledged) > 50


async def test_a_frozen_engine_thaws_into_the_truth(tmp_path: Path) -> None:
    """After SIGSTOP and thaw the engine acts on nothing stale and agrees with the broker."""
    storm = Storm(tmp_path, seed=2)
    assert await run_storm(storm, rounds=3, freeze=True) == []
    counts = storm.counts()
    assert counts["engine_started"] == 1
    assert counts["order_filled"] == counts["fills"] > 50


@pytest.mark.parametrize("fault", ["drop_request", "disconnect_after_submit"])
async def test_a_send_without_an_answer_is_looked_up_and_never_sent_twice(
    tmp_path: Path, fault: str
) -> None:
    """A lost request or link leaves an order in doubt until the broker's word ends it."""
    storm = Storm(tmp_path, seed=3, faults=[{"name": fault, "probability": 0.05}])
    assert await run_storm(storm, rounds=1) == []
    counts = storm.counts()
    assert counts["order_doubted"] > 0
    assert counts["order_filled"] == counts["fills"] > 20
