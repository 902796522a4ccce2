"""A sample of the flood that ``make soak`` runs in full."""

import os
from pathlib import Path

from tests.crash.flood import KILLS, Flood
from tests.crash.storm import Storm

WHOLE = os.environ.get("BASCULE_SOAK") == "1"
ALERTS = 1_000 if WHOLE else 150
DELIVERIES = 10 if WHOLE else 6


async def test_ten_deliveries_make_one_order(tmp_path: Path) -> None:
    """In any order, over several connections, with the engine killed twice in between."""
    flood = Flood(Storm(tmp_path, seed=4), ALERTS, DELIVERIES)
    assert await flood.run() == []
    counts = flood.storm.counts()
    assert counts["engine_started"] == KILLS + 1
    assert counts["sent"] == ALERTS * DELIVERIES
    assert counts["signal_accepted"] == ALERTS
    assert counts["signal_duplicate"] >= ALERTS * (DELIVERIES - 1)
    assert counts["order_filled"] == counts["fills"] > ALERTS // 10
