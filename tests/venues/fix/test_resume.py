"""A session that stopped and asks: shown with what to do, and tried again on a person's word."""

from typing import Any

import msgspec
import pytest

from bascule.api import resuming
from bascule.api.resuming import ResumeRequest, resume
from bascule.api.status import StatusView, status_view
from bascule.cli.status_cmd import _print
from bascule.engine.runtime import Runtime
from bascule.fix.config import Credentials
from bascule.model.errors import UsageError
from bascule.venues.fix.emulator_exchange import Exchange
from tests.venues.fix.conftest import Floor
from tests.venues.fix.desk import PASSWORD
from tests.venues.fix.test_engine import FX, Place, account, crypto
from tests.waiting import PATIENCE_S, until

ASKED = ResumeRequest(by="anna", reason="the password was mended there")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a logon the time that a busy machine may take."""
    monkeypatch.setattr(resuming, "PATIENCE_S", PATIENCE_S)


def want(house: Exchange, password: str) -> None:
    """Have the exchange ask for a password from now on."""
    core: Any = house.desks[0].link.session._core
    core.config = msgspec.structs.replace(core.config, credentials=Credentials(password=password))


def shown(runtime: Runtime) -> StatusView:
    """Give what `bascule status` is told."""
    return status_view(runtime, runtime.clock.now(), {})


async def test_five_refused_logons_at_the_start(
    floor: Floor, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine runs on without the venue; once the matter is settled one command connects it."""
    house = await crypto(floor)
    want(house, "another-one")
    place = Place(floor.directory, house.port)
    runtime = await Runtime.start(place.setup())
    try:
        # First its session stops by itself, then the whole venue is given up.
        await until(lambda: "" in runtime.halted(FX), "halted")
        (one,) = shown(runtime).halted
        assert (one.venue, one.code) == ("fx", "fix_logon_refused")
        _print(shown(runtime))
        said = capsys.readouterr().out
        assert "halted    fx: fix_logon_refused" in said
        assert "bascule resume fx" in said

        again = await resume(runtime, "fx", ASKED)
        assert again.status == "halted", "nothing was mended yet"
        want(house, PASSWORD)
        assert (await resume(runtime, "fx", ASKED)).status == "resumed"
        await until(lambda: account(runtime).reconciled, "reconciled")
        assert shown(runtime).halted == []
    finally:
        await runtime.stop("test ended")


async def test_refused_after_a_cut(floor: Floor) -> None:
    """A session that had been up is tried again in place; the account reconciles after it."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        want(house, "another-one")
        house.cut("trade")
        await until(lambda: "trade" in runtime.halted(FX), "halted")
        assert not account(runtime).link_up
        want(house, PASSWORD)
        assert (await resume(runtime, "fx", ASKED)).status == "resumed"
        await until(lambda: account(runtime).reconciled, "reconciled")


async def test_what_is_not_halted_is_left_alone(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a halt, or of no venue, nothing is done; on a mute one the answer does not wait."""
    house = await crypto(floor)
    place = Place(floor.directory, house.port)
    async with place.running() as runtime:
        for name, code in (("fx", "not_halted"), ("fy", "unknown_venue")):
            with pytest.raises(UsageError) as refused:
                await resume(runtime, name, ASKED)
            assert refused.value.code == code
        want(house, "another-one")
        house.cut("trade")
        await until(lambda: "trade" in runtime.halted(FX), "halted")
        monkeypatch.setattr(resuming, "PATIENCE_S", 0.0)
        assert (await resume(runtime, "fx", ASKED)).status == "trying"
