"""A seeded sample of the drills that ``make soak`` holds a hundred times each."""

from pathlib import Path

import pytest

from tests.crash.drills import VENUES, WAYS, How, drill


@pytest.mark.parametrize("how", WAYS)
async def test_the_ledger_is_flat_whatever_the_engine_does(tmp_path: Path, how: How) -> None:
    """An engine that is alive, stopped, killed, or thaws in mid-sweep: flat, and it stays so."""
    one = await drill(tmp_path, seed=11, how=how)
    assert one.wrong == []
    assert one.gate_ms < 10_000  # far more than a busy machine needs; this is no measurement


@pytest.mark.parametrize("fault", VENUES)
async def test_the_ledger_is_flat_whatever_the_venue_does(tmp_path: Path, fault: str) -> None:
    """Each fault is armed for the whole drill, with the engine killed in the middle of its work."""
    one = await drill(tmp_path, seed=12, how="killed", faults=[VENUES[fault]])
    assert one.wrong == []


async def test_a_guardian_that_dies_in_its_sweep_is_followed_by_one_that_goes_on(
    tmp_path: Path,
) -> None:
    """The next one looks up what the first had sent, and closes what is left, nothing twice."""
    one = await drill(tmp_path, seed=13, how="killed", guardian_dies=True)
    assert one.wrong == []
