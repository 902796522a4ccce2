"""A venue that tells the guardian an equity of 0, as some do in maintenance."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bascule.config.handover import Floor, write_floors
from bascule.guardian import keeper
from bascule.model.ids import AccountId
from bascule.model.values import SECOND
from tests.unit.guardian.house import Place
from tests.waiting import until

ALPHA = AccountId("alpha")


async def test_it_is_believed_once_it_is_told_again_seconds_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maintenance closes nothing; an account that goes on being worth nothing is closed."""
    monkeypatch.setattr(keeper, "NOUGHT_NS", SECOND // 5)
    place = Place(tmp_path)
    write_floors(place.files.floors, {"alpha": Floor(level=Decimal(9_500))})
    async with place.running():
        await until(lambda: place.guardian.view().accounts[0].room == 500, "the room")
        money = await place.venue.account(ALPHA)
        nothing = msgspec.structs.replace(money, equity=Decimal(0))
        one = place.guardian._keepers[ALPHA]
        for _ in range(2):
            one.paid(nothing)
            one.paid(nothing)
            assert place.guardian.view().stops == ()
            assert place.guardian.view().accounts[0].equity == 10_000
            one.paid(money)
            await asyncio.sleep(0.3)
        place.venue.equity = Decimal(0)
        await until(lambda: bool(place.guardian.view().stops), "the stop")
        (stop,) = place.guardian.view().stops
        assert (stop.scope, stop.action) == ("account:alpha", "flatten")
        assert "equity 0 USD reached the loss line" in stop.reason
