"""The kill switch's own drill on a FIX exchange, with every process as it ships."""

from pathlib import Path

import pytest

from bascule.cli.drill import WAYS, How, _hold
from bascule.cli.drill_house import on_fix


@pytest.mark.parametrize("how", WAYS)
def test_flat_at_the_exchange(tmp_path: Path, how: How) -> None:
    """The engine is frozen or killed; the guardian takes its session over, and the ledger empties.

    Positions, the stops that guard them and an entry that rests are all in the exchange's ledger
    before the key is pressed, and none is after it.
    """
    run = _hold(on_fix(tmp_path), tmp_path, how)
    assert run.passed, run.words
    assert (run.positions, run.orders) == (3, 4)
