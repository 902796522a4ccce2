"""A seeded sample of the storms that the soak runs in full."""

from pathlib import Path

from tests.crash.storm import Storm, run_storm


async def test_a_killed_engine_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After kill -9 at random moments every promise, order and fill is there exactly once."""
    storm = Storm(tmp_path, seed=1)
    assert await run_storm(storm, rounds=5) == []
    counts = storm.counts()
    assert counts["engine_started"] == 6
    assert counts["fills"] > 50
    assert counts["order_filled"] == counts["fills"]
    assert len(storm.acknowledged) > 50
